"""Reading, matching and writing the user's rows: exact values, set-wise, a bad row alone with its error."""

import pytest

from daemon.domain.failure import CallFailedError, FailureKind, Reason
from daemon.domain.mapping import Identify, IdentifyKind, Normalise
from daemon.domain.plan import Operation
from daemon.ports.store import RowResult, RowWrite
from tests.integration.postgres.world import ODD, PEOPLE, World

FULL = {
    "email": "a@b.example",
    "name": "Ann",
    "score": "12.30",
    "tags": '["x",null,"y \\"z\\", {}"]',
    "born": "2024-02-29",
    "seen_at": "2024-01-01 00:00:00+00",
    "active": "true",
    "extra": '{"a": [1, null]}',
    "updated_at": None,
}


async def write(world: World, *writes: RowWrite) -> list[RowResult]:
    async with world.store.begin() as unit:
        return await unit.write_rows(PEOPLE, writes)


def create(**values: str | None) -> RowWrite:
    return RowWrite(Operation.CREATE, values)


def update(key: str, **values: str | None) -> RowWrite:
    return RowWrite(Operation.UPDATE, values, key)


def delete(key: str) -> RowWrite:
    return RowWrite(Operation.DELETE, key=key)


async def test_what_is_written_is_what_is_read(world: World) -> None:
    (made,) = await write(world, create(**FULL))
    assert made.failure is None
    assert made.row is not None
    assert made.row.values == FULL
    async with world.store.begin() as unit:
        found = await unit.rows(PEOPLE, [made.row.key, "999", "not a number"])
    assert found == {made.row.key: made.row}
    (emptied,) = await write(world, update(made.row.key, **dict.fromkeys(["tags", "score", "extra"])))
    assert emptied.row is not None
    assert emptied.row.values == {**FULL, "tags": None, "score": None, "extra": None}


async def test_results_come_in_the_order_of_the_writes(world: World) -> None:
    made = await write(world, *(create(email=f"p{n}") for n in range(30)))
    writes = [update(str(r.key), name=f"n{n}") if n % 3 else delete(str(r.key)) for n, r in enumerate(made)]
    writes.insert(5, update("9999", name="nobody"))
    writes.insert(7, create(email="new"))
    results = await write(world, *writes)
    assert results[5].failure is not None
    assert results[5].failure.kind is FailureKind.MISSING
    for wanted, got in zip(writes, results, strict=True):
        if wanted.key == "9999":
            continue
        assert got.failure is None
        assert wanted.key in (None, got.key)
        if wanted.operation is Operation.UPDATE:
            assert got.row is not None
            assert got.row.values["name"] == wanted.values["name"]
        assert (got.row is None) == (wanted.operation is Operation.DELETE)


async def test_only_the_bad_rows_fail_and_each_with_its_own_error(world: World) -> None:
    await write(world, create(email="taken"))
    writes = [create(email=f"p{n}", score="1") for n in range(60)]
    writes[3] = create(email="p3", score="one")
    writes[17] = create(email="taken", score="1")
    writes[18] = create(email="p18", score="1000000000")
    writes[40] = create(email="p40\0", score="1")
    writes[41] = create(email="p41\ud800", score="1")
    results = await write(world, *writes)
    failed = {n: r.failure.code for n, r in enumerate(results) if r.failure}
    assert failed == {3: "22P02", 17: "23505", 18: "22003", 40: "22021", 41: "22P02"}
    duplicate = results[17].failure
    assert duplicate is not None
    assert (duplicate.kind, duplicate.reason) == (FailureKind.DUPLICATE, Reason.DUPLICATE)
    assert duplicate.fields == ("people_email_key",)
    assert "taken" not in duplicate.message
    assert await world.app.fetchval("SELECT count(*) FROM crm.people") == 56


async def test_a_text_that_is_too_long_is_refused_and_not_cut(world: World) -> None:
    (result,) = await write(world, create(name="x" * 21))
    assert result.failure is not None
    assert result.failure.code == "22001"


async def test_a_deferred_constraint_fails_its_row_and_not_the_commit(world: World) -> None:
    await world.app.execute(
        "CREATE TABLE crm.boss (email text PRIMARY KEY); ALTER TABLE crm.people ADD FOREIGN KEY (email)"
        " REFERENCES crm.boss DEFERRABLE INITIALLY DEFERRED; INSERT INTO crm.boss VALUES ('known')"
    )
    good, bad = await write(world, create(email="known"), create(email="unknown"))
    assert good.failure is None
    assert bad.failure is not None
    assert bad.failure.kind is FailureKind.REFERENCE


async def test_the_row_as_stored_shows_what_a_trigger_made_of_it(world: World) -> None:
    await world.app.execute(
        """
        CREATE FUNCTION crm.tidy() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF new.email = 'unwanted' THEN RETURN NULL; END IF;
            new.email := upper(new.email);
            RETURN new;
        END $$;
        CREATE TRIGGER tidy BEFORE INSERT OR UPDATE ON crm.people FOR EACH ROW EXECUTE FUNCTION crm.tidy();
        """
    )
    first, left_out, last = await write(world, create(email="a"), create(email="unwanted"), create(email="z"))
    assert first.row is not None
    assert last.row is not None
    assert (first.row.values["email"], last.row.values["email"]) == ("A", "Z")
    assert left_out.failure is not None
    assert left_out.failure.kind is FailureKind.REJECTED
    assert first.key is not None
    (kept,) = await write(world, update(first.key, email="unwanted"))
    assert kept.failure is not None
    assert kept.failure.kind is FailureKind.REJECTED


