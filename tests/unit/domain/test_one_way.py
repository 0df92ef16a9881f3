"""A step of two one-way steps: which name is meant, and what each says of its own way."""

from dataclasses import replace

import pytest

from daemon.domain.action import Action, CallFunction
from daemon.domain.mapping import Step, Steps, Table
from daemon.domain.policy import OnDelete
from daemon.domain.side import Direction, Side

TABLE = Table("app", "people", ("id",), {"id": "bigint"})
IN, OUT = CallFunction("app.came"), CallFunction("app.went")
PAIR = Step(
    "in",
    "Contact",
    TABLE,
    Direction.TWO_WAY,
    (),
    actions=(Action("tell", IN, Direction.PULL), Action("tell", OUT, Direction.PUSH)),
    on_row_delete=OnDelete.KEEP,
    ways=("in", "out"),
)
PLAIN = replace(PAIR, name="plain", ways=None, on_row_delete=None)


def test_what_went_a_way_is_told_under_the_name_of_that_way() -> None:
    assert [PAIR.called(way) for way in Direction] == ["in", "out", "in"]
    assert {PLAIN.called(way) for way in Direction} == {"plain"}
    assert (PAIR.names, PLAIN.names) == (("in", "out"), ("plain",))


def test_an_action_is_found_by_its_name_and_that_of_its_way() -> None:
    assert PAIR.action("in", "tell").target is IN
    assert PAIR.action("out", "tell").target is OUT
    both = replace(PLAIN, actions=(Action("all", IN, Direction.TWO_WAY), Action("some", OUT, Direction.PULL)))
    assert (both.action("plain", "all").target, both.action("plain", "some").target) == (IN, OUT)
    with pytest.raises(KeyError):
        PAIR.action("out", "other")


def test_each_way_says_what_a_delete_does() -> None:
    assert PAIR.on_deleted(Side.POSTGRES) is OnDelete.KEEP
    assert PAIR.on_deleted(Side.SALESFORCE) is OnDelete.PROPAGATE
    assert PLAIN.on_deleted(Side.POSTGRES) is OnDelete.PROPAGATE


def test_a_step_is_meant_by_each_of_its_names() -> None:
    steps = Steps((PLAIN, PAIR))
    assert [steps.named(name) for name in ("plain", "in", "out", "other")] == [PLAIN, PAIR, PAIR, None]
    assert steps.names == ("plain", "in", "out")
