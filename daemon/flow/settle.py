"""The heart of the road: observations of Salesforce records settled against their rows, in one transaction.

Whatever is written to the user's tables is written here, from a row that is locked and read in the same transaction.
A row that cannot be written, a reference that is not there, an identifier that is ambiguous keep their own record
back, with a reason, and no other.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from daemon.domain.change import Change, ChangeKind, Source
from daemon.domain.failure import Failure, FailureKind, Reason
from daemon.domain.link import LinkOrigin, LinkState
from daemon.domain.mapping import Step
from daemon.domain.plan import Hold, LinkAction, LinkChange, Operation, Outcome, Plan
from daemon.domain.side import Side
from daemon.domain.value import Value
from daemon.domain.view import Presence, View
from daemon.flow.accounts import count_plan, journal_entry, operation_name, outcome_name
from daemon.flow.acting import act, runs
from daemon.flow.deferral import after_failure, after_hold, conflict_over
from daemon.flow.effects import Effects, reread
from daemon.flow.links import account_link, new_link
from daemon.flow.loops import hold_pair, mark_parked, pulled
from daemon.flow.memberships import pair_by_references
from daemon.flow.observation import Observation
from daemon.flow.pairing import Pair, pair_up
from daemon.flow.parts import Parts
from daemon.flow.renames import RENAMED, being_renamed
from daemon.flow.rowwrites import row_write
from daemon.flow.turns import Move
from daemon.flow.unseen import restoring, unseen
from daemon.flow.views import References, postgres_view, salesforce_view
from daemon.ports.failpoints import Failpoint
from daemon.ports.store import LedgerLine, Row, RowResult, RowWrite, Unit
from daemon.reconcile.decide import decide
from daemon.reconcile.fold import lasting

HELD_ELSEWHERE = Failure(
    FailureKind.BUSY,
    Reason.ROW_LOCK,
    "55P03",
    "Another session holds the row.",
    "Nothing: it is tried again every second or two until the row is free.",
)


@dataclass(frozen=True, slots=True)
class Settled:
    """What became of observations, beside what was written.

    `undecided` are the records about which nothing could be decided, because another session holds their rows. `moves` are writes to
    rows that may be part of a loop: whoever commits them notes them.
    """

    undecided: set[str] = field(default_factory=set)
    moves: list[Move] = field(default_factory=list)


async def settle(parts: Parts, unit: Unit, observations: Sequence[Observation]) -> Settled:
    """Settle observations, step by step in the order of the steps: parents' links are there for their children."""
    done = Settled()
    for step in parts.steps.ordered:
        group = [item for item in observations if item.step.name == step.name]
        if group:
            pairs = await _settle_group(parts, unit, step, group)
            done.undecided.update(p.seen.sf_id for p in pairs if p.result and _undecided(p.result.failure))
            done.moves.extend(pulled(parts, pairs))
    return done


async def _settle_group(parts: Parts, unit: Unit, step: Step, group: Sequence[Observation]) -> list[Pair]:
    pairs = await pair_up(unit, step, group)
    if step.references:
        await pair_by_references(unit, parts.steps, step, pairs)
    keys = sorted({pair.key for pair in pairs if pair.key is not None})
    rows = await unit.rows(step, keys) if keys else {}
    references = await References.load(
        unit, parts.steps, step, rows.values(), [pair.seen.raw for pair in pairs]
    )
    effects = Effects()
    pairs = _read_first(parts, pairs, rows, effects)
    moving = await being_renamed(unit, parts.steps, step, keys)
    for pair in pairs:
        if pair.key in moving:
            pair.result = RowResult(pair.key, failure=RENAMED)
    local = await _decide_all(parts, unit, step, pairs, rows, references)
    await _write_rows(unit, step, pairs, references)
    await parts.failpoints.reach(Failpoint.ROWS_WRITTEN)
    for pair in pairs:
        _account(parts, pair, effects, local.get(pair.key or "", []), references)
    await _store(parts, unit, step, effects)
    return pairs


