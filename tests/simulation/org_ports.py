"""The ports of Salesforce over the emulator's model, without HTTP, and with everything that may happen on the way."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Final, TypeVar

import orjson

from adapters.emulator.clock import parse_datetime
from adapters.emulator.errors import RecordRefused
from adapters.emulator.store.transaction import Transaction
from adapters.emulator.store.values import Row
from adapters.salesforce import faults
from adapters.salesforce.events import decode
from daemon.domain.failure import CallFailedError, Failure
from daemon.domain.plan import Operation
from daemon.domain.value import Raw
from daemon.ports.salesforce import (
    FROM_NOW,
    FROM_OLDEST,
    Deleted,
    Event,
    EventBatch,
    FieldDescription,
    Limits,
    ObjectDescription,
    PositionLostError,
    Record,
    RecordWrite,
    Stamp,
    StreamEndedError,
    WriteResult,
)
from tests.simulation.org_side import OrgSide
from tests.simulation.weather import Weather
from tests.support.model.record import Author

CONDITIONAL_MOST: Final = 12
PAGE: Final = 3
HOLD: Final = 40.0
BATCH: Final = 4
PATIENCE: Final = 2.0
"""Seconds after which a call without an answer is given up."""

T = TypeVar("T")
Reach = Callable[[str], Awaitable[None]]
Note = Callable[..., None]


def _error(code: str, message: str) -> Failure:
    return faults.of_record([{"statusCode": code, "message": message, "fields": []}])


_REFUSED: Final = _error("REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.")
_EXPIRED: Final = _error("INVALID_SESSION_ID", "Session expired or invalid")
_CHANGED: Final = faults.of_inner_write(412, None)
_DROPPED: Final = faults.no_answer("the connection was closed")
_LOCKED: Final = RecordRefused("UNABLE_TO_LOCK_ROW", "unable to obtain exclusive access to this record")


class OrgRecords:
    """The port `Records`. `reach` is awaited before a call leaves and after its answer came; it may never return."""

    def __init__(self, side: OrgSide, rng: random.Random, weather: Weather, reach: Reach, note: Note) -> None:
        self._side = side
        self._rng = rng
        self._weather = weather
        self._reach = reach
        self._note = note
        self.calls = 0

    @property
    def limits(self) -> Limits | None:
        return None

    @property
    def clock_offset(self) -> float | None:
        return None

    async def read(
        self, name: str, fields: Sequence[str], ids: Sequence[str], purpose: str = "fetch"
    ) -> dict[str, Record]:
        def look() -> dict[str, Record]:
            living = self._side.living(name)
            return {i: _record(name, living[i], fields) for i in ids if i in living}

        return await self._asked("read", look)

    async def read_deleted(self, name: str, ids: Sequence[str]) -> dict[str, Deleted]:
        def look() -> dict[str, Deleted]:
            living, binned = self._side.living(name), self._side.binned(name)
            return {i: _deleted(i, binned.get(i)) for i in ids if i not in living}

        return await self._asked("read deleted", look)

    async def find_deleted(self, name: str, by: str, values: Sequence[str]) -> dict[str, Deleted]:
        def look() -> dict[str, Deleted]:
            binned = self._side.binned(name).items()
            return {str(row[by]): _deleted(i, row) for i, row in binned if row.get(by) in values}

        return await self._asked("find deleted", look)

    async def find(
        self, name: str, fields: Sequence[str], by: str, values: Sequence[str]
    ) -> dict[str, list[Record]]:
        def look() -> dict[str, list[Record]]:
            found: dict[str, list[Record]] = {}
            for value in values:
                for row in self._side.living(name).values():
                    if str(row.get(by)).casefold() == value.casefold():
                        found.setdefault(value, []).append(_record(name, row, fields))
            return found

        return await self._asked("find", look)

    async def meeting(self, name: str, condition: str, ids: Sequence[str]) -> frozenset[str]:
        def look() -> frozenset[str]:
            met = frozenset(
                str(row["Id"]) for row in self._side.org.query(f"SELECT Id FROM {name} WHERE {condition}")
            )
            return met & frozenset(ids)

        return await self._asked("meeting", look)

    async def count(self, name: str, condition: str = "") -> int:
        def look() -> int:
            return len(self._side.living(name))

        return await self._asked("count", look)

    async def scan(
        self, name: str, fields: Sequence[str], *, bulk: bool, condition: str = ""
    ) -> AsyncIterator[Sequence[Record]]:
        after = ""
        while True:

            def look(start: str = after) -> list[Record]:
                rows = sorted(self._side.living(name).items())
                return [_record(name, row, fields) for i, row in rows if i > start][:PAGE]

            page = await self._asked("scan", look)
            if not page:
                return
            yield page
            after = page[-1].id

    async def newest(self, names: Sequence[str]) -> dict[str, datetime]:
        def look() -> dict[str, datetime]:
            stamps = {name: [_stamp(row) for row in self._side.living(name).values()] for name in names}
            return {name: max(found) for name, found in stamps.items() if found}

        return await self._asked("newest", look)

    async def changed_since(self, name: str, since: datetime, limit: int) -> list[Stamp]:
        def look() -> list[Stamp]:
            stamps = [Stamp(i, _stamp(row)) for i, row in self._side.living(name).items()]
            later = sorted((s for s in stamps if s.at > since), key=lambda stamp: (stamp.at, stamp.id))
            return later[:limit]

        return await self._asked("changed since", look)

    async def write(
        self, name: str, fields: Sequence[str], writes: Sequence[RecordWrite]
    ) -> list[WriteResult]:
        results: dict[int, WriteResult] = {}
        for indexes in _calls(writes):
            batch = [writes[index] for index in indexes]
            results |= zip(indexes, await self._written(name, fields, batch), strict=True)
        return [results[index] for index in range(len(writes))]

    async def _written(
        self, name: str, fields: Sequence[str], batch: Sequence[RecordWrite]
    ) -> list[WriteResult]:
        def do() -> list[WriteResult]:
            if batch[0].unmodified_since is not None:
                results = [self._conditionally(name, fields, write) for write in batch]
            else:
                results = self._collection(name, batch)
            for write, result in zip(batch, results, strict=True):
                told = result.failure.code if result.failure else "done"
                self._note(
                    "write", write.operation.value, result.id or write.external_id, dict(write.values), told
                )
            return results

        self.calls += 1
        await self._reach("write leaves")
        failure = self._refusal()
        if failure is None and self._chance(self._weather.lost_request):
            await asyncio.sleep(PATIENCE)
            failure = faults.unknown_outcome("no answer came")
        if failure is not None:
            self._note("write", "failed", failure.code)
            return [WriteResult(id=write.id, failure=failure, shared=True) for write in batch]
        await self._travel()
        results = do()
        if self._chance(self._weather.lost_reply):
            self._note("reply", "lost")
            await asyncio.sleep(PATIENCE)
            failure = faults.unknown_outcome("no answer came")
            return [WriteResult(id=write.id, failure=failure, shared=True) for write in batch]
        await self._travel()
        await self._reach("write answered")
        return results

    def _conditionally(self, name: str, fields: Sequence[str], write: RecordWrite) -> WriteResult:
        """A PATCH under its condition, and the GET that reads it back."""
        assert write.id is not None
        assert write.unmodified_since is not None
        before = self._side.living(name).get(write.id)
        failure = None
        if before is not None and _instant(before, "LastModifiedDate") > write.unmodified_since:
            failure = _CHANGED
        else:
            failure = self._done(lambda transaction: transaction.update(name, write.id or "", write.values))
        after = self._side.living(name).get(write.id)
        record = _record(name, after, fields) if after is not None else None
        return WriteResult(write.id, record=record, at=None if failure else self._now(), failure=failure)

    def _done(self, act: Callable[[Transaction], None]) -> Failure | None:
        try:
            with self._side.saving(Author.SYNC) as transaction:
                self._refuse_now_and_then()
                act(transaction)
        except RecordRefused as refusal:
            return faults.of_record([refusal.as_result_error()])
        return None

    def _collection(self, name: str, batch: Sequence[RecordWrite]) -> list[WriteResult]:
        """One call: a transaction in which each record passes or fails by itself."""
        results = []
        with self._side.saving(Author.SYNC) as transaction:
            for write in batch:
                try:
                    self._refuse_now_and_then()
                    record_id, created = _put(transaction, name, write)
                    results.append(WriteResult(record_id, created=created, at=self._now()))
                except RecordRefused as refusal:
                    failure = faults.of_record([refusal.as_result_error()])
                    results.append(WriteResult(write.id, failure=failure))
        return results

    def _refuse_now_and_then(self) -> None:
        if self._chance(self._weather.locked):
            raise _LOCKED

    async def _asked(self, what: str, look: Callable[[], T]) -> T:
        """One call that only reads. The watch over the stream asks by the clock, so it says nothing of unrest."""
        self.calls += what != "newest"
        await self._reach(what)
        failure = self._refusal()
        if failure is None and self._chance(self._weather.lost_request + self._weather.lost_reply):
            await asyncio.sleep(PATIENCE)
            failure = _DROPPED
        if failure is not None:
            self._note(what, "failed", failure.code)
            raise CallFailedError(failure)
        await self._travel()
        found = look()
        await self._travel()
        return found

    def _refusal(self) -> Failure | None:
        if self._chance(self._weather.refused):
            return _REFUSED
        return _EXPIRED if self._chance(self._weather.expired) else None

    async def _travel(self) -> None:
        if self._weather.lag:
            await asyncio.sleep(self._rng.random() * self._weather.lag)

    def _chance(self, of: float) -> bool:
        return of > 0 and self._rng.random() < of

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._side.org.clock.seconds(), UTC)


class OrgSource:
    """The port `ChangeSource`: one session at a time, from the org's log, late and in portions, sometimes from too early on."""

    transport = "cometd"

    def __init__(self, side: OrgSide, rng: random.Random, weather: Weather, reach: Reach, note: Note) -> None:
        self._side = side
        self._rng = rng
        self._weather = weather
        self._reach = reach
        self._note = note
        self._channel = ""
        self._at = 0

    async def open(self, channel: str, position: str) -> None:
        await self._reach("subscribe")
        await self._late(self._weather.lag)
        self._side.keep_time()
        log = self._side.org.log
        known = position not in (FROM_NOW, FROM_OLDEST)  # what is kept is not forgotten in a moment
        if known and self._chance(self._weather.forgotten):
            self._forget(int(position), self._rng.randrange(4))
        at = log.position(int(position))
        if at is None:
            self._note("stream", "position lost", position)
            raise PositionLostError
        self._channel, self._at = channel, at
        self._note("stream", "from", at)

    def _forget(self, position: int, keep: int) -> None:
        """Have all but the newest events forgotten; what those after the position told is noted."""
        log = self._side.org.log
        at = log.position(position)
        unheard = log.since(at, log.retained) if at is not None else []
        log.expire(keep)
        for item in unheard[: max(len(unheard) - keep, 0)]:
            told = decode(orjson.loads(item.data), datetime.now(UTC), describe)
            self._side.untold |= {
                v for event in told.events for v in event.values.values() if isinstance(v, str)
            }

    async def receive(self) -> EventBatch:
        log = self._side.org.log
        if self._chance(self._weather.dropped):
            self._note("stream", "dropped")
            raise StreamEndedError("connection", _DROPPED)
        while log.end <= self._at:
            pulse = log._pulse
            try:
                async with asyncio.timeout(HOLD):
                    await pulse.wait()
            except TimeoutError:
                return EventBatch(self._channel, (), None)
        await self._late(self._weather.stream_lag)
        start = self._at
        if self._chance(self._weather.redelivered):
            start = max(log.first_position(0), start - self._rng.randrange(1, 6))
        found = log.since(start, self._rng.randrange(1, BATCH + 1))
        self._at = start + len(found)
        self._side.keep_time()
        events: list[Event] = []
        position = None
        for item in found:
            told = decode(orjson.loads(item.data), datetime.now(UTC), describe)
            assert not told.malformed
            events += told.events
            position = told.position
        self._note("events", start, *(_told(event) for event in events))
        return EventBatch(self._channel, tuple(events), position)

    async def close(self) -> None:
        """There is nothing to give back."""

    async def _late(self, most: float) -> None:
        if most:
            await asyncio.sleep(self._rng.random() * most)

    def _chance(self, of: float) -> bool:
        return of > 0 and self._rng.random() < of


