"""The life of the stream's sessions: where to take it up, how long to wait after a failure, what a loss calls for.

A session never mends itself. It ends, with a reason; here it is counted, waited for with full jitter, and begun again
after the stored position. A position that Salesforce no longer knows means that events were lost: the stream is taken
up from the oldest that is kept, and every object is read whole.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta

import structlog

from daemon.domain.failure import CallFailedError, FailureKind
from daemon.domain.gap import GapCause
from daemon.domain.mapping import Retry
from daemon.flow.deferral import doubt_schema
from daemon.flow.gaps import note_opened, open_for_objects
from daemon.flow.inbound import set_down, take_in
from daemon.flow.parts import Parts
from daemon.ports.failpoints import Failpoint
from daemon.ports.salesforce import (
    FROM_NOW,
    FROM_OLDEST,
    ChangeSource,
    EventBatch,
    PositionLostError,
    StreamEndedError,
)
from daemon.ports.store import Position
from daemon.reconcile.remedy import backoff

log = structlog.get_logger(__name__)

PACE = Retry(first=timedelta(seconds=1), maximum=timedelta(minutes=1))
QUICK = Retry(first=timedelta(milliseconds=50), maximum=timedelta(seconds=2))
REPEATS = 5
STABLE = 60.0
"""A session that lasted this many seconds was a good one: the next failure starts the pace anew."""

KEPT = timedelta(hours=72)
"""How long Salesforce keeps change events. Whoever has heard none for longer cannot tell what was told meanwhile."""

_SUBSCRIPTION = "subscription"
"""What the reading of whole objects waits for after a loss: read before the stream is taken up again, they would miss what happens between."""

Health = Callable[[bool, str], None]


class Stream:
    """One channel, for ever. `sessions` makes a session; `health` is told when it is up or why it is not."""

    def __init__(
        self, parts: Parts, channel: str, sessions: Callable[[], ChangeSource], health: Health
    ) -> None:
        self._parts = parts
        self._channel = channel
        self._sessions = sessions
        self._health = health
        self._failures = 0
        self._watch: asyncio.Timeout | None = None

    def resubscribe(self) -> None:
        """End the session in hand, because it is not to be trusted; the next one begins after the stored position."""
        watch, self._watch = self._watch, None  # told once: one that has begun to end cannot be told again
        if watch is not None:
            watch.reschedule(asyncio.get_running_loop().time())

    async def run(self) -> None:
        """Hold sessions one after the other until cancelled."""
        while True:
            started = self._parts.clock.monotonic()
            watch = asyncio.timeout(None)
            try:
                async with watch:
                    await self._watched(watch)
            except TimeoutError:
                if not watch.expired():
                    raise
                self._ended("silent", "records changed and no event told of it")
            except StreamEndedError as end:
                self._ended(end.reason, end.failure.message)
            except PositionLostError:
                await self._lost()
            except CallFailedError as error:
                self._ended("database", error.failure.code)
            if self._parts.clock.monotonic() - started > STABLE:
                self._failures = 0
            self._failures += 1
            await self._parts.clock.sleep(backoff(PACE, self._failures, self._parts.jitter()).total_seconds())

    async def _watched(self, watch: asyncio.Timeout) -> None:
        """A session that may be ended from outside for as long as it lasts, and not in the pause after it."""
        self._watch = watch
        try:
            await self._session()
        finally:
            self._watch = None

    async def _session(self) -> None:
        source = self._sessions()
        try:
            stored = (await self._parts.store.positions()).get(self._channel)
            position = await self._position(stored, source.transport)
            self._parts.heard.begin(self._told_until(stored))
            await source.open(self._channel, position)
            self._parts.heard.following = True
            await self._subscribed()
            self._parts.meter.gauge("isthmus_salesforce_stream_connected", 1, channel=self._channel)
            self._health(True, "subscribed")
            log.info("stream_subscribed", channel=self._channel, position=position)
            await self._remember_start(source.transport, position)
            while True:
                await self._take(source)
        finally:
            self._parts.heard.following = False
            self._parts.meter.gauge("isthmus_salesforce_stream_connected", 0, channel=self._channel)
            await source.close()

    async def _take(self, source: ChangeSource) -> None:
        batch = await source.receive()
        if not batch.events and batch.position is None:
            return
        await self._parts.failpoints.reach(Failpoint.EVENTS_DECODED)
        await self._settle(batch, source.transport)
        await self._parts.failpoints.reach(Failpoint.INBOUND_DONE)
        newest = max((event.at.timestamp() for event in batch.events), default=None)
        if newest is not None:
            self._parts.meter.gauge(
                "isthmus_salesforce_stream_replay_timestamp_seconds", newest, channel=self._channel
            )

    async def _settle(self, batch: EventBatch, transport: str) -> None:
        """Take a batch in. A deadlock or a lost connection undid the whole transaction: it is simply done again."""
        for attempt in range(1, REPEATS + 1):
            try:
                with self._parts.batch() as parts:
                    await take_in(parts, batch, transport)
            except CallFailedError as error:
                if error.failure.kind is not FailureKind.TRANSIENT:
                    doubt_schema(self._parts, error.failure)
                    log.warning("events_set_down", code=error.failure.code, advice=error.failure.advice)
                    await set_down(self._parts, batch, transport)
                    return
                if attempt == REPEATS:
                    raise
                await self._parts.clock.sleep(backoff(QUICK, attempt, self._parts.jitter()).total_seconds())
            else:
                return

    async def _position(self, stored: Position | None, transport: str) -> str:
        """The stored position of this channel and transport; from now on, where nothing was ever stored.

        A position of another transport means nothing to this one: what is kept is taken up, and everything is read. So it
        is where "all that is kept" was to be taken up and the time for which events are kept has passed since.
        """
        if stored is None:
            return FROM_NOW
        if stored.transport != transport:
            await self._read_everything(GapCause.TRANSPORT, stored.at, transport)
            return FROM_OLDEST
        if stored.position == FROM_OLDEST and self._told_until(stored) < self._now() - KEPT:
            await self._read_everything(GapCause.POSITION_LOST, stored.at, transport)
        return stored.position

    def _told_until(self, stored: Position | None) -> datetime:
        """The time of the newest event before the stored position; now, by Salesforce's clock, where there is none."""
        if stored is not None and stored.at is not None:
            return stored.at
        return self._now()

    def _now(self) -> datetime:
        return self._parts.salesforce_now().replace(microsecond=0)

    async def _remember_start(self, transport: str, position: str) -> None:
        """A start from now has no position until the first event: from here on, everything that is kept counts."""
        if position == FROM_NOW:
            async with self._parts.writing, self._parts.store.begin() as unit:
                await unit.save_position(Position(self._channel, transport, FROM_OLDEST, self._now()))

    async def _subscribed(self) -> None:
        """What happens from here on will be told: objects that are to be read whole may be, and nothing falls between the two."""
        async with self._parts.writing, self._parts.store.begin() as unit:
            await unit.release_waiting([f"{_SUBSCRIPTION}:{self._channel}"])

    def _ended(self, reason: str, message: str) -> None:
        self._parts.meter.count(
            "isthmus_salesforce_stream_reconnects_total", channel=self._channel, reason=reason
        )
        self._health(False, f"{reason}: {message}")
        log.warning("stream_ended", channel=self._channel, reason=reason, message=message[:200])

    async def _lost(self) -> None:
        """Events were lost. First take up what is still kept, so that nothing newer is missed; then read everything."""
        self._ended("position_lost", "the stored position is not known any more")
        with suppress(CallFailedError):
            stored = (await self._parts.store.positions()).get(self._channel)
            since, transport = (stored.at, stored.transport) if stored is not None else (None, "")
            await self._read_everything(GapCause.POSITION_LOST, since, transport)

    async def _read_everything(self, cause: GapCause, since: datetime | None, transport: str) -> None:
        """Note a gap of every step, and take the stream up from the oldest event that is kept."""
        async with self._parts.writing, self._parts.store.begin() as unit:
            steps = self._parts.steps.ordered
            now, held = self._parts.clock.now(), f"{_SUBSCRIPTION}:{self._channel}"
            gaps = await open_for_objects(unit, steps, cause, since, now, waiting_for=held)
            await unit.save_position(Position(self._channel, transport, FROM_OLDEST, self._now()))
        note_opened(self._parts, gaps)
