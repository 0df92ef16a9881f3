"""One record: what each side holds, why it does or does not sync, and what happened to it. Nothing is written."""

from collections.abc import Mapping
from typing import Any

from daemon.domain.change import Change, ChangeKind, Source
from daemon.domain.failure import CallFailedError, NotFoundError, TryLaterError
from daemon.domain.ids import record_id
from daemon.domain.link import Link
from daemon.domain.mapping import Step
from daemon.domain.plan import Plan, Write
from daemon.domain.side import Side
from daemon.flow.accounts import describe
from daemon.flow.cases import Case
from daemon.flow.planning import load_rows, plan_cases
from daemon.flow.reading import read_cases
from daemon.flow.sending import raw_values
from daemon.operations.office import Office


async def explain(office: Office, step_name: str, key: str, *, asked: bool = False) -> dict[str, Any]:
    """The plan for one record as it would be made now, with every input. Reads both sides live.

    `key` is a row's key or a Salesforce id. `asked`: as if an operator asked for it, instead of what happens by itself.
    """
    step = office.step(step_name)
    case = await _examined(office, step, key, Source.OPERATOR if asked else Source.ENGINE)
    waiting = await _waiting(office, step, case)
    return {
        "step": step.name,
        "key": case.key,
        "sf_id": case.sf_id,
        "link": link_shown(case.link),
        "salesforce": _record_shown(case),
        "postgres": dict(case.row.values) if case.row is not None else None,
        "plan": plan_shown(step, case.plan),
        "held": case.hold.explanation if case.hold is not None else None,
        "advice": case.hold.advice if case.hold is not None else None,
        "candidates": list(case.hold.candidates) if case.hold is not None else [],
        "waiting": waiting,
        "summary": " ".join([_summary(step, case), *(f"Waits: {item['reason']}" for item in waiting)]),
    }


async def show(office: Office, step_name: str, key: str) -> dict[str, Any]:
    """Both sides beside each other, the link, and the record's history."""
    explained = await explain(office, step_name, key)
    history = await office.inspection.history(
        step_name, sf_id=explained["sf_id"], key=explained["key"], limit=50
    )
    return {
        **{name: explained[name] for name in ("step", "key", "sf_id", "link", "salesforce", "postgres")},
        "history": list(history.items),
    }


async def _examined(office: Office, step: Step, key: str, source: Source) -> Case:
    parts = office.parts
    asked = Change(step.name, Side.POSTGRES, ChangeKind.UPDATE, source, parts.clock.now(), key=key)
    try:
        async with parts.writing, parts.store.begin() as unit:
            link = (await unit.links_of_rows(step.table.qualified, [key])).get(key)
            if link is None and (sf_id := _as_record_id(key)) is not None:
                link = (await unit.links_of_records([sf_id])).get(sf_id)
                case = Case(step, link, sf_id, link.key if link else None, ours=(asked,))
            else:
                case = Case(step, link, link.sf_id if link else None, key, ours=(asked,))
            await load_rows(unit, step, [case])
        await read_cases(parts, step, [case], force=True)
        if case.row is None and case.record is None and case.link is None:
            raise NotFoundError(
                f"step {step.name} has nothing under {key}",
                f"{step.table.qualified} has no such row, and {step.object} no such record",
                "give a row's key, or a Salesforce id of 15 or 18 characters",
            )
        async with parts.writing, parts.store.begin() as unit:
            await plan_cases(parts, unit, step, [case])
    except CallFailedError as error:
        raise TryLaterError(
            f"{step.name} {key} cannot be examined now", str(error), error.failure.advice
        ) from error
    return case


async def _waiting(office: Office, step: Step, case: Case) -> list[dict[str, Any]]:
    """The captured changes of the row that something holds back, oldest first: what, and until when."""
    if case.key is None:
        return []
    async with office.parts.store.begin() as unit:
        found = (await unit.local_changes(step.name, [case.key])).get(case.key, [])
    return [
        {
            "kind": change.kind.value,
            "state": change.state.value,
            "code": change.code,
            "reason": change.reason,
            "advice": change.advice,
            "due": change.due.isoformat(timespec="seconds") if change.due is not None else None,
        }
        for change in found
        if change.reason
    ]


def _as_record_id(text: str) -> str | None:
    try:
        return record_id(text)
    except ValueError:
        return None


def link_shown(link: Link | None) -> dict[str, Any] | None:
    """A link in plain values."""
    if link is None:
        return None
    return {
        "id": link.id,
        "state": link.state.value,
        "origin": link.origin.value,
        "base": {name: list(v) if isinstance(v, tuple) else v for name, v in link.base.items()},
        "seen": link.seen.isoformat() if link.seen else None,
        "own": link.own.isoformat() if link.own and not link.in_doubt else None,
        "in_doubt": link.in_doubt,
    }


def _record_shown(case: Case) -> dict[str, Any] | None:
    if case.record is not None:
        return {**case.record.values, "Id": case.record.id, "SystemModstamp": case.record.stamp.isoformat()}
    if case.deleted is not None:
        return {"Id": case.deleted.id, "deleted": True, "merged_into": case.deleted.merged_into}
    return None


def plan_shown(step: Step, plan: Plan) -> dict[str, Any]:
    """A plan in plain values: what would be written to each side, each field's verdict, what is held back and why."""
    return {
        "outcome": plan.outcome.value,
        "salesforce": _write_shown(
            plan.salesforce, raw_values(step, plan.salesforce) if plan.salesforce else {}
        ),
        "postgres": _write_shown(plan.postgres, plan.postgres.values if plan.postgres else {}),
        "link": plan.link.action.value,
        "fields": [describe(verdict) for verdict in plan.verdicts],
        "conflicts": [
            {"field": entry.field, "rule": entry.rule, "winner": entry.winner.value if entry.winner else None}
            for entry in plan.ledger
        ],
        "held": {
            side.value: {"code": hold.code, "explanation": hold.explanation, "advice": hold.advice}
            for side, hold in plan.held.items()
        },
    }


def _write_shown(write: Write | None, values: Mapping[str, Any]) -> dict[str, Any] | None:
    return {"operation": write.operation.value, "values": dict(values)} if write is not None else None


def _summary(step: Step, case: Case) -> str:
    """The decision in one sentence."""
    if case.hold is not None:
        return f"Held: {case.hold.explanation}"
    plan = case.plan
    parts = []
    if plan.salesforce is not None:
        fields = ", ".join(plan.salesforce.values) or "the record"
        parts.append(f"would {plan.salesforce.operation.value} {step.object} in Salesforce ({fields})")
    if plan.postgres is not None:
        fields = ", ".join(plan.postgres.values) or "the row"
        parts.append(f"would {plan.postgres.operation.value} {step.table.qualified} ({fields})")
    for side, hold in plan.held.items():
        parts.append(f"{side.value}: {hold.explanation}")
    return "; ".join(parts) or "In step: both sides agree on every mapped field."
