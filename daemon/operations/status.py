"""What `isthmus status` shows: each step in numbers, and the process around them."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from daemon.domain.drift import Drift
from daemon.domain.mapping import Step
from daemon.domain.policy import Owned
from daemon.domain.side import Direction
from daemon.flow.removed_steps import FIX
from daemon.operations import guard
from daemon.operations.naming import ways
from daemon.operations.office import Office
from daemon.ports.database import StepCounts

GAPS_SHOWN = 20


async def status(office: Office) -> dict[str, Any]:
    """The whole picture, from one read of the database."""
    counts = await office.inspection.counts()
    gaps = await office.inspection.gaps(open_only=True, limit=GAPS_SHOWN)
    guards = await office.comparisons.guards()
    now = office.parts.database_now()
    limits = office.parts.records.limits
    return {
        **office.about(),
        "api_calls": {"used": limits.used, "limit": limits.limit} if limits is not None else None,
        "api_budget": office.parts.budget.shown(),
        "clock_offset_seconds": round(office.parts.skew.offset, 3),
        "gaps": [_gap(item) for item in gaps.items],
        "removed_steps": [
            {"name": name, "captures": left.captures, "stored": left.stored, "what": left.what, "fix": FIX}
            for name, left in office.parts.in_force.leftovers.items()
        ],
        "steps": [
            _shown(step, name, direction, found, now.timestamp())
            | _schema(step, name, office.parts.in_force.drifts)
            | guard.in_status(guards.get(step.name), office.parts.clock.now())
            for step in office.parts.steps.ordered
            for name, direction, found in ways(step, counts.get(step.name, StepCounts()))
        ],
    }


def _gap(item: Mapping[str, Any]) -> Mapping[str, Any]:
    """A gap as far as an operator needs it: why, from when to when, and how much is still to be settled."""
    return {
        name: item[name] for name in ("step", "cause", "since", "until", "state", "remaining", "opened_at")
    }


def _shown(step: Step, name: str, direction: Direction, counts: StepCounts, now: float) -> dict[str, Any]:
    oldest = min((moment.timestamp() for moment in counts.oldest_pending.values()), default=None)
    return {
        "name": name,
        "object": step.object,
        "table": step.table.qualified,
        "direction": direction.value,
        "notice": _notice(step),
        "state": "running" if counts.first_load == "done" else "backfilling",
        "links": counts.links,
        "pending": dict(counts.pending),
        "lag_seconds": round(max(0.0, now - oldest), 1) if oldest is not None else 0,
        "parked": sum(counts.parked.values()),
        "parked_by_reason": _by_reason(counts),
        "held": counts.held,
        "conflicts_open": counts.conflicts_open,
        "gaps_open": counts.gaps_open,
        "loaded": counts.processed,
        "to_load": counts.expected,
        "load_held_up": counts.load_held_up,
        **_pace(counts),
    }


_NOTICES: Final[Mapping[Owned, str]] = {
    Owned.OFF: "what is edited here is noted in the ledger, and stays until Salesforce changes it",
    Owned.REFUSE: "edits here are refused",
    Owned.OVERWRITE: "edits here are put back",
}


def _notice(step: Step) -> str | None:
    """Where work on a step's rows belongs, if that is not here: they can be read, and somebody else owns them."""
    if step.direction is not Direction.PULL:
        return None
    return f"{step.table.qualified} belongs to Salesforce: work on it there; {_NOTICES[step.owned]}"


def _schema(step: Step, name: str, drifts: Sequence[Drift]) -> dict[str, Any]:
    """What of a step is held because it does not fit both sides any more: why, and what gives it back."""
    held = [
        {"field": drift.field, "what": drift.what, "fix": drift.fix} for drift in drifts if drift.step == name
    ]
    if not held and not (step.ways and step.still):
        return {"schema_drift": held}
    return {"schema_drift": held, "state": "stopped" if step.still else "degraded"}


def _pace(counts: StepCounts) -> dict[str, Any]:
    """How fast a first load goes, and how long it still takes at that; nothing where none is under way."""
    if counts.first_load != "running" or counts.load_seconds <= 0 or not counts.processed:
        return {"load_rate": None, "load_seconds_left": None}
    rate = counts.processed / counts.load_seconds
    left = max(0, counts.expected - counts.processed) / rate
    return {"load_rate": round(rate, 1), "load_seconds_left": round(left, 1)}


def _by_reason(counts: StepCounts) -> Mapping[str, int]:
    reasons: dict[str, int] = {}
    for (_, reason), number in counts.parked.items():
        reasons[reason] = reasons.get(reason, 0) + number
    return reasons
