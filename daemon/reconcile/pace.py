"""In what company a write goes out: how many records to a request, and how few once something went wrong."""

from collections import Counter
from collections.abc import Sequence
from typing import Final

from daemon.domain.change import Change, Suspicion
from daemon.domain.failure import Failure, FailureKind, Reason
from daemon.domain.mapping import Retry

LARGEST: Final = 200
"""More records than these Salesforce takes in no Collections call."""

UNANSWERED: Final = "unanswered_alone"
"""The code of a change whose write went out alone, again and again, and was never answered."""

MOST_TRIES: Final = 5
"""A record to which a failing request or a lock was brought down is parked after so many tries."""

CAUTIOUS_CALLS: Final = 100
"""At most about so many requests of one round are spent on records under suspicion."""

SMALLER_AT_MOST: Final = 4
"""So often in a row the size is learned to be smaller because requests were turned away: an outage must not leave it at nothing."""

OUTAGE_CALLS: Final = 20
"""At most about so many requests of one round are spent on finding a record for which alone Salesforce is unavailable."""

_STEP: Final = 4
_GROWTH: Final = 20
_DIVISIBLE: Final = frozenset({FailureKind.REJECTED, FailureKind.DEFECT, FailureKind.CONFIGURATION})


def shrunk(size: int) -> int:
    """The size after trouble."""
    return max(1, size // 2)


def grown(size: int, most: int) -> int:
    """The size after a clean round: a twentieth of the most that it may be is added."""
    return min(most, size + max(1, most // _GROWTH))


def narrowed(size: int, waiting: int, in_a_row: int) -> int:
    """The size of one round after so many in a row in which no write was answered: halved on, down to single records.

    It may lie in one record, and others must not wait behind it. So that an outage costs few calls, what waits is spread over about
    `OUTAGE_CALLS` requests and no more.
    """
    return max(1, size >> max(0, in_a_row - SMALLER_AT_MOST), min(size, -(-waiting // OUTAGE_CALLS)))


def company(changes: Sequence[Change]) -> int:
    """The most records that may share a request with the write of these changes, itself included.

    What a request without an answer carried goes out in ever smaller company: a quarter at each try, alone at the fifth. What
    was refused because of a lock goes alone.
    """
    most = LARGEST
    for change in changes:
        if change.suspicion is Suspicion.UNANSWERED:
            most = min(most, max(1, LARGEST // _STEP**change.attempts))
        elif change.suspicion is not None:
            most = 1
    return most


def tries(changes: Sequence[Change]) -> int:
    """How often the newest of these changes has been tried, this time included. An edit does not clear what it stands in for."""
    return 1 + max(c.attempts for c in changes if c is changes[-1] or c.suspicion is not None)


def suspicion(failure: Failure, *, shared: bool, alone: bool) -> Suspicion | None:
    """What a failed write lets us fear of its change. `shared`: it is that of the whole request; `alone`: the change is to blame."""
    if failure.kind is FailureKind.UNKNOWN_OUTCOME:
        return Suspicion.ALONE if alone else Suspicion.UNANSWERED
    if failure.kind is not FailureKind.TRANSIENT or failure.until is not None:
        return None
    if failure.reason is Reason.ROW_LOCK:
        return Suspicion.LOCKED
    return Suspicion.UNANSWERED if shared else None


def turned_away(failure: Failure) -> bool:
    """Whether a whole request failed in a way that says: nothing was done, and Salesforce would do nothing at all just now."""
    return (
        failure.kind is FailureKind.TRANSIENT
        and failure.reason is not Reason.ROW_LOCK
        and failure.until is None
    )


def affordable(companies: Sequence[int]) -> list[int]:
    """The same companies, but so large that all those under suspicion take about `CAUTIOUS_CALLS` requests and no more."""
    suspects = Counter(most for most in companies if most < LARGEST)
    least = 1
    while sum(count / max(most, least) for most, count in suspects.items()) > CAUTIOUS_CALLS:
        least += 1
    return [max(most, least) for most in companies]


def divisible(failure: Failure) -> bool:
    """Whether a whole request failed in a way that says: nothing was done, and it may lie in one of its records."""
    return failure.kind in _DIVISIBLE


def blamed(tries: int, retry: Retry, *, others_answered: bool) -> bool:
    """Whether a write that went out alone and was not answered is at fault itself, after so many tries.

    Where nothing else was answered either, Salesforce may be at fault: then it takes as many tries as any failure.
    """
    return tries >= (MOST_TRIES if others_answered else max(MOST_TRIES, retry.attempts))
