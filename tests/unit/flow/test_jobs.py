"""The runner of operators' long works, on virtual time and a table in memory."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from adapters.memory.clock import VirtualClock
from adapters.memory.database import MemoryDatabase
from adapters.memory.jobs import MemoryJobs
from adapters.memory.lease import MemoryLease
from adapters.memory.meter import MemoryMeter
from adapters.memory.store import MemoryStore
from daemon.domain.failure import CallFailedError, Failure, FailureKind, Reason, RefusedError
from daemon.domain.mapping import Steps
from daemon.flow.in_force import InForce
from daemon.flow.jobs import DEATHS, TRIES, JobRunner, Progress
from daemon.flow.parts import Parts
from daemon.ports.jobs import Job, JobKind, JobState
from daemon.ports.store import LeaseLostError

Work = Callable[[Job, Progress], Awaitable[Mapping[str, Any]]]
BUSY = Failure(FailureKind.TRANSIENT, Reason.TRANSPORT, "BUSY", "It is busy.", "Wait.")
REFUSED = Failure(FailureKind.PERMISSION, Reason.PERMISSION, "NO", "Not allowed.", "Allow it.")


@dataclass
class Desk:
    """A table of jobs and who works on them."""

    parts: Parts
    jobs: MemoryJobs

    def runner(self, work: Work) -> JobRunner:
        return JobRunner(self.parts, self.jobs, {JobKind.LOAD: work})

    async def order(self) -> int:
        return (await self.jobs.open(JobKind.LOAD, "people", {}, "ada")).id

    async def job(self, number: int) -> Job:
        found = await self.jobs.get(number)
        assert found is not None
        return found


@pytest.fixture
async def desk() -> Desk:
    clock = VirtualClock(auto=True)
    database = MemoryDatabase(clock, new_id=lambda: "unused")
    lease = MemoryLease(database, "test")
    assert await lease.acquire()
    parts = Parts(
        InForce(Steps(())),
        MemoryStore(database, lease),
        None,  # type: ignore[arg-type]
        clock,
        MemoryMeter(),
        jitter=lambda: 0.0,
        new_id=lambda: "unused",
    )
    return Desk(parts, MemoryJobs(database, lease))


@asynccontextmanager
async def running(runner: JobRunner) -> AsyncIterator[None]:
    task = asyncio.create_task(runner.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_a_work_tells_its_progress_and_leaves_its_result(desk: Desk) -> None:
    async def work(job: Job, progress: Progress) -> Mapping[str, Any]:
        for done in range(1, 101):
            await progress.note(done, 100)
        return {"step": job.step}

    number = await desk.order()
    assert await desk.runner(work).once()
    job = await desk.job(number)
    assert (job.state, job.processed, job.expected, job.result) == (
        JobState.DONE,
        100,
        100,
        {"step": "people"},
    )
    assert not await desk.runner(work).once()


async def test_progress_is_stored_once_a_second_and_a_place_at_once(desk: Desk) -> None:
    noted: list[int] = []
    stored = desk.jobs.note

    async def note(number: int, processed: int, expected: int, place: Any = None) -> None:
        noted.append(processed)
        await stored(number, processed, expected, place)

    desk.jobs.note = note  # type: ignore[method-assign]

    async def work(job: Job, progress: Progress) -> Mapping[str, Any]:
        for done in range(1, 6):
            await progress.note(done, 5)
        await progress.note(6, place={"after": 6})
        return {}

    await desk.order()
    await desk.runner(work).once()
    assert noted == [1, 6, 6]


async def test_a_running_job_is_cancelled_in_a_second(desk: Desk) -> None:
    begun = asyncio.Event()

    async def work(job: Job, progress: Progress) -> Mapping[str, Any]:
        begun.set()
        await asyncio.Event().wait()
        raise AssertionError

    number = await desk.order()
    started = desk.parts.clock.monotonic()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(desk.runner(work).once())
        await begun.wait()
        await desk.jobs.cancel(number, "bob")
    job = await desk.job(number)
    assert (job.state, job.cancelled_by) == (JobState.CANCELLED, "bob")
    assert desk.parts.clock.monotonic() - started <= 1.0


async def test_what_may_pass_is_tried_again_from_the_place_that_was_stored(desk: Desk) -> None:
    places: list[Any] = []

    async def work(job: Job, progress: Progress) -> Mapping[str, Any]:
        places.append(job.place)
        if len(places) < 3:
            await progress.note(len(places), 9, place={"after": len(places)})
            raise CallFailedError(BUSY)
        return {}

    number = await desk.order()
    await desk.runner(work).once()
    assert places == [None, {"after": 1}, {"after": 2}]
    assert (await desk.job(number)).state is JobState.DONE
    assert desk.parts.clock.monotonic() == 2.0 + 2.0, "each of them is the first in a row"


async def test_what_does_not_pass_fails_after_a_bounded_number_of_tries(desk: Desk) -> None:
    tries = 0

    async def work(job: Job, progress: Progress) -> Mapping[str, Any]:
        nonlocal tries
        tries += 1
        raise CallFailedError(BUSY)

    number = await desk.order()
    await desk.runner(work).once()
    job = await desk.job(number)
    assert tries == TRIES
    assert job.state is JobState.FAILED
    assert job.failure == {"code": "BUSY", "message": "It is busy.", "advice": "Wait."}


@pytest.mark.parametrize(
    ("error", "code"),
    [(CallFailedError(REFUSED), "NO"), (RefusedError("it is refused", "so", "ask"), "it is refused")],
)
async def test_a_refusal_fails_at_once(desk: Desk, error: Exception, code: str) -> None:
    async def work(job: Job, progress: Progress) -> Mapping[str, Any]:
        raise error

    number = await desk.order()
    await desk.runner(work).once()
    job = await desk.job(number)
    assert job.state is JobState.FAILED
    assert job.failure is not None
    assert job.failure["code"] == code
    assert desk.parts.clock.monotonic() == 0.0


async def test_a_job_that_ends_the_daemon_again_and_again_is_given_up(desk: Desk) -> None:
    async def work(job: Job, progress: Progress) -> Mapping[str, Any]:
        raise LeaseLostError

    number = await desk.order()
    for _ in range(DEATHS):
        with pytest.raises(LeaseLostError):
            await desk.runner(work).once()
    await desk.runner(work).once()
    job = await desk.job(number)
    assert job.state is JobState.FAILED
    assert job.failure is not None
    assert job.failure["code"] == "daemon_ended"


async def test_a_database_that_is_deaf_between_attempts_costs_the_job_nothing(desk: Desk) -> None:
    deaf = 0

    def now_and_then(name: str) -> None:
        real = getattr(desk.jobs, name)

        async def call(*given: Any) -> Any:
            nonlocal deaf
            deaf += 1
            if deaf % 4:
                raise CallFailedError(BUSY)
            return await real(*given)

        setattr(desk.jobs, name, call)

    for name in ("delay", "cancelled", "get", "end"):
        now_and_then(name)
    tries = 0

    async def work(job: Job, progress: Progress) -> Mapping[str, Any]:
        nonlocal tries
        tries += 1
        if tries < TRIES:
            raise CallFailedError(BUSY)
        return {"tries": tries}

    number = await desk.order()
    assert await desk.runner(work).once()
    (job,) = (await desk.jobs.list()).jobs
    assert (job.id, job.state, job.result) == (number, JobState.DONE, {"tries": TRIES})
    assert job.interruptions == 0


async def test_what_cannot_be_stored_is_told_and_not_the_end_of_the_daemon(desk: Desk) -> None:
    async def refused(*_: Any) -> None:
        raise CallFailedError(REFUSED)

    async def work(job: Job, progress: Progress) -> Mapping[str, Any]:
        return {}

    number = await desk.order()
    runner, stored = desk.runner(work), desk.jobs.end
    desk.jobs.end = refused  # type: ignore[method-assign, assignment]
    for _ in range(DEATHS):
        with pytest.raises(CallFailedError):
            await runner.once()
    desk.jobs.end = stored  # type: ignore[method-assign]
    await runner.once()
    job = await desk.job(number)
    assert (job.state, (job.failure or {})["code"]) == (JobState.FAILED, "NO")


async def test_a_long_job_may_be_held_up_more_often_than_a_short_one(desk: Desk) -> None:
    async def work(job: Job, progress: Progress) -> Mapping[str, Any]:
        await progress.note(progress.processed + 1, 20, place={})
        if progress.processed < 20:
            raise CallFailedError(BUSY)
        return {}

    number = await desk.order()
    await desk.runner(work).once()
    assert (await desk.job(number)).state is JobState.DONE


async def test_the_next_leader_goes_on_with_a_job_before_it_takes_another(desk: Desk) -> None:
    seen: list[tuple[int, Any]] = []
    stands = asyncio.Event()

    async def endless(job: Job, progress: Progress) -> Mapping[str, Any]:
        await progress.note(5, 10, place={"after": 5})
        stands.set()
        await asyncio.Event().wait()
        return {}

    async def work(job: Job, progress: Progress) -> Mapping[str, Any]:
        seen.append((job.id, job.place))
        return {}

    first, second = await desk.order(), await desk.order()
    async with running(desk.runner(endless)):
        await stands.wait()
    runner = desk.runner(work)
    assert await runner.once()
    assert await runner.once()
    assert seen == [(first, {"after": 5}), (second, None)]
    assert (await desk.job(first)).interruptions == 1


async def test_a_job_that_waits_for_its_next_try_can_be_cancelled(desk: Desk) -> None:
    async def work(job: Job, progress: Progress) -> Mapping[str, Any]:
        await desk.jobs.cancel(job.id, "bob")
        raise CallFailedError(BUSY)

    number = await desk.order()
    await desk.runner(work).once()
    assert (await desk.job(number)).state is JobState.CANCELLED


async def test_a_mistake_of_ours_ends_the_job_and_not_the_daemon(desk: Desk) -> None:
    async def mistaken(_: Job, __: Progress) -> Mapping[str, Any]:
        raise KeyError("nobody")

    number = await desk.order()
    assert await desk.runner(mistaken).once()
    job = await desk.job(number)
    assert (job.state, (job.failure or {})["code"]) == (JobState.FAILED, "defect")


async def test_a_lost_lease_is_nobodys_failure(desk: Desk) -> None:
    async def overtaken(_: Job, __: Progress) -> Mapping[str, Any]:
        raise LeaseLostError

    number = await desk.order()
    with pytest.raises(LeaseLostError):
        await desk.runner(overtaken).once()
    assert (await desk.job(number)).state is JobState.RUNNING
