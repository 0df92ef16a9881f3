"""Our calls of the last 24 hours, counted so that the count outlives the process and never lags behind the calls.

Calls are taken from the ledger some at a time before they are made, and what was not used is given back. A process that is killed leaves a few calls
counted that were never made, and none made that are not counted.
"""

import asyncio
from collections.abc import Mapping
from datetime import datetime
from typing import Final

from daemon.ports.allowance import CallLedger
from daemon.ports.clock import Clock
from daemon.reconcile.budget import DAY, SPAN, Window, span_of

TAKEN_AT_ONCE: Final = 50
"""Calls that are taken from the ledger at a time, at most: so many may be counted and not made when a process is killed."""


class CallCount:
    """Counts calls; before `begin` for this process alone. `allowance` is the org's, as it was last told or kept."""

    def __init__(self, clock: Clock) -> None:
        self.allowance: int | None = None
        self._clock = clock
        self._ledger: CallLedger | None = None
        self._window = Window()
        self._ready = 0
        self._ready_for: datetime | None = None
        self._asking = asyncio.Lock()

    async def begin(self, ledger: CallLedger) -> None:
        """Go on with the count that is kept; the calls made so far are added to it. Raises CallFailedError."""
        async with self._asking:
            span, so_far = span_of(self._clock.now()), self.used
            self._ledger = ledger
            await self._add(ledger, {span: so_far} if so_far else {})

    @property
    def used(self) -> int:
        """Calls made in the last 24 hours."""
        return self._window.used(self._clock.now()) - self._ready

    def falls_below(self, calls: int) -> datetime:
        """When fewer than so many will count, if none is made meanwhile."""
        return self._window.falls_below(calls + self._ready, self._clock.now())

    def take(self) -> bool:
        """Count one call; False if the ledger has to be asked first."""
        if self._ledger is None:
            self._window.add(self._clock.now(), 1)
            return True
        if self._is_ready():
            self._ready -= 1
            return True
        return False

    async def refill(self, left: int) -> None:
        """Take the next calls from the ledger, a part of the so many that are left of our share. Raises CallFailedError."""
        async with self._asking:
            if self._ledger is None or self._is_ready():
                return  # somebody else has asked meanwhile
            span = span_of(self._clock.now())
            wanted = max(0, min(TAKEN_AT_ONCE, max(1, left // 20), left))
            await self._add(self._ledger, {span: wanted})
            self._ready, self._ready_for = wanted, span

    async def close(self) -> None:
        """Give back what was taken and not used. Raises CallFailedError: then it counts for a day."""
        async with self._asking:
            if self._ledger is not None and self._ready:
                await self._add(self._ledger, {})

    def _is_ready(self) -> bool:
        return self._ready > 0 and self._ready_for == span_of(self._clock.now())

    async def _add(self, ledger: CallLedger, calls: Mapping[datetime, int]) -> None:
        """Add to the ledger, give back what is left of an earlier span, and learn what others have added."""
        added = dict(calls)
        if self._ready and self._ready_for is not None:
            added[self._ready_for] = added.get(self._ready_for, 0) - self._ready
        self._ready = 0  # from here on nobody takes them
        counted = await ledger.add(added, self.allowance, self._clock.now() - DAY - SPAN)
        self._window = Window(counted.spans)
        if self.allowance is None:
            self.allowance = counted.allowance
