"""The doorbell: a LISTEN on a connection of its own.

A dead LISTEN is silent: behind a black hole or a pooler in transaction mode the connection looks well and nothing ever
comes. So the doorbell rings itself with a nonce now and then, and connects again when it does not hear it.
"""

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from itertools import count

import asyncpg

from adapters.postgres.pool import Connector
from adapters.postgres.queries import QUERIES
from adapters.postgres.session import Purpose, translated
from daemon.domain.failure import CallFailedError

CHANNEL = "isthmus"
_PING = "ping "


@dataclass(frozen=True, slots=True)
class Pings:
    """How often the doorbell proves itself, how long a proof may take, and the pauses before connecting again; seconds."""

    every: float = 9.0
    within: float = 5.0
    first_pause: float = 0.5
    longest_pause: float = 30.0


class PostgresDoorbell:
    """The port `Doorbell`. `alive` and `since` tell since when it has been heard, or not."""

    def __init__(self, connector: Connector, name: str, pings: Pings | None = None) -> None:
        self._connector = connector
        self._clock = connector.clock
        self._pings = pings or Pings()
        self._prefix = f"{_PING}{name} "
        self._numbers = count(1)
        self._rung = asyncio.Event()
        self._lost = asyncio.Event()
        self._heard = asyncio.Event()
        self._awaited = ""
        self.alive = False
        self.since: datetime | None = None

    async def wait(self, timeout: float) -> bool:
        try:
            async with asyncio.timeout(timeout):
                await self._rung.wait()
        except TimeoutError:
            return False
        self._rung.clear()
        return True

    async def run(self) -> None:
        pause = self._pings.first_pause
        while True:
            with suppress(CallFailedError):  # counted where it happened; `alive` tells the rest
                await self._listen()
            if self.alive:  # it worked until now: begin again with short pauses
                pause = self._pings.first_pause
            self._set_alive(alive=False)
            await self._clock.sleep(pause)
            pause = min(pause * 2, self._pings.longest_pause)

    async def _listen(self) -> None:
        """One connection, until it is no longer heard. Raises CallFailedError if it cannot be made."""
        connection = await self._connector.connect("isthmus doorbell")
        try:
            self._lost.clear()
            connection.add_termination_listener(self._on_end)
            with translated(self._connector.meter):
                async with asyncio.timeout(self._connector.settings.connect_seconds):
                    await connection.add_listener(CHANNEL, self._on_notification)
            while await self._is_heard(connection):
                if not self.alive:
                    self._set_alive(alive=True)
                    self._rung.set()  # something may have been captured while nobody listened
                with suppress(TimeoutError):
                    async with asyncio.timeout(self._pings.every):
                        await self._lost.wait()
        finally:
            connection.terminate()

    async def _is_heard(self, connection: asyncpg.Connection) -> bool:
        self._awaited = f"{self._prefix}{next(self._numbers)}"
        self._heard.clear()
        try:
            async with asyncio.timeout(self._pings.within):
                await self._connector.session(connection).value(Purpose.ADMIN, QUERIES["ping"], self._awaited)
                await self._heard.wait()
        except (TimeoutError, CallFailedError):
            return False
        return True

    def _on_notification(self, connection: object, process: int, channel: str, payload: object) -> None:
        if not payload:
            self._rung.set()
        elif payload == self._awaited:
            self._heard.set()

    def _on_end(self, connection: object) -> None:
        self._lost.set()

    def _set_alive(self, *, alive: bool) -> None:
        if self.alive is not alive or self.since is None:
            self.alive = alive
            self.since = self._clock.now()
