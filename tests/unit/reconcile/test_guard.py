"""How many deletes pass the guard."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.domain.mapping import DeleteGuard
from daemon.domain.permit import Permit
from daemon.reconcile.guard import DeletePressure, may_pass

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
GUARD = DeleteGuard(max_count=10, max_ratio=0.05)


def permit(amount: int = 20, used: int = 0, begun: int = 10, lasting: int = 60) -> Permit:
    at = NOW - timedelta(minutes=begun)
    return Permit("people", amount, at, at + timedelta(minutes=lasting), "ops", used)


@pytest.mark.parametrize(
    ("pressure", "passing"),
    [
        (DeletePressure(10, 0, 0, 0, 100), 10),
        (DeletePressure(11, 0, 0, 0, 100), 0),
        (DeletePressure(5, 0, 6, 0, 100), 0),
        (DeletePressure(5, 6, 0, 0, 100), 0),
        (DeletePressure(1, 0, 0, 1, 100), 0),
        (DeletePressure(50, 0, 0, 0, 1000), 50),
    ],
)
def test_all_that_would_be_deleted_counts_and_what_is_held_holds_the_rest(
    pressure: DeletePressure, passing: int
) -> None:
    assert may_pass(GUARD, pressure, None, NOW) == passing


@pytest.mark.parametrize(
    ("given_permit", "passing"),
    [
        (permit(), 20),
        (permit(used=15), 5),
        (permit(used=25), 0),
        (permit(lasting=5), 0),
        (permit(begun=-1), 0),
        (permit(amount=100), 30),
    ],
)
def test_a_permit_lets_pass_what_it_has_left_while_it_lasts(given_permit: Permit, passing: int) -> None:
    assert may_pass(GUARD, DeletePressure(30, 0, 0, 0, 100), given_permit, NOW) == passing


@given(
    *(st.integers(0, 200) for _ in range(5)),
    st.none() | st.builds(permit, st.integers(1, 300), st.integers(0, 300)),
)
def test_never_more_than_wanted_and_without_a_permit_never_more_than_the_guard_allows(
    wanted: int, waiting: int, recent: int, held: int, links: int, given_permit: Permit | None
) -> None:
    pressure = DeletePressure(wanted, waiting, recent, held, links)
    passing = may_pass(GUARD, pressure, given_permit, NOW)
    assert 0 <= passing <= wanted
    if given_permit is None and passing:
        assert recent + passing <= max(10, links * 0.05)
    if given_permit is not None and pressure.total > max(10, links * 0.05):
        assert passing <= given_permit.left
