"""Loops through both sides are stopped: what would go on with one is held back, and its pair is parked.

A flow and a trigger that rewrite a field in turn would have us write for ever, at the cost of the org's API allowance. Each decision is held
against what was written within the last minute (`daemon.flow.turns`, `daemon.reconcile.turns`), without a query.
"""

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace
from typing import Final

import structlog

from daemon.domain.change import Change, ChangeState, Source
from daemon.domain.failure import FailureKind
from daemon.domain.link import Link
from daemon.domain.mapping import Step
from daemon.domain.plan import Hold, Operation, Outcome, Plan, Write
from daemon.domain.policy import Owned
from daemon.domain.side import Direction, Side
from daemon.domain.value import Value
from daemon.flow.cases import Case
from daemon.flow.pairing import Pair
from daemon.flow.parts import Parts
from daemon.flow.refused import shown
from daemon.flow.turns import Move
from daemon.ports.store import Unit
from daemon.reconcile.turns import MOST, TAKE_TURNS, WINDOW, Loop, held_back, moved, written

log = structlog.get_logger(__name__)

_NAMED: Final = 5
"""So many fields are named in a message."""


# --- before a write ---------------------------------------------------------------------------------------------------


def hold_case(parts: Parts, case: Case, local: Sequence[Change]) -> None:
    """Take out of a case's plan what would go on with a loop. `local` are the unsettled changes of its row.

    What the row gets is decided again when the case is settled, and held back there. Here its local edits are kept from being settled
    with it, because their time may still be asked for. What an operator orders is counted anew (`let_go`), so nothing of it is held back.
    """
    if case.link is None or any(_ordered(change) for change in case.changes):
        return
    coming = written(case.plan, Side.POSTGRES)
    case.plan, _ = _hold_back(parts, case.step, case.link, case.plan, Side.POSTGRES)
    if not case.ours:
        return
    case.plan, case.loops = _hold_back(parts, case.step, case.link, case.plan, Side.SALESFORCE)
    if not case.loops and _overrules(case, coming):
        held = {Side.SALESFORCE: case.plan.held[Side.POSTGRES], **case.plan.held}
        case.plan = replace(case.plan, held=held)
    hold = case.plan.held.get(Side.SALESFORCE)
    if hold is not None and hold.code == TAKE_TURNS:
        parked = {c.id: c for c in local if c.code == TAKE_TURNS and c.state is ChangeState.PARKED}
        together = {**parked, **{change.id: change for change in case.ours}}
        case.ours = tuple(together[number] for number in sorted(together))


def hold_pair(parts: Parts, pair: Pair) -> None:
    """Take out of a pair's plan what its row would be given by a loop, and let the fields rest."""
    if pair.link is None:
        return
    step, link = pair.seen.step, pair.link
    pair.plan, loops = _hold_back(parts, step, link, pair.plan, Side.POSTGRES)
    _rest(parts, step, link, Side.POSTGRES, loops)


def let_rest(parts: Parts, cases: Iterable[Case]) -> None:
    """Let the fields rest whose write to Salesforce is held back."""
    for case in cases:
        if case.link is not None:
            _rest(parts, case.step, case.link, Side.SALESFORCE, case.loops)


def let_go(parts: Parts, cases: Iterable[Case]) -> None:
    """An operator who has a pair tried again, or orders a look at it, means it to be written: its writes are counted anew."""
    for case in cases:
        if case.link is not None and any(_ordered(change) for change in case.changes):
            parts.turns.forget(case.link.id, case.step.by_name)


async def mark_parked(unit: Unit, pairs: Sequence[Pair]) -> None:
    """Tell the pairs that are held back once more of what is parked of them already, and not in hand: one line in the list is enough."""
    held = [pair for pair in pairs if _is_held(pair.plan.held.get(Side.POSTGRES))]
    parked = await unit.parked_records([pair.seen.sf_id for pair in held]) if held else {}
    for pair in held:
        in_hand = any(change.state is ChangeState.PARKED for change in pair.seen.changes)
        pair.parked = parked.get(pair.seen.sf_id) == TAKE_TURNS and not in_hand


def _hold_back(
    parts: Parts, step: Step, link: Link, plan: Plan, side: Side
) -> tuple[Plan, Mapping[str, Loop]]:
    write = written(plan, side)
    if write is None or not parts.turns.knows(link.id, write.values):
        return plan, {}
    loops = parts.turns.loops(Move(link.id, side, moved(step, plan, side)), parts.clock.monotonic())
    if not loops:
        return plan, {}
    return held_back(step, plan, side, loops, _hold(step, link, plan, side, loops)), loops


