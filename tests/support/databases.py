"""Fresh databases for tests: one server a session, one database a test, copied from a template.

A copy of a template takes some 30 ms, so a test never sees what another left behind and never waits for a migration.
"""

import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from itertools import count

import asyncpg

from adapters.postgres.embedded import DISPOSABLE, EmbeddedPostgres

EMPTY = "template1"

_DEADLINE_SECONDS = 30.0


class Databases:
    """Databases of one disposable server. All names are made here, so nothing in them needs quoting."""

    def __init__(self, server: EmbeddedPostgres) -> None:
        self.server = server
        self._numbers = count(1)
        self._prepared: set[str] = set()

    async def prepare(self, name: str, fill: Callable[[str], Awaitable[None]]) -> str:
        """The template `name`, filled by `fill(dsn)` the first time it is asked for in this session.

        `fill` closes every connection that it opens: a database in use cannot be copied.
        """
        assert re.fullmatch(r"[a-z][a-z0-9_]*", name), f"a template is named in lower case, not {name!r}"
        if name not in self._prepared:
            await self._execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
            await self._execute(f"CREATE DATABASE {name} TEMPLATE {EMPTY} STRATEGY file_copy")
            await fill(self.server.dsn(name))
            self._prepared.add(name)
        return name

    @asynccontextmanager
    async def fresh(self, template: str = EMPTY) -> AsyncIterator[str]:
        """The DSN of a new copy of `template`, dropped at the end whoever is still connected to it."""
        name = f"test_{next(self._numbers)}"
        await self._execute(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy")
        try:
            yield self.server.dsn(name)
        finally:
            await self._execute(f"DROP DATABASE {name} WITH (FORCE)")

    async def _execute(self, statement: str) -> None:
        connection = await asyncpg.connect(self.server.dsn(), timeout=_DEADLINE_SECONDS)
        try:
            await connection.execute(statement, timeout=_DEADLINE_SECONDS)
        finally:
            await connection.close(timeout=_DEADLINE_SECONDS)


@contextmanager
def disposable_databases() -> Iterator[Databases]:
    """A running server whose data is gone at the end."""
    with EmbeddedPostgres(settings=DISPOSABLE) as server:
        yield Databases(server)
