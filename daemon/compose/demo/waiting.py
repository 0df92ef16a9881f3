"""Waiting for something to have happened on the other side, and how long it took."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from daemon.ports.clock import Clock

T = TypeVar("T")

_POLL = 0.002


class NotSeenError(Exception):
    """It did not happen in time; the message says what was waited for."""


async def until(clock: Clock, what: str, look: Callable[[], Awaitable[T]], seconds: float = 10.0) -> T:
    """The first answer of `look` that is true. Raises NotSeenError after `seconds`."""
    end = clock.monotonic() + seconds
    while not (found := await look()):
        if clock.monotonic() > end:
            raise NotSeenError(f"{what}: not seen within {seconds:g} s")
        await asyncio.sleep(_POLL)
    return found
