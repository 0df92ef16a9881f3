"""Pairs as PostgreSQL has them, read without a lock, and what comparisons leave behind."""

from collections import defaultdict
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

from adapters.postgres import changes, permits
from adapters.postgres.documents import decode, encode
from adapters.postgres.fence import leading
from adapters.postgres.lease import PostgresLease
from adapters.postgres.links import link_of
from adapters.postgres.pool import Pool
from adapters.postgres.queries import QUERIES
from adapters.postgres.session import Purpose, Session
from adapters.postgres.tables import Tables
from daemon.domain.change import ChangeState
from daemon.domain.link import Link
from daemon.domain.mapping import Step
from daemon.domain.permit import Permit
from daemon.domain.value import Value, from_json
from daemon.ports.comparing import (
    PAGE_MOST,
    AuditState,
    Difference,
    Guard,
    Lone,
    LoneRows,
    Population,
    Standing,
)
from daemon.ports.store import Row


class PostgresLook:
    """The port `Look` over one transaction that only reads."""

    def __init__(self, session: Session, tables: Tables) -> None:
        self._session = session
        self._tables = tables

    async def pairs(self, step: Step, after: int, limit: int, *, share: float = 1.0) -> list[Standing]:
        found = await self._session.fetch(
            Purpose.LOG, QUERIES["compared_links"], step.name, after, min(limit, PAGE_MOST), share
        )
        return await self._standing(step, [link_of(record) for record in found])

    async def pairs_of(self, step: Step, links: Sequence[int]) -> list[Standing]:
        found = await self._session.fetch(Purpose.LOG, QUERIES["compared_links_by_id"], step.name, links)
        return await self._standing(step, [link_of(record) for record in found])

    async def links_of_records(self, ids: Sequence[str]) -> dict[str, Link]:
        found = await self._session.fetch(Purpose.LOG, QUERIES["look_at_links_of_records"], ids)
        return {record["sf_id"]: link_of(record) for record in found}

    async def links_of_rows(self, table: str, keys: Sequence[str]) -> dict[str, Link]:
        found = await self._session.fetch(Purpose.LOG, QUERIES["look_at_links_of_rows"], table, keys)
        return {record["pg_key"]: link_of(record) for record in found}

    async def renamed(self, steps: Sequence[str], keys: Sequence[str]) -> frozenset[str]:
        found = await self._session.fetch(Purpose.LOG, QUERIES["renamed"], steps, keys)
        return frozenset(record["key"] for record in found)

    async def strangers(self, step: Step, ids: Sequence[str]) -> frozenset[str]:
        found = await self._session.fetch(Purpose.LOG, QUERIES["strangers"], step.name, ids)
        return frozenset(record["sf_id"] for record in found)

    async def count_rows(self, step: Step) -> int:
        sql = (await self._tables.of(self._session, step)).count_rows
        return int(await self._session.value(Purpose.LOG, sql))

    async def lone_rows(self, step: Step, limit: int) -> list[str]:
        sql = (await self._tables.of(self._session, step)).lone_rows
        found = await self._session.fetch(Purpose.LOG, sql, step.name, step.table.qualified, limit)
        return [record["key"] for record in found]

    async def lone_records(self, step: Step, ids: Sequence[str]) -> list[Lone]:
        found = await self._session.fetch(Purpose.LOG, QUERIES["lone_records"], step.name, ids)
        return [Lone(record["sf_id"], record["why"], record["code"]) for record in found]

    async def weighed_rows(self, step: Step, limit: int) -> LoneRows:
        sql = (await self._tables.of(self._session, step)).weighed_rows
        found = await self._session.fetch(Purpose.LOG, sql, step.name, step.table.qualified, limit)
        counts = {record["why"]: record["total"] for record in found}
        return LoneRows(counts, [Lone(record["key"], record["why"], record["code"]) for record in found])

    async def population(self, step: Step) -> Population:
        sql = await self._tables.of(self._session, step)
        links = await self._session.fetch(Purpose.LOG, QUERIES["links_by_state"], step.name)
        stored = await self._session.fetch(Purpose.LOG, QUERIES["unsynced_records"], step.name)
        rows = await self._session.fetch(Purpose.LOG, sql.unsynced_rows, step.name, step.table.qualified)
        return Population(
            int(await self._session.value(Purpose.LOG, sql.count_rows)),
            {record["state"]: record["links"] for record in links},
            {record["reason"]: record["rows"] for record in rows},
            {record["state"]: record["records"] for record in stored},
        )

    async def repaired(self, step: Step, since: datetime, after: int, limit: int) -> list[Standing]:
        found = await self._session.fetch(
            Purpose.LOG, QUERIES["repaired_pairs"], step.name, since, after, min(limit, PAGE_MOST)
        )
        return await self._standing(step, [link_of(record) for record in found])

    async def _standing(self, step: Step, links: Sequence[Link]) -> list[Standing]:
        if not links:
            return []
        ids, records, keys = zip(*((link.id, link.sf_id, link.key) for link in links), strict=True)
        rows = await self._rows(step, keys)
        waiting: defaultdict[int, set[ChangeState]] = defaultdict(set)
        stored = await self._session.fetch(
            Purpose.LOG, QUERIES["compared_waiting"], step.name, ids, records, keys
        )
        for record in stored:
            waiting[record["id"]].add(ChangeState(record["state"]))
        disputed: defaultdict[str, dict[str, tuple[Value, Value]]] = defaultdict(dict)
        for record in await self._session.fetch(Purpose.LOG, QUERIES["compared_disputed"], records):
            values = from_json(decode(record["salesforce"])), from_json(decode(record["postgres"]))
            disputed[record["sf_id"]][record["field"]] = values
        return [
            Standing(
                link,
                rows.get(link.key),
                frozenset(waiting.get(link.id, ())),
                disputed.get(link.sf_id, {}),
            )
            for link in links
        ]

    async def _rows(self, step: Step, keys: Sequence[str]) -> dict[str, Row]:
        sql = await self._tables.of(self._session, step)
        wanted = [key for key in keys if sql.is_key(key)]
        found = await self._session.fetch(Purpose.LOG, sql.look, *sql.key_arrays(wanted)) if wanted else ()
        return {row.key: row for row in map(sql.row, found)}


