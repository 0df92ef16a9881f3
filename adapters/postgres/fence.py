"""The transactions of a process that leads: one that leads no more writes nothing."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from adapters.postgres.lease import PostgresLease
from adapters.postgres.pool import Pool
from adapters.postgres.queries import QUERIES
from adapters.postgres.session import Purpose, Session
from daemon.ports.store import LeaseLostError


@asynccontextmanager
async def leading(pool: Pool, lease: PostgresLease) -> AsyncIterator[Session]:
    """A transaction that holds the lease's row until it ends, so a successor waits for it. Raises LeaseLostError if another process leads."""
    async with pool.session() as session, session.transaction():
        epoch = await session.value(Purpose.APPLY, QUERIES["lease_check"], lease.name)
        if epoch is None or epoch != lease.epoch:
            raise LeaseLostError(f"epoch {lease.epoch} is over, {epoch or 'none'} is current")
        yield session
