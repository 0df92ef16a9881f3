"""The circuit before one host, on virtual time: when it opens, its single probe, and what a storm of half an hour costs."""

from itertools import pairwise
from random import Random

import pytest

from adapters.memory.clock import VirtualClock
from adapters.memory.meter import MemoryMeter
from adapters.salesforce.circuit import LONGEST_ASKED, LONGEST_SECONDS, OPENS_AFTER, Circuit
from daemon.domain.failure import CallFailedError, FailureKind

STORM = 1800.0


class Host:
    """A host that is unwell until a time, and counts the calls that reach it."""

    def __init__(self, clock: VirtualClock, well_from: float) -> None:
        self.clock = clock
        self.well_from = well_from
        self.reached: list[float] = []
        self.asks: float | None = None

    def call(self, circuit: Circuit) -> bool:
        """One caller's call; whether it reached the host and was answered well."""
        try:
            with circuit.call() as attempt:
                self.reached.append(self.clock.monotonic())
                if self.clock.monotonic() < self.well_from:
                    attempt.failed("HTTP 503", self.asks)
                    return False
                attempt.answered()
                return True
        except CallFailedError:
            return False


def circuit(clock: VirtualClock, meter: MemoryMeter | None = None, seed: int = 1) -> Circuit:
    return Circuit("instance", clock, meter or MemoryMeter(), Random(seed))


def opened(clock: VirtualClock, meter: MemoryMeter | None = None) -> tuple[Circuit, Host]:
    made, host = circuit(clock, meter), Host(clock, STORM)
    for _ in range(OPENS_AFTER):
        host.call(made)
    return made, host


def test_failures_in_a_row_open_it_and_then_no_call_is_made() -> None:
    clock, meter = VirtualClock(), MemoryMeter()
    made, host = opened(clock, meter)
    assert meter.gauged("isthmus_salesforce_circuit_open", host="instance") == 1
    for _ in range(100):
        assert not host.call(made)
    assert len(host.reached) == OPENS_AFTER
    with pytest.raises(CallFailedError) as refused:
        made.check()
    failure = refused.value.failure
    assert (failure.kind, failure.code) == (FailureKind.TRANSIENT, "CIRCUIT_OPEN")
    assert failure.until is not None
    assert failure.until > clock.now()
    assert "HTTP 503" in failure.message


def test_an_answer_between_failures_keeps_it_closed() -> None:
    clock = VirtualClock()
    made, host = circuit(clock), Host(clock, STORM)
    for number in range(50):
        host.well_from = 0.0 if number % OPENS_AFTER == OPENS_AFTER - 1 else STORM
        host.call(made)
    assert len(host.reached) == 50


async def test_one_probe_at_a_time_and_its_failure_doubles_the_bound() -> None:
    clock = VirtualClock()
    made, _ = opened(clock)
    await clock.advance(LONGEST_SECONDS)
    with made.call() as probe:
        with pytest.raises(CallFailedError, match="CIRCUIT_OPEN"), made.call():
            raise AssertionError("a second call went out beside the probe")
        probe.failed("TimeoutError")
    with pytest.raises(CallFailedError, match="TimeoutError"):
        made.check()


async def test_a_probe_that_is_given_up_says_nothing_and_another_one_may_follow() -> None:
    clock = VirtualClock()
    made, host = opened(clock)
    await clock.advance(LONGEST_SECONDS)
    with pytest.raises(TimeoutError), made.call():
        raise TimeoutError
    host.well_from = 0.0
    assert host.call(made)
    made.check()


async def test_what_was_under_way_when_it_opened_does_not_prolong_it() -> None:
    clock = VirtualClock()
    made, host = circuit(clock), Host(clock, STORM)
    with made.call() as slow:
        for _ in range(OPENS_AFTER):
            host.call(made)
        await clock.advance(1.0)
        slow.failed("TimeoutError")
    made.check()


@pytest.mark.parametrize(("asked", "kept"), [(120.0, 120.0), (86_400.0, LONGEST_ASKED)])
async def test_the_wait_that_a_host_asks_for_is_kept_but_not_for_ever(asked: float, kept: float) -> None:
    clock = VirtualClock()
    made, host = circuit(clock), Host(clock, STORM)
    host.asks = asked
    host.call(made)
    await clock.advance(kept - 0.5)
    with pytest.raises(CallFailedError):
        made.check()
    await clock.advance(0.5 + 1.0)
    made.check()


@pytest.mark.parametrize("seed", range(4))
async def test_a_host_that_is_long_away_is_asked_about_once_in_forty_seconds(seed: int) -> None:
    clock = VirtualClock()
    made, host = circuit(clock, seed=seed), Host(clock, STORM)
    while clock.monotonic() < STORM:
        host.call(made)
        await clock.advance(1.0)
    late = [at for at in host.reached if at > STORM / 3]
    waits = [after - before for before, after in pairwise(late)]
    assert len(waits) > 20
    assert min(waits) >= LONGEST_SECONDS / 2
    assert max(waits) <= LONGEST_SECONDS + 1


@pytest.mark.parametrize("seed", range(4))
async def test_a_storm_of_half_an_hour(seed: int) -> None:
    """Ideal is what one caller alone needs to notice that the host is well again: fifty who each come every second need no more than 1.2 times that."""
    clock = VirtualClock()
    made, host = circuit(clock, seed=seed), Host(clock, STORM)
    recovered = None
    while recovered is None:
        for _ in range(50):
            if host.call(made):
                recovered = clock.monotonic()
        await clock.advance(1.0)
    in_storm = sum(at < STORM for at in host.reached)
    assert recovered - STORM <= 60
    assert in_storm >= STORM / LONGEST_SECONDS, "it never asked whether the host is well again"
    ideal = await _alone(seed)
    assert in_storm <= 1.2 * ideal


async def _alone(seed: int) -> int:
    clock = VirtualClock()
    made, host = circuit(clock, seed=seed), Host(clock, STORM)
    while clock.monotonic() < STORM:
        host.call(made)
        await clock.advance(1.0)
    return len(host.reached)
