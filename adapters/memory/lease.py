"""The lease in memory: one row with an epoch, and the sign of life that its holder's connection gives."""

import asyncio
from datetime import datetime, timedelta

from adapters.memory.database import LeaseRow, MemoryDatabase, Transaction
from adapters.memory.failures import LOCK_TIMEOUT, failed
from adapters.memory.locks import LOCK_SECONDS
from adapters.memory.unit import Statement, at_once

TIME_TO_LIVE = timedelta(seconds=15)


class MemoryLease:
    """The port `Lease`. `close` is what a death of this process would do."""

    def __init__(
        self,
        database: MemoryDatabase,
        holder: str,
        *,
        name: str = "daemon",
        time_to_live: timedelta = TIME_TO_LIVE,
        statement: Statement = at_once,
    ) -> None:
        self.name = name
        self._database = database
        self._holder = holder
        self._time_to_live = time_to_live
        self._statement = statement
        self._epoch = 0
        self._connected = False

    @property
    def epoch(self) -> int:
        return self._epoch

    async def acquire(self) -> bool:
        await self._statement("lease_acquire")
        row = self._row()
        await self._wait_for_transactions()
        lapsed = row.expires_at is not None and row.expires_at <= self._database.now()
        if row.holder is not None and not lapsed and row.alive():
            return False
        self._connected = True
        row.holder, row.epoch, row.acquired_at = self._holder, row.epoch + 1, self._database.now()
        row.expires_at = row.acquired_at + self._time_to_live
        self._epoch = epoch = row.epoch
        row.alive = lambda: self._connected and self._epoch == epoch
        return True

    async def renew(self) -> bool:
        await self._statement("lease_renew")
        row = self._row()
        if self._epoch == 0 or (row.holder, row.epoch) != (self._holder, self._epoch):
            return False
        self._connected = True
        row.expires_at = self._database.now() + self._time_to_live
        return True

    async def release(self) -> None:
        await self._statement("lease_release")
        row = self._row()
        if self._epoch and (row.holder, row.epoch) == (self._holder, self._epoch):
            row.holder = row.expires_at = None
        self._epoch = 0
        self.close()

    def close(self) -> None:
        """Let the connection go without giving the lease up."""
        self._connected = False

    async def holder(self) -> tuple[str, int, datetime] | None:
        await self._statement("lease_holder")
        row = self._row()
        if row.holder is None or row.acquired_at is None:
            return None
        return row.holder, row.epoch, row.acquired_at

    def share(self, transaction: Transaction) -> None:
        """A transaction of the daemon is open: a successor waits for its end."""
        self._row().open[transaction] = None

    def unshare(self, transaction: Transaction) -> None:
        """It has ended, or is about to."""
        row = self._row()
        del row.open[transaction]
        if not row.open:
            row.idle.set()

    async def _wait_for_transactions(self) -> None:
        row = self._row()
        try:
            async with asyncio.timeout(LOCK_SECONDS):
                while row.open:
                    row.idle.clear()
                    await row.idle.wait()
        except TimeoutError as error:
            raise failed(LOCK_TIMEOUT) from error

    def _row(self) -> LeaseRow:
        return self._database.leases.setdefault(self.name, LeaseRow())
