"""Plain SQL on a connection of its own, for programs that look at the database as any other client would.

It knows nothing of links, capture or leases: what the demo shows and checks through it is what an application would see.
"""

from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

import asyncpg

from adapters.postgres.session import translated
from daemon.ports.meter import Meter

_SECONDS = 10.0


class Console:
    """One connection to `dsn`. Use it in `async with`; one statement at a time.

    Each statement has ten seconds. Raises CallFailedError where the driver would raise its own errors.
    """

    def __init__(self, dsn: str, meter: Meter) -> None:
        self._dsn = dsn
        self._meter = meter
        self._connection: asyncpg.Connection | None = None

    async def __aenter__(self) -> Self:
        with translated(self._meter):
            self._connection = await asyncpg.connect(self._dsn, timeout=_SECONDS, command_timeout=_SECONDS)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.terminate()  # nothing is under way that a farewell would save

    async def rows(self, sql: str, *arguments: object) -> list[Mapping[str, Any]]:
        """The rows of a statement, each by column name."""
        with translated(self._meter):
            return [dict(row) for row in await self._open().fetch(sql, *arguments)]

    async def value(self, sql: str, *arguments: object) -> Any:
        """The first column of the first row, or None where there is no row."""
        with translated(self._meter):
            return await self._open().fetchval(sql, *arguments)

    async def execute(self, sql: str, *arguments: object) -> None:
        """Run a statement; or several, in one transaction, where there are no arguments."""
        with translated(self._meter):
            await self._open().execute(sql, *arguments)

    def _open(self) -> asyncpg.Connection:
        assert self._connection is not None, "the console is not open"
        return self._connection
