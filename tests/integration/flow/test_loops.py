"""Automation on both sides that rewrites a field in turn: our writes stop after three turns, and the pair is parked.

A trigger of the application and a flow of the org each put their own mark on every phone number that the other one wrote.
"""

from dataclasses import replace
from typing import Any

import pytest

from daemon.domain.mapping import Step
from daemon.domain.policy import Owned, Policy
from daemon.domain.side import Direction, Side
from daemon.flow.reading import BLIND_MOST
from daemon.operations.record import explain
from daemon.reconcile.turns import MOST, TAKE_TURNS
from tests.integration.flow.conftest import MakeRoad
from tests.integration.flow.scenes import paired_company
from tests.support.road import Road, shift
from tests.support.road_steps import COMPANIES, all_by, field, policy, with_field, with_fields

OURS, THEIRS = "row of Acme", "record of Acme"
PULLED = replace(
    COMPANIES,
    direction=Direction.PULL,
    fields=tuple(replace(each, direction=Direction.PULL) for each in COMPANIES.fields),
    owned=Owned.OVERWRITE,
)


async def automate(road: Road) -> None:
    """Have both sides put their own mark on every phone number, but for a company of the name Other."""
    await road.control.post("automation", object="Account", field="Phone", template="record of {Name}")
    await road.app.execute(
        "CREATE FUNCTION app.mark() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN NEW.phone := 'row of ' || NEW.name; RETURN NEW; END $$"
    )
    await road.app.execute(
        "CREATE TRIGGER mark BEFORE UPDATE OF phone ON app.company FOR EACH ROW WHEN (NEW.name <> 'Other')"
        " EXECUTE FUNCTION app.mark()"
    )


async def leave_it_to_salesforce(road: Road) -> None:
    """Take the application's half of the automation away."""
    await road.app.execute("DROP TRIGGER mark ON app.company")


async def writes(road: Road, sf_id: str) -> list[str]:
    """The directions of the writes that were made of one pair, sorted."""
    return sorted(
        entry["direction"]
        for entry in await road.journal()
        if entry["sf_id"] == sf_id and (entry["operation"], entry["outcome"]) == ("update", "apply")
    )


async def parked(road: Road) -> list[tuple[str, str, str]]:
    """What is stored, all of it: side, state and code."""
    return [(change["side"], change["state"], change["code"]) for change in await road.changes()]


async def looping(road: Road) -> tuple[str, str]:
    """A pair whose phone number goes round until it is stopped."""
    key, sf_id = await paired_company(road)
    await automate(road)
    await road.update("company", key, phone="2")
    await road.settle()
    return key, sf_id


async def test_a_loop_through_both_sides_stops_and_is_parked_with_its_reason(make_road: MakeRoad) -> None:
    road = await make_road(COMPANIES)
    key, sf_id = await looping(road)
    assert await writes(road, sf_id) == ["pull"] * MOST + ["push"] * MOST
    assert await parked(road) == [("postgres", "parked", TAKE_TURNS)]
    [change] = await road.changes()
    assert (
        f"step companies wrote Phone of Account {sf_id} and of app.company {key} in turn" in change["reason"]
    )
    assert f"Phone is '{THEIRS}' in Salesforce and '{OURS}' in PostgreSQL" in change["reason"]
    assert "a flow or Apex trigger in Salesforce" in change["advice"]
    assert "a trigger or job of the database that sets phone" in change["advice"]
    assert road.meter.counted("isthmus_write_loops_total", step="companies", direction="push") == 1
    assert road.meter.counted("isthmus_parked_total", step="companies", direction="push") == 1
    assert (await road.journal())[-1]["code"] == TAKE_TURNS
    explained = await explain(road.office, "companies", key)
    assert explained["plan"]["held"]["salesforce"]["code"] == TAKE_TURNS
    assert [item["code"] for item in explained["waiting"]] == [TAKE_TURNS]
    [told] = (await road.inspection.parked()).items
    assert (told["code"], told["key"]) == (TAKE_TURNS, key)
    assert road.record("Account", sf_id)["Phone"] == THEIRS
    assert (await road.row("company", key) or {})["phone"] == OURS
    assert (await road.link("companies", key)).base["Phone"] == THEIRS
    assert await road.ledger() == []


