"""Migrations of the schema `isthmus`: numbered files, each applied once, in order, in its own transaction.

Two commands at the same time wait for each other on an advisory lock; each migration then looks again at what is applied.
The checksum of an applied file is kept, because a migration that was edited afterwards means two databases that differ.
"""

import hashlib
from collections.abc import Sequence

from adapters.postgres.queries import QUERIES, migrations
from adapters.postgres.session import Purpose, Session
from daemon.domain.failure import ConfigurationError
from daemon.ports.failpoints import NO_FAILPOINTS, Failpoint, Failpoints

DAYS_AHEAD = 7
"""For how many days from now on the journal has partitions."""

LONGEST_SECONDS = 6 * 3600.0
"""How long one migration may take: a table of ten million rows is rewritten in minutes. The bound for locks stays the pool's."""


async def applied(session: Session) -> dict[int, str]:
    """The applied migrations by number, with their checksums; empty where our schema does not exist."""
    if not await session.value(Purpose.ADMIN, QUERIES["migration_table"]):
        return {}
    rows = await session.fetch(Purpose.ADMIN, QUERIES["migrations_applied"])
    return {row["number"]: row["checksum"] for row in rows}


async def versions(session: Session) -> tuple[int, int]:
    """The applied and the newest migration."""
    return max(await applied(session), default=0), migrations()[-1][0]


async def missing(session: Session) -> list[tuple[int, str, str]]:
    """Migrations that are not applied: number, name and SQL. Raises ConfigurationError if an applied one was edited."""
    present = await applied(session)
    for number, name, sql in migrations():
        if number in present and present[number] != checksum(sql):
            raise ConfigurationError(
                f"migration {number} ({name}) is not the one that this database was made with",
                "its checksum differs from the stored one",
                "install the release that made the schema, or one that is newer than both",
            )
    return [migration for migration in migrations() if migration[0] not in present]


async def migrate(session: Session, failpoints: Failpoints = NO_FAILPOINTS) -> Sequence[int]:
    """Apply what is missing; the numbers applied. A failure leaves those before it applied."""
    done = []
    if await missing(session):
        async with session.transaction():
            await session.value(Purpose.ADMIN, QUERIES["migration_lock"])
            await session.execute(Purpose.ADMIN, QUERIES["migration_prepare"])
    for number, name, sql in await missing(session):
        async with session.transaction():
            await session.value(Purpose.ADMIN, QUERIES["migration_lock"])
            if number in await applied(session):
                continue
            await session.execute(Purpose.ADMIN, "SET LOCAL statement_timeout = 0")
            await session.execute(Purpose.ADMIN, sql, within=LONGEST_SECONDS)
            await session.execute(Purpose.ADMIN, QUERIES["migration_record"], number, name, checksum(sql))
            done.append(number)
        await failpoints.reach(Failpoint.BETWEEN_STATEMENTS)
    await session.fetch(Purpose.ADMIN, QUERIES["make_partitions"], DAYS_AHEAD)
    return done


def checksum(sql: str) -> str:
    """What identifies the text of a migration."""
    return hashlib.sha256(sql.encode()).hexdigest()
