"""Turns of our own writes: what is a loop, what never is, and what is left of a plan that would go on with one."""

from dataclasses import replace

import pytest

from daemon.domain.mapping import Field, Kind, Step, Table
from daemon.domain.plan import Hold, LedgerEntry, LedgerKind, Operation, Outcome, Plan, Write
from daemon.domain.policy import ConflictRule, Owned, Policy
from daemon.domain.side import Direction, Side
from daemon.domain.view import Presence, View
from daemon.reconcile.merge import Merge, merge
from daemon.reconcile.turns import (
    MOST,
    REST,
    TAKE_TURNS,
    WINDOW,
    Course,
    Loop,
    Written,
    after,
    going_on,
    held_back,
    moved,
    resting,
    written,
)

SF, PG = Side.SALESFORCE, Side.POSTGRES
NOTHING = Course()
HOLD = Hold(Outcome.PARK, TAKE_TURNS, "It would go on for ever.")


def walked(*sides: Side, every: float = 1.0, puts_back: bool = False) -> Course:
    """A course of writes to these sides, one each so many seconds, the first of them at second 0."""
    course = NOTHING
    for number, side in enumerate(sides):
        write = Written(number * every, side, puts_back)
        assert going_on(course, write) is None, f"write {number} did not go out"
        course = after(course, write)
    return course


# --- turns ------------------------------------------------------------------------------------------------------------


def test_the_fourth_turn_of_a_loop_does_not_go_out() -> None:
    course = walked(SF, PG, SF, PG, SF, PG)
    assert going_on(course, Written(6, SF)) is Loop.TURNS
    assert going_on(walked(SF, PG, SF, PG), Written(4, SF)) is None


def test_writes_to_one_side_in_a_row_are_one_turn() -> None:
    course = walked(SF, SF, SF, PG, PG, SF, PG, SF, PG)
    assert len(course.writes) == 2 * MOST
    assert going_on(course, Written(9, PG)) is None, "it goes on with the same turn"
    assert going_on(course, Written(9, SF)) is Loop.TURNS


def test_a_value_that_is_toggled_on_one_side_is_no_loop() -> None:
    for side in (SF, PG):
        course = walked(*(side for _ in range(50)))
        assert course.writes == (Written(49, side),)


def test_people_who_answer_each_other_now_and_then_are_no_loop() -> None:
    walked(*(SF, PG) * 20, every=WINDOW / 4)


def test_a_turn_is_as_late_as_its_last_write() -> None:
    course = after(walked(SF), Written(WINDOW - 1, SF))
    for number, side in enumerate((PG, SF, PG, SF, PG)):
        course = after(course, Written(WINDOW + number, side))
    assert going_on(course, Written(2 * WINDOW - 2, SF)) is Loop.TURNS
    assert going_on(course, Written(2 * WINDOW - 1, SF)) is None, "the first turn is a minute ago"


def test_a_field_rests_on_both_sides_until_shortly_before_it_is_tried_again() -> None:
    course = resting(walked(SF, PG, SF, PG, SF, PG), Loop.TURNS, 6)
    for side in (SF, PG):
        assert going_on(course, Written(6 + REST - 1, side)) is Loop.TURNS
        assert going_on(course, Written(6 + REST, side)) is None
    assert resting(course, Loop.TURNS, 100) == course, "being held back once more prolongs nothing"
    assert not course.over(6 + REST - 1)
    assert course.over(6 + REST)


def test_after_its_rest_a_loop_has_as_many_turns_again() -> None:
    course = resting(NOTHING, Loop.TURNS, 0)
    for number, side in enumerate((SF, PG, SF, PG, SF, PG)):
        write = Written(REST + number, side)
        assert going_on(course, write) is None
        course = after(course, write)
    assert going_on(course, Written(REST + 6, SF)) is Loop.TURNS
    assert resting(course, Loop.TURNS, REST + 6).rests_until == 2 * REST + 6


def test_a_course_is_over_once_its_last_write_is_a_minute_old() -> None:
    course = walked(SF, PG)
    assert not course.over(WINDOW)
    assert course.over(WINDOW + 1)
    assert NOTHING.over(0)


# --- what is put back -------------------------------------------------------------------------------------------------


def test_the_fourth_time_a_value_is_not_put_back() -> None:
    course = walked(PG, PG, PG, puts_back=True)
    assert going_on(course, Written(3, PG, puts_back=True)) is Loop.PUT_BACK
    assert going_on(course, Written(WINDOW, PG, puts_back=True)) is None, "the first is a minute ago"


