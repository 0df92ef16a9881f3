"""The end of the worker's round: every case becomes an observation, a settled change or a deferred one."""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Final

from daemon.domain.change import Change, ChangeState, Source
from daemon.domain.failure import Failure, FailureKind, Reason
from daemon.domain.link import LinkOrigin, Window
from daemon.domain.mapping import Step
from daemon.domain.plan import Hold, Operation, Outcome
from daemon.domain.side import Side
from daemon.domain.value import Raw, values_from_json
from daemon.domain.view import Presence
from daemon.flow.accounts import count_plan, journal_entry, operation_name, overruled
from daemon.flow.cases import Case, look_back
from daemon.flow.deferral import (
    after_failure,
    after_hold,
    beside_conflict,
    load_reference,
    release_found,
)
from daemon.flow.observation import Observation
from daemon.flow.parts import Parts
from daemon.flow.planning import confirmed, held, made, pending_hold
from daemon.flow.refused import with_values
from daemon.flow.sending import raw_values, taken
from daemon.flow.settle import settle
from daemon.ports.store import Deferral, JournalEntry, Unit
from daemon.reconcile.decide import DELETE_CONFLICT
from daemon.reconcile.pace import UNANSWERED, suspicion, tries
from daemon.reconcile.remedy import backoff

COMMIT = timedelta(seconds=1)
"""How much later than its record's stamp an event may be: the one is set when a record is saved, the other at commit."""
EVER: Final = datetime(1970, 1, 1, tzinfo=UTC)
"""Where a window begins of whose record no second is known up to which it was compared."""


async def finish(parts: Parts, unit: Unit, step: Step, cases: Sequence[Case]) -> None:
    """Settle the cases of one step in the transaction that is given."""
    await look_back(unit, cases)
    await _link_deleted(unit, step, cases)
    early = await _gone_while_loading(parts, step, cases)
    observations = [
        seen for case in cases if case.sf_id not in early and (seen := observed(parts, case)) is not None
    ]
    undecided = await settle(parts, unit, observations)
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


def observed(parts: Parts, case: Case) -> Observation | None:
    """What the case tells about its Salesforce record; None where nothing was learned."""
    if case.hold is not None or case.settled_early or case.untold or (case.to_link and case.record is None):
        return None
    result = case.result
    if result is not None and result.failure is None and result.id is not None:
        return _written(parts, case)
    if (
        result is not None
        and result.failure is not None
        and result.failure.kind is FailureKind.UNKNOWN_OUTCOME
    ):
        return None
    if case.overtaken:
        return None
    base = Observation(case.step, case.sf_id or "", _source(case), parts.clock.now(), changes=case.theirs)
    if case.record is not None:
        return replace(
            base,
            at=case.record.stamp,
            raw=case.record.values,
            complete=True,
            outside=case.outside,
            confirmed=confirmed(case),
            key=case.key,
            origin=case.origin,
            kept=case.ours if result is not None or case.to_link else (),
            read=case.record.values,
            told=_told(case),
            resolved=confirmed(case),
            doubt=_doubtful(case),
        )
    if case.deleted is not None and case.unread and _deletion_disputed(case) is not None:
        return None  # what is stored of the record tells of its deletion already
    if case.deleted is not None:
        return replace(
            base,
            at=_second(parts.salesforce_now()),
            presence=Presence.GONE,
            merged_into=case.deleted.merged_into,
            moves_seen=False,
        )
    if result is None and case.blind and case.plan.ledger:
        return replace(base, moves_seen=False)  # nothing to write, but something to tell
    return None


