"""Creates whose answer never came, and what happened to their records before anybody looked."""

from dataclasses import replace

import pytest

from daemon.domain.policy import DeleteConflict, Policy
from tests.integration.flow.conftest import MakeRoad
from tests.support.road import shift
from tests.support.road_steps import COMPANIES, all_by, policy

NO_REPLY = {"action": "drop_reply", "path": "/composite/sobjects"}


@pytest.mark.parametrize("heard", [False, True])
async def test_a_record_deleted_before_its_create_was_resolved_is_not_made_again(
    make_road: MakeRoad, heard: bool
) -> None:
    road = await make_road(COMPANIES)
    await road.insert("company", name="Acme", phone="1")
    await road.control.fault(**NO_REPLY)
    await road.worker.round()
    (record,) = road.org.rows("Account")
    shift(road, 5)
    road.org.delete("Account", str(record["Id"]))
    if heard:
        await road.listen()
    await road.work()
    await road.settle()
    assert road.org.rows("Account") == []
    assert await road.rows("company") == []
    assert [link.state.value for link in await road.links()] == ["tombstone"]
    await road.quiet()


async def test_an_edit_since_keeps_the_row_of_such_a_record(make_road: MakeRoad) -> None:
    road = await make_road(replace(COMPANIES, delete_conflict=DeleteConflict.PARK))
    key = await road.insert("company", name="Acme", phone="1")
    await road.control.fault(**NO_REPLY)
    await road.worker.round()
    (record,) = road.org.rows("Account")
    shift(road, 5)
    road.org.delete("Account", str(record["Id"]))
    await road.update("company", key, phone="edited")
    await road.settle()
    assert road.org.rows("Account") == []
    assert (await road.row("company", key) or {})["phone"] == "edited"
    assert "delete_conflict" in {change["code"] for change in await road.changes()}


async def test_an_older_deleted_record_with_the_row_s_own_id_says_nothing(make_road: MakeRoad) -> None:
    road = await make_road(COMPANIES)
    old = road.org.create("Account", {"Name": "Old", "Ext_Id__c": "E1"})
    road.org.delete("Account", old)
    await road.listen()
    await road.work()
    await road.insert("company", name="New", ext_id="E1")
    await road.control.fault(action="answer", status=504, path="/composite/sobjects", body="gateway")
    await road.worker.round()
    await road.settle()
    assert [row["name"] for row in await road.rows("company")] == ["New"]
    assert [record["Name"] for record in road.org.rows("Account")] == ["New"]
    await road.in_step()


async def test_an_update_sent_in_a_create_s_place_keeps_its_external_id(make_road: MakeRoad) -> None:
    road = await make_road(all_by(COMPANIES, policy(Policy.POSTGRES)))
    key = await road.insert("company", name="Acme", phone="1")
    await road.update("company", key, phone="2")
    await road.control.fault(**NO_REPLY)
    await road.worker.round()
    (record,) = road.org.rows("Account")
    made = await road.app.fetch("SELECT DISTINCT external_id FROM isthmus.change")
    assert [row["external_id"] for row in made] == [record["Ext_Id__c"]]
    shift(road, 5)
    road.org.update("Account", str(record["Id"]), {"Phone": "theirs"})
    await road.settle()
    assert (await road.row("company", key) or {})["phone"] == "theirs", "nobody here has edited it since"
    assert await road.ledger() == []
    await road.in_step()
    await road.quiet()
