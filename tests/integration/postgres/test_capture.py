"""Capture triggers: what an application does to a mapped table is written down, and never harmed by it."""

import asyncio
import json

import asyncpg
import pytest

from adapters.postgres.identifiers import key_text
from daemon.domain.plan import Operation
from daemon.ports.store import RowWrite
from tests.integration.postgres.world import ODD, PEOPLE, World


async def test_an_insert_is_a_create_with_every_column_and_an_id_for_the_far_side(world: World) -> None:
    await world.app.execute(
        "INSERT INTO crm.people (id, email, tags, seen_at) VALUES (1, 'a@b', ARRAY['x', NULL, 'y \"z'], '2024-01-01 00:00+02')"
    )
    (change,) = await world.changes()
    new = json.loads(change["new"])
    assert (change["kind"], change["key"], change["complete"]) == ("create", "1", True)
    assert new["email"] == "a@b"
    assert json.loads(new["tags"]) == ["x", None, 'y "z']
    assert new["seen_at"] == "2023-12-31 22:00:00+00"
    assert new["score"] is None
    assert len(change["external_id"]) == 36
    assert set(new) == set(PEOPLE.columns)


async def test_texts_do_not_depend_on_the_applications_settings(world: World) -> None:
    await world.app.execute(
        "SET timezone = 'Asia/Tokyo'; SET datestyle = 'German'; SET standard_conforming_strings = off"
    )
    await world.app.execute(
        "INSERT INTO crm.people (id, born, seen_at) VALUES (1, '2024-02-03', '2024-02-03 04:05:06.7+00')"
    )
    (change,) = await world.changes()
    new = json.loads(change["new"])
    assert (new["born"], new["seen_at"]) == ("2024-02-03", "2024-02-03 04:05:06.7+00")


async def test_an_update_holds_only_mapped_columns_that_changed(world: World) -> None:
    await world.app.execute("INSERT INTO crm.people (id, email, name, score) VALUES (1, 'a', 'Ann', 1)")
    await world.clear_changes()
    await world.app.execute(
        "UPDATE crm.people SET email = 'b', name = 'Ann', score = NULL, updated_at = '2024-01-01Z', unmapped = 'x'"
    )
    (change,) = await world.changes()
    assert change["kind"] == "update"
    assert json.loads(change["new"]) == {"email": "b", "score": None, "updated_at": "2024-01-01 00:00:00+00"}
    assert json.loads(change["old"]) == {"email": "a", "score": "1.00", "updated_at": None}


async def test_an_update_of_nothing_mapped_is_nothing(world: World) -> None:
    await world.app.execute("INSERT INTO crm.people (id, email) VALUES (1, 'a')")
    await world.clear_changes()
    await world.app.execute("UPDATE crm.people SET unmapped = 'x', updated_at = now(), email = email")
    assert await world.changes() == []


async def test_a_delete_holds_the_row(world: World) -> None:
    await world.app.execute("INSERT INTO crm.people (id, email) VALUES (1, 'a')")
    await world.clear_changes()
    await world.app.execute("DELETE FROM crm.people")
    (change,) = await world.changes()
    assert (change["kind"], change["key"]) == ("delete", "1")
    assert json.loads(change["old"])["email"] == "a"


async def test_a_truncate_is_one_parked_change_without_a_key(world: World) -> None:
    await world.app.execute("INSERT INTO crm.people (id) SELECT generate_series(1, 50)")
    await world.clear_changes()
    await world.app.execute("TRUNCATE crm.people")
    (change,) = await world.changes()
    assert (change["kind"], change["key"], change["state"], change["code"]) == (
        "delete",
        None,
        "parked",
        "truncate",
    )
    assert await world.store.pending(10) == []


async def test_on_conflict_captures_each_row_once_for_what_happened_to_it(world: World) -> None:
    await world.app.execute("INSERT INTO crm.people (id, email) VALUES (1, 'a')")
    await world.clear_changes()
    await world.app.execute(
        "INSERT INTO crm.people (id, email) VALUES (1, 'x'), (2, 'y') ON CONFLICT (id) DO UPDATE SET email = excluded.email"
    )
    assert {(c["kind"], c["key"]) for c in await world.changes()} == {("update", "1"), ("create", "2")}
    await world.clear_changes()
    await world.app.execute("INSERT INTO crm.people (id) VALUES (1) ON CONFLICT DO NOTHING")
    assert await world.changes() == []


async def test_a_changed_key_is_a_rekey_and_its_neighbours_are_updates(world: World) -> None:
    await world.app.execute(
        "INSERT INTO crm.people (id, email) SELECT n, 'p' || n FROM generate_series(1, 5) AS n"
    )
    await world.clear_changes()
    await world.app.execute(
        "UPDATE crm.people SET id = CASE WHEN id IN (2, 4) THEN id + 100 ELSE id END, score = id"
    )
    found = {(c["kind"], c["old_key"], c["key"]): json.loads(c["new"]) for c in await world.changes()}
    assert set(found) == {
        ("update", None, "1"),
        ("rekey", "2", "102"),
        ("update", None, "3"),
        ("rekey", "4", "104"),
        ("update", None, "5"),
    }
    assert found["rekey", "4", "104"] == {"score": "4.00"}


