"""What a refusal on the stream means.

Salesforce documents `error` as `code:args:text`, and a second place, `ext.sfdc.failureReason`, which tells the truth
where `error` says only that the handshake was denied: it is read first.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from adapters.salesforce.decode import MalformedBodyError, loads
from adapters.salesforce.faults import bounded
from daemon.domain.failure import Failure, FailureKind, Reason
from daemon.ports.salesforce import StreamEndedError

_CODED: Final = re.compile(r"\s*(\d{3}):", re.ASCII)
_POSITION_LOST: Final = re.compile(r"400::The replayId", re.ASCII)


@dataclass(frozen=True, slots=True)
class _Ending:
    """One way in which a session ends: its label, its kind, and what to do."""

    label: str
    kind: FailureKind
    reason: Reason
    advice: str


_UNKNOWN_CLIENT: Final = _Ending(
    "unknown_client",
    FailureKind.TRANSIENT,
    Reason.TRANSPORT,
    "Nothing to do: a new session takes the stream up again.",
)
_AUTHENTICATION: Final = _Ending(
    "authentication",
    FailureKind.AUTHENTICATION,
    Reason.PERMISSION,
    "If it lasts, check the external client app and the credentials in the configuration.",
)
_BUSY: Final = _Ending(
    "busy",
    FailureKind.LIMITED,
    Reason.LIMIT,
    "Nothing to do: Salesforce is busy, and the stream is tried again later.",
)
_LIMIT: Final = _Ending(
    "limit",
    FailureKind.LIMITED,
    Reason.LIMIT,
    "See who else subscribes in this org; events are kept for 72 hours and taken up from the stored position.",
)
_PERMISSION: Final = _Ending(
    "permission",
    FailureKind.PERMISSION,
    Reason.PERMISSION,
    "Grant the integration user View All Records on the subscribed objects, or View All Data.",
)
_CHANNEL: Final = _Ending(
    "protocol",
    FailureKind.CONFIGURATION,
    Reason.MAPPING,
    "Select the object for Change Data Capture in Setup, and check the configured channel and API version.",
)
_PROTOCOL: Final = _Ending(
    "protocol",
    FailureKind.DEFECT,
    Reason.OTHER,
    "Report it as a defect, with this message and the versions in use.",
)
_TRANSPORT: Final = _Ending(
    "transport",
    FailureKind.TRANSIENT,
    Reason.TRANSPORT,
    "Check the network and any proxy that cuts long requests.",
)
_SILENT: Final = _Ending(
    "silent",
    FailureKind.TRANSIENT,
    Reason.TRANSPORT,
    "Check for a proxy or firewall that drops idle connections.",
)
_CLOSED: Final = _Ending(
    "closed", FailureKind.TRANSIENT, Reason.OTHER, "The session was closed on this side."
)

_BY_TEXT: Final = (
    ("unknown client", _UNKNOWN_CLIENT),
    ("not completed handshake", _UNKNOWN_CLIENT),
    ("cookie present", _UNKNOWN_CLIENT),
    ("does not match the session", _UNKNOWN_CLIENT),
    ("limit exceeded", _LIMIT),
    ("to protect all customers", _LIMIT),
    ("not allowed to subscribe", _PERMISSION),
    ("cannot create channel", _PERMISSION),
    ("restricted channel", _PERMISSION),
    ("doesn't exist", _CHANNEL),
    ("api version", _CHANNEL),
    ("channel", _CHANNEL),
)
_BY_CODE: Final = {
    "401": _AUTHENTICATION,
    "403": _AUTHENTICATION,  # a handshake denied without a reason: a new login is the one thing that may help
    "408": _SILENT,
    "420": _BUSY,
    "429": _BUSY,
}


def messages_in(status: int, body: bytes, asked: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The Bayeux messages of an answer to `asked`. Raises StreamEndedError if it holds none.

    What is not Bayeux but clearly a refusal, such as an error of the REST kind or a page of HTML with a status that
    says enough, becomes a refused reply. A refusal that names neither channel nor id is taken for the reply.
    """
    try:
        document = loads(body)
    except MalformedBodyError:
        document = None
    listed = [document] if isinstance(document, Mapping) else document
    if isinstance(listed, list) and listed and all(isinstance(item, Mapping) for item in listed):
        messages = [_addressed(status, dict(item), asked) for item in listed]
        if all(message is not None for message in messages):
            return [message for message in messages if message is not None]
    if status < 300:
        raise senseless(f"an answer to {asked.get('channel')} is not a list of messages")
    return [_reply(asked, {"error": f"{status}::HTTP {status}"})]


