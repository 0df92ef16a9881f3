"""The leader's side of operators' long works: one at a time, with progress, cancelling, and a second life after a death."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from functools import partial
from typing import Any, Final, TypeVar

import structlog

from daemon.domain.failure import (
    CallFailedError,
    Failure,
    FailureKind,
    IsthmusError,
    NotFoundError,
    RefusedError,
)
from daemon.domain.mapping import Step
from daemon.flow.parts import Parts
from daemon.ports.jobs import Job, Jobs, JobState
from daemon.ports.store import LeaseLostError

log = structlog.get_logger(__name__)

_Kept = TypeVar("_Kept")

LOOK_EVERY: Final = 1.0
"""Seconds between looks for an order, and for the wish to cancel the one that is worked on."""

NOTE_EVERY: Final = 1.0
"""Seconds between two notes of how far a job has come, unless it stores its place."""

TRIES: Final = 6
"""Failures in a row, with nothing done in between, after which a job that might go on is given up."""
FIRST_PAUSE: Final = 2.0
LONGEST_PAUSE: Final = 60.0
"""Seconds between two tries to store how a job stands, at most."""
DEATHS: Final = 3
"""How often the process may end while a job runs and comes no further, before the job is taken for the cause."""

PASSING: Final = frozenset({FailureKind.TRANSIENT, FailureKind.LIMITED, FailureKind.AUTHENTICATION})


class Progress:
    """How a work tells how far it has come, and stores where it would go on."""

    def __init__(self, parts: Parts, jobs: Jobs, job: Job) -> None:
        self._parts = parts
        self._jobs = jobs
        self._id = job.id
        self._noted = float("-inf")
        self.processed = job.processed
        self.expected = job.expected

    async def note(
        self, processed: int, expected: int | None = None, place: Mapping[str, Any] | None = None
    ) -> None:
        """So many records are done, of so many; with `place` (JSON) stored at once, otherwise at most once a second."""
        self.processed = processed
        if expected is not None:
            self.expected = expected
        now = self._parts.clock.monotonic()
        if place is None and now - self._noted < NOTE_EVERY:
            return
        self._noted = now
        await self._jobs.note(self._id, self.processed, self.expected, place)

    async def flush(self) -> None:
        """Store the last numbers."""
        await self._jobs.note(self._id, self.processed, self.expected)


Work = Callable[[Job, Progress], Awaitable[Mapping[str, Any]]]
"""Does a job and gives its result (JSON). `job.place` is where an earlier life of it stood, if it stored that.

