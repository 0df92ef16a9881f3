"""Differences that nothing told of, planted into pairs at rest: one cycle of the rolling audit has to find them all, and nothing else."""

import itertools
from dataclasses import replace

from daemon.flow.auditing.rolling import RollingAudit
from tests.prove.figure import Seen, Stage
from tests.support.road import Road, open_road, shift
from tests.support.road_steps import COMPANIES

PAIRS, ONE_IN = 20_000, 10_000
_AT_ONCE = 5_000


async def planted_drift(stage: Stage) -> Seen:
    """One in so many pairs on either side, one cycle, and then whether both sides agree again."""
    pairs, one_in = stage.size((PAIRS, ONE_IN), (200, 100))
    databases = stage.databases()
    async with open_road(databases, stage.room("world"), stage.room("keys"), COMPANIES) as road:
        for start in range(0, pairs, _AT_ONCE):
            await _pairs(road, start, min(_AT_ONCE, pairs - start))
            stage.progress(start, pairs)
        planted = await _plant(road, pairs // one_in)
        found = await _cycle(road)
        await road.settle()
        mended = sum([await _agrees(road, sf_id) for sf_id in planted])
        again = await _cycle(road)
    figure = (
        f"{found} of {len(planted)} planted among {pairs:,} pairs found in one cycle, {mended} mended; "
        f"{again} found in the next"
    )
    return Seen(figure, found == mended == len(planted) and not again)


async def _pairs(road: Road, start: int, count: int) -> None:
    await road.app.execute(
        """
        INSERT INTO app.company (name, phone, ext_id)
        SELECT 'C' || n, '1', 'e' || n FROM generate_series($1::int, $1::int + $2::int - 1) AS n
        """,
        start,
        count,
    )
    await road.settle()


async def _plant(road: Road, each: int) -> list[str]:
    """Edits that capture does not see, and edits whose events never come; the records of both."""
    links = await road.links()
    chosen = links[:: max(1, len(links) // (2 * each))][: 2 * each]
    for link in chosen[:each]:
        await road.app.execute("SET session_replication_role = replica")
        await road.app.execute("UPDATE app.company SET phone = 'drift' WHERE id::text = $1", link.key)
        await road.app.execute("SET session_replication_role = origin")
    for link in chosen[each:]:
        road.org.update("Account", link.sf_id, {"Phone": "drift"})
    await road.miss()
    return [link.sf_id for link in chosen]


async def _cycle(road: Road) -> int:
    """One cycle of a fresh process's audit, a minute later, when every event would have come; how much it found."""
    shift(road, 60)
    road.parts.skew.salesforce += 60
    numbers = itertools.count()
    parts = replace(road.parts, new_id=lambda: f"lone-{next(numbers)}")
    state = await RollingAudit(parts, road.comparisons).cycle(COMPANIES)
    return sum(state.found.values())


async def _agrees(road: Road, sf_id: str) -> bool:
    """Whether the planted value is on both sides now."""
    rows = await road.app.fetch(
        "SELECT c.phone FROM app.company AS c JOIN isthmus.link AS l ON l.pg_key = c.id::text WHERE l.sf_id = $1",
        sf_id,
    )
    return {road.record("Account", sf_id)["Phone"], rows[0]["phone"]} == {"drift"}
