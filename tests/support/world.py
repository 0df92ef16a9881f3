"""A world: a fresh database, an org, a configuration between them, and the installed daemon, all real processes.

Nothing in it knows the inside of the product but the public face: commands, HTTP endpoints, and the documented schema
`isthmus`. Changes are made by simple-salesforce on one side and plain SQL on the other.
"""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import asyncpg

from tests.support.databases import Databases
from tests.support.world_org import Org
from tests.support.world_program import COMMAND, Done, LateError, Program, command, until
from tests.support.world_shape import CRM, Shape, configuration

READY_SECONDS = 30.0
_REST_SECONDS = 0.15
_SQL_SECONDS = 20.0


@dataclass(slots=True)
class World:
    """Both sides, and the daemon while it runs. Made by `world`."""

    folder: Path
    dsn: str
    org: Org
    shape: Shape
    sql: "asyncpg.Connection[asyncpg.Record]"
    programs: list[Program] = field(default_factory=list)
    daemon: Program | None = None
    api: str = ""
    metrics: str = ""
    shipped: tuple[Path, ...] = ()
    """Configuration files over which the world's own is laid."""
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)  # a connection runs one statement at a time

    @property
    def config(self) -> Path:
        """The configuration file."""
        return self.folder / "isthmus.yaml"

    @property
    def files(self) -> list[str]:
        """The arguments that name the configuration."""
        return [word for file in (*self.shipped, self.config) for word in ("-c", str(file))]

    def configure(self, *changes: tuple[str, str]) -> None:
        """Write the configuration anew, with pieces of its text replaced."""
        text = configuration(self.shape, self.org.facts, self.dsn, self.folder)
        for old, new in changes:
            assert old in text, f"{old!r} is not in the configuration"
            text = text.replace(old, new, 1)
        self.config.write_text(text, "utf-8")

    async def isthmus(self, *arguments: str, extra: Mapping[str, str] | None = None) -> Done:
        """Run a command with the configuration, against the daemon if one runs."""
        api = ("--api", self.api) if self.api else ()
        return await command(*arguments, *self.files, *api, folder=self.folder, extra=extra)

    def launch(
        self, *arguments: str, extra: Mapping[str, str] | None = None, by: Sequence[str] = (str(COMMAND),)
    ) -> Program:
        """Start a daemon without waiting for it. `by` is what runs it, if not the command itself."""
        name = f"daemon{len(self.programs)}"
        program = Program(name, ["run", *self.files, *arguments], folder=self.folder, extra=extra, by=by)
        self.programs.append(program)
        return program

    async def start(
        self, *arguments: str, extra: Mapping[str, str] | None = None, by: Sequence[str] = (str(COMMAND),)
    ) -> Program:
        """Start the daemon; returns once it says that it is ready."""
        assert self.daemon is None or self.daemon.status is not None, "it runs already"
        self.daemon = self.launch(*arguments, extra=extra, by=by)
        return await self.ready()

    async def ready(self, seconds: float = READY_SECONDS) -> Program:
        """The daemon, once it says that it is ready; `seconds` for each of its two words."""
        assert self.daemon is not None
        listening = await self.daemon.logged("http.listening", seconds)
        self.api, self.metrics = f"http://{listening['api']}", f"http://{listening['metrics']}"
        await self.daemon.logged("ready", seconds)
        return self.daemon

    def kill(self) -> None:
        """End the daemon as a power cut would."""
        assert self.daemon is not None
        assert self.daemon.status is None, self.daemon.tail()
        self.daemon.kill()

    async def fetch(self, query: str, *arguments: Any) -> list[dict[str, Any]]:
        """The rows of a query."""
        async with self._turn:
            return [dict(row) for row in await self.sql.fetch(query, *arguments, timeout=_SQL_SECONDS)]

    async def value(self, query: str, *arguments: Any) -> Any:
        """The first column of a query's first row."""
        async with self._turn:
            return await self.sql.fetchval(query, *arguments, timeout=_SQL_SECONDS)

    async def execute(self, statement: str, *arguments: Any) -> int:
        """Run a statement; how many rows it wrote."""
        async with self._turn:
            done: str = await self.sql.execute(statement, *arguments, timeout=_SQL_SECONDS)
        words = done.split()
        return int(words[-1]) if words and words[-1].isdigit() else 0

    async def get(self, url: str) -> tuple[int, str]:
        """Status and body of one of the daemon's own URLs."""
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10)) as session,
            session.get(url) as reply,
        ):
            return reply.status, await reply.text()

    async def metric(self, name: str) -> float:
        """The sum of a metric over all its labels."""
        _, text = await self.get(f"{self.metrics}/metrics")
        found = re.findall(rf"^{name}(?:\{{[^}}]*\}})? ([0-9.e+-]+)$", text, re.MULTILINE)
        return sum(float(number) for number in found)

    async def sf_id(self, step: str, key: str) -> str:
        """The record that a row is linked to, once it is."""

        async def linked() -> str | None:
            found: str | None = await self.value(
                "SELECT sf_id FROM isthmus.link WHERE step = $1 AND pg_key = $2 AND state = 'linked'",
                step,
                key,
            )
            return found

        found = await until(linked, f"row {key} of {step} is linked")
        assert found is not None
        return found

    async def key(self, sf_id: str) -> str:
        """The row that a record is linked to, once it is."""

        async def linked() -> str | None:
            found: str | None = await self.value(
                "SELECT pg_key FROM isthmus.link WHERE sf_id = $1 AND state = 'linked'", sf_id
            )
            return found

        found = await until(linked, f"record {sf_id} is linked")
        assert found is not None
        return found

    async def parked(self, code: str, seconds: float = 30.0) -> dict[str, Any]:
        """The parked change with this code, once there is one."""

        async def found() -> list[dict[str, Any]]:
            return await self.fetch("SELECT * FROM isthmus.parked WHERE code = $1", code)

        return (await until(found, f"something is parked with {code}", seconds))[0]

    async def quiescent(self, seconds: float = 60.0) -> None:
        """Until nothing is under way: nothing waits that is not parked or held, no write is in doubt, the org has sent
        what it has, and none of it has changed in three looks in a row."""
        looks: list[tuple[Any, ...]] = []

        async def still() -> bool:
            if self.daemon is not None and self.daemon.status is not None:
                raise LateError("the daemon has ended, so both sides will not come to rest")
            looks.append(await self._look())
            settled = looks[-1][0] == 0 and looks[-1][1] > 0
            return settled and len(looks) >= 3 and looks[-1] == looks[-2] == looks[-3]

        try:
            await until(still, "both sides are at rest", seconds, every=_REST_SECONDS)
        except LateError as error:
            waiting = await self.fetch(
                "SELECT * FROM isthmus.change WHERE state IN ('pending', 'sent') LIMIT 5"
            )
            raise LateError(f"{error}; last looks {looks[-3:]}; waiting {waiting}") from error

    async def _look(self) -> tuple[Any, ...]:
        work = await self.fetch("""
            SELECT (SELECT count(*) FROM isthmus.change WHERE state IN ('pending', 'sent'))
                    + (SELECT count(*) FROM isthmus.link WHERE own > '9000-01-01')
                    + (SELECT count(*) FROM isthmus.job WHERE state <> 'done') AS waiting,
                (SELECT last_value FROM isthmus.journal_id) AS journal,
                (SELECT max(stored_at) FROM isthmus.position) AS position
        """)
        org = await self.org.control("GET", "state?objects=Organization")
        return (work[0]["waiting"], org["parked"], org["events"], work[0]["journal"], work[0]["position"])

    def tails(self) -> str:
        """The last words of every process."""
        return "\n".join(program.tail() for program in (self.org.program, *self.programs))


