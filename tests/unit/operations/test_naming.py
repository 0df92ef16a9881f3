"""What is stored under one name and told under two."""

from datetime import UTC, datetime

from daemon.domain.mapping import Step, Steps, Table
from daemon.domain.side import Direction
from daemon.operations.naming import stored_name, told, way_of, ways
from daemon.ports.database import Page, StepCounts

TABLE = Table("app", "people", ("id",), {})
PAIR = Step("in", "Contact", TABLE, Direction.TWO_WAY, (), ways=("in", "out"))
PLAIN = Step("plain", "Lead", TABLE, Direction.PUSH, ())
STEPS = Steps((PAIR, PLAIN))
PAGE = Page(
    (
        {"step": "in", "direction": "pull"},
        {"step": "in", "direction": "push"},
        {"step": "in", "direction": None},
        {"step": "plain", "direction": "push"},
        {"step": "gone", "direction": "push"},
    ),
    "7",
)


def test_each_name_leads_to_what_is_stored() -> None:
    assert [stored_name(STEPS, name) for name in ("in", "out", "plain", "gone", None)] == [
        "in", "in", "plain", "gone", None,
    ]  # fmt: skip


def test_what_went_out_is_told_under_the_name_of_the_step_out() -> None:
    shown = told(STEPS, PAGE)
    assert [item["step"] for item in shown.items] == ["in", "out", "in", "plain", "gone"]
    assert shown.next == "7", "the list goes on"


def test_a_name_of_a_pair_means_one_way_and_any_other_name_both() -> None:
    assert [way_of(STEPS, name) for name in ("in", "out", "plain", "gone", None)] == [
        Direction.PULL, Direction.PUSH, None, None, None,
    ]  # fmt: skip


def test_figures_are_divided_by_way() -> None:
    at = datetime(2026, 1, 1, tzinfo=UTC)
    counts = StepCounts(3, {"pull": 1, "push": 2}, {"push": at}, {("pull", "x"): 4, ("push", "y"): 5})
    into, out = ways(PAIR, counts)
    assert into == ("in", Direction.PULL, StepCounts(3, {"pull": 1}, {}, {("pull", "x"): 4}))
    assert out == ("out", Direction.PUSH, StepCounts(3, {"push": 2}, {"push": at}, {("push", "y"): 5}))
    assert list(ways(PLAIN, counts)) == [("plain", Direction.PUSH, counts)]
