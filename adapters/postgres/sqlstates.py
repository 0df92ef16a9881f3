"""What PostgreSQL's error codes mean here, by code and by class.

SQLSTATE is a documented interface of PostgreSQL (its Appendix A); the first two characters are the class.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from daemon.domain.failure import FailureKind, Reason
from daemon.domain.fault import Chapter, Fault

NO_CONNECTION: Final = "08006"
DEADLINE: Final = "57014"

_K, _R = FailureKind, Reason

_AGAIN: Final = "Nothing: it is tried again."
_CHECK: Final = "run isthmus config check."
_FIELD_PAGE: Final = "docs/configuration.md#a-field"

_ROWS: Final[dict[str, Fault]] = {
    "02000": Fault(
        _K.MISSING,
        _R.DELETED,
        "no row was written",
        "The row is not there any more, or a trigger, a rule or a row-level security policy left the write undone without an error.",
        "Nothing if the row is gone: its delete is on its way. Otherwise see the table's BEFORE triggers, rules and row-level security policies.",
    ),
    "23502": Fault(
        _K.REJECTED,
        _R.REQUIRED_MISSING,
        "a column that may not be NULL has no value",
        "The column is not mapped and has no default, or the field in Salesforce is empty.",
        "Map the column, give it a default, or allow NULL in it.",
        names="the column",
        page=_FIELD_PAGE,
    ),
    "23503": Fault(
        _K.REFERENCE,
        _R.CONSTRAINT,
        "a row that this one points to is not there",
        "The parent is not synced yet, is left out of its step, or was deleted.",
        "The row that it points to must exist first: look for that record.",
        names="the constraint",
    ),
    "23505": Fault(
        _K.DUPLICATE,
        _R.DUPLICATE,
        "another row holds this unique value",
        "Two records in Salesforce share what is unique in the table, or the row was made by hand before.",
        "Another row holds this value: merge the two or change one.",
        names="the constraint",
    ),
    "23514": Fault(
        _K.REJECTED,
        _R.VALIDATION_RULE,
        "a check constraint refused the row",
        "Salesforce allows values that the table does not.",
        "Correct the value in Salesforce, or loosen the check constraint.",
        names="the constraint",
    ),
    "23P01": Fault(
        _K.REJECTED,
        _R.CONSTRAINT,
        "an exclusion constraint refused the row",
        "The row overlaps with another one, such as two bookings of one room.",
        "Another row excludes this one: see the exclusion constraint.",
        names="the constraint",
    ),
    "P0001": Fault(
        _K.REJECTED,
        _R.VALIDATION_RULE,
        "a trigger of the table refused the row",
        "A function of the database raised this; the message is its author's.",
        "A trigger of the table refused the row: satisfy its rule.",
    ),
    "22001": Fault(
        _K.REJECTED,
        _R.MAPPING,
        "a text is longer than its column",
        "The column is narrower than the field in Salesforce.",
        "Widen the column, or shorten the value in Salesforce.",
        page=_FIELD_PAGE,
    ),
    "22003": Fault(
        _K.REJECTED,
        _R.MAPPING,
        "a number does not fit its column",
        "The column has fewer digits than the field in Salesforce.",
        "Widen the column: the number does not fit.",
        page=_FIELD_PAGE,
    ),
    "22P02": Fault(
        _K.REJECTED,
        _R.MAPPING,
        "a value is not of the column's type",
        "A text of Salesforce stands for what the column wants, such as a number, and is not written as one; or the table's key has another type than before.",
        "The value is not of the column's type: correct it, or map another type.",
        page=_FIELD_PAGE,
    ),
    "22021": Fault(
        _K.REJECTED,
        _R.MAPPING,
        "a character that PostgreSQL's text cannot hold",
        "The text holds the character with the number zero, or the database's encoding lacks a character.",
        "Remove the character that PostgreSQL's text cannot hold.",
    ),
    "428C9": Fault(
        _K.CONFIGURATION,
        _R.MAPPING,
        "a generated column cannot be written",
        "PostgreSQL computes the column itself.",
        "The column is generated: make the field push only.",
        page=_FIELD_PAGE,
    ),
}

_SERVER: Final[dict[str, Fault]] = {
    "42501": Fault(
        _K.PERMISSION,
        _R.PERMISSION,
        "the daemon's role lacks a right",
        "A grant is missing, or row-level security hides the row.",
        "Grant the daemon's role the right that the message names.",
    ),
    "25006": Fault(
        _K.TRANSIENT,
        _R.TRANSPORT,
        "the server is read-only",
        "The address leads to a standby, or the primary has just become one.",
        "The server is read-only: point the daemon to the primary.",
    ),
    "40001": Fault(
        _K.TRANSIENT,
        _R.ROW_LOCK,
        "two transactions met",
        "Another transaction changed the same rows.",
        _AGAIN,
    ),
    "40P01": Fault(
        _K.TRANSIENT,
        _R.ROW_LOCK,
        "a deadlock",
        "Two transactions waited for each other, and PostgreSQL ended one of them.",
        _AGAIN,
    ),
    "55P03": Fault(
        _K.TRANSIENT,
        _R.ROW_LOCK,
        "a row or a table is locked by another session",
        "An application holds a transaction open, or a change of the table is under way.",
        "Look for a transaction that holds a lock for long.",
    ),
    "55006": Fault(_K.TRANSIENT, _R.ROW_LOCK, "an object is in use", "Another session uses it.", _AGAIN),
    DEADLINE: Fault(
        _K.TRANSIENT,
        _R.TRANSPORT,
        "a statement took too long and was cancelled",
        "A slow or locked table, or an overloaded server.",
        "Look for a slow or locked table if this goes on.",
    ),
    "25P03": Fault(
        _K.TRANSIENT,
        _R.TRANSPORT,
        "a transaction was idle for too long",
        "The server ends idle transactions.",
        _AGAIN,
    ),
    "3D000": Fault(
        _K.CONFIGURATION,
        _R.OTHER,
        "there is no such database",
        "The name in the address is wrong, or the database was dropped.",
        "Correct the database's name in the configuration.",
        page="docs/configuration.md#the-two-sides",
    ),
    "53300": Fault(
        _K.TRANSIENT,
        _R.LIMIT,
        "the server has no connection left",
        "All clients together use up max_connections.",
        "Raise max_connections, or make the pool smaller.",
    ),
    "3F000": Fault(
        _K.CONFIGURATION,
        _R.MAPPING,
        "there is no such schema",
        "The daemon's own schema has not been made, or the table's schema was renamed.",
        "Run isthmus migrate, or correct the table's schema.",
    ),
    "42P01": Fault(
        _K.CONFIGURATION,
        _R.MAPPING,
        "there is no such table",
        "It was dropped or renamed.",
        f"The table is gone: {_CHECK}",
    ),
    "42703": Fault(
        _K.CONFIGURATION,
        _R.MAPPING,
        "there is no such column",
        "It was dropped or renamed.",
        f"The column is gone: {_CHECK}",
    ),
    "42804": Fault(
        _K.CONFIGURATION,
        _R.MAPPING,
        "a column has another type than the mapping expects",
        "The column's type was changed.",
        f"The column's type has changed: {_CHECK}",
    ),
}

_CLASSES: Final[dict[str, Fault]] = {
    "08": Fault(
        _K.TRANSIENT,
        _R.TRANSPORT,
        "no connection, or one that broke",
        "The server is down, restarts, or cannot be reached.",
        "See whether the server runs and can be reached.",
        page="docs/configuration.md#the-two-sides",
    ),
    "22": Fault(
        _K.REJECTED,
        _R.MAPPING,
        "a value is not one of its column",
        "What Salesforce holds cannot be stored as the column's type.",
        "Correct the value, or map the field to another type.",
        page=_FIELD_PAGE,
    ),
    "23": Fault(
        _K.REJECTED,
        _R.CONSTRAINT,
        "a constraint refused the row",
        "The table asks more of a row than Salesforce does of a record.",
        "Satisfy the constraint that the message names.",
        names="the constraint",
    ),
    "28": Fault(
        _K.AUTHENTICATION,
        _R.PERMISSION,
        "the role or its password is refused",
        "Role, password, or the server's rules of access do not fit.",
        "Correct the role or its password.",
        page="docs/configuration.md#the-two-sides",
    ),
    "40": Fault(_K.TRANSIENT, _R.ROW_LOCK, "a transaction was rolled back", "It met another one.", _AGAIN),
    "42": Fault(
        _K.CONFIGURATION,
        _R.MAPPING,
        "a statement does not fit the table",
        "The table was changed since the mapping was written.",
        f"The table is not as the mapping says: {_CHECK}",
    ),
    "44": Fault(
        _K.REJECTED,
        _R.CONSTRAINT,
        "a row is outside the view that it is written through",
        "The view has a check option.",
        "The row is outside the view that it is written through.",
    ),
    "53": Fault(
        _K.TRANSIENT,
        _R.LIMIT,
        "the server lacks something",
        "Its disk is full, or it has no memory or no connections left.",
        "Give the server what it lacks: disk, memory or connections.",
    ),
    "57": Fault(
        _K.TRANSIENT,
        _R.TRANSPORT,
        "an operator stepped in",
        "The server is stopping or starting, or somebody ended the session.",
        "The server is stopping or starting: nothing, if it comes back.",
    ),
    "58": Fault(
        _K.TRANSIENT,
        _R.TRANSPORT,
        "the server's machine has a fault",
        "Its disk or its files failed.",
        "See the server's log: its machine has a fault.",
    ),
    "P0": Fault(
        _K.REJECTED,
        _R.VALIDATION_RULE,
        "a function of the database failed",
        "A function or trigger raised an error of its own.",
        "A function or trigger of the database refused this.",
    ),
}

SQLSTATES: Final[Mapping[str, Fault]] = MappingProxyType({**_ROWS, **_SERVER, **_CLASSES})
"""By the code of five characters, and for the rest by the class of two."""

_UNKNOWN: Final = Fault(
    _K.DEFECT,
    _R.OTHER,
    "PostgreSQL failed in a way that is not known here",
    "PostgreSQL has many codes that a sync rarely meets.",
    "Report this with the message.",
)

CHAPTERS: Final = (
    Chapter(
        "PostgreSQL",
        "SQLSTATE codes; two characters alone stand for all other codes that begin with them.",
        SQLSTATES,
    ),
)


def meaning(sqlstate: str) -> Fault:
    """What a SQLSTATE means: by its code, else by its class."""
    return SQLSTATES.get(sqlstate) or SQLSTATES.get(sqlstate[:2], _UNKNOWN)
