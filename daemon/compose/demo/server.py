"""The demo's database: a server of its own, or an empty database that the user names."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import SplitResult, unquote, urlsplit

from adapters.postgres.console import Console
from adapters.postgres.embedded import DISPOSABLE, DURABLE, EmbeddedPostgres, EmbeddedPostgresError
from daemon.compose.demo.statements import STATEMENTS, TABLES
from daemon.domain.failure import RefusedError, UnreachableError, UsageError
from daemon.ports.meter import Meter


@dataclass(frozen=True, slots=True)
class Database:
    """A database with the application's empty tables in it.

    `dsn` is whole, `bare_dsn` without its `password`; `psql` is a shell command that opens it.
    """

    dsn: str
    bare_dsn: str
    password: str | None
    psql: str


@asynccontextmanager
async def own_database(folder: Path | None, meter: Meter) -> AsyncIterator[Database]:
    """A database of a server of our own, which is stopped at the end. With a `folder` the data is kept there.

    What an earlier demo left in the folder is replaced: the org that it was in step with is gone.
    """
    with _telling():
        server = EmbeddedPostgres(folder, settings=DISPOSABLE if folder is None else DURABLE)
    try:
        with _telling():
            await _in_thread(server.start)
        async with Console(server.dsn(), meter) as console:
            await console.execute(STATEMENTS["drop_database"])
            await console.execute(STATEMENTS["create_database"])
        dsn = server.dsn("demo")
        async with Console(dsn, meter) as console:
            await console.execute(TABLES)
        yield Database(dsn, dsn, None, server.psql_command("demo"))
    finally:
        await _in_thread(server.stop)


@asynccontextmanager
async def named_database(url: str, meter: Meter, *, keep: bool) -> AsyncIterator[Database]:
    """The database of `url`, which must hold neither of our schemas. They are removed at the end, unless they are kept.

    Raises UsageError for an address that is none, RefusedError for a database in use.
    """
    parts = _checked(url)
    bare = parts._replace(netloc=_without_password(parts)).geturl()
    password = unquote(parts.password) if parts.password is not None else None
    async with Console(url, meter) as console:
        present = [str(row["name"]) for row in await console.rows(STATEMENTS["schemas_present"])]
        if present:
            raise RefusedError(
                f"the demo will not use this database: it has the schema {' and '.join(present)}",
                "the demo makes both schemas itself and removes them at the end",
                "name an empty database: createdb isthmus_demo",
            )
        await console.execute(TABLES)
    try:
        yield Database(url, bare, password, f"psql '{bare}'")
    finally:
        if not keep:
            async with Console(url, meter) as console:
                await console.execute(STATEMENTS["drop_schemas"])


async def _in_thread(work: Callable[[], None]) -> None:
    """Run blocking work in a thread and see it through to its end, even when cancelled meanwhile."""
    future = asyncio.get_running_loop().run_in_executor(None, work)
    try:
        await asyncio.shield(future)
    finally:
        if not future.done():
            await asyncio.wait([future])


def _checked(url: str) -> SplitResult:
    parts = urlsplit(url)
    if parts.scheme not in ("postgresql", "postgres"):
        raise UsageError(
            f"--database {url.partition(':')[0]} is no address of a database",
            "the demo splits the password from it, so it has to be a URL",
            "write it as postgresql://USER:PASSWORD@HOST:PORT/DATABASE",
        )
    return parts


def _without_password(parts: SplitResult) -> str:
    user, found, host = parts.netloc.rpartition("@")
    return f"{user.partition(':')[0]}@{host}" if found else host


@contextmanager
def _telling() -> Iterator[None]:
    """Raise the embedded server's own three lines as ours."""
    try:
        yield
    except EmbeddedPostgresError as error:
        what, why, fix = str(error).split("\n", 2)
        raise UnreachableError(what, why.removeprefix("why: "), fix.removeprefix("do:  ")) from error
