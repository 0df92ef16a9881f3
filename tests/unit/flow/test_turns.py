"""What is remembered of our writes: by pair and field, bounded, and no longer than it matters."""

from daemon.domain.side import Side
from daemon.flow.turns import Move, Turns
from daemon.reconcile.turns import REST, WINDOW, Loop

OUT, IN = Side.SALESFORCE, Side.POSTGRES


def noted(turns: Turns, *sides: Side, link: int = 1, field: str = "Phone", puts_back: bool = False) -> None:
    for number, side in enumerate(sides):
        turns.note([Move(link, side, {field: puts_back})], float(number))


def test_turns_are_counted_by_pair_and_field() -> None:
    turns = Turns()
    for link, field in ((1, "Phone"), (1, "Fax"), (2, "Phone")):
        noted(turns, OUT, IN, OUT, IN, link=link, field=field)
    assert turns.loops(Move(1, OUT, {"Phone": False}), 5) == {}
    noted(turns, OUT, IN, OUT, IN, OUT, IN, link=3)
    assert turns.loops(Move(3, OUT, {"Phone": False, "Fax": False}), 6) == {"Phone": Loop.TURNS}


def test_what_comes_in_is_remembered_only_after_something_went_out() -> None:
    turns = Turns()
    noted(turns, *(IN for _ in range(100)))
    assert len(turns) == 0
    noted(turns, OUT, IN)
    assert len(turns) == 1
    assert turns.knows(1, ["Fax", "Phone"])
    assert not turns.knows(1, ["Fax"])
    assert not turns.knows(2, ["Phone"])


def test_what_is_put_back_is_remembered_from_the_first_time_on() -> None:
    turns = Turns()
    noted(turns, IN, IN, IN, puts_back=True)
    assert turns.loops(Move(1, IN, {"Phone": True}), 4) == {"Phone": Loop.PUT_BACK}


def test_the_oldest_is_given_up_when_there_is_too_much() -> None:
    turns = Turns(most=3)
    for link in (1, 2, 3):
        noted(turns, OUT, link=link)
    noted(turns, OUT, link=1)
    noted(turns, OUT, link=4)
    assert len(turns) == 3
    assert [turns.knows(link, ["Phone"]) for link in (1, 2, 3, 4)] == [True, False, True, True]


def test_what_is_older_than_a_minute_is_forgotten() -> None:
    turns = Turns()
    for link in range(50):
        turns.note([Move(link, OUT, {"Phone": False})], float(link))
    turns.note([], 25 + WINDOW)
    assert len(turns) == 24


def test_a_rest_is_told_once_and_outlives_the_minute() -> None:
    turns = Turns()
    assert turns.rest(1, {"Phone": Loop.TURNS, "Fax": Loop.TURNS}, 0) == ["Phone", "Fax"]
    assert turns.rest(1, {"Phone": Loop.TURNS}, 10) == []
    turns.note([], 2 * WINDOW)
    assert turns.loops(Move(1, IN, {"Phone": False}), 2 * WINDOW) == {"Phone": Loop.TURNS}
    turns.note([], REST)
    assert len(turns) == 0


def test_a_pair_is_counted_anew_when_somebody_says_so() -> None:
    turns = Turns()
    turns.rest(1, {"Phone": Loop.TURNS}, 0)
    turns.rest(2, {"Phone": Loop.TURNS}, 0)
    turns.forget(1, ["Phone", "Fax"])
    assert turns.loops(Move(1, OUT, {"Phone": False}), 1) == {}
    assert turns.loops(Move(2, OUT, {"Phone": False}), 1) == {"Phone": Loop.TURNS}
