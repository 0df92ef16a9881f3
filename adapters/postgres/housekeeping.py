"""What has to be done now and then: partitions ahead, and what is past its time forgotten."""

from dataclasses import dataclass
from datetime import timedelta

from adapters.postgres.migrate import DAYS_AHEAD
from adapters.postgres.pool import Pool
from adapters.postgres.queries import QUERIES
from adapters.postgres.session import Purpose

FINDINGS = timedelta(days=7)
"""How long the differences of a comparison and permits that are over are kept."""


@dataclass(frozen=True, slots=True)
class Retention:
    """How long things are kept."""

    journal_days: int = 90
    tombstones: timedelta = timedelta(days=30)
    ledger: timedelta = timedelta(days=30)  # entries that somebody or a rule has decided


async def keep_house(pool: Pool, retention: Retention) -> None:
    """Make the journal's next partitions and forget what is too old. Once a day is often; more often does no harm."""
    async with pool.session() as session:
        await session.fetch(Purpose.ADMIN, QUERIES["make_partitions"], DAYS_AHEAD)
        await session.value(Purpose.ADMIN, QUERIES["forget_journal"], retention.journal_days)
        await session.execute(Purpose.ADMIN, QUERIES["forget_tombstones"], retention.tombstones)
        await session.execute(Purpose.ADMIN, QUERIES["forget_ledger"], retention.ledger)
        await session.execute(Purpose.ADMIN, QUERIES["forget_jobs"], timedelta(days=retention.journal_days))
        await session.execute(Purpose.ADMIN, QUERIES["forget_differences"], FINDINGS)
        await session.execute(Purpose.ADMIN, QUERIES["forget_permits"], FINDINGS)
        await session.execute(Purpose.ADMIN, QUERIES["forget_gaps"], timedelta(days=retention.journal_days))


async def remember_instance(pool: Pool, url: str) -> None:
    """Store the org's address, from which the view `isthmus.record_state` makes links to records."""
    async with pool.session() as session:
        await session.execute(Purpose.ADMIN, QUERIES["set_setting"], "instance_url", url.rstrip("/"))