def _written(parts: Parts, case: Case) -> Observation:
    result, write = case.result, case.plan.salesforce
    assert result is not None
    assert result.id is not None
    assert write is not None
    at = result.at or _second(parts.salesforce_now())
    seen = Observation(
        case.step,
        result.id,
        _source(case),
        at,
        changes=case.theirs,
        own=at,
        confirmed={**confirmed(case), **taken(case.step, case.sent)},
        key=case.key,
        origin=case.origin or LinkOrigin.CREATED,
        external_id=case.external_id[1] if case.external_id else None,
        replaces=case.deleted.id if case.deleted is not None else None,
        read=case.record.values if case.record is not None else {},
        told=_told(case),
        resolved=confirmed(case),
        doubt=_doubtful(case),
        window=_window(case, at),
        outside=case.outside,
    )
    if write.operation is Operation.DELETE:
        return replace(seen, presence=Presence.GONE)
    if result.record is not None:
        own = result.record.stamp
        return replace(seen, at=own, own=own, raw=result.record.values, complete=True)
    sent = raw_values(case.step, write)
    if case.record is not None and not case.overtaken:
        raw = {**case.record.values, **sent}
        return replace(seen, at=case.record.stamp, raw=raw, complete=True)
    return replace(seen, raw=sent, moves_seen=False)


def _source(case: Case) -> Source:
    return case.theirs[-1].source if case.theirs else Source.TRIGGER


def _second(moment: datetime) -> datetime:
    return moment.replace(microsecond=0)


def _told(case: Case) -> tuple[tuple[datetime, Mapping[str, Raw]], ...]:
    """What stored events said, one by one: a later one must not hide the value of an earlier one."""
    return tuple((change.at, change.values) for change in case.theirs)


def _window(case: Case, written: datetime) -> Window | None:
    """The seconds in which a write may have replaced something unseen.

    A conditional write lets pass what happened in the very second of its condition; a write after a read, whatever came
    between the two.
    """
    if case.link is None or not case.sent:
        return None
    sent = taken(case.step, case.sent)
    before = {name: case.link.base.get(name) for name in sent}
    if case.record is not None:
        before |= {name: value for name, value in held(case).items() if name in case.sent}
        return Window(case.record.stamp, max(written, case.record.stamp) + COMMIT, before, sent)
    return Window(case.link.seen, case.link.seen + COMMIT, before, sent) if case.link.seen else None


def _doubtful(case: Case) -> Window | None:
    """The same for a write whose answer never came: it was done at some time before the record was read."""
    sent = {
        name: value for change in case.doubted for name, value in values_from_json(change.sent or {}).items()
    }
    if case.link is None or case.record is None or not sent:
        return None
    start = case.link.seen or max((window.start for window in case.link.windows), default=EVER)
    before = {name: case.link.base.get(name) for name in sent}
    return Window(start, case.record.stamp + COMMIT, before, sent)


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
    elif (conflict := _deletion_disputed(case)) is not None:
        deferred += [beside_conflict(parts, case.step, change, conflict) for change in case.ours]
        return
    if kept is None:
        settled.append(last.id)
    else:
        deferred.append(_standing_in(case, kept))
    settled += [change.id for change in case.ours[:-1]]


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


def _deletion_disputed(case: Case) -> Hold | None:
    """What keeps a deletion in Salesforce from the row, if its edits do."""
    hold = case.plan.held.get(Side.POSTGRES)
    return hold if hold is not None and hold.code == DELETE_CONFLICT else None


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
        "isthmus_record_failures_total", step=case.step.name, direction="push", reason=failure.reason.value
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
    if not case.ours or (case.plan.salesforce is None and pending_hold(case) is None and not case.plan.held):
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
        parts.meter.observe("isthmus_sync_latency_seconds", waited, step=case.step.name, direction="push")
        parts.meter.gauge(
            "isthmus_last_applied_timestamp_seconds", now.timestamp(), step=case.step.name, direction="push"
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


async def _calm_links(unit: Unit, cases: Sequence[Case]) -> None:
    """A conditional write that was refused was not done: its link is in doubt no more."""
    calm = [
        case.link
        for case in cases
        if case.link is not None
        and case.record is None
        and case.deleted is None
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
