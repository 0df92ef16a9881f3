"""What operators look up."""

from datetime import UTC, datetime

import pytest

from adapters.postgres.inspection import PostgresInspection
from daemon.domain.failure import UsageError
from daemon.domain.side import Direction
from daemon.ports.database import Inspection
from tests.integration.postgres.world import World

FILL = """
INSERT INTO isthmus.link (step, object, sf_id, pg_table, pg_key, state, origin, base)
SELECT 'people', 'Contact', 'c' || n, 'crm.people', n::text, 'linked', 'created', '{}' FROM generate_series(1, 7) AS n;
INSERT INTO isthmus.change (step, side, kind, source, at, sf_id, key, state, code, reason, advice, since) VALUES
    ('people', 'salesforce', 'update', 'stream', '2024-01-01Z', 'c1', NULL, 'pending', NULL, NULL, NULL, '2024-02-01Z'),
    ('people', 'salesforce', 'update', 'stream', '2024-01-02Z', 'c1', NULL, 'sent', NULL, NULL, NULL, '2024-02-01Z'),
    ('people', 'postgres', 'update', 'trigger', '2024-01-03Z', NULL, '2', 'held', NULL, NULL, NULL, '2024-02-01Z'),
    ('people', 'postgres', 'update', 'trigger', '2024-01-03Z', NULL, '3', 'parked', 'A', 'duplicate: of: 7', 'merge', '2024-02-01Z'),
    ('people', 'postgres', 'update', 'trigger', '2024-01-03Z', NULL, '4', 'parked', 'B', 'strange', NULL, '2024-02-02Z'),
    ('deals', 'postgres', 'update', 'trigger', '2024-01-03Z', NULL, '4', 'parked', 'B', NULL, NULL, '2024-02-02Z');
INSERT INTO isthmus.conflict (step, sf_id, key, at, kind, field, rule, winner, base, salesforce, postgres)
VALUES ('people', 'c1', '1', now(), 'conflict', 'f', 'manual', NULL, 'null', '"a"', '["b"]'),
    ('people', 'c1', '1', now(), 'conflict', 'f', 'newest', 'postgres', 'null', '"a"', '"b"');
INSERT INTO isthmus.job (kind, step, state, processed, expected) VALUES ('first_load', 'people', 'running', 5, 9);
INSERT INTO isthmus.journal (at, step, sf_id, key, source, direction, operation, outcome, detail)
SELECT now(), 'people', CASE WHEN n < 4 THEN 'c1' END, '1', 'stream', 'pull', 'update', 'apply', jsonb_build_object('n', n)
FROM generate_series(1, 5) AS n;
"""


@pytest.fixture
async def inspection(world: World) -> Inspection:
    await world.app.execute(FILL)
    return PostgresInspection(world.pool)


async def test_the_steps_in_numbers(inspection: Inspection) -> None:
    counts = await inspection.counts()
    people = counts["people"]
    assert people.links == 7
    assert people.pending == {"pull": 2}
    assert people.oldest_pending == {"pull": datetime(2024, 1, 1, tzinfo=UTC)}
    assert people.parked == {("push", "duplicate"): 1, ("push", "other"): 1}
    assert people.oldest_parked == datetime(2024, 2, 1, tzinfo=UTC)
    assert (people.held, people.conflicts_open) == (1, 1)
    assert (people.first_load, people.processed, people.expected) == ("running", 5, 9)
    assert counts["deals"].parked == {("push", "other"): 1}


async def test_parked_changes_page_by_page(inspection: Inspection) -> None:
    first = await inspection.parked(limit=2)
    assert [item["step"] for item in first.items] == ["deals", "people"]
    second = await inspection.parked(limit=2, cursor=first.next)
    assert second.next is None
    (oldest,) = second.items
    assert (oldest["reason"], oldest["message"], oldest["advice"]) == ("duplicate", "of: 7", "merge")
    assert oldest["direction"] == "push"
    assert [i["id"] for i in (await inspection.parked(ids=[oldest["id"]])).items] == [oldest["id"]]
    assert [i["step"] for i in (await inspection.parked(step="people", code="B")).items] == ["people"]
    for cursor in ("x'; --", str(2**63), "9" * 5000):
        with pytest.raises(UsageError):
            await inspection.parked(cursor=cursor)


