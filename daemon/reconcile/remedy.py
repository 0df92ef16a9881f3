"""From the kind of a failure to what happens next: one table, and the pace of trying again."""

from dataclasses import dataclass, replace
from datetime import timedelta
from enum import StrEnum
from typing import Final, assert_never

from daemon.domain.failure import FailureKind, Reason
from daemon.domain.mapping import Retry
from daemon.reconcile.pace import MOST_TRIES


class Remedy(StrEnum):
    """What happens to a change whose write failed."""

    RETRY = "retry"  # by itself, with backing off, up to the step's attempts; then park
    SOON = "soon"  # by itself, after a second or two, for ever: somebody will let go of it
    SLOW = "slow"  # by itself, at the largest delay, for ever: nothing is wrong with the record
    REREAD = "reread"  # read the record and decide again, at once
    WAIT = "wait"  # for the record that it points to; then as RETRY
    PARK = "park"  # a person has to do something; tried again at long intervals all the same


REMEDIES: Final[dict[FailureKind, Remedy]] = {
    FailureKind.TRANSIENT: Remedy.RETRY,
    FailureKind.BUSY: Remedy.SOON,
    FailureKind.LIMITED: Remedy.SLOW,
    FailureKind.REJECTED: Remedy.PARK,
    FailureKind.CONFLICT: Remedy.REREAD,
    FailureKind.MISSING: Remedy.REREAD,
    FailureKind.DUPLICATE: Remedy.REREAD,
    FailureKind.AMBIGUOUS: Remedy.PARK,
    FailureKind.REFERENCE: Remedy.WAIT,
    FailureKind.PERMISSION: Remedy.PARK,
    FailureKind.AUTHENTICATION: Remedy.SLOW,
    FailureKind.CONFIGURATION: Remedy.PARK,
    FailureKind.UNKNOWN_OUTCOME: Remedy.REREAD,
    FailureKind.DEFECT: Remedy.PARK,
}

PARKED_RETRY: Final = timedelta(hours=1)
"""How often a parked change is tried again by itself: a cause that somebody removed needs no second act."""

LOCK_PATIENCE: Final = 3
"""How much longer than after another failure the first wait for a lock may be: Salesforce itself has waited ten seconds by then."""

REREADS: Final = 3
"""How often a change is decided anew at once before it takes the pace of RETRY."""


@dataclass(frozen=True, slots=True)
class NextTry:
    """Whether a change is parked, when it is tried again, and how often it has been tried."""

    parked: bool
    delay: timedelta
    attempts: int


def next_try(kind: FailureKind, retry: Retry, attempts: int, jitter: float) -> NextTry:
    """What becomes of a change after its failure number `attempts + 1`.

    `jitter` is a number from 0 to 1: delays are drawn from the whole interval, so that many records that failed
    together do not come back together.
    """
    tried = attempts + 1
    match REMEDIES[kind]:
        case Remedy.PARK:
            return NextTry(True, PARKED_RETRY, tried)
        case Remedy.SOON:
            return NextTry(False, timedelta(seconds=1 + jitter), attempts)
        case Remedy.SLOW:
            return NextTry(False, retry.maximum * (0.5 + jitter / 2), attempts)
        case Remedy.REREAD if tried <= REREADS:
            return NextTry(False, timedelta(0), tried)
        case Remedy.RETRY | Remedy.WAIT | Remedy.REREAD:
            if tried >= retry.attempts:
                return NextTry(True, PARKED_RETRY, tried)
            return NextTry(False, backoff(retry, tried, jitter), tried)
        case never:
            assert_never(never)


def paced(retry: Retry, reason: Reason) -> Retry:
    """How a step tries again after this reason: what a lock refused at most five times, and not so soon."""
    if reason is not Reason.ROW_LOCK:
        return retry
    return replace(
        retry, attempts=min(retry.attempts, MOST_TRIES), first=min(retry.maximum, retry.first * LOCK_PATIENCE)
    )


def backoff(retry: Retry, attempt: int, jitter: float) -> timedelta:
    """The delay before the next try: exponential from `retry.first`, full jitter, at most `retry.maximum`."""
    ceiling = min(retry.maximum, retry.first * 2 ** min(attempt - 1, 30))
    return timedelta(seconds=ceiling.total_seconds() * jitter)
