"""Salesforce's clock, as far as its Date headers tell.

A Date header says that the answer was made within one known second. Each answer therefore bounds the offset between
the two clocks from both sides; the bounds of many answers intersect in far less than a second.
"""

from collections import deque
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime, parsedate_to_datetime
from typing import Final

from daemon.ports.clock import Clock

_WINDOW: Final = 64


def http_date(moment: datetime) -> str:
    """An instant as HTTP writes it, whole seconds in GMT."""
    return format_datetime(moment.astimezone(UTC).replace(microsecond=0), usegmt=True)


def parse_http_date(text: str | None) -> datetime | None:
    """The instant of an HTTP date, or None."""
    if not text:
        return None
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, TypeError, OverflowError):
        return None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


class ServerClock:
    """How far Salesforce's clock is ahead of ours."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._bounds: deque[tuple[float, float]] = deque(maxlen=_WINDOW)

    def observe(self, date: datetime | None, elapsed: float) -> None:
        """Take in an answer's Date header; `elapsed` seconds have passed since its request was sent."""
        if date is None:
            return
        received = self._clock.now()
        low = (date - received).total_seconds()
        high = (date + timedelta(seconds=1) - received).total_seconds() + max(0.0, elapsed)
        if self._bounds and not (low <= self._high() and high >= self._low()):
            self._bounds.clear()  # one of the clocks has been set
        self._bounds.append((low, high))

    @property
    def offset(self) -> float | None:
        """Seconds by which Salesforce is ahead; None before the first answer."""
        return (self._low() + self._high()) / 2 if self._bounds else None

    def now(self) -> datetime:
        """The time by Salesforce's clock, as well as it is known."""
        return self._clock.now() + timedelta(seconds=self.offset or 0.0)

    def _low(self) -> float:
        return max(low for low, _ in self._bounds)

    def _high(self) -> float:
        return min(high for _, high in self._bounds)
