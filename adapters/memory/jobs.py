"""The table of long works in memory."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from adapters.memory.database import MemoryDatabase
from adapters.memory.lease import MemoryLease
from daemon.domain.failure import RefusedError
from daemon.ports.jobs import OWN_KINDS, QUEUED_MOST, Job, JobKind, JobPage, JobState
from daemon.ports.store import LeaseLostError


class MemoryJobs:
    """The port `Jobs`. The jobs outlive this object as long as `kept` does."""

    def __init__(
        self, database: MemoryDatabase, lease: MemoryLease, kept: dict[int, Job] | None = None
    ) -> None:
        self._database = database
        self._lease = lease
        self._jobs: dict[int, Job] = {} if kept is None else kept

    async def open(self, kind: JobKind, step: str, request: Mapping[str, Any], operator: str) -> Job:
        waiting = [job for job in self._jobs.values() if job.state is JobState.QUEUED]
        if len(waiting) >= QUEUED_MOST:
            raise RefusedError(
                f"the {kind.value} of {step} was not queued",
                f"{QUEUED_MOST} jobs wait already",
                "wait for them, or cancel some: isthmus job list --state queued",
            )
        now = self._database.now()
        job = Job(
            len(self._jobs) + 1,
            kind.value,
            step,
            JobState.QUEUED,
            dict(request),
            operator,
            now,
            updated_at=now,
        )
        self._jobs[job.id] = job
        return job

    async def take(self, kinds: Sequence[str]) -> Job | None:
        self._check()
        mine = [job for job in self._jobs.values() if not job.ended and job.kind in kinds]
        mine.sort(key=lambda job: (job.state is not JobState.RUNNING, job.id))
        if not mine:
            return None
        job = mine[0]
        again = 1 if job.state is JobState.RUNNING else 0
        return self._put(
            job,
            state=JobState.RUNNING,
            started_at=job.started_at or self._database.now(),
            interruptions=job.interruptions + again,
            in_vain=job.in_vain + again,
        )

    async def note(
        self, number: int, processed: int, expected: int, place: Mapping[str, Any] | None = None
    ) -> None:
        self._check()
        job = self._jobs[number]
        kept = job.place if place is None else dict(place)
        in_vain = job.in_vain if processed == job.processed else 0
        self._put(
            job, processed=processed, expected=expected, place=kept, in_vain=in_vain, failure=None, due=None
        )

    async def delay(self, number: int, failure: Mapping[str, Any], due: datetime) -> None:
        self._check()
        self._put(self._jobs[number], failure=dict(failure), due=due)

    async def end(
        self,
        number: int,
        state: JobState,
        result: Mapping[str, Any] | None = None,
        failure: Mapping[str, Any] | None = None,
    ) -> None:
        self._check()
        job = self._jobs[number]
        if job.state is JobState.RUNNING:
            self._put(
                job, state=state, result=result, failure=failure, due=None, ended_at=self._database.now()
            )

    async def cancel(self, number: int, operator: str) -> Job | None:
        job = self._jobs.get(number)
        if job is None or job.ended or job.kind in OWN_KINDS:
            return None
        if job.state is JobState.RUNNING:
            return self._put(job, cancelled_by=operator)
        now = self._database.now()
        return self._put(job, cancelled_by=operator, state=JobState.CANCELLED, ended_at=now)

    async def cancelled(self, number: int) -> bool:
        job = self._jobs.get(number)
        return job is not None and job.cancelled_by is not None

    async def get(self, number: int) -> Job | None:
        return self._jobs.get(number)

    async def list(
        self,
        *,
        step: str | None = None,
        kind: str | None = None,
        state: str | None = None,
        limit: int = 100,
        cursor: str | None = None,
    ) -> JobPage:
        found = [
            job
            for job in sorted(self._jobs.values(), key=lambda job: -job.id)
            if step in (None, job.step) and kind in (None, job.kind) and state in (None, job.state.value)
            if cursor is None or job.id < int(cursor)
        ]
        return JobPage(tuple(found[:limit]), str(found[limit - 1].id) if len(found) > limit else None)

    def _put(self, job: Job, **values: Any) -> Job:
        changed = replace(job, updated_at=self._database.now(), **values)
        self._jobs[job.id] = changed
        return changed

    def _check(self) -> None:
        lease = self._database.leases.get(self._lease.name)
        current = lease.epoch if lease is not None and lease.holder is not None else None
        if current is None or current != self._lease.epoch:
            raise LeaseLostError(f"epoch {self._lease.epoch} is over, {current or 'none'} is current")
