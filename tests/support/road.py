"""Both sides and the road between them, walked step by step by a test.

A real PostgreSQL database, an emulated org in this process, the real adapters and the real stages; only the daemon that
would run them by itself is not there. So a test decides when the stream is read (`listen`) and when stored changes are
worked off (`work`), and can look at everything in between.
"""

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import asyncpg

from adapters.emulator import Emulator, EmulatorOptions
from adapters.emulator.org import Org
from adapters.emulator.soql.parse import parse
from adapters.memory.meter import MemoryMeter
from adapters.postgres.actions import PostgresOutbox
from adapters.postgres.comparing import PostgresComparisons
from adapters.postgres.database import PostgresDatabase
from adapters.postgres.inspection import PostgresInspection
from adapters.postgres.jobs import PostgresJobs
from adapters.postgres.lease import PostgresLease
from adapters.postgres.pool import Connector, Pool
from adapters.postgres.store import PostgresStore
from adapters.salesforce import Salesforce, connect
from daemon.domain.canonical import from_salesforce
from daemon.domain.link import Link
from daemon.domain.mapping import Step, Steps
from daemon.flow.in_force import InForce
from daemon.flow.inbound import take_in
from daemon.flow.load import Loader
from daemon.flow.loading.bulk import BulkLoad
from daemon.flow.loading.ordered import OrderedLoads
from daemon.flow.parts import Parts
from daemon.flow.stream import Stream
from daemon.flow.views import References, postgres_view
from daemon.flow.worker import Worker
from daemon.operations.leadership import Leadership
from daemon.operations.office import Office
from daemon.ports.salesforce import FROM_OLDEST, ChangeSource, EventBatch
from daemon.runtime.clock import SystemClock
from tests.integration.salesforce.connecting import settings_for
from tests.integration.salesforce.control import Control
from tests.support.databases import Databases
from tests.support.road_steps import SEED, TABLES

CHANNEL = "/data/ChangeEvents"
MOST_ROUNDS = 40


class RestlessError(AssertionError):
    """The road did not come to rest in as many rounds as any scenario here can need."""


