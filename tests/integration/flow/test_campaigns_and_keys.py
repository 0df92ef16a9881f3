"""Objects beside accounts and people: a campaign, and identifiers that are no External ID."""

from dataclasses import replace
from typing import Any

import pytest

from daemon.domain.mapping import Kind, OnUnmapped, Step, Unmapped, ValueMap
from daemon.domain.policy import Behaviour
from daemon.domain.side import Direction
from daemon.operations import linking
from tests.integration.flow.conftest import MakeRoad
from tests.integration.flow.scenes import paired_company
from tests.support.road import shift
from tests.support.road_steps import (
    BY_SF_ID,
    COMPANIES,
    COMPANY,
    PEOPLE,
    PERSON,
    by_field,
    field,
    with_fields,
)

CAMPAIGNS = Step(
    name="campaigns",
    object="Campaign",
    table=COMPANY,
    direction=Direction.TWO_WAY,
    fields=(
        field("Name", "name"),
        field("Description", "website"),
        field("IsActive", None, Kind.BOOLEAN, direction=Direction.PUSH, constant=True),
    ),
    identify=(BY_SF_ID,),
)


async def test_a_campaign_is_made_with_its_name_active_and_stays_in_step(make_road: MakeRoad) -> None:
    road = await make_road(CAMPAIGNS)
    await road.load()
    key = await road.insert("company", name="Spring")
    await road.settle()
    [made] = road.org.rows("Campaign")
    assert (made["Name"], made["IsActive"]) == ("Spring", True)
    shift(road, 5)
    road.org.update("Campaign", str(made["Id"]), {"Name": "Spring again"})
    await road.update("company", key, website="flowers")
    await road.settle()
    [made] = road.org.rows("Campaign")
    assert (made["Name"], made["Description"]) == ("Spring again", "flowers")
    assert (await road.row("company", key) or {})["name"] == "Spring again"


@pytest.mark.parametrize("active", [True, False])
async def test_a_row_is_linked_to_a_campaign_that_exists(make_road: MakeRoad, active: bool) -> None:
    road = await make_road(replace(CAMPAIGNS, fields=CAMPAIGNS.fields[:2], on_request=True))
    [sf_id] = road.org.load("Campaign", [{"Name": "Theirs", "IsActive": active}])
    key = await road.insert("company", name="Ours")
    await linking.create(road.office, "campaigns", key, sf_id, "salesforce", "ann")
    await road.settle()
    assert (await road.row("company", key) or {})["name"] == "Theirs"
    [campaign] = road.org.rows("Campaign")
    assert (campaign["Id"], campaign["IsActive"]) == (sf_id, active)


async def test_a_local_value_that_salesforce_has_not_becomes_its_default_in_a_new_record(
    make_road: MakeRoad,
) -> None:
    known = ValueMap(pull={"Hot": "h"}, push={"h": "Hot"}, on_push=Unmapped(OnUnmapped.VALUE, "Cold"))
    road = await make_road(with_fields(COMPANIES, field("Rating", "rating", values=known)))
    for name, rating in (("Known", "h"), ("Unknown", "x")):
        await road.insert("company", name=name, rating=rating)
    await road.settle()
    assert {row["Name"]: row["Rating"] for row in road.org.rows("Account")} == {
        "Known": "Hot",
        "Unknown": "Cold",
    }


@pytest.mark.requirement("S4-37")
@pytest.mark.parametrize(
    ("salesforce", "column", "value"), [("Phone", "phone", "555"), ("NumberOfEmployees", "employees", 42)]
)
async def test_any_text_or_number_identifies_records_that_are_only_updated(
    make_road: MakeRoad, salesforce: str, column: str, value: Any
) -> None:
    step = replace(COMPANIES, push=Behaviour.UPDATE_ONLY, identify=(by_field(salesforce, column),))
    road = await make_road(step)
    [sf_id] = road.org.load("Account", [{"Name": "Acme", salesforce: value}])
    await road.insert("company", **{"name": "Acme", "website": "acme.example", column: value})
    await road.insert("company", **{"name": "Nobody", column: value + value})
    await road.settle()
    assert [(r["Id"], r["Website"]) for r in road.org.rows("Account")] == [(sf_id, "acme.example")]


@pytest.mark.requirement("S4-38")
async def test_a_contact_is_identified_by_its_email(make_road: MakeRoad) -> None:
    road = await make_road(
        COMPANIES, replace(PEOPLE, push=Behaviour.UPDATE_ONLY, identify=(by_field("Email", "email"),))
    )
    await paired_company(road)
    [sf_id] = road.org.load("Contact", [{"LastName": "Hill", "Email": "ann@acme.example"}])
    key = await road.insert("person", last_name="Hill", first_name="Ann", email="ann@acme.example")
    await road.settle()
    assert (await road.link("people", key)).sf_id == sf_id
    assert [(r["Id"], r["FirstName"]) for r in road.org.rows("Contact")] == [(sf_id, "Ann")]


async def test_a_status_that_the_campaign_lacks_makes_a_member_with_its_default_status(
    make_road: MakeRoad,
) -> None:
    known = ValueMap(
        pull={"Responded": "responded"},
        push={"responded": "Responded"},
        on_push=Unmapped(OnUnmapped.KEEP),
    )
    push = Direction.PUSH
    members = Step(
        name="members",
        object="CampaignMember",
        table=PERSON,
        direction=push,
        fields=(
            field("CampaignId", "ext_id", Kind.REFERENCE, direction=push),
            field("ContactId", "sf_id", Kind.REFERENCE, direction=push),
            field("Status", "phone", direction=push, values=known),
        ),
    )
    road = await make_road(members)
    [campaign] = [road.org.create("Campaign", {"Name": "Spring", "IsActive": True})]
    contacts = road.org.load("Contact", [{"LastName": "Hill"}, {"LastName": "Vale"}])
    for contact, status in zip(contacts, ("responded", "clicked"), strict=True):
        await road.insert("person", ext_id=campaign, sf_id=contact, phone=status)
    await road.settle()
    assert {row["ContactId"]: row["Status"] for row in road.org.rows("CampaignMember")} == {
        contacts[0]: "Responded",
        contacts[1]: "Sent",
    }
