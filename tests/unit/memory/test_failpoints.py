"""A trap springs once, at its place, and does what it says."""

import asyncio

import pytest

from adapters.memory.clock import VirtualClock
from adapters.memory.failpoints import Action, ArmedFailpoints, FailpointError, Trap
from daemon.ports.failpoints import NO_FAILPOINTS, Failpoint

HERE, BEFORE = Failpoint.COMMIT_UNHEARD, Failpoint.POSITION_WRITTEN


def armed(trap: Trap, told: list[str]) -> ArmedFailpoints:
    return ArmedFailpoints(
        trap, VirtualClock(), lambda sprung: told.append(sprung.action.value), lambda: told.append("killed")
    )


async def test_it_springs_at_the_nth_time_after_others_and_never_again() -> None:
    told: list[str] = []
    points = armed(Trap(HERE, Action.RAISE, (BEFORE,), nth=2), told)
    for point in (HERE, HERE, BEFORE, HERE, BEFORE):
        await points.reach(point)
    assert told == []
    with pytest.raises(FailpointError, match="commit unheard"):
        await points.reach(HERE)
    await points.reach(HERE)
    assert told == ["raise"]


async def test_it_kills() -> None:
    told: list[str] = []
    await armed(Trap(HERE, Action.KILL), told).reach(HERE)
    assert told == ["kill", "killed"]


async def test_it_cancels_the_task_that_stepped_on_it() -> None:
    told: list[str] = []
    points = armed(Trap(HERE, Action.CANCEL), told)
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(points.reach(HERE))
    assert task.cancelled()


async def test_in_production_nothing_happens_anywhere() -> None:
    for point in Failpoint:
        assert await NO_FAILPOINTS.reach(point) is None  # type: ignore[func-returns-value]