def describe(name: str) -> ObjectDescription | None:
    """What the decoder has to know: the flags of a new record are false where its event leaves them out."""
    flags = {"Account": ("Flag__c",)}.get(name, ())
    fields = {flag: FieldDescription(flag, "boolean", flag) for flag in flags}
    return ObjectDescription(name, name, None, True, True, True, True, fields)


def _told(event: Event) -> tuple[object, ...]:
    mapped = {name: value for name, value in event.values.items() if name not in _SYSTEM}
    return event.id, event.kind.value, mapped, event.origin.rpartition("=")[2]


_SYSTEM = frozenset({"LastModifiedDate", "LastModifiedById", "CreatedDate", "CreatedById", "OwnerId"})


def _calls(writes: Sequence[RecordWrite]) -> list[list[int]]:
    """Which writes go out together."""
    groups: dict[tuple[Operation, bool, bool], list[int]] = {}
    for index, write in enumerate(writes):
        kind = (write.operation, write.unmodified_since is not None, write.external_id is not None)
        groups.setdefault(kind, []).append(index)
    calls = []
    for (_, conditional, _), indexes in groups.items():
        size = CONDITIONAL_MOST if conditional else len(indexes)
        calls += [indexes[start : start + size] for start in range(0, len(indexes), size)]
    return calls


