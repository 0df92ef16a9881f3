"""The user's rows, and the capture of what the application does to them."""

import asyncio
from contextlib import AsyncExitStack

from daemon.domain.change import Change, ChangeKind, Source
from daemon.domain.failure import FailureKind
from daemon.domain.mapping import Identify, IdentifyKind, Normalise
from daemon.domain.plan import Operation
from daemon.domain.side import Side
from daemon.ports.store import RowResult, RowWrite
from tests.contract.arena import Arena
from tests.integration.postgres.world import PEOPLE


async def write(arena: Arena, *writes: RowWrite) -> list[RowResult]:
    async with arena.store.begin() as unit:
        return await unit.write_rows(PEOPLE, writes)


def create(**values: str | None) -> RowWrite:
    return RowWrite(Operation.CREATE, values)


async def captured(arena: Arena) -> list[Change]:
    """What was captured since the last time."""
    changes = await arena.store.pending(100)
    async with arena.store.begin() as unit:
        await unit.settle([change.id for change in changes])
    return changes


async def test_what_is_written_is_read_and_is_not_captured(arena: Arena) -> None:
    values = {"email": "a@b", "name": "Ann", "score": "12.3", "active": "true", "born": "2024-02-29"}
    (made,) = await write(arena, create(**values))
    assert made.row is not None
    assert made.row.values == {**dict.fromkeys(PEOPLE.columns), **values, "score": "12.30"}
    async with arena.store.begin() as unit:
        assert await unit.rows(PEOPLE, [made.row.key, "999", "no key"]) == {made.row.key: made.row}
    assert await captured(arena) == []


async def test_a_row_that_fails_fails_alone(arena: Arena) -> None:
    await write(arena, create(email="taken"))
    results = await write(
        arena,
        create(email="one"),
        create(email="taken"),
        create(score="x"),
        create(score="1000000"),
        create(name="n" * 21),
        create(name=None),
        RowWrite(Operation.UPDATE, {"name": "x"}, "999"),
        RowWrite(Operation.DELETE, key="999"),
        RowWrite(Operation.UPDATE, {"name": "x"}, "no key"),
        create(email="two"),
    )
    codes = [result.failure.code if result.failure else None for result in results]
    assert codes == [None, "23505", "22P02", "22003", "22001", "23502", "02000", "02000", "22P02", None]
    assert results[1].failure is not None
    assert results[1].failure.kind is FailureKind.DUPLICATE


async def test_a_write_that_names_a_key_keeps_it_and_a_delete_leaves_nothing(arena: Arena) -> None:
    (made,) = await write(arena, RowWrite(Operation.CREATE, {"name": "Ann"}, "77"))
    assert made.key == "77"
    (gone,) = await write(arena, RowWrite(Operation.DELETE, key="77"))
    assert (gone.key, gone.row, gone.failure) == ("77", None, None)
    async with arena.store.begin() as unit:
        assert await unit.rows(PEOPLE, ["77"]) == {}


async def test_identifiers_are_found_as_they_are_compared(arena: Arena) -> None:
    for number in range(7):
        await arena.insert(id=str(number), email=f" E{number}@X.example", name="Twin")
    by_email = Identify(IdentifyKind.FIELD, "Email", "email", (Normalise.TRIM, Normalise.LOWER))
    by_name = Identify(IdentifyKind.FIELD, "Name", "name")
    async with arena.store.begin() as unit:
        assert await unit.match(PEOPLE, by_email, ["e3@x.example", "e9@x.example", ""]) == {
            "e3@x.example": ["3"]
        }
        assert await unit.match(PEOPLE, by_name, ["Twin", "twin"]) == {"Twin": ["0", "1", "2", "3", "4"]}


async def test_capture_writes_down_what_changed(arena: Arena) -> None:
    key = await arena.insert(email="a", name="Ann")
    (made,) = await captured(arena)
    assert (made.side, made.kind, made.source, made.key) == (
        Side.POSTGRES,
        ChangeKind.CREATE,
        Source.TRIGGER,
        key,
    )
    assert made.complete
    assert made.external_id
    assert made.values == {**dict.fromkeys(PEOPLE.columns), "email": "a", "name": "Ann"}
    await arena.update(key, email="b", name="Ann", unmapped="x")
    (changed,) = await captured(arena)
    assert (changed.kind, changed.values, changed.old_values) == (
        ChangeKind.UPDATE,
        {"email": "b"},
        {"email": "a"},
    )
    await arena.update(key, unmapped="y")
    assert await captured(arena) == []
    await arena.update(key, id="500")
    (moved,) = await captured(arena)
    assert (moved.kind, moved.key, moved.old_key) == (ChangeKind.REKEY, "500", key)
    await arena.delete("500")
    (gone,) = await captured(arena)
    assert (gone.kind, gone.key, gone.old_values["email"]) == (ChangeKind.DELETE, "500", "b")


async def test_a_row_that_another_transaction_holds_is_marked_and_not_waited_for(arena: Arena) -> None:
    key = await arena.insert(email="a")
    async with AsyncExitStack() as stack:
        unit = await stack.enter_async_context(arena.store.begin())
        assert not (await unit.rows(PEOPLE, [key]))[key].locked
        async with asyncio.TaskGroup() as tasks:
            waiting = tasks.create_task(arena.update(key, email="b"))
            await stack.enter_async_context(arena.store.begin())
            other = await stack.enter_async_context(arena.store.begin())
            seen = (await other.rows(PEOPLE, [key]))[key]
            assert (seen.locked, seen.values["email"]) == (True, "a")
            assert not waiting.done()
            await stack.aclose()
    async with arena.store.begin() as after:
        assert (await after.rows(PEOPLE, [key]))[key].values["email"] == "b"
