"""Locks by name, held until their holder's transaction ends."""

import asyncio
from collections import deque
from collections.abc import Hashable, Iterable

from adapters.memory.failures import LOCK_TIMEOUT, failed

LOCK_SECONDS = 5.0


class Locks:
    """Who holds what, and who waits for it. A wait is bounded, so two who wait for each other are parted by it."""

    def __init__(self) -> None:
        self._holders: dict[Hashable, object] = {}
        self._waiting: dict[Hashable, deque[asyncio.Future[None]]] = {}

    def take(self, name: Hashable, holder: object) -> bool:
        """Take a lock if it is free, or held by this holder already."""
        return self._holders.setdefault(name, holder) is holder

    async def wait(self, name: Hashable, holder: object) -> None:
        """Take a lock as soon as it is free. Raises DatabaseFailedError (55P03) after the lock time-out."""
        try:
            async with asyncio.timeout(LOCK_SECONDS):
                while not self.take(name, holder):
                    freed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
                    self._waiting.setdefault(name, deque()).append(freed)
                    await freed
        except TimeoutError as error:
            raise failed(LOCK_TIMEOUT) from error

    def release(self, names: Iterable[Hashable]) -> None:
        """Free these locks and wake whoever waits for one."""
        for name in names:
            del self._holders[name]
            for freed in self._waiting.pop(name, ()):
                if not freed.done():
                    freed.set_result(None)