async def test_a_rolled_back_statement_leaves_nothing(world: World) -> None:
    transaction = world.app.transaction()
    await transaction.start()
    await world.app.execute("INSERT INTO crm.people (id) VALUES (1)")
    await transaction.rollback()
    assert await world.changes() == []


async def test_an_error_in_capture_never_reaches_the_application(world: World) -> None:
    await world.app.execute("ALTER TABLE isthmus.change ADD CONSTRAINT broken CHECK (key <> '13')")
    warnings: list[str] = []
    world.app.add_log_listener(lambda _, message: warnings.append(str(message)))
    await world.app.execute("INSERT INTO crm.people (id, email) VALUES (13, 'kept')")
    assert await world.app.fetchval("SELECT email FROM crm.people WHERE id = 13") == "kept"
    assert "could not capture" in warnings[0]
    fault = await world.app.fetchrow("SELECT step, operation, sqlstate FROM isthmus.capture_fault")
    assert fault is not None
    assert tuple(fault) == ("people", "INSERT", "23514")


async def test_the_application_survives_even_without_our_tables(world: World) -> None:
    await world.app.execute("DROP TABLE isthmus.change, isthmus.capture_fault CASCADE")
    await world.app.execute("INSERT INTO crm.people (id) VALUES (1)")
    assert await world.app.fetchval("SELECT count(*) FROM crm.people") == 1


async def test_a_dropped_column_does_not_stop_the_application(world: World) -> None:
    await world.app.execute("ALTER TABLE crm.people DROP COLUMN score")
    await world.app.execute("INSERT INTO crm.people (id) VALUES (1)")
    assert await world.app.fetchval("SELECT sqlstate FROM isthmus.capture_fault") == "42703"


async def test_two_writers_do_not_wait_for_each_other(world: World) -> None:
    other = await asyncpg.connect(world.dsn)
    try:
        first = world.app.transaction()
        await first.start()
        await world.app.execute("INSERT INTO crm.people (id) VALUES (1)")
        async with asyncio.timeout(5):  # the first is still open
            await other.execute("INSERT INTO crm.people (id) VALUES (2)")
        assert [c.key for c in await world.store.pending(10)] == ["2"]
        await first.commit()
        assert [c.key for c in await world.store.pending(10)] == ["1", "2"]
    finally:
        await other.close()


async def test_the_daemons_own_writes_are_not_captured_but_the_users_triggers_are(world: World) -> None:
    await world.app.execute(
        """
        CREATE TABLE crm.echo (id bigint);
        CREATE FUNCTION crm.also() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            UPDATE crm.people SET name = 'by trigger' WHERE id = new.id;
            RETURN NULL;
        END $$;
        CREATE TRIGGER also AFTER INSERT ON crm.people FOR EACH ROW WHEN (new.email = 'loud') EXECUTE FUNCTION crm.also();
        """
    )
    async with world.store.begin() as unit:
        quiet, loud = await unit.write_rows(
            PEOPLE,
            [
                RowWrite(Operation.CREATE, {"email": "quiet"}),
                RowWrite(Operation.CREATE, {"email": "loud"}),
            ],
        )
    assert quiet.failure is None
    (change,) = await world.changes()
    assert (change["kind"], change["key"]) == ("update", loud.key)
    assert json.loads(change["new"]) == {"name": "by trigger"}
    await world.app.execute("UPDATE crm.people SET email = 'later' WHERE email = 'quiet'")
    assert len(await world.changes()) == 2


async def test_hostile_names_and_a_key_of_several_columns(world: World) -> None:
    table = 'crm."Odd ""Table"'
    parts = ["q\"\\'\n\t\x01\x7fé\u2028", "7"]
    await world.app.execute(f"INSERT INTO {table} VALUES ($1, 7, $2, $2)", parts[0], "v'\\")
    await world.app.execute(f"""UPDATE {table} SET "co'l\\umn" = 'w'""")
    await world.app.execute(f'UPDATE {table} SET "part.b" = 8')
    create, update, rekey = await world.changes()
    assert create["key"] == update["key"] == rekey["old_key"] == key_text(parts)
    assert rekey["key"] == key_text([parts[0], "8"])
    assert json.loads(create["new"]) == {"co'l\\umn": "v'\\", "$isthmus$": "v'\\"}
    assert json.loads(update["new"]) == {"co'l\\umn": "w"}
    async with world.store.begin() as unit:
        rows = await unit.rows(ODD, [rekey["key"], "not a key", '["one"]'])
    assert list(rows) == [rekey["key"]]


