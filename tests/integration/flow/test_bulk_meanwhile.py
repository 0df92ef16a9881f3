"""What is done beside a bulk job about the rows and records that it has in hand: renames, twins, and other steps of its object."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from daemon.domain.mapping import Retry
from daemon.flow.bulk_lane import BulkLane
from tests.integration.flow.bulk_scenes import (
    MANY,
    EndedUnheard,
    Meddled,
    hand_over,
    in_bulk,
    in_small_numbers,
    insert,
    jobs,
    settle,
    work,
)
from tests.integration.flow.conftest import MakeRoad
from tests.support.road import Road, shift
from tests.support.road_steps import BY_EXT_ID, COMPANIES, by_field
from tests.support.two_tables import VIPS

AT_ONCE = replace(COMPANIES, retry=Retry(first=timedelta(0), maximum=timedelta(0)))
TWINS_MEET = replace(AT_ONCE, identify=(BY_EXT_ID, by_field("Website", "website")))
"""Rows and records find one another by a field that is not unique as well."""


@pytest.fixture(autouse=True)
def small_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    in_small_numbers(monkeypatch)


async def ended_unheard(road: Road, meddle: Callable[[], Awaitable[None]]) -> BulkLane:
    """A job that is handed over works off, and `meddle` happens after it has done all and before we learn of it."""
    writer = EndedUnheard(road)
    lane = in_bulk(road, writer)
    await hand_over(road, lane)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(lane.work_off())
        async with asyncio.timeout(20):
            await writer.done.wait()
        await meddle()
        writer.may_end.set()
    return lane


async def rounds(road: Road) -> None:
    """The worker goes on beside the job."""
    for _ in range(3):
        await road.app.execute("UPDATE isthmus.change SET due = NULL WHERE state = 'pending'")
        await road.worker.round()


async def at_rest(road: Road, lane: BulkLane) -> None:
    """Whatever is put off is due."""
    for _ in range(3):
        await road.app.execute("UPDATE isthmus.change SET due = NULL WHERE state <> 'parked'")
        await settle(road, lane)


@pytest.mark.requirement("S4-03")
async def test_a_row_that_is_renamed_while_a_job_makes_its_record_keeps_that_record(
    make_road: MakeRoad,
) -> None:
    road = await make_road(AT_ONCE)
    await insert(road, MANY)

    async def rename() -> None:
        await road.app.execute("UPDATE app.company SET id = id + 1000 WHERE id <= 3")
        await rounds(road)

    lane = await ended_unheard(road, rename)
    await at_rest(road, lane)
    assert len(road.org.rows("Account")) == MANY, "nothing is made twice"
    assert len(await road.rows("company")) == MANY
    assert {link.key for link in await road.links()} == {str(row["id"]) for row in await road.rows("company")}
    await road.update("company", "1001", phone="after")
    await at_rest(road, lane)
    assert road.record("Account", (await road.link("companies", "1001")).sf_id)["Phone"] == "after"
    await road.in_step()
    await road.quiet()


async def test_of_two_rows_with_one_external_id_in_one_backlog_one_is_told(make_road: MakeRoad) -> None:
    road = await make_road(AT_ONCE)
    lane = in_bulk(road)
    await road.app.execute(
        "INSERT INTO app.company (name, ext_id) SELECT 'n' || n, 'k' || least(n, $1::int - 1) FROM generate_series(1, $1::int) AS n",
        MANY,
    )
    await work(road, lane)
    await at_rest(road, lane)
    assert [change["code"] for change in await road.changes()] == ["already_linked"]
    assert len(jobs(await road.calls())) > 0
    await _each_record_is_its_row_s(road, MANY - 1)


async def test_a_row_that_comes_with_the_external_id_of_one_in_hand_is_not_written_over_it(
    make_road: MakeRoad,
) -> None:
    road = await make_road(AT_ONCE)
    await road.app.execute(
        "INSERT INTO app.company (name, ext_id) SELECT 'n' || n, 'k' || n FROM generate_series(1, $1::int) AS n",
        MANY,
    )

    async def twin() -> None:
        await road.insert("company", name="Twin", ext_id="K1")
        await rounds(road)
        assert "Twin" not in {record["Name"] for record in road.org.rows("Account")}

    lane = await ended_unheard(road, twin)
    await at_rest(road, lane)
    assert [change["code"] for change in await road.changes()] == ["already_linked"]
    await _each_record_is_its_row_s(road, MANY)


async def test_a_row_that_matches_a_record_which_a_job_has_made_for_another_does_not_take_it(
    make_road: MakeRoad,
) -> None:
    road = await make_road(TWINS_MEET)
    await road.app.execute(
        "INSERT INTO app.company (name, website) SELECT 'n' || n, 'https://' || n || '.example' FROM generate_series(1, $1::int) AS n",
        MANY,
    )

    async def twin() -> None:
        await road.insert("company", name="Twin", website="https://1.example")
        await rounds(road)

    lane = await ended_unheard(road, twin)
    await at_rest(road, lane)
    assert [change["code"] for change in await road.changes()] == ["already_linked"]
    assert {link.key for link in await road.links()} == {str(number) for number in range(1, MANY + 1)}
    await _each_record_is_its_row_s(road, MANY)


@pytest.mark.requirement("S4-03")
async def test_what_a_job_makes_for_a_second_step_of_its_object_is_no_stranger_to_the_first(
    make_road: MakeRoad,
) -> None:
    road = await make_road(AT_ONCE, VIPS)
    await road.app.execute(
        "INSERT INTO app.person (last_name) SELECT 'n' || n FROM generate_series(1, $1::int) AS n", MANY
    )

    async def hear() -> None:
        await road.listen()
        await rounds(road)

    lane = await ended_unheard(road, hear)
    await at_rest(road, lane)
    assert await road.rows("company") == [], "they have rows already"
    assert {link.step for link in await road.links()} == {"vips"}
    assert len(await road.links()) == len(road.org.rows("Account")) == MANY
    assert await road.changes() == []
    await road.in_step()


@pytest.mark.requirement("S4-03")
async def test_a_record_that_somebody_made_under_a_row_s_id_during_a_job_that_nobody_survives_is_in_the_ledger(
    make_road: MakeRoad,
) -> None:
    road = await make_road(AT_ONCE)

    async def somebody() -> None:
        road.org.create("Account", {"Name": "Theirs", "Ext_Id__c": "k1"})
        shift(road, 100)

    async def death() -> None:
        raise DeathError

    lane = in_bulk(road, Meddled(road, before=somebody, after=death))
    await road.app.execute(
        "INSERT INTO app.company (name, ext_id) SELECT 'n' || n, 'k' || n FROM generate_series(1, $1::int) AS n",
        MANY,
    )
    with pytest.raises(DeathError):
        await work(road, lane)
    shift(road, 100)
    road.reborn()
    lane = in_bulk(road)
    await at_rest(road, lane)
    assert [(entry["kind"], entry["salesforce"], entry["key"]) for entry in await road.ledger()] == [
        ("unseen", "Theirs", "1")
    ]
    await _each_record_is_its_row_s(road, MANY)
    await road.quiet()


class DeathError(Exception):
    """The process ends here."""


async def _each_record_is_its_row_s(road: Road, count: int) -> None:
    """Every record holds what its own row says, and no two rows have written one."""
    rows = {str(row["id"]): row["name"] for row in await road.rows("company")}
    names = {record["Id"]: record["Name"] for record in road.org.rows("Account")}
    links = await road.links()
    assert len(links) == len(names) == count
    assert {link.sf_id: rows[link.key] for link in links} == names
