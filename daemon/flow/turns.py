"""What we wrote within the last minute, field by field of each pair: what loops are found by.

It lies in memory, so a process that begins counts anew; and it is bounded, so what is oldest is given up first.
"""

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from daemon.domain.side import Side
from daemon.reconcile.turns import Course, Loop, Written, after, going_on, resting

FIELDS_MOST: Final = 20_000
"""So many fields of pairs are remembered at most, at about half a kilobyte each."""


@dataclass(frozen=True, slots=True)
class Move:
    """Writes of ours to one side of one pair: its link's id, and the fields, each with whether it was put back."""

    link: int
    side: Side
    fields: Mapping[str, bool]


class Turns:
    """The courses of fields, the one that was written last at the end."""

    def __init__(self, most: int = FIELDS_MOST) -> None:
        self._most = most
        self._courses: OrderedDict[tuple[int, str], Course] = OrderedDict()

    def __len__(self) -> int:
        return len(self._courses)

    def knows(self, link: int, fields: Iterable[str]) -> bool:
        """Whether anything is remembered of one of these fields of a pair."""
        return bool(self._courses) and any((link, name) in self._courses for name in fields)

    def loops(self, move: Move, now: float) -> dict[str, Loop]:
        """Which of these writes, were they made now, would go on with a loop. `now` is by the monotonic clock."""
        found: dict[str, Loop] = {}
        for name, puts_back in move.fields.items():
            course = self._courses.get((move.link, name))
            loop = going_on(course, Written(now, move.side, puts_back)) if course is not None else None
            if loop is not None:
                found[name] = loop
        return found

    def note(self, moves: Iterable[Move], now: float) -> None:
        """Remember writes that were made.

        What is only written to PostgreSQL is no news here: turns begin with a write to Salesforce, and so a flood of events costs nothing.
        """
        begun: dict[tuple[Side, bool], Course] = {}  # shared by all that begin now: mostly that is everything
        for move in moves:
            for name, puts_back in move.fields.items():
                key, kind = (move.link, name), (move.side, puts_back)
                course = self._courses.get(key)
                if course is not None:
                    self._put(key, after(course, Written(now, move.side, puts_back)))
                elif move.side is Side.SALESFORCE or puts_back:
                    if kind not in begun:
                        begun[kind] = Course((Written(now, move.side, puts_back),))
                    self._put(key, begun[kind])
        self._forget_old(now)

    def rest(self, link: int, loops: Mapping[str, Loop], now: float) -> list[str]:
        """Let fields rest whose next write was held back; those of them that did not rest already."""
        begun = []
        for name, loop in loops.items():
            course = self._courses.get((link, name), Course())
            rests = resting(course, loop, now)
            if rests != course:
                begun.append(name)
                self._put((link, name), rests)
        return begun

    def forget(self, link: int, fields: Iterable[str]) -> None:
        """Count these fields of a pair anew: somebody says that the cause is gone."""
        for name in fields:
            self._courses.pop((link, name), None)

    def _put(self, key: tuple[int, str], course: Course) -> None:
        self._courses[key] = course
        self._courses.move_to_end(key)
        if len(self._courses) > self._most:
            self._courses.popitem(last=False)

    def _forget_old(self, now: float) -> None:
        while self._courses and next(iter(self._courses.values())).over(now):
            self._courses.popitem(last=False)
