"""The database as the flow needs it: transactions under the lease, and the queue."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

from adapters.postgres import changes, gaps, journal, links, staging
from adapters.postgres.documents import encode
from adapters.postgres.fence import leading
from adapters.postgres.lease import PostgresLease
from adapters.postgres.pool import Pool
from adapters.postgres.queries import QUERIES
from adapters.postgres.session import Purpose, Session, translated
from adapters.postgres.tables import Tables
from adapters.postgres.unit import PostgresUnit
from daemon.domain.change import Change, Source
from daemon.domain.mapping import Step
from daemon.domain.value import Raw
from daemon.ports.failpoints import Failpoint
from daemon.ports.loads import LoadState
from daemon.ports.store import ClosedGap, Position


class PostgresStore:
    """The ports `Store` and `LoadStore`. Every transaction that writes holds the lease's row, so a successor waits for it to end."""

    def __init__(self, pool: Pool, lease: PostgresLease) -> None:
        self._pool = pool
        self._lease = lease
        self._tables = Tables()

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[PostgresUnit]:
        async with self._fenced() as session:
            yield PostgresUnit(session, self._tables)

    async def pending(self, limit: int) -> list[Change]:
        async with self._pool.session() as session:
            return await changes.pending(session, limit)

    async def mark_sent(self, sent: Mapping[int, Mapping[str, Raw]], links: Sequence[int]) -> None:
        async with self._fenced() as session:
            await changes.mark_sent(session, sent, links)

    async def positions(self) -> dict[str, Position]:
        async with self._pool.session() as session:
            return await journal.positions(session)

    async def enqueue_unlinked(self, step: Step, limit: int) -> int:
        async with self._fenced() as session:
            table = await self._tables.of(session, step)
            stored = await session.execute(
                Purpose.CAPTURE, table.enqueue_unlinked, step.name, step.table.qualified, limit
            )
            if stored:
                await changes.ring(session)
            return stored

    async def sweep(self, step: str, *, asked: bool) -> int:
        async with self._fenced() as session:
            source = Source.OPERATOR if asked else Source.SWEEP
            stored = await session.execute(Purpose.CAPTURE, QUERIES["sweep"], step, source.value)
            await session.execute(Purpose.CAPTURE, QUERIES["forget_capture_faults"], step)
            await changes.ring(session)
            return stored

    async def look_anew(self, step: str, after: int, limit: int) -> tuple[int, int]:
        async with self._fenced() as session:
            (found,) = await session.fetch(Purpose.CAPTURE, QUERIES["look_anew"], step, after, limit)
            await changes.ring(session)
            return found["pairs"], found["last"]

    async def resume(self, step: str, code: str, reasons: Sequence[str]) -> int:
        async with self._fenced() as session:
            resumed = await session.execute(Purpose.CAPTURE, QUERIES["resume"], step, code, list(reasons))
            await changes.ring(session)
            return resumed

    async def faulty_capture(self) -> frozenset[str]:
        async with self._pool.session() as session:
            found = await session.fetch(Purpose.CAPTURE, QUERIES["faulty_capture"])
            return frozenset(record["step"] for record in found)

    async def leaving_rows(self, step: Step, most: int) -> int:
        async with self._pool.session() as session:
            sql = (await self._tables.of(session, step)).leaving_rows
            return int(await session.value(Purpose.LOG, sql, step.name, step.table.qualified, most))

    async def forget_captured(self, step: str, code: str, limit: int) -> int:
        async with self._fenced() as session:
            forgotten = await session.execute(Purpose.CAPTURE, QUERIES["forget_captured"], step, code, limit)
            if forgotten:
                await session.execute(Purpose.CAPTURE, QUERIES["note_forgotten"], step)
            return forgotten

    async def linked_records(self, step: str, after: int, limit: int) -> list[tuple[int, str]]:
        async with self._pool.session() as session:
            return await links.linked(session, step, after, limit)

    async def close_gaps(self) -> list[ClosedGap]:
        async with self._fenced() as session:
            return await gaps.close_filled(session)

    async def unfinished_load(self, kind: str, step: str) -> LoadState | None:
        async with self._pool.session() as session:
            return await staging.unfinished(session, kind, step)

    async def takes_sets(self, step: Step) -> bool:
        async with self._pool.session() as session:
            return await staging.takes_sets(session, step)

    async def first_load(self, step: str) -> str | None:
        async with self._pool.session() as session:
            state: str | None = await session.value(Purpose.ADMIN, QUERIES["first_load"], step)
            return state

    async def set_first_load(
        self, step: str, state: str, processed: int, expected: int, outcome: Mapping[str, Any] | None = None
    ) -> None:
        told = None if outcome is None else encode(outcome)
        async with self._fenced() as session:
            await session.execute(
                Purpose.ADMIN, QUERIES["set_first_load"], step, state, processed, expected, told
            )

    async def hold_first_load(self, step: str, failure: Mapping[str, str]) -> None:
        async with self._fenced() as session:
            await session.execute(Purpose.ADMIN, QUERIES["hold_first_load"], step, encode(failure))

    @asynccontextmanager
    async def _fenced(self) -> AsyncIterator[Session]:
        async with leading(self._pool, self._lease) as session:
            yield session
        with translated(self._pool.meter):
            await self._pool.failpoints.reach(Failpoint.COMMIT_UNHEARD)
