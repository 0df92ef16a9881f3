"""The failures of PostgreSQL that the database in memory knows, with the codes and kinds of the real ones."""

from typing import Final

from daemon.domain.failure import DatabaseFailedError, Failure, FailureKind, Reason

GONE: Final = Failure(
    FailureKind.MISSING,
    Reason.DELETED,
    "02000",
    "The row is not there.",
    "Nothing: its delete is on its way.",
)
NO_KEY: Final = Failure(
    FailureKind.REJECTED,
    Reason.MAPPING,
    "22P02",
    "The key is not one of this table.",
    "The table's key has changed since: remove the link and load the step again.",
)
LOCK_TIMEOUT: Final = Failure(
    FailureKind.TRANSIENT,
    Reason.ROW_LOCK,
    "55P03",
    "canceling statement due to lock timeout",
    "Look for a transaction that holds a lock for long.",
)
CONNECTION_LOST: Final = Failure(
    FailureKind.TRANSIENT,
    Reason.TRANSPORT,
    "08006",
    "the connection was closed in the middle of an operation",
    "See whether the server runs and can be reached.",
)
DEADLOCK: Final = Failure(
    FailureKind.TRANSIENT, Reason.ROW_LOCK, "40P01", "deadlock detected", "Nothing: it is tried again."
)


def taken(what: str) -> Failure:
    """A unique constraint is violated."""
    return Failure(
        FailureKind.DUPLICATE,
        Reason.DUPLICATE,
        "23505",
        f"duplicate key value violates unique constraint on {what}",
        "Another row holds this value: merge the two or change one.",
    )


def missing(column: str) -> Failure:
    """A column that must have a value has none."""
    return Failure(
        FailureKind.REJECTED,
        Reason.REQUIRED_MISSING,
        "23502",
        f"null value in column {column} violates not-null constraint",
        "Map the column, give it a default, or allow NULL in it.",
        (column,),
    )


def unreadable(column: str, type_name: str) -> Failure:
    """A text is no value of the column's type."""
    return Failure(
        FailureKind.REJECTED,
        Reason.MAPPING,
        "22P02",
        f"invalid input syntax for type {type_name}",
        "The value is not of the column's type: correct it, or map another type.",
        (column,),
    )


def too_long(column: str, type_name: str) -> Failure:
    """A text is longer than the column."""
    return Failure(
        FailureKind.REJECTED,
        Reason.MAPPING,
        "22001",
        f"value too long for type {type_name}",
        "Widen the column, or shorten the value in Salesforce.",
        (column,),
    )


def too_large(column: str) -> Failure:
    """A number does not fit the column."""
    return Failure(
        FailureKind.REJECTED,
        Reason.MAPPING,
        "22003",
        "numeric field overflow",
        "Widen the column: the number does not fit.",
        (column,),
    )


def no_column(column: str) -> Failure:
    """A statement names a column that is not there."""
    return Failure(
        FailureKind.CONFIGURATION,
        Reason.MAPPING,
        "42703",
        f"column {column} does not exist",
        "The column is gone: run isthmus config check.",
    )


def failed(failure: Failure) -> DatabaseFailedError:
    """The failure of a whole statement."""
    return DatabaseFailedError(failure)
