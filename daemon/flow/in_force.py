"""The steps in force, which can be replaced while the daemon works.

Whoever works on a batch holds on to the steps that it began with, to the end: a batch never sees two rules for one record. So a
replacement takes effect between batches, and whoever has to know can wait until the last batch under former steps has ended.
"""

import asyncio
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from daemon.domain.drift import Drift
from daemon.domain.mapping import Steps


@dataclass(frozen=True, slots=True)
class Leftover:
    """What there still is of a step that is not in the configuration: triggers that capture, and local changes that wait."""

    captures: bool = False
    stored: int = 0

    @property
    def what(self) -> str:
        """In words, for an operator."""
        kept = f"{self.stored} local changes wait until it is back" if self.stored else "nothing waits"
        return f"not in the configuration, {'and its triggers go on capturing' if self.captures else 'and not captured'}: {kept}"


class InForce:
    """The steps that new batches begin with, and what of the configuration is held because it does not fit both sides."""

    def __init__(self, steps: Steps, drifts: tuple[Drift, ...] = ()) -> None:
        self._steps = steps
        self._drifts = drifts
        self.leftovers: Mapping[str, Leftover] = {}
        """What was left at the last look of steps that are not configured, by their names."""
        self.changing = asyncio.Lock()
        """Held from before the triggers of other steps are put in place until these steps are in force."""
        self._version = 0
        self._batches: Counter[int] = Counter()  # under way, by the version that they began with
        self._ended = asyncio.Event()
        self._replaced = asyncio.Event()

    @property
    def steps(self) -> Steps:
        """The steps as they are now. They are replaced whole, and never changed."""
        return self._steps

    @property
    def version(self) -> int:
        """How often the steps have been replaced."""
        return self._version

    async def later_than(self, version: int) -> None:
        """Wait until the steps have been replaced since they had this version."""
        while self._version == version:
            self._replaced.clear()
            await self._replaced.wait()

    @property
    def drifts(self) -> tuple[Drift, ...]:
        """What is held, and why."""
        return self._drifts

    def replace(self, steps: Steps, drifts: tuple[Drift, ...] = ()) -> None:
        """Put these in force, for every batch that begins from now on. Equal steps are left as they are."""
        self._drifts = drifts
        if steps != self._steps:
            self._steps = steps
            self._version += 1
            self._replaced.set()

    @contextmanager
    def batch(self) -> Iterator[Steps]:
        """The steps of one batch, which lasts as long as the block."""
        version = self._version
        self._batches[version] += 1
        try:
            yield self._steps
        finally:
            self._batches[version] -= 1
            self._ended.set()

    async def alone(self, timeout: float) -> bool:
        """Wait at most that many seconds until no batch under former steps is under way; whether that came about."""
        try:
            async with asyncio.timeout(timeout):
                while self._former():
                    self._ended.clear()
                    await self._ended.wait()
        except TimeoutError:
            return False
        return True

    def _former(self) -> bool:
        return any(count and version < self._version for version, count in self._batches.items())
