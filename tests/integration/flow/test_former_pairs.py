"""Halves whose former pair has ended: the rules may pair them again, and nothing goes round for ever."""

from dataclasses import replace

from daemon.domain.policy import OnDelete
from tests.integration.flow.conftest import MakeRoad
from tests.integration.flow.scenes import LATER, paired_company
from tests.support.road import Road, shift
from tests.support.road_steps import COMPANIES

KEPT = replace(COMPANIES, on_delete=OnDelete.KEEP)


async def row_gone_record_kept(road: Road) -> str:
    """The id of a record whose row was deleted, and which was kept."""
    key, sf_id = await paired_company(road, ext_id="x-1")
    road.org.update("Account", sf_id, {"Ext_Id__c": "x-1"})
    await road.settle()
    shift(road, LATER)
    await road.delete("company", key)
    await road.settle()
    assert (await road.link("companies", key)).state.value == "broken"
    assert await road.changes() == []
    return sf_id


async def test_a_new_row_takes_a_record_that_was_kept_when_its_row_went(make_road: MakeRoad) -> None:
    road = await make_road(KEPT)
    sf_id = await row_gone_record_kept(road)
    key = await road.insert("company", name="Acme again", phone="2", ext_id="x-1")
    await road.settle()
    link = await road.link("companies", key)
    assert (link.sf_id, link.state.value) == (sf_id, "linked")
    assert len(await road.links()) == 1
    await road.in_step()
    await road.quiet()


async def test_a_row_takes_no_record_whose_kept_row_is_there(make_road: MakeRoad) -> None:
    road = await make_road(KEPT)
    former, sf_id = await paired_company(road, ext_id="x-1")
    road.org.update("Account", sf_id, {"Ext_Id__c": "x-1"})
    await road.settle()
    shift(road, LATER)
    road.org.delete("Account", sf_id)
    await road.settle()
    assert (await road.link("companies", former)).state.value == "broken"
    road.org.undelete(sf_id)
    await road.miss()
    await road.insert("company", name="Another", ext_id="x-1")
    await road.work()
    assert [(change["state"], change["code"]) for change in await road.changes()] == [
        ("parked", "already_linked")
    ]


async def test_a_new_record_takes_a_row_that_was_kept_when_its_record_went(make_road: MakeRoad) -> None:
    road = await make_road(KEPT)
    key, sf_id = await paired_company(road, ext_id="x-1")
    road.org.delete("Account", sf_id)
    await road.settle()
    assert (await road.link("companies", key)).state.value == "broken"
    shift(road, LATER)
    made = str(road.org.create("Account", {"Name": "Acme", "Ext_Id__c": "x-1"}))
    await road.settle()
    link = await road.link("companies", key)
    assert (link.sf_id, link.state.value) == (made, "linked")
    await road.in_step()
    await road.quiet()


async def test_no_rule_pairs_a_record_that_an_operator_unlinked(make_road: MakeRoad) -> None:
    road = await make_road(KEPT)
    sf_id = await row_gone_record_kept(road)
    await road.app.execute("UPDATE isthmus.link SET state = 'unlinked' WHERE sf_id = $1", sf_id)
    await road.insert("company", name="Acme again", ext_id="x-1")
    await road.settle()
    assert [(change["state"], change["code"]) for change in await road.changes()] == [
        ("parked", "already_linked")
    ]
