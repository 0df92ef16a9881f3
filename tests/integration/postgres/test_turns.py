"""Taking up changes by turns: a transaction of many rows keeps nobody waiting, and a look costs the same however many wait."""

import json

import pytest

from adapters.postgres.queries import QUERIES
from adapters.postgres.session import Purpose
from tests.integration.postgres.world import World

MANY = 20_000
SMALL = 20
LIMIT = 200

VACUUM = "VACUUM isthmus.change"
"""As the server does it by itself between two transactions: it then knows that the queue is empty."""

_TUPLES_READ = """
SELECT sum(pg_stat_get_xact_tuples_returned(r)) FROM (
    SELECT 'isthmus.change'::regclass::oid UNION ALL
    SELECT indexrelid FROM pg_index WHERE indrelid = 'isthmus.change'::regclass
) AS relations (r)
"""


async def _one_large_and_some_small(world: World) -> None:
    await world.app.execute(
        f"INSERT INTO crm.people (id, email) SELECT n, 'large ' || n FROM generate_series(1, {MANY}) AS n"
    )
    for number in range(MANY + 1, MANY + SMALL + 1):
        await world.app.execute("INSERT INTO crm.people (id) VALUES ($1)", number)


async def test_small_changes_are_in_the_first_claim_after_a_large_transaction(world: World) -> None:
    await _one_large_and_some_small(world)
    claimed = await world.store.pending(LIMIT)
    keys = [int(change.key or 0) for change in claimed]
    assert len(keys) == LIMIT
    assert keys == sorted(keys)
    assert keys[-SMALL:] == list(range(MANY + 1, MANY + SMALL + 1))
    assert keys[:-SMALL] == list(range(1, LIMIT - SMALL + 1))


async def test_a_small_change_waits_for_an_older_one_of_its_record_alone(world: World) -> None:
    await _one_large_and_some_small(world)
    await world.app.execute("UPDATE crm.people SET email = 'later' WHERE id = $1", MANY)
    await world.app.execute("UPDATE crm.people SET id = 500000 WHERE id = $1", MANY - 1)
    await world.app.execute("UPDATE crm.people SET email = 'too' WHERE id = $1", 1)
    kinds = [(change.kind.value, change.key) for change in await world.store.pending(LIMIT)]
    assert {("update", str(MANY)), ("rekey", "500000"), ("update", "1")}.isdisjoint(kinds)
    assert ("create", "1") in kinds


@pytest.mark.parametrize("known", [False, True])
async def test_a_claim_reads_little_whatever_the_planner_knows(world: World, known: bool) -> None:
    await _one_large_and_some_small(world)
    if known:  # that nearly all of it is one transaction, so that an index on it seems to tell nothing
        await world.app.execute("ANALYZE isthmus.change")
    async with world.app.transaction():
        before = await world.app.fetchval(_TUPLES_READ)
        assert len(await world.app.fetch(QUERIES["changes_pending"], LIMIT)) == LIMIT
        read = await world.app.fetchval(_TUPLES_READ) - before
    assert LIMIT <= read < 10 * LIMIT, json.dumps({"read": int(read)})


async def test_a_plan_made_while_nothing_waited_is_not_kept_for_a_large_transaction(world: World) -> None:
    await world.app.execute(VACUUM)
    async with world.pool.session() as session:
        for _ in range(10):  # after five, a server that may would keep the plan
            assert await session.fetch(Purpose.CAPTURE, QUERIES["changes_pending"], LIMIT) == []
        await _one_large_and_some_small(world)
        async with session.transaction():
            before = await session.value(Purpose.ADMIN, _TUPLES_READ)
            assert len(await session.fetch(Purpose.CAPTURE, QUERIES["changes_pending"], LIMIT)) == LIMIT
            read = await session.value(Purpose.ADMIN, _TUPLES_READ) - before
    assert LIMIT <= read < 10 * LIMIT
