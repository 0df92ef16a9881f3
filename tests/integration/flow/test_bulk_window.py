"""The minutes between a job's reads and its end: whoever edits one of its records in Salesforce meanwhile."""

from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from daemon.domain.policy import Policy
from daemon.flow.bulk_lane import BulkLane
from daemon.operations.linking import Parting, remove
from tests.integration.flow.bulk_scenes import (
    MANY,
    Meddled,
    hand_over,
    in_bulk,
    in_small_numbers,
    ingest_jobs,
    insert,
    jobs,
    settle,
    work,
)
from tests.integration.flow.conftest import MakeRoad
from tests.support.road import Road, shift
from tests.support.road_steps import COMPANIES, all_by, policy

MINUTES = 100.0


PAIRS = all_by(COMPANIES, policy(Policy.POSTGRES))
"""Of these the rules do not ask when a value was changed, so their updates go in bulk."""


@pytest.fixture(autouse=True)
def small_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    in_small_numbers(monkeypatch)


async def paired(road: Road) -> BulkLane:
    """Many pairs that agree."""
    lane = in_bulk(road)
    await insert(road, MANY)
    await settle(road, lane)
    shift(road, 5)
    return lane


async def job_with(road: Road, statement: str, meddle: Callable[[], Awaitable[None]], when: str) -> BulkLane:
    """The application changes many rows; `meddle` happens minutes after they were read, `when` the job has written them or before."""
    await paired(road)

    async def meanwhile() -> None:
        shift(road, MINUTES)
        await meddle()
        shift(road, MINUTES)

    writer = Meddled(road, before=meanwhile) if when == "before" else Meddled(road, after=meanwhile)
    lane = in_bulk(road, writer)
    await road.app.execute(statement)
    await hand_over(road, lane)
    await lane.work_off()
    assert [job["state"] for job in await ingest_jobs(road)] == ["JobComplete"] * 2
    return lane


async def at_rest(road: Road, lane: BulkLane) -> None:
    await settle(road, lane)
    shift(road, MINUTES)
    await settle(road, lane)
    await road.in_step()
    await road.quiet()


@pytest.mark.requirement("S4-03")
@pytest.mark.parametrize("heard", ["during", "afterwards"])
@pytest.mark.parametrize("kind", [Policy.POSTGRES, Policy.SALESFORCE])
async def test_an_edit_in_salesforce_before_a_job_writes_its_record_is_on_top_or_in_the_ledger(
    make_road: MakeRoad, heard: str, kind: Policy
) -> None:
    road = await make_road(all_by(COMPANIES, policy(kind)))

    async def edit() -> None:
        await edit_there(road, "7", Phone="theirs")
        await edit_there(road, "8", Website="theirs")
        await edit_there(road, "9", Phone="theirs", Website="theirs")
        if heard == "during":
            await road.listen()
            assert await road.worker.round() == 0

    lane = await job_with(road, "UPDATE app.company SET phone = 'ours'", edit, "before")
    await at_rest(road, lane)
    phone, winner = ("theirs", "salesforce") if kind is Policy.SALESFORCE else ("ours", "postgres")
    assert await both(road, "7") == (phone, None)
    assert await both(road, "8") == ("ours", "theirs")
    assert await both(road, "9") == (phone, "theirs")
    lost = [(e["kind"], e["winner"], e["key"]) for e in await road.ledger() if e["salesforce"] == "theirs"]
    assert sorted(lost) == [("unseen", winner, "7"), ("unseen", winner, "9")]
    assert sum(record["Phone"] == "ours" for record in road.org.rows("Account")) >= MANY - 2


@pytest.mark.parametrize("heard", ["during", "afterwards"])
async def test_an_edit_in_salesforce_after_a_job_has_written_its_record_stays(
    make_road: MakeRoad, heard: str
) -> None:
    road = await make_road(PAIRS)

    async def edit() -> None:
        await edit_there(road, "7", Phone="theirs")
        await edit_there(road, "8", Website="theirs")
        if heard == "during":
            await road.listen()
            assert await road.worker.round() == 0

    lane = await job_with(road, "UPDATE app.company SET phone = 'ours'", edit, "after")
    await at_rest(road, lane)
    assert await both(road, "7") == ("theirs", None)
    assert await both(road, "8") == ("ours", "theirs")
    assert await road.ledger() == []


async def edit_there(road: Road, key: str, **values: str) -> None:
    """A person edits the record of a row."""
    road.org.update("Account", (await road.link("companies", key)).sf_id, values)


async def both(road: Road, key: str) -> tuple[str | None, str | None]:
    """Phone and website of a row, which its record holds as well."""
    row = await road.row("company", key) or {}
    record = road.record("Account", (await road.link("companies", key)).sf_id)
    assert (record.get("Phone"), record.get("Website")) == (row["phone"], row["website"])
    return row["phone"], row["website"]


