"""The bulk job that may be under way, among the settings of the schema."""

from typing import Final

from adapters.postgres.fence import leading
from adapters.postgres.lease import PostgresLease
from adapters.postgres.pool import Pool
from adapters.postgres.queries import QUERIES
from adapters.postgres.session import Purpose

_NAME: Final = "bulk_write_job"


class PostgresBulkNote:
    """The port `BulkNote`."""

    def __init__(self, pool: Pool, lease: PostgresLease) -> None:
        self._pool = pool
        self._lease = lease

    async def keep(self, job: str | None) -> None:
        """Keep a job's id, or that there is none: an empty text."""
        async with leading(self._pool, self._lease) as session:
            await session.execute(Purpose.ADMIN, QUERIES["set_setting"], _NAME, job or "")

    async def kept(self) -> str | None:
        """The job that is kept."""
        async with self._pool.session() as session:
            found: str | None = await session.value(Purpose.ADMIN, QUERIES["setting"], _NAME)
            return found or None
