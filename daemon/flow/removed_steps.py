"""Steps that were taken out of the configuration: their triggers go, and what they captured does not pile up.

Removing a step may come while a batch under the former steps is still under way, the role may lack the right, or the daemon may be
down. So it is no act of the reload alone, but looked at again and again.
"""

from collections.abc import Mapping, Sequence
from typing import Final, Protocol

import structlog

from daemon.domain.failure import CallFailedError, IsthmusError
from daemon.flow.deferral import REMOVED
from daemon.flow.in_force import Leftover
from daemon.flow.parts import Parts

log = structlog.get_logger(__name__)

KEPT_MOST: Final = 10_000
"""So many local changes of a removed step are kept one by one. Of more, the step is compared whole when it is back."""
FORGOTTEN_AT_ONCE: Final = 50_000
FIX: Final = "isthmus capture remove --step STEP, as the owner of its table"


class Captures(Protocol):
    """The capture of local changes, by the names of steps."""

    async def captured_steps(self) -> frozenset[str]:
        """The steps whose capture is installed."""
        ...

    async def capture_remove(self, steps: Sequence[str]) -> object:
        """Drop the triggers of these steps. Raises IsthmusError."""
        ...


class RemovedSteps:
    """Lets go of what removed steps have left."""

    def __init__(self, parts: Parts, captures: Captures) -> None:
        self._parts = parts
        self._captures = captures
        self._failed: frozenset[str] = frozenset()

    async def look(self, stored: Mapping[str, int]) -> dict[str, Leftover]:
        """Drop the triggers of steps that are not in the configuration, and bound what is stored of them; what is left by then, by name.

        `stored`: how many local changes wait of each step. A batch under former steps puts the triggers off to the next look. Raises
        IsthmusError or CallFailedError where nothing can be looked up.
        """
        async with self._parts.in_force.changing:  # triggers of steps that are about to be in force stay
            installed = self._strange(await self._captures.captured_steps())
            if installed and await self._parts.in_force.alone(0.0):
                installed = await self._drop(installed)
        waiting = {name: stored[name] for name in self._strange(stored) if stored[name]}
        for name, number in waiting.items():
            if number > KEPT_MOST:
                waiting[name] = number - await self._forget(name)
        names = installed | waiting.keys()
        found = {name: Leftover(name in installed, waiting.get(name, 0)) for name in sorted(names)}
        self._parts.in_force.leftovers = found
        return found

    def _strange(self, names: frozenset[str] | Mapping[str, int]) -> frozenset[str]:
        steps = self._parts.steps
        speaking = {join.source.name for step in steps.ordered for join in step.joins}
        return frozenset(name for name in names if name not in steps.by_name and name not in speaking)

    async def _drop(self, names: frozenset[str]) -> frozenset[str]:
        """The names among these whose triggers are still there."""
        left: set[str] = set()
        for name in sorted(names):
            try:
                await self._captures.capture_remove([name])
            except (IsthmusError, CallFailedError) as error:
                left.add(name)
                if name not in self._failed:
                    log.warning("capture_not_removed", step=name, why=str(error), fix=FIX)
            else:
                log.info("capture_removed", step=name, why="the step is not in the configuration")
        self._failed = frozenset(left)
        return self._failed

    async def _forget(self, name: str) -> int:
        """Keep one note in place of many changes: that the step has to be compared."""
        async with self._parts.writing:
            forgotten = await self._parts.store.forget_captured(name, REMOVED, FORGOTTEN_AT_ONCE)
        if forgotten:
            log.warning(
                "captured_of_removed_step_forgotten",
                step=name,
                changes=forgotten,
                advice="Nothing: if the step comes back, its pairs are compared whole.",
            )
        return forgotten
