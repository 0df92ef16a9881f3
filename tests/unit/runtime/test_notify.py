"""The service manager's protocol, against a socket that stands in for systemd."""

import asyncio
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from adapters.memory.clock import VirtualClock
from daemon.runtime.notify import Notifier


@pytest.fixture(params=["path", "abstract"])
def manager(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[str, socket.socket]]:
    address = str(tmp_path / "notify") if request.param == "path" else f"@isthmus-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(address.replace("@", "\0", 1) if request.param == "abstract" else address)
        listener.settimeout(5)
        yield address, listener


def test_every_message_is_one_datagram(manager: tuple[str, socket.socket]) -> None:
    address, listener = manager
    notifier = Notifier.from_environment({"NOTIFY_SOCKET": address})
    notifier.ready("two steps\nin step")
    notifier.status("3 behind")
    notifier.stopping()
    received = [listener.recv(4096).decode() for _ in range(3)]
    assert received == ["READY=1\nSTATUS=two steps in step", "STATUS=3 behind", "STOPPING=1\nSTATUS=stopping"]


async def test_the_watchdog_is_fed_at_a_third_of_its_time(manager: tuple[str, socket.socket]) -> None:
    address, listener = manager
    listener.setblocking(False)
    clock = VirtualClock()
    notifier = Notifier.from_environment({"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "30000000"})
    assert notifier.watchdog_seconds == 30
    async with asyncio.TaskGroup() as group:
        feeding = group.create_task(notifier.feed_watchdog(clock))
        await clock.advance(29)
        feeding.cancel()
    received = [listener.recv(4096) for _ in range(3)]
    assert received == [b"WATCHDOG=1"] * 3
    with pytest.raises(BlockingIOError):
        listener.recv(4096)


@pytest.mark.parametrize(
    "environ",
    [
        {},
        {"WATCHDOG_USEC": "0"},
        {"WATCHDOG_USEC": "soon"},
        {"WATCHDOG_USEC": "1000000", "WATCHDOG_PID": "1"},
    ],
)
async def test_without_a_manager_or_watchdog_nothing_is_sent(environ: dict[str, str]) -> None:
    clock = VirtualClock()
    notifier = Notifier.from_environment(environ)
    notifier.ready()
    assert notifier.watchdog_seconds is None
    async with asyncio.TaskGroup() as group:
        feeding = group.create_task(notifier.feed_watchdog(clock))
        await clock.advance(7200)
        assert not feeding.done()
        feeding.cancel()


def test_a_manager_that_is_gone_harms_nobody(tmp_path: Path) -> None:
    notifier = Notifier(str(tmp_path / "nobody"))
    notifier.ready()
    notifier.stopping()
