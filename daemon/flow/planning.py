"""The worker's decisions: each case with its row as it is now and its record as it was read."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Final

import structlog

from daemon.domain.canonical import from_salesforce
from daemon.domain.change import Change, ChangeKind, ChangeState, Source, Suspicion
from daemon.domain.failure import Failure, FailureKind, Reason
from daemon.domain.link import Link, LinkOrigin
from daemon.domain.mapping import IdentifyKind, Step
from daemon.domain.plan import Hold, Operation, Outcome, Plan
from daemon.domain.side import Side
from daemon.domain.value import Values, from_json
from daemon.domain.view import MISSING, Presence, View
from daemon.flow.cases import Case, made_up
from daemon.flow.deferral import GUARDED
from daemon.flow.destinations import wait_for_siblings
from daemon.flow.doubts import created_in_doubt, is_among, told_done, untold
from daemon.flow.leaving import behind, leavers
from daemon.flow.loops import hold_case
from daemon.flow.parts import Parts
from daemon.flow.views import References, postgres_view, salesforce_view
from daemon.ports.salesforce import WriteResult
from daemon.ports.store import Row, Unit
from daemon.reconcile.decide import decide
from daemon.reconcile.guard import DeletePressure, allowed, may_pass
from daemon.reconcile.pace import UNANSWERED

log = structlog.get_logger(__name__)

GUARD_WINDOW: Final = timedelta(minutes=10)


async def load_rows(unit: Unit, step: Step, cases: Sequence[Case]) -> None:
    """Give each case its row."""
    keys = sorted({case.key for case in cases if case.key is not None})
    rows = await unit.rows(step, keys) if keys else {}
    for case in cases:
        case.row = rows.get(case.key) if case.key is not None else None


async def plan_cases(parts: Parts, unit: Unit, step: Step, cases: Sequence[Case]) -> None:
    """Decide what goes to Salesforce. What goes to PostgreSQL is decided again, from the locked row, at settling."""
    keys = sorted({case.key for case in cases if case.key is not None})
    local = await unit.local_changes(step.name, keys) if keys else {}
    rows = [case.row for case in cases if case.row is not None]
    references = await References.load(
        unit, parts.steps, step, rows, [c.record.values for c in cases if c.record]
    )
    survivors = [case.deleted.merged_into for case in cases if case.deleted and case.deleted.merged_into]
    linked = await unit.links_of_records(sorted(set(survivors))) if survivors else {}
    await _wait_for_doubts(parts, unit, step, cases)
    await wait_for_siblings(unit, step, cases)
    for case in cases:
        if case.hold is not None or case.settled_early or case.overtaken:
            continue
        case.told_done = told_done(case, parts.skew.offset)
        case.untold = untold(parts, case, confirmed(case))
        if case.untold:
            continue
        survivor = linked.get(case.deleted.merged_into or "") if case.deleted else None
        case.plan = decide_case(
            parts,
            case,
            local.get(case.key or "", []),
            references,
            survivor_is_linked=survivor is not None and survivor.state.value == "linked",
        )
        case.external_id = _external_id(case, local.get(case.key or "", []))
        if case.link is None and made(case) is not None and (case.deleted is not None or _updates(case.plan)):
            case.plan, case.to_link = Plan(), True
        if _cannot_repeat(case, local.get(case.key or "", [])):
            case.plan, case.hold = Plan(), _UNSURE
        _hold_unanswered(case)
        hold_case(parts, case, local.get(case.key or "", []))
    await _guard_deletes(parts, unit, step, cases)


async def _wait_for_doubts(parts: Parts, unit: Unit, step: Step, cases: Sequence[Case]) -> None:
    """New records that creates of ours in doubt have made, whose own turn has not come: they are paired by whoever resolves those.

    Paired without it, nobody would know what was agreed when they were made, and what was sent would stand against what they hold by now.
    """
    strangers = [case for case in cases if case.link is None and not case.ours and case.record is not None]
    doubted = await created_in_doubt(unit, parts.steps, step.object) if strangers else {}
    for case in strangers:
        known = [change.values for change in case.theirs]
        if case.record is not None and any(
            is_among(doubted, values) for values in (case.record.values, *known)
        ):
            case.result, case.overtaken = WriteResult(failure=_UNRESOLVED), True


_UNRESOLVED = Failure(
    FailureKind.BUSY,
    Reason.TRANSPORT,
    "create_unresolved",
    "A create of ours, of which no answer came, may have made this record.",
    "Nothing: it is looked at again as soon as that is known.",
)


def decide_case(
    parts: Parts,
    case: Case,
    local: Sequence[Change],
    references: References,
    *,
    survivor_is_linked: bool = False,
) -> Plan:
    """The plan of one case, by the pure core."""
    ours = MISSING if case.key is None else _our_view(parts, case, case.row, local, references)
    step = replace(case.step, on_request=False) if _is_ordered(case) else case.step
    link = (
        replace(case.link, base={**case.link.base, **confirmed(case)})
        if case.link is not None
        else made(case)
    )
    return decide(
        step,
        link,
        their_view(case, references),
        ours,
        origin=case.origin,
        survivor_is_linked=survivor_is_linked,
    )


def made(case: Case) -> Link | None:
    """The link that a create in doubt has earned: its record was found, so it was done, and its values were agreed.

    One that was deleted since is found by the external id that was made up for it, and held all that was sent.
    """
    if not case.in_doubt or case.sf_id is None or case.key is None:
        return None
    if case.record is None and (case.deleted is None or made_up(case) is None):
        return None
    step = case.step
    base = confirmed(case) if case.record is not None else _sent(case)
    link = Link(0, step.name, step.object, case.sf_id, step.table.qualified, case.key, base=base)
    return replace(link, origin=case.origin or LinkOrigin.CREATED)


def _sent(case: Case) -> Values:
    sent = {name: value for change in case.doubted for name, value in (change.sent or {}).items()}
    return {name: from_json(value) for name, value in sent.items() if name in case.step.by_name}


def _our_view(
    parts: Parts, case: Case, row: Row | None, local: Sequence[Change], references: References
) -> View:
    return postgres_view(case.step, row, references, local, parts.skew.offset)


def their_view(case: Case, references: References) -> View:
    """The Salesforce half of a case as a decision sees it."""
    if case.record is not None:
        return salesforce_view(
            case.step,
            case.record.values,
            references,
            at=case.record.stamp,
            complete=True,
            outside=case.outside,
        )
    if case.blind and case.link is not None:
        return View(Presence.PRESENT, {}, complete=False, changed_at=case.link.seen)
    if case.deleted is not None:
        return View(Presence.GONE, {}, merged_into=case.deleted.merged_into)
    return MISSING


def confirmed(case: Case) -> Values:
    """Values of a write in doubt that the record turned out to hold: it was done.

    A record that bears the external id that we made up for a create was made by it, and held then all that was sent: whatever it
    holds now instead was changed by somebody since. One that bears an id which the row had already may be somebody else's.
    """
    if case.record is None:
        return {}
    found = dict(case.told_done)
    new = case.link is None and case.origin is LinkOrigin.EXTERNAL_ID
    rule = case.step.external_id
    for change in case.doubted:
        named = (change.sent or {}).get(rule.salesforce) if rule is not None else None
        made = new and named in case.made_ids
        for name, value in (change.sent or {}).items():
            field = case.step.by_name.get(name)
            if field is None or name not in case.record.values:
                continue
            sent = from_json(value)
            if made or from_salesforce(field, case.record.values[name]).value == sent:
                found[name] = sent
    return found


def held(case: Case) -> Values:
    """The canonical values that a case's record held when it was read."""
    if case.record is None:
        return {}
    readings = {
        f.name: from_salesforce(f, case.record.values[f.name])
        for f in case.step.fields
        if f.name in case.record.values
    }
    return {
        name: reading.value
        for name, reading in readings.items()
        if not reading.absent and reading.failure is None
    }


