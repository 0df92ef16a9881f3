"""The gauges that need the database: how often they are set, whatever a look at it takes."""

import asyncio
from collections.abc import Mapping
from itertools import pairwise
from typing import cast

import pytest

from adapters.memory.clock import VirtualClock
from adapters.memory.database import MemoryDatabase
from adapters.memory.lease import MemoryLease
from adapters.memory.meter import MemoryMeter
from adapters.memory.store import MemoryStore
from daemon.domain.mapping import Steps
from daemon.flow.gauges import EVERY, keep_gauges
from daemon.flow.in_force import InForce
from daemon.flow.parts import Parts
from daemon.ports.database import Inspection, StepCounts


class Slow:
    """An inspection whose counting takes that many seconds."""

    def __init__(self, clock: VirtualClock, seconds: float) -> None:
        self.clock = clock
        self.seconds = seconds

    async def counts(self) -> Mapping[str, StepCounts]:
        await self.clock.sleep(self.seconds)
        return {}


@pytest.mark.parametrize(("takes", "apart"), [(0.0, EVERY), (0.4, EVERY + 0.4), (3.0, 30.0)])
async def test_a_look_that_takes_long_comes_less_often(takes: float, apart: float) -> None:
    clock = VirtualClock()
    database = MemoryDatabase(clock, new_id=lambda: "unused")
    store = MemoryStore(database, MemoryLease(database, "test"))
    parts = Parts(
        InForce(Steps(())),
        store,
        None,  # type: ignore[arg-type]
        clock,
        MemoryMeter(),
        jitter=lambda: 0.0,
        new_id=lambda: "unused",
    )
    looks: list[float] = []
    keeping = asyncio.create_task(
        keep_gauges(parts, cast("Inspection", Slow(clock, takes)), lambda: looks.append(clock.monotonic()))
    )
    await clock.advance(100.0)
    keeping.cancel()
    assert len(looks) > 2
    assert {round(b - a, 6) for a, b in pairwise(looks)} == {apart}
