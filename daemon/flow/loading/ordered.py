"""A load that an operator ordered: all of an object, or the records that meet a condition; for real, or as a rehearsal.

It takes the road of every load. The whole of a large object is read in bulk; anything less is read in pages in the order of ids, and where
the read stands is committed with each portion, so that it goes on after a death. A rehearsal settles each portion and rolls it back: what it
shows is what the database itself would have done.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final, cast

import structlog

from daemon.domain.change import Source
from daemon.domain.filter import together
from daemon.domain.mapping import Step
from daemon.flow.jobs import Progress, step_of
from daemon.flow.loading.bulk import LOW_MARGIN, BulkLoad
from daemon.flow.loading.outcomes import Tally, Witness, told
from daemon.flow.loading.page import settle_page
from daemon.flow.parts import Parts
from daemon.flow.reading import read_fields
from daemon.flow.unlinked import AT_ONCE
from daemon.ports.jobs import Job, JobKind
from daemon.ports.loads import BulkRecords, LoadState, LoadStore, LoadUnit, Selection
from daemon.ports.salesforce import Record

log = structlog.get_logger(__name__)

PAGE: Final = 2000
PORTION: Final = 500
"""Records to a transaction: enough to be set-wise, few enough that live changes and the event loop get their turn."""

_KIND: Final = JobKind.LOAD.value


@dataclass(frozen=True, slots=True)
class Order:
    """What was ordered. `limit` None: all; `rate`: at most so many records a second; `rehearsal`: nothing is kept."""

    selection: Selection = field(default_factory=Selection)
    limit: int | None = None
    rate: float | None = None
    rehearsal: bool = False

    @classmethod
    def of(cls, request: Mapping[str, Any]) -> "Order":
        """The order in a job's request."""
        since = request.get("since")
        return cls(
            Selection(request.get("where"), None if since is None else datetime.fromisoformat(since)),
            request.get("limit"),
            request.get("rate"),
            bool(request.get("dry_run")),
        )

    @property
    def whole(self) -> bool:
        """Whether every record is read, so that those which are not met are gone."""
        return self.selection.everything and self.limit is None and not self.rehearsal


class OrderedLoads:
    """Works on orders, and says beforehand how much work they are."""

    def __init__(
        self, parts: Parts, store: LoadStore, records: BulkRecords, bulk: BulkLoad, *, bulk_from: int
    ) -> None:
        self._parts = parts
        self._store = store
        self._records = records
        self._bulk = bulk
        self._bulk_from = bulk_from

    async def count(self, step: Step, order: Order) -> int:
        """How many records an order means; one call. Raises CallFailedError for a condition that is none."""
        found = await self._records.count_selected(step.object, within(step, order.selection))
        return found if order.limit is None else min(found, order.limit)

    def in_bulk(self, order: Order, records: int) -> bool:
        """Whether so many records are read through Bulk API 2.0."""
        return order.whole and order.rate is None and records >= self._bulk_from

    def calls(self, order: Order, records: int) -> int:
        """About how many API calls it takes, the count included."""
        return 1 + self._records.calls_to_read(records, bulk=self.in_bulk(order, records))

    async def work(self, job: Job, progress: Progress) -> Mapping[str, Any]:
        """Do the load that a job orders. Raises CallFailedError, or RefusedError where its step does not allow it."""
        order = Order.of(job.request)
        with self._parts.batch() as parts:
            step = step_of(parts, job)
            expected = await self.count(step, order)
            await progress.note(job.processed, expected)
            if self.in_bulk(order, expected):
                state = await self._bulk.read(step, JobKind.LOAD, expected)
                progress.processed, progress.expected = state.processed, state.expected
                result: Mapping[str, Any] = {
                    "records": state.processed,
                    **Tally.of(state.outcome).document(),
                    "dry_run": False,
                    "went_on": job.processed > 0,
                }
            else:
                reading = _Reading(parts, self._store, self._records, step, order, progress)
                result = await reading.run(expected)
            if order.whole and step.direction.pushes:
                result = {**result, "rows_enqueued": await self._enqueue(step)}
        return result

    async def _enqueue(self, step: Step) -> int:
        """Have the rows without a record made in Salesforce, as a first load does."""
        total = 0
        while count := await self._store.enqueue_unlinked(step, AT_ONCE):
            total += count
        return total


