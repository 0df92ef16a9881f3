"""Records of one object in two tables: a pair's key says nothing of the other table's rows."""

from dataclasses import replace

import pytest

from daemon.domain.change import Change, ChangeKind, Source
from daemon.domain.mapping import Step
from daemon.domain.side import Side
from tests.integration.flow.conftest import MakeRoad
from tests.integration.flow.scenes import LATER
from tests.support.road import Road, shift
from tests.support.road_steps import COMPANIES
from tests.support.two_tables import VIPS


async def both(road: Road) -> tuple[str, str]:
    """A row of either table under one key, each with a record of its own: the key, and the record of the second."""
    key = await road.insert("person", last_name="Vip", phone="1")
    assert await road.insert("company", name="Company", phone="2") == key
    await road.settle()
    assert {(link.step, link.key) for link in await road.links()} == {("companies", key), ("vips", key)}
    [link] = [link for link in await road.links() if link.step == "vips"]
    shift(road, LATER)
    return key, link.sf_id


async def company(road: Road, key: str) -> tuple[str, str]:
    row = await road.row("company", key)
    assert row is not None
    return row["name"], row["phone"]


FEWER = replace(COMPANIES, fields=COMPANIES.fields[:2])
"""All that it maps is in the other step's bases too."""


@pytest.mark.parametrize("first", [COMPANIES, FEWER], ids=["reads more", "reads no more"])
@pytest.mark.parametrize("edit", ["update", "delete"])
async def test_what_happens_to_a_removed_step_s_record_reaches_no_row_of_another_table(
    make_road: MakeRoad, first: Step, edit: str
) -> None:
    road = await make_road(first, VIPS)
    key, sf_id = await both(road)
    road.reconfigured(first)
    if edit == "update":
        road.org.update("Account", sf_id, {"Name": "Edited", "Phone": "99"})
    else:
        road.org.delete("Account", sf_id)
    await road.settle()
    assert await company(road, key) == ("Company", "2")
    names = {record["Name"] for record in road.org.rows("Account")}
    assert names == ({"Company", "Edited"} if edit == "update" else {"Company"})
    assert await road.changes() == []
    assert {(link.step, link.key) for link in await road.links()} == {("companies", key), ("vips", key)}
    road.reconfigured(first, VIPS)
    async with road.parts.writing:
        await road.parts.store.look_anew("vips", 0, 100)  # what a step that is back has done
    await road.settle()
    row = await road.row("person", key)
    assert row is None if edit == "delete" else (row or {})["phone"] == "99"
    assert await company(road, key) == ("Company", "2")


async def test_what_waits_of_a_stranger_goes_to_the_step_that_has_paired_it_since(
    make_road: MakeRoad,
) -> None:
    road = await make_road(COMPANIES, VIPS)
    key, sf_id = await both(road)
    road.org.update("Account", sf_id, {"Phone": "99"})
    told = Change(
        "companies", Side.SALESFORCE, ChangeKind.REREAD, Source.STREAM, road.parts.salesforce_now(), sf_id
    )
    async with road.parts.writing, road.parts.store.begin() as unit:
        await unit.store_changes([told])
    await road.work()
    assert await company(road, key) == ("Company", "2")
    row = await road.row("person", key)
    assert (row or {})["phone"] == "99"
    assert await road.changes() == []


async def test_a_record_that_the_second_step_s_create_in_doubt_has_made_is_no_stranger_to_the_first(
    make_road: MakeRoad,
) -> None:
    road = await make_road(COMPANIES, VIPS)
    key = await road.insert("person", last_name="Vip", phone="1")
    await road.control.fault(action="drop_reply", path="/composite/sobjects")
    await road.worker.round()
    assert len(road.org.rows("Account")) == 1
    await road.listen()
    for _ in range(3):
        await road.app.execute("UPDATE isthmus.change SET due = NULL")
        await road.settle()
    assert await road.rows("company") == []
    assert [(link.step, link.key) for link in await road.links()] == [("vips", key)]
    assert await road.changes() == []
    await road.in_step()
    await road.quiet()
