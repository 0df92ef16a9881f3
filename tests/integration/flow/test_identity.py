"""Identity follows the record: conversion, merge, a changed key, and links that stay one to one."""

from dataclasses import replace

import pytest

from daemon.domain.mapping import Step
from daemon.domain.policy import ConvertedLead
from daemon.domain.side import Direction
from tests.integration.flow.conftest import MakeRoad
from tests.integration.flow.scenes import paired_company, the_link
from tests.support.road import Road, shift
from tests.support.road_steps import BY_SF_ID, COMPANIES, PERSON, field

LEADS = Step(
    name="leads",
    object="Lead",
    table=PERSON,
    direction=Direction.PULL,
    fields=(
        field("LastName", "last_name", direction=Direction.PULL),
        field("Company", "company_name", direction=Direction.PULL),
    ),
    identify=(BY_SF_ID,),
)
CONTACTS = Step(
    name="contacts",
    object="Contact",
    table=PERSON,
    direction=Direction.TWO_WAY,
    fields=(field("LastName", "last_name"), field("Phone", "phone")),
    identify=(BY_SF_ID,),
)


async def converted(road: Road) -> tuple[str, str]:
    lead = road.org.create("Lead", {"LastName": "Hill", "Company": "Acme"})
    await road.settle()
    [row] = await road.rows("person")
    assert row["sf_id"] == lead
    shift(road, 5)
    made = road.org.convert_lead(lead)
    shift(road, 5)
    road.org.update("Contact", made.contact_id, {"Phone": "42"})
    return str(row["id"]), made.contact_id


@pytest.mark.requirement("S1-75", "S2-32")
async def test_a_converted_lead_is_followed_to_its_contact(make_road: MakeRoad) -> None:
    road = await make_road(replace(LEADS, converted_lead=ConvertedLead.FOLLOW_CONTACT), CONTACTS)
    key, contact = await converted(road)
    await road.settle()
    rows = await road.rows("person")
    assert [str(row["id"]) for row in rows] == [key], "the contact became a second row"
    link = await road.link("contacts", key)
    assert (link.step, link.object, link.sf_id, link.origin.value) == (
        "contacts",
        "Contact",
        contact,
        "conversion",
    )
    assert (rows[0]["sf_id"], rows[0]["phone"]) == (contact, "42")
    shift(road, 5)
    await road.update("person", key, phone="43")
    await road.settle()
    assert road.record("Contact", contact)["Phone"] == "43"
    await road.in_step()
    await road.quiet()


async def test_a_contact_that_was_heard_of_first_keeps_its_own_row(make_road: MakeRoad) -> None:
    road = await make_road(replace(LEADS, converted_lead=ConvertedLead.FOLLOW_CONTACT), CONTACTS)
    key, contact = await converted(road)
    await road.listen(apart=True)
    await road.settle()
    links = {link.sf_id: link.state.value for link in await road.links()}
    assert links[contact] == "linked"
    assert await road.row("person", key) is not None
    await road.in_step()
    await road.quiet()


@pytest.mark.parametrize(
    ("policy", "state"), [(ConvertedLead.UNLINK, "broken"), (ConvertedLead.PARK, "linked")]
)
async def test_a_converted_lead_that_is_not_followed(
    make_road: MakeRoad, policy: ConvertedLead, state: str
) -> None:
    road = await make_road(replace(LEADS, converted_lead=policy))
    key, _ = await converted(road)
    await road.settle()
    link = await road.link("leads", key)
    assert link.state.value == state
    codes = {(c["state"], c["code"]) for c in await road.changes()}
    assert codes == ({("parked", "converted_lead")} if policy is ConvertedLead.PARK else set())
    assert len(await road.rows("person")) == 1


async def test_a_row_of_two_steps_is_written_by_the_step_of_its_link_alone(make_road: MakeRoad) -> None:
    leads = replace(
        LEADS, direction=Direction.TWO_WAY, fields=(field("LastName", "last_name"), field("Phone", "phone"))
    )
    road = await make_road(leads, CONTACTS)
    lead = road.org.create("Lead", {"LastName": "Hill", "Company": "Acme"})
    await road.settle()
    [row] = await road.rows("person")
    key = str(row["id"])
    shift(road, 5)
    await road.update("person", key, phone="7")
    await road.settle()
    assert road.record("Lead", lead)["Phone"] == "7"
    assert road.org.rows("Contact") == []
    assert await road.row("person", key) is not None
    assert (await road.link("leads", key)).state.value == "linked"
    await road.in_step()
    await road.quiet()


