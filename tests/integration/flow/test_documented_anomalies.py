"""What other products' manuals list as expected behaviour of a two-way sync, shown not to happen here.

HC1 flip-flop, HC2 revived delete, HC3 re-inserted record, HC4 duplicate after a lost reply, HC5 TRUNCATE, HC6 order.
"""

import itertools
from collections.abc import Sequence

import pytest

from daemon.domain.mapping import Step
from daemon.flow import worker
from daemon.flow.cases import Case
from daemon.flow.parts import Parts
from daemon.flow.sending import send
from daemon.ports.salesforce import FROM_OLDEST
from tests.integration.flow.conftest import MakeRoad
from tests.integration.flow.scenes import paired_company
from tests.integration.flow.test_crashes import die_writing
from tests.support.road import Road, shift
from tests.support.road_steps import COMPANIES, PEOPLE

HISTORY = """
CREATE TABLE app.history (number bigint GENERATED ALWAYS AS IDENTITY, key text, phone text);
CREATE FUNCTION app.remember() RETURNS trigger LANGUAGE plpgsql AS
    'BEGIN INSERT INTO app.history (key, phone) VALUES (NEW.id::text, NEW.phone); RETURN NULL; END';
CREATE TRIGGER remember AFTER INSERT OR UPDATE OF phone ON app.company FOR EACH ROW EXECUTE FUNCTION app.remember();
"""
ACTS = ("ours", "theirs", "listen", "work")


async def phones(road: Road, key: str, sf_id: str) -> tuple[list[str], list[str]]:
    """What the field held on each side, one after the other: PostgreSQL's history, and Salesforce's."""
    ours = [row["phone"] for row in await road.app.fetch("SELECT phone FROM app.history ORDER BY number")]
    return _runs(ours), _runs(told(road, sf_id))


def told(road: Road, sf_id: str) -> list[str]:
    """The values of Phone that the record's events tell, in their order."""
    opened = [event.opened() for event in road.org.log.since(0, 1000)]
    return [str(body["Phone"]) for header, body in opened if sf_id in header["recordIds"] and "Phone" in body]


def _runs(values: Sequence[str]) -> list[str]:
    return [value for value, _ in itertools.groupby(values)]


@pytest.mark.parametrize("acts", [order for order in itertools.permutations(ACTS) if order[0] in ACTS[:2]])
async def test_hc1_no_value_comes_back_once_it_was_replaced(
    make_road: MakeRoad, acts: tuple[str, ...]
) -> None:
    road = await make_road(COMPANIES)
    await road.app.execute(HISTORY)
    key, sf_id = await paired_company(road)
    for act in acts:
        match act:
            case "ours":
                await road.update("company", key, phone="ours")
            case "theirs":
                shift(road, 2)
                road.org.update("Account", sf_id, {"Phone": "theirs"})
            case "listen":
                await road.listen(apart=True)
            case _:
                await road.work()
    await road.listen(apart=True)
    await road.settle()
    for side in await phones(road, key, sf_id):
        assert side
        assert len(side) == len(set(side)), f"a value came back: {side}"
    await road.in_step()
    await road.quiet()


@pytest.mark.parametrize("gone", ["postgres", "salesforce"])
async def test_hc2_a_late_event_does_not_revive_what_was_deleted(make_road: MakeRoad, gone: str) -> None:
    road = await make_road(COMPANIES)
    key, sf_id = await paired_company(road)
    road.org.update("Account", sf_id, {"Phone": "2"})
    await road.settle()
    shift(road, 2)
    if gone == "postgres":
        await road.delete("company", key)
    else:
        road.org.delete("Account", sf_id)
    await road.settle()
    await road.app.execute(HISTORY)
    await road.hang_up()
    road.position = FROM_OLDEST  # the create and the update are heard once more, after the delete
    await road.listen(apart=True)
    assert await road.app.fetch("TABLE app.history") == [], "the row was there again for a moment"
    await road.settle()
    assert (await road.rows("company"), road.org.rows("Account")) == ([], [])
    await road.quiet()


