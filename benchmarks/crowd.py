"""How long small changes wait beside a large transaction: `./run exec python -m benchmarks.crowd`.

One statement inserts a million rows, as a migration of an application does. While they travel to the org, single rows are inserted, each
in a transaction of its own; what counts is the time from their commit to their link. The worker's stages run in this
process, whose peak memory is shown; the org and the database are processes of their own.
"""

from __future__ import annotations

import argparse
import asyncio
import resource
import statistics
import sys
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import asdict, dataclass

import asyncpg
import orjson

from adapters.memory.meter import MemoryMeter
from adapters.postgres.database import PostgresDatabase
from adapters.postgres.embedded import DURABLE, EmbeddedPostgres
from adapters.postgres.lease import PostgresLease
from adapters.postgres.pool import Connector, Pool
from adapters.postgres.store import PostgresStore
from adapters.salesforce import ClientCredentialsLogin, SalesforceSettings, connect
from benchmarks.processes import RunningOrg, emulator, leave_the_servers_core
from daemon.domain.mapping import Field, Identify, IdentifyKind, Kind, Step, Steps, Table
from daemon.domain.side import Direction
from daemon.flow.in_force import InForce
from daemon.flow.load import Loader
from daemon.flow.parts import Parts
from daemon.flow.worker import Worker
from daemon.runtime.clock import SystemClock
from daemon.runtime.runner import run

TABLE = "CREATE SCHEMA app; CREATE TABLE app.thing (id bigint PRIMARY KEY, ext_id text, name text)"
STEP = Step(
    name="things",
    object="Contact",
    table=Table("app", "thing", ("id",), {"id": "bigint", "ext_id": "text", "name": "text"}),
    direction=Direction.TWO_WAY,
    fields=(Field(name="LastName", column="name", kind=Kind.TEXT, direction=Direction.TWO_WAY),),
    identify=(Identify(IdentifyKind.EXTERNAL_ID, "Ext_Id__c", "ext_id", unique=True),),
)
SEED: dict[str, object] = {
    "fields": {"Contact": {"Ext_Id__c": {"type": "text", "length": 40, "external_id": True, "unique": True}}}
}
EVERY = 0.2
"""Seconds between two small changes."""

LOOK = 0.02


@dataclass(frozen=True, slots=True)
class Crowd:
    """What was seen: seconds that small changes took, rows of the crowd that were settled meanwhile, and peak memory."""

    rows: int
    settled: int
    seconds: float
    small: int
    p50: float
    p95: float
    peak_megabytes: float


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, and print a line or JSON."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.crowd", description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000, help="rows of the large transaction (1000000)")
    parser.add_argument(
        "--seconds", type=float, default=60.0, help="for how long small changes are made (60)"
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    given = parser.parse_args(arguments)
    found: list[Crowd] = []
    with EmbeddedPostgres(settings=DURABLE) as postgres:
        leave_the_servers_core()
        with emulator(SEED) as org:
            run(lambda: _measure(postgres.dsn(), org, given.rows, given.seconds, found))
    (crowd,) = found
    if given.json:
        print(orjson.dumps(asdict(crowd), option=orjson.OPT_INDENT_2).decode())
    else:
        print(
            f"beside {crowd.rows:,} rows: {crowd.small} small changes, p50 {crowd.p50:.2f} s, p95 {crowd.p95:.2f} s; "
            f"{crowd.settled:,} of the rows were settled in {crowd.seconds:.0f} s; peak memory {crowd.peak_megabytes:.0f} MB"
        )
    return 0


async def _measure(dsn: str, org: RunningOrg, rows: int, seconds: float, found: list[Crowd]) -> int:
    app = await asyncpg.connect(dsn)
    await app.execute(TABLE)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(app.close)
        worker = await _worker(stack, dsn, org)
        await app.execute(
            "INSERT INTO app.thing (id, name) SELECT n, 'thing ' || n FROM generate_series(1, $1::bigint) AS n",
            rows,
            timeout=1800,
        )
        working = asyncio.create_task(_work(worker))
        started = time.perf_counter()
        waited = await _small_changes(app, rows, seconds)
        elapsed = time.perf_counter() - started
        working.cancel()
        with suppress(asyncio.CancelledError):
            await working
        settled = await app.fetchval(
            "SELECT count(*) FROM isthmus.link WHERE pg_key::bigint BETWEEN 1 AND $1", rows
        )
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6
    p95 = statistics.quantiles(waited, n=20)[-1]
    found.append(Crowd(rows, settled, elapsed, len(waited), statistics.median(waited), p95, peak))
    return 0


async def _worker(stack: AsyncExitStack, dsn: str, org: RunningOrg) -> Worker:
    clock, meter = SystemClock(), MemoryMeter()
    settings = SalesforceSettings(
        login_url=f"http://localhost:{org.port}",
        login=ClientCredentialsLogin(org.client_id, lambda: org.client_secret),
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
        jitter=lambda: 0.5,
        new_id=lambda: "",
    )
    return Worker(parts, Loader(parts, bulk_from=1).reload)


async def _work(worker: Worker) -> None:
    while True:
        if not await worker.round():
            await asyncio.sleep(LOOK)


async def _small_changes(app: asyncpg.Connection, rows: int, seconds: float) -> list[float]:
    """How long each took from its commit to its link."""
    open_keys: dict[str, float] = {}
    waited: list[float] = []
    end = time.perf_counter() + seconds
    due = time.perf_counter()
    key = rows
    while open_keys or time.perf_counter() < end:
        if due <= time.perf_counter() < end:
            key, due = key + 1, due + EVERY
            await app.execute("INSERT INTO app.thing (id, name) VALUES ($1, 'small')", key)
            open_keys[str(key)] = time.perf_counter()
        found = await app.fetch(
            "SELECT pg_key FROM isthmus.link WHERE pg_table = 'app.thing' AND pg_key = ANY ($1::text[])",
            list(open_keys),
        )
        now = time.perf_counter()
        waited += [now - open_keys.pop(row["pg_key"]) for row in found]
        await asyncio.sleep(LOOK)
    return waited


if __name__ == "__main__":
    sys.exit(main())