@dataclass
class Road:
    """One walkable road. `app` is the user's application in PostgreSQL, `org` a person in Salesforce."""

    emulator: Emulator
    control: Control
    salesforce: Salesforce
    meter: MemoryMeter
    pool: Pool
    database: PostgresDatabase
    inspection: PostgresInspection
    app: asyncpg.Connection
    parts: Parts
    worker: Worker
    loader: Loader
    lease: PostgresLease
    source: ChangeSource | None = None
    position: str = FROM_OLDEST

    @property
    def org(self) -> Org:
        return self.emulator.org

    @property
    def steps(self) -> Steps:
        return self.parts.steps

    @property
    def office(self) -> Office:
        leadership = Leadership(self.lease.holder, lambda: self.lease.epoch, lambda: None)
        return Office(
            self.parts,
            self.inspection,
            lambda: {"name": "road"},
            leadership,
            self.jobs,
            self.ordered(),
            self.comparisons,
            self.outbox,
        )

    @property
    def comparisons(self) -> PostgresComparisons:
        return PostgresComparisons(self.pool, self.lease)

    @property
    def outbox(self) -> PostgresOutbox:
        return PostgresOutbox(self.pool, self.lease)

    @property
    def jobs(self) -> PostgresJobs:
        return PostgresJobs(self.pool, self.lease)

    def ordered(self, bulk_from: int = 10**9) -> OrderedLoads:
        """What works on loads that are ordered. From `bulk_from` records on in bulk."""
        store = PostgresStore(self.pool, self.lease)
        bulk = BulkLoad(self.parts, store, self.salesforce.records)
        return OrderedLoads(self.parts, store, self.salesforce.records, bulk, bulk_from=bulk_from)

    # --- walking -------------------------------------------------------------------------------------------------

    async def load(self) -> None:
        """First loads, and what they leave to do."""
        await self.loader.first_loads()
        await self.work()

    async def work(self) -> int:
        """Rounds of the worker until nothing is due; how many changes they held."""
        done = 0
        for _ in range(MOST_ROUNDS):
            count = await self.worker.round()
            if not count:
                return done
            done += count
        raise RestlessError(f"still due after {MOST_ROUNDS} rounds: {await self.changes()}")

    async def listen(self, *, apart: bool = False) -> int:
        """Read what the stream has and take it in; how many events that were. `apart`: the worker runs after each event."""
        taken = 0
        while not self._heard_everything():
            if self.source is None:
                self.source = self.salesforce.stream_factory()
                await self.source.open(CHANNEL, self.position)
            batch = await self.source.receive()
            if not batch.events and batch.position is None:
                continue
            for part in _apart(batch) if apart else (batch,):
                await take_in(self.parts, part, self.source.transport)
                if apart:
                    await self.work()
            self.position = batch.position or self.position
            taken += len(batch.events)
        return taken

    async def miss(self) -> None:
        """Read what the stream has and lose it: events of which the daemon learns nothing."""
        assert self.source is not None, "nobody has listened yet"
        while not self._heard_everything():
            batch = await self.source.receive()
            self.position = batch.position or self.position

    async def settle(self) -> None:
        """Listen and work until both have nothing more to do."""
        for _ in range(MOST_ROUNDS):
            if not await self.listen() + await self.work():
                return
        raise RestlessError(f"never quiet: {await self.changes()}")

    async def replay(self, position: str) -> int:
        """Hear everything after a position once more, as after a crash that lost it."""
        await self.hang_up()
        self.position = position
        return await self.listen()

    async def hang_up(self) -> None:
        """End the session of the stream."""
        if self.source is not None:
            await self.source.close()
            self.source = None

    def _heard_everything(self) -> bool:
        log = self.org.log
        if self.position == FROM_OLDEST:
            return log.retained == 0
        found = log.position(int(self.position))
        return found is not None and found >= log.end

    def stream(self) -> Stream:
        """The life of a stream's sessions, to be run by a test."""
        return Stream(self.parts, CHANNEL, self.salesforce.stream_factory, lambda *_: None)

    def reborn(self, **changes: Any) -> None:
        """A new process with the same database: nothing that was in memory is left."""
        parts = self.parts
        self.parts = Parts(
            InForce(parts.steps),
            changes.get("store", parts.store),
            changes.get("records", self.salesforce.records),
            parts.clock,
            parts.meter,
            jitter=parts.jitter,
            new_id=parts.new_id,
        )
        self.parts.heard.following = True
        self.loader = Loader(self.parts, bulk_from=10**9)
        self.worker = Worker(self.parts, self.loader.reload)

    def reconfigured(self, *steps: Step) -> None:
        """The same database under another configuration. Capture is left as it was."""
        self.parts = replace(self.parts, in_force=InForce(Steps(tuple(steps))))
        self.loader = Loader(self.parts, bulk_from=10**9)
        self.worker = Worker(self.parts, self.loader.reload)

    # --- the two sides -------------------------------------------------------------------------------------------

    async def insert(self, table: str, **values: Any) -> str:
        """The application inserts a row; its key as text."""
        columns, marks = ", ".join(values), ", ".join(f"${number}" for number in range(1, len(values) + 1))
        statement = f"INSERT INTO app.{table} ({columns}) VALUES ({marks}) RETURNING id::text"
        key: str = await self.app.fetchval(statement, *values.values())
        return key

    async def update(self, table: str, key: str, **values: Any) -> None:
        """The application updates a row."""
        sets = ", ".join(f"{name} = ${number}" for number, name in enumerate(values, start=2))
        done = await self.app.execute(
            f"UPDATE app.{table} SET {sets} WHERE id::text = $1", key, *values.values()
        )
        assert done == "UPDATE 1"

    async def delete(self, table: str, key: str) -> None:
        """The application deletes a row."""
        assert await self.app.execute(f"DELETE FROM app.{table} WHERE id::text = $1", key) == "DELETE 1"

    async def row(self, table: str, key: str) -> dict[str, Any] | None:
        """A row as it is now."""
        found = await self.app.fetchrow(
            f"SELECT *, xmin::text AS version FROM app.{table} WHERE id::text = $1", key
        )
        return dict(found) if found is not None else None

    async def rows(self, table: str) -> list[dict[str, Any]]:
        """All rows, in the order of their keys."""
        found = await self.app.fetch(f"SELECT *, xmin::text AS version FROM app.{table} ORDER BY id")
        return [dict(row) for row in found]

    def record(self, object_name: str, sf_id: str) -> dict[str, Any]:
        """A living record as it is now."""
        found = self.org.get(object_name, sf_id)
        assert found is not None, f"{object_name} {sf_id} is not there"
        return dict(found)

    # --- what the daemon knows -----------------------------------------------------------------------------------

    async def links(self) -> list[Link]:
        """All links, oldest first."""
        ids = [row["id"] for row in await self.app.fetch("SELECT id FROM isthmus.link ORDER BY id")]
        async with self.parts.store.begin() as unit:
            found = await unit.links_by_id(ids)
        return [found[number] for number in ids]

    async def link(self, step: str, key: str) -> Link:
        """The link of a row."""
        table = self.steps.by_name[step].table.qualified
        async with self.parts.store.begin() as unit:
            found = await unit.links_of_rows(table, [key])
        assert key in found, f"{table} {key} has no link"
        return found[key]

    async def changes(self) -> list[dict[str, Any]]:
        """Stored changes, oldest first."""
        found = await self.app.fetch(
            "SELECT id, step, side, kind, source, sf_id, key, state, attempts, code, reason, advice, waiting_for, due,"
            " sent::text AS sent, new_values::text AS new FROM isthmus.change ORDER BY id"
        )
        return [dict(row) for row in found]

    async def ledger(self) -> list[dict[str, Any]]:
        """Ledger entries, oldest first, with their values as JSON text."""
        found = await self.app.fetch(
            "SELECT kind, field, rule, winner, base #>> '{}' AS base, salesforce #>> '{}' AS salesforce,"
            " postgres #>> '{}' AS postgres, sf_id, key FROM isthmus.conflict ORDER BY id"
        )
        return [dict(row) for row in found]

    async def journal(self) -> list[dict[str, Any]]:
        """The journal, oldest first."""
        found = await self.app.fetch(
            "SELECT step, sf_id, key, source, direction, operation, outcome, code FROM isthmus.journal ORDER BY id"
        )
        return [dict(row) for row in found]

    async def calls(self) -> list[str]:
        """Method and path of each REST call since `forget_calls`: neither tokens, nor the stream, nor descriptions."""
        entries = (await self.control.get("requests"))["requests"]
        return [
            f"{entry['method']} {entry['path']}"
            for entry in entries
            if "/services/data/" in entry["path"] and not entry["path"].endswith("/describe")
        ]

    async def forget_calls(self) -> None:
        """Begin to count calls anew."""
        await self.control._ask("DELETE", "requests", None)

    # --- what must be true ---------------------------------------------------------------------------------------

    async def quiet(self) -> None:
        """Nothing is stored, and walking on changes nothing on either side."""
        assert await self.changes() == []
        versions = await self._versions()
        heard = self.org.log.end
        await self.settle()
        assert await self.changes() == []
        assert await self._versions() == versions, "a row was written with nothing to do"
        assert self.org.log.end == heard, "a record was written with nothing to do"

    async def in_step(self, *, unless: Iterable[str] = ()) -> None:
        """Every linked pair agrees, with its base, on every field that travels both ways; `unless` names exceptions."""
        linked = [link for link in await self.links() if link.state.value == "linked"]
        assert linked, "there is no pair that could agree"
        for link in linked:
            await self._agrees(link, frozenset(unless))

    async def _agrees(self, link: Link, exceptions: frozenset[str]) -> None:
        step = self.steps.by_name[link.step]
        record = self.record(step.object, link.sf_id)
        async with self.parts.store.begin() as unit:
            row = (await unit.rows(step, [link.key])).get(link.key)
            assert row is not None, f"{step.table.qualified} {link.key} is linked and not there"
            references = await References.load(unit, self.steps, step, [row], [record])
        ours = postgres_view(step, row, references, (), 0.0).values
        for field in step.fields:
            if field.name in exceptions or field.is_constant:
                continue
            theirs = from_salesforce(field, record.get(field.name)).value
            what = f"{step.name} {link.key} {field.name}"
            assert ours.get(field.name) == theirs, f"{what}: postgres and salesforce differ"
            assert link.base.get(field.name) == theirs, f"{what}: the base is not what both hold"

    async def _versions(self) -> Mapping[str, Sequence[str]]:
        tables = {step.table.name for step in self.steps.ordered}
        return {name: [row["version"] for row in await self.rows(name)] for name in tables}


