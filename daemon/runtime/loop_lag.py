"""How late the event loop is: a timer of 250 ms shows every piece of code that blocks it."""

from daemon.ports.clock import Clock
from daemon.ports.meter import Meter

INTERVAL_SECONDS = 0.25


async def measure_loop_lag(clock: Clock, meter: Meter) -> None:
    """Observe the lag of the timer, for ever."""
    while True:
        started = clock.monotonic()
        await clock.sleep(INTERVAL_SECONDS)
        lag = clock.monotonic() - started - INTERVAL_SECONDS
        meter.observe("isthmus_event_loop_lag_seconds", max(lag, 0.0))