async def test_hc3_a_row_deleted_while_its_create_is_under_way_is_not_inserted_again(
    make_road: MakeRoad,
) -> None:
    road = await make_road(COMPANIES)
    key = await road.insert("company", name="Acme")
    await road.work()
    await road.delete("company", key)
    await road.listen()
    assert await road.rows("company") == [], "the create's own event inserted the row again"
    await road.settle()
    assert (await road.rows("company"), road.org.rows("Account")) == ([], [])
    await road.quiet()


@pytest.mark.parametrize("doubt", [False, True], ids=["a create", "a create in doubt"])
async def test_hc3_a_row_deleted_during_the_call_that_makes_its_record_is_not_inserted_again(
    make_road: MakeRoad, monkeypatch: pytest.MonkeyPatch, doubt: bool
) -> None:
    road = await make_road(COMPANIES)
    key = await road.insert("company", name="Acme", phone="1")
    if doubt:
        await road.control.fault(action="drop_reply", path="/composite/sobjects")
        await road.worker.round()
        await road.update("company", key, phone="2")
    await road.app.execute(HISTORY)
    calls: list[Step] = []

    async def send_and_delete(parts: Parts, step: Step, cases: Sequence[Case]) -> None:
        await send(parts, step, cases)
        calls.append(step)
        if len(calls) == 1:
            await road.delete("company", key)

    monkeypatch.setattr(worker, "send", send_and_delete)
    await road.settle()
    assert await road.app.fetch("TABLE app.history") == [], "the row was inserted again"
    assert (await road.rows("company"), road.org.rows("Account")) == ([], [])
    assert calls
    await road.quiet()


@pytest.mark.parametrize("lost", ["the reply", "the process"])
async def test_hc4_a_create_whose_reply_was_lost_makes_one_record(make_road: MakeRoad, lost: str) -> None:
    road = await make_road(COMPANIES)
    key = await road.insert("company", name="Acme", phone="1")
    if lost == "the reply":
        await road.control.fault(action="drop_reply", path="/composite/sobjects")
        await road.worker.round()
    else:
        await die_writing(road, after=True)
    await road.update("company", key, phone="2")
    await road.settle()
    assert [record["Phone"] for record in road.org.rows("Account")] == ["2"]
    assert len(await road.rows("company")) == 1
    await road.in_step()
    await road.quiet()


async def test_hc5_truncate_is_seen_and_deletes_nothing_until_somebody_says_so(make_road: MakeRoad) -> None:
    road = await make_road(COMPANIES)
    for number in range(3):
        await road.insert("company", name=f"Company {number}")
    await road.settle()
    await road.app.execute("TRUNCATE app.company")
    await road.settle()
    assert len(road.org.rows("Account")) == 3
    assert [(c["state"], c["code"]) for c in await road.changes()] == [("parked", "truncate")]
    assert await road.inspection.retry(code="truncate", operator="test") == 1
    await road.settle()
    assert road.org.rows("Account") == []


async def test_hc6_changes_arrive_in_the_order_in_which_they_were_made(make_road: MakeRoad) -> None:
    road = await make_road(COMPANIES, PEOPLE)
    async with road.app.transaction():
        await road.app.execute("SET CONSTRAINTS ALL DEFERRED")
        person = await road.insert("person", last_name="Hill")
        company = await road.insert("company", name="Acme", phone="1")
        await road.update("person", person, company=int(company))
    for number in range(2, 6):
        await road.update("company", company, phone=str(number))
        if number % 2:
            await road.work()
    await road.settle()
    account = (await road.link("companies", company)).sf_id
    contact = (await road.link("people", person)).sf_id
    written = told(road, account)
    assert written == sorted(written), "an older value was written after a newer one"
    assert written[-1] == "5"
    headers = [event.opened()[0] for event in road.org.log.since(0, 1000)]
    made = [sf_id for each in headers if each["changeType"] == "CREATE" for sf_id in each["recordIds"]]
    assert made.index(account) < made.index(contact), "the child went before its parent"
    assert road.record("Contact", contact)["AccountId"] == account
    await road.in_step()
    await road.quiet()
