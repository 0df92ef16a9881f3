"""What is hidden in the text of another code: a lock, a time-out, or a limit that Apex code and flows ran into.

Salesforce reports these under the code of whatever failed around them, so they are found by their words. The names are ours.
"""

from typing import Final

from adapters.salesforce.fault_texts.phrases import FIELD_PAGE, STEP_PAGE
from daemon.domain.failure import FailureKind, Reason
from daemon.domain.fault import Fault

_K = FailureKind
_R = Reason

_LIGHTER: Final = (
    "Have the code or the flow optimised (nothing costly in loops, results reused), let it do its work asynchronously, "
    "or lower the step's `batch_size`."
)

GOVERNORS: Final[dict[str, Fault]] = {
    "APEX_TOO_MANY_QUERIES": Fault(
        _K.REJECTED,
        _R.LIMIT,
        "Apex code made more than 100 queries in one transaction",
        "`Too many SOQL queries: 101` inside CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY or a code of a flow: triggers run once for each batch, and one of them, "
        "which the message names, queries in a loop. Managed packages, such as those for quotes, may do it too.",
        "Have the trigger's owner take queries out of loops and reuse results. Where many queries are unavoidable, let the trigger "
        "hand its work to asynchronous Apex (System.scheduleBatch). Until then lower the step's `batch_size`.",
        page=STEP_PAGE,
    ),
    "APEX_CPU_LIMIT": Fault(
        _K.REJECTED,
        _R.LIMIT,
        "automation used more processor time than a transaction may",
        "`Apex CPU time limit exceeded`, mostly inside CANNOT_EXECUTE_FLOW_TRIGGER: the triggers, flows and validation rules of the object are "
        "together too costly for the batch.",
        _LIGHTER,
        page=STEP_PAGE,
    ),
    "APEX_HEAP_LIMIT": Fault(
        _K.REJECTED,
        _R.LIMIT,
        "automation used more memory than a transaction may",
        "`Apex heap size too large`, mostly inside CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY: loops or costly code hold too many records at once.",
        _LIGHTER,
        page=STEP_PAGE,
    ),
    "APEX_TIMEOUT": Fault(
        _K.TRANSIENT,
        _R.TRANSPORT,
        "automation ran into a time-out",
        "A trigger or a flow waited too long for a query or for another system.",
        "Nothing to do: it is tried again by itself. If it lasts, ask the owner of the trigger or flow what it waits for.",
    ),
    "PARENT_NOT_FOUND": Fault(
        _K.REJECTED,
        _R.MAPPING,
        "no record has the value by which a lookup names it",
        "`Foreign key external ID: … not found` inside INVALID_FIELD: a lookup with `external_id` names its record by a value, and no record, or more than one, has it.",
        "Nothing, if the record is still to come: this one is tried again each hour. Else correct the value in PostgreSQL.",
        page=FIELD_PAGE,
    ),
}

IN_ANY_CODE: Final[tuple[tuple[str, str], ...]] = (
    ("foreign key external id", "PARENT_NOT_FOUND"),
    ("unable_to_lock_row", "UNABLE_TO_LOCK_ROW"),
    ("request_limit_exceeded", "REQUEST_LIMIT_EXCEEDED"),
    ("not valid for use with the rest api", "SESSION_NOT_FOR_API"),
)
"""Words, in small letters, that tell more than the code whose text they stand in, and what they mean."""

IN_AUTOMATION: Final[tuple[tuple[str, str], ...]] = (
    ("unable to obtain exclusive access", "UNABLE_TO_LOCK_ROW"),
    ("too many soql queries", "APEX_TOO_MANY_QUERIES"),
    ("apex cpu time limit", "APEX_CPU_LIMIT"),
    ("apex heap size", "APEX_HEAP_LIMIT"),
    ("query_timeout", "QUERY_TIMEOUT"),
    ("timed out", "APEX_TIMEOUT"),
    ("timeout", "APEX_TIMEOUT"),
    ("time-out", "APEX_TIMEOUT"),
)
"""The same for the codes of triggers and flows alone: elsewhere such words may be the org's own prose."""
