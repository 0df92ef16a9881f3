"""Stored changes of a key are found by either end and by what hangs together with them, and can be called anew."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from daemon.domain.change import Change, ChangeKind, ChangeState, Source
from daemon.domain.side import Side
from tests.contract.arena import Arena
from tests.support.stored import AT

MOST = 100


def _rename(old: str, new: str, step: str = "people") -> Change:
    return Change(step, Side.POSTGRES, ChangeKind.REKEY, Source.TRIGGER, AT, key=new, old_key=old)


def _moves(changes: Sequence[Change]) -> list[tuple[str | None, str | None]]:
    return [(change.old_key, change.key) for change in changes]


@pytest.fixture
async def stored(arena: Arena) -> Arena:
    """A chain of three, one beside it that is parked, and one of another step."""
    async with arena.store.begin() as unit:
        await unit.store_changes(
            [
                _rename("a", "b"),
                replace(_rename("m", "n"), state=ChangeState.PARKED, due=AT),
                _rename("b", "c"),
                _rename("c", "d"),
                _rename("z", "a", step="other"),
            ]
        )
    return arena


@pytest.mark.parametrize("key", ["a", "b", "c", "d"])
async def test_what_hangs_together_is_found_from_each_of_its_keys(stored: Arena, key: str) -> None:
    async with stored.store.begin() as unit:
        found = await unit.renames(["people"], [key, "x"], MOST)
    assert _moves(found) == [("a", "b"), ("b", "c"), ("c", "d")]
    assert found == sorted(found, key=lambda change: change.id)


async def test_renames_are_found_in_any_state_of_the_named_steps_and_so_many_at_most(stored: Arena) -> None:
    async with stored.store.begin() as unit:
        assert _moves(await unit.renames(["people"], ["n"], MOST)) == [("m", "n")]
        assert _moves(await unit.renames(["people", "other"], ["b"], MOST))[-1] == ("z", "a")
        assert len(await unit.renames(["people"], ["a"], 2)) == 2
        assert await unit.renames(["people"], ["x"], MOST) == []
        assert await unit.renames(["people"], [], MOST) == []
        assert _moves(await unit.oldest_renames(["people"], 2)) == [("a", "b"), ("m", "n")]
        assert await unit.renamed(["people"], ["a", "d", "m", "x", "z"]) == {"a", "d", "m"}
        assert await unit.renamed(["people"], []) == frozenset()


async def test_a_change_that_is_called_anew_keeps_everything_else(stored: Arena) -> None:
    async with stored.store.begin() as unit:
        (parked,) = await unit.renames(["people"], ["m"], MOST)
        called = replace(parked, kind=ChangeKind.UPDATE, key="o", old_key=None)
        await unit.call_anew([called])
        await unit.call_anew([])
    async with stored.store.begin() as unit:
        assert await unit.local_changes("people", ["n", "o"]) == {"o": [called]}
        assert await unit.renames(["people"], ["m", "n", "o"], MOST) == []
