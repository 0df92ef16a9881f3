"""Which row a key meant, after renames, chains, swaps and keys that were taken."""

from datetime import UTC, datetime

import pytest

from daemon.domain.change import Change, ChangeKind, Source
from daemon.domain.side import Side
from daemon.reconcile.renames import given_up, is_given_up, key_now

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def renames(*moves: tuple[int, str, str]) -> list[Change]:
    return [
        Change("s", Side.POSTGRES, ChangeKind.REKEY, Source.TRIGGER, NOON, key=new, old_key=old, id=number)
        for number, old, new in moves
    ]


CHAIN = renames((10, "a", "b"), (20, "b", "c"))
SWAP = renames((10, "a", "t"), (20, "b", "a"), (30, "t", "b"))


@pytest.mark.parametrize(
    ("key", "since", "moves", "expected"),
    [
        pytest.param("a", 0, CHAIN, "c", id="renamed twice"),
        pytest.param("a", 10, CHAIN, "a", id="a newcomer under the old key"),
        pytest.param("b", 10, CHAIN, "c", id="told between the two"),
        pytest.param("b", 25, CHAIN, "b", id="a newcomer under the key between"),
        pytest.param("x", 0, CHAIN, "x", id="another row"),
        pytest.param("a", 0, SWAP, "b", id="one that swapped"),
        pytest.param("b", 0, SWAP, "a", id="the other that swapped"),
        pytest.param("b", 0, CHAIN, given_up("b", 10), id="deleted before its key was taken"),
        pytest.param("c", 15, CHAIN, given_up("c", 20), id="made and deleted before its key was taken"),
        pytest.param("a", 0, renames((1, "a", "b"), (2, "b", "a")), "a", id="there and back"),
    ],
)
def test_a_key_means_the_row_that_had_it(key: str, since: int, moves: list[Change], expected: str) -> None:
    assert key_now(key, since, moves) == expected


def test_two_rows_that_gave_up_one_key_are_called_differently() -> None:
    moves = renames((10, "a", "k"), (20, "b", "k"))
    assert key_now("k", 0, moves) != key_now("k", 15, moves) != "k"


@pytest.mark.parametrize("key", ["2", '["a","2"]', "2 (until change x)", "(until change 2) 3"])
def test_a_key_that_was_given_up_is_told_from_any_other(key: str) -> None:
    assert is_given_up(given_up(key, 6))
    assert not is_given_up(key)
