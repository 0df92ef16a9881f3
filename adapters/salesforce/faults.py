"""Turning what Salesforce answers into a `Failure`.

Salesforce speaks of errors in four shapes: an array with `errorCode` where a whole request failed, an array with
`statusCode` where one record did, an object with `error` at the token endpoint, and a fault in SOAP. Several elements
occur; the one that decides is the one that no retry would mend.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from adapters.salesforce.decode import MalformedBodyError, loads
from adapters.salesforce.fault_table import FAULTS, TOKEN_FAULTS
from adapters.salesforce.fault_texts.governors import GOVERNORS, IN_ANY_CODE, IN_AUTOMATION
from adapters.salesforce.fault_texts.records import AUTOMATION
from adapters.salesforce.fault_texts.transport import CALLS, STATUSES
from adapters.salesforce.soap import fault_in
from daemon.domain.failure import CallFailedError, Failure, FailureKind, Reason
from daemon.domain.fault import Fault

MESSAGE_LENGTH: Final = 2000
"""Characters of a message that are kept: enough for what Apex code says of itself, stack included."""

_TAIL: Final = 600
"""Characters kept of the end of a message that is cut: what Apex code stumbled over stands there."""

_UNKNOWN: Final = Fault(
    FailureKind.REJECTED,
    Reason.OTHER,
    "Salesforce refused it with a code that is not known here",
    "Salesforce has many codes that a sync rarely meets.",
    "Read the message; correct the record, or report the code.",
)
_FOLLOWERS: Final = frozenset({"ALL_OR_NONE_OPERATION_ROLLED_BACK", "PROCESSING_HALTED"})
_PRECEDENCE: Final = (
    FailureKind.AUTHENTICATION,
    FailureKind.LIMITED,
    FailureKind.CONFIGURATION,
    FailureKind.PERMISSION,
    FailureKind.DEFECT,
    FailureKind.MISSING,
    FailureKind.AMBIGUOUS,
    FailureKind.DUPLICATE,
    FailureKind.REJECTED,
    FailureKind.REFERENCE,
    FailureKind.CONFLICT,
    FailureKind.UNKNOWN_OUTCOME,
    FailureKind.TRANSIENT,
)
_HARMLESS_5XX: Final = frozenset(
    {"SERVER_UNAVAILABLE", "INSERT_UPDATE_DELETE_NOT_ALLOWED_DURING_MAINTENANCE"}
)
_TRIGGER: Final = re.compile(
    r"\s*([\w.]+): execution of (?:Before|After)(?:Insert|Update|Delete|Undelete)\b", re.ASCII
)


@dataclass(frozen=True, slots=True)
class ApiError:
    """One element of an error answer."""

    code: str
    message: str
    fields: tuple[str, ...] = ()


def bounded(text: str) -> str:
    """Text of at most `MESSAGE_LENGTH` characters: of a longer one the beginning and the end."""
    if len(text) <= MESSAGE_LENGTH:
        return text
    return f"{text[: MESSAGE_LENGTH - _TAIL - 3]} … {text[-_TAIL:]}"


def errors_in(body: object) -> list[ApiError]:
    """The errors that a decoded answer lists, in whichever of the shapes; empty if it lists none."""
    if isinstance(body, dict):
        listed = body.get("errors")
        items: list[Any] = listed if isinstance(listed, list) else [body]
    elif isinstance(body, list):
        items = body
    else:
        return []
    return [error for item in items if (error := _error(item)) is not None]


def _error(item: object) -> ApiError | None:
    if not isinstance(item, dict):
        return None
    code = item.get("errorCode") or item.get("statusCode") or item.get("error")
    if not isinstance(code, str):
        return None
    message = item.get("message") or item.get("error_description") or ""
    fields = item.get("fields")
    named = tuple(str(field) for field in fields) if isinstance(fields, list) else ()
    return ApiError(code, str(message), named)


def of_error(error: ApiError) -> Failure:
    """The failure that one error is."""
    outer = FAULTS.get(error.code, _UNKNOWN)
    fault = outer if outer.kind is FailureKind.LIMITED else _inside(error) or outer
    return Failure(
        fault.kind,
        fault.reason,
        error.code,
        bounded(error.message or fault.meaning),
        _named_trigger(error) + fault.advice,
        error.fields,
    )


def _inside(error: ApiError) -> Fault | None:
    """What the text of an error tells more than its code does: a lock, a time-out, a limit that automation ran into."""
    text = error.message.lower()
    known = IN_ANY_CODE + (IN_AUTOMATION if error.code in AUTOMATION or error.code not in FAULTS else ())
    name = next((name for words, name in known if words in text), None)
    return None if name is None else GOVERNORS.get(name) or FAULTS[name]


def _named_trigger(error: ApiError) -> str:
    """The trigger that an error speaks of, as the first sentence of its advice."""
    found = _TRIGGER.match(error.message) if error.code in AUTOMATION else None
    return f"The Apex trigger is {found[1]}. " if found else ""


def of_errors(errors: Sequence[ApiError]) -> Failure:
    """The failure that several errors about one thing are together. There must be at least one."""
    leaders = [error for error in errors if error.code not in _FOLLOWERS] or list(errors)
    failures = [of_error(error) for error in leaders]
    decisive = min(failures, key=lambda failure: _PRECEDENCE.index(failure.kind))
    if len(failures) == 1:
        return decisive
    others = "; ".join(
        f"{failure.code}: {failure.message}" for failure in failures if failure is not decisive
    )
    fields = tuple(dict.fromkeys(field for failure in failures for field in failure.fields))
    message = bounded(f"{decisive.message} (also {others})")
    return Failure(decisive.kind, decisive.reason, decisive.code, message, decisive.advice, fields)


def of_record(errors: object) -> Failure:
    """The failure of one record of a collection, from the `errors` of its result."""
    found = errors_in(errors)
    return of_errors(found) if found else senseless("a record failed without saying why")


def of_response(status: int, body: bytes) -> Failure:
    """The failure that an answer with a status of 300 or more is."""
    try:
        document = loads(body) if body else None
    except MalformedBodyError:
        fault = fault_in(body)
        document = None if fault is None else {"errorCode": fault[0], "message": fault[1]}
    return _of_document(status, document, body)


def _of_document(status: int, document: object, body: bytes) -> Failure:
    if status == 300:
        return of_error(ApiError("MULTIPLE_CHOICES", _urls(document)))
    found = errors_in(document)
    if status == 412 and found:
        found = [ApiError("PRECONDITION_FAILED", found[0].message, found[0].fields)]
    return of_errors(found) if found else of_status(status, body)


def of_status(status: int, body: bytes = b"") -> Failure:
    """The failure that an answer is which says nothing that we can read, such as a page of HTML."""
    shown = bounded(body[: 4 * MESSAGE_LENGTH].decode("utf-8", "replace").strip()) or "an empty answer"
    code = f"HTTP_{status}"
    fault = STATUSES.get(code) or STATUSES[f"HTTP_{min(max(status // 100, 3), 5)}xx"]
    return Failure(fault.kind, fault.reason, code, bounded(f"HTTP {status}: {shown}"), fault.advice)


def of_write(status: int, body: bytes) -> Failure:
    """The failure of a write. A server that failed inside may have done it before it failed."""
    return _done_or_not(status, of_response(status, body))


def of_inner_write(status: int, document: object) -> Failure:
    """The failure of a write inside a Composite call, whose body is decoded already."""
    return _done_or_not(status, _of_document(status, document, b""))


def of_inner_read(status: int, document: object) -> Failure:
    """The failure of a read inside a Composite call, whose body is decoded already."""
    return _of_document(status, document, b"")


def _done_or_not(status: int, failure: Failure) -> Failure:
    if status >= 500 and failure.code not in _HARMLESS_5XX:
        return unknown_outcome(f"{failure.code}: {failure.message}")
    return failure


def of_token(status: int, body: bytes) -> Failure:
    """The failure that the token endpoint answers."""
    try:
        document = loads(body)
    except MalformedBodyError:
        document = None
    found = errors_in(document)
    if not found or status >= 500 or status in {420, 429}:
        return of_status(status, body)
    error = found[0]
    fault = TOKEN_FAULTS.get(error.code.strip())
    if fault is None:
        fault = TOKEN_FAULTS["temporarily_unavailable" if "unavailable" in error.code else "invalid_grant"]
    if "login rate" in error.message:
        fault = TOKEN_FAULTS["rate_limit_exceeded"]
    if "must be installed" in error.message:
        fault = TOKEN_FAULTS["APP_NOT_INSTALLED"]
    return Failure(
        fault.kind, fault.reason, error.code, bounded(error.message or fault.meaning), fault.advice
    )


def unreachable(message: str) -> Failure:
    """Nothing was sent: there was no connection."""
    return _of_call("CONNECTION_FAILED", message)


def no_answer(message: str) -> Failure:
    """A read got no answer, or not all of it."""
    return _of_call("NO_ANSWER", message)


def unknown_outcome(message: str) -> Failure:
    """A write may or may not have been done."""
    return _of_call("UNKNOWN_OUTCOME", message)


def senseless(message: str) -> Failure:
    """An answer that makes no sense."""
    return _of_call("BAD_ANSWER", message)


def _of_call(code: str, message: str) -> Failure:
    fault = CALLS[code]
    return Failure(fault.kind, fault.reason, code, bounded(message), fault.advice)


def another_org(known: str, found: str) -> Failure:
    """A login led to another org than the one before."""
    fault = TOKEN_FAULTS["ANOTHER_ORG"]
    message = f"the login leads to org {found}, and everything that is linked is of org {known}"
    return Failure(fault.kind, fault.reason, "ANOTHER_ORG", message, fault.advice)


def misconfigured(code: str, message: str, advice: str) -> Failure:
    """Something in the configuration stands in the way."""
    return Failure(FailureKind.CONFIGURATION, Reason.MAPPING, code, bounded(message), advice)


def unknown_if_unclear(failure: Failure) -> Failure:
    """The failure of a write whose answer made no sense: it may have been done."""
    return unknown_outcome(failure.message) if failure.code == "BAD_ANSWER" else failure


def is_code(error: CallFailedError, *codes: str) -> bool:
    """Whether a call failed with one of these codes."""
    return error.failure.code in codes


def _urls(document: object) -> str:
    listed = (
        ", ".join(str(item).rpartition("/")[2] for item in document) if isinstance(document, list) else ""
    )
    return f"several records match: {listed}" if listed else "several records match"