def _addressed(status: int, message: dict[str, Any], asked: Mapping[str, Any]) -> dict[str, Any] | None:
    """A message that says what it belongs to; None if nobody can say."""
    if isinstance(message.get("channel"), str):
        unnamed = (
            "successful" in message and "id" not in message and message["channel"] == asked.get("channel")
        )
        return {**message, "id": asked.get("id")} if unnamed else message
    code = message.get("errorCode")
    if isinstance(code, str):
        known = "401" if code == "INVALID_SESSION_ID" else str(status)
        return _reply(asked, {"error": f"{known}::{code}: {message.get('message')}"})
    return _reply(asked, message) if "error" in message or "successful" in message else None


def _reply(asked: Mapping[str, Any], message: Mapping[str, Any]) -> dict[str, Any]:
    return {"successful": False, **message, "channel": asked.get("channel"), "id": asked.get("id")}


def refusal_text(message: Mapping[str, Any]) -> str:
    """What a refused message gives as its reason."""
    error = str(message.get("error") or "")
    ext = message.get("ext")
    sfdc = ext.get("sfdc") if isinstance(ext, Mapping) else None
    inner = sfdc.get("failureReason") if isinstance(sfdc, Mapping) else None
    return inner if isinstance(inner, str) and _CODED.match(inner) else error


def is_position_lost(message: Mapping[str, Any]) -> bool:
    """Whether a subscription was refused because its replay id is too old or unknown. Other refusals are 400 too."""
    return _POSITION_LOST.match(str(message.get("error") or "")) is not None


def refused(message: Mapping[str, Any]) -> StreamEndedError:
    """How a refused message ends the session."""
    text = refusal_text(message)
    coded = _CODED.match(text)
    code = coded[1] if coded else "none"
    lowered = text.lower()
    by_text = next((ending for part, ending in _BY_TEXT if part in lowered), None)
    if code == "401" or code.startswith("5"):
        ending = _BUSY if code.startswith("5") else _AUTHENTICATION
    else:
        ending = by_text or _BY_CODE.get(code, _PROTOCOL)
    return _ended(ending, f"BAYEUX_{code}" if coded else "BAYEUX_REFUSED", text or "refused without a reason")


def transport(message: str) -> StreamEndedError:
    """The connection broke."""
    return _ended(_TRANSPORT, "STREAM_TRANSPORT", message)


def silent(message: str) -> StreamEndedError:
    """No answer came in time."""
    return _ended(_SILENT, "STREAM_SILENT", message)


def senseless(message: str) -> StreamEndedError:
    """An answer made no sense."""
    return _ended(_PROTOCOL, "STREAM_PROTOCOL", message)


def closed() -> StreamEndedError:
    """The session is closed on this side."""
    return _ended(_CLOSED, "STREAM_CLOSED", "the stream is not open")


def no_token(failure: Failure) -> StreamEndedError:
    """No session could begin, because there is no token."""
    labels = {FailureKind.TRANSIENT: "transport", FailureKind.LIMITED: "limit"}
    return StreamEndedError(labels.get(failure.kind, "authentication"), failure)


def _ended(ending: _Ending, code: str, message: str) -> StreamEndedError:
    return StreamEndedError(
        ending.label, Failure(ending.kind, ending.reason, code, bounded(message), ending.advice)
    )
