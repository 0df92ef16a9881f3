"""What PostgreSQL's error codes mean here: the kind of failure, the reason it is counted under, and advice.

SQLSTATE is a documented interface of PostgreSQL (its Appendix A); the first two characters are the class.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import asyncpg

from daemon.domain.failure import (
    AccessError,
    CallFailedError,
    ConfigurationError,
    Failure,
    FailureKind,
    IsthmusError,
    Reason,
    TryLaterError,
    UnreachableError,
)

LONGEST_MESSAGE = 500
NO_CONNECTION = "08006"
DEADLINE = "57014"

FAULTS = (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError, TimeoutError)
"""Everything that the driver raises for a call that failed."""


@dataclass(frozen=True, slots=True)
class Meaning:
    """What one SQLSTATE, or one class of them, means."""

    kind: FailureKind
    reason: Reason
    advice: str


_K, _R = FailureKind, Reason

_AGAIN = "Nothing: it is tried again."
_MEANINGS: Mapping[str, Meaning] = MappingProxyType(
    {
        # Codes
        "23502": Meaning(
            _K.REJECTED, _R.REQUIRED_MISSING, "Map the column, give it a default, or allow NULL in it."
        ),
        "23503": Meaning(
            _K.REFERENCE, _R.CONSTRAINT, "The row that it points to must exist first: look for that record."
        ),
        "23505": Meaning(
            _K.DUPLICATE, _R.DUPLICATE, "Another row holds this value: merge the two or change one."
        ),
        "23514": Meaning(
            _K.REJECTED,
            _R.VALIDATION_RULE,
            "Correct the value in Salesforce, or loosen the check constraint.",
        ),
        "23P01": Meaning(
            _K.REJECTED, _R.CONSTRAINT, "Another row excludes this one: see the exclusion constraint."
        ),
        "P0001": Meaning(
            _K.REJECTED, _R.VALIDATION_RULE, "A trigger of the table refused the row: satisfy its rule."
        ),
        "22001": Meaning(_K.REJECTED, _R.MAPPING, "Widen the column, or shorten the value in Salesforce."),
        "22003": Meaning(_K.REJECTED, _R.MAPPING, "Widen the column: the number does not fit."),
        "22P02": Meaning(
            _K.REJECTED, _R.MAPPING, "The value is not of the column's type: correct it, or map another type."
        ),
        "22021": Meaning(_K.REJECTED, _R.MAPPING, "Remove the character that PostgreSQL's text cannot hold."),
        "428C9": Meaning(_K.CONFIGURATION, _R.MAPPING, "The column is generated: make the field push only."),
        "42501": Meaning(
            _K.PERMISSION, _R.PERMISSION, "Grant the daemon's role the right that the message names."
        ),
        "25006": Meaning(
            _K.TRANSIENT, _R.TRANSPORT, "The server is read-only: point the daemon to the primary."
        ),
        "40001": Meaning(_K.TRANSIENT, _R.ROW_LOCK, _AGAIN),
        "40P01": Meaning(_K.TRANSIENT, _R.ROW_LOCK, _AGAIN),
        "55P03": Meaning(_K.TRANSIENT, _R.ROW_LOCK, "Look for a transaction that holds a lock for long."),
        "55006": Meaning(_K.TRANSIENT, _R.ROW_LOCK, _AGAIN),
        DEADLINE: Meaning(_K.TRANSIENT, _R.TRANSPORT, "Look for a slow or locked table if this goes on."),
        "3D000": Meaning(_K.CONFIGURATION, _R.OTHER, "Correct the database's name in the configuration."),
        "53300": Meaning(_K.TRANSIENT, _R.LIMIT, "Raise max_connections, or make the pool smaller."),
        "3F000": Meaning(_K.CONFIGURATION, _R.MAPPING, "Run isthmus migrate, or correct the table's schema."),
        "42P01": Meaning(_K.CONFIGURATION, _R.MAPPING, "The table is gone: run isthmus config check."),
        "42703": Meaning(_K.CONFIGURATION, _R.MAPPING, "The column is gone: run isthmus config check."),
        "42804": Meaning(
            _K.CONFIGURATION, _R.MAPPING, "The column's type has changed: run isthmus config check."
        ),
        "25P03": Meaning(_K.TRANSIENT, _R.TRANSPORT, _AGAIN),
        # Classes
        "08": Meaning(_K.TRANSIENT, _R.TRANSPORT, "See whether the server runs and can be reached."),
        "22": Meaning(_K.REJECTED, _R.MAPPING, "Correct the value, or map the field to another type."),
        "23": Meaning(_K.REJECTED, _R.CONSTRAINT, "Satisfy the constraint that the message names."),
        "28": Meaning(_K.AUTHENTICATION, _R.PERMISSION, "Correct the role or its password."),
        "40": Meaning(_K.TRANSIENT, _R.ROW_LOCK, _AGAIN),
        "42": Meaning(
            _K.CONFIGURATION, _R.MAPPING, "The table is not as the mapping says: run isthmus config check."
        ),
        "44": Meaning(_K.REJECTED, _R.CONSTRAINT, "The row is outside the view that it is written through."),
        "53": Meaning(_K.TRANSIENT, _R.LIMIT, "Give the server what it lacks: disk, memory or connections."),
        "57": Meaning(
            _K.TRANSIENT, _R.TRANSPORT, "The server is stopping or starting: nothing, if it comes back."
        ),
        "58": Meaning(_K.TRANSIENT, _R.TRANSPORT, "See the server's log: its machine has a fault."),
        "P0": Meaning(_K.REJECTED, _R.VALIDATION_RULE, "A function or trigger of the database refused this."),
    }
)
_UNKNOWN = Meaning(_K.DEFECT, _R.OTHER, "Report this with the message.")


def meaning(sqlstate: str) -> Meaning:
    """What a SQLSTATE means: by its code, else by its class."""
    return _MEANINGS.get(sqlstate) or _MEANINGS.get(sqlstate[:2], _UNKNOWN)


def failure_of(error: BaseException) -> Failure:
    """A failure of the driver, explained. The message is the server's own without its detail, and cut.

    The detail holds values of the row. The message may hold one too (`invalid input syntax for type integer: "x"`).
    """
    if isinstance(error, CallFailedError):
        return error.failure
    code = sqlstate_of(error)
    what = meaning(code)
    fields: tuple[str, ...] = ()
    if _is_unsendable(error):
        message = "A value cannot be sent to PostgreSQL."  # the driver's own message holds the value
    elif isinstance(error, asyncpg.PostgresError):
        named = (getattr(error, "column_name", None), getattr(error, "constraint_name", None))
        fields = tuple(str(name) for name in named if name)
        message = str(getattr(error, "message", None) or error)
    else:
        message = str(error) or type(error).__name__
    return Failure(what.kind, what.reason, code, message[:LONGEST_MESSAGE], what.advice, fields)


def sqlstate_of(error: BaseException) -> str:
    """The SQLSTATE of a failure, or the nearest one for a failure on our side of the connection."""
    if _is_unsendable(error):
        return "22P02"
    if isinstance(error, asyncpg.PostgresError):
        return str(error.sqlstate or "XX000")
    return DEADLINE if isinstance(error, TimeoutError) else NO_CONNECTION


def _is_unsendable(error: BaseException) -> bool:
    """Whether the driver itself refused an argument: such an error carries no fields of a server's answer."""
    return isinstance(error, asyncpg.DataError) and getattr(error, "severity", None) is None


def is_the_rows_fault(failure: Failure) -> bool:
    """Whether the other rows of the same statement may pass: then it is worth looking for the bad one.

    A missing right counts too, for row-level security speaks of single rows.
    """
    return failure.kind not in {FailureKind.TRANSIENT, FailureKind.LIMITED, FailureKind.AUTHENTICATION}


def told(what: str, error: BaseException) -> IsthmusError:
    """A failure in three lines, for an operator's command."""
    failure = failure_of(error)
    why = f"{failure.message} (SQLSTATE {failure.code})"
    if failure.kind in {FailureKind.AUTHENTICATION, FailureKind.PERMISSION}:
        return AccessError(what, why, failure.advice)
    if failure.reason is Reason.ROW_LOCK or failure.code == DEADLINE:
        return TryLaterError(what, why, failure.advice)
    if failure.kind is FailureKind.TRANSIENT:
        return UnreachableError(what, why, failure.advice)
    return ConfigurationError(what, why, failure.advice)
