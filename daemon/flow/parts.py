"""What every stage of the road works with."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from daemon.domain.mapping import Steps
from daemon.flow.budget import UNLIMITED, Holding
from daemon.flow.hearing import Heard
from daemon.flow.in_force import InForce
from daemon.flow.outages import Outages
from daemon.flow.sizes import BatchSizes
from daemon.flow.turns import Turns
from daemon.ports.clock import Clock
from daemon.ports.failpoints import NO_FAILPOINTS, Failpoints
from daemon.ports.meter import Meter
from daemon.ports.salesforce import Records
from daemon.ports.store import Store

Conditions = tuple[str, str]
"""What a step's filters say: the condition on records and that on rows, each empty where there is none."""


class Flight:
    """The Salesforce records (or, for creates, objects) to which a write of ours is under way in this process.

    An echo often overtakes its own answer. Whoever reads the stream waits here for a moment, so that the answer is
    stored first and the echo is recognised without another read.
    """

    def __init__(self) -> None:
        self._names: set[str] = set()
        self._landed = asyncio.Condition()

    @asynccontextmanager
    async def holding(self, names: Iterable[str]) -> AsyncIterator[None]:
        """Names are in flight while the block runs."""
        mine = set(names) - self._names
        self._names |= mine
        try:
            yield
        finally:
            self._names -= mine
            async with self._landed:
                self._landed.notify_all()

    async def landed(self, names: Iterable[str], timeout: float) -> bool:
        """Wait until none of these is in flight, at most that long; whether that came about."""
        wanted = set(names)
        if self._names.isdisjoint(wanted):
            return True
        try:
            async with asyncio.timeout(timeout), self._landed:
                await self._landed.wait_for(lambda: self._names.isdisjoint(wanted))
        except TimeoutError:
            return False
        return True


@dataclass(slots=True)
class Skew:
    """How far the two servers' clocks are apart, by way of ours; each in seconds ahead of this machine."""

    salesforce: float = 0.0
    postgres: float = 0.0

    @property
    def offset(self) -> float:
        """Seconds to add to a PostgreSQL instant to have it by Salesforce's clock."""
        return self.salesforce - self.postgres


@dataclass(frozen=True, slots=True)
class Weight:
    """What leaves a step's filter, as it was counted once: `counted` by the monotonic clock, `at` by the wall clock.

    Linked rows outside the condition are counted themselves, up to what the delete guard allows and one more; of records only those
    `inside` can be.
    """

    condition: str
    counted: float
    at: datetime
    rows: int = 0
    inside: int | None = None


@dataclass(frozen=True, slots=True)
class Parts:
    """The ports, the steps in force, and what the stages of one process share.

    `loaded_under` are the filters with which this process began a step's first load, `leaving` is what was counted of each mirror whose filter lets go. `turns` are our writes of the last minute, by which loops are found. `budget` holds back what our share of Salesforce's API calls does not allow. `schema_doubts` is set by whoever met a failure that a changed schema may explain. `writing` is held by every transaction that decides: one at a time, so that two halves of one pair are never
    decided side by side. `jitter` gives numbers from 0 to 1, `new_id` fresh external ids.
    """

    in_force: InForce
    store: Store
    records: Records
    clock: Clock
    meter: Meter
    jitter: Callable[[], float]
    new_id: Callable[[], str]
    skew: Skew = field(default_factory=Skew)
    flight: Flight = field(default_factory=Flight)
    heard: Heard = field(default_factory=Heard)
    writing: asyncio.Lock = field(default_factory=asyncio.Lock)
    failpoints: Failpoints = NO_FAILPOINTS
    sizes: BatchSizes = field(default_factory=BatchSizes)
    outages: Outages = field(default_factory=Outages)
    turns: Turns = field(default_factory=Turns)
    schema_doubts: asyncio.Event = field(default_factory=asyncio.Event)
    budget: Holding = UNLIMITED
    loaded_under: dict[str, Conditions] = field(default_factory=dict)
    leaving: dict[str, Weight] = field(default_factory=dict)

    @property
    def steps(self) -> Steps:
        """The steps as they are now. Whoever reads them more than once for one piece of work begins a `batch`."""
        return self.in_force.steps

    @contextmanager
    def batch(self) -> Iterator["Parts"]:
        """The same parts under the steps that are in force now, whatever is put in force while the block lasts."""
        with self.in_force.batch() as steps:
            yield replace(self, in_force=InForce(steps))

    def salesforce_now(self) -> datetime:
        """The time by Salesforce's clock, as well as it is known: what is compared with its stamps is taken from here."""
        return self.clock.now() + timedelta(seconds=self.skew.salesforce)

    def database_now(self) -> datetime:
        """The time by the database's clock, as well as it is known: due times are compared there."""
        return self.clock.now() + timedelta(seconds=self.skew.postgres)