def _undecided(failure: Failure | None) -> bool:
    """Whether nothing could be decided, whatever the record and the row hold."""
    return failure is HELD_ELSEWHERE or failure is RENAMED


def _read_first(parts: Parts, pairs: Sequence[Pair], rows: Mapping[str, Row], effects: Effects) -> list[Pair]:
    """The pairs that can be decided. A row that is gone, or has another key by now, needs the record whole."""
    decidable: list[Pair] = []
    for pair in pairs:
        part = pair.seen.presence is Presence.PRESENT and not pair.seen.complete
        linked = pair.link is not None and pair.link.state is LinkState.LINKED
        if part and linked and pair.seen.own is None and pair.key not in rows:
            effects.stored.append(reread(pair))
            effects.settled += [change.id for change in pair.seen.changes]
        else:
            decidable.append(pair)
    return decidable


async def _decide_all(
    parts: Parts,
    unit: Unit,
    step: Step,
    pairs: Sequence[Pair],
    rows: Mapping[str, Row],
    references: References,
) -> dict[str, list[Change]]:
    """Give each pair its row and its plan. Local changes are read only for rows that stand out against their base."""
    views: list[View] = []
    for pair in pairs:
        pair.row = rows.get(pair.key) if pair.key is not None else None
        if pair.row is not None and pair.row.locked:
            pair.result = RowResult(pair.key, failure=HELD_ELSEWHERE)
        views.append(postgres_view(step, pair.row, references, (), parts.skew.offset))
    suspects = [
        pair.key for pair, view in zip(pairs, views, strict=True) if pair.key and _stands_out(pair, view)
    ]
    local = await unit.local_changes(step.name, suspects) if suspects else {}
    for pair, view in zip(pairs, views, strict=True):
        if pair.hold is None and pair.result is None:
            changes = local.get(pair.key or "", [])
            ours = postgres_view(step, pair.row, references, changes, parts.skew.offset) if changes else view
            _decide(step, pair, ours, references)
            hold_pair(parts, pair)
    await mark_parked(unit, pairs)
    return local


def _stands_out(pair: Pair, view: View) -> bool:
    base = _based(pair)
    return (
        pair.link is None
        or view.presence is Presence.GONE
        or any(base.get(name) != value for name, value in view.values.items())
    )


def _based(pair: Pair) -> dict[str, Value]:
    former = (
        pair.link is not None and pair.link.sf_id != pair.seen.sf_id
    )  # what was agreed with another record
    return {**(pair.link.base if pair.link and not former else {}), **pair.seen.confirmed}


def _decide(step: Step, pair: Pair, ours: View, references: References) -> None:
    seen = pair.seen
    if seen.presence is Presence.PRESENT:
        theirs = salesforce_view(
            step,
            seen.raw,
            references,
            at=seen.at,
            complete=seen.complete,
            absent_is_null=seen.absent_is_null,
            times=seen.times,
            outside=seen.outside,
        )
    else:
        theirs = View(seen.presence, {}, changed_at=seen.at, merged_into=seen.merged_into)
    link = replace(pair.link, base=_based(pair), own=seen.own or pair.link.own) if pair.link else None
    if pair.key is None:
        ours = View(Presence.MISSING, {})
    if link is None and seen.confirmed and pair.key is not None and theirs.presence is Presence.PRESENT:
        plan = (
            _just_created(step, pair, theirs, ours)
            if ours.presence is Presence.PRESENT
            else Plan(link=LinkChange(LinkAction.CREATE, origin=pair.origin or LinkOrigin.CREATED))
        )  # a row that is gone or renamed by now: the change that tells of it waits, and finds the record by the link
    else:
        plan = decide(
            step, link, theirs, ours, origin=pair.origin, survivor_is_linked=pair.survivor_is_linked
        )
    replaced = unseen(seen, pair.link)
    pair.restores = any(entry.winner is Side.SALESFORCE for entry in replaced)
    pair.plan = restoring(plan, replaced, ours.values)


