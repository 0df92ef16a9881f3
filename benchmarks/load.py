"""How fast a first load is: `./run exec python -m benchmarks.load`.

The limit is the same CSV from the same org, over HTTP straight into COPY, and nothing else: no reading of a value, no link, no base, no journal. The
product makes rows with links, bases and journal of it. Both are measured in turns, and the medians of the rounds are shown, with the seconds of
processor time that the product's own process took.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import asdict, dataclass

import aiohttp
import asyncpg
import orjson

from adapters.memory.meter import MemoryMeter
from adapters.postgres.database import PostgresDatabase
from adapters.postgres.embedded import DURABLE, EmbeddedPostgres
from adapters.postgres.lease import PostgresLease
from adapters.postgres.pool import Connector, Pool
from adapters.postgres.session import Purpose
from adapters.postgres.store import PostgresStore
from adapters.salesforce import ClientCredentialsLogin, SalesforceSettings, connect
from benchmarks.people import COLUMNS, FIELDS, SEED, STEP, TABLE
from benchmarks.processes import RunningOrg, emulator, leave_the_servers_core
from daemon.domain.mapping import Steps
from daemon.flow.in_force import InForce
from daemon.flow.load import Loader
from daemon.flow.loading.bulk import BulkLoad
from daemon.flow.parts import Parts
from daemon.runtime.clock import SystemClock
from daemon.runtime.runner import run

API = "/services/data/v67.0/jobs/query"
ROWS_A_PAGE = 50_000
SERVER_SETTINGS = {**DURABLE, "shared_buffers": "512MB", "max_wal_size": "4GB"}


@dataclass(frozen=True, slots=True)
class Round:
    """One turn: rows a second of the limit and of the product, and the product's processor seconds for 100,000 rows."""

    limit: float
    first: float
    first_processor: float
    again: float
    again_processor: float


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, and print a table or JSON."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.load", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="turns of each measurement (3)")
    parser.add_argument("--records", type=int, default=100_000, help="contacts in the org (100000)")
    parser.add_argument("--json", action="store_true", help="print JSON")
    given = parser.parse_args(arguments)
    rounds = measure(given.rounds, given.records)
    if given.json:
        print(orjson.dumps([asdict(item) for item in rounds], option=orjson.OPT_INDENT_2).decode())
    else:
        print_table(rounds)
    return 0


def measure(rounds: int, records: int) -> list[Round]:
    """As many turns, each in a fresh database."""
    found: list[Round] = []
    with EmbeddedPostgres(settings=SERVER_SETTINGS) as postgres:
        leave_the_servers_core()
        with emulator(SEED | {"generate": {"Contact": records}}) as org:
            run(lambda: _measure(postgres, org, rounds, records, found))
    return found


def print_table(rounds: Sequence[Round]) -> None:
    """One line for each figure: the medians."""
    limit = statistics.median(item.limit for item in rounds)
    print(f"{'':32}  {'rows/s':>9}  {'of limit':>8}  processor s a 100,000 rows")
    print(f"{'Bulk CSV straight into COPY':32}  {limit:>9,.0f}")
    for name in ("first", "again"):
        rate = statistics.median(getattr(item, name) for item in rounds)
        processor = statistics.median(getattr(item, f"{name}_processor") for item in rounds)
        ratio = statistics.median(getattr(item, name) / item.limit for item in rounds)
        shown = "first load" if name == "first" else "the same again, all equal"
        print(f"{shown:32}  {rate:>9,.0f}  {ratio:>8.2f}  {processor:.2f}")


async def _measure(
    postgres: EmbeddedPostgres, org: RunningOrg, rounds: int, records: int, found: list[Round]
) -> int:
    for turn in range(1, rounds + 1):
        print(f"round {turn}", file=sys.stderr)
        async with _database(postgres) as dsn:
            limit = await _limit(dsn, org)
            first, first_processor = await _product(dsn, org, records)
            again, again_processor = await _product(dsn, org, records)
        hundred_thousands = records / 100_000
        found.append(
            Round(
                records / limit,
                records / first,
                first_processor / hundred_thousands,
                records / again,
                again_processor / hundred_thousands,
            )
        )
    return 0


