"""What tests of bulk writes have in common: small backlogs that are large ones, and jobs in which something happens."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import pytest

from adapters.postgres.bulk_note import PostgresBulkNote
from adapters.salesforce import bulk_writing
from daemon.flow import reading, worker
from daemon.flow.bulk_lane import BulkLane
from daemon.flow.worker import Worker
from daemon.ports.salesforce import RecordWrite, WriteResult
from daemon.reconcile import claim_size
from tests.support.road import MOST_ROUNDS, RestlessError, Road

MANY = 32
FEW = 21
"""Records from which on a job is worth while here: two claims of the worker are more."""


def in_small_numbers(patch: pytest.MonkeyPatch) -> None:
    """All that makes a backlog is a tenth of what it is, and a job is looked at at once."""
    patch.setattr(bulk_writing, "_FIRST_LOOK_SECONDS", 0.01)
    patch.setattr(claim_size, "SMALL_BATCH", 20)
    patch.setattr(worker, "SMALL_BATCH", 20)
    patch.setattr(reading, "BLIND_MOST", 2)
    patch.setattr("daemon.flow.bulk_lane.LEAST", 10)


class Meddled:
    """The port for bulk writes, with something that happens `before` a job is started, or `after` it has ended and before we hear of it."""

    def __init__(
        self,
        road: Road,
        *,
        before: Callable[[], Awaitable[None]] | None = None,
        after: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        self._real = road.salesforce.bulk_writer
        self._before = before
        self._after = after

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    async def outcome(self, job: str, writes: Sequence[RecordWrite], deadline: float) -> list[WriteResult]:
        before, self._before = self._before, None
        after, self._after = self._after, None
        if before is not None:
            await before()
        results = await self._real.outcome(job, writes, deadline)
        if after is not None:
            await after()
        return results


class EndedUnheard(Meddled):
    """A job that has ended, `done`, of which we learn only when `may_end` is set."""

    def __init__(self, road: Road) -> None:
        super().__init__(road, after=self._wait)
        self.done = asyncio.Event()
        self.may_end = asyncio.Event()

    async def _wait(self) -> None:
        self.done.set()
        await self.may_end.wait()


def in_bulk(road: Road, writer: Any = None, bulk_from: int | None = FEW) -> BulkLane:
    """Let the road write in bulk from now on."""
    note = PostgresBulkNote(road.pool, road.lease)
    lane = BulkLane(road.parts, writer or road.salesforce.bulk_writer, note, bulk_from=bulk_from)
    road.worker = Worker(road.parts, road.loader.reload, bulk=lane)
    return lane


async def work(road: Road, lane: BulkLane) -> None:
    """Rounds of the worker, and the jobs that come of them, until nothing is due."""
    for _ in range(MOST_ROUNDS):
        done = await road.worker.round()
        if lane.running:
            await lane.work_off()
        elif not done:
            return
    raise RestlessError(f"never quiet: {await road.changes()}")


async def hand_over(road: Road, lane: BulkLane) -> None:
    """Rounds of the worker until a job is to be worked off."""
    for _ in range(MOST_ROUNDS):
        if lane.running:
            return
        await road.worker.round()
    raise RestlessError("nothing was handed over")


async def settle(road: Road, lane: BulkLane) -> None:
    """Listen and work until both have nothing more to do."""
    for _ in range(MOST_ROUNDS):
        heard = await road.listen()
        await work(road, lane)
        if not heard:
            return


async def insert(road: Road, count: int, bad: int = 0) -> None:
    """The application stores many companies in one transaction, some of them with names that a rule refuses."""
    await road.app.execute(
        "INSERT INTO app.company (name, phone) SELECT CASE WHEN n <= $2 THEN 'bad ' ELSE 'good, \"' END || n, '1'"
        " FROM generate_series(1, $1::int) AS n",
        count,
        bad,
    )


def jobs(calls: Sequence[str]) -> list[str]:
    """Those calls that concern jobs which write."""
    return [call for call in calls if "/jobs/ingest" in call]


async def ingest_jobs(road: Road) -> list[dict[str, Any]]:
    """The jobs that write, as Salesforce lists them."""
    path = f"{road.salesforce.records._session.settings.data_path}/jobs/ingest"
    found: list[dict[str, Any]] = (await road.salesforce.records._session.get(path, "fetch"))["records"]
    return found
