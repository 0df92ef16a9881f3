"""One connection's calls: timed, counted, and with the driver's errors translated."""

from collections.abc import AsyncIterable, AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from enum import StrEnum
from typing import Any

import asyncpg
from asyncpg.pool import PoolConnectionProxy
from asyncpg.transaction import Transaction

from adapters.postgres.faults import FAULTS, failure_of
from daemon.domain.failure import DatabaseFailedError
from daemon.ports.clock import Clock
from daemon.ports.meter import Meter

Connection = asyncpg.Connection | PoolConnectionProxy

_DURATION = "isthmus_postgres_query_duration_seconds"
_ERRORS = "isthmus_postgres_errors_total"


class Purpose(StrEnum):
    """What a query is for, as its duration is labelled."""

    CAPTURE = "capture"
    APPLY = "apply"
    IDENTIFY = "identify"
    LOG = "log"
    ADMIN = "admin"


class Session:
    """A connection inside one task. Every call raises CallFailedError where the driver would raise its own errors."""

    def __init__(self, connection: Connection, clock: Clock, meter: Meter) -> None:
        self.connection = connection
        self._clock = clock
        self._meter = meter

    async def fetch(
        self, purpose: Purpose, sql: str, *arguments: object, within: float | None = None
    ) -> Sequence[Any]:
        """The rows of a statement. `within` are seconds to wait for them, in place of the pool's own."""
        with self._watched(purpose):
            return await self.connection.fetch(sql, *arguments, timeout=within)

    async def value(self, purpose: Purpose, sql: str, *arguments: object) -> Any:
        """The first column of the first row, or None."""
        with self._watched(purpose):
            return await self.connection.fetchval(sql, *arguments)

    async def execute(
        self, purpose: Purpose, sql: str, *arguments: object, within: float | None = None
    ) -> int:
        """Run a statement, or several without arguments; the number of rows that the (last) one touched.

        `within` are seconds to wait for it, in place of the pool's own.
        """
        with self._watched(purpose):
            status = await self.connection.execute(sql, *arguments, timeout=within)
        count = status.rpartition(" ")[2]
        return int(count) if count.isdigit() else 0

    async def copy_in(self, purpose: Purpose, table: str, source: AsyncIterable[bytes]) -> None:
        """Copy lines of COPY's text format into a table that needs no schema's name, all its columns in their order."""
        with self._watched(purpose):
            await self.connection.copy_to_table(table, source=source, format="text")

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[None]:
        """A transaction, or a savepoint inside one."""
        transaction = self.connection.transaction()
        with self._translated():
            await transaction.start()
        try:
            yield
        except BaseException:
            await self._roll_back(transaction)
            raise
        with self._watched(Purpose.APPLY):
            await transaction.commit()

    async def _roll_back(self, transaction: Transaction) -> None:
        """Undo what was done. The error that led here is the one to tell; a connection that cannot undo is given up."""
        try:
            await transaction.rollback()
        except FAULTS:
            with suppress(asyncpg.InterfaceError):  # the pool has taken it back by itself
                self.connection.terminate()

    @contextmanager
    def _watched(self, purpose: Purpose) -> Iterator[None]:
        begin = self._clock.monotonic()
        with self._translated():
            yield
        self._meter.observe(_DURATION, self._clock.monotonic() - begin, purpose=purpose)

    @contextmanager
    def _translated(self) -> Iterator[None]:
        with translated(self._meter):
            yield


@contextmanager
def translated(meter: Meter) -> Iterator[None]:
    """Turn the driver's errors into DatabaseFailedError, and count them by class."""
    try:
        yield
    except FAULTS as error:
        failure = failure_of(error)
        meter.count(_ERRORS, sqlstate_class=failure.code[:2])
        raise DatabaseFailedError(failure) from error
