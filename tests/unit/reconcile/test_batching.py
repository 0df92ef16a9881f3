"""Which writes share a request, which follow each other, and in what company."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.domain.change import Change, ChangeKind, Source, Suspicion
from daemon.domain.failure import Failure, FailureKind, Reason
from daemon.domain.mapping import Retry
from daemon.domain.side import Side
from daemon.reconcile.batching import Parcel, lanes, lockable
from daemon.reconcile.pace import (
    CAUTIOUS_CALLS,
    LARGEST,
    OUTAGE_CALLS,
    SMALLER_AT_MOST,
    affordable,
    blamed,
    company,
    divisible,
    grown,
    narrowed,
    shrunk,
    suspicion,
    tries,
    turned_away,
)
from daemon.reconcile.remedy import next_try, paced


def parcel(*locks: str, call: str = "update", most: int = LARGEST) -> Parcel:
    return Parcel(call, most, frozenset(locks))


NOW = datetime(2026, 3, 1, tzinfo=UTC)


def suspected(suspicion: Suspicion | None, attempts: int) -> Change:
    return Change(
        "people",
        Side.POSTGRES,
        ChangeKind.UPDATE,
        Source.TRIGGER,
        NOW,
        attempts=attempts,
        suspicion=suspicion,
    )


def failed(kind: FailureKind, reason: Reason = Reason.TRANSPORT) -> Failure:
    return Failure(kind, reason, "X", "", "")


def test_children_of_one_parent_travel_together_and_lanes_share_none() -> None:
    parcels = [parcel(f"003{n}", f"001{n % 3}") for n in range(12)]
    found = lanes(parcels, 4)
    assert [[sorted(portion) for portion in lane] for lane in found] == [
        [[0, 3, 6, 9]],
        [[1, 4, 7, 10]],
        [[2, 5, 8, 11]],
    ]


def test_a_family_too_large_for_a_request_goes_one_request_after_another() -> None:
    found = lanes([parcel(f"003{n}", "001") for n in range(10)], 4)
    assert [[len(portion) for portion in lane] for lane in found] == [[4, 4, 2]]


def test_a_family_may_hang_together_by_way_of_another_record() -> None:
    found = lanes([parcel("003a", "001a"), parcel("003b", "001b"), parcel("003c", "001a", "001b")], 1)
    assert len(found) == 1
    assert sorted(found[0]) == [[0], [1], [2]]


def test_small_families_fill_a_request() -> None:
    assert lanes([parcel(f"003{n}") for n in range(5)], 4) == [[[0, 1, 2, 3]], [[4]]]
    assert lanes([parcel(), parcel()], 4) == [[[0, 1]]]


def test_a_record_under_suspicion_shares_no_request_with_others_but_a_lane_with_its_siblings() -> None:
    (lane,) = lanes([parcel("003a", "001"), parcel("003b", "001", most=1), parcel("003c", "001")], 200)
    assert sorted(map(sorted, lane)) == [[0, 2], [1]]


def test_users_and_record_types_make_no_family() -> None:
    assert lockable(["005x", "012x", "00Gx", "001x", None, ""]) == {"001x"}


_IDS = st.frozensets(st.sampled_from([f"001{n}" for n in range(8)]), max_size=3)
_PARCELS = st.lists(
    st.builds(Parcel, st.sampled_from(["create", "update"]), st.sampled_from([1, 3, LARGEST]), _IDS),
    max_size=40,
)


@given(_PARCELS, st.integers(1, 10))
def test_every_write_goes_once_within_its_bounds_and_no_lock_is_wanted_twice_at_a_time(
    parcels: list[Parcel], size: int
) -> None:
    found = lanes(parcels, size)
    assert sorted(index for lane in found for portion in lane for index in portion) == list(
        range(len(parcels))
    )
    for portion in (portion for lane in found for portion in lane):
        assert len({parcels[index].call for index in portion}) == 1
        assert len(portion) <= min(size, *(parcels[index].company for index in portion))
    wanted = [
        {lock for portion in lane for index in portion for lock in parcels[index].locks} for lane in found
    ]
    assert sum(map(len, wanted)) == len(set().union(*wanted))


def test_a_size_is_halved_and_grows_slowly_back_and_never_too_far() -> None:
    assert [shrunk(200), shrunk(3), shrunk(1)] == [100, 1, 1]
    assert [grown(100, 200), grown(195, 200), grown(1, 5), grown(200, 200)] == [110, 200, 2, 200]


@pytest.mark.parametrize(
    ("change", "most"),
    [
        (suspected(None, 1), 200),
        (suspected(Suspicion.UNANSWERED, 0), 200),
        (suspected(Suspicion.UNANSWERED, 1), 50),
        (suspected(Suspicion.UNANSWERED, 2), 12),
        (suspected(Suspicion.UNANSWERED, 3), 3),
        (suspected(Suspicion.UNANSWERED, 4), 1),
        (suspected(Suspicion.ALONE, 0), 1),
        (suspected(Suspicion.LOCKED, 1), 1),
    ],
)
def test_company_becomes_smaller_with_each_try(change: Change, most: int) -> None:
    assert company([change]) == most


@pytest.mark.parametrize(
    ("failure", "shared", "alone", "expected"),
    [
        (failed(FailureKind.UNKNOWN_OUTCOME), True, False, Suspicion.UNANSWERED),
        (failed(FailureKind.UNKNOWN_OUTCOME), True, True, Suspicion.ALONE),
        (failed(FailureKind.TRANSIENT, Reason.ROW_LOCK), False, False, Suspicion.LOCKED),
        (failed(FailureKind.BUSY, Reason.ROW_LOCK), False, False, None),
        (failed(FailureKind.TRANSIENT), True, False, Suspicion.UNANSWERED),
        (failed(FailureKind.TRANSIENT), False, False, None),
        (replace(failed(FailureKind.TRANSIENT), until=NOW), True, False, None),
        (failed(FailureKind.REJECTED), True, True, None),
    ],
)
def test_what_a_failed_write_lets_us_fear(
    failure: Failure, shared: bool, alone: bool, expected: Suspicion | None
) -> None:
    assert suspicion(failure, shared=shared, alone=alone) is expected


def test_an_edit_does_not_clear_the_record_whose_write_it_stands_in_for() -> None:
    assert tries([suspected(None, 2)]) == 3
    assert tries([suspected(Suspicion.UNANSWERED, 3), suspected(None, 0)]) == 4
    assert tries([suspected(None, 3), suspected(None, 0)]) == 1


def test_what_is_turned_away_as_a_whole_says_nothing_of_a_record() -> None:
    assert turned_away(failed(FailureKind.TRANSIENT))
    assert not turned_away(failed(FailureKind.TRANSIENT, Reason.ROW_LOCK))
    assert not turned_away(replace(failed(FailureKind.TRANSIENT), until=NOW))
    assert not turned_away(failed(FailureKind.REJECTED))


def test_many_under_suspicion_share_requests_so_that_calls_stay_few() -> None:
    assert affordable([1, 1, LARGEST]) == [1, 1, LARGEST]
    assert affordable([1] * (5 * CAUTIOUS_CALLS)) == [5] * (5 * CAUTIOUS_CALLS)


def test_blame_takes_five_tries_or_more_where_nobody_is_answered() -> None:
    assert [blamed(n, Retry(), others_answered=True) for n in (4, 5)] == [False, True]
    assert [blamed(n, Retry(attempts=8), others_answered=False) for n in (7, 8)] == [False, True]
    assert not blamed(4, Retry(attempts=1), others_answered=False)


def test_only_what_was_certainly_not_done_is_divided() -> None:
    kinds = {kind for kind in FailureKind if divisible(Failure(kind, Reason.OTHER, "X", "", ""))}
    assert kinds == {FailureKind.REJECTED, FailureKind.DEFECT, FailureKind.CONFIGURATION}


def test_a_lock_is_tried_five_times() -> None:
    assert next_try(FailureKind.TRANSIENT, paced(Retry(), Reason.ROW_LOCK), 3, 1.0).parked is False
    assert next_try(FailureKind.TRANSIENT, paced(Retry(), Reason.ROW_LOCK), 4, 1.0).parked is True
    assert paced(Retry(), Reason.TRANSPORT) == Retry()


def test_what_waits_in_an_outage_goes_out_in_ever_smaller_company_and_in_few_requests() -> None:
    rows = range(SMALLER_AT_MOST, SMALLER_AT_MOST + 6)
    assert [narrowed(12, 10, row) for row in (0, *rows)] == [12, 12, 6, 3, 1, 1, 1]
    assert [narrowed(12, 100, row) for row in rows] == [12, 6, 5, 5, 5, 5]
    assert narrowed(12, 10_000, 40) == 12
    assert -(-100 // narrowed(12, 100, 40)) == OUTAGE_CALLS
