"""Live changes, one at a time: what travels, what it costs, and that it ends there."""

import pytest

from daemon.domain.mapping import Kind
from daemon.domain.side import Direction
from tests.integration.flow.conftest import MakeRoad
from tests.integration.flow.scenes import paired_company, paired_person
from tests.support.road_steps import COMPANIES, PEOPLE, field, with_field, with_fields


async def test_a_record_made_in_salesforce_becomes_a_row(make_road: MakeRoad) -> None:
    road = await make_road(COMPANIES)
    sf_id = road.org.create("Account", {"Name": "Acme", "Phone": "1", "NumberOfEmployees": 7})
    await road.settle()
    rows = await road.rows("company")
    assert [(row["name"], row["phone"], row["employees"]) for row in rows] == [("Acme", "1", 7)]
    assert (await road.link("companies", str(rows[0]["id"]))).sf_id == sf_id
    assert await road.calls() == []
    await road.in_step()
    await road.quiet()


async def test_a_row_made_in_postgres_becomes_a_record(make_road: MakeRoad) -> None:
    road = await make_road(COMPANIES)
    key = await road.insert("company", name="Acme", employees=7)
    await road.settle()
    link = await road.link("companies", key)
    record = road.record("Account", link.sf_id)
    assert (record["Name"], record["NumberOfEmployees"]) == ("Acme", 7)
    row = await road.row("company", key)
    assert row is not None
    assert record["Ext_Id__c"] == row["ext_id"], "the external id is not written back to the row"
    assert len(road.org.rows("Account")) == 1
    await road.in_step()
    await road.quiet()


async def test_an_update_in_postgres_is_one_call_and_its_echo_none(make_road: MakeRoad) -> None:
    road = await make_road(COMPANIES)
    key, sf_id = await paired_company(road)
    await road.update("company", key, phone="2")
    version = (await road.row("company", key) or {})["version"]
    await road.settle()
    assert road.record("Account", sf_id)["Phone"] == "2"
    assert len(await road.calls()) == 1
    assert (await road.row("company", key) or {})["version"] == version, "the echo wrote the row again"
    await road.in_step()
    await road.quiet()


async def test_a_long_text_that_is_told_as_a_difference_is_read(make_road: MakeRoad) -> None:
    """The event names the field and does not carry its value; whatever else it says is known already."""
    road = await make_road(with_fields(COMPANIES, field("Description", "industry")))
    key, sf_id = await paired_company(road)
    lines = [f"line {number} of a long text" for number in range(60)]
    road.org.update("Account", sf_id, {"Description": "\n".join(lines)})
    await road.settle()
    await road.control.post("switches", large_text_diffs=True)
    lines[7] = "another line"
    road.org.update("Account", sf_id, {"Description": "\n".join(lines)})
    await road.settle()
    assert (await road.row("company", key) or {})["industry"] == "\n".join(lines)
    await road.in_step()
    await road.quiet()


async def test_an_update_in_salesforce_is_no_call_at_all(make_road: MakeRoad) -> None:
    road = await make_road(COMPANIES)
    key, sf_id = await paired_company(road)
    road.org.update("Account", sf_id, {"Phone": "2", "Website": "acme.example"})
    await road.settle()
    row = await road.row("company", key) or {}
    assert (row["phone"], row["website"]) == ("2", "acme.example")
    assert await road.calls() == []
    await road.in_step()
    await road.quiet()


async def test_a_hundred_changed_rows_are_a_handful_of_calls(make_road: MakeRoad) -> None:
    road = await make_road(COMPANIES)
    for number in range(100):
        await road.insert("company", name=f"Company {number}")
    await road.settle()
    assert len(road.org.rows("Account")) == 100
    await road.forget_calls()
    road.org.clock.advance(5)
    await road.app.execute("UPDATE app.company SET phone = 'p' || id")
    await road.settle()
    assert len(await road.calls()) <= 3, await road.calls()
    await road.in_step()
    await road.quiet()


@pytest.mark.requirement("S1-05")
async def test_edits_of_different_fields_on_both_sides_both_survive(make_road: MakeRoad) -> None:
    road = await make_road(COMPANIES)
    key, sf_id = await paired_company(road)
    road.org.update("Account", sf_id, {"Website": "acme.example"})
    await road.update("company", key, phone="2")
    await road.settle()
    row, record = await road.row("company", key) or {}, road.record("Account", sf_id)
    assert (row["phone"], row["website"]) == ("2", "acme.example")
    assert (record["Phone"], record["Website"]) == ("2", "acme.example")
    assert await road.ledger() == []
    await road.in_step()
    await road.quiet()


async def test_the_same_edit_on_both_sides_is_agreed(make_road: MakeRoad) -> None:
    road = await make_road(COMPANIES)
    key, sf_id = await paired_company(road)
    road.org.update("Account", sf_id, {"Phone": "2"})
    await road.update("company", key, phone="2")
    heard = road.org.log.end
    await road.settle()
    assert road.org.log.end == heard, "an agreed value was written"
    assert await road.ledger() == []
    await road.in_step()
    await road.quiet()