def _put(transaction: Transaction, name: str, write: RecordWrite) -> tuple[str, bool]:
    match write.operation:
        case Operation.CREATE if write.external_id is not None:
            return transaction.upsert(name, *write.external_id, write.values)
        case Operation.CREATE:
            return transaction.create(name, write.values), True
        case Operation.UPDATE:
            assert write.id is not None
            transaction.update(name, write.id, write.values)
            return write.id, False
        case Operation.DELETE:
            assert write.id is not None
            transaction.delete(name, write.id)
            return write.id, False


def _record(name: str, row: Row, fields: Sequence[str]) -> Record:
    values: dict[str, Raw] = {field: row.get(field) for field in fields}
    return Record(name, str(row["Id"]), values, _stamp(row), _instant(row, "LastModifiedDate"))


def _deleted(record_id: str, binned: Row | None) -> Deleted:
    if binned is None:
        return Deleted(record_id, hard=True)
    winner = binned.get("MasterRecordId")
    return Deleted(record_id, merged_into=str(winner) if winner is not None else None)


def _stamp(row: Row) -> datetime:
    return _instant(row, "SystemModstamp")


def _instant(row: Mapping[str, object], field: str) -> datetime:
    return datetime.fromtimestamp(parse_datetime(str(row[field])), UTC)