async def test_where_edits_in_salesforce_count_nothing_is_deleted_minutes_after_it_was_decided(
    make_road: MakeRoad,
) -> None:
    step = replace(COMPANIES, delete_guard=replace(COMPANIES.delete_guard, max_count=10**6, max_ratio=1.0))
    road = await make_road(step)
    lane = await paired(road)
    await road.app.execute("DELETE FROM app.company")
    await road.forget_calls()
    await work(road, lane)
    assert road.org.rows("Account") == []
    assert jobs(await road.calls()) == []


async def test_where_the_newest_edit_wins_nothing_is_updated_minutes_after_it_was_decided(
    make_road: MakeRoad,
) -> None:
    road = await make_road(COMPANIES)
    lane = await paired(road)
    await road.app.execute("UPDATE app.company SET phone = 'ours'")
    await road.forget_calls()
    await work(road, lane)
    assert {record["Phone"] for record in road.org.rows("Account")} == {"ours"}
    assert jobs(await road.calls()) == []


@pytest.mark.parametrize("heard", ["during", "afterwards"])
async def test_a_record_that_somebody_made_under_the_same_external_id_during_a_job_is_not_lost(
    make_road: MakeRoad, heard: str
) -> None:
    road = await make_road(COMPANIES)

    async def make() -> None:
        road.org.create("Account", {"Name": "theirs", "Ext_Id__c": "k-7", "Phone": "1", "Website": "kept"})
        if heard == "during":
            await road.listen()
            await road.worker.round()

    writer = Meddled(road, before=make)
    lane = in_bulk(road, writer)
    await road.app.execute(
        "INSERT INTO app.company (ext_id, name, phone) SELECT 'k-' || n, 'ours', '1' FROM generate_series(1, $1::int) n",
        MANY,
    )
    await hand_over(road, lane)
    await lane.work_off()
    await at_rest(road, lane)
    assert len(road.org.rows("Account")) == MANY
    row = await road.row("company", "7") or {}
    assert row["website"] == "kept"
    lost = [(e["kind"], e["field"]) for e in await road.ledger() if e["salesforce"] == "theirs"]
    assert row["name"] == "theirs" or lost == [("unseen", "Name")]


@pytest.mark.parametrize("when", ["before", "after"])
async def test_records_that_go_during_a_job_are_decided_upon_like_any_others(
    make_road: MakeRoad, when: str
) -> None:
    road = await make_road(PAIRS)
    winner = road.org.create("Account", {"Name": "Winner"})

    async def go() -> None:
        road.org.delete("Account", (await road.link("companies", "7")).sf_id)
        road.org.merge(winner, [(await road.link("companies", "8")).sf_id])

    lane = await job_with(road, "UPDATE app.company SET phone = 'ours'", go, when)
    for _ in range(2):
        await road.app.execute("UPDATE isthmus.change SET due = NULL WHERE state <> 'parked'")
        await settle(road, lane)
    links = {link.key: link.state.value for link in await road.links()}
    parted = {key for key, state in links.items() if state != "linked"}
    assert parted == ({"8"} if when == "before" else {"7", "8"})
    assert {c["code"] for c in await road.changes()} == ({"delete_conflict"} if when == "before" else set())
    assert sum(record.get("Phone") == "ours" for record in road.org.rows("Account")) == MANY - 1


async def test_pairs_that_an_operator_parts_during_a_job_stay_parted(make_road: MakeRoad) -> None:
    road = await make_road(PAIRS)

    async def part() -> None:
        for key, parting in (("7", Parting.BLOCK), ("8", Parting.UNLINK)):
            await remove(road.office, (await road.link("companies", key)).id, parting=parting, operator="ada")

    lane = await job_with(road, "UPDATE app.company SET phone = 'ours'", part, "before")
    await settle(road, lane)
    states = {link.key: link.state.value for link in await road.links()}
    assert (states["7"], states["8"], states["9"]) == ("blocked", "unlinked", "linked")
    await road.quiet()


@pytest.mark.parametrize("heard", ["before", "after"])
async def test_an_edit_in_salesforce_during_a_job_that_nobody_survives_is_in_the_ledger(
    make_road: MakeRoad, heard: str
) -> None:
    road = await make_road(PAIRS)

    async def edit() -> None:
        shift(road, MINUTES)
        await edit_there(road, "7", Phone="theirs")
        if heard == "before":
            await road.listen()
        shift(road, MINUTES)

    async def die() -> None:
        raise DeathError

    await paired(road)
    lane = in_bulk(road, Meddled(road, before=edit, after=die))
    await road.app.execute("UPDATE app.company SET phone = 'ours'")
    await hand_over(road, lane)
    with pytest.raises(DeathError):
        await lane.work_off()
    shift(road, MINUTES)
    road.reborn()
    lane = in_bulk(road)
    await road.app.execute("UPDATE isthmus.change SET due = NULL")
    await work(road, lane)
    await at_rest(road, lane)
    lost = [(e["kind"], e["winner"]) for e in await road.ledger() if e["salesforce"] == "theirs"]
    assert lost == [("unseen", "postgres")]
    assert await both(road, "7") == ("ours", None)


class DeathError(Exception):
    """The process ends here."""
