"""The lease: only one daemon writes.

It is a row with an epoch, and it lapses by the database's clock. Beside it, a session lock on the lease's own connection,
named after the epoch, is a fast sign of death: PostgreSQL gives it up when the holder's connection ends, and a successor
who can have it need not wait for the lease to lapse. The lock proves nothing more; writes are fenced by the epoch.
"""

import asyncio
from datetime import datetime, timedelta

import asyncpg

from adapters.postgres.pool import Connector
from adapters.postgres.queries import QUERIES
from adapters.postgres.session import Purpose, Session

TIME_TO_LIVE = timedelta(seconds=15)


class PostgresLease:
    """The port `Lease`. `holder` names this process to people; it must differ between processes.

    The connection must not go through a pooler in transaction mode, which gives session locks to nobody in particular.
    """

    def __init__(
        self,
        connector: Connector,
        holder: str,
        *,
        name: str = "daemon",
        time_to_live: timedelta = TIME_TO_LIVE,
    ) -> None:
        self.name = name
        self._connector = connector
        self._holder = holder
        self._time_to_live = time_to_live
        self._connection: asyncpg.Connection | None = None
        self._epoch = 0
        self._turn = asyncio.Lock()  # a connection does one thing at a time

    @property
    def epoch(self) -> int:
        return self._epoch

    async def acquire(self) -> bool:
        async with self._turn:
            return await self._acquire(await self._session())

    async def renew(self) -> bool:
        async with self._turn:
            return await self._renew() if self._epoch else False

    async def release(self) -> None:
        async with self._turn:
            if self._epoch:
                session = await self._session()
                await session.execute(
                    Purpose.ADMIN, QUERIES["lease_release"], self.name, self._holder, self._epoch
                )
                self._epoch = 0
        self.close()

    def close(self) -> None:
        """Close the connection without giving the lease up: what a death of this process would do."""
        connection, self._connection = self._connection, None
        if connection is not None and not connection.is_closed():
            connection.terminate()

    async def holder(self) -> tuple[str, int, datetime] | None:
        async with self._turn:
            session = await self._session()
            found = await session.fetch(Purpose.ADMIN, QUERIES["lease_holder"], self.name)
        return (found[0]["holder"], found[0]["epoch"], found[0]["acquired_at"]) if found else None

    async def _acquire(self, session: Session) -> bool:
        await session.execute(Purpose.ADMIN, QUERIES["lease_create"], self.name)
        async with session.transaction():
            (row,) = await session.fetch(Purpose.ADMIN, QUERIES["lease_lock"], self.name)
            current = row["epoch"]
            if not row["free"]:
                dead = await session.value(Purpose.ADMIN, QUERIES["lease_try_sign"], self.name, current)
                if not dead:
                    return False
                await session.value(Purpose.ADMIN, QUERIES["lease_drop_sign"], self.name, current)
            epoch = current + 1
            await session.value(Purpose.ADMIN, QUERIES["lease_try_sign"], self.name, epoch)
            await session.execute(
                Purpose.ADMIN, QUERIES["lease_take"], self.name, self._holder, epoch, self._time_to_live
            )
        self._epoch = epoch
        return True

    async def _renew(self) -> bool:
        connected = self._connection is not None and not self._connection.is_closed()
        session = await self._session()
        if not connected:
            await session.value(Purpose.ADMIN, QUERIES["lease_try_sign"], self.name, self._epoch)
        kept = await session.execute(
            Purpose.ADMIN, QUERIES["lease_renew"], self.name, self._holder, self._epoch, self._time_to_live
        )
        return kept == 1

    async def _session(self) -> Session:
        if self._connection is None or self._connection.is_closed():
            self._connection = await self._connector.connect("isthmus lease")
        return self._connector.session(self._connection)
