"""Time, as it is given to the daemon."""

from datetime import datetime
from typing import Protocol


class Clock(Protocol):
    """A source of time. Nothing else in the daemon asks the machine what time it is."""

    def now(self) -> datetime:
        """The wall clock, aware and in UTC. It may jump: never measure durations with it."""
        ...

    def monotonic(self) -> float:
        """Seconds since some moment, never backwards. For durations and deadlines."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait that long, or until cancelled."""
        ...
