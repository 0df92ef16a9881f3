"""`--check`: play the scenario, verify each step on both sides, and say how it went."""

from contextlib import suppress

from daemon.compose.demo.scenario import STEPS, Play
from daemon.compose.demo.screen import Screen
from daemon.compose.demo.stage import Stage
from daemon.compose.demo.waiting import NotSeenError
from daemon.compose.demo.world import Refuted, World
from daemon.domain.failure import CallFailedError, IsthmusError, UnreachableError


async def check_both_sides(stage: Stage, screen: Screen) -> int:
    """0 when every step came out as it must, else 1. A step that fails does not keep the others from being played."""
    begin = stage.clock.monotonic()
    screen.say("\nThe scenario:")
    world = World(stage)
    passed = 0
    for title, play in STEPS:
        start = stage.clock.monotonic()
        why = await _played(world, play)
        passed += not why
        screen.verdict(not why, title, stage.clock.monotonic() - start, why)
        if stage.daemon.ended:
            break  # nothing that comes after can tell us more
    seconds = stage.clock.monotonic() - begin
    screen.say(f"\n{passed} of {len(STEPS)} steps are as they must be ({seconds:.1f} s)", "bold")
    return 0 if passed == len(STEPS) else 1


async def _played(world: World, play: Play) -> str:
    """Why the step failed; empty when it did not."""
    try:
        await play(world)
        world.stage.daemon.resume()
    except (Refuted, NotSeenError, CallFailedError) as error:
        with suppress(UnreachableError):
            world.stage.daemon.resume()  # the step may have left it held
        return str(error)
    except IsthmusError as error:
        return "\n".join(error.lines())
    return ""