class _Reading:
    """One order that is read in pages."""

    def __init__(
        self,
        parts: Parts,
        store: LoadStore,
        records: BulkRecords,
        step: Step,
        order: Order,
        progress: Progress,
    ) -> None:
        self._parts = replace(parts, meter=_UNCOUNTED) if order.rehearsal else parts
        self._store = store
        self._records = records
        self._step = step
        self._order = order
        self._progress = progress
        self._tally = Tally()

    async def run(self, expected: int) -> Mapping[str, Any]:
        """Read and settle everything that is meant; the outcomes in numbers, and the first of them one by one."""
        state = await self._begun(expected)
        done, after = state.processed, state.bookmark or ""
        went_on = done > 0
        self._tally = Tally.of(state.outcome)
        over = state.bookmark == ""  # all was read and asked after, in an earlier life
        while not over and (page := await self._page(after, done)):
            for start in range(0, len(page), self._portion):
                portion = page[start : start + self._portion]
                begun = self._parts.clock.monotonic()
                await self._settle(portion, done, max(expected, done))
                done, after = done + len(portion), portion[-1].id
                await self._progress.note(done, max(expected, done))
                await self._pace(len(portion), begun)
        if self._order.whole and not over:
            await self._ask_after_missing()
        return {
            "records": done,
            **self._tally.document(),
            "dry_run": self._order.rehearsal,
            "went_on": went_on,
        }

    @property
    def _portion(self) -> int:
        rate = self._order.rate
        return PORTION if rate is None else max(1, min(PORTION, int(rate)))

    async def _begun(self, expected: int) -> LoadState:
        """Where an earlier life of this job stood, or its beginning. A rehearsal leaves nothing to go on from."""
        low = self._parts.salesforce_now() - LOW_MARGIN
        fresh = LoadState(0, expected, low, None)
        if self._order.rehearsal:
            return fresh
        state = await self._store.unfinished_load(_KIND, self._step.name)
        if state is None:
            async with self._store.begin() as unit:
                await unit.begin_load(_KIND, self._step.name, expected, low)
        return state or fresh

    async def _page(self, after: str, done: int) -> list[Record]:
        limit = self._order.limit
        wanted = PAGE if limit is None else min(PAGE, limit - done)
        if wanted <= 0:
            return []
        return await self._records.select(
            self._step.object,
            read_fields(self._step),
            within(self._step, self._order.selection),
            after,
            wanted,
        )

    async def _settle(self, portion: Sequence[Record], done: int, expected: int) -> None:
        try:
            async with self._parts.writing, self._store.begin() as unit:
                witness = Witness(unit)
                await settle_page(self._parts, cast("LoadUnit", witness), self._step, Source.SWEEP, portion)
                ids = [record.id for record in portion]
                tally = self._tally.with_records(await told(unit, self._step, ids, witness.entries))
                self._end_rehearsal()
                await unit.note_read(_KIND, self._step.name, ids)
                reached = done + len(portion)
                await unit.keep_load(
                    _KIND,
                    self._step.name,
                    reached,
                    max(expected, reached),
                    portion[-1].id,
                    tally.document(),
                )
        except _NothingKeptError:
            pass
        self._tally = tally

    def _end_rehearsal(self) -> None:
        if self._order.rehearsal:
            raise _NothingKeptError

    async def _pace(self, records: int, begun: float) -> None:
        """Wait until so many records may have taken the time that they took."""
        if self._order.rate is not None:
            due = begun + records / self._order.rate
            await self._parts.clock.sleep(max(0.0, due - self._parts.clock.monotonic()))

    async def _ask_after_missing(self) -> None:
        now = self._parts.clock.now()
        async with self._parts.writing, self._store.begin() as unit:
            missing = await unit.ask_after_missing(_KIND, self._step.name, Source.SWEEP, now)
            tally = self._tally.with_missing(missing)
            await unit.end_load(_KIND, self._step.name, done=False, outcome=tally.document())
        self._tally = tally


class _NothingKeptError(Exception):
    """Ends a rehearsal's transaction, so that it is rolled back."""


class _Uncounted:
    """The port `Meter` for what is not kept."""

    def count(self, name: str, amount: float = 1, /, **labels: str) -> None: ...
    def gauge(self, name: str, value: float, /, **labels: str) -> None: ...
    def observe(self, name: str, value: float, /, **labels: str) -> None: ...
    def clear(self, name: str, /) -> None: ...


_UNCOUNTED: Final = _Uncounted()


def within(step: Step, selection: Selection) -> Selection:
    """A selection of those records alone that the step's filter takes in."""
    conditions = [condition for condition in (step.soql, selection.condition) if condition]
    return replace(selection, condition=together(conditions)) if step.soql else selection
