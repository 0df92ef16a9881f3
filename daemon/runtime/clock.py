"""The machine's own clock: the only module of the daemon that asks what time it is."""

import asyncio
import time
from datetime import UTC, datetime


class SystemClock:
    """Implements the Clock port."""

    def now(self) -> datetime:
        """The wall clock, aware and in UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Seconds since some moment, never backwards."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Wait that long, or until cancelled."""
        await asyncio.sleep(seconds)
