"""Two daemons on one database: one leads, the other stands by and takes over, whether the first is killed, freezes, or steps down."""

import json
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from tests.support.databases import Databases
from tests.support.world import World, world
from tests.support.world_program import Program, until
from tests.support.world_shape import OPERATORS_TOKEN

TAKE_OVER_SECONDS = 20.0
"""Twice the life of a lease, and a little."""


async def standing_by(running: World) -> tuple[Program, str]:
    """A second daemon that waits, and the address of its API."""
    program = running.launch("--standby")
    listening = await program.logged("http.listening")
    await program.logged("standing_by")
    return program, f"http://{listening['api']}"


async def leads(running: World, program: Program, api: str) -> None:
    """The standby leads, within the time that is promised."""
    started = time.monotonic()
    await program.logged("ready", TAKE_OVER_SECONDS)
    assert time.monotonic() - started < TAKE_OVER_SECONDS
    status, text = await running.get(f"{api}/leaderz")
    assert (status, json.loads(text)["leader"]) == (200, True)
    running.daemon, running.api = program, api


async def in_step(running: World, name: str) -> None:
    """A change made now crosses."""
    key = str(await running.value("INSERT INTO crm.companies (name) VALUES ($1) RETURNING id", name))
    sf_id = await running.sf_id("companies", key)
    [record] = await running.org.query(f"SELECT Name FROM Account WHERE Id = '{sf_id}'")
    assert record["Name"] == name


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGSTOP])
async def test_a_standby_takes_over_from_a_leader_that_dies_or_freezes(
    databases: Databases, tmp_path: Any, end: signal.Signals
) -> None:
    async with world(databases, tmp_path) as running:
        first = await running.start()
        second, api = await standing_by(running)
        assert (await running.get(f"{api}/healthz"))[0] == 200
        assert (await running.get(f"{api}/readyz"))[0] == 200
        assert (await running.get(f"{api}/leaderz"))[0] == 503
        second.signal(signal.SIGHUP)
        await second.logged("hangup_ignored")
        first.signal(end)
        await leads(running, second, api)
        await second.logged("configuration_in_force")  # its files are read anew
        await in_step(running, "after the take-over")
        if end is signal.SIGSTOP:
            first.signal(signal.SIGCONT)
            assert await first.ended(30) == 75, first.tail()
        await running.quiescent()
        doubled = await running.value("SELECT count(*) FROM isthmus.lease WHERE epoch <> 2")
        assert doubled == 0


async def test_a_leader_steps_down_for_its_standby(databases: Databases, tmp_path: Any) -> None:
    async with world(databases, tmp_path) as running:
        first = await running.start()
        second, api = await standing_by(running)
        token = ("--token-file", str(operators_token(running)))
        shown = (await running.isthmus("leader", "status", "--json", *token)).json()
        assert (shown["epoch"], shown["this"]) == (1, True)
        done = await running.isthmus("leader", "step-down", "--yes", "--json", *token)
        assert done.status == 0, done.err
        assert await first.ended(20) == 75, first.tail()
        await leads(running, second, api)
        await in_step(running, "after the step-down")
        shown = (await running.isthmus("leader", "status", "--json", *token)).json()
        assert (shown["epoch"], shown["this"]) == (2, True)


async def test_a_standby_writes_nothing_and_says_who_leads(databases: Databases, tmp_path: Any) -> None:
    async with world(databases, tmp_path) as running:
        await running.start()
        second, api = await standing_by(running)
        token = ("--token-file", str(operators_token(running)))
        running.api = api
        shown = (await running.isthmus("leader", "status", "--json", *token)).json()
        assert (shown["epoch"], shown["this"]) == (1, False)
        refused = await running.isthmus("leader", "step-down", "--yes", *token)
        assert refused.status == 5
        assert "does not lead" in refused.err
        assert (await running.isthmus("status", "--json", *token)).json()["leader"] is None
        second.signal(signal.SIGTERM)
        assert await second.ended(10) == 0, second.tail()


def operators_token(running: World) -> Any:
    path = running.folder / "operator.token"
    path.write_text(OPERATORS_TOKEN, "utf-8")
    return path


async def test_without_standing_by_a_second_daemon_is_refused(databases: Databases, tmp_path: Any) -> None:
    async with world(databases, tmp_path) as running:
        await running.start()
        second = running.launch()
        assert await second.ended(20) == 5, second.tail()
        assert "--standby" in second.tail()
        await until(lambda: running.value("SELECT true"), "the first goes on")


async def test_a_standby_takes_over_by_the_files_of_the_hour(databases: Databases, tmp_path: Path) -> None:
    """What the former leader took up by a reload is known to its successor before that does anything."""
    async with world(databases, tmp_path) as running:
        first = await running.start()
        second, api = await standing_by(running)
        text = running.config.read_text("utf-8")
        at = text.index("  - name: companies\n") + len("  - name: companies\n")
        hook = "{ webhook: { url: 'http://127.0.0.1:9/hook' } }"
        action = f"    actions: [ {{ name: tell, direction: two_way, do: {hook} }} ]\n"
        running.config.write_text(text[:at] + action + text[at:], "utf-8")
        assert (await running.isthmus("config", "reload", "--json")).status == 0
        await running.execute("INSERT INTO crm.companies (name) VALUES ('Acme')")

        async def stored() -> bool:
            return bool(await running.value("SELECT count(*) FROM isthmus.action") == 1)

        await until(stored, "the webhook waits")
        first.signal(signal.SIGKILL)
        await leads(running, second, api)
        await second.logged("ready")
        assert await stored()
