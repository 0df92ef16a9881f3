"""A migrated database with the user's tables, capture and a leading daemon's parts."""

from collections.abc import AsyncIterator

import asyncpg
import pytest

from adapters.postgres.database import PostgresDatabase
from adapters.postgres.lease import PostgresLease
from adapters.postgres.pool import Connector, Pool
from adapters.postgres.store import PostgresStore
from tests.integration.postgres.world import ODD, PEOPLE, TABLES, CountingMeter, WallClock, World
from tests.support.databases import Databases


def connector_to(dsn: str, meter: CountingMeter | None = None) -> Connector:
    return Connector(dsn, clock=WallClock(), meter=meter or CountingMeter())


async def _migrate(dsn: str) -> None:
    async with Pool(connector_to(dsn)) as pool:
        await PostgresDatabase(pool).migrate()


async def _capture(dsn: str) -> None:
    await _migrate(dsn)
    connection = await asyncpg.connect(dsn)
    await connection.execute(TABLES)
    await connection.close()
    async with Pool(connector_to(dsn)) as pool:
        await PostgresDatabase(pool).capture_install([PEOPLE, ODD])


@pytest.fixture
async def world(databases: Databases) -> AsyncIterator[World]:
    template = await databases.prepare("postgres_world", _capture)
    async with databases.fresh(template) as dsn:
        meter = CountingMeter()
        connector = connector_to(dsn, meter)
        lease = PostgresLease(connector, "test")
        app = await asyncpg.connect(dsn)
        async with Pool(connector) as pool:
            assert await lease.acquire()
            yield World(
                dsn=dsn,
                meter=meter,
                connector=connector,
                pool=pool,
                database=PostgresDatabase(pool),
                lease=lease,
                store=PostgresStore(pool, lease),
                app=app,
            )
        lease.close()
        await app.close()
