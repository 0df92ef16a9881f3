"""Links, changes, journal and ledger: everything of one transaction together, or nothing of it."""

from datetime import UTC, datetime, timedelta

import pytest

from adapters.postgres.kept import KeptFacts
from daemon.domain.failure import CallFailedError, FailureKind
from daemon.ports.store import JournalEntry
from tests.integration.postgres.world import World
from tests.support.stored import AT, event


async def test_the_tally_of_links_survives_being_compacted(world: World) -> None:
    await world.app.execute("SELECT setseed(0.42)")  # compaction is drawn by lot
    for n in range(400):
        await world.app.execute(
            "INSERT INTO isthmus.link (step, object, sf_id, pg_table, pg_key, state, origin, base)"
            " VALUES ('s', 'o', $1, 't', $1, 'linked', 'created', '{}')",
            str(n),
        )
    rows, total = await world.app.fetchrow("SELECT count(*), sum(linked) FROM isthmus.link_tally")  # type: ignore[misc]
    assert total == 400
    assert rows < 400


async def test_a_hostile_value_can_be_stored(world: World) -> None:
    async with world.store.begin() as unit:
        await unit.store_changes([event(1, values={"a\0": "x\0y\ud800z", "b": ["\0"]}, reason="\0")])
    (change,) = await world.store.pending(1)
    assert change.values == {"a\ufffd": "x\ufffdy\ufffdz", "b": ["\ufffd"]}


def entry(operation: str, at: datetime = AT, outcome: str = "apply") -> JournalEntry:
    return JournalEntry(
        at, "people", "003x", "1", "stream", "pull", operation, outcome, None, {"verdicts": [("a", None)]}
    )


async def test_the_journal_counts_deletes_and_takes_any_day(world: World) -> None:
    today = datetime.now(UTC)
    async with world.store.begin() as unit:
        await unit.journal([entry("delete", today), entry("delete", AT), entry("update", today)])
        await unit.journal([entry("delete", today, outcome="park")])
        assert await unit.deletes_since("people", today - timedelta(minutes=10)) == 1
        assert await unit.deletes_since("people", AT) == 2
    parts = await world.app.fetch("SELECT tableoid::regclass::text AS part FROM isthmus.journal ORDER BY at")
    assert parts[0]["part"] == "isthmus.journal_default"
    assert parts[-1]["part"] == f"isthmus.journal_{today:%Y%m%d}"


async def test_a_lost_connection_is_a_transient_failure_and_the_next_block_works(world: World) -> None:
    with pytest.raises(CallFailedError) as raised:  # noqa: PT012 - the block ends with the transaction
        async with world.store.begin() as unit:
            await world.app.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE application_name = 'isthmus' AND datname = current_database()"
            )
            await unit.store_changes([event(1)])
    assert raised.value.failure.kind is FailureKind.TRANSIENT
    async with world.store.begin() as unit:
        await unit.store_changes([event(2)])
    assert len(await world.store.pending(5)) == 1
    world.pool.sample()
    assert world.meter.gauges["isthmus_postgres_pool_limit", ()] == 8
    assert (
        sum(n for (name, _), n in world.meter.counts.items() if name == "isthmus_postgres_errors_total") == 1
    )


async def test_small_facts_are_kept_and_replaced(world: World) -> None:
    kept = KeptFacts(world.pool)
    assert await kept.get("token") is None
    await kept.put("token", "a")
    await kept.put("token", "b")
    assert await kept.get("token") == "b"
