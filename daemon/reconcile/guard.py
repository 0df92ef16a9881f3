"""The delete guard: how many of the deletes that are about to be done may be done."""

from dataclasses import dataclass
from datetime import datetime

from daemon.domain.mapping import DeleteGuard
from daemon.domain.permit import Permit


@dataclass(frozen=True, slots=True)
class DeletePressure:
    """What is being deleted of a step: `wanted` now, `waiting` behind them, `recent` within the guard's window, of so many `links`.

    `held` are those that the guard has stopped already: while it holds any, it holds all, until a person has answered.
    """

    wanted: int
    waiting: int
    recent: int
    held: int
    links: int

    @property
    def total(self) -> int:
        """All that would be deleted."""
        return self.recent + self.wanted + self.waiting + self.held


def allowed(guard: DeleteGuard, links: int) -> int:
    """How many deletes a guard lets pass within its window."""
    return max(guard.max_count, int(guard.max_ratio * links))


def may_pass(guard: DeleteGuard, pressure: DeletePressure, permit: Permit | None, now: datetime) -> int:
    """How many of the wanted deletes may be done now: all, none, or as many as a permit has left."""
    if not pressure.held and pressure.total <= allowed(guard, pressure.links):
        return pressure.wanted
    if permit is None or not permit.in_force(now):
        return 0
    return min(pressure.wanted, permit.left)
