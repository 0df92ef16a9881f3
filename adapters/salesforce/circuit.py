"""A circuit for one host: after some failures in a row no call is made for a while, and then a single one, to see whether the host answers.

A failure is what says that the host itself is unwell: no connection, no answer in time, a 5xx, a 429. Any other answer, a refusal included,
says that it is well. The wait is drawn with full jitter under a bound that doubles. Once that is at its longest, the wait is drawn from its upper
half: a host that has been away for minutes is asked hardly more than once a minute. A wait that the host asks for is kept.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from random import Random
from typing import Final

from daemon.domain.failure import CallFailedError, Failure, FailureKind, Reason
from daemon.ports.clock import Clock
from daemon.ports.meter import Meter

OPENS_AFTER: Final = 5
"""Failures in a row, of all callers together."""
FIRST_SECONDS: Final = 1.0
LONGEST_SECONDS: Final = 55.0
"""The longest wait of our own: with the second in which a caller notices its end, a host is tried again within a minute of its recovery."""
LONGEST_ASKED: Final = 300.0
"""The longest wait that a host may ask for."""
PROBE_SECONDS: Final = 5.0
"""How soon a caller may come again while another one's call is trying the host."""

UNWELL: Final = frozenset({420, 429})
"""Statuses that, beside 5xx, say that the host is unwell."""


class Attempt:
    """One call under way. It ends as answered or failed; if it ends as neither, it says nothing of the host."""

    def __init__(self, *, probe: bool) -> None:
        self.probe = probe
        self.heard = False
        self.failure: str | None = None
        self.asked = 0.0

    def answered(self) -> None:
        """The host answered."""
        self.heard = True

    def failed(self, why: str, asked: float | None = None) -> None:
        """The host is unwell, by its answer or its silence; `asked` are the seconds for which it asks to be left alone."""
        self.failure, self.asked = why, min(asked or 0.0, LONGEST_ASKED)


class Circuit:
    """The state of one host. `name` is for the metric and for people: login or instance. Safe to use from several tasks."""

    def __init__(self, name: str, clock: Clock, meter: Meter, random: Random) -> None:
        self._name = name
        self._clock = clock
        self._meter = meter
        self._random = random
        self._failures = 0
        self._bound = FIRST_SECONDS
        self._opens_at: float | None = None  # when it is tried again, while it is open
        self._probing = False
        self._why = ""

    def check(self) -> None:
        """Raises CallFailedError at once where no call is to be made."""
        if self._opens_at is None:
            return
        left = self._opens_at - self._clock.monotonic()
        if left > 0:
            raise CallFailedError(self._open(left))
        if self._probing:
            raise CallFailedError(self._open(PROBE_SECONDS))

    @contextmanager
    def call(self) -> Iterator[Attempt]:
        """A call, if one may be made; CallFailedError if not. The block says how it went."""
        self.check()
        attempt = Attempt(probe=self._opens_at is not None)
        self._probing = attempt.probe or self._probing
        try:
            yield attempt
        finally:
            if attempt.probe:
                self._probing = False
            if attempt.failure is not None:
                self._failed(attempt)
            elif attempt.heard:
                self._closed()

    def _failed(self, attempt: Attempt) -> None:
        self._why = attempt.failure or ""
        if self._opens_at is not None and not attempt.probe:
            self._opens_at = max(self._opens_at, self._clock.monotonic() + attempt.asked)
            return  # it was under way when others had found out
        self._failures += 1
        if attempt.probe or self._failures >= OPENS_AFTER or attempt.asked > LONGEST_SECONDS:
            least = self._bound / 2 if self._bound == LONGEST_SECONDS else 0.0
            jitter = self._random.uniform(least, self._bound)
            self._bound = min(self._bound * 2, LONGEST_SECONDS)
            self._opens_at = self._clock.monotonic() + attempt.asked + jitter
            self._meter.gauge("isthmus_salesforce_circuit_open", 1, host=self._name)

    def _closed(self) -> None:
        self._failures, self._bound, self._opens_at = 0, FIRST_SECONDS, None
        self._meter.gauge("isthmus_salesforce_circuit_open", 0, host=self._name)

    def _open(self, left: float) -> Failure:
        until = self._clock.now() + timedelta(seconds=left)
        return Failure(
            FailureKind.TRANSIENT,
            Reason.TRANSPORT,
            "CIRCUIT_OPEN",
            f"no call was made: Salesforce's {self._name} host has failed {self._failures} times in a row, the last time by {self._why}; "
            f"it is tried again at about {until:%H:%M:%S} UTC",
            "Nothing to do: it goes on by itself once the host answers. See Salesforce's status page.",
            until=until,
        )
