"""Rows that a person links anew, after whatever ended their former pair: the values of the side that was named travel."""

from dataclasses import replace

import pytest

from daemon.domain.policy import OnDelete
from daemon.operations import linking
from daemon.operations.linking import Parting
from tests.integration.flow.conftest import MakeRoad
from tests.integration.flow.scenes import LATER, paired_company
from tests.support.road import Road, shift
from tests.support.road_steps import COMPANIES

KEPT = replace(COMPANIES, on_delete=OnDelete.KEEP, on_request=True)


async def _once_linked(road: Road) -> tuple[str, str, str]:
    """A row that agrees with the record it is linked to, and a record beside it: the key and both ids."""
    key = await road.insert("company", name="Row", phone="p")
    first, second = road.org.load(
        "Account", [{"Name": "First", "Phone": "1"}, {"Name": "Second", "Phone": "2"}]
    )
    await linking.create(road.office, "companies", key, first, "postgres", "ann")
    await road.settle()
    assert road.record("Account", first)["Name"] == "Row"
    shift(road, LATER)
    return key, first, second


async def _end(road: Road, key: str, sf_id: str, state: str) -> None:
    """Have the pair end in this way; its row is there afterwards."""
    link = await road.link("companies", key)
    if state in ("broken", "tombstone"):
        road.org.delete("Account", sf_id)
        if state == "tombstone":
            await road.delete("company", key)
        await road.settle()
    else:
        await linking.remove(road.office, link.id, parting=Parting(state), operator="ann")
    if state == "tombstone":
        assert await road.insert("company", id=int(key), name="Row", phone="p") == key
        await road.settle()
    if state != "removed":
        assert (await road.link("companies", key)).state.value == state
    shift(road, LATER)


@pytest.mark.parametrize("state", ["broken", "tombstone", "unlinked", "removed"])
@pytest.mark.parametrize(("take", "name", "phone"), [("postgres", "Row", "p"), ("salesforce", "Second", "2")])
async def test_after_the_former_pair_ended(
    make_road: MakeRoad, state: str, take: str, name: str, phone: str
) -> None:
    road = await make_road(KEPT)
    key, first, second = await _once_linked(road)
    await _end(road, key, first, state)
    await linking.create(road.office, "companies", key, second, take, "ann")
    await road.settle()
    row, record = await road.row("company", key) or {}, road.record("Account", second)
    assert (row["name"], row["phone"]) == (name, phone)
    assert (record["Name"], record["Phone"]) == (name, phone)
    assert [(link.key, link.sf_id, link.state.value) for link in await road.links()] == [
        (key, second, "linked")
    ]
    await road.in_step()
    await road.quiet()


@pytest.mark.parametrize("way", ["change", "forget"])
async def test_a_pair_parted_before_it_was_looked_at_is_not_made_again(make_road: MakeRoad, way: str) -> None:
    road = await make_road(KEPT)
    key = await road.insert("company", name="Row", phone="p")
    await road.settle()
    first, second = road.org.load("Account", [{"Name": "First"}, {"Name": "Second"}])
    made = await linking.create(road.office, "companies", key, first, "postgres", "ann")
    if way == "change":
        await linking.change(road.office, "companies", key, second, "postgres", "ann")
    else:
        await linking.remove(road.office, made["id"], parting=Parting.FORGET, operator="ann")
    await road.settle()
    linked = way == "change"
    assert [link.sf_id for link in await road.links()] == ([second] if linked else [])
    names = {record["Id"]: record["Name"] for record in road.org.rows("Account")}
    assert names == {first: "First", second: "Row" if linked else "Second"}
    assert [row["name"] for row in await road.rows("company")] == ["Row"]
    await road.quiet()


async def test_what_is_told_late_of_a_former_record_is_not_laid_to_its_row(make_road: MakeRoad) -> None:
    """Events that wait while their record's row is given another one: the rules decide about the record alone."""
    road = await make_road(KEPT)
    key, first, second = await _once_linked(road)
    road.org.delete("Account", first)
    road.org.undelete(first)
    await road.listen()
    await linking.change(road.office, "companies", key, second, "salesforce", "ann")
    await road.settle()
    assert [row["name"] for row in await road.rows("company")] == ["Second", "Row"], (
        "each has a row of its own"
    )
    assert [link.sf_id for link in await road.links()] == [second, first]
    await road.in_step()
    await road.quiet()


async def test_a_deletion_that_is_told_late_makes_no_record(make_road: MakeRoad) -> None:
    road = await make_road(COMPANIES)
    key, first = await paired_company(road)
    [second] = road.org.load("Account", [{"Name": "Second", "Phone": "2"}])
    road.org.delete("Account", first)
    await road.listen()
    await linking.change(road.office, "companies", key, second, "salesforce", "ann")
    await road.settle()
    assert [record["Id"] for record in road.org.rows("Account")] == [second]
    assert [link.sf_id for link in await road.links()] == [second]
    await road.in_step()
    await road.quiet()
