"""Links that were made for another object or table than their step names now."""

from collections.abc import Sequence
from typing import Final

from adapters.postgres.pool import Pool
from adapters.postgres.queries import QUERIES
from adapters.postgres.session import Purpose
from daemon.domain.mapping import Step
from daemon.ports.database import StrayLinks

_WITHIN: Final = 300.0
"""Seconds that one reading of every link may take."""


async def stray_links(pool: Pool, steps: Sequence[Step]) -> tuple[StrayLinks, ...]:
    """The linked pairs of these steps that are of another object or table, counted. Raises CallFailedError."""
    wanted = [(step.name, step.object, step.table.qualified) for step in steps]
    columns = ([each[place] for each in wanted] for place in range(3))
    async with pool.session() as session, session.transaction():
        await session.execute(Purpose.ADMIN, f"SET LOCAL statement_timeout = '{_WITHIN:.0f}s'")
        rows = await session.fetch(
            Purpose.ADMIN, QUERIES["links_of_other_pairs"], *columns, within=_WITHIN + 5
        )
    return tuple(StrayLinks(row["step"], row["object"], row["table"], row["links"]) for row in rows)
