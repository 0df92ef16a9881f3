"""Connections to the database.

Every connection speaks one dialect of text (UTC, ISO dates, hexadecimal bytes, exact floats), because rows and changes
cross as PostgreSQL's own text; and no statement, lock or idle transaction lasts longer than its bound.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import asyncpg

from adapters.postgres.session import Session, translated
from daemon.ports.clock import Clock
from daemon.ports.failpoints import NO_FAILPOINTS, Failpoints
from daemon.ports.meter import Meter

Password = Callable[[], str] | Callable[[], Awaitable[str]]
"""Asked at each new connection, so that a password may change while the daemon runs."""


@dataclass(frozen=True, slots=True)
class PoolSettings:
    """Bounds, in seconds and connections."""

    size: int = 8
    connect_seconds: float = 10.0
    acquire_seconds: float = 10.0
    statement_seconds: float = 30.0
    lock_seconds: float = 5.0
    idle_in_transaction_seconds: float = 15.0

    def parameters(self, application: str = "isthmus") -> dict[str, str]:
        """The server's settings for each connection."""
        return {
            "application_name": application,
            "timezone": "UTC",
            "datestyle": "ISO, YMD",
            "intervalstyle": "iso_8601",
            "bytea_output": "hex",
            "extra_float_digits": "1",
            "statement_timeout": _milliseconds(self.statement_seconds),
            "lock_timeout": _milliseconds(self.lock_seconds),
            "idle_in_transaction_session_timeout": _milliseconds(self.idle_in_transaction_seconds),
            # A queue that is empty now has a million rows a second later: a plan that was kept from then would read all of them each time.
            "plan_cache_mode": "force_custom_plan",
            "jit": "off",  # compiling a statement that runs for a millisecond costs a hundred
        }


class Connector:
    """Makes connections of their own, outside the pool: for the lease and the doorbell."""

    def __init__(
        self,
        dsn: str,
        *,
        clock: Clock,
        meter: Meter,
        password: Password | None = None,
        settings: PoolSettings | None = None,
        failpoints: Failpoints = NO_FAILPOINTS,
    ) -> None:
        self.settings = settings = settings or PoolSettings()
        self.clock = clock
        self.meter = meter
        self.failpoints = failpoints
        self.arguments: dict[str, Any] = {
            "dsn": dsn,
            "password": password,
            "timeout": settings.connect_seconds,
            "command_timeout": settings.statement_seconds + settings.connect_seconds,
        }

    async def connect(self, application: str) -> asyncpg.Connection:
        """One connection, which the caller closes. Raises CallFailedError."""
        with translated(self.meter):
            return await asyncpg.connect(
                **self.arguments, server_settings=self.settings.parameters(application)
            )

    def session(self, connection: asyncpg.Connection) -> Session:
        """The calls of such a connection."""
        return Session(connection, self.clock, self.meter)


class Pool:
    """A bounded set of connections, opened as they are needed. Use it in `async with`."""

    def __init__(self, connector: Connector) -> None:
        self.connector = connector
        self.clock = connector.clock
        self.meter = connector.meter
        self.failpoints = connector.failpoints
        self._pool: asyncpg.Pool | None = None

    async def open(self) -> None:
        """Prepare the pool. Makes no connection yet, so an unreachable server shows at the first call."""
        settings = self.connector.settings
        self._pool = await asyncpg.create_pool(
            **self.connector.arguments,
            server_settings=settings.parameters(),
            min_size=0,
            max_size=settings.size,
            max_inactive_connection_lifetime=300,
            reset=_nothing_to_reset,
        )

    async def close(self) -> None:
        """Close every connection: politely for a moment, then at once."""
        if self._pool is None:
            return
        pool, self._pool = self._pool, None
        try:
            async with asyncio.timeout(_CLOSE_SECONDS):
                await pool.close()
        except TimeoutError:
            pool.terminate()

    async def __aenter__(self) -> "Pool":
        await self.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    @asynccontextmanager
    async def session(self) -> AsyncIterator[Session]:
        """A connection for as long as the block lasts. Raises CallFailedError if none can be had in time."""
        assert self._pool is not None, "the pool is not open"
        pool = self._pool
        with translated(self.meter):
            connection = await pool.acquire(timeout=self.connector.settings.acquire_seconds)
        try:
            yield Session(connection, self.clock, self.meter)
        finally:
            with translated(self.meter):
                await pool.release(connection, timeout=_CLOSE_SECONDS)

    def sample(self) -> None:
        """Set the gauges of the pool."""
        size, idle = (self._pool.get_size(), self._pool.get_idle_size()) if self._pool else (0, 0)
        self.meter.gauge("isthmus_postgres_pool_connections", idle, state="idle")
        self.meter.gauge("isthmus_postgres_pool_connections", size - idle, state="used")
        self.meter.gauge("isthmus_postgres_pool_limit", self.connector.settings.size)


_CLOSE_SECONDS = 2.0


async def _nothing_to_reset(connection: object) -> None:
    """Nothing outlives a transaction on our connections, so giving one back costs no round trip."""


def _milliseconds(seconds: float) -> str:
    return str(round(seconds * 1000))
