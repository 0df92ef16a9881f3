"""The end of the worker's round: every case becomes an observation, a settled change or a deferred one."""

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace

from daemon.domain.change import Change, ChangeState
from daemon.domain.failure import DatabaseFailedError, Failure, FailureKind, Reason
from daemon.domain.mapping import Step
from daemon.domain.plan import Hold, Operation, Outcome
from daemon.domain.side import Side
from daemon.flow.accounts import count_plan, journal_entry, operation_name, overruled
from daemon.flow.cases import Case, look_back
from daemon.flow.changed_meanwhile import call_as_now, find_occupied
from daemon.flow.deferral import (
    after_failure,
    after_hold,
    beside_conflict,
    load_reference,
    release_found,
)
from daemon.flow.loops import pushed
from daemon.flow.observing import COMMIT, deletion_disputed, observed
from daemon.flow.parts import Parts
from daemon.flow.planning import made, pending_hold
from daemon.flow.refused import with_values
from daemon.flow.sending import raw_values
from daemon.flow.settle import settle
from daemon.flow.stream import QUICK, REPEATS
from daemon.flow.turns import Move
from daemon.ports.failpoints import Failpoint
from daemon.ports.store import Deferral, JournalEntry, Unit
from daemon.reconcile.fold import lasting
from daemon.reconcile.pace import UNANSWERED, suspicion, tries
from daemon.reconcile.remedy import backoff
from daemon.reconcile.turns import TAKE_TURNS


async def finish_batch(parts: Parts, step: Step, cases: Sequence[Case], *, late: bool = False) -> None:
    """Settle in a transaction of its own. A deadlock or a lost connection undid the whole: it is done again, as long as Salesforce's answers are known.

    `late` says that others may have decided since the cases were gathered: rows were renamed, and records found by them.
    """
    parts.turns.note(pushed(cases), parts.clock.monotonic())
    for attempt in range(1, REPEATS + 1):
        try:
            async with parts.writing, parts.store.begin() as unit:
                moves = await finish(parts, unit, step, cases, late=late)
                await parts.failpoints.reach(Failpoint.OUTCOMES_WRITTEN)
        except DatabaseFailedError as error:
            if error.failure.kind is not FailureKind.TRANSIENT or attempt == REPEATS:
                raise
            await parts.clock.sleep(backoff(QUICK, attempt, parts.jitter()).total_seconds())
        else:
            parts.turns.note(moves, parts.clock.monotonic())
            return


async def finish(
    parts: Parts, unit: Unit, step: Step, cases: Sequence[Case], *, late: bool = False
) -> list[Move]:
    """Settle the cases of one step in the transaction that is given. Returns the writes to rows that are to be noted once it is committed."""
    if late:
        await call_as_now(unit, cases)
    await look_back(unit, cases)
    await find_occupied(unit, cases, late=late)
    await _link_deleted(unit, step, cases)
    early = await _gone_while_loading(parts, step, cases)
    observations = [
        seen for case in cases if case.sf_id not in early and (seen := observed(parts, case)) is not None
    ]
    done = await settle(parts, unit, observations)
    undecided = done.undecided
    observed_ids = {seen.sf_id for seen in observations}
    settled: list[int] = []
    deferred: list[Deferral] = []
    journal: list[JournalEntry] = []
    for case in cases:
        if _record(case) in undecided and not _kept_back(case):
            deferred += [_until_free(parts, case, change) for change in case.ours]
        else:
            _finish_ours(parts, case, settled, deferred)
        if case.sf_id in early:
            deferred += [after_hold(parts, step, change, _while_loading(step)) for change in case.theirs]
        elif case.sf_id not in observed_ids:
            _finish_theirs(parts, case, settled, deferred)
        journal += _journal(parts, case)
    await unit.settle(settled)
    await unit.defer(deferred)
    await release_found(parts, unit, deferred)
    await unit.journal(journal)
    await _calm_links(unit, cases)
    await _settle_superseded(unit, step, cases, undecided)
    return done.moves


async def _link_deleted(unit: Unit, step: Step, cases: Sequence[Case]) -> None:
    """Pair rows with the records that creates in doubt made of them and that were deleted since: what a deletion calls for is decided of pairs."""
    found = {
        case.key: link
        for case in cases
        if ((case.to_link and case.record is None) or _unmade(case))
        and case.key is not None
        and (link := made(case)) is not None
    }
    if found:
        taken = await unit.links_of_rows(step.table.qualified, sorted(found))
        await unit.put_links([link for key, link in found.items() if key not in taken])


def _unmade(case: Case) -> bool:
    """Whether a record was deleted that a create in doubt had made: a late event of it must find that it was known."""
    write, result = case.plan.salesforce, case.result
    done = result is not None and result.failure is None
    return case.link is None and done and write is not None and write.operation is Operation.DELETE


