"""What was handed over to go in bulk, worked off beside the worker: one job after another.

Only one job is under way at a time, and its id is stored before it is started. A process that finds one which another has
left ends it first; then the writes that it carried are in doubt like any other, and are resolved by reading. Until Salesforce tells that it has
ended, whatever is in doubt is left alone, and no other job is started; the rest goes on.
"""

import asyncio
from collections.abc import Sequence
from typing import Final

import structlog

from daemon.domain.failure import CallFailedError, DatabaseFailedError, Failure, FailureKind, Reason
from daemon.flow.bulk_batch import BulkBatch
from daemon.flow.bulk_hands import Hands
from daemon.flow.delivery import SLOW_SECONDS, hint_at_slowness
from daemon.flow.finishing import finish_batch
from daemon.flow.parts import Parts
from daemon.flow.sending import locks, record_write
from daemon.ports.bulk_writes import NOT_BY_BULK, BulkNote, BulkWriter, not_by_bulk
from daemon.ports.failpoints import Failpoint
from daemon.ports.salesforce import RecordWrite, WriteResult
from daemon.reconcile.pace import LARGEST

log = structlog.get_logger(__name__)

JOB_SECONDS: Final = 900.0
"""A job that takes longer is aborted, and what it did not come to goes another way."""

BARRED_SECONDS: Final = 600.0
"""For so long an object is written by other calls after a job that did not do all that it was given."""

CHUNK: Final = 500
"""So many records are settled in one transaction: whoever is live waits for no more."""

FIRST_PAUSE: Final = 1.0
_LONGEST_PAUSE: Final = 60.0
"""Seconds between two looks at a job that was left behind, at first and at most."""

_WAY_OUT: Final = (
    "What the job was given waits, and everything else goes on. Let the integration user read and abort the job. Where that cannot be: look "
    "at it in Setup > Bulk Data Load Jobs, abort it there, and once it has ended have it forgotten, in the daemon's database: "
    "DELETE FROM isthmus.setting WHERE name = 'bulk_write_job'"
)


