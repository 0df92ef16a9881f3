"""One life of the daemon: the real flow over ports that live in memory. It ends when it is told to, or where it dies."""

import asyncio
import random
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from adapters.memory.database import MemoryDatabase
from adapters.memory.doorbell import MemoryDoorbell
from adapters.memory.failures import CONNECTION_LOST, DEADLOCK, failed
from adapters.memory.lease import MemoryLease
from adapters.memory.store import MemoryStore
from daemon.domain.mapping import Steps
from daemon.flow.engine import Engine
from daemon.flow.gaps import keep_gaps
from daemon.flow.in_force import InForce
from daemon.flow.load import Loader
from daemon.flow.parts import Parts, Skew
from daemon.flow.stream import Stream
from daemon.flow.watermark import Watermark
from daemon.ports.clock import Clock
from tests.simulation.org_ports import Note, OrgRecords, OrgSource
from tests.simulation.org_side import OrgSide
from tests.simulation.weather import Weather

CHANNEL = "/data/ChangeEvents"

Work = Callable[[], Coroutine[Any, Any, None]]


class Uncounted:
    """The port `Meter`, which nobody reads here."""

    def count(self, name: str, amount: float = 1, /, **labels: str) -> None: ...
    def gauge(self, name: str, value: float, /, **labels: str) -> None: ...
    def observe(self, name: str, value: float, /, **labels: str) -> None: ...
    def clear(self, name: str, /) -> None: ...


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What outlives the daemon."""

    steps: Steps
    database: MemoryDatabase
    org: OrgSide
    clock: Clock
    rng: random.Random
    weather: Weather
    skew: Skew
    note: Note
    new_id: Callable[[], str]
    paced: bool = False  # whether each statement waits, be it for no time at all


class Process:
    """One life. `dead` is set when it dies of its own; `fault` is what a task ended with that must not end."""

    def __init__(self, around: Surroundings, name: str) -> None:
        self._around = around
        self.dead = asyncio.Event()
        self.fault: BaseException | None = None
        self._tasks: list[asyncio.Task[None]] = []
        rng, weather = around.rng, around.weather
        self.lease = MemoryLease(around.database, name)
        self._doorbell = MemoryDoorbell(around.database)
        self._doorbell.deaf = rng.random() < weather.deaf
        self.records = OrgRecords(around.org, rng, weather, self._reach, around.note)
        skew = Skew(around.skew.salesforce + _error(rng), around.skew.postgres + _error(rng))
        parts = Parts(
            InForce(around.steps),
            MemoryStore(around.database, self.lease, self._statement),
            self.records,
            around.clock,
            Uncounted(),
            jitter=rng.random,
            new_id=around.new_id,
            skew=skew,
        )
        loader = Loader(parts, bulk_from=10**9)
        ignore = lambda up, reason: None  # noqa: E731
        self.engine = Engine(parts, loader, self._doorbell, self.lease, database=ignore, api=ignore)
        stream = Stream(parts, CHANNEL, self._source, ignore)
        self._eternal: dict[str, Work] = {
            "stream": stream.run,
            "doorbell": self._doorbell.run,
            "worker": self.engine.work,
            "lease": self.engine.keep_lease,
            "watch": Watermark(parts, stream.resubscribe).run,
            "gaps": lambda: keep_gaps(parts),
        }
        self._load: Work = self.engine.load

    def instead(
        self, name: str, wrap: Callable[[Coroutine[Any, Any, None]], Coroutine[Any, Any, None]]
    ) -> None:
        """Have what `wrap` makes of it run in the place of a task, before it lives: one of the eternal ones, or `load`."""
        if name == "load":
            load = self._load
            self._load = lambda: wrap(load())
        else:
            work = self._eternal[name]
            self._eternal[name] = lambda: wrap(work())

    def _source(self) -> OrgSource:
        around = self._around
        return OrgSource(around.org, around.rng, around.weather, self._reach, around.note)

    async def live(self) -> None:
        """Take the lease and run until dead."""
        while not await self.lease.acquire():  # noqa: ASYNC110 - the port has nothing to wait for
            await asyncio.sleep(1.0)
        self._around.note("daemon", "leads", self.lease.epoch)
        self._tasks = [asyncio.create_task(self._guarded(run)) for run in self._eternal.values()]
        self._tasks.append(asyncio.create_task(self._loaded()))
        try:
            await self.dead.wait()
        finally:
            await self.kill()

    async def _guarded(self, run: Callable[[], Coroutine[Any, Any, None]]) -> None:
        try:
            await run()
        except Exception as error:  # noqa: BLE001 - whatever it is, the history tells it
            self.fault = error
        finally:
            self.dead.set()  # whoever cancels a task ends the process, as the supervisor has it

    async def _loaded(self) -> None:
        try:
            await self._load()
        except asyncio.CancelledError:
            self.dead.set()
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, the history tells it
            self.fault = error
            self.dead.set()

    async def kill(self) -> None:
        """Nothing of it goes on; what was committed stays."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self.lease.close()

    async def _reach(self, what: str) -> None:
        """A call to Salesforce is about to be made, or was answered: the daemon may die here."""
        if self.dead.is_set() or self._chance(self._around.weather.crash):
            await self._die(what)

    async def _statement(self, name: str) -> None:
        weather = self._around.weather
        if self._around.paced:
            await asyncio.sleep(0)
        if self.dead.is_set() or self._chance(weather.crash):
            await self._die(name)
        if name == "committed":
            if self._chance(weather.unanswered):
                self._around.note("commit", "unanswered")
                raise failed(CONNECTION_LOST)
            return
        if self._chance(weather.statement):
            failure = self._around.rng.choice((CONNECTION_LOST, DEADLOCK))
            self._around.note("statement", name, failure.code)
            raise failed(failure)
        if weather.lag and self._around.rng.random() < 0.2:
            await asyncio.sleep(self._around.rng.random() * weather.lag)

    async def _die(self, where: str) -> None:
        if not self.dead.is_set():
            self._around.note("daemon", "dies at", where)
            self.dead.set()
        await asyncio.Event().wait()

    def _chance(self, of: float) -> bool:
        return of > 0 and self._around.rng.random() < of


def _error(rng: random.Random) -> float:
    """How far a measured clock is off."""
    return rng.uniform(-0.2, 0.2)
