"""Time that moves only when it is told to.

`VirtualClock(auto=False)` stands still until a test calls `advance`. With `auto=True` it jumps to the next sleeper as soon
as the event loop has had some turns with nothing else to do: hours pass in milliseconds, always in the same order.
Code under test must take all its time from the clock; real sockets and threads do not wait for it.
"""

import asyncio
import heapq
from datetime import UTC, datetime, timedelta
from itertools import count

START = datetime(2026, 1, 1, 12, tzinfo=UTC)
_TURNS = 25  # of the event loop, so that what was woken runs until it waits again


class VirtualClock:
    """Implements the Clock port. Sleepers wake in the order of their due times, then in the order of their calls."""

    def __init__(self, start: datetime = START, *, auto: bool = False) -> None:
        self._start = start
        self._auto = auto
        self._elapsed = 0.0
        self._wall_offset = timedelta()
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._numbers = count()
        self._events = 0

    def now(self) -> datetime:
        """The start plus what has passed, plus what the wall clock was set by."""
        return self._start + self._wall_offset + timedelta(seconds=self._elapsed)

    def monotonic(self) -> float:
        """Seconds that have passed."""
        return self._elapsed

    @property
    def sleepers(self) -> int:
        """How many wait."""
        return sum(not future.done() for _, _, future in self._sleepers)

    async def sleep(self, seconds: float) -> None:
        """Wait until that much has passed. Nothing at all still gives others a turn."""
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._events += 1
        heapq.heappush(self._sleepers, (self._elapsed + seconds, next(self._numbers), woken))
        try:
            while self._auto and not woken.done():
                events = self._events
                await self._turns()
                if events == self._events:  # nobody slept or woke meanwhile: everybody waits
                    self._jump_for(woken)
            await woken
        finally:
            woken.cancel()  # has no effect unless this sleeper itself is cancelled

    async def advance(self, seconds: float) -> None:
        """Let that much pass, waking each sleeper at its time and letting it run until it waits again."""
        end = self._elapsed + seconds
        await self._turns()
        while self._next_due() <= end:
            self._wake_first()
            await self._turns()
        self._elapsed = max(self._elapsed, end)

    def set_wall_clock(self, offset: timedelta) -> None:
        """Let the wall clock jump to this much ahead of the start; durations are not touched."""
        self._wall_offset = offset

    def _jump_for(self, woken: asyncio.Future[None]) -> None:
        """Move time to the first sleeper if that is this one; the others wait for theirs."""
        if self._next_due() < float("inf") and self._sleepers[0][2] is woken:
            self._wake_first()

    def _next_due(self) -> float:
        while self._sleepers and self._sleepers[0][2].done():  # cancelled meanwhile
            heapq.heappop(self._sleepers)
        return self._sleepers[0][0] if self._sleepers else float("inf")

    def _wake_first(self) -> None:
        self._events += 1
        due, _, woken = heapq.heappop(self._sleepers)
        self._elapsed = max(self._elapsed, due)
        woken.set_result(None)

    async def _turns(self) -> None:
        for _ in range(_TURNS):
            await asyncio.sleep(0)
