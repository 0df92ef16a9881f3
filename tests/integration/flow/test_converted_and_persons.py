"""Records that are more than they seem: leads that were converted, accounts and contacts that are persons."""

from dataclasses import replace
from typing import Any

import pytest

from daemon.domain.mapping import Step
from daemon.domain.policy import ConvertedLead
from daemon.domain.side import Direction
from tests.integration.flow.conftest import MakeRoad
from tests.support.road import Road, shift
from tests.support.road_steps import COMPANIES, PEOPLE, PERSON, field

LEADS = Step(
    name="leads",
    object="Lead",
    table=PERSON,
    direction=Direction.TWO_WAY,
    fields=(
        field("LastName", "last_name"),
        field("Company", "company_name"),
        field("Email", "email"),
        field("Status", "phone", direction=Direction.PUSH),
    ),
    converted_lead=ConvertedLead.IGNORE,
)
CONTACTS = replace(PEOPLE, fields=PEOPLE.fields[:3], depends_on=())


async def writes(road: Road) -> list[str]:
    """Calls that change records. Reading many by their ids is a POST as well, to the address of their object."""
    return [
        call
        for call in await road.calls()
        if not call.startswith("GET") and not call.endswith("/composite/sobjects/Lead")
    ]


async def codes(road: Road) -> set[Any]:
    return {(entry["direction"], entry["code"]) for entry in await road.journal()}


def org_with_converted_lead(road: Road) -> str:
    lead = road.org.create("Lead", {"LastName": "Hill", "Company": "Acme", "Email": "h@acme.example"})
    shift(road, 5)
    road.org.convert_lead(lead)
    shift(road, 5)
    return lead


@pytest.mark.requirement("S1-76")
async def test_leads_that_were_converted_long_ago_come_in_with_the_first_load(make_road: MakeRoad) -> None:
    road = await make_road(LEADS)
    lead = org_with_converted_lead(road)
    await road.load()
    [row] = await road.rows("person")
    assert (row["last_name"], row["company_name"], row["email"]) == ("Hill", "Acme", "h@acme.example")
    assert (await road.link("leads", str(row["id"]))).sf_id == lead
    await road.settle()
    assert await road.changes() == []


@pytest.mark.requirement("S1-76")
async def test_a_converted_lead_stays_out_where_the_step_does_not_ask_for_it(make_road: MakeRoad) -> None:
    road = await make_road(replace(LEADS, converted_lead=ConvertedLead.FOLLOW_CONTACT))
    org_with_converted_lead(road)
    await road.load()
    assert await road.rows("person") == []
    assert ("pull", "converted_lead") in await codes(road)


@pytest.mark.requirement("S1-77", "S1-78", "S1-79")
@pytest.mark.parametrize("edit", [{"phone": "Working - Contacted"}, {"email": "new@acme.example"}])
async def test_a_converted_lead_is_not_written_and_the_log_tells_why(
    make_road: MakeRoad, edit: dict[str, str]
) -> None:
    road = await make_road(LEADS)
    lead = road.org.create("Lead", {"LastName": "Hill", "Company": "Acme", "Email": "h@acme.example"})
    await road.settle()
    [row] = await road.rows("person")
    shift(road, 5)
    road.org.convert_lead(lead)
    await road.settle()
    await road.forget_calls()
    before = road.record("Lead", lead)
    await road.update("person", str(row["id"]), **edit)
    await road.settle()
    assert await writes(road) == [], "a write of a converted lead was tried"
    assert road.record("Lead", lead) == before
    assert ("push", "converted_lead") in await codes(road)
    assert await road.changes() == [], "it is tried again"


def with_persons(road: Road) -> None:
    road.org.set_switches({"person_accounts": True})


@pytest.mark.requirement("S2-30", "S2-34")
@pytest.mark.parametrize("first", ["load", "events"])
async def test_the_contact_half_of_a_person_account_is_no_contact(make_road: MakeRoad, first: str) -> None:
    road = await make_road(replace(CONTACTS, tells_persons=True))
    with_persons(road)
    road.org.create("Account", {"FirstName": "Ada", "LastName": "Sato"})
    road.org.create("Contact", {"LastName": "Hill"})
    await (road.load() if first == "load" else road.settle())
    await road.settle()
    assert [row["last_name"] for row in await road.rows("person")] == ["Hill"]
    assert ("pull", "person_account") in await codes(road)
    assert await road.changes() == []


@pytest.mark.requirement("S2-30", "S2-34")
async def test_a_person_account_is_no_company(make_road: MakeRoad) -> None:
    road = await make_road(replace(COMPANIES, tells_persons=True))
    with_persons(road)
    person = road.org.create("Account", {"LastName": "Sato"})
    business = road.org.create("Account", {"Name": "Acme"})
    await road.load()
    await road.settle()
    assert [row["name"] for row in await road.rows("company")] == ["Acme"]
    assert [link.sf_id for link in await road.links()] == [business]
    skipped = [(e["sf_id"], e["outcome"]) for e in await road.journal() if e["code"] == "person_account"]
    assert skipped
    assert set(skipped) == {(person, "skip")}


async def test_a_link_that_broke_by_a_conversion_parks_no_edit_of_its_row(make_road: MakeRoad) -> None:
    road = await make_road(replace(LEADS, converted_lead=ConvertedLead.FOLLOW_CONTACT))
    lead = road.org.create("Lead", {"LastName": "Hill", "Company": "Acme", "Email": "h@acme.example"})
    await road.settle()
    [row] = await road.rows("person")
    shift(road, 5)
    road.org.convert_lead(lead)
    await road.settle()
    await road.update("person", str(row["id"]), email="new@acme.example")
    await road.settle()
    assert await road.changes() == []