def _overrules(case: Case, coming: Write | None) -> bool:
    """Whether what is held back of a write to the row would have replaced an edit that might have gone to Salesforce."""
    left = written(case.plan, Side.POSTGRES)
    kept = _names(coming) - _names(left)
    return any(
        verdict.field in kept
        and verdict.postgres != verdict.base
        and case.step.by_name[verdict.field].direction.pushes
        for verdict in case.plan.verdicts
    )


def _names(write: Write | None) -> AbstractSet[str]:
    return write.values.keys() if write is not None else frozenset()


def _rest(parts: Parts, step: Step, link: Link, side: Side, loops: Mapping[str, Loop]) -> None:
    begun = parts.turns.rest(link.id, loops, parts.clock.monotonic()) if loops else []
    direction = (Direction.PUSH if side is Side.SALESFORCE else Direction.PULL).value
    for name in begun:
        parts.meter.count("isthmus_write_loops_total", step=step.called(direction), direction=direction)
        log.warning(
            TAKE_TURNS, step=step.called(direction), sf_id=link.sf_id, key=link.key, field=name, loop=loops[name].value
        )  # fmt: skip


def _ordered(change: Change) -> bool:
    """Whether an operator's order is what brings a change here, not the hourly try of one that was ordered once."""
    return change.source is Source.OPERATOR and change.state is ChangeState.PENDING


def _is_held(hold: Hold | None) -> bool:
    return hold is not None and hold.code == TAKE_TURNS


# --- after a write ----------------------------------------------------------------------------------------------------


def pushed(cases: Iterable[Case]) -> list[Move]:
    """What was written to Salesforce of linked pairs, or may have been: no answer is no refusal."""
    return [
        Move(case.link.id, Side.SALESFORCE, moved(case.step, case.plan, Side.SALESFORCE))
        for case in cases
        if case.link is not None and _was_sent(case)
    ]


def _was_sent(case: Case) -> bool:
    if case.result is None or not case.sent:
        return False
    failure = case.result.failure
    return failure is None or failure.kind is FailureKind.UNKNOWN_OUTCOME


def pulled(parts: Parts, pairs: Iterable[Pair]) -> list[Move]:
    """What was written to the rows of linked pairs, as far as it may be part of a loop. To be noted once it is committed."""
    return [
        Move(pair.link.id, Side.POSTGRES, moved(pair.seen.step, pair.plan, Side.POSTGRES))
        for pair in pairs
        if pair.link is not None and _may_matter(parts, pair, pair.link)
    ]


def _may_matter(parts: Parts, pair: Pair, link: Link) -> bool:
    write = pair.plan.postgres
    if write is None or write.operation is not Operation.UPDATE:
        return False
    if pair.result is None or pair.result.failure is not None:
        return False
    return pair.seen.step.owned is Owned.OVERWRITE or parts.turns.knows(link.id, write.values)


# --- what a person is told --------------------------------------------------------------------------------------------


def _hold(step: Step, link: Link, plan: Plan, side: Side, loops: Mapping[str, Loop]) -> Hold:
    direction = (Direction.PUSH if side is Side.SALESFORCE else Direction.PULL).value
    names = list(loops)[:_NAMED]
    given = {verdict.field: verdict for verdict in plan.verdicts}
    now = "; ".join(
        f"{name} is {_shown(step, name, given[name].salesforce)} in Salesforce and "
        f"{_shown(step, name, given[name].postgres)} in PostgreSQL"
        for name in names
    )
    record, row = f"{step.object} {link.sf_id}", f"{step.table.qualified} {link.key}"
    fields = ", ".join(names)
    columns = ", ".join(filter(None, (step.by_name[name].column for name in names)))
    if Loop.TURNS in loops.values():
        what = f"step {step.called(direction)} wrote {fields} of {record} and of {row} in turn, {MOST} times each"
        who = f"a flow or Apex trigger in Salesforce that sets {fields}, and a trigger or job of the database that sets {columns}"
        how = "Take one of them out, or map the field one way"
    elif side is Side.POSTGRES:
        what = f"step {step.called(direction)} gave {row} the {fields} of {record} back, {MOST} times"
        who = f"a trigger or job of the database that sets {columns} of {step.table.qualified}"
        how = "Take it out, or do without `owned: overwrite`"
    else:
        what = f"step {step.called(direction)} gave {record} the {fields} of {row} back, {MOST} times"
        who = f"a flow or Apex trigger in Salesforce that sets {fields} of {step.object}"
        how = "Take it out, or do without `push_always`"
    return Hold(
        Outcome.PARK,
        TAKE_TURNS,
        f"Within {WINDOW:g} s {what}, and each time it was changed again: {now}.",
        f"Look for {who}. {how}; then: isthmus parked retry --code {TAKE_TURNS}.",
    )


def _shown(step: Step, name: str, value: Value) -> str:
    return shown(step.by_name[name], ", ".join(value) if isinstance(value, tuple) else _text(value))


def _text(value: Value) -> str:
    return "" if value is None else str(value)
