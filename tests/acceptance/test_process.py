"""The daemon as a service manager, a prober and a reader of its log see it."""

import asyncio
import re
import signal
import socket
import time
from collections.abc import Iterator
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from tests.support.databases import Databases
from tests.support.world import World, problem_lines, world
from tests.support.world_program import until
from tests.support.world_shape import OPERATORS_TOKEN

STOP_SECONDS = 10.0
WATCHDOG_SECONDS = 1.5
ALL_WRITES = {"action": "hang", "path": r"/composite(/sobjects(/\w+/\w+)?)?/?$"}
"""Conditional writes, plain ones, and upserts by an external id."""
CANARIES = ("canary-Mercury", "canary-Venus", "canary-Earth", "canary-Mars")


class Manager:
    """A service manager's notification socket, as sd_notify(3) describes it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.told: list[tuple[float, str]] = []
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(path))
        self._socket.setblocking(False)

    def close(self) -> None:
        self._socket.close()

    @property
    def environment(self) -> dict[str, str]:
        return {"NOTIFY_SOCKET": str(self.path), "WATCHDOG_USEC": str(int(WATCHDOG_SECONDS * 1_000_000))}

    def lines(self, wanted: str) -> list[float]:
        """When this line was told, each time."""
        while True:
            try:
                message = self._socket.recv(4096).decode()
            except BlockingIOError:
                break
            self.told += [(time.monotonic(), line) for line in message.splitlines()]
        return [at for at, line in self.told if line == wanted]


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[Manager]:
    made = Manager(tmp_path / "notify")
    yield made
    made.close()


async def _stops(world: World, seconds: float = STOP_SECONDS) -> None:
    """SIGTERM ends the daemon with 0 in time."""
    assert world.daemon is not None
    world.daemon.signal(signal.SIGTERM)
    assert await world.daemon.ended(seconds) == 0, world.daemon.tail()


async def test_the_service_manager_hears_ready_the_watchdog_and_stopping(
    bare: World, manager: Manager
) -> None:
    program = bare.launch(extra=manager.environment)
    bare.daemon = program

    async def ready() -> bool:
        assert program.status is None, program.tail()
        return bool(manager.lines("READY=1"))

    await until(ready, "READY=1", 30)

    async def fed() -> bool:
        return len(manager.lines("WATCHDOG=1")) >= 6

    await until(fed, "six pings of the watchdog", WATCHDOG_SECONDS * 6)
    pings = manager.lines("WATCHDOG=1")
    gaps = [later - earlier for earlier, later in pairwise(pings)]
    assert max(gaps) < WATCHDOG_SECONDS, gaps
    assert not manager.lines("STOPPING=1")
    await _stops(bare)
    assert len(manager.lines("STOPPING=1")) == 1
    assert len(manager.lines("READY=1")) == 1
    assert manager.told.index((manager.lines("READY=1")[0], "READY=1")) < [x for _, x in manager.told].index(
        "STOPPING=1"
    )


async def test_it_stops_while_the_org_hangs(running: World) -> None:
    await running.org.control("POST", "faults", ALL_WRITES)
    await running.execute("INSERT INTO crm.companies (name) VALUES ('hanging')")

    async def sent() -> bool:
        return bool(await running.value("SELECT count(*) FROM isthmus.change WHERE state = 'sent'"))

    await until(sent, "a write is under way")
    await _stops(running)

    await running.org.control("DELETE", "faults")
    await running.start()
    await running.quiescent()
    assert len(await running.org.query("SELECT Id FROM Account WHERE Name = 'hanging'")) == 1


def _move(record: str, client: Any) -> None:
    client.Account.update(record, {"Site": "moved"})


async def test_it_stops_while_a_row_is_locked_and_the_change_is_not_lost(running: World) -> None:
    await running.execute("INSERT INTO crm.companies (name) VALUES ('locked'), ('free')")
    keys = {row["name"]: row["id"] for row in await running.fetch("SELECT id, name FROM crm.companies")}
    records = {name: await running.sf_id("companies", str(key)) for name, key in keys.items()}
    await running.quiescent()
    locker = await asyncpg.connect(running.dsn, timeout=10)
    try:
        async with locker.transaction():
            await locker.execute("SELECT FROM crm.companies WHERE id = $1 FOR UPDATE", keys["locked"])
            for record in records.values():
                await running.org.talk(partial(_move, record))

            async def others_went_on() -> bool:
                site = await running.value("SELECT site FROM crm.companies WHERE id = $1", keys["free"])
                return bool(site == "moved")

            await until(others_went_on, "the change of the row that is free arrives")
            await _stops(running)
    finally:
        await locker.close(timeout=10)
    await running.start()

    async def arrived() -> bool:
        site = await running.value("SELECT site FROM crm.companies WHERE id = $1", keys["locked"])
        return bool(site == "moved")

    await until(arrived, "the change of the row that was locked arrives")


async def test_a_second_signal_ends_it_at_once(running: World) -> None:
    await running.org.control("POST", "faults", ALL_WRITES)
    await running.execute("INSERT INTO crm.companies (name) VALUES ('hanging')")

    async def sent() -> bool:
        return bool(await running.value("SELECT count(*) FROM isthmus.change WHERE state = 'sent'"))

    await until(sent, "a write is under way")
    assert running.daemon is not None
    running.daemon.signal(signal.SIGTERM)
    await running.daemon.logged("stopping")
    running.daemon.signal(signal.SIGTERM)
    assert await running.daemon.ended(1.0) == -signal.SIGTERM


async def test_it_answers_its_probers_and_an_org_that_is_down_does_not_unready_it(running: World) -> None:
    for listener in (running.api, running.metrics):
        for path in ("/healthz", "/readyz", "/leaderz"):
            status, body = await running.get(listener + path)
            assert status == 200, (path, body)
    status, text = await running.get(running.metrics + "/metrics")
    assert status == 200
    assert re.search(r"^isthmus_leader 1\.0$", text, re.MULTILINE)
    assert re.search(r"^isthmus_build_info\{.*\} 1\.0$", text, re.MULTILINE)

    await asyncio.to_thread(running.org.program.kill)
    await running.execute("INSERT INTO crm.companies (name) VALUES ('written while it was down')")

    async def noticed() -> bool:
        done = await running.isthmus("status", "--json")
        assert done.status == 0, done.err
        components = done.json()["components"]
        return not components["salesforce_stream"]["up"]

    await until(noticed, "status tells that the stream is down", 30, every=0.3)
    for path in ("/healthz", "/readyz", "/leaderz"):
        status, body = await running.get(running.api + path)
        assert status == 200, (path, body)
    await _stops(running)


async def test_the_log_is_json_without_values_and_secrets(running: World) -> None:
    await running.execute(
        "INSERT INTO crm.people (last_name, email, title) VALUES ($1, $2, $3)",
        CANARIES[0], f"{CANARIES[1]}@not an address", CANARIES[2],
    )  # fmt: skip
    await running.parked("INVALID_EMAIL_ADDRESS")
    await running.org.talk(
        lambda client: client.Account.create({"Name": CANARIES[3], "NumberOfEmployees": 2_000_000})
    )
    await running.parked("23514")
    await running.org.control("POST", "tokens/expire")
    await running.execute("INSERT INTO crm.companies (name) VALUES ($1)", CANARIES[0])
    await running.quiescent()
    await _stops(running)
    assert running.daemon is not None
    written = running.daemon.out + running.daemon.err
    assert len(written.splitlines()) > 5
    assert problem_lines(written) == []
    for entry in running.daemon.entries():
        assert {"timestamp", "level", "event", "name"} <= set(entry), entry
    secrets = [running.org.facts[name] for name in ("client_secret", "access_token")]
    for hidden in (*CANARIES, *secrets, OPERATORS_TOKEN, "Bearer"):
        assert hidden not in written, f"{hidden} is in the log"


async def test_every_setting_of_the_log_is_silent_about_values(databases: Databases, tmp_path: Path) -> None:
    loud = (("log: { format: json, level: info }", "log: { format: json, level: debug }"),)
    async with world(databases, tmp_path, changes=loud) as made:
        await made.start()
        await made.execute("INSERT INTO crm.companies (name) VALUES ($1)", CANARIES[0])
        await made.quiescent()
        await _stops(made)
        assert made.daemon is not None
        written = made.daemon.out + made.daemon.err
        assert problem_lines(written) == []
        for hidden in (CANARIES[0], made.org.facts["client_secret"], OPERATORS_TOKEN):
            assert hidden not in written, f"{hidden} is in the log"