async def test_a_loop_of_a_whole_batch_stops_as_well(make_road: MakeRoad) -> None:
    """So many records are read first and written together; what the flow made of them is told by events."""
    road = await make_road(COMPANIES)
    for number in range(BLIND_MOST + 6):
        await road.insert("company", name=f"Company {number}", phone="1")
    await road.settle()
    shift(road, 5)
    await road.control.post("automation", object="Account", field="Phone", template="{Phone}<")
    await road.app.execute(
        "CREATE FUNCTION app.mark() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN NEW.phone := NEW.phone || '>'; RETURN NEW; END $$"
    )
    await road.app.execute(
        "CREATE TRIGGER mark BEFORE UPDATE OF phone ON app.company FOR EACH ROW EXECUTE FUNCTION app.mark()"
    )
    await road.app.execute("UPDATE app.company SET phone = '2'")
    await road.settle()
    assert await parked(road) == [("postgres", "parked", TAKE_TURNS)] * (BLIND_MOST + 6)
    assert {row["phone"] for row in await road.rows("company")} == {"2>" + "<>" * MOST}
    assert {record["Phone"] for record in road.org.rows("Account")} == {"2>" + "<>" * (MOST - 1) + "<"}


async def test_a_sensitive_value_is_not_told(make_road: MakeRoad) -> None:
    road = await make_road(with_field(COMPANIES, "Phone", sensitive=True))
    await looping(road)
    [change] = await road.changes()
    assert OURS not in change["reason"]
    assert THEIRS not in change["reason"]


async def test_other_records_and_other_fields_go_on(make_road: MakeRoad) -> None:
    road = await make_road(COMPANIES)
    other, other_id = await paired_company(road, name="Other", website="o.example")
    key, sf_id = await looping(road)
    await road.update("company", other, website="p.example")
    await road.update("company", key, website="a.example")
    await road.settle()
    assert road.record("Account", other_id)["Website"] == "p.example"
    record = road.record("Account", sf_id)
    assert (record["Website"], record["Phone"]) == ("a.example", THEIRS)
    assert await parked(road) == [("postgres", "parked", TAKE_TURNS)]
    shift(road, 5)
    road.org.update("Account", sf_id, {"Website": "b.example"})
    await road.settle()
    row = await road.row("company", key) or {}
    assert (row["website"], row["phone"]) == ("b.example", OURS)
    assert await parked(road) == [("postgres", "parked", TAKE_TURNS)]
    assert (await writes(road, sf_id)).count("push") == MOST + 1


async def test_a_retry_ends_in_agreement_once_the_automation_is_gone(make_road: MakeRoad) -> None:
    road = await make_road(COMPANIES)
    key, sf_id = await looping(road)
    await leave_it_to_salesforce(road)
    assert await road.inspection.retry(code=TAKE_TURNS, operator="ann") == 1
    await road.settle()
    assert (await road.row("company", key) or {})["phone"] == THEIRS
    assert await road.changes() == []
    await road.in_step()
    await road.quiet()
    shift(road, 5)
    await road.control.delete("rules")
    await road.update("company", key, phone="3")
    await road.settle()
    assert road.record("Account", sf_id)["Phone"] == "3"
    await road.in_step()
    await road.quiet()


async def test_a_retry_of_a_loop_that_is_still_there_has_as_many_turns_and_is_parked_again(
    make_road: MakeRoad,
) -> None:
    road = await make_road(COMPANIES)
    _, sf_id = await looping(road)
    await road.inspection.retry(code=TAKE_TURNS, operator="ann")
    await road.settle()
    assert await writes(road, sf_id) == ["pull"] * (2 * MOST) + ["push"] * (2 * MOST)
    assert await parked(road) == [("postgres", "parked", TAKE_TURNS)]
    assert road.meter.counted("isthmus_write_loops_total") == 2


async def test_neither_a_look_nor_an_edit_makes_a_parked_loop_go_round(make_road: MakeRoad) -> None:
    """A job that goes on writing is no reason to go on as fast."""
    road = await make_road(COMPANIES)
    key, sf_id = await looping(road)
    for number in range(8):
        if number < 2:
            await road.app.execute("UPDATE isthmus.change SET due = now()")
        await road.update("company", key, name=f"Edit {number}", phone="again")
        await road.settle()
    assert (await writes(road, sf_id)).count("pull") == MOST
    assert {change["code"] for change in await road.changes()} == {TAKE_TURNS}
    assert len(await road.changes()) <= 3, "each edit is parked by itself"
    assert road.record("Account", sf_id)["Name"] == "Edit 7"
    assert road.meter.counted("isthmus_write_loops_total") == 1


