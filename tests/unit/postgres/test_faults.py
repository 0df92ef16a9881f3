"""What PostgreSQL's errors become."""

import asyncpg
import pytest

from adapters.postgres.faults import LONGEST_MESSAGE, failure_of, is_the_rows_fault, told
from adapters.postgres.sqlstates import meaning
from daemon.domain.failure import (
    AccessError,
    CallFailedError,
    ConfigurationError,
    FailureKind,
    IsthmusError,
    TryLaterError,
    UnreachableError,
)


@pytest.mark.parametrize(
    ("sqlstate", "kind", "rows"),
    [
        ("40001", FailureKind.TRANSIENT, False),
        ("40P01", FailureKind.TRANSIENT, False),
        ("55P03", FailureKind.TRANSIENT, False),
        ("57014", FailureKind.TRANSIENT, False),
        ("57P01", FailureKind.TRANSIENT, False),
        ("53100", FailureKind.TRANSIENT, False),
        ("25006", FailureKind.TRANSIENT, False),
        ("08006", FailureKind.TRANSIENT, False),
        ("28P01", FailureKind.AUTHENTICATION, False),
        ("23502", FailureKind.REJECTED, True),
        ("23503", FailureKind.REFERENCE, True),
        ("23505", FailureKind.DUPLICATE, True),
        ("22P02", FailureKind.REJECTED, True),
        ("P0001", FailureKind.REJECTED, True),
        ("P0004", FailureKind.REJECTED, True),
        ("42501", FailureKind.PERMISSION, True),
        ("42703", FailureKind.CONFIGURATION, True),
        ("XX000", FailureKind.DEFECT, True),
        ("99999", FailureKind.DEFECT, True),
    ],
)
def test_a_sqlstate_decides_what_happens_next(sqlstate: str, kind: FailureKind, rows: bool) -> None:
    assert meaning(sqlstate).kind is kind
    assert meaning(sqlstate).advice
    failure = failure_of(asyncpg.PostgresError.new({"C": sqlstate, "M": "m", "S": "ERROR"}))
    assert (failure.code, failure.kind) == (sqlstate, kind)
    assert is_the_rows_fault(failure) is rows


def test_a_message_is_cut_and_holds_no_detail() -> None:
    error = asyncpg.PostgresError.new(
        {"C": "23505", "M": "m" * 3000, "D": "Key (email)=(secret)", "S": "ERROR", "n": "c_key", "c": "email"}
    )
    failure = failure_of(error)
    assert len(failure.message) == LONGEST_MESSAGE
    assert "secret" not in failure.message
    assert failure.fields == ("email", "c_key")


def test_a_value_that_the_driver_cannot_send_is_not_repeated() -> None:
    failure = failure_of(asyncpg.DataError("invalid input for query argument $1: 'secret'"))
    assert failure.code == "22P02"
    assert "secret" not in failure.message


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (TimeoutError(), "57014"),
        (ConnectionRefusedError("refused"), "08006"),
        (asyncpg.InterfaceError("connection is closed"), "08006"),
        (asyncpg.InternalClientError("cannot switch to state"), "08006"),
    ],
)
def test_failures_on_our_side_have_a_code_too(error: Exception, code: str) -> None:
    failure = failure_of(error)
    assert failure.code == code
    assert failure.kind is FailureKind.TRANSIENT
    assert failure_of(CallFailedError(failure)) is failure


@pytest.mark.parametrize(
    ("sqlstate", "kind"),
    [
        ("28P01", AccessError),
        ("42501", AccessError),
        ("55P03", TryLaterError),
        ("57014", TryLaterError),
        ("08006", UnreachableError),
        ("3D000", ConfigurationError),
    ],
)
def test_an_operator_is_told_three_lines(sqlstate: str, kind: type[IsthmusError]) -> None:
    error = told("it failed", asyncpg.PostgresError.new({"C": sqlstate, "M": "why", "S": "ERROR"}))
    assert type(error) is kind
    what, why, fix = error.lines()
    assert (what, why) == ("it failed", f"why (SQLSTATE {sqlstate})")
    assert fix
