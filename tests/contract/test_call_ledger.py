"""The count of our calls to Salesforce: it adds, takes back, forgets, and knows the newest allowance."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from adapters.memory.callledger import MemoryCallLedger
from adapters.memory.meter import MemoryMeter
from adapters.postgres.callledger import PostgresCallLedger
from adapters.postgres.database import PostgresDatabase
from adapters.postgres.pool import Connector, Pool
from daemon.ports.allowance import CallLedger
from daemon.runtime.clock import SystemClock
from tests.support.databases import Databases

NOON = datetime(2026, 11, 28, 12, tzinfo=UTC)
LATER = NOON + timedelta(minutes=5)
EVER = NOON - timedelta(days=2)


@pytest.fixture(params=["memory", "postgres"])
async def ledger(request: pytest.FixtureRequest) -> AsyncIterator[CallLedger]:
    if request.param == "memory":
        yield MemoryCallLedger()
        return
    databases: Databases = request.getfixturevalue("databases")
    async with (
        databases.fresh() as dsn,
        Pool(Connector(dsn, clock=SystemClock(), meter=MemoryMeter())) as pool,
    ):
        await PostgresDatabase(pool).migrate()
        yield PostgresCallLedger(pool)


async def test_calls_are_added_and_taken_back(ledger: CallLedger) -> None:
    assert (await ledger.add({NOON: 50}, None, EVER)).spans == [(NOON, 50)]
    counted = await ledger.add({LATER: 7, NOON: -20}, None, EVER)
    assert list(counted.spans) == [(NOON, 30), (LATER, 7)]
    assert (await ledger.add({NOON: -100}, None, EVER)).spans[0] == (NOON, 0), "never below none"


async def test_the_newest_allowance_is_known(ledger: CallLedger) -> None:
    assert (await ledger.add({NOON: 1}, None, EVER)).allowance is None
    assert (await ledger.add({NOON: 1}, 15_000, EVER)).allowance == 15_000
    assert (await ledger.add({LATER: 1}, 20_000, EVER)).allowance == 20_000
    assert (await ledger.add({LATER: 1}, None, EVER)).allowance == 20_000


async def test_what_is_too_old_is_forgotten(ledger: CallLedger) -> None:
    await ledger.add({NOON: 50}, 15_000, EVER)
    assert list((await ledger.add({LATER: 7}, 15_000, LATER)).spans) == [(LATER, 7)]
    assert list((await ledger.add({}, None, EVER)).spans) == [(LATER, 7)]