async def test_what_salesforce_says_of_a_field_that_rests_is_kept_and_wins_by_its_time(
    make_road: MakeRoad,
) -> None:
    road = await make_road(COMPANIES)
    key, sf_id = await looping(road)
    await road.control.delete("rules")
    await leave_it_to_salesforce(road)
    shift(road, 5)
    road.org.update("Account", sf_id, {"Phone": "theirs"})
    await road.settle()
    assert (await road.row("company", key) or {})["phone"] == OURS
    assert road.record("Account", sf_id)["Phone"] == "theirs", "an edit was overwritten"
    assert set(await parked(road)) == {
        ("postgres", "parked", TAKE_TURNS),
        ("salesforce", "parked", TAKE_TURNS),
    }
    await road.inspection.retry(code=TAKE_TURNS, operator="ann")
    await road.settle()
    assert (await road.row("company", key) or {})["phone"] == "theirs"
    assert [(e["field"], e["winner"], e["postgres"]) for e in await road.ledger()] == [
        ("Phone", "salesforce", OURS)
    ]
    await road.in_step()
    await road.quiet()


async def test_an_edit_keeps_its_time_while_the_field_rests(make_road: MakeRoad) -> None:
    """It is older than what Salesforce says, and stays so, though a tie would go to PostgreSQL."""
    rule = replace(COMPANIES.by_name["Phone"].conflict, tie=COMPANIES.by_name["Phone"].conflict.tie.other)
    road = await make_road(with_field(COMPANIES, "Phone", conflict=rule))
    key, sf_id = await looping(road)
    await road.control.delete("rules")
    await leave_it_to_salesforce(road)
    await road.update("company", key, phone="ours")
    await road.work()
    shift(road, 100)
    road.org.update("Account", sf_id, {"Phone": "theirs"})
    await road.settle()
    await road.app.execute("UPDATE isthmus.change SET due = now()")
    await road.settle()
    await road.inspection.retry(code=TAKE_TURNS, operator="ann")
    await road.settle()
    assert road.record("Account", sf_id)["Phone"] == "theirs"
    assert (await road.row("company", key) or {})["phone"] == "theirs"
    await road.in_step()
    await road.quiet()


async def test_a_record_that_wins_whole_is_held_back_whole(make_road: MakeRoad) -> None:
    """With half of it in the row, what it had won over would be the only edit that is left, and go out."""
    road = await make_road(all_by(COMPANIES, policy(Policy.RECORD_NEWEST)))
    key, sf_id = await looping(road)
    await road.control.delete("rules")
    await leave_it_to_salesforce(road)
    shift(road, 100)
    road.org.update("Account", sf_id, {"Website": "theirs.example"})
    await road.settle()
    assert (await road.row("company", key) or {})["website"] is None
    await road.inspection.retry(code=TAKE_TURNS, operator="ann")
    await road.settle()
    row = await road.row("company", key) or {}
    assert (row["phone"], row["website"]) == (THEIRS, "theirs.example")
    await road.in_step()
    await road.quiet()


async def test_an_edit_of_what_moves_with_a_field_that_rests_keeps_its_time(make_road: MakeRoad) -> None:
    """The street is older than the city that Salesforce says, and stays so, though a tie would go to PostgreSQL."""
    rule = policy(Policy.NEWEST, Side.POSTGRES)
    address = (
        field("BillingStreet", "street", group="address"),
        field("BillingCity", "city", group="address"),
    )
    road = await make_road(all_by(with_fields(COMPANIES, *address), rule))
    key, sf_id = await paired_company(road, city="1")
    await road.control.post("automation", object="Account", field="BillingCity", template="theirs")
    await road.app.execute(
        "CREATE FUNCTION app.mark() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN NEW.city := 'ours'; RETURN NEW; END $$"
    )
    await road.app.execute(
        "CREATE TRIGGER mark BEFORE UPDATE OF city ON app.company FOR EACH ROW EXECUTE FUNCTION app.mark()"
    )
    await road.update("company", key, city="2")
    await road.settle()
    assert await parked(road) == [("postgres", "parked", TAKE_TURNS)]
    await road.control.delete("rules")
    await leave_it_to_salesforce(road)
    await road.update("company", key, city="theirs")
    await road.app.execute("UPDATE isthmus.change SET due = now()")
    await road.settle()
    assert await road.changes() == []
    shift(road, 100)
    road.org.update("Account", sf_id, {"BillingCity": "Oslo"})
    await road.update("company", key, street="ours")
    await road.settle()
    assert {code for _, _, code in await parked(road)} == {TAKE_TURNS}
    await road.inspection.retry(code=TAKE_TURNS, operator="ann")
    await road.settle()
    row = await road.row("company", key) or {}
    assert (row["street"], row["city"]) == (None, "Oslo")
    await road.in_step()
    await road.quiet()


