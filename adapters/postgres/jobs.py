"""The table of long works, `isthmus.job`."""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from datetime import datetime
from typing import Any

from adapters.postgres.documents import decode, encode
from adapters.postgres.fence import leading
from adapters.postgres.inspection import LONGEST_PAGE, cursor_number
from adapters.postgres.lease import PostgresLease
from adapters.postgres.pool import Pool
from adapters.postgres.queries import QUERIES
from adapters.postgres.session import Purpose
from daemon.domain.failure import RefusedError
from daemon.ports.jobs import QUEUED_MOST, Job, JobKind, JobPage, JobState

_DOCUMENTS = frozenset({"request", "place", "result", "failure", "outcome"})
_COLUMNS = tuple(field.name for field in fields(Job))


class PostgresJobs:
    """The port `Jobs`. Orders and cancellations may come from any process; all else is the leader's."""

    def __init__(self, pool: Pool, lease: PostgresLease) -> None:
        self._pool = pool
        self._lease = lease

    async def open(self, kind: JobKind, step: str, request: Mapping[str, Any], operator: str) -> Job:
        async with self._pool.session() as session:
            made = await session.fetch(
                Purpose.ADMIN, QUERIES["open_job"], kind.value, step, encode(request), operator, QUEUED_MOST
            )
        if not made:
            raise RefusedError(
                f"the {kind.value} of {step} was not queued",
                f"{QUEUED_MOST} jobs wait already",
                "wait for them, or cancel some: isthmus job list --state queued",
            )
        return _job(made[0])

    async def take(self, kinds: Sequence[str]) -> Job | None:
        async with leading(self._pool, self._lease) as session:
            found = await session.fetch(Purpose.ADMIN, QUERIES["take_job"], list(kinds))
        return _job(found[0]) if found else None

    async def note(
        self, number: int, processed: int, expected: int, place: Mapping[str, Any] | None = None
    ) -> None:
        async with leading(self._pool, self._lease) as session:
            await session.execute(
                Purpose.ADMIN, QUERIES["note_job"], number, processed, expected, _document(place)
            )

    async def delay(self, number: int, failure: Mapping[str, Any], due: datetime) -> None:
        async with leading(self._pool, self._lease) as session:
            await session.execute(Purpose.ADMIN, QUERIES["delay_job"], number, encode(failure), due)

    async def end(
        self,
        number: int,
        state: JobState,
        result: Mapping[str, Any] | None = None,
        failure: Mapping[str, Any] | None = None,
    ) -> None:
        async with leading(self._pool, self._lease) as session:
            await session.execute(
                Purpose.ADMIN, QUERIES["end_job"], number, state.value, _document(result), _document(failure)
            )

    async def cancel(self, number: int, operator: str) -> Job | None:
        async with self._pool.session() as session:
            found = await session.fetch(Purpose.ADMIN, QUERIES["cancel_job"], number, operator)
        return _job(found[0]) if found else None

    async def cancelled(self, number: int) -> bool:
        async with self._pool.session() as session:
            return await session.value(Purpose.ADMIN, QUERIES["job_cancelled"], number) is True

    async def get(self, number: int) -> Job | None:
        async with self._pool.session() as session:
            found = await session.fetch(Purpose.ADMIN, QUERIES["one_job"], number)
        return _job(found[0]) if found else None

    async def list(
        self,
        *,
        step: str | None = None,
        kind: str | None = None,
        state: str | None = None,
        limit: int = 100,
        cursor: str | None = None,
    ) -> JobPage:
        limit = max(1, min(limit, LONGEST_PAGE))
        async with self._pool.session() as session:
            rows = await session.fetch(
                Purpose.ADMIN, QUERIES["list_jobs"], step, kind, state, cursor_number(cursor), limit + 1
            )
        jobs = tuple(_job(row) for row in rows[:limit])
        return JobPage(jobs, str(jobs[-1].id) if len(rows) > limit else None)


def _job(row: Mapping[str, Any]) -> Job:
    values = {name: row[name] for name in _COLUMNS}
    for name in _DOCUMENTS:
        values[name] = None if values[name] is None else decode(values[name])
    return Job(**{**values, "state": JobState(values["state"])})


def _document(value: Mapping[str, Any] | None) -> str | None:
    return None if value is None else encode(value)
