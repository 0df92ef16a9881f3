"""Loops end, whatever their pace; and whoever writes on one side only is never taken for one."""

from itertools import groupby

from hypothesis import given
from hypothesis import strategies as st

from daemon.domain.side import Side
from daemon.reconcile.turns import MOST, REST, WINDOW, Course, Loop, Written, after, going_on, resting

SIDES = st.sampled_from(Side)
PAUSES = st.floats(0, 2 * WINDOW) | st.floats(0, 3)


def timed(steps: list[tuple[float, Side, bool]]) -> list[Written]:
    now, wanted = 0.0, []
    for pause, side, puts_back in steps:
        now += pause
        wanted.append(Written(now, side, puts_back))
    return wanted


@given(st.lists(st.tuples(PAUSES, SIDES, st.booleans()), max_size=60))
def test_of_what_goes_out_within_a_minute_no_more_than_three_turns_are_each_sides(
    steps: list[tuple[float, Side, bool]],
) -> None:
    course, out = Course(), list[Written]()
    for write in timed(steps):
        loop = going_on(course, write)
        if loop is not None:
            course = resting(course, loop, write.at)
            continue
        course = after(course, write)
        out.append(write)
        turns = [(side, list(turn)[-1].at) for side, turn in groupby(out, key=lambda made: made.side)]
        recent = [side for side, at in turns if at > write.at - WINDOW]
        assert all(recent.count(side) <= MOST for side in Side)


@given(st.lists(st.tuples(PAUSES, st.just(Side.SALESFORCE), st.just(False)), max_size=60))
def test_whoever_writes_on_one_side_only_is_never_held_up(steps: list[tuple[float, Side, bool]]) -> None:
    course = Course()
    for write in timed(steps):
        assert going_on(course, write) is None
        course = after(course, write)


@given(st.lists(st.tuples(st.floats(0, 1), st.just(Side.POSTGRES), st.just(True)), min_size=4, max_size=40))
def test_a_value_is_put_back_three_times_and_then_rests(steps: list[tuple[float, Side, bool]]) -> None:
    course, out = Course(), 0
    for write in timed(steps):
        loop = going_on(course, write)
        out += loop is None
        course = after(course, write) if loop is None else resting(course, loop, write.at)
    assert out == MOST
    assert course.loop is Loop.PUT_BACK


@given(st.floats(0, REST - 1), SIDES, st.booleans())
def test_a_field_that_rests_because_of_turns_is_written_on_neither_side(
    later: float, side: Side, puts_back: bool
) -> None:
    course = resting(Course(), Loop.TURNS, 0)
    assert going_on(course, Written(later, side, puts_back)) is Loop.TURNS
