"""Explaining one record: the plan as it would be, and nothing written."""

import pytest

from daemon.domain.failure import NotFoundError
from daemon.operations import record
from tests.integration.flow.conftest import MakeRoad
from tests.integration.flow.scenes import paired_company
from tests.support.road import Road
from tests.support.road_steps import COMPANIES


async def everything(road: Road) -> object:
    links, changes, journal = await road.links(), await road.changes(), await road.journal()
    return links, changes, journal, await road.ledger(), await road.rows("company"), road.org.log.end


async def test_a_pair_in_step_says_so(make_road: MakeRoad) -> None:
    road = await make_road(COMPANIES)
    key, sf_id = await paired_company(road)
    told = await record.explain(road.office, "companies", key)
    assert (told["key"], told["sf_id"], told["plan"]["outcome"]) == (key, sf_id, "unchanged")
    assert "In step" in told["summary"]


async def test_explain_shows_the_plan_and_writes_nothing(make_road: MakeRoad) -> None:
    road = await make_road(COMPANIES)
    key, sf_id = await paired_company(road)
    road.org.update("Account", sf_id, {"Phone": "s", "Website": "w.example"})
    await road.update("company", key, phone="p", name="Other")
    before = await everything(road)
    for name in (key, sf_id, sf_id[:15]):
        told = await record.explain(road.office, "companies", name)
        assert told["plan"]["salesforce"]["values"]["Name"] == "Other"
        assert told["plan"]["postgres"]["values"]["Website"] == "w.example"
        [conflict] = told["plan"]["conflicts"]
        assert conflict["field"] == "Phone"
        rules = {field["field"]: field["rule"] for field in told["plan"]["fields"]}
        assert (rules["Phone"], rules["Name"]) == ("conflict", "only_postgres")
    assert await everything(road) == before


async def test_explain_of_a_row_that_would_be_created_writes_nothing(make_road: MakeRoad) -> None:
    road = await make_road(COMPANIES)
    key = await road.insert("company", name="New")
    before = await everything(road)
    told = await record.explain(road.office, "companies", key)
    assert told["plan"]["salesforce"]["operation"] == "create"
    assert await everything(road) == before


@pytest.mark.requirement("S4-39")
async def test_explain_of_an_ambiguous_row_names_the_candidates(make_road: MakeRoad) -> None:
    from dataclasses import replace

    from tests.support.road_steps import by_field

    road = await make_road(replace(COMPANIES, identify=(by_field("Name", "name"),)))
    ids = road.org.load("Account", [{"Name": "Twin"}, {"Name": "Twin"}])
    key = await road.insert("company", name="Twin")
    told = await record.explain(road.office, "companies", key)
    assert sorted(told["candidates"]) == sorted(ids)
    assert told["advice"]


async def test_what_is_not_there_is_said_in_three_lines(make_road: MakeRoad) -> None:
    road = await make_road(COMPANIES)
    for step, key in (("companies", "999"), ("nothing", "1")):
        with pytest.raises(NotFoundError) as told:
            await record.explain(road.office, step, key)
        assert len(told.value.lines()) == 3


async def test_show_tells_the_history_of_both_directions(make_road: MakeRoad) -> None:
    road = await make_road(COMPANIES)
    key, sf_id = await paired_company(road)
    road.org.update("Account", sf_id, {"Phone": "2"})
    await road.settle()
    shown = await record.show(road.office, "companies", key)
    assert {entry["direction"] for entry in shown["history"]} == {"pull", "push"}
    assert shown["postgres"]["phone"] == "2"
    assert shown["salesforce"]["Phone"] == "2"
