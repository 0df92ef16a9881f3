"""Migrations: applied once, by one of many, never over an edited one; the schema's parts do what they say."""

import asyncio
from datetime import timedelta

import asyncpg
import pytest

from adapters.postgres import queries
from adapters.postgres.database import PostgresDatabase
from adapters.postgres.housekeeping import Retention, keep_house, remember_instance
from adapters.postgres.pool import Pool
from adapters.postgres.session import Purpose
from daemon.domain.failure import ConfigurationError, TryLaterError, UnreachableError
from daemon.ports.database import Database
from tests.integration.postgres.conftest import connector_to
from tests.integration.postgres.world import PEOPLE, World

NEWEST = queries.migrations()[-1][0]


async def test_a_fresh_database_is_migrated_once(database: str) -> None:
    async with Pool(connector_to(database)) as pool:
        db: Database = PostgresDatabase(pool)
        assert await db.schema_version() == (0, NEWEST)
        assert [number for number, _, _ in await db.migration_plan()] == list(range(1, NEWEST + 1))
        assert await db.migrate() == list(range(1, NEWEST + 1))
        assert await db.migration_plan() == []
        assert await db.migrate() == []
        assert await db.schema_version() == (NEWEST, NEWEST)


async def test_four_at_once_apply_each_migration_once(database: str) -> None:
    async with Pool(connector_to(database)) as pool:
        db = PostgresDatabase(pool)
        done = await asyncio.gather(*(db.migrate() for _ in range(4)))
    assert sorted(number for numbers in done for number in numbers) == list(range(1, NEWEST + 1))


async def test_an_edited_migration_is_refused(world: World) -> None:
    await world.app.execute("UPDATE isthmus.schema_migration SET checksum = 'other' WHERE number = 1")
    with pytest.raises(ConfigurationError) as raised:
        await world.database.migrate()
    assert len(raised.value.lines()) == 3


