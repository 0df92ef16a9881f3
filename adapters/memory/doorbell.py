"""The doorbell in memory."""

import asyncio

from adapters.memory.database import MemoryDatabase


class MemoryDoorbell:
    """The port `Doorbell`. It hears a ring only while `run` does; `deaf` makes it miss them, as a dead LISTEN would."""

    def __init__(self, database: MemoryDatabase) -> None:
        self._database = database
        self._rung = asyncio.Event()
        self.alive = False
        self.deaf = False

    async def wait(self, timeout: float) -> bool:
        try:
            async with asyncio.timeout(timeout):
                await self._rung.wait()
        except TimeoutError:
            return False
        self._rung.clear()
        return True

    async def run(self) -> None:
        self._database.rung.append(self._hear)
        self.alive = True
        self._rung.set()  # something may have been captured while nobody listened
        try:
            await asyncio.Event().wait()
        finally:
            self.alive = False
            self._database.rung.remove(self._hear)

    def _hear(self) -> None:
        if not self.deaf:
            self._rung.set()
