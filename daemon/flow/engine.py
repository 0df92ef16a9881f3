"""The road as tasks: what runs side by side while this process leads."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

import structlog

from daemon.domain.failure import CallFailedError, DatabaseFailedError, Failure
from daemon.flow.bulk_lane import BulkLane
from daemon.flow.load import Loader
from daemon.flow.loading.sweeps import Sweeps
from daemon.flow.parts import Parts
from daemon.flow.worker import Health, Worker
from daemon.ports.store import Doorbell, Lease, LeaseLostError

log = structlog.get_logger(__name__)

POLL = 1.0
"""Seconds after which stored changes are looked for without a ring: the poll is the truth. Due times wait for it too."""

SECOND_LOOK = 0.05
"""Seconds after work within which to look again: who saw the bell being rung by another does not ring, and may commit later."""

LEASE_EVERY = 5.0
FAILURE_PAUSE = 1.0
LONGEST_PAUSE = 60.0


class Engine:
    """Runs the worker, the first loads and the lease. `database` and `api` are told how the two sides do."""

    def __init__(
        self,
        parts: Parts,
        loader: Loader,
        doorbell: Doorbell,
        lease: Lease,
        *,
        database: Health,
        api: Health,
        bulk: BulkLane | None = None,
    ) -> None:
        self._parts = parts
        self._loader = loader
        self._sweeps = Sweeps(parts, loader)
        self._bulk = bulk
        self._worker = Worker(parts, self._sweeps.reload, api, bulk)
        self._doorbell = doorbell
        self._lease = lease
        self._health = database
        self._stopping = asyncio.Event()
        self._resting: asyncio.Timeout | None = None
        self.loaded = asyncio.Event()

    def stop(self) -> None:
        """Take no new batch: the one in hand is finished."""
        self._stopping.set()
        if self._resting is not None:
            self._resting.reschedule(asyncio.get_running_loop().time())

    async def work(self) -> None:
        """Settle stored changes until told to stop; wake on a ring, and look every second without one."""
        pause = SECOND_LOOK
        while not self._stopping.is_set():
            if await self._guarded(self._worker.round):
                pause = SECOND_LOOK
                await self._breathe()
            else:
                pause = SECOND_LOOK if await self._rest(pause) else POLL

    async def _breathe(self) -> None:
        """The longer pause of a worker whose calls are scarce; no ring shortens it."""
        if self._parts.budget.pause:
            with suppress(TimeoutError):
                async with asyncio.timeout(None) as self._resting:
                    if not self._stopping.is_set():
                        await self._parts.budget.wait()
            self._resting = None

    async def _rest(self, seconds: float) -> bool:
        """Until a ring, the time for the next look, or the order to stop; whether it was a ring."""
        rung = False
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds) as self._resting:
                if not self._stopping.is_set():
                    rung = await self._doorbell.wait(seconds)
        self._resting = None
        return rung

    async def load(self) -> None:
        """First loads, once. What fails is tried again, after longer each time: a load goes on where it stood, and changes nothing twice."""
        if await self._loads():
            self.loaded.set()

    async def keep_loaded(self) -> None:
        """First loads of steps that were let go, or came to be, since `load` looked for them; for ever."""
        await self.loaded.wait()
        while True:
            version = self._parts.in_force.version
            await self._loads()
            await self._parts.in_force.later_than(version)

    async def _loads(self) -> bool:
        """Load what was never loaded to the end; False if the order to stop came first."""
        pause = FAILURE_PAUSE
        while not self._stopping.is_set():
            if await self._guarded(self._load_all, pause):
                return True
            pause = min(2 * pause, LONGEST_PAUSE)
        return False

    async def sweep(self) -> None:
        """Read large objects whole when that is wanted, for ever, beside the worker."""
        await self._sweeps.run()

    async def write_in_bulk(self) -> None:
        """Work off the backlogs that the worker hands over, for ever, beside it."""
        if self._bulk is not None:
            await self._bulk.run()

    async def _load_all(self) -> int:
        await self._loader.first_loads()
        return 1

    async def keep_lease(self) -> None:
        """Renew the lease until it is lost; losing it ends the process, because another one writes now."""
        while True:
            await self._parts.clock.sleep(LEASE_EVERY)
            try:
                renewed = await self._lease.renew()
            except CallFailedError as error:
                self._health(False, error.failure.code)
                continue
            if not renewed:
                message = "the lease was lost to another daemon"
                raise LeaseLostError(message)

    async def drain(self) -> int:
        """Work until nothing is due; how many changes that were. For `run --once` and for scripts.

        Raises CallFailedError where a bulk job that was left behind cannot be ended: what it was given is not settled.
        """
        done = 0
        while True:
            count = await self._worker.round()
            if not count and not await self._sweeps.rested() and not await self._job_ended():
                if self._bulk is not None:
                    self._bulk.ended()
                return done
            done += count

    async def _job_ended(self) -> bool:
        """Wait for the bulk job that is under way; False if there is none."""
        return self._bulk is not None and await self._bulk.rested()

    async def _pause_after(self, failure: Failure, pause: float) -> None:
        """That many seconds; or as long as trying again is useless, a minute at a time, unless the order to stop comes."""
        if failure.until is not None:
            left = (failure.until - self._parts.clock.now()).total_seconds()
            pause = min(max(left, pause), LONGEST_PAUSE)
        with suppress(TimeoutError):
            async with asyncio.timeout(pause):
                await self._stopping.wait()

    async def _guarded(self, act: Callable[[], Awaitable[int]], pause: float = FAILURE_PAUSE) -> int:
        """One act; a failure of a system is told, waited for, and tried again. Anything else is a defect and ends us."""
        try:
            done = await act()
        except CallFailedError as error:
            if isinstance(error, DatabaseFailedError):
                self._health(False, error.failure.code)
            log.warning("round_failed", code=error.failure.code, advice=error.failure.advice)
            await self._pause_after(error.failure, pause)
            return 0
        self._health(True, "answering")
        return done
