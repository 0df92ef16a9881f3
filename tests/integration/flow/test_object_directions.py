"""Which way each kind of record travels, object by object, as docs/how-to/directions.md tells it."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from daemon.domain.mapping import Field, Kind, Step, Table
from daemon.domain.side import Direction
from tests.integration.flow.conftest import MakeRoad
from tests.integration.flow.scenes import the_link
from tests.support.road import shift
from tests.support.road_steps import COMPANY, PERSON, field

NAME = field("LastName", "last_name", length=80)
CLOSES = {"StageName": "Prospecting", "CloseDate": "2027-01-31"}


def step(name: str, direction: Direction, *fields: Field) -> Step:
    """A step between an object and the table of people, all of whose fields go its way."""
    own = tuple(replace(each, direction=each.direction.narrowed(direction) or direction) for each in fields)
    return Step(name=name.lower(), object=name, table=PERSON, direction=direction, fields=own)


PULLED = [
    pytest.param("Account", "Phone", {}, marks=pytest.mark.requirement("S2-12"), id="accounts"),
    pytest.param(
        "Opportunity", "NextStep", CLOSES, marks=pytest.mark.requirement("S2-14"), id="opportunities"
    ),
]


@pytest.mark.requirement("S2-20")
@pytest.mark.parametrize(("name", "detail", "needed"), PULLED)
async def test_what_is_pulled_comes_in_and_nothing_goes_out(
    make_road: MakeRoad, name: str, detail: str, needed: dict[str, Any]
) -> None:
    road = await make_road(step(name, Direction.PULL, field("Name", "last_name"), field(detail, "phone")))
    sf_id = road.org.create(name, {"Name": "Acme", detail: "1", **needed})
    await road.settle()
    [row] = await road.rows("person")
    assert (row["last_name"], row["phone"]) == ("Acme", "1")
    shift(road, 5)
    road.org.update(name, sf_id, {detail: "2"})
    await road.settle()
    key = str(row["id"])
    assert (await road.row("person", key) or {})["phone"] == "2"
    await road.forget_calls()
    await road.update("person", key, phone="ours")
    await road.insert("person", last_name="Mine")
    await road.settle()
    assert road.record(name, sf_id)[detail] == "2"
    assert [record["Id"] for record in road.org.rows(name)] == [sf_id]
    assert [call for call in await road.calls() if not call.startswith("GET")] == [], "something was written"


TWO_WAYS = [
    pytest.param(
        "Campaign", field("Name", "last_name"), "Description", "phone", {}, id="campaigns",
        marks=pytest.mark.requirement("S2-13"),
    ),
    pytest.param(
        "Lead", NAME, "Phone", "phone", {"Company": "company_name"}, id="leads",
        marks=pytest.mark.requirement("S2-15", "S2-32"),
    ),
    pytest.param("Contact", NAME, "Phone", "phone", {}, id="contacts", marks=pytest.mark.requirement("S2-16", "S2-32")),
    pytest.param("Contact", NAME, "Tier__c", "phone", {}, id="custom-fields", marks=pytest.mark.requirement("S2-17")),
]  # fmt: skip


@pytest.mark.requirement("S2-24")
@pytest.mark.parametrize(("name", "called", "detail", "column", "more"), TWO_WAYS)
async def test_what_goes_both_ways_is_made_and_changed_from_either_side(
    make_road: MakeRoad, name: str, called: Field, detail: str, column: str, more: dict[str, str]
) -> None:
    others = [field(api, other) for api, other in more.items()]
    road = await make_road(step(name, Direction.TWO_WAY, called, field(detail, column), *others))
    theirs = road.org.create(name, {called.name: "Theirs", detail: "1", **dict.fromkeys(more, "Acme")})
    ours = await road.insert(
        "person", last_name="Ours", **{column: "1"}, **dict.fromkeys(more.values(), "Acme")
    )
    await road.settle()
    made = (await road.link(name.lower(), ours)).sf_id
    assert road.record(name, made)[called.name] == "Ours"
    key = (await the_link(road, theirs)).key
    assert (await road.row("person", key) or {})["last_name"] == "Theirs"
    shift(road, 5)
    await road.update("person", key, **{column: "2"})
    road.org.update(name, made, {detail: "3"})
    await road.settle()
    assert road.record(name, theirs)[detail] == "2"
    assert (await road.row("person", ours) or {})[column] == "3"
    await road.in_step()
    await road.quiet()


@pytest.mark.requirement("S2-19", "S2-21")
async def test_events_are_pushed_alone(make_road: MakeRoad) -> None:
    fields = (
        field("Subject", "name"),
        field("StartDateTime", "updated_at", Kind.DATETIME),
        field("DurationInMinutes", "employees", Kind.NUMBER, scale=0),
    )
    road = await make_road(replace(step("Event", Direction.PUSH, *fields), table=COMPANY))
    starts = datetime(2027, 1, 31, 9, tzinfo=UTC)
    key = await road.insert("company", name="Fair", updated_at=starts, employees=30)
    await road.settle()
    sf_id = (await road.link("event", key)).sf_id
    record = road.record("Event", sf_id)
    assert (record["Subject"], record["DurationInMinutes"]) == ("Fair", 30)
    shift(road, 5)
    road.org.update("Event", sf_id, {"Subject": "Theirs"})
    other = {"StartDateTime": "2027-02-01T09:00:00.000+0000", "DurationInMinutes": 60}
    road.org.create("Event", {"Subject": "Another", **other})
    await road.settle()
    assert [row["name"] for row in await road.rows("company")] == ["Fair"]
    shift(road, 5)
    await road.update("company", key, name="Ours")
    await road.settle()
    assert road.record("Event", sf_id)["Subject"] == "Ours"


@pytest.mark.requirement("S2-18", "S2-21", "S2-25")
async def test_a_leads_score_is_pushed_alone_while_the_lead_goes_both_ways(make_road: MakeRoad) -> None:
    score = field("Score__c", "company", Kind.NUMBER, scale=0, direction=Direction.PUSH)
    road = await make_road(step("Lead", Direction.TWO_WAY, NAME, field("Company", "company_name"), score))
    key = await road.insert("person", last_name="Hill", company_name="Acme", company=7)
    await road.settle()
    lead = (await road.link("lead", key)).sf_id
    assert road.record("Lead", lead)["Score__c"] == 7
    shift(road, 5)
    road.org.update("Lead", lead, {"Score__c": 99, "LastName": "Hall"})
    await road.settle()
    row = await road.row("person", key) or {}
    assert (row["company"], row["last_name"]) == (7, "Hall")
    shift(road, 5)
    await road.update("person", key, company=8)
    await road.settle()
    assert road.record("Lead", lead)["Score__c"] == 8


@pytest.mark.requirement("S2-33")
async def test_an_accounts_name_comes_with_the_lead_and_makes_no_account_row(make_road: MakeRoad) -> None:
    road = await make_road(step("Lead", Direction.PULL, NAME, field("Company", "company_name")))
    lead = road.org.create("Lead", {"LastName": "Hill", "Company": "Acme"})
    road.org.create("Account", {"Name": "Nobody's"})
    await road.settle()
    [row] = await road.rows("person")
    assert row["company_name"] == "Acme"
    shift(road, 5)
    road.org.update("Lead", lead, {"Company": "Acme Inc."})
    await road.settle()
    assert [row["company_name"] for row in await road.rows("person")] == ["Acme Inc."]
    assert await road.rows("company") == []


DEALS = """
CREATE TABLE app.deal (id bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY, name text);
CREATE TABLE app.deal_person (
    id bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY, deal bigint, person bigint, role text
);
"""
DEALS_OF_A_PERSON = """
SELECT p.last_name, d.name
FROM app.person AS p JOIN app.deal_person AS r ON r.person = p.id JOIN app.deal AS d ON d.id = r.deal
"""


def local(table: str, **types: str) -> Table:
    return Table("app", table, ("id",), {"id": "bigint", **types}, defaulted=frozenset({"id"}))


@pytest.mark.requirement("S2-09")
async def test_an_opportunitys_name_is_found_at_its_contact(make_road: MakeRoad) -> None:
    contacts = step("Contact", Direction.PULL, NAME)
    deals = replace(
        step("Opportunity", Direction.PULL, field("Name", "name")), table=local("deal", name="text")
    )
    roles = replace(
        step(
            "OpportunityContactRole",
            Direction.PULL,
            field("OpportunityId", "deal", Kind.REFERENCE, lookup="opportunity"),
            field("ContactId", "person", Kind.REFERENCE, lookup="contact"),
            field("Role", "role"),
        ),
        table=local("deal_person", deal="bigint", person="bigint", role="text"),
        depends_on=("opportunity", "contact"),
    )
    road = await make_road(contacts, deals, roles)
    await road.app.execute(DEALS)
    contact = road.org.create("Contact", {"LastName": "Hill"})
    deal = road.org.create("Opportunity", {"Name": "New roof", **CLOSES})
    road.org.create(
        "OpportunityContactRole", {"OpportunityId": deal, "ContactId": contact, "Role": "Evaluator"}
    )
    await road.settle()
    await road.load()
    assert [tuple(row) for row in await road.app.fetch(DEALS_OF_A_PERSON)] == [("Hill", "New roof")]
    shift(road, 5)
    road.org.update("Opportunity", deal, {"Name": "New roof and walls"})
    await road.settle()
    assert [tuple(row) for row in await road.app.fetch(DEALS_OF_A_PERSON)] == [("Hill", "New roof and walls")]