May be cancelled wherever it awaits. Raises IsthmusError or CallFailedError for a failure; one that may pass is tried again, a few times,
from the place that was stored last.
"""


_End = tuple[JobState, Mapping[str, Any] | None, Mapping[str, Any] | None]
"""How a job ends: with which state, result and failure."""


class JobRunner:
    """Takes orders up and has them worked on. `works` are the kinds that are known.

    A database that does not answer between two attempts costs a job none of them: it is asked until it does, or until the lease is lost.
    """

    def __init__(self, parts: Parts, jobs: Jobs, works: Mapping[str, Work]) -> None:
        self._parts = parts
        self._jobs = jobs
        self._works = works
        self._dropped: dict[int, Failure] = {}  # jobs that this process has let fall itself, and why

    async def run(self) -> None:
        """For ever. A database that does not answer is waited for: its probe tells it."""
        while True:
            try:
                found = await self.once()
            except CallFailedError as error:
                log.warning("jobs_not_looked_at", code=error.failure.code)
                found = False
            if not found:
                await self._parts.clock.sleep(LOOK_EVERY)

    async def once(self) -> bool:
        """Work on the next job to its end; whether there was one."""
        job = await self._jobs.take(sorted(self._works))
        if job is None:
            return False
        beginning = "at its beginning" if job.place is None else "where it stood"
        log.info(
            "job_begun",
            job=job.id,
            kind=job.kind,
            step=job.step,
            at=beginning,
            interruptions=job.interruptions,
        )
        try:
            state, result, failure = await self._worked(job)
            await self._kept(partial(self._jobs.end, job.id, state, result, failure))
        except CallFailedError as error:
            self._dropped[job.id] = error.failure
            raise
        self._dropped.pop(job.id, None)
        log.info(
            "job_ended", job=job.id, kind=job.kind, step=job.step, state=state.value, code=_code(failure)
        )
        return True

    async def _worked(self, job: Job) -> _End:
        if job.in_vain >= DEATHS:
            dropped = self._dropped.get(job.id)
            return JobState.FAILED, None, _ended(job) if dropped is None else _failed(dropped)
        if job.cancelled_by is not None:
            return JobState.CANCELLED, None, None
        return await self._tried(job)

    async def _tried(self, job: Job) -> _End:
        """Work on a job until it is done or given up."""
        progress = Progress(self._parts, self._jobs, job)
        attempt, furthest = 0, job.processed
        while True:
            attempt += 1
            try:
                result = await self._watched(job, progress)
            except IsthmusError as error:
                return JobState.FAILED, None, _told(error.what, error.why, error.fix)
            except LeaseLostError:
                raise
            except CallFailedError as error:
                if progress.processed > furthest:  # never so far before: this failure is the first in a row
                    attempt, furthest = 1, progress.processed
                if error.failure.kind not in PASSING or attempt == TRIES:
                    return JobState.FAILED, None, _failed(error.failure)
                if not await self._waited(job, error.failure, attempt):
                    return JobState.CANCELLED, None, None
                found = await self._kept(partial(self._jobs.get, job.id))
                job = job if found is None else found
            except Exception as error:
                log.exception("job_defect", job=job.id, kind=job.kind, step=job.step)
                return JobState.FAILED, None, _defect(error)
            else:
                if result is None:
                    return JobState.CANCELLED, None, None
                await self._kept(progress.flush)
                return JobState.DONE, result, None

    async def _kept(self, call: Callable[[], Awaitable[_Kept]]) -> _Kept:
        """What a call to the database gives, however often it has to be made. Raises LeaseLostError, and what does not pass."""
        pause = LOOK_EVERY
        while True:
            try:
                return await call()
            except CallFailedError as error:
                if error.failure.kind not in PASSING:
                    raise
                log.warning("job_not_stored", code=error.failure.code, seconds=pause)
            await self._parts.clock.sleep(pause)
            pause = min(LONGEST_PAUSE, 2 * pause)

    async def _watched(self, job: Job, progress: Progress) -> Mapping[str, Any] | None:
        """The work's result; None if somebody had it cancelled meanwhile."""
        cancelled = False
        async with asyncio.TaskGroup() as tasks:
            work = tasks.create_task(_caught(self._works[job.kind](job, progress)), name=f"job {job.id}")
            watch = tasks.create_task(self._cancelling(job.id))
            await asyncio.wait({work, watch}, return_when=asyncio.FIRST_COMPLETED)
            if not work.done():
                cancelled = True
                work.cancel()
            watch.cancel()
        if cancelled and work.cancelled():
            return None
        outcome = work.result()
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    async def _cancelling(self, number: int) -> None:
        """Return once somebody wants the job cancelled."""
        while True:
            await self._parts.clock.sleep(LOOK_EVERY)
            if await self._asked_to_end(number):
                return

    async def _waited(self, job: Job, failure: Failure, attempt: int) -> bool:
        """Wait before the next attempt, visibly; False if somebody had the job cancelled."""
        pause = FIRST_PAUSE * 2 ** (attempt - 1)
        due = self._parts.database_now() + timedelta(seconds=pause)
        log.warning("job_held_up", job=job.id, kind=job.kind, step=job.step, code=failure.code, seconds=pause)
        end = self._parts.clock.monotonic() + pause
        try:
            await self._jobs.delay(job.id, _failed(failure), due)
        except CallFailedError as error:
            log.warning("job_delay_not_shown", job=job.id, code=error.failure.code)  # it waits all the same
        while self._parts.clock.monotonic() < end:
            await self._parts.clock.sleep(min(LOOK_EVERY, pause))
            if await self._asked_to_end(job.id):
                return False
        return True

    async def _asked_to_end(self, number: int) -> bool:
        """Whether somebody wants a job cancelled. While the database does not answer, nobody does."""
        try:
            return await self._jobs.cancelled(number)
        except CallFailedError as error:
            log.debug("job_not_looked_at", job=number, code=error.failure.code)
            return False


async def _caught(work: Awaitable[Mapping[str, Any]]) -> Mapping[str, Any] | Exception:
    """A work's result, or what it raised: that comes out of a task group by itself, and not in a group of exceptions."""
    try:
        return await work
    except Exception as error:  # noqa: BLE001 - raised again outside the group
        return error


def step_of(parts: Parts, job: Job) -> Step:
    """The step that a job is about. Raises NotFoundError where it is gone, RefusedError while it is held."""
    step = parts.steps.named(job.step)
    if step is None:
        raise NotFoundError(
            f"there is no step {job.step} any more",
            "it was removed from the configuration, or disabled, after the job was ordered",
            f"the steps are: {', '.join(parts.steps.names)}",
        )
    if step.still:
        raise RefusedError(
            f"step {job.step} is held",
            step.still,
            "see isthmus status; order the job again once the step goes on",
        )
    return step


def _ended(job: Job) -> Mapping[str, Any]:
    return _told(
        "daemon_ended",
        f"The daemon ended, or lost its lead, {job.in_vain} times in a row while this job was running, and it came no further.",
        "Look into its log for why that was, then order the job again.",
    )


def _failed(failure: Failure) -> Mapping[str, Any]:
    return _told(failure.code, failure.message, failure.advice)


def _defect(error: Exception) -> Mapping[str, Any]:
    """A mistake of ours ends the job and not the daemon: everybody else's records would wait for it."""
    return _told(
        "defect",
        f"The job ended by an error that nobody foresaw ({type(error).__name__}).",
        "Its trace is in the daemon's log under job_defect: report it. What the job had done stays.",
    )


def _told(code: str, message: str, advice: str) -> Mapping[str, Any]:
    return {"code": code, "message": message, "advice": advice}


def _code(failure: Mapping[str, Any] | None) -> Any:
    return failure["code"] if failure is not None else None
