"""One TaskGroup: the first failure ends all and is what is raised; a clean drain raises nothing."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest
import structlog

from adapters.memory.clock import VirtualClock
from daemon.runtime.supervisor import Supervisor, TaskEndedError


class FaultError(Exception):
    pass


async def supervise(*work: tuple[str, Coroutine[Any, Any, None]]) -> None:
    """Run these as eternal tasks for ever."""
    async with asyncio.timeout(5), Supervisor(VirtualClock()) as tasks:
        for name, coroutine in work:
            tasks.start(name, coroutine)
        await asyncio.Event().wait()


async def for_ever() -> None:
    await asyncio.Event().wait()


async def fail(error: BaseException) -> None:
    await asyncio.sleep(0)
    raise error


async def test_the_first_failure_ends_all_and_is_raised_itself() -> None:
    cleaned = []

    async def tidy() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            cleaned.append("tidy")

    with structlog.testing.capture_logs() as logs, pytest.raises(FaultError, match="first"):
        await supervise(("tidy", tidy()), ("bad", fail(FaultError("first"))))
    assert cleaned == ["tidy"]
    assert [(line["event"], line["task"]) for line in logs] == [("task.failed", "bad")]


async def test_a_failure_while_ending_does_not_hide_the_cause() -> None:
    async def fails_when_cancelled() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            raise FaultError("second")

    with structlog.testing.capture_logs() as logs, pytest.raises(FaultError, match="first"):
        await supervise(("second", fails_when_cancelled()), ("first", fail(FaultError("first"))))
    assert [line["event"] for line in logs] == ["task.failed", "task.failed_while_ending"]


async def test_an_eternal_task_that_ends_is_a_fault() -> None:
    with pytest.raises(TaskEndedError, match="capture"):
        await supervise(("capture", asyncio.sleep(0)))


async def test_f5_a_task_that_somebody_else_cancels_ends_all() -> None:
    async def cancels_itself() -> None:
        task = asyncio.current_task()
        assert task is not None
        task.cancel()
        await asyncio.sleep(0)

    with structlog.testing.capture_logs(), pytest.raises(TaskEndedError, match="stream"):
        await supervise(("stream", cancels_itself()), ("other", for_ever()))


async def test_tasks_that_end_with_their_block_are_no_fault() -> None:
    async def block() -> None:
        async with asyncio.timeout(5), Supervisor(VirtualClock()) as tasks:
            tasks.start("other", for_ever())
            await fail(FaultError("the block"))

    with structlog.testing.capture_logs() as logs, pytest.raises(FaultError, match="the block"):
        await block()
    assert logs == []


async def test_an_eternal_task_that_dies_of_somebody_elses_cancellation_is_a_fault() -> None:
    async def awaits_a_cancelled_future() -> None:
        future = asyncio.get_running_loop().create_future()
        future.cancel()
        await future

    with pytest.raises(TaskEndedError, match="stream"):
        await supervise(("stream", awaits_a_cancelled_future()))


async def test_a_task_that_may_end_does() -> None:
    async with Supervisor(VirtualClock()) as tasks:
        tasks.start("load", asyncio.sleep(0), eternal=False)
    assert tasks.running == ()


async def test_the_block_failing_is_raised_as_it_is() -> None:
    async def body() -> None:
        async with Supervisor(VirtualClock()) as tasks:
            tasks.start("one", for_ever())
            raise FaultError("body")

    with pytest.raises(FaultError, match="body"):
        await body()


async def test_two_tasks_of_one_name_are_refused() -> None:
    async with Supervisor(VirtualClock()) as tasks:
        tasks.start("one", for_ever())
        with pytest.raises(ValueError, match="one"):
            tasks.start("one", for_ever())
        tasks.cancel()


async def test_a_drain_lets_tasks_end_by_themselves() -> None:
    clock, stop, done = VirtualClock(auto=True), asyncio.Event(), list[str]()

    async def finishes_its_batch() -> None:
        await stop.wait()
        await clock.sleep(3)
        done.append("batch")

    async with Supervisor(clock) as tasks:
        tasks.start("pull", finishes_its_batch())
        await asyncio.sleep(0)
        stop.set()
        assert await tasks.drain(8)
    assert done == ["batch"]
    assert clock.monotonic() == 3


async def test_a_drain_cancels_what_hangs_and_says_what_it_was() -> None:
    clock = VirtualClock(auto=True)
    with structlog.testing.capture_logs() as logs:
        async with Supervisor(clock) as tasks:
            tasks.start("hangs", for_ever())
            tasks.start("never began", for_ever())
            assert not await tasks.drain(8)
    assert clock.monotonic() == 8
    assert [line["tasks"] for line in logs if line["event"] == "tasks.cancelled"] == [
        ["hangs", "never began"]
    ]


async def test_a_failure_while_draining_is_still_raised() -> None:
    clock, stop = VirtualClock(auto=True), asyncio.Event()

    async def fails_late() -> None:
        await stop.wait()
        raise FaultError("late")

    async def stop_them() -> None:
        async with Supervisor(clock) as tasks:
            tasks.start("hangs", for_ever())
            tasks.start("late", fails_late())
            await asyncio.sleep(0)
            stop.set()
            await tasks.drain(8)

    with pytest.raises(FaultError, match="late"):
        await stop_them()


async def test_cancellation_from_outside_is_not_swallowed() -> None:
    ended, started = [], asyncio.Event()

    async def child() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("child")

    async def owner() -> None:
        async with Supervisor(VirtualClock()) as tasks:
            tasks.start("child", child())
            await asyncio.sleep(0)
            started.set()
            await asyncio.Event().wait()

    async with asyncio.TaskGroup() as group:
        task = group.create_task(owner())
        await started.wait()
        task.cancel()
    assert task.cancelled()
    assert ended == ["child"]