@pytest.mark.parametrize("side", [SF, PG])
def test_a_change_of_the_field_on_either_side_begins_the_count_anew(side: Side) -> None:
    course = after(walked(PG, PG, PG, puts_back=True), Written(3, side))
    assert going_on(course, Written(4, PG, puts_back=True)) is None


def test_what_the_giver_changes_goes_out_while_a_field_rests_because_it_was_put_back() -> None:
    course = resting(walked(PG, PG, PG, puts_back=True), Loop.PUT_BACK, 3)
    assert going_on(course, Written(4, PG)) is None
    course = after(course, Written(4, PG))
    assert going_on(course, Written(5, PG, puts_back=True)) is Loop.PUT_BACK, "it rests all the same"


def test_a_field_that_was_put_back_and_takes_turns_as_well_rests_on_both_sides() -> None:
    course = resting(walked(PG, PG, PG, puts_back=True), Loop.PUT_BACK, 3)
    taking_turns = resting(course, Loop.TURNS, 4)
    assert going_on(taking_turns, Written(5, PG)) is Loop.TURNS
    assert resting(taking_turns, Loop.PUT_BACK, 5) == taking_turns


def test_what_is_remembered_of_a_field_is_bounded() -> None:
    course = NOTHING
    for number in range(1000):
        course = after(course, Written(number / 1000, PG, puts_back=True))
    assert len(course.writes) == 2 * MOST * (MOST + 1)


# --- plans ------------------------------------------------------------------------------------------------------------

STEP = Step(
    "companies",
    "Account",
    Table("app", "company", ("id",), {"id": "bigint", "phone": "text", "fax": "text", "city": "text"}),
    Direction.TWO_WAY,
    (
        Field("Phone", "phone", Kind.TEXT, Direction.TWO_WAY),
        Field("Fax", "fax", Kind.TEXT, Direction.TWO_WAY),
        Field("BillingCity", "city", Kind.TEXT, Direction.TWO_WAY, group="address"),
        Field("BillingStreet", "street", Kind.TEXT, Direction.TWO_WAY, group="address"),
    ),
)
OWNED = replace(
    STEP,
    direction=Direction.PULL,
    owned=Owned.OVERWRITE,
    fields=tuple(replace(item, direction=Direction.PULL) for item in STEP.fields),
)
BASE = {"Phone": "1", "Fax": "1", "BillingCity": "Rome", "BillingStreet": "Via"}


def planned(step: Step, theirs: dict[str, str] | None = None, ours: dict[str, str] | None = None) -> Plan:
    """What is to be written where both sides have left what was agreed in this way."""
    found: Merge = merge(
        step,
        BASE,
        View(Presence.PRESENT, {**BASE, **(theirs or {})}),
        View(Presence.PRESENT, {**BASE, **(ours or {})}),
    )
    return Plan(
        salesforce=Write(Operation.UPDATE, found.to_salesforce) if found.to_salesforce else None,
        postgres=Write(Operation.UPDATE, found.to_postgres) if found.to_postgres else None,
        base=found.base,
        verdicts=tuple(found.verdicts),
        ledger=tuple(found.ledger),
    )


def by(step: Step, policy: Policy) -> Step:
    return replace(step, fields=tuple(replace(f, conflict=ConflictRule(policy)) for f in step.fields))


def test_what_one_side_changed_is_given_to_the_other_and_puts_nothing_back() -> None:
    plan = planned(STEP, {"Phone": "2"}, {"Fax": "2"})
    assert moved(STEP, plan, PG) == {"Phone": False}
    assert moved(STEP, plan, SF) == {"Fax": False}
    assert moved(STEP, Plan(), SF) == {}


def test_a_create_or_a_delete_is_no_turn() -> None:
    assert moved(STEP, Plan(postgres=Write(Operation.CREATE, {"Phone": "2"})), PG) == {}
    assert moved(STEP, Plan(salesforce=Write(Operation.DELETE)), SF) == {}


def test_an_owned_field_that_somebody_edited_is_put_back() -> None:
    plan = planned(OWNED, {"Fax": "2"}, {"Phone": "2"})
    assert moved(OWNED, plan, PG) == {"Phone": True, "Fax": False}