@pytest.mark.requirement("S4-32")
async def test_the_loser_of_a_merge_points_to_the_winner(make_road: MakeRoad) -> None:
    road = await make_road(COMPANIES)
    winner = road.org.load("Account", [{"Name": "Winner", "Phone": "w"}])[0]
    key, loser = await paired_company(road)
    road.org.merge(winner, [loser])
    await road.settle()
    link = await road.link("companies", key)
    assert (link.sf_id, link.state.value, link.origin.value) == (winner, "linked", "merge")
    await road.in_step()
    await road.quiet()


async def test_the_loser_of_a_merge_keeps_its_row_where_the_winner_has_one(make_road: MakeRoad) -> None:
    road = await make_road(COMPANIES)
    winner_key, winner = await paired_company(road, name="Winner")
    key, loser = await paired_company(road)
    road.org.merge(winner, [loser])
    await road.settle()
    link = await road.link("companies", key)
    assert (link.state.value, link.merged_into) == ("broken", winner)
    assert (await road.link("companies", winner_key)).sf_id == winner
    assert await road.row("company", key) is not None
    await road.in_step()
    await road.quiet()


async def test_a_changed_primary_key_keeps_its_link(make_road: MakeRoad) -> None:
    road = await make_road(COMPANIES)
    _, sf_id = await paired_company(road)
    await road.app.execute("UPDATE app.company SET id = 900, phone = '2'")
    await road.settle()
    link = await road.link("companies", "900")
    assert link.sf_id == sf_id
    assert road.record("Account", sf_id)["Phone"] == "2"
    assert len(road.org.rows("Account")) == 1
    assert len(await road.rows("company")) == 1
    await road.in_step()
    await road.quiet()


async def test_a_changed_primary_key_and_an_event_before_the_worker_looked(make_road: MakeRoad) -> None:
    road = await make_road(COMPANIES)
    _, sf_id = await paired_company(road)
    await road.app.execute("UPDATE app.company SET id = 900")
    road.org.update("Account", sf_id, {"Phone": "2"})
    await road.settle()
    assert [(row["id"], row["phone"]) for row in await road.rows("company")] == [(900, "2")]
    assert (await road.link("companies", "900")).sf_id == sf_id
    assert len(road.org.rows("Account")) == 1
    await road.in_step()
    await road.quiet()


async def test_keys_that_change_in_turn_keep_their_links(make_road: MakeRoad) -> None:
    road = await make_road(COMPANIES)
    one, first = await paired_company(road, name="One")
    two, second = await paired_company(road, name="Two")
    await road.app.execute(f"UPDATE app.company SET id = 900 WHERE id = {one}")
    await road.app.execute(f"UPDATE app.company SET id = {one} WHERE id = {two}")
    await road.settle()
    assert (await road.link("companies", "900")).sf_id == first
    assert (await road.link("companies", one)).sf_id == second
    assert {record["Name"] for record in road.org.rows("Account")} == {"One", "Two"}
    await road.in_step()
    await road.quiet()


async def test_the_record_of_another_step_is_not_taken(make_road: MakeRoad) -> None:
    partners = replace(
        COMPANIES,
        name="partners",
        table=replace(
            COMPANIES.table, name="partner", types={"id": "bigint", "name": "text", "phone": "text"}
        ),
        fields=(field("Name", "name"), field("Phone", "phone")),
        identify=(),
    )
    road = await make_road(COMPANIES, partners)
    sf_id = road.org.create("Account", {"Name": "Acme"})
    await road.settle()
    await road.insert("partner", name="Other")
    await road.settle()
    assert (await the_link(road, sf_id)).step == "companies"
    assert {record["Name"] for record in road.org.rows("Account")} == {"Acme", "Other"}
    assert (len(await road.rows("company")), len(await road.rows("partner"))) == (1, 1)
    await road.in_step()
    await road.quiet()
