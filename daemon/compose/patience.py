"""A start that waits for API calls, or for somebody to connect the Salesforce account: until then it cannot be told whether the configuration fits
the org, so nothing is begun.

Meanwhile the process lives. Capture goes on in the database, the stream keeps its events for three days, `/readyz` says what is waited for,
and so does the answer to `isthmus status`.
"""

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Final, TypeVar

import structlog

from daemon.domain.failure import CallFailedError, Failure, TryLaterError
from daemon.domain.own_faults import NOT_CONNECTED
from daemon.flow.budget import HELD
from daemon.ports.api import ApiReply, ApiRequest
from daemon.ports.clock import Clock
from daemon.runtime.health import Component, Health
from daemon.runtime.notify import Notifier
from daemon.runtime.supervisor import Supervisor

log = structlog.get_logger(__name__)

LOOK_EVERY: Final = 60.0
"""Seconds between looks at most: calls may come back sooner than it was thought. A look without calls costs none."""

CONNECTED_EVERY: Final = 2.0
"""Seconds between looks for a login of a person: each reads one row of the database, or a file."""

_WAITED_FOR: Final = {HELD: "API calls", NOT_CONNECTED: "isthmus connect salesforce"}
"""By the code of the failure that holds a start, what ends the waiting."""

Handle = Callable[[ApiRequest], Awaitable[ApiReply]]
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Waiting:
    """What lives while a start waits. `answering` serves HTTP, with this as the answer to `isthmus status`; `ask` probes the database."""

    clock: Clock
    health: Health
    notifier: Notifier
    ask: Callable[[], Awaitable[object]]
    answering: Callable[[Handle], AbstractAsyncContextManager[None]]

    async def begin(self, start: Callable[[], Awaitable[_T]]) -> _T:
        """What `start` gives, as soon as there are calls to make and an account to make them with. Raises whatever else it raises."""
        found = await _tried(start)
        if not isinstance(found, Failure):
            return found
        held = found

        async def refuse(_: ApiRequest) -> ApiReply:
            what = f"the daemon has not begun: it waits for {_WAITED_FOR[held.code]}"
            raise TryLaterError(what, held.message, held.advice)

        self.notifier.ready(f"waits for {_WAITED_FOR[held.code]}")
        async with self.answering(refuse), Supervisor(self.clock) as meanwhile:
            meanwhile.start("beat of the event loop", self.health.beat())
            meanwhile.start("watchdog of the service manager", self.notifier.feed_watchdog(self.clock))
            meanwhile.start("probe of the database", self.health.watch_database(self.ask))
            told = ""
            while isinstance(found, Failure):
                held = found
                self.health.note(Component.SALESFORCE_API, False, held.message)
                if held.code == HELD:
                    log.warning("start_waits_for_api_calls", reason=held.message, advice=held.advice)
                elif told != held.code:  # looked for too often to say it each time
                    log.warning("start_waits_for_login", reason=held.message, advice=held.advice)
                told = held.code
                await self.clock.sleep(seconds_until(held, self.clock.now()))
                found = await _tried(start)
            meanwhile.cancel()
        return found


async def _tried(start: Callable[[], Awaitable[_T]]) -> _T | Failure:
    """What it gives, or the failure by which it is held."""
    try:
        return await start()
    except CallFailedError as error:
        if error.failure.code not in _WAITED_FOR:
            raise
        return error.failure


def seconds_until(held: Failure, now: datetime) -> float:
    """How long to wait before the next look: until what holds the start may have ended, a minute at most and a second at least."""
    if held.code == NOT_CONNECTED:
        return CONNECTED_EVERY
    left = (held.until - now).total_seconds() if held.until is not None else LOOK_EVERY
    return max(1.0, min(left, LOOK_EVERY))
