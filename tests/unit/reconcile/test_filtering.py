"""What a step's filters leave of it for one pair."""

import pytest

from daemon.domain.failure import Failure, FailureKind, Reason
from daemon.domain.link import Link
from daemon.domain.mapping import Field, Kind, Step, Table
from daemon.domain.plan import LinkAction, Operation, Outcome
from daemon.domain.side import Direction, Side
from daemon.domain.view import MISSING, Presence, View
from daemon.reconcile.decide import decide

BROKEN = Failure(FailureKind.REJECTED, Reason.MAPPING, "odd", "odd", "none")


def step(**directions: Direction) -> Step:
    fields = tuple(Field(name, name.lower(), Kind.TEXT, direction) for name, direction in directions.items())
    return Step(
        "people", "Contact", Table("app", "person", ("id",), {"id": "bigint"}), Direction.TWO_WAY, fields
    )


def seen(*, outside: bool = False, **values: str) -> View:
    return View(Presence.PRESENT, values, outside=outside)


def link(**base: str) -> Link:
    return Link(1, "people", "Contact", "003000000000001AAA", "app.person", "1", base=base)


BOTH = Direction.TWO_WAY


@pytest.mark.parametrize("side", list(Side))
def test_a_pair_of_which_a_half_is_outside_is_left_as_it_is(side: Side) -> None:
    theirs, ours = seen(outside=side is Side.SALESFORCE, A="2"), seen(outside=side is Side.POSTGRES, A="3")
    plan = decide(step(A=BOTH), link(A="1"), theirs, ours)
    assert (plan.salesforce, plan.postgres, dict(plan.base), plan.ledger) == (None, None, {}, ())
    assert plan.outcome is Outcome.SKIP
    assert {hold.code for hold in plan.held.values()} == {"outside_filter"}
    assert plan.held.keys() == {side.other}


def test_what_travels_only_the_other_way_goes_on() -> None:
    fields = step(A=BOTH, B=Direction.PUSH, C=Direction.PULL)
    base = link(A="1", B="1", C="1")
    out = decide(fields, base, seen(outside=True, A="2", B="1", C="2"), seen(A="3", B="2", C="1"))
    assert out.salesforce is not None
    assert dict(out.salesforce.values) == {"B": "2"}
    assert out.postgres is None
    assert "A" not in out.base
    inward = decide(fields, base, seen(A="2", B="1", C="2"), seen(outside=True, A="3", B="2", C="1"))
    assert inward.postgres is not None
    assert dict(inward.postgres.values) == {"C": "2"}
    assert inward.salesforce is None


def test_what_cannot_be_read_of_a_field_that_stands_still_parks_nothing() -> None:
    theirs = View(Presence.PRESENT, {"B": "1"}, failures={"A": BROKEN}, waiting={"A": "x"}, outside=True)
    ours = View(Presence.PRESENT, {"B": "1"}, waiting={"A": "people:2"})
    plan = decide(step(A=BOTH, B=Direction.PUSH), link(A="1", B="1"), theirs, ours)
    assert plan.outcome is Outcome.SKIP


def test_another_reason_for_a_side_stands() -> None:
    fields = step(A=Direction.PULL, B=Direction.PUSH)
    ours = View(Presence.PRESENT, {"A": "1"}, failures={"B": BROKEN})
    plan = decide(fields, link(A="1", B="1"), seen(outside=True, A="2", B="1"), ours)
    assert (plan.held[Side.SALESFORCE].code, plan.held[Side.POSTGRES].code) == ("odd", "outside_filter")


def test_nothing_is_made_of_what_is_outside_and_all_of_what_comes_back() -> None:
    assert decide(step(A=BOTH), None, seen(outside=True, A="1"), MISSING).outcome is Outcome.SKIP
    assert decide(step(A=BOTH), None, MISSING, seen(outside=True, A="1")).outcome is Outcome.SKIP
    made = decide(step(A=BOTH), None, seen(A="1"), MISSING)
    assert made.postgres is not None
    assert made.postgres.operation is Operation.CREATE


def test_two_halves_that_match_are_not_linked_while_all_fields_stand_still() -> None:
    plan = decide(step(A=BOTH), None, seen(outside=True, A="1"), seen(A="1"))
    assert plan.link.action is LinkAction.KEEP
