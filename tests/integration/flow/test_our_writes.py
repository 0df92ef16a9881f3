"""What becomes of our own writes: echoes, answers that were lost, refusals, and values that slipped in between."""

from dataclasses import replace
from typing import Any

import pytest

from daemon.domain.mapping import Retry, Step
from daemon.domain.policy import Policy
from daemon.domain.side import Direction
from tests.integration.flow.conftest import MakeRoad
from tests.integration.flow.scenes import paired_company, the_link
from tests.support.road import Road, shift
from tests.support.road_steps import (
    COMPANIES,
    PEOPLE,
    all_by,
    by_field,
    field,
    policy,
    with_field,
    with_fields,
)

LOST = {"action": "drop_reply", "path": "/composite"}
NEVER = {"action": "answer", "status": 504, "path": "/composite", "body": "gateway"}
NO_EXTERNAL_ID = replace(COMPANIES, identify=(by_field("Name", "name"),))
IN_CONFLICT = {("parked", "delete_conflict"), ("held", "delete_conflict")}

each_step = pytest.mark.parametrize("step", [COMPANIES, NO_EXTERNAL_ID], ids=["external id", "probe"])
each_loss = pytest.mark.parametrize("loss", [LOST, NEVER], ids=["done", "not done"])


@each_step
@each_loss
async def test_an_update_in_doubt_is_resolved_by_reading(
    make_road: MakeRoad, step: Step, loss: dict[str, Any]
) -> None:
    road = await make_road(step)
    key, sf_id = await paired_company(road)
    await road.update("company", key, phone="2")
    await road.control.fault(**loss)
    await road.settle()
    assert road.record("Account", sf_id)["Phone"] == "2"
    assert not (await road.link("companies", key)).in_doubt
    assert await road.ledger() == []
    await road.in_step()
    await road.quiet()


@pytest.mark.requirement("S4-17")
@each_step
async def test_a_lost_reply_to_a_create_makes_no_second_record(make_road: MakeRoad, step: Step) -> None:
    road = await make_road(step)
    await road.control.fault(**{**LOST, "path": "/composite/sobjects"})
    key = await road.insert("company", name="Acme")
    await road.settle()
    assert len(road.org.rows("Account")) == 1
    assert (await road.link("companies", key)).sf_id == road.org.rows("Account")[0]["Id"]
    await road.in_step()
    await road.quiet()


async def test_the_create_event_of_a_lost_reply_links_and_doubles_nothing(make_road: MakeRoad) -> None:
    road = await make_road(COMPANIES)
    await road.control.fault(**{**LOST, "path": "/composite/sobjects"})
    await road.insert("company", name="Acme")
    await road.worker.round()
    assert [change["state"] for change in await road.changes()] == ["sent"]
    await road.listen()
    await road.settle()
    assert len(road.org.rows("Account")) == 1
    assert len(await road.rows("company")) == 1, "the create's event made a second row"
    await road.in_step()
    await road.quiet()


async def test_an_edit_after_a_create_whose_reply_was_lost_is_not_undone(make_road: MakeRoad) -> None:
    road = await make_road(COMPANIES)
    await road.control.fault(**{**LOST, "path": "/composite/sobjects"})
    await road.insert("company", name="Acme", phone="1")
    await road.worker.round()
    shift(road, 5)
    road.org.update("Account", str(road.org.rows("Account")[0]["Id"]), {"Phone": "user"})
    await road.settle()
    assert [row["phone"] for row in await road.rows("company")] == ["user"]
    await road.in_step()
    await road.quiet()


async def test_without_any_identifier_a_create_in_doubt_asks_a_person(make_road: MakeRoad) -> None:
    road = await make_road(replace(COMPANIES, identify=()))
    await road.control.fault(**{**LOST, "path": "/composite/sobjects"})
    await road.insert("company", name="Acme")
    await road.work()
    assert len(road.org.rows("Account")) == 1
    assert [(c["state"], c["code"]) for c in await road.changes()] == [("parked", "create_in_doubt")]


async def test_a_create_in_doubt_that_was_parked_is_sent_again_by_a_persons_word_alone(
    make_road: MakeRoad,
) -> None:
    road = await make_road(replace(COMPANIES, identify=()))
    await road.control.fault(**{**LOST, "path": "/composite/sobjects"})
    key = await road.insert("company", name="Acme")
    await road.work()
    for _ in range(3):  # its hourly look
        await road.app.execute("UPDATE isthmus.change SET due = now() WHERE due IS NOT NULL")
        await road.worker.round()
    await road.update("company", key, phone="2")
    await road.work()
    assert len(road.org.rows("Account")) == 1, "the create was repeated"
    assert {c["code"] for c in await road.changes()} == {"create_in_doubt"}
    assert await road.inspection.retry(code="create_in_doubt", operator="ann") == 2
    await road.work()
    assert [account.get("Phone") for account in road.org.rows("Account")] == [None, "2"]
    assert await road.changes() == []


