"""Conditions on rows: tried before they are used, and judged where the rows are read."""

from dataclasses import replace

import pytest

from daemon.domain.filter import Filter
from daemon.domain.mapping import Step
from tests.integration.postgres.world import ODD, PEOPLE, World


def judged(condition: str, step: Step = PEOPLE, columns: tuple[str, ...] = ()) -> Step:
    return replace(step, push_filter=Filter(condition, columns))


@pytest.mark.parametrize(
    ("condition", "said"),
    [
        ("nope = 1", 'column "nope" does not exist'),
        ("score", "must be type boolean"),
        ("score = 'much'", "invalid input syntax"),
        ("score >", "syntax error"),
        ("random() < 0.5", "random"),
        ("nextval('crm.people_id_seq') > 0", "nextval"),
        ("id IN (SELECT id FROM crm.nowhere)", "does not exist"),
        ("count(*) > 1", "aggregate functions are not allowed"),
    ],
)
async def test_what_is_no_condition_that_only_looks_is_told(world: World, condition: str, said: str) -> None:
    fault = await world.database.condition_fault(judged(condition))
    assert fault is not None
    assert said in fault


async def test_a_condition_is_one_statement_and_no_more(world: World) -> None:
    await world.app.execute("INSERT INTO crm.people (id, email) VALUES (1, 'a@x')")
    several = "true)); COMMIT; DELETE FROM crm.people; SELECT ((true"
    fault = await world.database.condition_fault(judged(several))
    assert fault is not None
    assert "multiple commands" in fault
    assert await world.app.fetchval("SELECT count(*) FROM crm.people") == 1


@pytest.mark.parametrize(
    "condition",
    [
        "score > 5 -- more than five",
        "updated_at > now() - interval '30 days'",
        "people.email ILIKE '%@example.com'",
        "EXISTS (SELECT FROM crm.people AS p WHERE p.id = people.id)",
    ],
)
async def test_what_is_one_leaves_nothing_behind(world: World, condition: str) -> None:
    assert await world.database.condition_fault(judged(condition)) is None
    assert await world.app.fetchval("SELECT count(*) FROM pg_class WHERE relname = 'isthmus_condition'") == 0


async def test_a_row_says_whether_it_is_meant_and_unknown_is_no(world: World) -> None:
    await world.app.execute(
        "INSERT INTO crm.people (id, email, score) VALUES (1, 'a@x', 6), (2, 'b@x', 4), (3, 'c@x', NULL)"
    )
    async with world.store.begin() as unit:
        rows = await unit.rows(judged("score > 5"), ["1", "2", "3"])
        plain = await unit.rows(PEOPLE, ["2"])
    assert {key: row.eligible for key, row in rows.items()} == {"1": True, "2": False, "3": False}
    assert plain["2"].eligible
    assert rows["1"].values == {**plain["2"].values, "email": "a@x", "score": "6.00", "updated_at": None}


async def test_names_of_the_statement_around_are_no_columns(world: World) -> None:
    await world.app.execute("""INSERT INTO crm."Odd ""Table" VALUES ('a', 1, 'x', 'y'), ('b', 2, 'z', 'y')""")
    odd = judged(""""part.b" = 1 AND "Odd ""Table"."$isthmus$" = 'y'""", ODD)
    async with world.store.begin() as unit:
        rows = await unit.rows(odd, ['["a", "1"]', '["b", "2"]'])
    assert sorted(row.eligible for row in rows.values()) == [False, True]
    assert await world.database.condition_fault(judged("k0 = 'a'", ODD)) is not None


async def test_rows_that_are_not_meant_are_neither_enqueued_nor_missed(world: World) -> None:
    await world.app.execute("INSERT INTO crm.people (id, email, score) VALUES (1, 'a@x', 6), (2, 'b@x', 4)")
    await world.clear_changes()
    assert await world.store.enqueue_unlinked(judged("score > 5"), 10) == 1
    [change] = await world.changes()
    assert change["key"] == "1"


async def test_a_column_that_only_the_filter_looks_at_is_captured(world: World) -> None:
    step = judged("unmapped = 'x'", columns=("unmapped",))
    step = replace(step, table=replace(step.table, types={**step.table.types, "unmapped": "text"}))
    await world.database.capture_install([step, ODD])
    await world.app.execute("INSERT INTO crm.people (id, email) VALUES (1, 'a@x')")
    await world.clear_changes()
    await world.app.execute("UPDATE crm.people SET unmapped = 'x'")
    [change] = await world.changes()
    assert (change["kind"], change["new"]) == ("update", '{"unmapped": "x"}')