def _just_created(step: Step, pair: Pair, theirs: View, ours: View) -> Plan:
    """The record was made from the row: both agreed on what was sent, and only later changes stand out against it."""
    link = replace(new_link(pair), base=_based(pair), own=pair.seen.own)
    plan = decide(step, link, theirs, ours)
    return replace(plan, link=LinkChange(LinkAction.CREATE, origin=pair.origin or LinkOrigin.CREATED))


async def _write_rows(unit: Unit, step: Step, pairs: Sequence[Pair], references: References) -> None:
    wanted: list[tuple[Pair, RowWrite]] = []
    for pair in pairs:
        undecided = pair.hold is not None or pair.result is not None
        write = None if undecided else row_write(step, pair, references)
        if write is not None:
            wanted.append((pair, write))
    if not wanted:
        return
    results = await unit.write_rows(step, [write for _, write in wanted])
    for (pair, _), result in zip(wanted, results, strict=True):
        pair.result = result
        if result.key is not None:
            pair.key = result.key


def _account(
    parts: Parts, pair: Pair, effects: Effects, local: Sequence[Change], references: References
) -> None:
    """Turn one pair's plan and its result into what is stored."""
    failure = pair.result.failure if pair.result is not None else None
    hold = pair.hold or pair.plan.held.get(Side.POSTGRES)
    if hold is None and not local and not pair.seen.kept:
        other = pair.plan.held.get(
            Side.SALESFORCE
        )  # nothing is stored of the local side that could wait with it
        hold = other if other is not None and other.outcome is Outcome.PARK else None
    if failure is not None:
        _keep_back(parts, pair, effects, failure=failure)
    elif hold is not None and hold.outcome is not Outcome.SKIP:
        _keep_back(parts, pair, effects, hold=hold)
    else:
        effects.settled += [change.id for change in pair.seen.changes]
        effects.deferred += conflict_over(local, pair.seen.kept)
    account_link(parts, pair, effects, failed=failure is not None)
    if failure is None and pair.hold is None:
        _leave_to_push(parts, pair, effects, local, references)
        effects.runs += runs(parts, pair)
    _write_down(parts, pair, effects, failure, hold)


def _keep_back(
    parts: Parts, pair: Pair, effects: Effects, *, failure: Failure | None = None, hold: Hold | None = None
) -> None:
    """The record cannot be applied now: its stored changes wait, and one is stored where there was none."""
    step = pair.seen.step
    waiting = [change for change in pair.seen.changes if change.side is Side.SALESFORCE]
    effects.settled += [change.id for change in pair.seen.changes if change.side is Side.POSTGRES]
    undecided = _undecided(failure)  # what each event told has been compared with nothing yet
    if undecided and failure is not None:
        effects.deferred += [after_failure(parts, step, change, failure) for change in waiting[:-1]]
    else:
        effects.settled += [change.id for change in waiting[:-1]]
    if pair.parked and failure is None:
        effects.settled += [change.id for change in waiting[-1:]]
        return
    last = waiting[-1] if waiting else _told(pair) if undecided else reread(pair)
    deferral = (
        after_failure(parts, step, last, failure)
        if failure is not None
        else after_hold(parts, step, last, _hold(hold))
    )
    if waiting:
        effects.deferred.append(deferral)
    else:
        effects.stored.append(
            replace(
                last,
                state=deferral.state,
                due=deferral.due,
                attempts=deferral.attempts,
                code=deferral.code,
                reason=deferral.reason,
                advice=deferral.advice,
                waiting_for=deferral.waiting_for,
            )
        )


def _hold(hold: Hold | None) -> Hold:
    assert hold is not None
    return hold


def _told(pair: Pair) -> Change:
    """The record is to be read, and what its events told is kept until then: a write of ours may have replaced it."""
    change = reread(pair)
    part = pair.seen.presence is Presence.PRESENT and not pair.seen.complete
    return replace(change, kind=ChangeKind.UPDATE, values=pair.seen.raw) if part and pair.seen.raw else change