async def test_a_create_in_doubt_that_has_to_wait_for_a_parent_by_now_is_in_doubt_all_the_same(
    make_road: MakeRoad,
) -> None:
    people = with_field(replace(PEOPLE, identify=()), "AccountId", mandatory=True)
    road = await make_road(with_field(COMPANIES, "Name", mandatory=True), people)
    first = await road.insert("company", name="First")
    await road.settle()
    key = await road.insert("person", last_name="Hill", company=int(first))
    await road.control.fault(**{**LOST, "path": "/composite/sobjects"})
    await road.worker.round()
    second = await road.insert("company", phone="1")  # nothing that Salesforce would take, for now
    await road.update("person", key, company=int(second))
    await road.work()
    await road.update("company", second, name="Second")
    for _ in range(2):
        await road.app.execute("UPDATE isthmus.change SET due = now() WHERE due IS NOT NULL")
        await road.work()
    assert len(road.org.rows("Contact")) == 1, "the create was repeated"
    assert {(c["state"], c["code"]) for c in await road.changes()} == {("parked", "create_in_doubt")}


async def test_a_persons_word_has_a_create_in_doubt_sent_once(make_road: MakeRoad) -> None:
    road = await make_road(replace(COMPANIES, identify=()))
    lost = {**LOST, "path": "/composite/sobjects"}
    await road.control.fault(**lost)
    await road.insert("company", name="Acme")
    await road.work()
    await road.control.fault(**lost)
    assert await road.inspection.retry(code="create_in_doubt", operator="ann") == 1
    for _ in range(3):
        await road.work()
        await road.app.execute("UPDATE isthmus.change SET due = now() WHERE due IS NOT NULL")
    assert len(road.org.rows("Account")) == 2, "one for each word"
    assert [(c["state"], c["code"]) for c in await road.changes()] == [("parked", "create_in_doubt")]


@each_step
@each_loss
async def test_a_delete_in_doubt_is_resolved(make_road: MakeRoad, step: Step, loss: dict[str, Any]) -> None:
    road = await make_road(step)
    key, sf_id = await paired_company(road)
    await road.delete("company", key)
    await road.control.fault(**{**loss, "method": "DELETE"})
    await road.settle()
    assert road.org.get("Account", sf_id) is None
    assert (await the_link(road, sf_id)).state.value == "tombstone"
    await road.quiet()


async def test_a_refused_conditional_write_is_decided_anew(make_road: MakeRoad) -> None:
    road = await make_road(COMPANIES)
    key, sf_id = await paired_company(road)
    road.org.update("Account", sf_id, {"Website": "theirs.example"})
    await road.update("company", key, phone="2")
    await road.work()
    record = road.record("Account", sf_id)
    assert (record["Phone"], record["Website"]) == ("2", "theirs.example")
    assert (await road.row("company", key) or {})["website"] == "theirs.example"
    assert await road.ledger() == []
    await road.settle()
    await road.in_step()
    await road.quiet()


async def test_a_bad_record_of_a_batch_parks_alone_with_its_code(make_road: MakeRoad) -> None:
    road = await make_road(COMPANIES)
    await road.control.post("validation-rules", object="Account", field="Phone", value="bad", message="No")
    for number in range(10):
        await road.insert("company", name=f"Company {number}", phone="bad" if number == 3 else "1")
    await road.settle()
    assert len(road.org.rows("Account")) == 9
    [parked] = await road.changes()
    assert (parked["state"], parked["code"]) == ("parked", "FIELD_CUSTOM_VALIDATION_EXCEPTION")
    assert parked["advice"]
    assert "No" in parked["reason"]
    await road.update("company", parked["key"], phone="good")
    await road.settle()
    assert len(road.org.rows("Account")) == 10
    await road.in_step()
    await road.quiet()


@pytest.mark.requirement("S4-98")
async def test_a_locked_record_is_tried_again_and_passes(make_road: MakeRoad) -> None:
    road = await make_road(COMPANIES)
    keys = [await road.insert("company", name=f"Company {number}") for number in range(3)]
    await road.control.fault(action="refuse_records", code="UNABLE_TO_LOCK_ROW", times=2)
    await road.settle()
    assert len(road.org.rows("Account")) == len(keys)
    assert await road.changes() == []
    await road.in_step()
    await road.quiet()


async def test_a_token_that_expires_in_the_middle_is_renewed(make_road: MakeRoad) -> None:
    road = await make_road(COMPANIES)
    key, sf_id = await paired_company(road)
    await road.control.post("tokens/expire")
    await road.update("company", key, phone="2")
    await road.work()
    assert road.record("Account", sf_id)["Phone"] == "2"
    await road.hang_up()
    await road.settle()
    await road.in_step()
    await road.quiet()


