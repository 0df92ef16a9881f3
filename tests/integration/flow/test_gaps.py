"""Gaps, redelivery, order, and stored changes that outlive what they were stored for."""

import asyncio
from contextlib import suppress
from dataclasses import replace

import pytest

from daemon.domain.change import Change, ChangeKind, Source
from daemon.domain.side import Side
from daemon.ports.store import Position
from tests.integration.flow.conftest import MakeRoad
from tests.integration.flow.scenes import paired_company, the_link
from tests.support.road import CHANNEL, Road, shift
from tests.support.road_steps import COMPANIES


async def behind_our_back(road: Road, sf_id: str, **values: str) -> None:
    """A change whose event never comes."""
    await road.listen()
    road.org.selection.select([])
    road.org.update("Account", sf_id, values)
    road.org.selection.select(None)


async def test_a_gap_event_reads_its_record(make_road: MakeRoad) -> None:
    road = await make_road(COMPANIES)
    key, sf_id = await paired_company(road)
    await behind_our_back(road, sf_id, Phone="2")
    await road.control.post("events/inject", object="Account", changeType="GAP_UPDATE", recordIds=[sf_id])
    await road.settle()
    assert (await road.row("company", key) or {})["phone"] == "2"
    await road.in_step()
    await road.quiet()


@pytest.mark.parametrize("wildcard", [False, True])
async def test_an_overflow_reads_the_whole_object(make_road: MakeRoad, wildcard: bool) -> None:
    road = await make_road(COMPANIES)
    key, sf_id = await paired_company(road)
    gone_key, gone = await paired_company(road, name="Gone")
    await behind_our_back(road, sf_id, Phone="2")
    road.org.selection.select([])
    road.org.delete("Account", gone)
    new = road.org.create("Account", {"Name": "New"})
    road.org.selection.select(None)
    kind = "UPDATE" if wildcard else "GAP_OVERFLOW"
    await road.control.post("events/inject", object="Account", changeType=kind, wildcard=wildcard)
    await road.settle()
    assert (await road.row("company", key) or {})["phone"] == "2"
    assert await road.row("company", gone_key) is None
    assert (await the_link(road, new)).state.value == "linked"
    await road.in_step()
    await road.quiet()


async def test_a_lost_position_reads_everything(make_road: MakeRoad) -> None:
    road = await make_road(COMPANIES)
    key, sf_id = await paired_company(road)
    await road.hang_up()
    async with road.parts.store.begin() as unit:
        await unit.save_position(Position(CHANNEL, "cometd", "123", None))
    road.org.update("Account", sf_id, {"Phone": "2"})
    await road.control.post("replay/expire")
    running = asyncio.create_task(road.stream().run())
    async with asyncio.timeout(10):
        while not any(c["kind"] == "reread" and c["state"] == "pending" for c in await road.changes()):  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running
    await road.work()
    assert (await road.row("company", key) or {})["phone"] == "2"
    assert (await road.parts.store.positions())[CHANNEL].position != "123"
    await road.in_step()


async def test_after_a_loss_nothing_is_read_whole_before_the_stream_is_subscribed(
    make_road: MakeRoad,
) -> None:
    road = await make_road(COMPANIES)
    key, sf_id = await paired_company(road)
    await road.hang_up()
    stream = road.stream()
    await stream._lost()
    assert [change["state"] for change in await road.changes()] == ["held"]
    assert await road.work() == 0, "what happens before the next session would be missed"
    await behind_our_back(road, sf_id, Phone="2")
    running = asyncio.create_task(stream.run())
    async with asyncio.timeout(10):
        while any(change["state"] == "held" for change in await road.changes()):  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    following = [road.parts.heard.following]
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running
    assert [*following, road.parts.heard.following] == [True, False]
    await road.work()
    assert (await road.row("company", key) or {})["phone"] == "2"


async def test_a_create_heard_again_of_a_record_that_is_gone_makes_no_row(make_road: MakeRoad) -> None:
    road = await make_road(COMPANIES)
    start = road.position
    gone = road.org.create("Account", {"Name": "Gone"})
    await road.listen()
    shift(road, 5)
    road.org.delete("Account", gone)
    road.org.create("Account", {"Name": "Here"})
    await road.settle()
    await road.app.execute(
        "DELETE FROM isthmus.link WHERE sf_id = $1", gone
    )  # as if it had never been linked
    assert [row["name"] for row in await road.rows("company")] == ["Here"]
    await road.hang_up()
    road.position = start
    assert await road.listen(apart=True) > 1
    highest = await road.app.fetchval("SELECT last_value FROM app.company_id_seq")
    assert [row["name"] for row in await road.rows("company")] == ["Here"]
    assert highest == max(row["id"] for row in await road.rows("company")), "a row was made for a moment"


