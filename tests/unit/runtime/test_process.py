"""Signals and the event loop, in processes of their own: what a service manager sees."""

import asyncio
import signal
import subprocess
import sys
import time
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from daemon.runtime.runner import run
from daemon.runtime.shutdown import Shutdown, StopRequestedError

PROGRAM = """
import asyncio, fcntl, pty, sys, termios, threading, time
from daemon.runtime.clock import SystemClock
from daemon.runtime.logs import configure_logs
from daemon.runtime.redaction import Redaction
from daemon.runtime.runner import run
from daemon.runtime.shutdown import Shutdown
from daemon.runtime.supervisor import Supervisor

configure_logs(style="console", redaction=Redaction())
stop: Shutdown

if sys.argv[3:] == ["terminal"]:
    terminal = pty.openpty()
    fcntl.ioctl(terminal[1], termios.TIOCSCTTY, 0)

async def drains():
    await stop.requested.wait()
    print("drained", flush=True)

async def hangs():
    await asyncio.Event().wait()

async def refuses():
    while True:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            pass

async def blocks():
    await stop.requested.wait()
    time.sleep(60)

async def main():
    global stop
    with Shutdown(limit=1.5) as stop:
        async with Supervisor(SystemClock()) as tasks:
            tasks.start("work", globals()[sys.argv[1]]())
            print("ready", flush=True)
            await stop.requested.wait()
            print("stopping", flush=True)
            await tasks.drain(float(sys.argv[2]))
    print("done", flush=True)
    return 0

sys.exit(run(main))
"""


@contextmanager
def started(task: str, drain: float, *more: str) -> Iterator[subprocess.Popen[str]]:
    """The program, without a terminal unless `more` says `terminal`."""
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, task, str(drain), *more],
        start_new_session=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        yield process
    finally:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_the_first_signal_drains_and_exits_0(number: signal.Signals) -> None:
    with started("drains", 5, "terminal") as process:
        process.send_signal(number)
        out, _ = process.communicate(timeout=5)
        assert (process.returncode, out.split()) == (0, ["stopping", "drained", "done"])


def test_what_hangs_is_cancelled_after_the_drain() -> None:
    with started("hangs", 0.1) as process:
        process.terminate()
        out, _ = process.communicate(timeout=5)
        assert (process.returncode, out.split()) == (0, ["stopping", "done"])


@pytest.mark.parametrize("task", ["refuses", "blocks"])
def test_what_hangs_even_then_ends_with_the_process(task: str) -> None:
    with started(task, 0.1) as process:
        asked = time.monotonic()
        process.terminate()
        process.communicate(timeout=10)
        assert process.returncode == 0
        assert time.monotonic() - asked >= 1.4


@pytest.mark.parametrize("second", [signal.SIGTERM, signal.SIGINT])
def test_a_second_signal_ends_at_once(second: signal.Signals) -> None:
    with started("hangs", 60) as process:
        process.terminate()
        assert process.stdout is not None
        assert process.stdout.readline() == "stopping\n"
        process.send_signal(second)
        assert process.wait(timeout=1) == -second  # a shell shows 128 + the signal


UNREAD = """
import sys
from daemon.runtime.runner import run
from daemon.runtime.shutdown import Shutdown

async def main():
    with Shutdown(limit=5) as stop:
        print("ready", file=sys.stderr, flush=True)
        await stop.requested.wait()
        print("drained", file=sys.stderr, flush=True)
    return 0

sys.exit(run(main))
"""


def test_a_stop_is_not_disturbed_by_a_log_that_nobody_reads() -> None:
    """Where no log is set up, lines go to standard output, and whoever read that has gone."""
    command = [sys.executable, "-c", UNREAD]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stderr.readline() == "ready\n"
        process.stdout.close()
        process.terminate()
        assert process.stderr.read().splitlines()[:1] == ["drained"]
        process.wait(timeout=5)


def test_a_closed_terminal_that_says_so_twice_does_not_cut_the_drain_short() -> None:
    with started("drains", 5, "terminal") as process:
        process.send_signal(signal.SIGHUP)
        process.send_signal(signal.SIGHUP)
        out, _ = process.communicate(timeout=5)
        assert (process.returncode, out.split()) == (0, ["stopping", "drained", "done"])


def test_without_a_terminal_a_hangup_ends_nothing_and_is_told() -> None:
    """A service manager that reloads a daemon which stands by, or waits to begin."""
    with started("drains", 5) as process:
        process.send_signal(signal.SIGHUP)
        assert process.stderr is not None
        assert "hangup_ignored" in process.stderr.readline()
        process.terminate()
        out, _ = process.communicate(timeout=5)
        assert (process.returncode, out.split()) == (0, ["stopping", "drained", "done"])


def test_who_was_started_to_outlive_the_terminal_does() -> None:
    former = signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as nohup does; a child inherits it
    try:
        with started("drains", 5, "terminal") as process:
            process.send_signal(signal.SIGHUP)
            process.terminate()
            out, error = process.communicate(timeout=5)
    finally:
        signal.signal(signal.SIGHUP, former)
    assert out.split() == ["stopping", "drained", "done"]
    assert "SIGTERM" in error
    assert "SIGHUP" not in error


def test_the_runner_gives_back_the_status_and_lets_errors_through() -> None:
    async def seven() -> int:
        await asyncio.sleep(0)
        return 7

    async def fails() -> int:
        raise KeyError("x")

    assert run(seven) == 7
    with pytest.raises(KeyError):
        run(fails)


def test_the_loop_is_uvloop_where_it_is_installed() -> None:
    uvloop = pytest.importorskip("uvloop")

    async def which() -> int:
        return int(isinstance(asyncio.get_running_loop(), uvloop.Loop))

    assert run(which) == 1


async def test_handlers_are_put_back_when_nothing_was_asked() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with Shutdown() as stop:
        assert signal.getsignal(signal.SIGTERM) != before
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    assert not stop.requested.is_set()
    signal.signal(signal.SIGINT, signal.default_int_handler)


async def test_a_request_from_inside_is_the_same_as_a_signal() -> None:
    ended: list[int] = []
    stop = Shutdown(limit=60, end=ended.append)
    stop.request("lease lost")
    stop.request("again")
    assert stop.requested.is_set()
    stop.disarm()
    assert not ended


async def test_a_start_that_waits_for_others_is_given_up() -> None:
    stop, waiting, cleaned = Shutdown(limit=60), asyncio.Event(), list[str]()

    async def start() -> None:
        async with stop.interruptible():
            try:
                waiting.set()
                await asyncio.Event().wait()
            finally:
                cleaned.append("start")

    async with asyncio.timeout(5), asyncio.TaskGroup() as group:
        starting = group.create_task(_refused(start()))
        await waiting.wait()
        stop.request()
        assert await starting
    assert cleaned == ["start"]
    assert await _refused(start())  # and one that is begun later does not begin
    assert cleaned == ["start"]
    stop.disarm()


async def test_a_start_that_succeeds_or_times_out_by_itself_is_left_alone() -> None:
    stop = Shutdown(limit=60)

    async def too_slow() -> None:
        async with stop.interruptible():
            raise TimeoutError("its own")

    async with stop.interruptible():
        await asyncio.sleep(0)
    with pytest.raises(TimeoutError, match="its own"):
        await too_slow()


async def _refused(work: Coroutine[Any, Any, None]) -> bool:
    try:
        await work
    except StopRequestedError:
        return True
    return False