@asynccontextmanager
async def _database(postgres: EmbeddedPostgres) -> AsyncIterator[str]:
    """A fresh database with the tables, checkpointed so that no measurement pays for the one before it."""
    connection = await asyncpg.connect(postgres.dsn())
    await connection.execute("DROP DATABASE IF EXISTS measured WITH (FORCE)")
    await connection.execute("CREATE DATABASE measured")
    dsn = postgres.dsn("measured")
    inside = await asyncpg.connect(dsn)
    await inside.execute(TABLE)
    await inside.close()
    await connection.execute("CHECKPOINT")
    try:
        yield dsn
    finally:
        await connection.close()


async def _limit(dsn: str, org: RunningOrg) -> float:
    """Seconds from the making of the job to the last row in a bare table."""
    connection = await asyncpg.connect(dsn)
    headers = {"Authorization": f"Bearer {org.token}"}
    async with aiohttp.ClientSession(f"http://localhost:{org.port}", headers=headers) as http:
        started = time.perf_counter()
        asked = {"operation": "query", "query": f"SELECT Id,{','.join(FIELDS)} FROM Contact"}
        async with http.post(API, json=asked) as answer:
            job = (await answer.json())["id"]
        state = ""
        while state != "JobComplete":
            async with http.get(f"{API}/{job}") as answer:
                state = (await answer.json())["state"]
        locator = ""
        while locator != "null":
            path = f"{API}/{job}/results?maxRecords={ROWS_A_PAGE}&locator={locator}"
            async with http.get(path, headers={"Accept": "text/csv"}) as answer:
                locator = answer.headers["Sforce-Locator"]
                await connection.copy_to_table(
                    "bare",
                    schema_name="app",
                    columns=["sf_id", *COLUMNS],
                    source=answer.content.iter_any(),
                    format="csv",
                    header=True,
                    force_null=list(COLUMNS),
                )
        seconds = time.perf_counter() - started
    await connection.close()
    return seconds


async def _product(dsn: str, org: RunningOrg, records: int) -> tuple[float, float]:
    """Seconds that a load takes, and processor seconds of this process."""
    clock, meter = SystemClock(), MemoryMeter()
    async with AsyncExitStack() as stack:
        login = ClientCredentialsLogin(org.client_id, lambda: org.client_secret)
        settings = SalesforceSettings(
            login_url=f"http://localhost:{org.port}",
            login=login,
            insecure_hosts=frozenset({"localhost", "127.0.0.1"}),
        )
        salesforce = await stack.enter_async_context(connect(settings, clock, meter))
        connector = Connector(dsn, clock=clock, meter=meter)
        pool = await stack.enter_async_context(Pool(connector))
        database = PostgresDatabase(pool)
        await database.migrate()
        await database.capture_install([STEP])
        lease = PostgresLease(connector, "benchmark")
        stack.callback(lease.close)
        await lease.acquire()
        store = PostgresStore(pool, lease)
        parts = Parts(
            InForce(Steps((STEP,))),
            store,
            salesforce.records,
            clock,
            meter,
            jitter=lambda: 0.0,
            new_id=lambda: "",
        )
        async with pool.session() as session:
            # As if it had never been loaded.
            await session.execute(Purpose.ADMIN, "DELETE FROM isthmus.job")
        started, processor = time.perf_counter(), time.process_time()
        bulk = BulkLoad(parts, store, salesforce.records)
        await Loader(parts, bulk_from=1, bulk=bulk).first_loads()
        seconds, processor = time.perf_counter() - started, time.process_time() - processor
        async with store.begin() as unit:
            links = await unit.count_links(STEP.name)
        assert links == records, f"{links} links of {records} records"
        await lease.release()
    return seconds, processor


if __name__ == "__main__":
    sys.exit(main())
