"""The virtual clock keeps the Clock port's promises without waiting for any."""

import asyncio
from datetime import timedelta

import pytest

from adapters.memory.clock import START, VirtualClock


async def test_time_stands_still_until_it_is_advanced() -> None:
    clock = VirtualClock()
    assert (clock.now(), clock.monotonic()) == (START, 0)
    await clock.advance(90)
    assert (clock.now(), clock.monotonic()) == (START + timedelta(seconds=90), 90)


async def test_sleepers_wake_in_the_order_of_their_times() -> None:
    clock, woken = VirtualClock(), list[tuple[str, float]]()

    async def sleeper(name: str, *naps: float) -> None:
        for nap in naps:
            await clock.sleep(nap)
            woken.append((name, clock.monotonic()))

    async with asyncio.TaskGroup() as group:
        group.create_task(sleeper("slow", 3, 3))
        group.create_task(sleeper("fast", 1, 1, 1))
        await clock.advance(2.5)
        assert woken == [("fast", 1), ("fast", 2)]
        assert clock.sleepers == 2
        await clock.advance(10)
    assert woken[2:] == [("slow", 3), ("fast", 3), ("slow", 6)]
    assert clock.monotonic() == 12.5


async def test_a_cancelled_sleeper_is_forgotten() -> None:
    clock = VirtualClock()
    async with asyncio.TaskGroup() as group:
        task = group.create_task(clock.sleep(5))
        await clock.advance(1)
        task.cancel()
    await clock.advance(10)
    assert clock.sleepers == 0


async def test_an_automatic_clock_jumps_when_everybody_waits() -> None:
    clock, woken = VirtualClock(auto=True), list[tuple[str, float]]()

    async def sleeper(name: str, nap: float, times: int) -> None:
        for _ in range(times):
            await clock.sleep(nap)
            woken.append((name, clock.monotonic()))

    async with asyncio.timeout(10), asyncio.TaskGroup() as group:
        group.create_task(sleeper("day", 86_400, 2))
        group.create_task(sleeper("half", 43_200.5, 3))
    assert woken == [
        ("half", 43_200.5),
        ("day", 86_400),
        ("half", 86_401),
        ("half", 129_601.5),
        ("day", 172_800),
    ]


async def test_an_automatic_clock_survives_the_cancelling_of_its_first_sleeper() -> None:
    clock = VirtualClock(auto=True)
    async with asyncio.timeout(10), asyncio.TaskGroup() as group:
        first = group.create_task(clock.sleep(1))
        group.create_task(clock.sleep(2))
        await asyncio.sleep(0)
        first.cancel()
    assert clock.monotonic() == 2


async def test_the_wall_clock_may_jump_and_durations_do_not() -> None:
    clock = VirtualClock()
    await clock.advance(5)
    clock.set_wall_clock(timedelta(hours=-1))
    assert clock.now() == START - timedelta(hours=1) + timedelta(seconds=5)
    assert clock.monotonic() == 5


@pytest.mark.parametrize("auto", [True, False])
async def test_no_sleep_at_all_gives_others_a_turn(auto: bool) -> None:
    clock, seen = VirtualClock(auto=auto), list[str]()

    async def other() -> None:
        seen.append("other")

    async with asyncio.TaskGroup() as group:
        group.create_task(other())
        await clock.sleep(0)
        assert seen == ["other"]
    assert clock.monotonic() == 0
