"""Turning what the driver raises into a `Failure`. What each code means stands in `adapters.postgres.sqlstates`."""

import asyncpg

from adapters.postgres.sqlstates import DEADLINE, NO_CONNECTION, meaning
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

LONGEST_MESSAGE = 2000
"""Characters of a server's message that are kept."""

FAULTS = (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError, TimeoutError)
"""Everything that the driver raises for a call that failed."""


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
