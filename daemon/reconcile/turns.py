"""Whether our next write of a field goes on with a loop: automation on both sides that rewrites the field in turn.

Nothing in a change tells automation's hand from a person's, so turns are counted. Two people who answer each other three times within a
minute, in one field of one record, are held up as well; whoever changes a value on one side only never is, however fast.
"""

from collections.abc import Collection, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import groupby, takewhile
from typing import Final

from daemon.domain.mapping import Field, Step
from daemon.domain.plan import Hold, LedgerKind, Operation, Plan, Rule, Verdict, Write
from daemon.domain.policy import Policy
from daemon.domain.side import Side
from daemon.reconcile.remedy import PARKED_RETRY

TAKE_TURNS: Final = "writes_take_turns"
"""The code of what is held back because it would go on with a loop."""
WINDOW: Final = 60.0
"""Seconds within which writes are counted."""
MOST: Final = 3
"""So many turns of each side, or values put back, are let pass within the window."""
REST: Final = PARKED_RETRY.total_seconds() - WINDOW
"""Seconds for which a field rests after that: until shortly before what was parked is tried again by itself."""
_LONGEST: Final = 2 * MOST * (MOST + 1)
"""So many writes are remembered of a field at most: each of its turns, with what was put back in it."""


class Loop(StrEnum):
    """What goes round."""

    TURNS = "turns"  # each side's write is answered by one of the other
    PUT_BACK = "put_back"  # one side is given back what was agreed, and changes it again


@dataclass(frozen=True, slots=True)
class Written:
    """One write of ours of one field, or one that is about to be made: when, by the monotonic clock in seconds, and to which side.

    `puts_back` says that its giver had not changed: the side that is written is given back what both had agreed on.
    """

    at: float
    side: Side
    puts_back: bool = False


@dataclass(frozen=True, slots=True)
class Course:
    """What is remembered of one field of one pair: our writes, oldest first, and the loop for which it rests until a moment."""

    writes: tuple[Written, ...] = ()
    loop: Loop | None = None
    rests_until: float = 0.0

    def rests(self, now: float) -> bool:
        """Whether it was held back, and has not been long enough."""
        return self.loop is not None and now < self.rests_until

    def over(self, now: float) -> bool:
        """Whether nothing of it matters any more."""
        return not self.rests(now) and all(write.at <= now - WINDOW for write in self.writes[-1:])


def going_on(course: Course, write: Written) -> Loop | None:
    """The loop that this write would go on with; None if it may go out.

    While a field rests because of turns, neither side is written. While it rests because it was put back, what its giver changes goes out.
    """
    if course.rests(write.at) and (course.loop is Loop.TURNS or write.puts_back):
        return course.loop
    recent = _recent(course.writes, write.at)
    if write.puts_back and _put_back(recent, write.side) >= MOST:
        return Loop.PUT_BACK
    return Loop.TURNS if _turns(recent, write.side) >= MOST else None


def after(course: Course, write: Written) -> Course:
    """The course once this write was made. Writes to one side in a row are one turn, as late as the last of them."""
    recent = _recent(course.writes, write.at)
    if not write.puts_back:
        while recent and recent[-1].side is write.side:
            recent = recent[:-1]
    return replace(course, writes=(*recent, write)[-_LONGEST:])


def resting(course: Course, loop: Loop, now: float) -> Course:
    """The course of a field whose write was held back now. A rest that has begun is not prolonged, but a loop of both sides ends one that left its giver free."""
    if course.rests(now) and course.loop in (loop, Loop.TURNS):
        return course
    return replace(course, loop=loop, rests_until=now + REST)


def _recent(writes: Sequence[Written], now: float) -> tuple[Written, ...]:
    return tuple(write for write in writes if write.at > now - WINDOW)


def _turns(recent: Sequence[Written], side: Side) -> int:
    """How many turns each side has had, if a write to this one begins another. They alternate and end with the other side's."""
    sides = [taken for taken, _ in groupby(write.side for write in recent)]
    return sides.count(side) if sides and sides[-1] is side.other else 0


def _put_back(recent: Sequence[Written], side: Side) -> int:
    """How often this side was given back what was agreed since anybody changed the other."""
    return len(list(takewhile(lambda write: write.puts_back and write.side is side, reversed(recent))))


def moved(step: Step, plan: Plan, side: Side) -> dict[str, bool]:
    """The fields of a pair that a plan gives this side because of what the other one holds, each with whether that puts it back.

    A record that wins whole puts nothing back: it won by a change of its own. In Salesforce nothing is put back but under `push_always`.
    """
    write = written(plan, side)
    if write is None or write.operation is not Operation.UPDATE:
        return {}
    if side is Side.SALESFORCE and not any(_sent_always(step.by_name[name]) for name in write.values):
        return dict.fromkeys(write.values, False)
    given = [verdict for verdict in plan.verdicts if verdict.winner is side.other]
    changed = {
        _unit(step.by_name[verdict.field])
        for verdict in given
        if verdict.rule is Rule.RECORD or _gives(verdict, side.other) != verdict.base
    }
    return {
        verdict.field: _unit(step.by_name[verdict.field]) not in changed
        for verdict in given
        if verdict.field in write.values
    }


def held_back(step: Step, plan: Plan, side: Side, fields: Collection[str], hold: Hold) -> Plan:
    """The plan without these fields of its write to one side, and whatever moves together with them; the rest of it goes on.

    What would have lost has not lost yet, and what is not written is not agreed.
    """
    write = written(plan, side)
    assert write is not None
    kept = _together(step, plan, fields)
    values = {name: value for name, value in write.values.items() if name not in kept}
    left = replace(write, values=values) if values else None
    plan = replace(
        plan,
        held={**plan.held, side: hold},
        ledger=tuple(
            entry
            for entry in plan.ledger
            if entry.field not in kept or entry.kind is LedgerKind.UNSEEN or entry.winner is not side.other
        ),
    )
    if side is Side.SALESFORCE:
        return replace(plan, salesforce=left)
    base = {name: value for name, value in plan.base.items() if name not in kept}
    return replace(plan, postgres=left, base=base)


def written(plan: Plan, side: Side) -> Write | None:
    """What a plan writes to a side."""
    return plan.salesforce if side is Side.SALESFORCE else plan.postgres


def _together(step: Step, plan: Plan, fields: Collection[str]) -> AbstractSet[str]:
    """These fields and all that is written with them or not at all: their groups, and the whole record where one of them goes with it.

    With half of such a record written, what it had won over would be the only edit that is left, and win.
    """
    units = {_unit(step.by_name[name]) for name in fields}
    kept = {item.name for item in step.fields if _unit(item) in units}
    whole = {verdict.field for verdict in plan.verdicts if verdict.rule is Rule.RECORD}
    return kept if kept.isdisjoint(whole) else kept | whole


def _sent_always(item: Field) -> bool:
    return item.conflict.policy is Policy.PUSH_ALWAYS


def _gives(verdict: Verdict, side: Side) -> object:
    return verdict.salesforce if side is Side.SALESFORCE else verdict.postgres


def _unit(item: Field) -> tuple[str, str]:
    """What a field moves together with: its group, or itself."""
    return ("group", item.group) if item.group else ("field", item.name)