async def _gone_while_loading(parts: Parts, step: Step, cases: Sequence[Case]) -> frozenset[str | None]:
    """Records that nobody knows and that are gone, while the first load may hold them still as it read them.

    Their changes wait for its end: what is waiting, a load leaves alone.
    """
    found = frozenset(
        case.sf_id for case in cases if case.theirs and not case.ours and (case.link or case.record) is None
    )
    return found if found and await parts.store.first_load(step.name) == "running" else frozenset()


def _while_loading(step: Step) -> Hold:
    return Hold(
        Outcome.WAIT,
        "first_load",
        "The record is gone, and its object is being read whole for the first time.",
        "Nothing: it is looked at again when that is done.",
        Reason.OTHER,
        waiting_for=load_reference(step.name),
    )


def _finish_ours(parts: Parts, case: Case, settled: list[int], deferred: list[Deferral]) -> None:
    """The local side's changes: settled, or waiting for another try, another record or a person."""
    if not case.ours:
        return
    if case.untold:
        deferred += [_later(parts, change) for change in case.ours]
        return
    failure = _refusal(case)
    hold = pending_hold(case)
    last = case.ours[-1]
    kept: Deferral | None = None
    if failure is not None:
        in_doubt = failure.kind is FailureKind.UNKNOWN_OUTCOME
        kept = _in_doubt(parts, case, failure) if in_doubt else after_failure(parts, case.step, last, failure)
    elif hold is not None:
        kept = after_hold(parts, case.step, last, hold)
    elif case.overtaken and case.result is None:
        deferred += [_again(change) for change in case.ours]
        return
    elif case.overtaken:
        kept = Deferral(last.id, ChangeState.PENDING, None, last.attempts)
    elif case.to_link:
        deferred += [Deferral(change.id, ChangeState.PENDING, None, change.attempts) for change in case.ours]
        return
    elif (conflict := deletion_disputed(case)) is not None:
        deferred += [beside_conflict(parts, case.step, change, conflict) for change in case.ours]
        return
    going_on = _going_on(case, kept) if kept is not None else []
    deferred += going_on
    settled += sorted({change.id for change in case.ours} - {item.id for item in going_on})


def _going_on(case: Case, kept: Deferral) -> list[Deferral]:
    """The last change goes on for all, with what alone tells when another column was changed."""
    standing_in = _standing_in(case, kept)
    earlier = [replace(standing_in, id=change.id) for change in lasting(case.ours)[:-1]]
    return [*earlier, standing_in]


def _record(case: Case) -> str | None:
    """The record that a case turned out to be about: a create has made it."""
    return (case.result.id if case.result is not None else None) or case.sf_id


def _kept_back(case: Case) -> bool:
    """Whether the local side waits for a reason of its own, whatever the row says."""
    return (case.result is not None and case.result.failure is not None) or pending_hold(case) is not None


def _until_free(parts: Parts, case: Case, change: Change) -> Deferral:
    """Another session holds the row, so nothing was decided of what it holds: a local change stays, or its time would be forgotten."""
    deferral = _later(parts, change)
    return deferral if case.result is None else replace(deferral, state=ChangeState.PENDING)


def _refusal(case: Case) -> Failure | None:
    """Why the case's write was refused, with the values that it sent."""
    failure = case.result.failure if case.result is not None else None
    write = case.plan.salesforce
    if failure is None or write is None:
        return failure
    return with_values(case.step, failure, raw_values(case.step, write))


def _again(change: Change) -> Deferral:
    """At once, and as it was: a write in doubt is in doubt still."""
    in_doubt = change.state is ChangeState.SENT
    return Deferral(change.id, ChangeState.SENT if in_doubt else ChangeState.PENDING, None, change.attempts)


def _standing_in(case: Case, kept: Deferral) -> Deferral:
    """The last change goes on for those before it: under the external id that a create among them was given, and their suspicion."""
    result = case.result
    found = None
    if result is not None and result.failure is not None:
        found = suspicion(result.failure, shared=result.shared, alone=case.blamed)
    found = found or next((change.suspicion for change in reversed(case.ours) if change.suspicion), None)
    named = next((change.external_id for change in case.ours if change.external_id), None)
    return replace(kept, external_id=named, suspicion=found)


def _later(parts: Parts, change: Change) -> Deferral:
    """As it was, in a second: an event that is under way brings it back sooner."""
    state = change.state if change.state is ChangeState.SENT else ChangeState.PENDING
    due = parts.database_now() + COMMIT
    return Deferral(change.id, state, due, change.attempts, change.code, change.reason, change.advice)