async def test_links_by_either_side(inspection: Inspection) -> None:
    page = await inspection.links(limit=3)
    assert [item["sf_id"] for item in page.items] == ["c7", "c6", "c5"]
    assert [item["key"] for item in (await inspection.links(sf_id="c2")).items] == ["2"]
    assert [item["sf_id"] for item in (await inspection.links(key="3", step="people")).items] == ["c3"]
    assert (await inspection.links(key="3", sf_id="c2")).items == ()


async def test_the_ledger_and_the_history(inspection: Inspection) -> None:
    newest, oldest = (await inspection.conflicts(step="people")).items
    assert (newest["winner"], oldest["winner"], oldest["postgres"]) == ("postgres", None, ["b"])
    history = await inspection.history("people", sf_id="c1", key="1", limit=4)
    assert [item["detail"]["n"] for item in history.items] == [5, 4, 3, 2]
    assert len((await inspection.history("people", sf_id="c1", key=None)).items) == 3
    assert (await inspection.history("deals", sf_id="c1", key="1")).items == ()


async def test_the_journal_of_all_and_of_one_record(inspection: Inspection) -> None:
    first = await inspection.log(limit=3)
    assert [item["detail"]["n"] for item in first.items] == [5, 4, 3]
    rest = await inspection.log(limit=3, cursor=first.next)
    assert [item["detail"]["n"] for item in rest.items] == [2, 1]
    assert rest.next is None
    assert len((await inspection.log(step="people", record="c1")).items) == 3
    assert len((await inspection.log(record="1")).items) == 5
    assert (await inspection.log(step="deals")).items == ()


async def test_a_page_of_one_way_is_full_as_long_as_there_is_more(
    inspection: Inspection, world: World
) -> None:
    await world.app.execute(
        "INSERT INTO isthmus.journal (at, step, key, source, direction, operation, outcome, detail)"
        " SELECT now(), 'people', '1', 'trigger', way, 'update', 'apply', jsonb_build_object('n', n)"
        " FROM generate_series(6, 9) AS n, unnest(ARRAY['push', 'pull', 'none']) AS way ORDER BY n, way"
    )
    for way, count in ((Direction.PUSH, 8), (Direction.PULL, 13)):
        first = await inspection.log(step="people", way=way, limit=7)
        rest = await inspection.log(step="people", way=way, limit=7, cursor=first.next)
        assert (len(first.items), len(rest.items), rest.next) == (7, count - 7, None)
        assert {item["direction"] for item in (*first.items, *rest.items)} == {way.value, "none"}
    assert [item["key"] for item in (await inspection.parked(step="people", way=Direction.PUSH)).items] == [
        "4",
        "3",
    ]
    assert (await inspection.parked(step="people", way=Direction.PULL)).items == ()


async def test_a_retry_makes_parked_changes_pending_and_is_recorded(
    inspection: Inspection, world: World
) -> None:
    assert await inspection.retry(step="people", way=Direction.PULL, code="A", operator="ann") == 0
    assert await inspection.retry(step="people", way=Direction.PUSH, code="A", operator="ann") == 1
    assert "3" in [change.key for change in await world.store.pending(10)]
    (deal,) = (await inspection.parked(step="deals")).items
    assert await inspection.retry(ids=[deal["id"]], operator="ann") == 1
    assert await inspection.retry(operator="ann") == 1
    assert (await inspection.parked()).items == ()
    await inspection.audit(operator="bob", action="pause", request={"step": "people"}, outcome="done")
    acts = await world.app.fetch("SELECT operator, action, outcome FROM isthmus.command ORDER BY id")
    assert [tuple(act) for act in acts[:2]] == [
        ("ann", "retry", "0 made pending"),
        ("ann", "retry", "1 made pending"),
    ]
    assert len(acts) == 5
