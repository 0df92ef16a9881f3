"""The life of the stream's sessions: where to take it up, how long to wait after a failure, what a loss calls for.

A session never mends itself. It ends, with a reason; here it is counted, waited for with full jitter, and begun again
after the stored position. A position that Salesforce no longer knows means that events were lost: the stream is taken
up from the oldest that is kept, and every object is read whole.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import timedelta

import structlog

from daemon.domain.change import Change, ChangeKind, Source
from daemon.domain.failure import CallFailedError, FailureKind
from daemon.domain.mapping import Retry
from daemon.domain.side import Side
from daemon.flow.inbound import set_down, take_in
from daemon.flow.parts import Parts
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

PACE = Retry(first=timedelta(seconds=1), maximum=timedelta(minutes=2))
QUICK = Retry(first=timedelta(milliseconds=50), maximum=timedelta(seconds=2))
REPEATS = 5
STABLE = 60.0
"""A session that lasted this many seconds was a good one: the next failure starts the pace anew."""

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

    async def run(self) -> None:
        """Hold sessions one after the other until cancelled."""
        while True:
            started = self._parts.clock.monotonic()
            try:
                await self._session()
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

    async def _session(self) -> None:
        source = self._sessions()
        try:
            position = await self._position(source.transport)
            await source.open(self._channel, position)
            self._parts.meter.gauge("isthmus_salesforce_stream_connected", 1, channel=self._channel)
            self._health(True, "subscribed")
            log.info("stream_subscribed", channel=self._channel, position=position)
            await self._remember_start(source.transport, position)
            while True:
                await self._take(source)
        finally:
            self._parts.meter.gauge("isthmus_salesforce_stream_connected", 0, channel=self._channel)
            await source.close()

    async def _take(self, source: ChangeSource) -> None:
        batch = await source.receive()
        if not batch.events and batch.position is None:
            return
        await self._settle(batch, source.transport)
        newest = max((event.at.timestamp() for event in batch.events), default=None)
        if newest is not None:
            self._parts.meter.gauge(
                "isthmus_salesforce_stream_replay_timestamp_seconds", newest, channel=self._channel
            )

    async def _settle(self, batch: EventBatch, transport: str) -> None:
        """Take a batch in. A deadlock or a lost connection undid the whole transaction: it is simply done again."""
        for attempt in range(1, REPEATS + 1):
            try:
                await take_in(self._parts, batch, transport)
            except CallFailedError as error:
                if error.failure.kind is not FailureKind.TRANSIENT:
                    log.warning("events_set_down", code=error.failure.code, advice=error.failure.advice)
                    await set_down(self._parts, batch, transport)
                    return
                if attempt == REPEATS:
                    raise
                await self._parts.clock.sleep(backoff(QUICK, attempt, self._parts.jitter()).total_seconds())
            else:
                return

    async def _position(self, transport: str) -> str:
        """The stored position of this channel and transport; from now on, where nothing was ever stored."""
        stored = (await self._parts.store.positions()).get(self._channel)
        if stored is None:
            return FROM_NOW
        return stored.position if stored.transport == transport else FROM_OLDEST

    async def _remember_start(self, transport: str, position: str) -> None:
        """A start from now has no position until the first event: from here on, everything that is kept counts."""
        if position == FROM_NOW:
            async with self._parts.writing, self._parts.store.begin() as unit:
                await unit.save_position(Position(self._channel, transport, FROM_OLDEST, None))

    def _ended(self, reason: str, message: str) -> None:
        self._parts.meter.count(
            "isthmus_salesforce_stream_reconnects_total", channel=self._channel, reason=reason
        )
        self._health(False, f"{reason}: {message}")
        log.warning("stream_ended", channel=self._channel, reason=reason, message=message[:200])

    async def _lost(self) -> None:
        """Events were lost. First take up what is still kept, so that nothing newer is missed; then read everything."""
        self._parts.meter.count("isthmus_salesforce_stream_gaps_total", channel=self._channel)
        self._ended("position_lost", "the stored position is not known any more")
        with suppress(CallFailedError):
            stored = (await self._parts.store.positions()).get(self._channel)
            transport = stored.transport if stored is not None else ""
            async with self._parts.writing, self._parts.store.begin() as unit:
                await unit.store_changes(self._whole_objects())
                await unit.save_position(Position(self._channel, transport, FROM_OLDEST, None))

    def _whole_objects(self) -> Sequence[Change]:
        now = self._parts.clock.now()
        return [
            Change(step.name, Side.SALESFORCE, ChangeKind.REREAD, Source.STREAM, now)
            for step in self._parts.steps.ordered
        ]
