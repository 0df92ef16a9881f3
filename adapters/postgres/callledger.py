"""Our calls to Salesforce, kept in the table `isthmus.api_calls`."""

from collections.abc import Mapping
from datetime import datetime

from adapters.postgres.pool import Pool
from adapters.postgres.queries import QUERIES
from adapters.postgres.session import Purpose
from daemon.ports.allowance import CountedCalls


class PostgresCallLedger:
    """Implements `daemon.ports.allowance.CallLedger`."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def add(
        self, calls: Mapping[datetime, int], allowance: int | None, since: datetime
    ) -> CountedCalls:
        """Add calls to spans and return all spans from `since` on. Raises CallFailedError."""
        spans = sorted(calls)
        async with self._pool.session() as session:
            await session.execute(Purpose.ADMIN, QUERIES["forget_api_calls"], since)
            await session.execute(
                Purpose.ADMIN, QUERIES["add_api_calls"], spans, [calls[span] for span in spans], allowance
            )
            rows = await session.fetch(Purpose.ADMIN, QUERIES["api_calls"])
        known = [row["allowance"] for row in rows if row["allowance"] is not None]
        return CountedCalls([(row["span"], row["calls"]) for row in rows], known[-1] if known else None)
