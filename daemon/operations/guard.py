"""The delete guard in an operator's hands: what it holds, and how deletes that are meant pass it."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from daemon.domain.failure import UsageError
from daemon.domain.permit import LONGEST, Permit
from daemon.flow.deferral import GUARDED
from daemon.operations.office import Office
from daemon.ports.comparing import Guard

MOST: Final = 10_000_000


async def allow(office: Office, name: str, amount: int, lasting: timedelta, operator: str) -> dict[str, Any]:
    """Let at most `amount` deletes of a step pass its guard for so long; what the guard holds is taken up at once. Recorded."""
    step = office.step(name)
    if not 1 <= amount <= MOST:
        raise UsageError(f"{amount} deletes cannot be allowed", f"it is 1 to {MOST:,}", "add --count N")
    if not timedelta() < lasting <= LONGEST:
        raise UsageError("the time is not understood", "it is up to 7 days", "write --for 1h")
    now = office.parts.clock.now()
    permit = Permit(step.name, amount, now, now + lasting, operator)
    async with office.parts.writing:
        taken = await office.comparisons.permit(permit)
    request = {"step": name, "count": amount, "until": permit.until.isoformat()}
    await office.inspection.audit(
        operator=operator, action="allow_delete", request=request, outcome=f"{taken} taken up"
    )
    return {**request, "taken_up": taken}


async def show(office: Office, name: str) -> dict[str, Any]:
    """The guard of a step, with the first of what it wanted to delete, newest first."""
    step = office.step(name)
    found = (await office.comparisons.guards()).get(step.name) or Guard(name, 0, None, truncated=False)
    held = await office.inspection.parked(step=step.name, code=GUARDED)
    return {
        "step": name,
        "max_count": step.delete_guard.max_count,
        "max_ratio": step.delete_guard.max_ratio,
        **shown(found, office.parts.clock.now()),
        "wanted": [
            {each: item[each] for each in ("id", "direction", "sf_id", "key", "since", "message")}
            for item in held.items
        ],
        "next": held.next,
    }


def shown(guard: Guard, now: datetime) -> dict[str, Any]:
    """A guard as status shows it. A permit is told while it lets something pass."""
    permit = guard.permit
    in_force = permit is not None and permit.in_force(now)
    return {
        "state": "tripped" if guard.held or guard.truncated else "watching",
        "held": guard.held,
        "truncated": guard.truncated,
        "since": guard.since.isoformat() if guard.since is not None else None,
        "permit": _permit(permit) if permit is not None and in_force else None,
    }


def in_status(guard: Guard | None, now: datetime) -> dict[str, Any]:
    """What a step's line of the status says of its guard. A step whose guard has tripped is `guarded`, whatever else it is."""
    told = shown(guard, now) if guard is not None else None
    tripped = told is not None and told["state"] == "tripped"
    return {"guard": told} | ({"state": "guarded"} if tripped else {})


def _permit(permit: Permit) -> Mapping[str, Any]:
    return {
        "count": permit.amount,
        "left": permit.left,
        "until": permit.until.isoformat(),
        "operator": permit.operator,
    }