def _leave_to_push(
    parts: Parts, pair: Pair, effects: Effects, local: Sequence[Change], references: References
) -> None:
    """What Salesforce still has to be told goes down the same road as any local change."""
    settled = {change.id for change in (*pair.seen.changes, *pair.seen.kept)}
    waiting = any(change.id not in settled for change in local) or bool(pair.seen.kept)
    rewritten = pair.restores or _rewritten(pair, references)
    if rewritten or (pair.plan.salesforce is not None and not waiting):
        effects.stored += _left_over(parts, pair, [] if rewritten else local)


_KINDS: Final = {
    Operation.CREATE: ChangeKind.CREATE,  # the record is gone: the base cannot stand for it
    Operation.UPDATE: ChangeKind.UPDATE,
    Operation.DELETE: ChangeKind.DELETE,
}


def _left_over(parts: Parts, pair: Pair, local: Sequence[Change]) -> list[Change]:
    """What goes on with what captured changes began: as old as they are, and of the same columns."""
    left = Change(
        step=pair.seen.step.name,
        side=Side.POSTGRES,
        kind=_KINDS[pair.plan.salesforce.operation]
        if pair.plan.salesforce is not None
        else ChangeKind.UPDATE,
        source=Source.ENGINE,
        at=parts.clock.now(),
        key=pair.key,
    )
    return [
        replace(left, at=captured.at, values=captured.values, old_values=captured.old_values)
        for captured in lasting(local)
    ] or [left]


def _rewritten(pair: Pair, references: References) -> bool:
    """Whether the row came back different from what was written: the user's own trigger spoke, and is to be heard."""
    write = pair.plan.postgres
    if pair.result is None or pair.result.row is None or write is None:
        return False
    stored = postgres_view(pair.seen.step, pair.result.row, references, (), 0.0).values
    wanted = {**pair.plan.base, **write.values} if write.operation is Operation.CREATE else write.values
    step = pair.seen.step
    return any(
        stored.get(name, value) != value
        for name, value in wanted.items()
        if step.by_name[name].direction.pushes
    )


def _write_down(
    parts: Parts, pair: Pair, effects: Effects, failure: Failure | None, hold: Hold | None
) -> None:
    plan, seen = pair.plan, pair.seen
    now = parts.clock.now()
    outcome = outcome_name(
        plan, failed=failure is not None or (hold is not None and hold.outcome is Outcome.PARK)
    )
    operation = operation_name(plan, Side.POSTGRES)
    count_plan(parts.meter, seen.step, plan, "pull", operation, outcome)
    if pair.key is not None:
        effects.ledger += [
            LedgerLine(seen.step.name, seen.sf_id, pair.key, now, entry) for entry in plan.ledger
        ]
    if outcome == "unchanged" and not plan.ledger:
        return
    if outcome == "applied":
        effects.latencies.append((seen.step, seen.at))
    effects.journal.append(
        journal_entry(
            at=now,
            step=seen.step,
            sf_id=seen.sf_id,
            key=pair.key,
            source=seen.source.value,
            direction="pull",
            plan=plan,
            operation=operation,
            outcome=outcome,
            code=failure.code if failure else hold.code if hold else None,
            inputs={"raw": dict(seen.raw), "at": seen.at.isoformat(), "presence": seen.presence.value},
        )
    )


async def _store(parts: Parts, unit: Unit, step: Step, effects: Effects) -> None:
    if effects.removed:
        await unit.remove_links(effects.removed)
    await unit.put_links(effects.links)
    await parts.failpoints.reach(Failpoint.LINKS_WRITTEN)
    if effects.runs:
        await act(parts, unit, step, effects.runs)
    await unit.settle(effects.settled)
    await unit.defer(effects.deferred)
    await unit.store_changes(effects.stored)
    await unit.journal(effects.journal)
    await unit.ledger(effects.ledger)
    if effects.released:
        await unit.release_waiting(effects.released)
    now = parts.clock.now()
    for owner, at in effects.latencies:
        parts.meter.observe(
            "isthmus_sync_latency_seconds",
            max(0.0, (now - at).total_seconds()),
            step=owner.name,
            direction="pull",
        )
        parts.meter.gauge(
            "isthmus_last_applied_timestamp_seconds", now.timestamp(), step=owner.name, direction="pull"
        )