def _in_doubt(parts: Parts, case: Case, failure: Failure) -> Deferral:
    """Nobody knows whether it was done: it stays sent, and is resolved by reading at its next turn."""
    last = case.ours[-1]
    tried = tries(case.ours)
    delay = backoff(case.step.retry, tried, parts.jitter())
    parts.meter.count(
        "isthmus_record_failures_total",
        step=case.step.called("push"),
        direction="push",
        reason=failure.reason.value,
    )
    return Deferral(
        last.id,
        ChangeState.SENT,
        parts.database_now() + delay,
        tried,
        UNANSWERED if case.blamed else failure.code,
        f"{failure.reason.value}: {failure.message}",
        failure.advice,
    )


def _finish_theirs(parts: Parts, case: Case, settled: list[int], deferred: list[Deferral]) -> None:
    """Salesforce-side changes of a case about which nothing was observed."""
    if not case.theirs:
        return
    if case.untold:
        deferred += [_later(parts, change) for change in case.theirs]
        return
    result = case.result
    unanswered = result is not None and result.failure is not None
    if case.overtaken and not unanswered:
        deferred += [
            Deferral(change.id, ChangeState.PENDING, None, change.attempts) for change in case.theirs
        ]
        return
    if case.hold is not None and not case.ours:
        deferred.append(after_hold(parts, case.step, case.theirs[-1], case.hold))
        settled += [change.id for change in case.theirs[:-1]]
    elif unanswered and result is not None and result.failure is not None:
        deferred += [after_failure(parts, case.step, change, result.failure) for change in case.theirs]
    else:
        settled += [change.id for change in case.theirs]


def _journal(parts: Parts, case: Case) -> list[JournalEntry]:
    if not case.ours or (case.plan.salesforce is None and pending_hold(case) is None and not _tells(case)):
        return []
    failure = case.result.failure if case.result is not None else None
    hold = case.hold or case.plan.held.get(Side.SALESFORCE)
    written = case.result is not None and failure is None
    waits = hold is not None and hold.outcome is not Outcome.PARK
    outcome = "applied" if written else "skipped" if waits and failure is None else "parked"
    operation = operation_name(case.plan, Side.SALESFORCE)
    told = overruled(case.plan) if written else ()
    count_plan(parts.meter, case.step, replace(case.plan, ledger=told), "push", operation, outcome)
    now = parts.clock.now()
    if written:
        waited = max(0.0, (now - case.ours[0].at).total_seconds())
        parts.meter.observe(
            "isthmus_sync_latency_seconds", waited, step=case.step.called("push"), direction="push"
        )
        parts.meter.gauge(
            "isthmus_last_applied_timestamp_seconds",
            now.timestamp(),
            step=case.step.called("push"),
            direction="push",
        )
    return [
        journal_entry(
            at=now,
            step=case.step,
            sf_id=case.result.id if written and case.result is not None else case.sf_id,
            key=case.key,
            source=case.ours[-1].source.value,
            direction="push",
            plan=case.plan,
            operation=operation,
            outcome=outcome,
            code=failure.code if failure else hold.code if hold else None,
            inputs={"changes": [change.id for change in case.ours], "blind": case.blind},
        )
    ]


def _tells(case: Case) -> bool:
    """Whether a hold is to be told with the local side. What a loop keeps from the row is told where the row is settled."""
    return any(hold.code != TAKE_TURNS for hold in case.plan.held.values())


async def _calm_links(unit: Unit, cases: Sequence[Case]) -> None:
    """A conditional write that was refused was not done: its link is in doubt no more."""
    calm = [
        case.link
        for case in cases
        if case.link is not None
        and case.record is None
        and case.deleted is None
        and case.blind
        and case.result is not None
        and case.result.failure is not None
        and case.result.failure.kind is not FailureKind.UNKNOWN_OUTCOME
    ]
    await unit.put_links(calm)


async def _settle_superseded(
    unit: Unit, step: Step, cases: Sequence[Case], undecided: AbstractSet[str]
) -> None:
    """A newer state has been written: whatever older change of the record was parked is told by it."""
    written = [c for c in cases if c.ours and c.result is not None and c.result.failure is None]
    done = [case for case in written if _record(case) not in undecided]
    keys = {
        case.key: case.ours[-1].id for case in done if case.key is not None and pending_hold(case) is None
    }
    if keys:
        await unit.settle_rows(step.name, sorted(keys), min(keys.values()) - 1)
    whole = {
        case.sf_id: case.theirs[-1].id - 1
        for case in cases
        if case.sf_id is not None
        and case.sf_id not in undecided
        and case.theirs
        and _told_by_now(case)
        and not (case.link is not None and case.link.windows)  # an older one may tell what a write replaced
    }
    if whole:
        await unit.settle_records(whole)


def _told_by_now(case: Case) -> bool:
    """Whether older changes of the record say nothing that is not settled, or kept under one reason, by this look at it."""
    if case.hold is not None:
        return False
    if case.plan.held:
        return any(hold.outcome is Outcome.PARK for hold in case.plan.held.values()) and not case.ours
    return case.record is not None
