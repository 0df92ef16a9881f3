"""An object read in bulk, beside the live changes: batches that are settled set-wise, a place to go on from, and what is missing at the end.

What a stale read could spoil is kept from it by three things. Each record that has a link is weighed against what that knows (the fence), one
that has a stored change is left to that, and the read's low mark, a second before it began, says which deletes it may not know of:
they are asked after once everything is settled. Above the high mark, the end of the read, the stream is the only teller again.
"""

import asyncio
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import aclosing
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final, cast

import structlog

from daemon.domain.change import Change, ChangeKind, Source
from daemon.domain.failure import CallFailedError, DatabaseFailedError, Failure, FailureKind, Reason
from daemon.domain.link import LinkState
from daemon.domain.mapping import IdentifyKind, Step
from daemon.domain.side import Side
from daemon.flow.doubts import created_in_doubt
from daemon.flow.loading.batch import Batch, Gatherer
from daemon.flow.loading.lane import plain
from daemon.flow.loading.outcomes import Tally, Witness, told
from daemon.flow.loading.page import settle_page
from daemon.flow.parts import Parts
from daemon.flow.reading import read_fields
from daemon.ports.failpoints import Failpoint
from daemon.ports.jobs import JobKind
from daemon.ports.loads import BookmarkLostError, BulkRecords, LoadState, LoadStore, LoadUnit, Sheet

log = structlog.get_logger(__name__)

ONE_BY_ONE: Final = 500
"""Records to a transaction where each is weighed: few enough that live changes and the event loop get their turn."""

WAITING: Final = 2
"""Batches that may wait for the database while the next one is read: with them, what a load holds in memory is bounded."""

LOW_MARGIN: Final = timedelta(minutes=1)
"""How far before the beginning the low mark is set: the two clocks may differ by as much and nobody has noticed."""

DELETES_MOST: Final = 50_000
PASSING: Final = frozenset({FailureKind.TRANSIENT, FailureKind.LIMITED, FailureKind.AUTHENTICATION})
"""Failures that say nothing of the batch: the whole load is tried again."""

SMALLEST: Final = 250
"""Half a portion is tried apart while it has more records than this: one that cannot be inserted harms few others."""

CUT_SHORT: Final = Failure(
    FailureKind.TRANSIENT,
    Reason.TRANSPORT,
    "read_cut_short",
    "Reading in bulk was cancelled from inside.",
    "Nothing: the load goes on where it stands.",
)

SET_WISE_A_SECOND: Final = 25_000
ONE_BY_ONE_A_SECOND: Final = 2_500


class BulkLoad:
    """Reads objects whole through Bulk API 2.0."""

    def __init__(self, parts: Parts, store: LoadStore, records: BulkRecords) -> None:
        self._parts = parts
        self._store = store
        self._records = records

    async def read(
        self, step: Step, kind: JobKind, expected: int, answers: Collection[int] = ()
    ) -> LoadState:
        """Read a step's object and settle it; how many records, how many were expected, and what became of them (a `Tally`).

        `answers` are the stored changes that ask for it. Goes on with a read that another process left, if that was begun for all of
        them: it does not know what happened later, and no clock has to tell what later is.
        """
        state = await self._store.unfinished_load(kind.value, step.name)
        if state is not None and not state.answers.issuperset(answers):
            state = None
        while True:
            begun = state or await self._begin(step, kind, expected, answers)
            if begun.bookmark == "":
                return begun
            try:
                return await _Reading(self._parts, self._store, self._records, step, kind, begun).run()
            except BookmarkLostError:
                log.warning("load_begun_anew", step=step.name, processed=begun.processed)
                state = None

    async def _begin(self, step: Step, kind: JobKind, expected: int, answers: Collection[int]) -> LoadState:
        ahead = timedelta(seconds=self._records.clock_offset or 0.0)
        low = (self._parts.clock.now() + ahead - LOW_MARGIN).replace(microsecond=0)
        async with self._store.begin() as unit:
            await unit.begin_load(kind.value, step.name, expected, low, answers)
        await self._parts.failpoints.reach(Failpoint.LOAD_BEGUN)
        return LoadState(0, expected, low, None, frozenset(answers))


