"""Reading an object whole: the first load of a step, and the answer to a gap that names no record.

What is read is observed like any other record and takes the same road; live changes go on meanwhile. A record that was
read before a newer event was settled is older than its link knows, and is left alone.
"""

from collections.abc import Sequence
from typing import cast

import structlog

from daemon.domain.change import Change, ChangeKind, Source
from daemon.domain.failure import CallFailedError, Failure
from daemon.domain.mapping import Step
from daemon.domain.side import Side
from daemon.flow.deferral import load_reference
from daemon.flow.loading.bulk import BulkLoad
from daemon.flow.loading.outcomes import Tally, Witness, told
from daemon.flow.loading.page import settle_page
from daemon.flow.parts import Parts
from daemon.flow.reading import read_fields
from daemon.flow.refiltering import conditions
from daemon.flow.unlinked import enqueue_all_unlinked
from daemon.ports.failpoints import Failpoint
from daemon.ports.jobs import JobKind
from daemon.ports.salesforce import Record
from daemon.ports.store import Unit

log = structlog.get_logger(__name__)

LINKS_AT_ONCE = 10_000
SETTLED_AT_ONCE = 500
"""Records to a transaction: enough to be set-wise, few enough that live changes and the event loop get their turn."""


class Loader:
    """Loads steps. From `bulk_from` records on, an object is read through Bulk API 2.0: by `bulk`, if it is given."""

    def __init__(self, parts: Parts, *, bulk_from: int, bulk: BulkLoad | None = None) -> None:
        self._parts = parts
        self._bulk_from = bulk_from
        self._bulk = bulk

    async def first_loads(self) -> None:
        """Load every step that was never loaded to the end, parents first.

        One that cannot be read holds up no other: its failure is noted, and the first one raised when all have had their turn.
        """
        failed: CallFailedError | None = None
        for name in [step.name for step in self._parts.steps.ordered]:
            if await self._parts.store.first_load(name) == "done":
                continue
            step = self._parts.steps.by_name.get(
                name
            )  # as it is by now: the loads before it may have taken hours
            if step is None or step.still:
                continue
            self._parts.loaded_under[name] = conditions(step)
            try:
                await self._first_load(step)
            except CallFailedError as error:
                failed = failed or error
                await self._note_held_up(step, error.failure)
        if failed is not None:
            raise failed

    async def is_large(self, step: Step) -> bool:
        """Whether reading the step's object whole takes so long that nothing else should wait for it. One call, if any."""
        return self._bulk is not None and await _expected(self._parts, step) >= self._bulk_from

    async def _note_held_up(self, step: Step, failure: Failure) -> None:
        log.warning("first_load_held_up", step=step.name, code=failure.code, advice=failure.advice)
        told = {"code": failure.code, "message": failure.message, "advice": failure.advice}
        await self._parts.store.hold_first_load(step.name, told)

    async def _first_load(self, step: Step) -> None:
        log.info("first_load_started", step=step.name, object=step.object)
        self._parts.meter.gauge("isthmus_backfill_active", 1, step=step.name, direction="pull")
        with self._parts.in_force.batch():
            nothing_to_read = step.deletes_by_row
            done, expected = (0, 0) if nothing_to_read else await self._read_all(step, JobKind.FIRST_LOAD)
        if step.direction.pushes:
            rows = await enqueue_all_unlinked(self._parts, step)
            log.debug("rows_enqueued", step=step.name, rows=rows)
        await self._parts.store.set_first_load(step.name, "done", done, expected)
        async with self._parts.writing, self._parts.store.begin() as unit:
            await unit.release_waiting([load_reference(step.name)])
        await self._parts.failpoints.reach(Failpoint.LOAD_DONE)
        self._parts.meter.gauge("isthmus_backfill_active", 0, step=step.name, direction="pull")
        log.info("first_load_done", step=step.name, records=done)

    async def reload(self, step: Step, changes: Sequence[Change]) -> None:
        """Read an object whole because of these changes, and settle them."""
        log.info("object_read_whole", step=step.name, object=step.object)
        with self._parts.in_force.batch():
            await self._read_all(step, JobKind.SWEEP, [change.id for change in changes])
        async with self._parts.writing, self._parts.store.begin() as unit:
            await unit.settle([change.id for change in changes])
        await self._parts.failpoints.reach(Failpoint.LOAD_DONE)

    async def _read_all(self, step: Step, kind: JobKind, answers: Sequence[int] = ()) -> tuple[int, int]:
        expected = await _expected(self._parts, step)
        if self._bulk is not None and expected >= self._bulk_from:
            state = await self._bulk.read(step, kind, expected, answers)
            return state.processed, state.expected
        source = Source.LOAD if kind is JobKind.FIRST_LOAD else Source.SWEEP
        done, tally = 0, Tally()
        seen: set[str] = set()
        await self._progress(step, source, done, expected, tally)
        await self._parts.failpoints.reach(Failpoint.LOAD_BEGUN)
        pages = self._parts.records.scan(
            step.object, read_fields(step), bulk=expected >= self._bulk_from, condition=step.soql
        )
        async for page in pages:
            await self._parts.failpoints.reach(Failpoint.PAGE_READ)
            for start in range(0, len(page), SETTLED_AT_ONCE):
                portion = page[start : start + SETTLED_AT_ONCE]
                async with self._parts.writing, self._parts.store.begin() as unit:
                    settled = await self._settled(unit, step, source, portion, tally)
                    await self._parts.failpoints.reach(Failpoint.PAGE_SETTLED)
                done, tally = done + len(portion), settled
                await self._progress(step, source, done, max(done, expected), tally)
                await self._parts.failpoints.reach(Failpoint.PAGE_COMMITTED)
            seen.update(record.id for record in page)
        await self._parts.failpoints.reach(Failpoint.PAGES_DONE)
        await self._ask_after_missing(step, source, seen)
        return done, expected

    async def _settled(
        self, unit: Unit, step: Step, source: Source, records: Sequence[Record], tally: Tally
    ) -> Tally:
        """Settle records; the tally with what became of them, which nobody asks of an answer to a gap."""
        if source is not Source.LOAD:
            await settle_page(self._parts, unit, step, source, records)
            return tally
        witness = Witness(unit)
        await settle_page(self._parts, cast("Unit", witness), step, source, records)
        ids = [record.id for record in records]
        return tally.with_records(await told(unit, step, ids, witness.entries), listed=False)

    async def _progress(self, step: Step, source: Source, done: int, expected: int, tally: Tally) -> None:
        labels = {"step": step.name, "direction": "pull"}
        self._parts.meter.gauge("isthmus_backfill_processed_records", done, **labels)
        self._parts.meter.gauge("isthmus_backfill_expected_records", expected, **labels)
        if source is Source.LOAD:
            await self._parts.store.set_first_load(step.name, "running", done, expected, tally.document())

    async def _ask_after_missing(self, step: Step, source: Source, seen: set[str]) -> None:
        """Records that are linked and were not among those read: the worker asks what became of each."""
        after = 0
        while links := await self._parts.store.linked_records(step.name, after, LINKS_AT_ONCE):
            after = links[-1][0]
            missing = [sf_id for _, sf_id in links if sf_id not in seen]
            now = self._parts.clock.now()
            asked = [
                Change(step.name, Side.SALESFORCE, ChangeKind.REREAD, source, now, sf_id) for sf_id in missing
            ]
            if asked:
                await self._parts.failpoints.reach(Failpoint.MISSING_FOUND)
                async with self._parts.writing, self._parts.store.begin() as unit:
                    await unit.store_changes(asked)
                await self._parts.failpoints.reach(Failpoint.MISSING_STORED)


async def _expected(parts: Parts, step: Step) -> int:
    """How many records a read of a step's object takes in: those that its filter leaves out are not read."""
    return await parts.records.count(step.object, step.soql)
