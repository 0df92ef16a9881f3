"""Writes that may not stand on the base: what they would replace would be told by nothing."""

from daemon.flow.gaps import whole_object
from tests.integration.flow.conftest import MakeRoad
from tests.integration.flow.scenes import paired_company
from tests.support.road import Road
from tests.support.road_steps import COMPANIES


async def edited_in_the_second_that_was_seen(road: Road) -> tuple[str, str]:
    """A pair whose record somebody edits in the very second up to which we know it, and no event tells of it."""
    key, sf_id = await paired_company(road)
    await road.control.post("clock", freeze=True)
    await road.update("company", key, phone="first")
    await road.settle()
    road.org.selection.select([])
    road.org.update("Account", sf_id, {"Phone": "theirs"})
    road.org.selection.select(None)
    return key, sf_id


async def test_nothing_is_replaced_unseen_while_the_object_is_to_be_read_whole(make_road: MakeRoad) -> None:
    road = await make_road(COMPANIES)
    key, _ = await edited_in_the_second_that_was_seen(road)
    async with road.parts.store.begin() as unit:
        await unit.store_changes([whole_object("companies", road.parts.clock.now())])
    await road.update("company", key, phone="second")
    await road.work()
    assert [(entry["salesforce"], entry["postgres"]) for entry in await road.ledger()] == [
        ("theirs", "second")
    ]
    await road.control.post("clock", freeze=False)
    await road.settle()
    await road.in_step()


async def test_nothing_is_replaced_unseen_before_the_stream_is_taken_up(make_road: MakeRoad) -> None:
    road = await make_road(COMPANIES)
    key, _ = await edited_in_the_second_that_was_seen(road)
    road.parts.heard.following = False
    await road.update("company", key, phone="second")
    await road.work()
    assert [(entry["salesforce"], entry["postgres"]) for entry in await road.ledger()] == [
        ("theirs", "second")
    ]
    await road.control.post("clock", freeze=False)
    await road.settle()
    await road.in_step()


async def test_a_followed_stream_spares_the_reading(make_road: MakeRoad) -> None:
    road = await make_road(COMPANIES)
    key, sf_id = await paired_company(road)
    await road.settle()
    await road.forget_calls()
    await road.update("company", key, phone="2")
    await road.work()
    assert road.record("Account", sf_id)["Phone"] == "2"
    assert [call.partition("?")[0].rpartition("/")[2] for call in await road.calls()] == ["composite"]