def _apart(batch: EventBatch) -> list[EventBatch]:
    return [replace(batch, events=(event,), position=event.position) for event in batch.events]


def shift(road: Road, seconds: float) -> None:
    """Let the org's clock run this far ahead of the database's (behind it, with a negative number)."""
    road.org.clock.advance(seconds)


async def prepared(dsn: str) -> None:
    """A migrated database with the application's tables."""
    async with Pool(_connector(dsn, MemoryMeter())) as pool:
        await PostgresDatabase(pool).migrate()
    connection = await asyncpg.connect(dsn)
    await connection.execute(TABLES)
    await connection.close()


@asynccontextmanager
async def open_road(databases: Databases, folder: Path, keys: Path, *steps: Step) -> AsyncIterator[Road]:
    """A road between a fresh org and a fresh database, with capture installed for these steps."""
    template = await databases.prepare("road", prepared)
    async with AsyncExitStack() as stack:
        dsn = await stack.enter_async_context(databases.fresh(template))
        emulator = await _emulator(stack, folder, keys)
        control = await stack.enter_async_context(Control(emulator.announcement))
        meter, clock = MemoryMeter(), SystemClock()
        salesforce = await stack.enter_async_context(
            connect(settings_for(emulator.announcement), clock, meter)
        )
        connector = _connector(dsn, meter)
        pool = await stack.enter_async_context(Pool(connector))
        database = PostgresDatabase(pool)
        await database.capture_install([step for step in steps if step.direction.pushes])
        lease = PostgresLease(connector, "road")
        stack.callback(lease.close)
        assert await lease.acquire()
        parts = Parts(
            InForce(Steps(steps)),
            PostgresStore(pool, lease),
            salesforce.records,
            clock,
            meter,
            jitter=lambda: 0.0,  # what is tried again is due at once
            new_id=lambda: "never used",
        )
        parts.heard.following = True  # as under a session of the stream: `listen` is one
        loader = Loader(parts, bulk_from=10**9)
        app = await asyncpg.connect(dsn)
        stack.push_async_callback(app.close)
        road = Road(
            emulator,
            control,
            salesforce,
            meter,
            pool,
            database,
            PostgresInspection(pool),
            app,
            parts,
            Worker(parts, loader.reload),
            loader,
            lease,
        )
        stack.push_async_callback(road.hang_up)
        yield road


async def _emulator(stack: AsyncExitStack, folder: Path, keys: Path) -> Emulator:
    # The grammar of queries is compiled once, for a second or more: by a later query it would silence a stream that is followed.
    parse("SELECT Id FROM Account")
    seed = folder / "seed.json"
    seed.write_text(SEED, "utf-8")
    emulator = Emulator(EmulatorOptions(seed_file=seed, key_directory=keys, hold_seconds=0.4, random_seed=7))
    await emulator.start()
    stack.push_async_callback(emulator.stop)
    return emulator


def _connector(dsn: str, meter: MemoryMeter) -> Connector:
    return Connector(dsn, clock=SystemClock(), meter=meter)