async def test_writes_of_one_row_keep_their_order(world: World) -> None:
    made, *rest = await write(
        world,
        RowWrite(Operation.CREATE, {"email": "one"}, key="7"),
        update("7", email="two"),
        update("7", email="three"),
        delete("7"),
        RowWrite(Operation.CREATE, {"email": "four"}, key="7"),
    )
    assert made.key == "7"
    assert [r.row.values["email"] if r.row else None for r in rest] == ["two", "three", None, "four"]


async def test_a_row_of_defaults_and_an_update_of_nothing(world: World) -> None:
    one, two = await write(world, create(), create())
    assert one.row is not None
    assert one.row.values["name"] == "nobody"
    assert one.key != two.key
    assert one.key is not None
    (same,) = await write(world, update(one.key))
    assert same.row == one.row


async def test_a_changed_key_comes_back(world: World) -> None:
    (made,) = await write(world, create(email="x"))
    assert made.key is not None
    (moved,) = await write(world, update(made.key, id="500"))
    assert moved.key == "500"


async def test_a_key_of_several_columns(world: World) -> None:
    async with world.store.begin() as unit:
        (made,) = await unit.write_rows(
            ODD, [RowWrite(Operation.CREATE, {"Part A": 'a"b', "part.b": "3", "$isthmus$": "x"})]
        )
        assert made.key == '["a\\"b", "3"]'
        results = await unit.write_rows(
            ODD,
            [
                RowWrite(Operation.UPDATE, {"co'l\\umn": "y"}, made.key),
                RowWrite(Operation.DELETE, key="no key of two columns"),
            ],
        )
        assert results[0].row is not None
        assert results[0].row.values == {"co'l\\umn": "y", "$isthmus$": "x"}
        assert results[1].failure is not None
        assert await unit.rows(ODD, [made.key]) == {made.key: results[0].row}


async def test_a_locked_row_is_a_transient_failure_of_the_call(world: World) -> None:
    (made,) = await write(world, create(email="x"))
    assert made.key is not None
    transaction = world.app.transaction()
    await transaction.start()
    await world.app.execute("UPDATE crm.people SET name = 'held'")
    with pytest.raises(CallFailedError) as raised:  # noqa: PT012 - the block ends with the transaction
        async with world.store.begin() as unit:
            await unit._session.connection.execute("SET LOCAL lock_timeout = 50")  # type: ignore[attr-defined]
            await unit.write_rows(PEOPLE, [update(made.key, name="waits")])
    assert raised.value.failure.code == "55P03"
    assert raised.value.failure.kind is FailureKind.TRANSIENT
    await transaction.rollback()


def rule(column: str, *normalise: Normalise) -> Identify:
    return Identify(IdentifyKind.FIELD, "X", column, normalise)


async def test_matching_by_normalised_identifiers(world: World) -> None:
    await world.app.execute(
        """
        INSERT INTO crm.people (id, email, name) VALUES
            (1, E' \\u00a0Ann@Www.Example.org\\t', '+49 (30) 12-3'), (2, 'https://u:p@www.example.org:8080/x@y', 'none'),
            (3, '', ''), (4, NULL, 'a'), (5, 'example.org?q', 'b')
        """
    )
    cases = [
        (rule("email", Normalise.TRIM, Normalise.LOWER), ["ann@www.example.org "], [["1"]]),
        (rule("name", Normalise.DIGITS), ["4930123", "+", ""], [["1"], [], []]),
        (rule("email", Normalise.DOMAIN), ["http://example.ORG/", "org"], [["1", "2", "5"], []]),
        (rule("email"), ["example.org?q", "EXAMPLE.org?q"], [["5"], []]),
        (rule("id"), ["1", "one", "1; --", "99999999999999999999"], [["1"], [], [], []]),
        (rule("score"), ["1"], [[]]),
        (rule("born"), ["yesterday\0"], [[]]),
    ]
    async with world.store.begin() as unit:
        for identify, values, keys in cases:
            found = await unit.match(PEOPLE, identify, values)
            assert [found.get(value, []) for value in values] == keys


async def test_at_most_five_keys_match(world: World) -> None:
    await world.app.execute("INSERT INTO crm.people (name) SELECT 'same' FROM generate_series(1, 9)")
    async with world.store.begin() as unit:
        found = await unit.match(PEOPLE, rule("name"), ["same"])
    assert len(found["same"]) == 5


async def test_a_view_is_read_without_locking_it(world: World) -> None:
    await world.app.execute(
        "ALTER TABLE crm.people RENAME TO all_people; CREATE VIEW crm.people AS SELECT DISTINCT * FROM crm.all_people;"
        "INSERT INTO crm.all_people (id, email) VALUES (1, 'a')"
    )
    async with world.store.begin() as unit:
        assert list(await unit.rows(PEOPLE, ["1"])) == ["1"]
