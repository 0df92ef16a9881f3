"""Virtual time: an event loop that jumps to the next timer as soon as nothing else is left to do."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

START = datetime(2026, 1, 1, 12, tzinfo=UTC)
"""The wall clock at second 0 of every history."""


class StuckError(RuntimeError):
    """Everybody waits, and nothing is going to happen."""


class _Jump:
    """Stands where a loop waits for the network: there is none, so waiting is moving time on."""

    def __init__(self, loop: "VirtualLoop") -> None:
        self._loop = loop

    def select(self, timeout: float | None) -> list[Any]:
        if timeout is None:
            raise StuckError("every task waits for another one")
        self._loop.passed += timeout
        return []


class VirtualLoop(asyncio.BaseEventLoop):
    """An event loop without files, sockets or threads. `asyncio.sleep` and `asyncio.timeout` cost no time at all."""

    def __init__(self) -> None:
        super().__init__()
        self.passed = 0.0
        self._selector = _Jump(self)

    def time(self) -> float:
        """Seconds since the history began."""
        return self.passed

    def _process_events(self, event_list: list[Any]) -> None:
        """There are none."""

    def _write_to_self(self) -> None:
        """Nobody is to be woken: there is one thread."""


class LoopClock:
    """The Clock port over a loop's time. `ahead` is how many seconds its wall clock is ahead of the true time."""

    def __init__(self, loop: asyncio.AbstractEventLoop, ahead: float = 0.0) -> None:
        self._loop = loop
        self._start = START + timedelta(seconds=ahead)

    def now(self) -> datetime:
        return self._start + timedelta(seconds=self._loop.time())

    def monotonic(self) -> float:
        return self._loop.time()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
