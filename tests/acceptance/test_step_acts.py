"""What an operator does with a whole step, as processes: compare, repair, load, let deletes pass."""

from typing import Any

import pytest

from tests.support.world import World
from tests.support.world_program import until


async def _told(world: World, *arguments: str, status: int = 0) -> Any:
    done = await world.isthmus(*arguments, "--json")
    assert done.status == status, (arguments, done.status, done.err)
    return done.json()


async def _companies(world: World, count: int) -> None:
    await world.execute("INSERT INTO crm.companies (name, site) SELECT 'C' || n, 'start' FROM generate_series(1, $1) AS n", count)  # fmt: skip
    await world.quiescent()


async def _unseen(world: World, statement: str) -> None:
    """A change of rows that capture does not see."""
    await world.execute("ALTER TABLE crm.companies DISABLE TRIGGER USER")
    await world.execute(statement)
    await world.execute("ALTER TABLE crm.companies ENABLE TRIGGER USER")


async def test_a_difference_is_found_shown_and_repaired(running: World) -> None:
    await _companies(running, 5)
    agreed = await _told(running, "step", "compare", "companies")
    assert (agreed["result"]["compared"], agreed["result"]["differences"]) == (5, {})
    await _unseen(running, "UPDATE crm.companies SET site = 'moved' WHERE name = 'C3'")
    await running.org.control("POST", "clock", {"advance": 60})  # what changed just now may be on its way

    async def seen() -> bool:
        return (await running.isthmus("step", "compare", "companies", "--json")).status == 3

    await until(seen, "the difference is no longer taken for a change on its way")
    found = await _told(running, "step", "compare", "companies", "--show", "20", status=3)
    [shown] = found["result"]["shown"]
    assert shown["kind"] == "differing"
    assert [(field["salesforce"], field["postgres"]) for field in shown["fields"]] == [("start", "moved")]
    tried = await _told(running, "step", "repair", "companies", "--from", "postgres", "--dry-run")
    assert tried["records"] == 1
    assert (await running.isthmus("step", "repair", "companies", "--from", "postgres")).status == 5
    await _told(running, "step", "repair", "companies", "--from", "postgres", "--yes")
    await running.quiescent()
    accounts = await running.org.query("SELECT Name, Site FROM Account WHERE Site = 'moved'")
    assert [account["Name"] for account in accounts] == ["C3"]
    await _told(running, "step", "compare", "companies")
    assert {job["kind"] for job in (await _told(running, "job", "list"))["items"]} >= {"compare", "repair"}


@pytest.mark.requirement("S4-71", "S4-72")
async def test_a_small_load_is_estimated_and_shows_each_record_with_its_address(running: World) -> None:
    await _companies(running, 3)
    estimate = await _told(running, "step", "load", "companies", "--limit", "2", "--estimate")
    assert estimate["records"] == 2
    loaded = await running.isthmus("step", "load", "companies", "--limit", "2", "--yes")
    assert loaded.status == 0, loaded.err
    lines = loaded.out.splitlines()
    assert len(lines) == 3, "a header, and a line for each record"
    assert all("/001" in line and "http" in line for line in lines[1:])
    wrong = await running.isthmus("step", "load", "companies", "--where", "Nope = 1", "--yes")
    assert wrong.status != 0
    assert "Nope" in wrong.err


async def test_deletes_that_are_meant_pass_the_guard_once_they_are_allowed(running: World) -> None:
    await _companies(running, 3)
    await running.execute("TRUNCATE crm.companies CASCADE")

    async def held() -> bool:
        return bool((await _told(running, "step", "guard", "companies"))["truncated"])

    await until(held, "the guard tells of the emptied table")
    assert len(await running.org.query("SELECT Id FROM Account")) == 3
    arguments = ("step", "allow-delete", "companies", "--count", "3", "--for", "10m")
    assert (await running.isthmus(*arguments)).status == 5
    assert (await _told(running, *arguments, "--yes"))["count"] == 3

    async def gone() -> bool:
        return not await running.org.query("SELECT Id FROM Account")

    await until(gone, "what was allowed is deleted")
