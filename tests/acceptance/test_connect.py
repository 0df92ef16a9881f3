"""A person connects the Salesforce account by the installed command, and the daemon that waited for it begins by itself."""

import json

import pytest

from tests.support.browsing import browse, shown_address
from tests.support.ports import free_port
from tests.support.world import World
from tests.support.world_program import Program, until


def _by_login(world: World) -> None:
    """Configure a login of a person, with nothing to log in with yet."""
    world.configure(("flow: client_credentials", "flow: refresh_token"))


async def _logs_in(world: World) -> Program:
    """`connect salesforce` with somebody at the browser; the command, once it has ended."""
    name = f"connect{len(world.programs)}"
    arguments = ["connect", "salesforce", "--port", str(free_port()), "--json", "-c", str(world.config)]
    program = Program(name, arguments, folder=world.folder)
    world.programs.append(program)

    async def shown() -> str | None:
        assert program.status is None, program.tail()
        return shown_address(program.err)

    address = await until(shown, "the address of the login is shown", 30)
    assert address is not None
    assert (await browse(address)).status == 200
    assert await program.ended(30) == 0, program.tail()
    return program


@pytest.mark.requirement("S1-02", "S1-03", "S1-04")
async def test_a_daemon_that_waits_for_the_login_begins_by_itself(bare: World) -> None:
    _by_login(bare)
    bare.daemon = daemon = bare.launch()
    waits = await daemon.logged("start_waits_for_login", 30)
    assert waits["reason"] == "no Salesforce account is connected"
    listening = await daemon.logged("http.listening", 30)
    bare.api = f"http://{listening['api']}"
    told = await bare.isthmus("status")
    assert (told.status, "waits for isthmus connect salesforce" in told.err) == (75, True)
    listed = await bare.isthmus("connect", "--json")
    assert listed.status == 3
    by_side = {row["side"]: row for row in listed.json()["items"]}
    assert by_side["salesforce"]["state"] == "not connected"
    assert "isthmus connect salesforce" in by_side["salesforce"]["do"]
    assert by_side["postgres"]["state"] == "connected"

    made = json.loads((await _logs_in(bare)).out)
    assert (made["state"], made["user"]) == ("connected", bare.org.facts["username"])

    await daemon.logged("ready", 30)
    [_, began] = [entry for entry in daemon.entries() if entry.get("event") == "http.listening"]
    bare.api = f"http://{began['api']}"
    await bare.execute("INSERT INTO crm.companies (name) VALUES ('Connected')")
    key = str(await bare.value("SELECT id FROM crm.companies WHERE name = 'Connected'"))
    assert await bare.org.one("Account", await bare.sf_id("companies", key), "Name") == "Connected"
    listed = await bare.isthmus("connect", "--json")
    assert (listed.status, [row["state"] for row in listed.json()["items"]]) == (
        0,
        ["connected", "connected"],
    )


async def test_a_refused_grant_is_made_good_by_another_login_while_the_daemon_runs(bare: World) -> None:
    _by_login(bare)
    await _logs_in(bare)
    await bare.start()
    await bare.quiescent()
    await bare.execute("UPDATE isthmus.setting SET value = 'login:lost' WHERE name = 'refresh_token'")
    await _logs_in(bare)
    await bare.org.expire_sessions()
    await bare.execute("INSERT INTO crm.companies (name) VALUES ('Again')")
    key = str(await bare.value("SELECT id FROM crm.companies WHERE name = 'Again'"))
    assert await bare.org.one("Account", await bare.sf_id("companies", key), "Name") == "Again"


async def test_once_does_not_wait_for_a_login(bare: World) -> None:
    _by_login(bare)
    program = bare.launch("--once")
    assert await program.ended(30) == 77, program.tail()
    assert "isthmus connect salesforce" in program.err