async def test_events_that_come_again_have_no_effect(make_road: MakeRoad) -> None:
    road = await make_road(COMPANIES)
    start = road.position
    key, sf_id = await paired_company(road)
    road.org.update("Account", sf_id, {"Phone": "2"})
    await road.settle()
    shift(road, 5)
    await road.update("company", key, phone="3")
    await road.settle()
    shift(road, 5)
    road.org.update("Account", sf_id, {"Phone": "4"})
    await road.settle()
    rows, link, heard = await road.rows("company"), await road.link("companies", key), road.org.log.end
    ledger = await road.ledger()
    assert await road.replay(start) > 3
    await road.settle()
    assert await road.rows("company") == rows
    assert await road.ledger() == ledger
    assert road.org.log.end == heard
    assert (await road.link("companies", key)).base == link.base
    await road.quiet()


async def test_deletes_and_undeletes_that_come_again_have_no_effect(make_road: MakeRoad) -> None:
    road = await make_road(COMPANIES)
    start = road.position
    _, sf_id = await paired_company(road)
    road.org.delete("Account", sf_id)
    await road.settle()
    shift(road, 5)
    road.org.undelete(sf_id)
    await road.settle()
    rows = await road.rows("company")
    await road.replay(start)
    await road.settle()
    assert await road.rows("company") == rows
    await road.in_step()
    await road.quiet()


async def test_a_deleted_record_is_not_revived_by_older_events(make_road: MakeRoad) -> None:
    road = await make_road(COMPANIES)
    start = road.position
    _, sf_id = await paired_company(road)
    road.org.update("Account", sf_id, {"Phone": "2"})
    await road.settle()
    road.org.delete("Account", sf_id)
    await road.settle()
    await road.replay(start)
    await road.settle()
    assert await road.rows("company") == []
    await road.quiet()


async def test_events_of_a_record_that_is_behind_keep_their_order(make_road: MakeRoad) -> None:
    road = await make_road(COMPANIES)
    key, sf_id = await paired_company(road)
    await road.control.post("events/inject", object="Account", changeType="GAP_UPDATE", recordIds=[sf_id])
    for number in range(3):
        road.org.update("Account", sf_id, {"Phone": f"{number}"})
        shift(road, 2)
        await road.listen()
    assert len(await road.changes()) == 4
    assert (await road.row("company", key) or {})["phone"] == "1"
    await road.settle()
    assert (await road.row("company", key) or {})["phone"] == "2"
    await road.in_step()
    await road.quiet()


@pytest.mark.requirement("S1-65")
async def test_a_stored_change_of_a_step_that_is_no_more_waits_and_holds_nothing_up(
    make_road: MakeRoad,
) -> None:
    road = await make_road(COMPANIES)
    now = road.parts.clock.now()
    async with road.parts.store.begin() as unit:
        await unit.store_changes(
            [
                Change("former", Side.POSTGRES, ChangeKind.UPDATE, Source.TRIGGER, now, key="1"),
                Change(
                    "former",
                    Side.SALESFORCE,
                    ChangeKind.REREAD,
                    Source.STREAM,
                    now,
                    sf_id="001000000000001AAA",
                ),
            ]
        )
    await road.insert("company", name="Acme")
    await road.settle()
    assert len(road.org.rows("Account")) == 1
    left = await road.changes()
    assert [(change["step"], change["code"]) for change in left] == [("former", "step_removed")] * 2


async def test_a_newly_mapped_field_is_read_once(make_road: MakeRoad) -> None:
    road = await make_road(COMPANIES)
    slim = replace(COMPANIES, fields=COMPANIES.fields[:2])
    road.reconfigured(slim)
    key, sf_id = await paired_company(road)
    road.org.update("Account", sf_id, {"Website": "w.example"})
    await road.settle()
    road.reconfigured(COMPANIES)
    shift(road, 5)
    road.org.update("Account", sf_id, {"Phone": "2"})
    await road.settle()
    row = await road.row("company", key) or {}
    assert (row["phone"], row["website"]) == ("2", "w.example")
    await road.in_step()
    await road.quiet()
