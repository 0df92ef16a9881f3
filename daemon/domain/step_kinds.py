"""Which kinds of steps there are: the object, what stands in the database, the direction, and what may be done."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from daemon.domain.matrix import NARROWED, pull_behaviours, push_identifiers
from daemon.domain.policy import Behaviour
from daemon.domain.side import Direction

ANY_OTHER: Final = "any other object"

_ONE_WAY: Final = frozenset({Behaviour.MIRROR, Behaviour.DELETE, Behaviour.ADD})
"""What needs a side that decides, or makes sense on one side alone."""


class TableKind(StrEnum):
    """What stands in the database. A partitioned table is a table."""

    TABLE = "table"
    VIEW = "view"


@dataclass(frozen=True, slots=True)
class StepKind:
    """One kind of step, and the behaviours that it may have."""

    object: str
    table: TableKind
    direction: Direction
    behaviours: tuple[Behaviour, ...]


def behaviours(salesforce_object: str, table: TableKind, direction: Direction) -> tuple[Behaviour, ...]:
    """What a step between the two may do; empty where there is no such kind of step. Letter case of the object does not matter.

    Changes behind a view cannot be captured, so a view is only pulled into. A two_way step does on each side what it does on the other.
    """
    pulled = pull_behaviours(salesforce_object)
    if direction is Direction.PULL or (direction is Direction.TWO_WAY and not pulled):
        return pulled
    if table is TableKind.VIEW:
        return ()
    pushed = tuple(push_identifiers(salesforce_object))
    return pushed if direction is Direction.PUSH else tuple(each for each in pushed if each not in _ONE_WAY)


def step_kinds() -> tuple[StepKind, ...]:
    """Every kind of step that there is; objects with rules of their own by name, and all others as one."""
    return tuple(_kinds())


def _kinds() -> Iterator[StepKind]:
    for salesforce_object in (ANY_OTHER, *NARROWED):
        for table in TableKind:
            for direction in Direction:
                if found := behaviours(salesforce_object, table, direction):
                    yield StepKind(salesforce_object, table, direction, found)


def listed_kinds() -> str:
    """Every kind of step in one sentence, for who named another."""
    ways: dict[tuple[str, TableKind], list[str]] = {}
    for kind in step_kinds():
        ways.setdefault((kind.object, kind.table), []).append(kind.direction.value)
    words = [f"{name} with a {table} ({', '.join(found)})" for (name, table), found in ways.items()]
    return f"there are steps of: {'; '.join(words)}"
