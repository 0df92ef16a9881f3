"""SIGKILLs at random instants of a daemon that has work on both sides, judged by the oracles after each dozen."""

import asyncio
import random
import signal

from tests.prove.figure import Seen, Stage
from tests.prove.load import under_load
from tests.support.world import World, world
from tests.support.world_oracles import HISTORY, judge, judge_state
from tests.support.world_traffic import Traffic

KILLS, DOZEN = 300, 12
WORLDS = 2
_EARLIEST, _LATEST = 0.2, 3.5
"""Seconds from the start of a process to its death: from the middle of its beginning to well within its work."""
_REST_SECONDS = 90.0


async def random_kills(stage: Stage) -> Seen:
    """Dozens of kills, each in a world of its own, two worlds at a time."""
    kills = stage.size(KILLS, 2)
    dozens = iter([min(DOZEN, kills - start) for start in range(0, kills, DOZEN)])
    failed: list[str] = []
    done = changes = number = 0
    async with world(stage.databases(), stage.room("template")):
        """The database that the others are copied from is made once, before two want it."""

    async def dozen_after_dozen() -> None:
        nonlocal done, changes, number
        for count in dozens:
            number += 1
            seed = stage.seed + number
            try:
                changes += await _dozen(stage, seed, count)
            except AssertionError as error:
                failed.append(f"seed {seed}: {str(error)[:1500]}")
            done += count
            stage.progress(done, kills)

    async with asyncio.TaskGroup() as group:
        for _ in range(WORLDS):
            group.create_task(dozen_after_dozen())
    figure = f"{done} kills among {changes:,} changes of users, {len(failed)} dozens with a failed oracle"
    return Seen(figure, not failed and done == kills, tuple(failed))


async def _dozen(stage: Stage, seed: int, kills: int) -> int:
    """Kill that often, let both sides come to rest, and judge; how many changes users made."""
    rng = random.Random(seed)
    async with world(stage.databases(), stage.room(f"seed{seed}")) as made:
        traffic = Traffic(made, random.Random(seed))
        await made.execute(HISTORY)
        await traffic.populate(10, 20, 8)
        await made.start()
        await made.quiescent()
        await traffic.meet()
        async with under_load(traffic):
            for _ in range(kills):
                await asyncio.sleep(rng.uniform(_EARLIEST, _LATEST))
                await _kill_and_start_again(made)
        await made.ready()
        await made.quiescent(_REST_SECONDS)
        await judge(made, traffic)
        await judge_state(made)
        return sum(traffic.changes.values())


async def _kill_and_start_again(made: World) -> None:
    assert made.daemon is not None
    made.kill()
    assert await made.daemon.ended(10) == -signal.SIGKILL
    made.daemon = made.launch()
