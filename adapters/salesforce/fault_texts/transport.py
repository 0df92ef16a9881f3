"""What is known without a code of Salesforce: the status of an answer, or that none came; and how the event stream ends."""

from typing import Final

from adapters.salesforce.fault_texts.passing import PASSING
from adapters.salesforce.fault_texts.phrases import (
    CHECK_SETUP,
    DEFECT,
    EVENTS_PAGE,
    LOGIN_RUNBOOK,
    RIGHTS_PAGE,
    STREAM_RUNBOOK,
    WAIT,
)
from adapters.salesforce.fault_texts.records import STATE
from adapters.salesforce.fault_texts.rights import OURS, RIGHTS, SESSION
from daemon.domain.failure import FailureKind, Reason
from daemon.domain.fault import Fault

_K = FailureKind
_R = Reason

STATUSES: Final[dict[str, Fault]] = {
    "HTTP_3xx": Fault(
        _K.CONFIGURATION,
        _R.TRANSPORT,
        "a redirect, which is never followed",
        "The configured address is an old or a general one, and the org answers elsewhere.",
        "Configure the org's My Domain address itself.",
        page="docs/configuration.md#the-two-sides",
    ),
    "HTTP_401": SESSION["INVALID_SESSION_ID"],
    "HTTP_403": RIGHTS["FORBIDDEN"],
    "HTTP_404": STATE["NOT_FOUND"],
    "HTTP_410": STATE["NOT_FOUND"],
    "HTTP_406": PASSING["SERVER_UNAVAILABLE"],
    "HTTP_412": STATE["PRECONDITION_FAILED"],
    "HTTP_420": PASSING["SERVER_UNAVAILABLE"],
    "HTTP_429": PASSING["REQUEST_LIMIT_EXCEEDED"],
    "HTTP_4xx": OURS["METHOD_NOT_ALLOWED"],
    "HTTP_5xx": PASSING["SERVER_UNAVAILABLE"],
}
"""By the status of an answer that says nothing else that can be read; `xx` stands for the other statuses of its hundred."""

CALLS: Final[dict[str, Fault]] = {
    "CONNECTION_FAILED": Fault(
        _K.TRANSIENT,
        _R.TRANSPORT,
        "there was no connection, so nothing was sent",
        "The name does not resolve, the network or a proxy is down, or the certificate is not trusted.",
        "Check the network, the proxy and the configured domain; it is tried again by itself.",
        page="docs/configuration.md#the-two-sides",
    ),
    "CIRCUIT_OPEN": Fault(
        _K.TRANSIENT,
        _R.TRANSPORT,
        "no call was made, because the host has failed several times in a row",
        "The host answers with errors, or not at all; it is tried by single calls, at most 55 seconds apart.",
        "Nothing to do: it goes on by itself once the host answers. See Salesforce's status page.",
    ),
    "NO_ANSWER": Fault(
        _K.TRANSIENT,
        _R.TRANSPORT,
        "a read got no answer, or not all of it",
        "The connection broke, or the answer took longer than its deadline.",
        "It is tried again by itself.",
    ),
    "UNKNOWN_OUTCOME": Fault(
        _K.UNKNOWN_OUTCOME,
        _R.TRANSPORT,
        "a write got no answer: it may have been done",
        "The connection broke or the deadline passed after the request had gone out, or the server failed inside.",
        "The record is read again to find out; nothing to do.",
    ),
    "BAD_ANSWER": Fault(
        _K.DEFECT,
        _R.OTHER,
        "an answer makes no sense",
        "Something else than a Salesforce org answers at the configured address, or a proxy changed the answer.",
        "Check that a Salesforce org answers there.",
        page="docs/configuration.md#the-two-sides",
    ),
    "NO_ID": Fault(_K.DEFECT, _R.MAPPING, "a write names no record", "A mistake of ours.", DEFECT),
    "SETS_ID": Fault(
        _K.DEFECT,
        _R.MAPPING,
        "a write would set a record's id",
        "A mistake of ours: Salesforce gives ids, and nobody sets or changes one. Nothing was sent.",
        DEFECT,
    ),
    "NOT_A_NUMBER": Fault(
        _K.REJECTED,
        _R.MAPPING,
        "a number is infinite or not a number",
        "PostgreSQL's numbers know NaN and Infinity, and Salesforce's do not.",
        "Correct it in PostgreSQL.",
    ),
    "NOT_JSON": Fault(
        _K.REJECTED,
        _R.MAPPING,
        "a value cannot be written as JSON",
        "A text holds half of a character.",
        "Correct the value in PostgreSQL.",
    ),
}