async def test_what_automation_makes_of_our_write_comes_back(make_road: MakeRoad) -> None:
    road = await make_road(COMPANIES)
    key, sf_id = await paired_company(road)
    await road.control.post("automation", object="Account", field="Website", template="www.{Phone}.example")
    await road.update("company", key, phone="2")
    await road.settle()
    assert road.record("Account", sf_id)["Website"] == "www.2.example"
    assert (await road.row("company", key) or {})["website"] == "www.2.example"
    assert await road.ledger() == []
    await road.in_step()
    await road.quiet()


async def test_what_automation_makes_of_a_batch_comes_back(make_road: MakeRoad) -> None:
    road = await make_road(COMPANIES)
    await road.control.post("automation", object="Account", field="Website", template="www.{Phone}.example")
    for number in range(30):
        await road.insert("company", name=f"Company {number}", phone=str(number))
    await road.settle()
    await road.in_step()
    shift(road, 5)
    await road.app.execute("UPDATE app.company SET phone = phone || '0'")
    await road.settle()
    assert {row["website"] for row in await road.rows("company")} == {f"www.{n}0.example" for n in range(30)}
    await road.in_step()
    await road.quiet()


@pytest.mark.parametrize("more", ["", ", website = 'www.' || id"])
async def test_what_automation_takes_back_in_the_same_save_is_found(make_road: MakeRoad, more: str) -> None:
    """No field of the event tells of it: the record's value is after the save what it was before."""
    road = await make_road(COMPANIES)
    for number in range(30):
        await road.insert("company", name=f"Company {number}", phone="agreed")
    await road.settle()
    await road.control.post("automation", object="Account", field="Phone", template="agreed")
    shift(road, 5)
    await road.app.execute(f"UPDATE app.company SET phone = 'ours'{more}")
    await road.settle()
    assert {row["phone"] for row in await road.rows("company")} == {"agreed"}
    assert all(bool(more) is (row["website"] is not None) for row in await road.rows("company"))
    await road.in_step()
    await road.quiet()


async def test_what_is_only_sent_is_not_read_for_its_event(make_road: MakeRoad) -> None:
    """Whatever a flow makes of a field that does not come in: each event of our writes would cost a reading."""
    pushed = tuple(
        replace(item, direction=Direction.PUSH) if item.name == "Phone" else item for item in COMPANIES.fields
    )
    road = await make_road(replace(COMPANIES, fields=pushed))
    for number in range(30):
        await road.insert("company", name=f"Company {number}", phone="agreed")
    await road.settle()
    await road.control.post("automation", object="Account", field="Phone", template="agreed")
    shift(road, 5)
    await road.app.execute("UPDATE app.company SET phone = 'ours', website = 'www.' || id")
    await road.work()
    await road.forget_calls()
    await road.settle()
    assert await road.calls() == []


async def test_a_before_trigger_that_changes_what_we_write_is_heard(make_road: MakeRoad) -> None:
    road = await make_road(COMPANIES)
    key, sf_id = await paired_company(road)
    await road.app.execute(
        "CREATE FUNCTION app.tidy() RETURNS trigger LANGUAGE plpgsql AS"
        " 'BEGIN NEW.phone := replace(NEW.phone, '' '', ''''); RETURN NEW; END'"
    )
    await road.app.execute(
        "CREATE TRIGGER tidy BEFORE INSERT OR UPDATE ON app.company FOR EACH ROW EXECUTE FUNCTION app.tidy()"
    )
    road.org.update("Account", sf_id, {"Phone": "1 2 3"})
    await road.settle()
    assert (await road.row("company", key) or {})["phone"] == "123"
    assert road.record("Account", sf_id)["Phone"] == "123"
    await road.in_step()
    await road.quiet()


async def test_an_after_trigger_that_changes_another_mapped_column_is_heard(make_road: MakeRoad) -> None:
    step = with_fields(COMPANIES, field("Description", "note"))
    road = await make_road(step)
    key, sf_id = await paired_company(road)
    await road.app.execute(
        "CREATE FUNCTION app.stamp() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        " IF NEW.phone IS DISTINCT FROM OLD.phone THEN"
        " UPDATE app.company SET note = 'phone was ' || OLD.phone WHERE id = NEW.id; END IF; RETURN NULL; END $$"
    )
    await road.app.execute(
        "CREATE TRIGGER stamp AFTER UPDATE ON app.company FOR EACH ROW EXECUTE FUNCTION app.stamp()"
    )
    road.org.update("Account", sf_id, {"Phone": "2"})
    await road.settle()
    assert (await road.row("company", key) or {})["note"] == "phone was 1"
    assert road.record("Account", sf_id)["Description"] == "phone was 1"
    await road.in_step()
    await road.quiet()


