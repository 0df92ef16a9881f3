"""A database and the ports over it, real or in memory, as one contract suite sees both."""

import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

import asyncpg

from adapters.memory.database import MemoryDatabase
from adapters.memory.doorbell import MemoryDoorbell
from adapters.memory.jobs import MemoryJobs
from adapters.memory.lease import MemoryLease
from adapters.memory.store import MemoryStore
from adapters.memory.tables import MemoryTable
from adapters.postgres.database import PostgresDatabase
from adapters.postgres.doorbell import Pings, PostgresDoorbell
from adapters.postgres.jobs import PostgresJobs
from adapters.postgres.lease import TIME_TO_LIVE, PostgresLease
from adapters.postgres.pool import Connector, Pool
from adapters.postgres.store import PostgresStore
from daemon.ports.jobs import Jobs
from daemon.ports.store import Doorbell, Lease, Store
from tests.integration.postgres.conftest import connector_to
from tests.integration.postgres.world import ODD, PEOPLE, PEOPLE_TYPES, TABLES, WallClock
from tests.support.databases import Databases

TABLE = PEOPLE.table.qualified
_COLUMNS = {**PEOPLE_TYPES, "unmapped": "text"}


class MortalLease(Lease, Protocol):
    """A lease whose holder can die."""

    def close(self) -> None:
        """Die without giving it up."""
        ...


class Arena(Protocol):
    """One database under one leading daemon. `insert` and its kind are the user's application."""

    store: Store
    jobs: Jobs
    lease: MortalLease

    async def insert(self, **values: str | None) -> str: ...
    async def update(self, key: str, **values: str | None) -> None: ...
    async def delete(self, key: str) -> None: ...
    def rival(
        self, holder: str, *, name: str = "daemon", time_to_live: timedelta = TIME_TO_LIVE
    ) -> MortalLease: ...
    def store_of(self, lease: MortalLease) -> Store: ...
    def doorbell(self) -> Doorbell: ...
    async def ledger(self) -> list[str]:
        """The fields of the ledger's entries, oldest first."""
        ...


@dataclass
class MemoryArena:
    """Everything in this process."""

    database: MemoryDatabase
    lease: MortalLease
    store: Store
    jobs: Jobs

    async def insert(self, **values: str | None) -> str:
        async with self.database.application() as app:
            return await app.insert(TABLE, **values)

    async def update(self, key: str, **values: str | None) -> None:
        async with self.database.application() as app:
            await app.update(TABLE, key, **values)

    async def delete(self, key: str) -> None:
        async with self.database.application() as app:
            await app.delete(TABLE, key)

    def rival(
        self, holder: str, *, name: str = "daemon", time_to_live: timedelta = TIME_TO_LIVE
    ) -> MortalLease:
        return MemoryLease(self.database, holder, name=name, time_to_live=time_to_live)

    def store_of(self, lease: MortalLease) -> Store:
        assert isinstance(lease, MemoryLease)
        return MemoryStore(self.database, lease)

    def doorbell(self) -> Doorbell:
        return MemoryDoorbell(self.database)

    async def ledger(self) -> list[str]:
        return [stored.line.entry.field for _, stored in sorted(self.database.ledger.items())]


@dataclass
class PostgresArena:
    """A real server."""

    connector: Connector
    pool: Pool
    lease: MortalLease
    store: Store
    jobs: Jobs
    app: asyncpg.Connection

    async def insert(self, **values: str | None) -> str:
        marks = ", ".join(f"${n}::text::{_COLUMNS[name]}" for n, name in enumerate(values, start=1))
        statement = f"INSERT INTO {TABLE} ({', '.join(values)}) VALUES ({marks}) RETURNING id::text"
        key: str = await self.app.fetchval(statement, *values.values())
        return key

    async def update(self, key: str, **values: str | None) -> None:
        sets = ", ".join(f"{name} = ${n}::text::{_COLUMNS[name]}" for n, name in enumerate(values, start=2))
        await self.app.execute(f"UPDATE {TABLE} SET {sets} WHERE id::text = $1", key, *values.values())

    async def delete(self, key: str) -> None:
        await self.app.execute(f"DELETE FROM {TABLE} WHERE id::text = $1", key)

    def rival(
        self, holder: str, *, name: str = "daemon", time_to_live: timedelta = TIME_TO_LIVE
    ) -> MortalLease:
        return PostgresLease(self.connector, holder, name=name, time_to_live=time_to_live)

    def store_of(self, lease: MortalLease) -> Store:
        assert isinstance(lease, PostgresLease)
        return PostgresStore(self.pool, lease)

    def doorbell(self) -> Doorbell:
        return PostgresDoorbell(self.connector, "contract", Pings(every=0.2, first_pause=0.01))

    async def ledger(self) -> list[str]:
        return [
            row["field"] for row in await self.app.fetch("SELECT field FROM isthmus.conflict ORDER BY id")
        ]


async def memory_arena() -> MemoryArena:
    """A database in memory with the people's table, captured, under a lease."""
    database = MemoryDatabase(WallClock(), new_id=lambda: str(uuid.uuid4()))
    table = MemoryTable(
        PEOPLE.table,
        _COLUMNS,
        defaults={"name": "nobody"},
        required=frozenset({"name"}),
        unique=frozenset({"email"}),
    )
    database.create_table(table)
    database.install_capture([PEOPLE])
    lease = MemoryLease(database, "test")
    assert await lease.acquire()
    return MemoryArena(database, lease, MemoryStore(database, lease), MemoryJobs(database, lease))


async def _prepared(dsn: str) -> None:
    async with Pool(connector_to(dsn)) as pool:
        await PostgresDatabase(pool).migrate()
        connection = await asyncpg.connect(dsn)
        await connection.execute(TABLES)
        await connection.close()
        await PostgresDatabase(pool).capture_install([PEOPLE, ODD])


@asynccontextmanager
async def postgres_arena(databases: Databases) -> AsyncIterator[PostgresArena]:
    """The same on a real server."""
    template = await databases.prepare("contract", _prepared)
    async with databases.fresh(template) as dsn:
        connector = connector_to(dsn)
        lease = PostgresLease(connector, "test")
        app = await asyncpg.connect(dsn)
        async with Pool(connector) as pool:
            assert await lease.acquire()
            store, jobs = PostgresStore(pool, lease), PostgresJobs(pool, lease)
            yield PostgresArena(connector, pool, lease, store, jobs, app)
        lease.close()
        await app.close()