class PostgresComparisons:
    """The port `Comparisons`."""

    def __init__(self, pool: Pool, lease: PostgresLease) -> None:
        self._pool = pool
        self._lease = lease
        self._tables = Tables()

    @asynccontextmanager
    async def look(self) -> AsyncIterator[PostgresLook]:
        async with self._pool.session() as session, session.transaction():
            await session.execute(Purpose.LOG, QUERIES["one_instant"])
            yield PostgresLook(session, self._tables)

    async def audits(self) -> dict[str, AuditState]:
        async with self._pool.session() as session:
            found = await session.fetch(Purpose.ADMIN, QUERIES["audits"])
        return {record["step"]: _audit_of(record) for record in found}

    async def keep_audit(self, state: AuditState) -> None:
        async with leading(self._pool, self._lease) as session:
            await session.execute(
                Purpose.ADMIN,
                QUERIES["keep_audit"],
                state.step,
                state.cursor,
                state.begun_at,
                state.compared,
                encode(dict(state.found)),
                state.ended_at,
                state.last_compared,
                encode(dict(state.last_found)),
            )

    async def begin_differences(self, job: int, step: str) -> None:
        async with leading(self._pool, self._lease) as session:
            await session.execute(Purpose.ADMIN, QUERIES["forget_differences_of_step"], step)

    async def add_differences(self, job: int, step: str, found: Sequence[Difference]) -> None:
        if not found:
            return
        columns = zip(*((d.kind, d.why, d.sf_id, d.key, encode(list(d.fields))) for d in found), strict=True)
        async with leading(self._pool, self._lease) as session:
            arrays = [list(column) for column in columns]
            await session.execute(Purpose.ADMIN, QUERIES["add_differences"], job, step, *arrays)

    async def differences(self, job: int, after: int, limit: int) -> list[Difference]:
        async with self._pool.session() as session:
            found = await session.fetch(Purpose.ADMIN, QUERIES["differences"], job, after, limit)
        return [Difference(**{**dict(record), "fields": tuple(record["fields"])}) for record in found]

    async def difference_counts(self, job: int) -> Mapping[tuple[str, str | None], int]:
        async with self._pool.session() as session:
            found = await session.fetch(Purpose.ADMIN, QUERIES["difference_counts"], job)
        return {(record["kind"], record["why"]): record["records"] for record in found}

    async def guards(self) -> dict[str, Guard]:
        async with self._pool.session() as session:
            found = await session.fetch(Purpose.ADMIN, QUERIES["guards"])
            return {
                record["step"]: Guard(**dict(record), permit=await permits.of_step(session, record["step"]))
                for record in found
            }

    async def permit(self, permit: Permit) -> int:
        async with self._pool.session() as session, session.transaction():
            await session.execute(
                Purpose.ADMIN,
                QUERIES["put_permit"],
                permit.step,
                permit.amount,
                permit.at,
                permit.until,
                permit.operator,
            )
            taken = await session.execute(Purpose.ADMIN, QUERIES["take_up_guarded"], permit.step)
            if taken:
                await changes.ring(session)
            return taken


def _audit_of(record: Mapping[str, Any]) -> AuditState:
    found, last_found = decode(record["found"]), decode(record["last_found"])
    return AuditState(**{**dict(record), "found": found, "last_found": last_found})