class BulkJobs:
    """The jobs of this process. As long as one is under way, `hands` hold its pairs."""

    def __init__(self, parts: Parts, writer: BulkWriter, note: BulkNote, hands: Hands) -> None:
        self._live = parts
        self._writer = writer
        self._note = note
        self._hands = hands
        self._handed: list[BulkBatch] = []
        self._deadline = 0.0
        self._changed = asyncio.Condition()
        self._left_behind = True
        self._unknown: Failure | None = None
        self._again = 0.0
        self._pause = FIRST_PAUSE
        self._barred: dict[str, float] = {}

    @property
    def running(self) -> bool:
        """Whether anything is handed over whose job has not ended."""
        return bool(self._handed)

    @property
    def overdue(self) -> bool:
        """Whether the job under way should have ended by now, so that nobody knows how long it will take: what can go another way waits no more."""
        return self.running and self._live.clock.monotonic() >= self._deadline

    def bars(self, name: str) -> bool:
        """Whether an object is better written by other calls for a while."""
        return self._barred.get(name, 0.0) > self._live.clock.monotonic()

    def carries(self, write: RecordWrite) -> bool:
        """Whether a job can carry this write."""
        return self._writer.carries(write)

    @property
    def unended(self) -> bool:
        """Whether a job that was left behind may write still, for all that is known: until that is excluded, what is in doubt may be in it."""
        return self._left_behind and not self.running

    async def end_left_behind(self) -> None:
        """End the job that another process has left, or one of this that it lost sight of. Where that fails it is tried again before long."""
        now = self._live.clock.monotonic()
        if not self.unended or now < self._again:
            return
        job = await self._note.kept()
        if job is None or await self._is_ended(job):
            self._left_behind = False
            return
        self._again = now + self._pause
        self._pause = min(2 * self._pause, _LONGEST_PAUSE)

    async def _is_ended(self, job: str) -> bool:
        """Have a job ended that is kept, and forget it if it has."""
        failure = _still_ending(job)
        try:
            ended = await self._writer.end(job)
        except CallFailedError as error:
            ended, failure = False, error.failure
        self._unknown = failure
        told = {} if ended else {"code": failure.code, "why": failure.message, "advice": _WAY_OUT}
        log.warning("bulk_write_left_behind", job=job, ended=ended, **told)
        if ended:
            await self._note.keep(None)
        return ended

    def ended(self) -> None:
        """Raises CallFailedError while a job that was left behind may write still."""
        if self.unended and self._unknown is not None:
            raise CallFailedError(self._unknown)

    async def hand_over(self, batches: Sequence[BulkBatch]) -> None:
        """Have batches worked off, whose pairs are in hand."""
        self._handed = list(batches)
        self._deadline = self._live.clock.monotonic() + JOB_SECONDS
        async with self._changed:
            self._changed.notify_all()

    async def run(self) -> None:
        """Work off what is handed over, for ever."""
        while True:
            async with self._changed:
                await self._changed.wait_for(lambda: self.running)
            await self.work_off()

    async def rested(self) -> bool:
        """Wait until nothing is under way; whether anything was."""
        if not self.running:
            return False
        async with self._changed:
            await self._changed.wait_for(lambda: not self.running)
        return True

    async def work_off(self) -> None:
        """Write what was handed over, as one job after another, and let go of it.

        Where the database fails, or nothing is heard of a job at its deadline, the writes stay in doubt, and the job counts as left behind.
        """
        self._left_behind, self._again, self._pause = True, 0.0, FIRST_PAUSE
        try:
            for batch in self._handed:
                await self._write(batch)
            self._left_behind = False
        except CallFailedError as error:
            log.warning("bulk_write_lost_sight_of", code=error.failure.code, advice=error.failure.advice)
        finally:
            self._handed = []
            self._hands.release()
            async with self._changed:
                self._changed.notify_all()
        try:
            await self._hands.wake(self._live)
        except DatabaseFailedError as error:  # it comes back by itself, a little later
            log.warning("bulk_write_not_woken", code=error.failure.code)

    async def _write(self, batch: BulkBatch) -> None:
        """One job. What a step that has been changed or held since gathered is not sent: it is resolved by reading, under the step as it is."""
        parts = self._live
        if parts.steps.by_name.get(batch.step.name) != batch.step:
            return
        batch.cases.sort(
            key=lambda case: sorted(locks(batch.step, case))
        )  # children of one parent side by side
        writes = [record_write(batch.step, case) for case in batch.cases]
        await parts.failpoints.reach(Failpoint.WRITES_MARKED)
        parts.meter.observe(
            "isthmus_batch_records", len(writes), step=batch.step.called("push"), direction="push"
        )
        started = parts.clock.monotonic()
        self._deadline = started + JOB_SECONDS
        results = await self._results(batch, writes)
        seconds = parts.clock.monotonic() - started
        await parts.failpoints.reach(Failpoint.REPLY_PARSED)
        for case, result in zip(batch.cases, results, strict=True):
            case.result = result
        self._learn(batch, results, seconds)
        await self._finish(batch)
        await self._note.keep(None)

    async def _results(self, batch: BulkBatch, writes: Sequence[RecordWrite]) -> list[WriteResult]:
        try:
            job = await self._writer.prepare(batch.step.object, writes)
        except CallFailedError as error:
            failure = _unprepared(error.failure)
            return [WriteResult(id=write.id, failure=failure, shared=True) for write in writes]
        await self._note.keep(job)
        pause = 1.0
        while True:
            try:
                return await self._writer.outcome(job, writes, self._deadline)
            except CallFailedError as error:
                log.warning("bulk_write_unheard", job=job, object=batch.step.object, code=error.failure.code)
                if self._live.clock.monotonic() >= self._deadline:
                    raise
            await self._live.clock.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)

    def _learn(self, batch: BulkBatch, results: Sequence[WriteResult], seconds: float) -> None:
        """Note what a job tells of Salesforce, and of whether the object is better written otherwise for a while."""
        parts, step, now = self._live, batch.step, self._live.clock.monotonic()
        failures = [result.failure for result in results if result.failure is not None]
        if any(result.failure is None for result in results):
            parts.sizes.note_answer(now)
            parts.outages.over(step.object)
        if any(_not_done(failure) for failure in failures):
            self._barred[step.object] = now + BARRED_SECONDS
        log.info(
            "bulk_write", step=step.name, object=step.object, operation=batch.call[0], records=len(results),
            failed=len(failures), seconds=round(seconds, 1),
        )  # fmt: skip
        share = seconds * LARGEST / max(LARGEST, len(results))
        if share > SLOW_SECONDS:
            hint_at_slowness(parts, step, LARGEST, share)

    async def _finish(self, batch: BulkBatch) -> None:
        """Settle, some at a time. Where the step has become another, or the database fails, the writes are resolved by reading instead."""
        for start in range(0, len(batch.cases), CHUNK):
            chunk = batch.cases[start : start + CHUNK]
            with self._live.batch() as parts:
                if parts.steps.by_name.get(batch.step.name) != batch.step:
                    return
                try:
                    await finish_batch(parts, batch.step, chunk, late=True)
                except DatabaseFailedError as error:
                    log.warning(
                        "step_held_back", step=batch.step.name, code=error.failure.code, changes=len(chunk)
                    )


def _still_ending(job: str) -> Failure:
    """Salesforce was asked to abort a job, and it has not ended yet."""
    return Failure(
        FailureKind.BUSY,
        Reason.TRANSPORT,
        "bulk_write_left_behind",
        f"The bulk job {job} was left behind by another process, and Salesforce has not ended it yet.",
        _WAY_OUT,
    )


def _unprepared(failure: Failure) -> Failure:
    """Why a job could not be made. Nothing was done, whatever the failure is; one that says until when waits for that."""
    return failure if failure.until is not None else not_by_bulk(f"{failure.code}: {failure.message}")


def _not_done(failure: Failure) -> bool:
    """Whether a job passed over a record, or said nothing of it."""
    return failure.code == NOT_BY_BULK or failure.kind is FailureKind.UNKNOWN_OUTCOME