def _external_id(case: Case, local: Sequence[Change]) -> tuple[str, str] | None:
    """The external id that makes a create repeatable: the row's own, else the one made when it was captured.

    It is looked for in all that waits of the row: the create may be due later than the update that is sent in its place.
    """
    rule = case.step.external_id
    if rule is None or case.plan.salesforce is None or case.plan.salesforce.operation is not Operation.CREATE:
        return None
    text = case.row.values.get(rule.column) if case.row is not None else None
    text = text or next((change.external_id for change in (*case.ours, *local) if change.external_id), None)
    return (rule.salesforce, text) if text else None


_UNSURE = Hold(
    Outcome.PARK,
    "create_in_doubt",
    "A create was sent and no answer came, and without an external id nobody can say whether it was done.",
    "Look for the record in Salesforce: link it (isthmus link create), or retry to create it. "
    "A unique External ID field (identify: external_id) makes this impossible.",
    Reason.TRANSPORT,
)


def _hold_unanswered(case: Case) -> None:
    """A write that was sent alone so often without an answer is not sent once more by itself: its record was read, and lacks it."""
    culprit = next((change for change in case.doubted if change.suspicion is Suspicion.ALONE), None)
    if culprit is None or case.plan.salesforce is None:
        return
    hold = Hold(
        Outcome.PARK,
        UNANSWERED,
        f"It was sent {culprit.attempts} times, at last alone, and never answered, while Salesforce answers other writes: "
        f"{(culprit.reason or '').partition(': ')[2]}",
        "Look for a trigger or flow in Salesforce that fails or runs too long for this record, then: isthmus parked retry.",
        Reason.TRANSPORT,
    )
    case.plan = replace(case.plan, salesforce=None, held={**case.plan.held, Side.SALESFORCE: hold})