@asynccontextmanager
async def world(
    databases: Databases,
    folder: Path,
    *,
    shape: Shape = CRM,
    prepared: bool = True,
    changes: Sequence[tuple[str, str]] = (),
    shared: Org | None = None,
) -> AsyncIterator[World]:
    """A world with its configuration, and with our schema and the triggers if it is `prepared`.

    Every process ends with the block, but for an org that is `shared` with other worlds. If the block fails, what the
    processes wrote last is printed.
    """
    org = shared or await Org.start(folder, shape.seed)
    try:
        async with _database(databases, folder, org, shape, prepared) as dsn:
            connection = await asyncpg.connect(dsn, timeout=_SQL_SECONDS)
            made = World(folder, dsn, org, shape, connection)
            made.configure(*changes)
            try:
                yield made
            except BaseException:
                print(made.tails())
                raise
            finally:
                for program in made.programs:
                    program.kill()
                await connection.close(timeout=_SQL_SECONDS)
    finally:
        if shared is None:
            await asyncio.to_thread(org.close)


@asynccontextmanager
async def _database(
    databases: Databases, folder: Path, org: Org, shape: Shape, prepared: bool
) -> AsyncIterator[str]:
    """A copy of the shape's tables, with schema and triggers made by the installed command the first time."""

    async def fill(dsn: str) -> None:
        connection = await asyncpg.connect(dsn, timeout=_SQL_SECONDS)
        try:
            await connection.execute(shape.tables, timeout=_SQL_SECONDS)
        finally:
            await connection.close(timeout=_SQL_SECONDS)
        if prepared:
            await _prepare(dsn)

    async def _prepare(dsn: str) -> None:
        file = folder / "prepare.yaml"
        file.write_text(configuration(shape, org.facts, dsn, folder), "utf-8")
        for arguments in (("migrate",), ("capture", "install")):
            done = await command(*arguments, "-c", str(file), folder=folder)
            assert done.status == 0, done.err

    template = await databases.prepare(f"world_{shape.name}_{'ready' if prepared else 'bare'}", fill)
    async with databases.fresh(template) as dsn:
        yield dsn


def problem_lines(text: str) -> list[dict[str, Any]]:
    """Lines of a text that are not JSON objects, for logs that must be nothing else."""
    bad = []
    for line in text.splitlines():
        try:
            parsed = json.loads(line)
        except ValueError:
            parsed = None
        if not isinstance(parsed, dict):
            bad.append({"line": line})
    return bad
