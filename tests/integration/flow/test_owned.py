"""What only Salesforce gives: local edits of it are refused, put back, or noted."""

from dataclasses import replace

import asyncpg
import pytest

from daemon.domain.mapping import Step, Steps
from daemon.domain.policy import Owned
from daemon.domain.side import Direction
from daemon.operations.status import status
from tests.integration.flow.conftest import MakeRoad
from tests.support.road import Road, shift
from tests.support.road_steps import COMPANIES, with_field


def pulled(owned: Owned) -> Step:
    """Companies that only Salesforce gives."""
    fields = tuple(replace(each, direction=Direction.PULL) for each in COMPANIES.fields)
    return replace(COMPANIES, direction=Direction.PULL, fields=fields, owned=owned)


async def road_with(make_road: MakeRoad, step: Step) -> Road:
    """A road whose triggers are those that the daemon would install for the step."""
    road = await make_road(step)
    await road.database.capture_install([step])
    assert await road.database.capture_check([step]) == []
    return road


async def company(road: Road) -> tuple[str, str]:
    """A company that came from Salesforce: the row's key and the record's id."""
    sf_id = road.org.create("Account", {"Name": "Acme", "Phone": "1"})
    await road.settle()
    [row] = await road.rows("company")
    shift(road, 5)
    return str(row["id"]), sf_id


@pytest.mark.requirement("S2-07", "S2-20")
@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE app.company SET phone = '2'",
        "UPDATE app.company SET id = id + 100, phone = '2'",
        "DELETE FROM app.company",
        "TRUNCATE app.company",
        "INSERT INTO app.company (name) VALUES ('Mine')",
    ],
)
async def test_a_local_edit_of_an_owned_table_is_refused_in_its_own_statement(
    make_road: MakeRoad, statement: str
) -> None:
    road = await road_with(make_road, pulled(Owned.REFUSE))
    key, sf_id = await company(road)
    with pytest.raises(asyncpg.InsufficientPrivilegeError) as refused:
        await road.app.execute(statement)
    assert "app.company belongs to Salesforce" in str(refused.value)
    assert "step companies" in (refused.value.detail or "")
    assert "Change it in Salesforce" in (refused.value.hint or "")
    await road.update("company", key, note="a column that no step maps is the application's own")
    road.org.update("Account", sf_id, {"Phone": "3"})
    await road.settle()
    assert (await road.row("company", key) or {})["phone"] == "3"
    await road.in_step()
    assert await road.ledger() == []


@pytest.mark.requirement("S2-20")
async def test_a_step_that_pushes_too_guards_only_what_it_never_pushes(make_road: MakeRoad) -> None:
    step = replace(with_field(COMPANIES, "Phone", direction=Direction.PULL), owned=Owned.REFUSE)
    road = await road_with(make_road, step)
    key = await road.insert("company", name="Acme")
    await road.settle()
    sf_id = (await road.link("companies", key)).sf_id
    with pytest.raises(asyncpg.InsufficientPrivilegeError, match=rf"phone \(key {key}\)"):
        await road.update("company", key, phone="2", website="x.example")
    shift(road, 5)
    await road.update("company", key, website="y.example")
    await road.settle()
    assert road.record("Account", sf_id)["Website"] == "y.example"
    await road.delete("company", key)
    await road.settle()
    assert road.org.rows("Account") == []


@pytest.mark.requirement("S2-07", "S2-20")
async def test_a_local_edit_of_an_owned_row_is_put_back(make_road: MakeRoad) -> None:
    road = await road_with(make_road, pulled(Owned.OVERWRITE))
    key, sf_id = await company(road)
    heard = road.org.log.end
    await road.update("company", key, phone="ours", note="mine")
    await road.settle()
    row = await road.row("company", key) or {}
    assert (row["phone"], row["note"]) == ("1", "mine")
    assert [
        (entry["kind"], entry["field"], entry["winner"], entry["postgres"]) for entry in await road.ledger()
    ] == [("drift", "Phone", "salesforce", "ours")]
    await road.delete("company", key)
    await road.settle()
    assert (await road.row("company", key) or {})["phone"] == "1", "the row was not made again"
    assert road.org.log.end == heard, "something was written to Salesforce"
    assert (await road.link("companies", key)).sf_id == sf_id
    await road.in_step()
    await road.quiet()


@pytest.mark.requirement("S2-08")
@pytest.mark.parametrize(
    ("owned", "edits"), [(Owned.REFUSE, "refused"), (Owned.OVERWRITE, "put back"), (Owned.OFF, "noted")]
)
async def test_an_owned_table_can_be_read_and_the_status_says_where_work_on_it_belongs(
    make_road: MakeRoad, owned: Owned, edits: str
) -> None:
    road = await road_with(make_road, pulled(owned))
    await company(road)
    assert await road.app.fetchval("SELECT name FROM app.company") == "Acme"
    [told] = (await status(road.office))["steps"]
    assert "app.company belongs to Salesforce: work on it there" in told["notice"]
    assert edits in told["notice"]
    road.parts.in_force.replace(Steps((COMPANIES,)))
    assert (await status(road.office))["steps"][0]["notice"] is None


async def test_a_guard_goes_when_the_step_asks_for_none_any_more(make_road: MakeRoad) -> None:
    road = await road_with(make_road, pulled(Owned.REFUSE))
    key, _ = await company(road)
    free = pulled(Owned.OFF)
    assert [p.what for p in await road.database.capture_check([free])] == [
        "a guard is there that the step does not ask for"
    ]
    await road.database.capture_install([free])
    assert await road.database.capture_check([free]) == []
    await road.update("company", key, phone="2")
    assert (await road.row("company", key) or {})["phone"] == "2"


async def test_a_guard_whose_column_is_gone_lets_the_application_work(make_road: MakeRoad) -> None:
    road = await road_with(make_road, pulled(Owned.REFUSE))
    key, _ = await company(road)
    await road.app.execute("ALTER TABLE app.company DROP COLUMN phone")
    await road.update("company", key, name="Other")
    assert (await road.row("company", key) or {})["name"] == "Other"