def _cannot_repeat(case: Case, local: Sequence[Change]) -> bool:
    """A create in doubt that no identifier found, and that no external id makes repeatable. One that would wait now for something else as well: with that, the doubt would be forgotten.

    Parked for a person it is in doubt all the same, whatever brings the row here again: its hourly look, or an edit. A person's word holds
    for what waits to be tried because of it, and not for what was sent since, or is parked again.
    """
    write = case.plan.salesforce
    doubted = case.in_doubt or any(change.code == _UNSURE.code for change in local)
    held = case.link is None and case.record is None and Side.SALESFORCE in case.plan.held
    if not doubted or not (held if write is None else write.operation is Operation.CREATE):
        return False
    if case.step.adds_once or case.step.references:
        return False  # it was looked for by what it was given, and Salesforce takes none of these twice
    asked = any(
        change.source is Source.OPERATOR and change.state is ChangeState.PENDING for change in case.ours
    )
    rule = next((r for r in case.step.identify if r.kind is IdentifyKind.EXTERNAL_ID), None)
    return rule is None and not asked


async def _guard_deletes(parts: Parts, unit: Unit, step: Step, cases: Sequence[Case]) -> None:
    """Stop what would delete more than the guard allows within ten minutes, and ask.

    What is stored and not taken up yet counts as well, so that nothing of a mass delete is done before it is seen to be one.
    """
    deletes = [case for case in cases if _deletes(case.plan) and not _asked_for(case)]
    if not deletes:
        return
    now, links = parts.clock.now(), await unit.count_links(step.name)
    most = allowed(step.delete_guard, links) + 1
    taken_up = [change.id for case in cases for change in case.changes]
    waiting, held = await unit.deletes_waiting(step, taken_up, most)
    recent = await unit.deletes_since(step.name, now - GUARD_WINDOW)
    waiting = max(waiting, await _leaving(parts, unit, step, cases, links) - held)
    pressure = DeletePressure(len(deletes), waiting, recent, held, links)
    passing = may_pass(step.delete_guard, pressure, await unit.delete_permit(step.name), now)
    if passing < len(deletes):
        _stop(parts, step, deletes[passing:], pressure)


async def _leaving(parts: Parts, unit: Unit, step: Step, cases: Sequence[Case], links: int) -> int:
    """How many more leave the step's filter than those that are here."""
    weight, found = parts.leaving.get(step.name), leavers(step, cases)
    here = len(found.rows) + len(found.records)
    if weight is None or not here:
        return 0
    return behind(weight, links, await unit.deletes_since(step.name, weight.at), here)


def _stop(parts: Parts, step: Step, deletes: Sequence[Case], pressure: DeletePressure) -> None:
    """Park these deletes until a person has answered."""
    for direction in sorted({"push" if case.plan.salesforce is not None else "pull" for case in deletes}):
        parts.meter.count("isthmus_delete_guard_trips_total", step=step.name, direction=direction)
    log.warning("delete_guard_tripped", step=step.name, held=len(deletes), total=pressure.total)
    for case in deletes:
        case.plan = Plan()
        case.hold = Hold(
            Outcome.PARK,
            GUARDED,
            f"{pressure.total} deletes of step {step.name} within ten minutes; the guard allows {allowed(step.delete_guard, pressure.links)}.",
            f"If they are meant: isthmus step allow-delete {step.name} --count {pressure.total}. "
            f"If not: restore what was deleted, then isthmus parked retry --code {GUARDED}.",
            Reason.DELETED,
        )


def _updates(plan: Plan) -> bool:
    return plan.salesforce is not None and plan.salesforce.operation is Operation.UPDATE


def _deletes(plan: Plan) -> bool:
    writes = (plan.salesforce, plan.postgres)
    return any(write is not None and write.operation is Operation.DELETE for write in writes)


def _asked_for(case: Case) -> bool:
    return any(change.source is Source.OPERATOR for change in case.changes)


def _is_ordered(case: Case) -> bool:
    """Whether an operator asked for the row's record. An edit that is tried again asks for no record: its pair may have been parted since."""
    asked = [change for change in case.changes if change.source is Source.OPERATOR]
    return any(change.kind is ChangeKind.CREATE or not change.values for change in asked)


def pending_hold(case: Case) -> Hold | None:
    """What keeps the local side of a case back, if anything does."""
    hold = case.hold or case.occupied or case.plan.held.get(Side.SALESFORCE)
    return hold if hold is not None and hold.outcome is not Outcome.SKIP else None
