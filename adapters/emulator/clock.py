"""The org's clock and Salesforce's forms of time.

Salesforce keeps whole seconds everywhere. REST writes `2026-11-22T13:34:15.000+0000`, change events and Bulk CSV write the
same instant with `Z`. The store holds the REST form as text: all values are UTC and of one width, so they compare like times.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime
from email.utils import formatdate, parsedate_to_datetime
from functools import lru_cache


def rest_datetime(epoch: float) -> str:
    """An instant, in seconds since 1970, in the form of REST answers."""
    return datetime.fromtimestamp(int(epoch), UTC).strftime("%Y-%m-%dT%H:%M:%S.000+0000")


def event_datetime(text: str) -> str:
    """A stored datetime in the form of change events and Bulk CSV."""
    return text[:-5] + "Z" if text.endswith("+0000") else text


def parse_datetime(text: str) -> int:
    """Seconds since 1970 of an ISO text; a text without offset is UTC. Raises ValueError."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return int(moment.timestamp())


def http_date(epoch: float) -> str:
    """An instant in the form of HTTP headers, always GMT."""
    return _http_date(int(epoch))


@lru_cache(maxsize=256)  # every answer carries a date, and most those of the last few seconds
def _http_date(second: int) -> str:
    return formatdate(second, usegmt=True)


def parse_http_date(text: str) -> int:
    """Seconds since 1970 of an HTTP date. Raises ValueError."""
    return int(parsedate_to_datetime(text).timestamp())


class OrgClock:
    """The only source of time inside the emulator: the machine's clock, which a test may freeze or move ahead."""

    def __init__(self) -> None:
        self._offset = 0.0
        self._frozen: float | None = None
        self._stamp_second = -1
        self._stamp_text = ""

    def now(self) -> float:
        """Seconds since 1970 as the org sees them."""
        return self._frozen if self._frozen is not None else time.time() + self._offset

    def seconds(self) -> int:
        """The current whole second."""
        return int(self.now())

    def stamp(self) -> str:
        """The current whole second in REST form."""
        second = self.seconds()
        if second != self._stamp_second:
            self._stamp_second = second
            self._stamp_text = rest_datetime(second)
        return self._stamp_text

    def freeze(self, at: float | None = None) -> None:
        """Stop the clock, now or at the given instant."""
        self._frozen = self.now() if at is None else at

    def thaw(self) -> None:
        """Let the clock run on from the instant it shows."""
        if self._frozen is not None:
            self._offset = self._frozen - time.time()
            self._frozen = None

    def advance(self, seconds: float) -> None:
        """Move the clock ahead (or back, with a negative number), frozen or not."""
        if self._frozen is not None:
            self._frozen += seconds
        else:
            self._offset += seconds


def liveness() -> float:
    """Monotonic seconds, for deadlines of connections: never moved by a test's clock."""
    return time.monotonic()