@pytest.mark.requirement("S4-76", "S4-77")
async def test_null_clears_and_empty_text_does_not(make_road: MakeRoad) -> None:
    road = await make_road(COMPANIES)
    key, sf_id = await paired_company(road, website="acme.example")
    await road.update("company", key, phone=None, website="")
    await road.settle()
    record = road.record("Account", sf_id)
    assert record.get("Phone") is None
    assert record["Website"] == "acme.example"
    assert (await road.row("company", key) or {})["website"] == ""
    await road.quiet()


async def test_a_value_cleared_in_salesforce_is_cleared_in_the_row(make_road: MakeRoad) -> None:
    road = await make_road(COMPANIES)
    key, sf_id = await paired_company(road)
    road.org.update("Account", sf_id, {"Phone": None})
    await road.settle()
    assert (await road.row("company", key) or {})["phone"] is None
    await road.in_step()
    await road.quiet()


async def test_a_change_and_its_return_before_anyone_looked_is_no_write(make_road: MakeRoad) -> None:
    road = await make_road(COMPANIES)
    key, _ = await paired_company(road)
    await road.update("company", key, phone="2")
    await road.update("company", key, phone="1")
    heard = road.org.log.end
    await road.settle()
    assert road.org.log.end == heard
    await road.in_step()
    await road.quiet()


async def test_a_field_hidden_from_us_keeps_the_local_value(make_road: MakeRoad) -> None:
    road = await make_road(COMPANIES)
    key, sf_id = await paired_company(road)
    user = road.org.integration_user
    await road.control.post(
        "permissions", user=user, object="Account", field="Phone", readable=False, editable=False
    )
    road.org.update("Account", sf_id, {"Phone": "hidden", "Website": "acme.example"})
    await road.settle()
    row = await road.row("company", key) or {}
    assert (row["phone"], row["website"]) == ("1", "acme.example")
    await road.quiet()


@pytest.mark.requirement("S4-73")
async def test_a_multi_select_is_a_set(make_road: MakeRoad) -> None:
    people = with_fields(PEOPLE, field("Skills__c", "skills", Kind.SET))
    road = await make_road(COMPANIES, people)
    key, sf_id = await paired_person(road, skills=["SQL", "Go"])
    assert set(str(road.record("Contact", sf_id)["Skills__c"]).split(";")) == {"SQL", "Go"}
    await road.update("person", key, skills=["Go", "SQL"])
    heard = road.org.log.end
    await road.settle()
    assert road.org.log.end == heard, "another order of the same set was written"
    road.org.clock.advance(5)
    road.org.update("Contact", sf_id, {"Skills__c": "Python;SQL"})
    await road.settle()
    assert set((await road.row("person", key) or {})["skills"]) == {"Python", "SQL"}
    await road.in_step()
    await road.quiet()


@pytest.mark.requirement("S2-21", "S2-22", "S2-25")
@pytest.mark.parametrize("clears", [True, False])
async def test_a_pushed_only_field_that_drifts_in_salesforce_is_told_and_left(
    make_road: MakeRoad, clears: bool
) -> None:
    road = await make_road(with_field(COMPANIES, "Phone", direction=Direction.PUSH))
    key, sf_id = await paired_company(road)
    road.org.update("Account", sf_id, {"Phone": None if clears else "theirs"})
    await road.settle()
    assert (await road.row("company", key) or {})["phone"] == "1"
    assert [(entry["kind"], entry["field"], entry["winner"]) for entry in await road.ledger()] == [
        ("drift", "Phone", None)
    ]
    await road.quiet()
    road.org.clock.advance(5)
    await road.update("company", key, phone="2")
    await road.settle()
    assert road.record("Account", sf_id)["Phone"] == "2"
    await road.in_step()
    await road.quiet()


@pytest.mark.requirement("S2-23", "S2-25")
async def test_a_pulled_only_field_that_drifts_in_postgres_is_told_and_left(make_road: MakeRoad) -> None:
    road = await make_road(with_field(COMPANIES, "Phone", direction=Direction.PULL))
    key = await road.insert("company", name="Acme")
    await road.settle()
    sf_id = (await road.link("companies", key)).sf_id
    road.org.clock.advance(5)
    road.org.update("Account", sf_id, {"Phone": "1"})
    await road.settle()
    assert (await road.row("company", key) or {})["phone"] == "1"
    await road.update("company", key, phone="ours")
    heard = road.org.log.end
    await road.settle()
    assert road.org.log.end == heard
    assert [(entry["kind"], entry["field"]) for entry in await road.ledger()] == [("drift", "Phone")]
    road.org.clock.advance(5)
    road.org.update("Account", sf_id, {"Phone": "3"})
    await road.settle()
    assert (await road.row("company", key) or {})["phone"] == "3"
    await road.in_step()
    await road.quiet()
