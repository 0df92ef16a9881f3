"""What is stored under the name of one of two one-way steps, when the other one is what the daemon works by from now on."""

from typing import Final

from adapters.postgres.fence import leading
from adapters.postgres.lease import PostgresLease
from adapters.postgres.pool import Pool
from adapters.postgres.queries import QUERIES
from adapters.postgres.session import Purpose
from daemon.domain.mapping import Step

_WITHIN: Final = 300.0
"""Seconds that renaming what a table holds may take: some ten million links."""
_AT_ONCE: Final = 5000
"""Pairs to a transaction that are to be compared."""
_STORED: Final = (
    "changes_taken_over",
    "waiting_taken_over",
    "conflicts_taken_over",
    "gaps_taken_over",
    "faults_taken_over",
    "permits_taken_over",
)


class PostgresSharing:
    """Renames what a pair of one-way steps shares. Each call is one transaction of the leader; LeaseLostError if another process leads."""

    def __init__(self, pool: Pool, lease: PostgresLease) -> None:
        self._pool = pool
        self._lease = lease

    async def take_over(self, former: str, step: Step) -> int:
        """Give a step the links of its object and table that bear a former name, and what waits under it; how many links. Raises CallFailedError.

        The journal stays as it was written.
        """
        async with leading(self._pool, self._lease) as session:
            await session.execute(Purpose.ADMIN, f"SET LOCAL statement_timeout = '{_WITHIN:.0f}s'")
            pair = step.object, step.table.qualified
            links = await session.execute(
                Purpose.ADMIN,
                QUERIES["links_taken_over"],
                former,
                step.name,
                *pair,
                within=_WITHIN + 5,
            )
            for name in _STORED:
                await session.execute(Purpose.ADMIN, QUERIES[name], former, step.name, within=_WITHIN + 5)
            return links

    async def carry_load(self, former: str, step: str) -> None:
        """Let a step count as loaded where the former one was, unless its own load is known. Raises CallFailedError."""
        async with leading(self._pool, self._lease) as session:
            await session.execute(Purpose.ADMIN, QUERIES["load_taken_over"], former, step)

    async def load_again(self, step: str) -> None:
        """Have a step loaded as if it never was, and its pairs compared: what changed while nobody looked stands out. Raises CallFailedError."""
        count, last = _AT_ONCE, 0
        while count == _AT_ONCE:
            async with leading(self._pool, self._lease) as session:
                (found,) = await session.fetch(Purpose.CAPTURE, QUERIES["look_anew"], step, last, _AT_ONCE)
                count, last = found["pairs"], found["last"]
        async with leading(self._pool, self._lease) as session:
            await session.execute(Purpose.ADMIN, QUERIES["forget_first_load"], step)