async def test_a_migration_does_not_wait_for_ever_for_a_lock(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await world.app.execute("DELETE FROM isthmus.schema_migration WHERE number = 2")
    await world.app.execute("DROP FUNCTION isthmus.journal_partition, isthmus.journal_forget")
    transaction = world.app.transaction()
    await transaction.start()
    await world.app.execute("LOCK isthmus.schema_migration IN ACCESS EXCLUSIVE MODE")
    monkeypatch.setattr("adapters.postgres.pool.PoolSettings.parameters", lambda *_: {"lock_timeout": "50"})
    async with Pool(connector_to(world.dsn)) as pool:
        with pytest.raises(TryLaterError):
            await PostgresDatabase(pool).migrate()
    await transaction.rollback()


async def test_nobody_else_may_execute_our_functions(world: World) -> None:
    open_to_all = await world.app.fetch(
        "SELECT proname FROM pg_proc WHERE pronamespace = 'isthmus'::regnamespace AND has_function_privilege('public', oid, 'EXECUTE')"
    )
    assert open_to_all == []


async def test_an_unreachable_server_is_told_in_three_lines(tmp_path: object) -> None:
    async with Pool(connector_to(f"postgresql://nobody@/none?host={tmp_path}")) as pool:
        with pytest.raises(UnreachableError):
            await PostgresDatabase(pool).facts()


async def test_the_server_and_a_table_describe_themselves(world: World) -> None:
    facts = await world.database.facts()
    assert facts.user == "postgres"
    assert not facts.tls
    table = await world.database.table("crm.people")
    assert table is not None
    assert (table.schema, table.name, table.kind, table.key) == ("crm", "people", "table", ("id",))
    assert table.columns["score"].type == "numeric(8,2)"
    assert table.columns["tags"].type == "text[]"
    assert not table.columns["name"].nullable
    assert table.columns["id"].default
    assert not table.columns["id"].generated
    assert table.unique == {("id",), ("email",)}
    odd = await world.database.table('crm.Odd "Table')
    assert odd is not None
    assert odd.key == ("Part A", "part.b")
    assert await world.database.table("crm.nothing") is None
    await world.app.execute(
        "CREATE TABLE public.plain (a int PRIMARY KEY, b int GENERATED ALWAYS AS (a + 1) STORED)"
    )
    await world.app.execute("CREATE VIEW crm.seen AS SELECT count(*) FROM crm.people")
    plain = await world.database.table("plain")
    assert plain is not None
    assert plain.columns["b"].generated
    view = await world.database.table("crm.seen")
    assert view is not None
    assert (view.kind, view.insertable, view.deletable) == ("view", False, False)


async def test_housekeeping_forgets_what_is_past_its_time(world: World) -> None:
    await world.app.execute(
        """
        INSERT INTO isthmus.journal (at, step, source, direction, operation, outcome, detail)
        SELECT now() - make_interval(days => d), 's', 's', 'pull', 'update', 'apply', '{}' FROM generate_series(0, 400, 50) AS d;
        INSERT INTO isthmus.link (step, object, sf_id, pg_table, pg_key, state, origin, base, updated_at)
        VALUES ('s', 'o', 'old', 't', 'old', 'tombstone', 'created', '{}', now() - interval '31 days'),
            ('s', 'o', 'new', 't', 'new', 'tombstone', 'created', '{}', now() - interval '29 days'),
            ('s', 'o', 'live', 't', 'live', 'linked', 'created', '{}', now() - interval '99 days');
        CREATE TABLE isthmus.journal_20200101 PARTITION OF isthmus.journal FOR VALUES FROM ('2020-01-01Z') TO ('2020-01-02Z');
        """
    )
    await keep_house(world.pool, Retention())
    await keep_house(world.pool, Retention(tombstones=timedelta(days=30)))
    assert await world.app.fetchval("SELECT count(*) FROM isthmus.journal") == 2
    assert await world.app.fetchval("SELECT to_regclass('isthmus.journal_20200101')") is None
    kept = await world.app.fetch("SELECT sf_id FROM isthmus.link ORDER BY 1")
    assert [row["sf_id"] for row in kept] == ["live", "new"]


async def test_a_partition_whose_rows_came_early_is_left_to_the_default(world: World) -> None:
    await world.app.execute(
        "INSERT INTO isthmus.journal (at, step, source, direction, operation, outcome, detail)"
        " VALUES ('2090-01-01Z', 's', 's', 'pull', 'update', 'apply', '{}')"
    )
    make = "SELECT isthmus.journal_partition($1::text::date)"
    assert await world.app.fetchval(make, "2090-01-01") is False
    assert await world.app.fetchval(make, "2090-01-02") is True
    assert await world.app.fetchval(make, "2090-01-02") is False


@pytest.fixture
async def ten_thousand(world: World) -> World:
    await world.app.execute(
        """
        INSERT INTO isthmus.link (step, object, sf_id, pg_table, pg_key, state, origin, base)
        SELECT 'people', 'Contact', '003' || n, 'crm.people', n::text, 'linked', 'created', '{}' FROM generate_series(1, 10000) AS n;
        INSERT INTO isthmus.change (step, side, kind, source, at, sf_id, key, due, state)
        SELECT 'people', 'postgres', 'update', 'trigger', now(), '003' || n, n::text,
            CASE WHEN n % 2 = 0 THEN now() + interval '1 day' END, CASE WHEN n % 10 = 1 THEN 'pending' ELSE 'held' END
        FROM generate_series(1, 10000) AS n;
        ANALYZE isthmus.link, isthmus.change;
        """
    )
    return world


@pytest.mark.parametrize(
    ("query", "arguments", "index"),
    [
        ("links_of_records", (["0031", "0032"],), "link_one_record"),
        ("links_of_rows", ("crm.people", ["1", "2"]), "link_one_row"),
        ("changes_pending", (100,), "change_pkey"),
        ("changes_of_rows", ("people", ["1", "2"]), "change_row"),
        ("unsettled_records", (["0031", "0032"],), "change_record"),
        ("settle", ([1, 2],), "change_pkey"),
        ("settle_rows", ("people", ["1"], 5), "change_row"),
        ("settle_records", (["0031"], [5]), "change_record"),
        ("unread_records", ("people", ["0031", "0032"]), "change_record"),
        ("unread_records", ("people", ["0031", "0032"]), "change_rereads"),
        ("release_waiting", (["x"],), "change_waiting"),
    ],
)
async def test_hot_queries_keep_their_index(
    ten_thousand: World, query: str, arguments: tuple[object, ...], index: str
) -> None:
    connection = ten_thousand.app
    for mode in ("force_custom_plan", "force_generic_plan"):
        await connection.execute(f"SET plan_cache_mode = {mode}")
        lines = await connection.fetch(f"EXPLAIN {queries.QUERIES[query]}", *arguments)
        plan = "\n".join(line[0] for line in lines)
        assert index in plan
        assert "Seq Scan" not in plan


async def test_one_records_state_is_found_by_index(ten_thousand: World) -> None:
    lines = await ten_thousand.app.fetch("EXPLAIN SELECT * FROM isthmus.record_state WHERE sf_id = '00377'")
    plan = "\n".join(line[0] for line in lines)
    assert "Seq Scan on link" not in plan
    assert "Seq Scan on change" not in plan


async def test_writing_rows_by_key_uses_the_tables_index(ten_thousand: World) -> None:
    await ten_thousand.app.execute(
        "INSERT INTO crm.people (id, email) SELECT n, 'e' || n FROM generate_series(20001, 30000) AS n; ANALYZE crm.people"
    )
    async with ten_thousand.store.begin() as unit:
        sql = await unit._tables.of(unit._session, PEOPLE)  # type: ignore[attr-defined]
    for statement, arguments in (
        (sql.select, (["1"],)),
        (sql.update(("name",)), (["1"], ["x"])),
        (sql.delete, (["1"],)),
        (sql.search(PEOPLE.identify[0], ["a"]).sql, (["a"],)),
    ):
        lines = await ten_thousand.app.fetch(f"EXPLAIN {statement}", *arguments)
        assert "Seq Scan on people" not in "\n".join(line[0] for line in lines)


@pytest.mark.requirement("S1-73", "S1-74")
async def test_the_public_view_tells_each_records_state(world: World) -> None:
    await remember_instance(world.pool, "https://x.my.salesforce.com/")
    await world.app.execute(
        """
        INSERT INTO isthmus.link (step, object, sf_id, pg_table, pg_key, state, origin, base)
        SELECT 'people', 'Contact', 'c' || n, 'crm.people', n::text, s, 'created', '{}'
        FROM unnest(ARRAY['linked', 'linked', 'linked', 'linked', 'broken', 'tombstone']) WITH ORDINALITY AS l (s, n);
        INSERT INTO isthmus.change (step, side, kind, source, at, sf_id, key, state, reason, waiting_for) VALUES
            ('people', 'salesforce', 'update', 'stream', now(), 'c2', NULL, 'parked', 'duplicate: of 7', NULL),
            ('people', 'postgres', 'update', 'trigger', now(), NULL, '3', 'held', NULL, 'companies:1'),
            ('people', 'postgres', 'create', 'trigger', now(), NULL, '99', 'pending', NULL, NULL);
        INSERT INTO isthmus.conflict (step, sf_id, key, at, kind, field, rule, base, salesforce, postgres)
        VALUES ('people', 'c4', '4', now(), 'conflict', 'f', 'manual', 'null', 'null', 'null');
        INSERT INTO isthmus.journal (at, step, sf_id, source, direction, operation, outcome, code, detail) VALUES
            (now(), 'people', 'c8', 'stream', 'pull', 'create', 'skip', 'no_match', '{}'),
            (now(), 'people', 'c1', 'stream', 'pull', 'create', 'skip', 'no_match', '{}');
        """
    )
    rows = await world.app.fetch("SELECT * FROM isthmus.record_state")
    assert {(r["sf_id"], r["key"]): (r["state"], r["reason"]) for r in rows} == {
        ("c1", "1"): ("synced", None),
        ("c2", "2"): ("parked", "duplicate: of 7"),
        ("c3", "3"): ("waiting", "companies:1"),
        ("c4", "4"): ("conflict", None),
        ("c5", "5"): ("skipped", "broken"),
        (None, "99"): ("waiting", None),
        ("c8", None): ("skipped", "no_match"),
    }
    assert {r["salesforce_url"] for r in rows if r["sf_id"] == "c1"} == {"https://x.my.salesforce.com/c1"}


async def test_one_who_may_not_make_a_schema_is_told_so(database: str) -> None:
    admin = await asyncpg.connect(database)
    await admin.execute("CREATE ROLE isthmus_poor LOGIN")
    try:
        async with Pool(connector_to(database.replace("postgres@", "isthmus_poor@"))) as pool:
            with pytest.raises(Exception, match="cannot be migrated") as raised:
                await PostgresDatabase(pool).migrate()
        assert type(raised.value).__name__ == "AccessError"
    finally:
        await admin.execute("DROP ROLE isthmus_poor")
        await admin.close()


async def test_a_migration_may_take_longer_than_a_statement_of_the_daemon(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with Pool(connector_to(database)) as pool:
        await PostgresDatabase(pool).migrate()
    long = [*queries.migrations(), (NEWEST + 1, "long", "SELECT pg_sleep(0.5)")]
    monkeypatch.setattr("adapters.postgres.migrate.migrations", lambda: long)
    connector = connector_to(database)
    connector.arguments["command_timeout"] = 0.3
    monkeypatch.setattr(
        "adapters.postgres.pool.PoolSettings.parameters", lambda *_: {"statement_timeout": "200"}
    )
    async with Pool(connector) as pool:
        assert await PostgresDatabase(pool).migrate() == [NEWEST + 1]
        async with pool.session() as session:
            assert await session.value(Purpose.ADMIN, "SHOW statement_timeout") == "200ms"
