"""When a safe read is tried again: after what the server asks for, else after a random while that grows."""

from random import Random
from typing import Final

from adapters.salesforce.server_clock import parse_http_date
from daemon.domain.failure import CallFailedError, Failure, FailureKind
from daemon.ports.clock import Clock

_FIRST_SECONDS: Final = 0.25
_LONGEST_SECONDS: Final = 20.0
_LONGEST_ASKED: Final = 60.0


class RetryableError(CallFailedError):
    """A call failed in a way that may pass; `after` is how long the server asks to be left alone, in seconds."""

    def __init__(self, failure: Failure, after: float | None = None) -> None:
        super().__init__(failure)
        self.after = after


def retry_after(header: str | None, clock: Clock) -> float | None:
    """Seconds that a Retry-After header asks for, in either of its forms; None if it asks for nothing."""
    if not header:
        return None
    if header.strip().isdecimal():
        return float(header)
    moment = parse_http_date(header)
    return max(0.0, (moment - clock.now()).total_seconds()) if moment is not None else None


class FullJitter:
    """Exponential backoff with full jitter for one call: any time from zero to a bound that doubles.

    An instance answers for each failure in turn: the seconds to wait, or False where waiting would not help.
    """

    def __init__(self, random: Random) -> None:
        self._random = random
        self._bound = _FIRST_SECONDS

    def __call__(self, error: Exception) -> float | bool:
        """How long to wait after this failure."""
        if not isinstance(error, RetryableError):
            return False
        jitter = self._random.uniform(0, self._bound)
        self._bound = min(self._bound * 2, _LONGEST_SECONDS)
        if error.after is None:
            return jitter
        return error.after + jitter if error.after <= _LONGEST_ASKED else False


def is_retryable(status: int, failure: Failure) -> bool:
    """Whether a read that was answered like this may pass in a moment.

    A spent daily allowance is LIMITED too, and asking again would only spend more of it; a cursor stays expired.
    """
    if failure.code == "INVALID_QUERY_LOCATOR":
        return False
    return status == 429 or failure.kind is FailureKind.TRANSIENT