async def settle_event_by_event(road: Road) -> None:
    """Let the worker run between any two events."""
    await road.listen(apart=True)
    await road.settle()


async def test_an_overruled_value_does_not_come_back_with_its_late_event(make_road: MakeRoad) -> None:
    """The worker met the other side's edit by a refused write and decided; then the edit's own event arrives."""
    road = await make_road(COMPANIES)
    key, sf_id = await paired_company(road)
    road.parts.skew.postgres = -100.0
    road.org.update("Account", sf_id, {"Phone": "theirs"})
    await road.update("company", key, phone="ours")
    await road.work()
    assert road.record("Account", sf_id)["Phone"] == "ours"
    await settle_event_by_event(road)
    assert (await road.row("company", key) or {})["phone"] == "ours"
    assert road.record("Account", sf_id)["Phone"] == "ours"
    assert ("conflict", "postgres", "theirs") in [
        (e["kind"], e["winner"], e["salesforce"]) for e in await road.ledger()
    ]
    await road.in_step()
    await road.quiet()


async def test_a_value_overwritten_unseen_in_one_second_is_told(make_road: MakeRoad) -> None:
    road = await make_road(all_by(COMPANIES, policy(Policy.POSTGRES)))
    key, sf_id = await paired_company(road)
    await road.control.post("clock", freeze=True)
    await road.update("company", key, phone="first")
    await road.work()
    road.org.update("Account", sf_id, {"Phone": "theirs"})  # the same second as our write, after it
    await road.update("company", key, phone="second")
    await road.work()
    assert road.record("Account", sf_id)["Phone"] == "second", "nothing can prevent this"
    await settle_event_by_event(road)
    told = [(e["kind"], e["winner"]) for e in await road.ledger() if e["salesforce"] == "theirs"]
    assert told == [("unseen", "postgres")]
    assert road.record("Account", sf_id)["Phone"] == "second"
    await road.control.post("clock", freeze=False)
    await road.settle()
    await road.in_step()
    await road.quiet()


async def test_a_record_deleted_meanwhile_is_a_delete_conflict(make_road: MakeRoad) -> None:
    road = await make_road(COMPANIES)
    key, sf_id = await paired_company(road)
    road.org.delete("Account", sf_id)
    await road.update("company", key, phone="2")
    await road.work()
    assert {(c["state"], c["code"]) for c in await road.changes()} == IN_CONFLICT
    assert (await road.row("company", key) or {})["phone"] == "2"
    await road.settle()
    assert {(c["state"], c["code"]) for c in await road.changes()} == IN_CONFLICT
    assert (await road.row("company", key) or {})["phone"] == "2"


async def test_a_refused_row_does_not_cost_an_edit_of_salesforce(make_road: MakeRoad) -> None:
    """A record whose row could not be written is behind: a local edit may not go out over what was not taken in."""
    road = await make_road(all_by(COMPANIES, policy(Policy.SALESFORCE)))
    key, sf_id = await paired_company(road)
    await road.app.execute("ALTER TABLE app.company ADD CONSTRAINT tidy CHECK (website NOT LIKE 'bad%')")
    road.org.update("Account", sf_id, {"Phone": "theirs", "Website": "bad.example"})
    await road.listen()
    assert [c["state"] for c in await road.changes()] == ["parked"]
    await road.update("company", key, phone="ours")
    await road.settle()
    assert road.record("Account", sf_id)["Phone"] == "theirs", "an edit nobody had taken in was overwritten"
    shift(road, 5)
    road.org.update("Account", sf_id, {"Website": "good.example"})
    await road.inspection.retry(operator="test")
    await road.settle()
    row = await road.row("company", key) or {}
    assert (row["phone"], row["website"]) == ("theirs", "good.example")
    assert ("Phone", "salesforce") in {(e["field"], e["winner"]) for e in await road.ledger()}
    await road.in_step()
    await road.quiet()


async def test_calls_that_fail_whole_blame_no_record(make_road: MakeRoad) -> None:
    road = await make_road(replace(COMPANIES, retry=Retry(attempts=2)))
    await paired_company(road)
    await road.insert("company", name="Other")
    await road.control.fault(
        path="/query", status=400, code="EXCEEDED_ID_LIMIT", body='[{"errorCode":"X","message":"Y"}]'
    )
    await road.work()
    assert [(c["state"], c["attempts"]) for c in await road.changes()] in ([], [("pending", 0)])
    await road.settle()
    assert len(road.org.rows("Account")) == 2
    await road.in_step()
    await road.quiet()