class _Reading:
    """One read, from a place on to its end."""

    def __init__(
        self,
        parts: Parts,
        store: LoadStore,
        records: BulkRecords,
        step: Step,
        kind: JobKind,
        state: LoadState,
    ) -> None:
        self._parts = parts
        self._store = store
        self._records = records
        self._step = step
        self._source = Source.LOAD if kind is JobKind.FIRST_LOAD else Source.SWEEP
        self._kind = kind.value
        self._state = state
        self._tally = Tally.of(state.outcome)

    async def run(self) -> LoadState:
        """Read to the end; the state that was reached."""
        fast = plain(self._step) and await self._store.takes_sets(self._step)
        self._tell_plan(fast=fast)
        batches: asyncio.Queue[Batch | None] = asyncio.Queue(WAITING)
        try:
            async with asyncio.TaskGroup() as tasks:
                reading = tasks.create_task(self._gather(batches, Gatherer(self._step, plain=fast)))
                while (batch := await _next(tasks, batches, reading)) is not None:
                    await self._parts.failpoints.reach(Failpoint.PAGE_READ)
                    await self._settle(batch)
        except BaseExceptionGroup as group:
            raise _first(group) from None
        await self._parts.failpoints.reach(Failpoint.PAGES_DONE)
        await self._finish()
        return replace(self._state, outcome=self._tally.document())

    async def _gather(self, batches: asyncio.Queue[Batch | None], gatherer: Gatherer) -> None:
        sheets = self._records.sheets(
            self._step.object, read_fields(self._step), self._state.bookmark, self._step.soql
        )
        async for batch in _batches(sheets, gatherer):
            await batches.put(batch)
        await batches.put(None)

    async def _settle(self, batch: Batch) -> None:
        """Settle a batch, first set-wise and then one by one, and store with the last of it how far the read has come.

        A batch that a death cuts in two is read again: what was settled of it before is then told as unchanged, or as parked.
        """
        begun = self._parts.clock.monotonic()
        rest = await self._set_wise(batch)
        records = list(batch.records(rest))
        for start in range(0, len(records), ONE_BY_ONE):
            portion = records[start : start + ONE_BY_ONE]
            async with self._parts.writing, self._store.begin() as unit:
                witness = Witness(unit)
                await settle_page(self._parts, cast("LoadUnit", witness), self._step, self._source, portion)
                ids = [record.id for record in portion]
                tally = self._tally.with_records(
                    await told(unit, self._step, ids, witness.entries), listed=False
                )
                if start + ONE_BY_ONE >= len(records):
                    await self._keep(unit, batch, tally)
                await self._parts.failpoints.reach(Failpoint.PAGE_SETTLED)
            self._tally = tally
        self._came(batch)
        log.debug(
            "load_batch",
            step=self._step.name,
            records=len(batch),
            one_by_one=len(records),
            seconds=round(self._parts.clock.monotonic() - begun, 3),
        )
        await self._parts.failpoints.reach(Failpoint.PAGE_COMMITTED)

    async def _set_wise(self, batch: Batch) -> list[int]:
        """Settle what is equal, and new without a match; the positions of the others. None are left: the batch is committed as a whole."""
        everything = list(range(len(batch)))
        if batch.portion is None or not batch.portion.ids:
            return everything
        try:
            async with self._parts.writing, self._store.begin() as unit:
                staged = await unit.stage(self._step, batch.portion)
                matched = await self._matched(unit, batch, staged.new)
                chosen = [index for index in staged.new if index not in matched]
                made, refused = await self._insert(unit, chosen)
                left = sorted({*staged.open, *matched, *refused})
                rest = sorted({*batch.apart, *(batch.places[index] for index in left)})
                tally = self._tally.with_numbers(
                    {"create": made, "unchanged": staged.equal, "other_step": staged.elsewhere}
                )
                waiting = [batch.portion.ids[index] for index in staged.behind]
                tally = tally.with_records(await told(unit, self._step, waiting, ()), listed=False)
                if not rest:
                    await self._keep(unit, batch, tally)
                    await self._parts.failpoints.reach(Failpoint.PAGE_SETTLED)
        except DatabaseFailedError as error:
            if error.failure.kind in PASSING:
                raise
            return everything  # an identifier that its column cannot hold, no right to temporary tables: the road needs neither
        self._tally = tally
        self._count(made)
        return rest

    async def _matched(self, unit: LoadUnit, batch: Batch, new: Sequence[int]) -> set[int]:
        """New records that may belong to a row that is there, to a create of ours in doubt, or to the row of another record of this batch."""
        found = {index for index in new if index in batch.lacking}
        for rule, texts in batch.identifiers.items():
            wanted = {index: text for index in new if (text := texts[index]) is not None}
            if not wanted:
                continue
            hits = await unit.match(self._step, rule, sorted(set(wanted.values())))
            if hits:
                found |= {index for index, text in wanted.items() if text in hits}
            if len(set(wanted.values())) < len(wanted):
                met: dict[str, int] = {}
                for index, text in wanted.items():
                    if met.setdefault(text, index) != index:
                        found |= {index, met[text]}
            if rule.kind is IdentifyKind.EXTERNAL_ID:
                made = await created_in_doubt(unit, self._parts.steps, self._step.object)
                doubted = made.get(rule.salesforce, frozenset())
                found |= {index for index, text in wanted.items() if text in doubted}
        return found

    async def _insert(self, unit: LoadUnit, chosen: Sequence[int]) -> tuple[int, list[int]]:
        """Insert rows, half by half where one of them cannot be; how many, and the records of those that were left."""
        if not chosen:
            return 0, []
        if await unit.insert_staged(self._step, chosen, self._source, self._parts.clock.now()) is not None:
            return len(chosen), []
        if len(chosen) <= SMALLEST:
            return 0, list(chosen)
        middle = len(chosen) // 2
        first, refused = await self._insert(unit, chosen[:middle])
        second, more = await self._insert(unit, chosen[middle:])
        return first + second, refused + more

    async def _keep(self, unit: LoadUnit, batch: Batch, tally: Tally) -> None:
        done = self._state.processed + len(batch)
        await unit.note_read(self._kind, self._step.name, batch.ids())
        await unit.keep_load(
            self._kind,
            self._step.name,
            done,
            max(done, self._state.expected),
            batch.bookmark,
            tally.document(),
        )

    def _came(self, batch: Batch) -> None:
        done = self._state.processed + len(batch)
        self._state = replace(
            self._state, processed=done, expected=max(done, self._state.expected), bookmark=batch.bookmark
        )
        self._show()

    def _show(self) -> None:
        labels = {"step": self._step.name, "direction": "pull"}
        self._parts.meter.gauge("isthmus_backfill_processed_records", self._state.processed, **labels)
        self._parts.meter.gauge("isthmus_backfill_expected_records", self._state.expected, **labels)

    def _count(self, made: int) -> None:
        if made:
            step, meter = self._step.name, self._parts.meter
            meter.count(
                "isthmus_records_total",
                made,
                step=step,
                direction="pull",
                operation="create",
                outcome="applied",
            )
            meter.count("isthmus_link_changes_total", made, step=step, action="created", source="auto")
            meter.gauge(
                "isthmus_last_applied_timestamp_seconds",
                self._parts.clock.now().timestamp(),
                step=step,
                direction="pull",
            )

    def _tell_plan(self, *, fast: bool) -> None:
        """Say what this will take, before it is begun."""
        self._show()
        left = max(0, self._state.expected - self._state.processed)
        rate = SET_WISE_A_SECOND if fast else ONE_BY_ONE_A_SECOND
        log.info(
            "load_planned",
            step=self._step.name,
            records=left,
            set_wise=fast,
            api_calls=self._records.calls_to_read(left, bulk=True),
            seconds=round(left / rate, 1),
            goes_on=self._state.bookmark is not None,
        )

    async def _finish(self) -> None:
        """Ask after what was linked and not met, and after what was deleted meanwhile, and let the read go."""
        if self._state.processed and await self._store.unfinished_load(self._kind, self._step.name) is None:
            raise BookmarkLostError  # the database has crashed, and forgotten which records were read
        deleted = await self._records.deleted_since(self._step.object, self._state.low, DELETES_MOST)
        now = self._parts.clock.now()
        async with self._parts.writing, self._store.begin() as unit:
            again = await self._linked_still(unit, deleted, now)
            await unit.store_changes(again)
            missing = await unit.ask_after_missing(self._kind, self._step.name, self._source, now)
            await self._parts.failpoints.reach(Failpoint.MISSING_FOUND)
            tally = self._tally.with_missing(missing)
            swept = self._kind == JobKind.SWEEP
            await unit.end_load(self._kind, self._step.name, done=swept, outcome=tally.document())
        self._tally = tally
        await self._parts.failpoints.reach(Failpoint.MISSING_STORED)
        log.info("load_missing", step=self._step.name, not_met=missing, deleted_meanwhile=len(again))
        if self._state.bookmark is not None:
            await self._records.forget_sheets(self._state.bookmark)

    async def _linked_still(self, unit: LoadUnit, ids: Sequence[str], now: datetime) -> list[Change]:
        links = await unit.links_of_records(ids)
        return [
            Change(
                self._step.name, Side.SALESFORCE, ChangeKind.REREAD, self._source, now, link.sf_id, link.key
            )
            for link in links.values()
            if link.step == self._step.name and link.state is LinkState.LINKED
        ]


async def _batches(sheets: AsyncIterator[Sheet], gatherer: Gatherer) -> AsyncIterator[Batch]:
    async with aclosing(sheets) as source:  # type: ignore[type-var]
        async for sheet in source:
            batch = gatherer.add(sheet)
            if batch is not None:
                yield batch
    last = gatherer.rest()
    if last is not None:
        yield last


async def _next(
    tasks: asyncio.TaskGroup, batches: asyncio.Queue[Batch | None], reading: asyncio.Task[None]
) -> Batch | None:
    """The next batch. A task group does not tell of a child that was cancelled alone, and there would never be one: CallFailedError."""
    coming = tasks.create_task(batches.get())
    try:
        await asyncio.wait({coming, reading}, return_when=asyncio.FIRST_COMPLETED)
        if reading.cancelled() and not coming.done():
            raise CallFailedError(CUT_SHORT)
        return await coming
    finally:
        coming.cancel()


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """The one failure that a group was made for: each of ours ends the whole read."""
    found = group.exceptions[0]
    return _first(found) if isinstance(found, BaseExceptionGroup) else found