_NEW_SESSION: Final = "Nothing to do: a new session takes the stream up again."

STREAM: Final[dict[str, Fault]] = {
    "BAYEUX_400": Fault(
        _K.CONFIGURATION,
        _R.MAPPING,
        "a subscription is refused",
        "The object is not selected for Change Data Capture, the channel does not exist, or the API version is too old. A position that Salesforce no longer keeps is "
        "refused with the same number; that one mends itself, and what was missed is read.",
        "Select the object for Change Data Capture in Setup, and check the configured channel and API version.",
        page=EVENTS_PAGE,
    ),
    "BAYEUX_401": Fault(
        _K.AUTHENTICATION,
        _R.PERMISSION,
        "the stream's session is not authenticated",
        "The token expired or was revoked; a new one is asked for at once.",
        "If it lasts: " + CHECK_SETUP[0].lower() + CHECK_SETUP[1:],
        page=LOGIN_RUNBOOK,
    ),
    "BAYEUX_403": Fault(
        _K.AUTHENTICATION,
        _R.PERMISSION,
        "the stream refuses this client",
        "`Unknown client` means that Salesforce forgot the session, which mends itself. `User not allowed to subscribe` is a missing right; `limit exceeded` a used-up allocation "
        "of the org for events or subscribers.",
        "Grant the integration user View All Records on the subscribed objects, or View All Data. For a limit, see who else subscribes in this org: "
        "events are kept for 72 hours and taken up from the stored position.",
        page=RIGHTS_PAGE,
    ),
    "BAYEUX_408": Fault(
        _K.TRANSIENT,
        _R.TRANSPORT,
        "the stream's request took too long",
        "The network or a proxy is slow.",
        _NEW_SESSION,
        page=STREAM_RUNBOOK,
    ),
    "BAYEUX_420": Fault(
        _K.LIMITED,
        _R.LIMIT,
        "Salesforce has no route to the org for the moment",
        "The org moves or is overloaded.",
        WAIT,
        page=STREAM_RUNBOOK,
    ),
    "BAYEUX_429": Fault(
        _K.LIMITED,
        _R.LIMIT,
        "too many requests on the stream",
        "The org is protected from too many clients.",
        WAIT,
        page=STREAM_RUNBOOK,
    ),
    "BAYEUX_5xx": Fault(
        _K.LIMITED,
        _R.LIMIT,
        "Salesforce's stream is busy or fails inside",
        "The instance is overloaded or restarts.",
        WAIT,
        page=STREAM_RUNBOOK,
    ),
    "BAYEUX_REFUSED": Fault(
        _K.DEFECT,
        _R.OTHER,
        "the stream refused without a reason that is known here",
        "The message is all that Salesforce said.",
        "Report it as a defect, with this message and the versions in use.",
        page=STREAM_RUNBOOK,
    ),
    "STREAM_TRANSPORT": Fault(
        _K.TRANSIENT,
        _R.TRANSPORT,
        "the stream's connection broke",
        "The network, or a proxy that cuts long requests.",
        "Nothing to do if it is rare. Otherwise check the network and any proxy that cuts long requests.",
        page=STREAM_RUNBOOK,
    ),
    "STREAM_SILENT": Fault(
        _K.TRANSIENT,
        _R.TRANSPORT,
        "the stream did not answer in time",
        "A proxy or a firewall drops idle connections without a word.",
        "Check for a proxy or firewall that drops idle connections.",
        page=STREAM_RUNBOOK,
    ),
    "STREAM_PROTOCOL": Fault(
        _K.DEFECT,
        _R.OTHER,
        "an answer on the stream makes no sense",
        "Something in between changed it, or Salesforce speaks a newer dialect.",
        "Report it as a defect, with this message and the versions in use.",
        page=STREAM_RUNBOOK,
    ),
    "STREAM_CLOSED": Fault(
        _K.TRANSIENT,
        _R.OTHER,
        "the session was closed on this side",
        "The daemon stops, or hands over to another one.",
        "Nothing to do.",
    ),
}
