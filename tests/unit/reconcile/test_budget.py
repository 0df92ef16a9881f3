"""The stages of the API budget, the window of 24 hours, and what goes ahead at each stage."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.domain.change import Change, ChangeKind, ChangeState, Source
from daemon.domain.side import Side
from daemon.reconcile.budget import (
    DAY,
    FASTEST_PAUSE,
    LONGEST_PAUSE,
    SPAN,
    Rules,
    Stage,
    Window,
    begins,
    goes_ahead,
    last_stage,
    pause,
    span_of,
    stage_of,
)

NOON = datetime(2026, 11, 28, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("used", "stage"),
    [
        (0, Stage.FREE), (799, Stage.FREE), (800, Stage.SLOWED), (899, Stage.SLOWED), (900, Stage.ESSENTIALS),
        (949, Stage.ESSENTIALS), (950, Stage.NO_WRITES), (999, Stage.NO_WRITES), (1000, Stage.CLOSED), (5000, Stage.CLOSED),
    ],
)  # fmt: skip
def test_the_stages_begin_at_80_90_95_and_100_per_cent(used: int, stage: Stage) -> None:
    assert stage_of(used, 1000) is stage


@given(st.integers(0, 10_000))
def test_a_stage_begins_where_it_says(budget: int) -> None:
    for stage in (Stage.SLOWED, Stage.ESSENTIALS, Stage.NO_WRITES, Stage.CLOSED):
        first = begins(stage, budget)
        assert stage_of(first, budget) >= stage
        assert first == 0 or stage_of(first - 1, budget) < stage


def test_our_part_and_the_reserve() -> None:
    rules = Rules(0.40, 5000)
    assert (rules.budget(100_000), rules.kept_free(100_000)) == (40_000, 5000)
    assert (rules.budget(5000), rules.kept_free(5000)) == (2000, 2500), "a small org keeps half, not all"


@pytest.mark.parametrize(
    ("purpose", "last"),
    [
        ("backfill", Stage.SLOWED), ("reconcile", Stage.SLOWED), ("push", Stage.ESSENTIALS),
        ("fetch", Stage.NO_WRITES), ("metadata", Stage.NO_WRITES), ("operator", Stage.NO_WRITES),
    ],
)  # fmt: skip
def test_how_far_each_purpose_goes(purpose: str, last: Stage) -> None:
    assert last_stage(purpose) is last


def change(
    side: Side,
    kind: ChangeKind = ChangeKind.UPDATE,
    source: Source = Source.TRIGGER,
    state: ChangeState = ChangeState.PENDING,
    sf_id: str | None = "001",
) -> Change:
    return Change("people", side, kind, source, NOON, sf_id, "1", state=state)


EVERYTHING = {
    "an update of a row": (change(Side.POSTGRES), Stage.SLOWED),
    "a new row": (change(Side.POSTGRES, ChangeKind.CREATE), Stage.SLOWED),
    "a deleted row": (change(Side.POSTGRES, ChangeKind.DELETE), Stage.ESSENTIALS),
    "a write in doubt": (change(Side.POSTGRES, state=ChangeState.SENT), Stage.NO_WRITES),
    "an event": (change(Side.SALESFORCE, ChangeKind.REREAD, Source.STREAM), Stage.NO_WRITES),
    "a whole object": (change(Side.SALESFORCE, ChangeKind.REREAD, Source.STREAM, sf_id=None), Stage.SLOWED),
    "a finding of a sweep": (change(Side.SALESFORCE, ChangeKind.REREAD, Source.SWEEP), Stage.SLOWED),
    "a record of a load": (change(Side.SALESFORCE, ChangeKind.READ, Source.LOAD), Stage.SLOWED),
}


@pytest.mark.parametrize("what", EVERYTHING)
def test_what_goes_ahead_at_each_stage(what: str) -> None:
    item, last = EVERYTHING[what]
    assert [stage for stage in Stage if goes_ahead(stage, item)] == [
        stage for stage in Stage if stage <= last
    ]


def test_pauses_grow_while_work_is_slowed() -> None:
    assert [pause(used, 1000) for used in (0, 799)] == [0, 0]
    assert pause(800, 1000) == FASTEST_PAUSE
    assert FASTEST_PAUSE < pause(850, 1000) < LONGEST_PAUSE
    assert {pause(used, 1000) for used in (900, 999)} == {LONGEST_PAUSE}


@given(
    st.lists(st.tuples(st.integers(0, 3 * 86_400), st.integers(1, 50)), max_size=40),
    st.integers(0, 3 * 86_400),
)
def test_the_window_never_counts_too_little(calls: list[tuple[int, int]], later: int) -> None:
    window = Window()
    for second, number in sorted(calls):
        window.add(NOON + timedelta(seconds=second), number)
    now = NOON + timedelta(seconds=max([later, *(second for second, _ in calls)]))
    exact = sum(n for s, n in calls if NOON + timedelta(seconds=s) > now - DAY)
    loose = sum(n for s, n in calls if NOON + timedelta(seconds=s) > now - DAY - SPAN)
    assert exact <= window.used(now) <= loose
    for limit in (1, 20, 200):
        moment = window.falls_below(limit, now)
        assert moment - now <= DAY + SPAN
        assert window.used(moment) < limit


def test_a_span_begins_at_a_whole_multiple() -> None:
    assert span_of(NOON + timedelta(minutes=4, seconds=59)) == NOON
    assert span_of(NOON + timedelta(minutes=5)) == NOON + SPAN