def test_a_group_of_which_the_giver_changed_one_field_puts_nothing_back() -> None:
    plan = planned(OWNED, {"BillingCity": "Oslo"}, {"BillingStreet": "Mine"})
    assert moved(OWNED, plan, PG) == {"BillingCity": False, "BillingStreet": False}


def test_a_record_that_wins_whole_puts_nothing_back() -> None:
    step = by(STEP, Policy.RECORD_NEWEST)
    plan = planned(step, {"Phone": "2"}, {"Fax": "2"})
    assert moved(step, plan, PG) == {"Phone": False, "Fax": False}


def test_a_value_is_put_back_in_salesforce_under_push_always_alone() -> None:
    step = by(STEP, Policy.PUSH_ALWAYS)
    plan = replace(planned(step, {}, {"Fax": "2"}), salesforce=Write(Operation.UPDATE, {"Fax": "2"}))
    assert moved(step, plan, SF) == {"Fax": False}
    same = tuple(replace(v, base=v.postgres) for v in plan.verdicts)
    assert moved(step, replace(plan, verdicts=same), SF) == {"Fax": True}
    assert moved(STEP, replace(plan, verdicts=same), SF) == {"Fax": False}


def test_a_value_that_is_restored_is_no_turn() -> None:
    plan = replace(planned(STEP), postgres=Write(Operation.UPDATE, {"Phone": "lost"}))
    assert moved(STEP, plan, PG) == {}


def test_the_rest_of_a_plan_goes_on() -> None:
    plan = held_back(STEP, planned(STEP, {}, {"Phone": "2", "Fax": "2"}), SF, ["Phone"], HOLD)
    assert written(plan, SF) == Write(Operation.UPDATE, {"Fax": "2"})
    assert plan.held == {SF: HOLD}
    assert plan.base["Phone"] == "1", "what Salesforce holds, so that the local value stands out against it"


def test_what_is_held_back_whole_is_no_write() -> None:
    plan = held_back(STEP, planned(STEP, {}, {"Phone": "2"}), SF, ["Phone"], HOLD)
    assert plan.salesforce is None
    assert plan.outcome is Outcome.PARK


def test_what_is_kept_from_the_row_is_not_agreed() -> None:
    plan = held_back(STEP, planned(STEP, {"Phone": "2", "Fax": "2"}), PG, ["Phone"], HOLD)
    assert written(plan, PG) == Write(Operation.UPDATE, {"Fax": "2"})
    assert (plan.base.get("Phone"), plan.base["Fax"]) == (None, "2")


def test_fields_that_move_together_are_held_back_together() -> None:
    plan = held_back(
        STEP, planned(STEP, {"BillingCity": "Oslo", "BillingStreet": "Gate"}), PG, ["BillingCity"], HOLD
    )
    assert plan.postgres is None
    assert "BillingStreet" not in plan.base


def test_a_record_that_wins_whole_is_held_back_whole() -> None:
    """With half of it written, what it had won over would be the only edit that is left, and win."""
    step = by(STEP, Policy.RECORD_NEWEST)
    won = planned(step, {"Phone": "2"}, {"Fax": "2"})
    side = PG if won.postgres is not None else SF
    assert set((written(won, side) or Write(Operation.UPDATE)).values) == {"Phone", "Fax"}
    plan = held_back(step, won, side, ["Phone"], HOLD)
    assert written(plan, side) is None
    assert plan.ledger == ()
    assert (plan.base.get("Phone"), plan.base.get("Fax")) == (None, None)


def test_a_loser_that_is_held_back_has_not_lost_yet() -> None:
    step = by(STEP, Policy.SALESFORCE)
    unseen = LedgerEntry(LedgerKind.UNSEEN, "Phone", "same_second", SF, "1", "2", "1")
    told = planned(step, {"Phone": "2", "Fax": "2"}, {"Phone": "3", "Fax": "3"})
    plan = replace(told, ledger=(*told.ledger, unseen))
    assert [entry.field for entry in plan.ledger] == ["Phone", "Fax", "Phone"]
    kept = held_back(step, plan, PG, ["Phone"], HOLD).ledger
    assert [(entry.field, entry.kind) for entry in kept] == [
        ("Fax", LedgerKind.CONFLICT),
        ("Phone", LedgerKind.UNSEEN),
    ]
    lost = replace(told.ledger[0], winner=None)
    open_one = replace(told, ledger=(lost,), salesforce=Write(Operation.UPDATE, {"Phone": "3"}))
    assert held_back(step, open_one, SF, ["Phone"], HOLD).ledger == (lost,)
