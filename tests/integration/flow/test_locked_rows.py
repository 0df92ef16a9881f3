"""A row that another session holds waits for itself alone."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from daemon.domain.policy import Policy
from daemon.domain.side import Side
from tests.integration.flow.conftest import MakeRoad
from tests.integration.flow.scenes import paired_company, paired_person
from tests.support.road import Road, shift
from tests.support.road_steps import COMPANIES, PEOPLE, all_by, policy


@asynccontextmanager
async def held(road: Road, key: str) -> AsyncIterator[None]:
    """A transaction of the application's that holds a company's row."""
    async with road.app.transaction():
        await road.app.execute("SELECT 1 FROM app.company WHERE id = $1 FOR UPDATE", int(key))
        yield


async def make_due(road: Road) -> None:
    """What waits a second or two is due now."""
    await road.app.execute("UPDATE isthmus.change SET due = NULL")


async def test_an_event_for_a_locked_row_is_stored_and_the_others_are_settled(make_road: MakeRoad) -> None:
    road = await make_road(COMPANIES, PEOPLE)
    locked, locked_id = await paired_company(road)
    free, free_id = await paired_person(road)
    async with held(road, locked):
        road.org.update("Account", locked_id, {"Phone": "2"})
        road.org.update("Contact", free_id, {"LastName": "Vale"})
        await road.listen()
        assert (await road.row("person", free) or {})["last_name"] == "Vale"
        assert (await road.row("company", locked) or {})["phone"] == "1"
        (waiting,) = await road.changes()
        assert (waiting["sf_id"], waiting["state"], waiting["code"]) == (locked_id, "pending", "55P03")
        assert waiting["attempts"] == 0, "somebody else's lock counts as a failure of the record"
    await make_due(road)
    await road.settle()
    assert (await road.row("company", locked) or {})["phone"] == "2"
    await road.in_step()


async def test_a_push_of_a_locked_row_reaches_salesforce_and_is_remembered(make_road: MakeRoad) -> None:
    road = await make_road(COMPANIES)
    key, sf_id = await paired_company(road)
    await road.update("company", key, phone="3")
    async with held(road, key):
        await road.work()
        assert road.record("Account", sf_id)["Phone"] == "3"
        assert (await road.link("companies", key)).base["Phone"] == "3"
    await make_due(road)
    await road.settle()
    await road.in_step()
    await road.quiet()


async def test_a_record_made_while_its_row_is_held_is_linked_with_what_was_agreed(
    make_road: MakeRoad,
) -> None:
    road = await make_road(COMPANIES)
    key = await road.insert("company", name="Acme", phone="1", ext_id="K-1")
    async with held(road, key):
        await road.work()
        assert (await road.link("companies", key)).base["Phone"] == "1"
        await road.app.execute("UPDATE app.company SET phone = '2' WHERE id = $1", int(key))
    await make_due(road)
    await road.settle()
    assert (await road.row("company", key) or {})["phone"] == "2", (
        "our own value quarrelled with a later edit"
    )
    (record,) = road.org.rows("Account")
    assert record["Phone"] == "2"
    assert await road.ledger() == []
    await road.in_step()


async def test_a_create_whose_row_cannot_be_named_now_comes_back_soon(make_road: MakeRoad) -> None:
    road = await make_road(COMPANIES)
    key = await road.insert("company", name="Acme")
    async with held(road, key):
        async with asyncio.timeout(2):  # nobody waits for whoever holds the row
            await road.worker.round()
        assert road.org.rows("Account") == []
        (waiting,) = await road.changes()
        assert (waiting["state"], waiting["code"], waiting["attempts"]) == ("pending", "55P03", 0)
        assert waiting["due"] is not None
    await make_due(road)
    await road.settle()
    assert len(road.org.rows("Account")) == 1
    await road.in_step()
    await road.quiet()


async def test_an_edit_of_a_row_that_is_held_while_it_is_decided_is_as_old_as_it_is(
    make_road: MakeRoad,
) -> None:
    """The conflict could not be decided while the row was held; its time must not be forgotten over that."""
    road = await make_road(all_by(COMPANIES, policy(Policy.NEWEST, Side.POSTGRES)))
    key, sf_id = await paired_company(road, phone="agreed")
    await road.update("company", key, phone="here")
    shift(road, 20)
    road.org.update("Account", sf_id, {"Phone": "there"})
    async with held(road, key):
        await road.work()
        assert any('"here"' in c["new"] for c in await road.changes()), "the edit is forgotten"
    await make_due(road)
    await road.settle()
    assert (await road.row("company", key) or {})["phone"] == "there"
    assert road.record("Account", sf_id)["Phone"] == "there"
    await road.in_step()
    await road.quiet()