async def test_a_row_that_moves_between_partitions_is_a_rekey_or_an_update(world: World) -> None:
    await world.app.execute(
        """
        DROP TABLE crm.people;
        CREATE TABLE crm.people (
            id bigint PRIMARY KEY, email text, name text, score numeric, tags text[], born date, seen_at timestamptz,
            active boolean, extra jsonb, updated_at timestamptz
        ) PARTITION BY RANGE (id);
        CREATE TABLE crm.low PARTITION OF crm.people FOR VALUES FROM (0) TO (100);
        CREATE TABLE crm.high PARTITION OF crm.people FOR VALUES FROM (100) TO (200);
        """
    )
    await world.database.capture_install([PEOPLE])
    await world.app.execute("INSERT INTO crm.people (id, email) VALUES (1, 'a'), (2, 'b')")
    await world.clear_changes()
    await world.app.execute("UPDATE crm.people SET id = id + 100 WHERE id = 1")
    (change,) = await world.changes()
    assert (change["kind"], change["old_key"], change["key"]) == ("rekey", "1", "101")


async def test_capture_is_not_fooled_by_a_search_path(world: World) -> None:
    await world.app.execute(
        """
        CREATE SCHEMA evil;
        CREATE FUNCTION evil.clock_timestamp() RETURNS timestamptz LANGUAGE sql AS $$ SELECT '1999-01-01Z'::timestamptz $$;
        CREATE FUNCTION evil.pg_notify(text, text) RETURNS void LANGUAGE plpgsql AS $$ BEGIN RAISE 'hijacked'; END $$;
        SET search_path = evil, pg_catalog;
        """
    )
    await world.app.execute("INSERT INTO crm.people (id) VALUES (1)")
    (change,) = await world.changes()
    assert change["at"].year > 2000
    assert await world.app.fetchval("SELECT count(*) FROM isthmus.capture_fault") == 0


async def test_a_role_without_any_right_on_our_schema_is_captured(world: World) -> None:
    await world.app.execute(
        "DROP ROLE IF EXISTS isthmus_app; CREATE ROLE isthmus_app; GRANT USAGE ON SCHEMA crm TO isthmus_app;"
        "GRANT ALL ON crm.people TO isthmus_app"
    )
    try:
        await world.app.execute("SET ROLE isthmus_app")
        await world.app.execute("INSERT INTO crm.people (id) VALUES (1)")
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await world.app.execute("SELECT isthmus.ring()")
    finally:
        await world.app.execute("RESET ROLE")
        await world.app.execute("DROP OWNED BY isthmus_app; DROP ROLE isthmus_app")
    assert len(await world.changes()) == 1


async def test_check_and_plan_name_what_is_wrong_and_install_mends_it(world: World) -> None:
    assert await world.database.capture_check([PEOPLE, ODD]) == []
    assert await world.database.capture_plan([PEOPLE, ODD]) == []
    names = [
        r["tgname"]
        for r in await world.app.fetch(
            "SELECT tgname FROM pg_trigger WHERE tgrelid = 'crm.people'::regclass ORDER BY tgname"
        )
    ]
    delete, insert, *_ = names
    await world.app.execute(
        f"ALTER TABLE crm.people DISABLE TRIGGER {insert}; DROP TRIGGER {delete} ON crm.people"
    )
    await world.app.execute(
        "DO $$ DECLARE f text; BEGIN SELECT oid::regprocedure INTO f FROM pg_proc WHERE proname LIKE 'capture\\_people%';"
        " EXECUTE 'ALTER FUNCTION ' || f || ' RENAME TO capture_people_gone'; END $$"
    )
    problems = await world.database.capture_check([PEOPLE])
    assert {p.what for p in problems} >= {"the capture function is missing"}
    await world.database.capture_remove([])
    assert (
        await world.app.fetchval("SELECT count(*) FROM pg_trigger WHERE tgrelid = 'crm.people'::regclass")
        == 0
    )
    assert len(await world.database.capture_install([PEOPLE])) == 7
    assert await world.database.capture_check([PEOPLE]) == []


async def test_a_disabled_trigger_and_an_edited_function_are_seen(world: World) -> None:
    await world.app.execute("ALTER TABLE crm.people DISABLE TRIGGER ALL")
    what = [problem.what for problem in await world.database.capture_check([PEOPLE])]
    assert what == [
        f"the trigger for {event} is disabled" for event in ("insert", "update", "delete", "truncate")
    ]
    await world.database.capture_install([PEOPLE])
    name = await world.app.fetchval("SELECT proname FROM pg_proc WHERE proname LIKE 'capture\\_people%'")
    await world.app.execute(
        f"CREATE OR REPLACE FUNCTION isthmus.{name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$"
    )
    (problem,) = await world.database.capture_check([PEOPLE])
    assert problem.what == "the capture function is not as it would be made now"
    await world.database.capture_install([PEOPLE])
    await world.app.execute("INSERT INTO crm.people (id) VALUES (1)")
    assert len(await world.changes()) == 1


@pytest.mark.requirement("S1-65")
async def test_removing_one_step_leaves_the_other(world: World) -> None:
    await world.database.capture_remove(["people"])
    assert await world.database.capture_check([ODD]) == []
    await world.app.execute("INSERT INTO crm.people (id) VALUES (1)")
    assert await world.changes() == []
