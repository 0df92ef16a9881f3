"""The retained stream of events, and waiting for more of it.

Replay ids grow with random gaps and say nothing else. An id that is not on the stream (too old, or never given) cannot be a starting
point: the subscription fails rather than moving somewhere else in silence.
"""

from __future__ import annotations

import asyncio
import random
from bisect import bisect_left
from collections.abc import Iterable
from operator import attrgetter

from adapters.emulator.clock import OrgClock
from adapters.emulator.events.message import ChangeEvent

TIP = -1
"""Replay position for new events only."""
EARLIEST = -2
"""Replay position for everything retained."""
MOST_RETAINED = 500_000
"""How many events are retained at most, however young they are: about as many megabytes as thousands of events."""
_SLACK = MOST_RETAINED // 10
"""How many more there may be before the oldest are let go of, all at once: a list gives up its beginning only as a whole."""
_GAPS = (1, 1, 1, 2, 3, 7, 29)

_replay_id = attrgetter("replay_id")


class EventLog:
    """Events in commit order, for the retention time and of a bounded number.

    A position counts events since the org began, so it stays right when old ones are purged: a subscriber is a position and no more, and a slow
    one makes nobody keep anything for it.
    """

    def __init__(self, clock: OrgClock, rng: random.Random, retention_seconds: float) -> None:
        self._clock = clock
        self._rng = rng
        self._retention = retention_seconds
        self._events: list[ChangeEvent] = []
        self._first = 0
        self._last_id = rng.randrange(10_000_000, 40_000_000)
        self._pulse = asyncio.Event()

    def next_ids(self, count: int) -> list[int]:
        """Fresh replay ids for so many events, which must be appended in this order."""
        given = []
        for gap in self._rng.choices(_GAPS, k=count):
            self._last_id += gap
            given.append(self._last_id)
        return given

    def append(self, events: Iterable[ChangeEvent]) -> None:
        """Store events at the end and wake everybody who waits."""
        self._events.extend(events)
        if len(self._events) > MOST_RETAINED + _SLACK:
            self.expire(MOST_RETAINED)
        self.wake()

    @property
    def end(self) -> int:
        """The position after the newest event."""
        return self._first + len(self._events)

    @property
    def retained(self) -> int:
        """How many events are held."""
        return len(self._events)

    def position(self, replay_id: int) -> int | None:
        """Where a subscription with this replay id starts; None for an id that is not on the stream."""
        self._purge()
        if replay_id == TIP:
            return self.end
        if replay_id == EARLIEST:
            return self._first
        index = bisect_left(self._events, replay_id, key=_replay_id)
        if index < len(self._events) and self._events[index].replay_id == replay_id:
            return self._first + index + 1
        return None

    def has_lost(self, position: int) -> bool:
        """Whether events from a position on have been purged, so that a reader who stands there would miss them."""
        return position < self._first

    def since(self, position: int, limit: int) -> list[ChangeEvent]:
        """At most `limit` events from a position on; those already purged are gone."""
        start = max(position - self._first, 0)
        return self._events[start : start + limit]

    def first_position(self, position: int) -> int:
        """The position itself, or the oldest retained one when it lies before that."""
        return max(position, self._first)

    def expire(self, keep: int = 0) -> None:
        """Purge all but the newest `keep` events, as 72 hours would."""
        cut = max(len(self._events) - max(keep, 0), 0)
        self._drop(cut)

    def rewind(self, end: int) -> None:
        """Lose the events from a position on, as a restored backup does; their ids are never given again."""
        keep = max(end - self._first, 0)
        del self._events[keep:]
        self.wake()

    def reset(self) -> None:
        """Lose the stream and all its ids, as when an org is moved: every stored replay id is invalid afterwards."""
        self._drop(len(self._events))
        self._last_id += self._rng.randrange(1_000_000, 5_000_000)

    def wake(self) -> None:
        """Wake everybody who waits, also when there is no new event."""
        pulse, self._pulse = self._pulse, asyncio.Event()
        pulse.set()

    async def wait(self, seconds: float) -> None:
        """Wait for a wake-up, at most that long."""
        pulse = self._pulse
        try:
            async with asyncio.timeout(seconds):
                await pulse.wait()
        except TimeoutError:
            return

    def _purge(self) -> None:
        oldest = self._clock.now() - self._retention
        cut = 0
        while cut < len(self._events) and self._events[cut].at < oldest:
            cut += 1
        self._drop(cut)

    def _drop(self, count: int) -> None:
        if count:
            del self._events[:count]
            self._first += count
