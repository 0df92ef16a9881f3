"""The main job: whatever happens on both sides, and to the daemon, both end in step, and nothing vanishes.

A seeded mix of changes on both sides, the daemon killed twice and its streaming sessions dropped in the middle of it. At the end
every pair agrees or its difference is in the ledger or parked, nothing is there twice, and each value that was ever
written has a fate.
"""

import asyncio
import os
import random

import pytest

from tests.support.world import World
from tests.support.world_oracles import HISTORY, judge
from tests.support.world_program import until
from tests.support.world_traffic import Traffic

SEED = int(os.environ.get("ACCEPTANCE_SEED") or 20_261)
ROUNDS, HERE, THERE = 24, 32, 18
KILLED_AFTER = (8, 16)
DROPPED_AFTER = 12


@pytest.mark.requirement("S0-01")
@pytest.mark.timeout(180)
async def test_a_mix_of_changes_with_crashes_ends_in_step(bare: World) -> None:
    print(f"seed {SEED}; another one: ACCEPTANCE_SEED=N")
    traffic = Traffic(bare, random.Random(SEED))
    await bare.execute(HISTORY)
    await traffic.populate()
    await bare.start()
    await bare.quiescent()
    await traffic.meet()
    await _play(bare, traffic)
    assert sum(traffic.changes.values()) >= 2_000, traffic.changes
    assert min(traffic.changes.values()) >= 500, traffic.changes
    await bare.quiescent(90)
    await judge(bare, traffic)


async def _play(world: World, traffic: Traffic) -> None:
    for number in range(1, ROUNDS + 1):
        both = (traffic.here(HERE * 2), traffic.there(THERE * 2))
        if number in KILLED_AFTER:
            await asyncio.gather(*both, _kill_in_the_middle(world))
            await world.start()
        else:
            await asyncio.gather(*both)
        if number == DROPPED_AFTER:
            await world.org.control("POST", "stream/drop-sessions")
    await traffic.undelete(12)


async def _kill_in_the_middle(world: World) -> None:
    """Kill the daemon when it has settled something of this round and has more to do."""
    before = await world.value("SELECT last_value FROM isthmus.journal_id")

    async def busy() -> bool:
        assert world.daemon is not None
        assert world.daemon.status is None, world.daemon.tail()
        row = (
            await world.fetch(
                "SELECT last_value, (SELECT count(*) FROM isthmus.change) AS waiting FROM isthmus.journal_id"
            )
        )[0]
        return bool(row["last_value"] > before and row["waiting"] > 0)

    await until(busy, "the daemon is in the middle of work", 20)
    world.kill()
