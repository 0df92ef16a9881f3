"""A watch over the delete guards: how many deletes they hold, and tables that were emptied at one stroke.

A TRUNCATE is stopped by the capture itself, inside the application's transaction. So it is noticed here, and counted as a trip like any other.
"""

from typing import Final

import structlog

from daemon.domain.failure import CallFailedError
from daemon.flow.parts import Parts
from daemon.ports.comparing import Comparisons

log = structlog.get_logger(__name__)

EVERY: Final = 5.0


class GuardWatch:
    """Publishes what the guards hold."""

    def __init__(self, parts: Parts, comparisons: Comparisons) -> None:
        self._parts = parts
        self._comparisons = comparisons
        self._emptied: set[str] = set()

    async def run(self) -> None:
        """Look for ever. A failed look is the probe's to tell."""
        while True:
            try:
                await self.look()
            except CallFailedError as error:
                log.debug("guards_not_looked_at", code=error.failure.code)
            await self._parts.clock.sleep(EVERY)

    async def look(self) -> None:
        """One look at all steps."""
        guards, meter = await self._comparisons.guards(), self._parts.meter
        for step in self._parts.steps.ordered:
            guard = guards.get(step.name)
            meter.gauge("isthmus_delete_guard_held_records", guard.held if guard else 0, step=step.name)
        emptied = {step for step, guard in guards.items() if guard.truncated}
        for name in sorted(emptied - self._emptied):
            meter.count("isthmus_delete_guard_trips_total", step=name, direction="push")
            log.warning(
                "table_truncated",
                step=name,
                fix=f"isthmus step allow-delete {name} --count N, or restore the rows",
            )
        self._emptied = emptied
