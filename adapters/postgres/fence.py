"""The check by which a process that leads no more writes nothing."""

from adapters.postgres.lease import PostgresLease
from adapters.postgres.queries import QUERIES
from adapters.postgres.session import Purpose, Session
from daemon.ports.store import LeaseLostError


async def require_lead(session: Session, lease: PostgresLease) -> None:
    """Hold the lease's row until the transaction ends. Raises LeaseLostError if another process leads."""
    epoch = await session.value(Purpose.APPLY, QUERIES["lease_check"], lease.name)
    if epoch is None or epoch != lease.epoch:
        raise LeaseLostError(f"epoch {lease.epoch} is over, {epoch or 'none'} is current")
