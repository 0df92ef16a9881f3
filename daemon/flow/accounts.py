"""What a decision leaves behind for people: a journal entry, ledger lines, counters."""

from datetime import datetime

from daemon.domain.mapping import Step
from daemon.domain.plan import LedgerEntry, LinkAction, Outcome, Plan, Rule, Verdict
from daemon.domain.side import Side
from daemon.ports.meter import Meter
from daemon.ports.store import JournalEntry
from daemon.reconcile.compare import Finding

QUIET = frozenset({Rule.SAME})

JOURNALLED = {"applied": "apply", "skipped": "skip", "parked": "park", "conflict": "conflict"}
"""How the journal spells the outcomes that metrics count."""


def journal_entry(
    *,
    at: datetime,
    step: Step,
    sf_id: str | None,
    key: str | None,
    source: str,
    direction: str,
    plan: Plan,
    operation: str,
    outcome: str,
    code: str | None = None,
    inputs: dict[str, object] | None = None,
) -> JournalEntry:
    """One decision with its inputs: enough to make it again."""
    detail: dict[str, object] = {"verdicts": [describe(v) for v in plan.verdicts if v.rule not in QUIET]}
    if plan.link.action is not LinkAction.KEEP:
        detail["link"] = plan.link.action.value
    if plan.held:
        detail["held"] = {
            side.value: {"code": h.code, "explanation": h.explanation} for side, h in plan.held.items()
        }
    if inputs:
        detail["inputs"] = inputs
    spelled = JOURNALLED.get(outcome, outcome)
    return JournalEntry(at, step.name, sf_id, key, source, direction, operation, spelled, code, detail)


def overruled(plan: Plan) -> tuple[LedgerEntry, ...]:
    """Ledger entries of Salesforce values that the plan's write replaces: once it is sent, nobody else knows them."""
    sent = plan.salesforce.values if plan.salesforce is not None else {}
    return tuple(entry for entry in plan.ledger if entry.winner is Side.POSTGRES and entry.field in sent)


def describe(verdict: Verdict) -> dict[str, object]:
    """One field's verdict in plain values."""
    shown: dict[str, object] = {
        "field": verdict.field,
        "rule": verdict.rule.value,
        "winner": verdict.winner.value if verdict.winner else None,
        "base": _plain(verdict.base),
        "salesforce": _plain(verdict.salesforce),
        "postgres": _plain(verdict.postgres),
    }
    if verdict.policy:
        shown["policy"] = verdict.policy
    return shown


def _plain(value: object) -> object:
    return list(value) if isinstance(value, tuple) else value


def count_plan(meter: Meter, step: Step, plan: Plan, direction: str, operation: str, outcome: str) -> None:
    """Count one decision that reached its end."""
    meter.count(
        "isthmus_records_total",
        step=step.called(direction),
        direction=direction,
        operation=operation,
        outcome=outcome,
    )
    for entry in plan.ledger:
        count_conflict(meter, step, entry)


def count_conflict(meter: Meter, step: Step, entry: LedgerEntry) -> None:
    """Count one ledger entry by who won."""
    winner = entry.winner.value if entry.winner else "open"
    meter.count("isthmus_conflicts_total", step=step.name, policy=str(entry.rule), winner=winner)


def count_link(meter: Meter, step: Step, plan: Plan) -> None:
    """Count a change of a link."""
    match plan.link.action:
        case LinkAction.CREATE | LinkAction.REVIVE:
            action = "created"
        case LinkAction.MOVE:
            action = "moved"
        case LinkAction.END:
            action = "removed"
        case LinkAction.KEEP:
            return
    source = (
        "conversion" if plan.link.origin is not None and plan.link.origin.value == "conversion" else "auto"
    )
    meter.count("isthmus_link_changes_total", step=step.name, action=action, source=source)


def outcome_name(plan: Plan, *, failed: bool) -> str:
    """A plan's end as it is counted: applied, unchanged, skipped, parked or conflict."""
    if failed:
        return "parked"
    if any(entry.winner is None for entry in plan.ledger):
        return "conflict"
    names = {
        Outcome.APPLY: "applied",
        Outcome.SKIP: "skipped",
        Outcome.WAIT: "skipped",
        Outcome.PARK: "parked",
    }
    return names.get(plan.outcome, "unchanged")


def operation_name(plan: Plan, side: Side) -> str:
    """What a plan does to one side, in a word for a label."""
    write = plan.postgres if side is Side.POSTGRES else plan.salesforce
    if write is not None:
        return write.operation.value
    return "link" if plan.link.action in (LinkAction.CREATE, LinkAction.REVIVE, LinkAction.MOVE) else "none"


def repaired(at: datetime, step: Step, sf_id: str, key: str, finding: Finding) -> JournalEntry:
    """A difference that a comparison found and gave to the road, with what each side held."""
    verdicts = [
        {
            "field": item.field,
            "base": _plain(item.base),
            "salesforce": _plain(item.salesforce),
            "postgres": _plain(item.postgres),
        }
        for item in finding.fields
    ]
    detail: dict[str, object] = {"verdicts": verdicts}
    return JournalEntry(
        at, step.name, sf_id, key, "sweep", "pull", "none", "repaired", finding.kind.value, detail
    )