@pytest.mark.parametrize("heard", [False, True], ids=["pushed one by one", "with their echoes"])
async def test_a_value_that_a_user_toggles_is_not_held_up(make_road: MakeRoad, heard: bool) -> None:
    road = await make_road(COMPANIES)
    key, sf_id = await paired_company(road)
    for number in range(10):
        await road.update("company", key, phone=("on", "off")[number % 2])
        await (road.settle() if heard else road.work())
        assert road.record("Account", sf_id)["Phone"] == ("on", "off")[number % 2]
    for number in range(10):
        shift(road, 2)
        road.org.update("Account", sf_id, {"Phone": ("in", "out")[number % 2]})
        await road.settle()
    assert (await road.row("company", key) or {})["phone"] == "out"
    await road.in_step()
    await road.quiet()


async def test_users_who_edit_the_same_field_on_either_side_are_not_held_up(make_road: MakeRoad) -> None:
    road = await make_road(COMPANIES)
    key, sf_id = await paired_company(road)
    for number in range(MOST - 1):
        await road.update("company", key, phone=f"ours {number}")
        await road.settle()
        shift(road, 5)
        road.org.update("Account", sf_id, {"Phone": f"theirs {number}"})
        await road.settle()
        assert (await road.row("company", key) or {})["phone"] == f"theirs {number}"
    await road.in_step()
    await road.quiet()


# --- what is put back -------------------------------------------------------------------------------------------------


async def owned(road: Road, step: Step) -> tuple[str, str]:
    """A company that only Salesforce gives, under the triggers that the daemon would install for the step."""
    await road.database.capture_install([step])
    sf_id = road.org.create("Account", {"Name": "Acme", "Phone": "1"})
    await road.settle()
    [row] = await road.rows("company")
    shift(road, 5)
    return str(row["id"]), sf_id


async def phone_after(road: Road, key: str, edit: str) -> Any:
    """What becomes of a phone number that a job of the application writes."""
    await road.update("company", key, phone=edit)
    await road.settle()
    return (await road.row("company", key) or {})["phone"]


async def test_an_owned_value_that_a_job_rewrites_is_put_back_three_times_and_parked(
    make_road: MakeRoad,
) -> None:
    road = await make_road(PULLED)
    key, sf_id = await owned(road, PULLED)
    for _ in range(MOST):
        assert await phone_after(road, key, "job") == "1"
    assert await phone_after(road, key, "job") == "job"
    assert await writes(road, sf_id) == ["pull"] * MOST
    assert await parked(road) == [("salesforce", "parked", TAKE_TURNS)]
    [change] = await road.changes()
    assert f"step companies gave app.company {key} the Phone of Account {sf_id} back" in change["reason"]
    assert "Phone is '1' in Salesforce and 'job' in PostgreSQL" in change["reason"]
    assert "a trigger or job of the database that sets phone of app.company" in change["advice"]
    assert (await road.journal())[-1]["code"] == TAKE_TURNS
    assert [entry["outcome"] for entry in await road.journal() if entry["direction"] == "push"] == []
    explained = await explain(road.office, "companies", key)
    assert explained["plan"]["held"]["postgres"]["code"] == TAKE_TURNS
    assert road.meter.counted("isthmus_write_loops_total", step="companies", direction="pull") == 1
    for number in range(3):
        assert await phone_after(road, key, f"job {number}") == f"job {number}"
    assert len(await road.changes()) == 1, "each edit was parked by itself"
    assert (await road.link("companies", key)).base["Phone"] == "1"


async def test_what_salesforce_changes_meanwhile_still_reaches_an_owned_row(make_road: MakeRoad) -> None:
    road = await make_road(PULLED)
    key, sf_id = await owned(road, PULLED)
    for _ in range(MOST + 1):
        last = await phone_after(road, key, "job")
    assert last == "job"
    road.org.update("Account", sf_id, {"Phone": "2"})
    await road.settle()
    assert (await road.row("company", key) or {})["phone"] == "2"
    assert await road.changes() == []
    await road.in_step()
    await road.quiet()


async def test_an_owned_row_agrees_after_a_retry(make_road: MakeRoad) -> None:
    road = await make_road(PULLED)
    key, _ = await owned(road, PULLED)
    for _ in range(MOST + 1):
        last = await phone_after(road, key, "job")
    assert last == "job"
    await road.inspection.retry(code=TAKE_TURNS, operator="ann")
    await road.settle()
    assert (await road.row("company", key) or {})["phone"] == "1"
    await road.in_step()
    await road.quiet()
