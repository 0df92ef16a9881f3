"""What calls for an action, and what a run says."""

from datetime import UTC, datetime

import pytest

from daemon.domain.action import Action, CallFunction, Event, Run, filled, unknown_placeholder
from daemon.domain.side import Direction

AT = datetime(2026, 5, 1, 12, tzinfo=UTC)
RUN = Run(
    "people",
    "enrol",
    Event.CREATED,
    Direction.PULL,
    AT,
    "Contact",
    "003000000000001AAA",
    "public.person",
    "7",
)


@pytest.mark.requirement("S1-70")
@pytest.mark.requirement("S1-71")
@pytest.mark.parametrize(
    ("exclude", "event", "wanted"),
    [
        (True, Event.CREATED, True),
        (True, Event.UPDATED, False),
        (False, Event.CREATED, True),
        (False, Event.UPDATED, True),
    ],
)
def test_exclude_updated_leaves_out_mere_updates(exclude: bool, event: Event, wanted: bool) -> None:
    action = Action("enrol", CallFunction("enrol"), Direction.PULL, exclude)
    assert action.wanted(event, Direction.PULL) is wanted


@pytest.mark.parametrize("ceiling", list(Direction))
@pytest.mark.parametrize("went", [Direction.PULL, Direction.PUSH])
def test_an_action_is_for_the_directions_it_names(ceiling: Direction, went: Direction) -> None:
    action = Action("enrol", CallFunction("enrol"), ceiling)
    assert action.wanted(Event.CREATED, went) is (ceiling in (went, Direction.TWO_WAY))


def test_templates_are_filled_from_the_run() -> None:
    document = RUN.document("https://org/003000000000001AAA")
    assert filled("$key", document, ("id",)) == "7"
    assert filled("$key.id", document, ("id",)) == "7"
    assert filled("$sf_id", document, ("id",)) == "003000000000001AAA"
    assert filled("$url", document, ("id",)) == "https://org/003000000000001AAA"
    assert filled("$url", RUN.document(), ("id",)) is None
    assert filled("$$key", document, ("id",)) == "$key"
    assert filled("welcome", document, ("id",)) == "welcome"


@pytest.mark.parametrize(
    ("template", "key", "unknown"),
    [
        ("welcome", ("id",), None),
        ("$$anything", ("id",), None),
        ("$key", ("id",), None),
        ("$key", ("region", "no"), "$key"),
        ("$key.no", ("region", "no"), None),
        ("$key.other", ("region", "no"), "$key.other"),
        ("$event", ("id",), None),
        ("$nothing", ("id",), "$nothing"),
    ],
)
def test_a_placeholder_that_nothing_fills_is_named(
    template: str, key: tuple[str, ...], unknown: str | None
) -> None:
    assert unknown_placeholder(template, key) == unknown
