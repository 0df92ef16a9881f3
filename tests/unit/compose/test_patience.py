"""A start that has no API calls to make: it waits for them, says so, and begins; any other failure ends it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest

from adapters.memory.clock import START, VirtualClock
from adapters.memory.meter import MemoryMeter
from daemon.compose.patience import CONNECTED_EVERY, LOOK_EVERY, Handle, Waiting, seconds_until
from daemon.compose.rotation import not_connected
from daemon.domain.failure import CallFailedError, Failure, FailureKind, Reason, TryLaterError
from daemon.flow.budget import HELD
from daemon.ports.api import ApiRequest
from daemon.runtime.health import Component, Health
from daemon.runtime.notify import Notifier

ASKED = ApiRequest({}, {}, {}, "operator")


def held(until: timedelta, message: str = "held by the API budget until about 14:20") -> Failure:
    return Failure(FailureKind.LIMITED, Reason.LIMIT, HELD, message, "Nothing to do.", until=START + until)


class Scene:
    """A start that is held until a time, and what is told meanwhile."""

    def __init__(self, until: timedelta, error: CallFailedError | None = None) -> None:
        self.clock = VirtualClock(auto=True)
        self.health = Health(self.clock, MemoryMeter())
        self.until, self.error = until, error
        self.tries = 0
        self.status: Handle | None = None
        self.serving = False
        self.told: list[str] = []
        self.waiting = Waiting(
            self.clock, self.health, Notifier.from_environment({}), self._ask, self._answering
        )

    async def start(self) -> str:
        self.tries += 1
        if self.status is not None:
            with pytest.raises(TryLaterError) as refused:
                await self.status(ASKED)
            self.told.append(refused.value.why)
        if self.clock.now() < START + self.until:
            raise CallFailedError(held(self.until, f"held, look {self.tries}"))
        if self.error is not None:
            raise self.error
        return "begun"

    async def _ask(self) -> None:
        """The database answers."""

    @asynccontextmanager
    async def _answering(self, status: Handle) -> AsyncIterator[None]:
        self.status, self.serving = status, True
        try:
            yield
        finally:
            self.serving = False


async def test_a_start_without_calls_waits_tells_why_and_begins() -> None:
    scene = Scene(timedelta(minutes=2, seconds=30))
    assert await scene.waiting.begin(scene.start) == "begun"
    assert scene.clock.now() - START == timedelta(minutes=2, seconds=30)
    assert scene.tries == 4
    assert scene.told == ["held, look 1", "held, look 2", "held, look 3"]
    state = scene.health.state(Component.SALESFORCE_API)
    assert (state.up, state.reason) == (False, "held, look 3")
    assert scene.health.alive()
    assert not scene.serving


async def test_a_start_with_calls_serves_nothing_of_its_own() -> None:
    scene = Scene(timedelta(0))
    assert await scene.waiting.begin(scene.start) == "begun"
    assert (scene.tries, scene.status) == (1, None)


@pytest.mark.parametrize("until", [timedelta(0), timedelta(seconds=5)])
async def test_any_other_failure_ends_the_start(until: timedelta) -> None:
    error = CallFailedError(
        Failure(FailureKind.AUTHENTICATION, Reason.OTHER, "invalid_grant", "no", "mend it")
    )
    scene = Scene(until, error)
    with pytest.raises(CallFailedError) as raised:
        await scene.waiting.begin(scene.start)
    assert raised.value is error
    assert not scene.serving


async def test_a_start_that_nobody_has_connected_looks_every_two_seconds_and_begins_by_itself() -> None:
    scene = Scene(timedelta(0))
    looks = iter([CallFailedError(not_connected())] * 3)
    told: list[str] = []

    async def start() -> str:
        if scene.status is not None:
            with pytest.raises(TryLaterError) as refused:
                await scene.status(ASKED)
            told.append(refused.value.what)
        for error in looks:
            raise error
        return "begun"

    assert await scene.waiting.begin(start) == "begun"
    assert scene.clock.now() - START == timedelta(seconds=3 * CONNECTED_EVERY)
    assert told == ["the daemon has not begun: it waits for isthmus connect salesforce"] * 3
    assert scene.health.state(Component.SALESFORCE_API).reason == "no Salesforce account is connected"


def test_a_look_is_a_minute_away_at_most_and_a_second_at_least() -> None:
    assert seconds_until(held(timedelta(hours=5)), START) == LOOK_EVERY
    assert seconds_until(held(timedelta(seconds=20)), START) == 20
    assert seconds_until(held(timedelta(seconds=-20)), START) == 1
