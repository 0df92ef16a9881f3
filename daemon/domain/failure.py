"""Why something could not be done, as data.

A failure has a kind; `daemon.reconcile.remedy` maps a kind to what happens next, in one table. Adapters turn their
libraries' exceptions and the systems' error codes into these, so nothing above them knows a library's errors.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class FailureKind(StrEnum):
    """What sort of thing went wrong, as far as it decides what to do next."""

    TRANSIENT = "transient"  # the same request may pass in a moment: locks, 5xx, lost connections, deadlocks
    BUSY = "busy"  # somebody else holds the row for the moment
    LIMITED = "limited"  # the other side asks us to slow down or has no allowance left
    REJECTED = "rejected"  # this record, as it is, will not pass: validation, required, type, constraint
    CONFLICT = "conflict"  # the other side changed meanwhile: read again and decide again
    MISSING = "missing"  # the record is not there any more
    DUPLICATE = "duplicate"  # another record holds the same unique value
    AMBIGUOUS = "ambiguous"  # several candidates, nobody can say which
    REFERENCE = "reference"  # a record that this one points to is not there yet
    PERMISSION = "permission"  # an administrator must grant something
    AUTHENTICATION = "authentication"  # the credential is refused
    CONFIGURATION = "configuration"  # an object, field, table or column is not as the mapping says
    UNKNOWN_OUTCOME = "unknown_outcome"  # sent, but no answer: it may have been done
    DEFECT = "defect"  # our own request was malformed, or an answer made no sense


class Reason(StrEnum):
    """The fixed list of reasons that label metrics and group parked records."""

    VALIDATION_RULE = "validation_rule"
    REQUIRED_MISSING = "required_missing"
    DUPLICATE = "duplicate"
    ROW_LOCK = "row_lock"
    PERMISSION = "permission"
    MAPPING = "mapping"
    CONSTRAINT = "constraint"
    CONVERTED_LEAD = "converted_lead"
    DELETED = "deleted"
    LIMIT = "limit"
    TRANSPORT = "transport"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Failure:
    """One failure, explained.

    `code` is the Salesforce error code, the SQLSTATE or one of our own; `message` is what the other side said, cut to
    a bounded length; `advice` is what to do, in a sentence or three; `fields` are the fields it names. `until`, where it is given, says that
    nothing was tried, and that trying is useless before that time: no record is to blame, and no attempt is counted.
    """

    kind: FailureKind
    reason: Reason
    code: str
    message: str
    advice: str
    fields: tuple[str, ...] = ()
    until: datetime | None = None


class IsthmusError(Exception):
    """What a person is told: what failed, why, and what to do; with the exit status of the command line."""

    exit_status = 1

    def __init__(self, what: str, why: str, fix: str) -> None:
        super().__init__(what)
        self.what = what
        self.why = why
        self.fix = fix

    def lines(self) -> tuple[str, str, str]:
        """The three lines."""
        return self.what, self.why, self.fix


class UsageError(IsthmusError):
    """Wrong arguments."""

    exit_status = 2


class NotFoundError(IsthmusError):
    """No such step, record, link or parked change."""

    exit_status = 4


class RefusedError(IsthmusError):
    """Not allowed in this state, or not confirmed."""

    exit_status = 5


class UnreachableError(IsthmusError):
    """The other side cannot be reached."""

    exit_status = 69


class TryLaterError(IsthmusError):
    """A limit, or a time-out: the same command may pass later."""

    exit_status = 75


class AccessError(IsthmusError):
    """A credential or a right."""

    exit_status = 77


class ConfigurationError(IsthmusError):
    """The configuration or the schema version."""

    exit_status = 78


class CallFailedError(Exception):
    """A whole call to the other side failed; `failure` says how.

    Calls that work on many records give a result per record instead wherever the other side does.
    """

    def __init__(self, failure: Failure) -> None:
        super().__init__(f"{failure.code}: {failure.message}")
        self.failure = failure


class DatabaseFailedError(CallFailedError):
    """The same, of the database: `failure` carries the SQLSTATE."""
