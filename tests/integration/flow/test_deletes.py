"""Deletes: propagated, held against edits, guarded, undone, and keys that are used again."""

from dataclasses import replace

import pytest

from daemon.domain.change import Change, ChangeKind, Source
from daemon.domain.mapping import DeleteGuard
from daemon.domain.policy import DeleteConflict, OnDelete, Policy
from daemon.domain.side import Side
from tests.integration.flow.conftest import MakeRoad
from tests.integration.flow.scenes import paired_company, the_link
from tests.support.road import shift
from tests.support.road_steps import COMPANIES, all_by, policy


async def test_a_delete_in_salesforce_deletes_the_row(make_road: MakeRoad) -> None:
    road = await make_road(COMPANIES)
    key, sf_id = await paired_company(road)
    road.org.delete("Account", sf_id)
    await road.settle()
    assert await road.row("company", key) is None
    assert (await the_link(road, sf_id)).state.value == "tombstone"
    await road.quiet()


async def test_a_delete_in_postgres_deletes_the_record(make_road: MakeRoad) -> None:
    road = await make_road(COMPANIES)
    key, sf_id = await paired_company(road)
    await road.delete("company", key)
    await road.settle()
    assert road.org.get("Account", sf_id) is None
    assert (await the_link(road, sf_id)).state.value == "tombstone"
    await road.quiet()


@pytest.mark.parametrize("first", ["stream", "worker"])
async def test_a_delete_on_both_sides_is_agreed(make_road: MakeRoad, first: str) -> None:
    road = await make_road(COMPANIES)
    key, sf_id = await paired_company(road)
    road.org.delete("Account", sf_id)
    await road.delete("company", key)
    if first == "worker":
        await road.work()
    await road.settle()
    assert (await the_link(road, sf_id)).state.value == "tombstone"
    assert await road.ledger() == []
    await road.quiet()


@pytest.mark.parametrize("first", ["stream", "worker"])
@pytest.mark.parametrize("gone", ["salesforce", "postgres"])
@pytest.mark.parametrize("rule", list(DeleteConflict))
async def test_a_delete_against_an_edit(
    make_road: MakeRoad, rule: DeleteConflict, gone: str, first: str
) -> None:
    road = await make_road(replace(COMPANIES, delete_conflict=rule))
    key, sf_id = await paired_company(road)
    if gone == "salesforce":
        road.org.delete("Account", sf_id)
        await road.update("company", key, phone="edited")
    else:
        road.org.update("Account", sf_id, {"Phone": "edited"})
        await road.delete("company", key)
    if first == "worker":
        await road.work()
    await road.settle()
    records, rows = road.org.rows("Account"), await road.rows("company")
    match rule:
        case DeleteConflict.PARK:
            waiting = await road.changes()
            assert [c["code"] for c in waiting if c["state"] == "parked"] == ["delete_conflict"]
            assert {c["side"] for c in waiting if c["state"] != "parked"} <= {"postgres"}
            assert (len(records), len(rows)) == ((0, 1) if gone == "salesforce" else (1, 0))
        case DeleteConflict.DELETE_WINS:
            assert (records, rows) == ([], [])
            await road.quiet()
        case DeleteConflict.UPDATE_WINS:
            assert [record["Phone"] for record in records] == ["edited"]
            assert [row["phone"] for row in rows] == ["edited"]
            assert str(rows[0]["id"]) == key
            await road.in_step()
            await road.quiet()


async def test_deletes_that_are_kept_back_break_the_link(make_road: MakeRoad) -> None:
    road = await make_road(replace(COMPANIES, on_delete=OnDelete.KEEP))
    key, sf_id = await paired_company(road)
    road.org.delete("Account", sf_id)
    await road.settle()
    assert (await road.row("company", key) or {})["name"] == "Acme"
    assert (await road.link("companies", key)).state.value == "broken"
    await road.update("company", key, phone="2")
    await road.settle()
    assert road.org.rows("Account") == []
    await road.quiet()


@pytest.mark.parametrize("gone", ["salesforce", "postgres", "postgres, edited before"])
async def test_a_mass_delete_is_stopped_until_somebody_asks_for_it(make_road: MakeRoad, gone: str) -> None:
    road = await make_road(replace(COMPANIES, delete_guard=DeleteGuard(max_count=3, max_ratio=0.0)))
    for number in range(6):
        await road.insert("company", name=f"Company {number}")
    await road.settle()
    shift(road, 5)
    if gone == "salesforce":
        for record in road.org.rows("Account"):
            road.org.delete("Account", str(record["Id"]))
    else:
        if "edited" in gone:
            await road.app.execute("UPDATE app.company SET phone = '2'")
        await road.app.execute("DELETE FROM app.company")
    await road.settle()
    assert len(await road.rows("company") if gone == "salesforce" else road.org.rows("Account")) == 6
    assert {(c["state"], c["code"]) for c in await road.changes()} == {("parked", "delete_guard")}
    assert await road.inspection.retry(code="delete_guard", operator="test") == 6
    await road.settle()
    assert (await road.rows("company"), road.org.rows("Account")) == ([], [])
    await road.quiet()


async def test_a_trickle_of_deletes_trips_the_guard_too(make_road: MakeRoad) -> None:
    road = await make_road(replace(COMPANIES, delete_guard=DeleteGuard(max_count=3, max_ratio=0.0)))
    for number in range(6):
        await road.insert("company", name=f"Company {number}")
    await road.settle()
    shift(road, 5)
    for record in road.org.rows("Account"):
        road.org.delete("Account", str(record["Id"]))
        await road.settle()
    assert len(await road.rows("company")) == 3


async def test_truncate_deletes_nothing_by_itself(make_road: MakeRoad) -> None:
    road = await make_road(COMPANIES)
    await paired_company(road)
    await road.app.execute("TRUNCATE app.company")
    await road.settle()
    assert len(road.org.rows("Account")) == 1
    assert [(c["state"], c["code"]) for c in await road.changes()] == [("parked", "truncate")]


@pytest.mark.parametrize("first", ["stream", "worker"])
async def test_an_edit_whose_record_comes_back_is_as_old_as_it_is(make_road: MakeRoad, first: str) -> None:
    """The conflict that a deletion left is decided by the times of both edits, not by the side that ties go to."""
    road = await make_road(all_by(COMPANIES, policy(Policy.NEWEST, Side.POSTGRES)))
    key, sf_id = await paired_company(road, phone="agreed")
    road.org.delete("Account", sf_id)
    if first == "stream":
        await road.listen()
    await road.update("company", key, phone="here")
    await road.settle()
    assert {(c["state"], c["side"]) for c in await road.changes()} == {
        ("held", "postgres"),
        ("parked", "salesforce"),
    }
    shift(road, 20)
    road.org.undelete(sf_id)
    road.org.update("Account", sf_id, {"Phone": "there"})
    await road.settle()
    assert (await road.row("company", key) or {})["phone"] == "there"
    assert road.record("Account", sf_id)["Phone"] == "there"
    assert await road.changes() == []
    await road.in_step()
    await road.quiet()


async def test_each_edit_of_a_row_in_such_a_conflict_adds_nothing_that_a_person_must_answer(
    make_road: MakeRoad,
) -> None:
    road = await make_road(COMPANIES)
    key, sf_id = await paired_company(road)
    road.org.delete("Account", sf_id)
    for phone in ("2", "3", "4"):
        await road.update("company", key, phone=phone)
        await road.settle()
    assert [c["code"] for c in await road.changes() if c["state"] == "parked"] == ["delete_conflict"]
    await road.app.execute("UPDATE isthmus.change SET due = now() WHERE state <> 'parked'")
    await road.settle()
    assert [c["code"] for c in await road.changes() if c["state"] == "parked"] == ["delete_conflict"]
    await road.delete("company", key)
    await road.settle()
    assert (await the_link(road, sf_id)).state.value == "tombstone"
    assert {c["side"] for c in await road.changes()} == {"salesforce"}, "an edit of a row that is gone waits"
    await road.app.execute("UPDATE isthmus.change SET due = now()")
    await road.settle()
    assert await road.changes() == []


async def test_an_undeleted_record_gets_its_old_key_back(make_road: MakeRoad) -> None:
    road = await make_road(COMPANIES)
    key, sf_id = await paired_company(road)
    road.org.delete("Account", sf_id)
    await road.settle()
    shift(road, 5)
    road.org.undelete(sf_id)
    await road.settle()
    row = await road.row("company", key) or {}
    assert (row["name"], row["phone"]) == ("Acme", "1")
    assert (await road.link("companies", key)).sf_id == sf_id
    assert len(await road.rows("company")) == 1
    await road.in_step()
    await road.quiet()


async def test_a_delete_and_an_undelete_that_are_heard_together(make_road: MakeRoad) -> None:
    road = await make_road(COMPANIES)
    key, sf_id = await paired_company(road)
    road.org.delete("Account", sf_id)
    shift(road, 5)
    road.org.undelete(sf_id)
    shift(road, 5)
    road.org.update("Account", sf_id, {"Phone": "2"})
    await road.settle()
    assert [(str(row["id"]), row["phone"]) for row in await road.rows("company")] == [(key, "2")]
    await road.in_step()
    await road.quiet()


async def test_a_row_inserted_again_under_a_dead_key_is_a_new_record(make_road: MakeRoad) -> None:
    road = await make_road(COMPANIES)
    key, sf_id = await paired_company(road)
    await road.delete("company", key)
    await road.settle()
    shift(road, 5)
    assert await road.insert("company", id=int(key), name="Again") == key
    await road.settle()
    link = await road.link("companies", key)
    assert link.state.value == "linked"
    assert link.sf_id != sf_id
    assert [record["Name"] for record in road.org.rows("Account")] == ["Again"]
    await road.in_step()
    await road.quiet()


async def test_a_row_deleted_before_it_was_ever_sent_is_sent_nowhere(make_road: MakeRoad) -> None:
    road = await make_road(COMPANIES)
    key = await road.insert("company", name="Acme")
    await road.delete("company", key)
    await road.settle()
    assert road.org.rows("Account") == []
    await road.quiet()


async def test_a_record_that_came_and_went_before_anyone_looked_leaves_no_row(make_road: MakeRoad) -> None:
    road = await make_road(COMPANIES)
    sf_id = road.org.create("Account", {"Name": "Brief"})
    shift(road, 5)
    road.org.delete("Account", sf_id)
    await road.settle()
    assert await road.rows("company") == []
    await road.quiet()


async def test_a_conflict_found_again_by_a_sweep_stays_one_parked_change(make_road: MakeRoad) -> None:
    road = await make_road(COMPANIES)
    pairs = [await paired_company(road, name=name) for name in ("Acme", "Boll")]
    for key, sf_id in pairs:
        road.org.delete("Account", sf_id)
        await road.update("company", key, phone="edited")
    await road.settle()
    for _ in range(2):
        now = road.parts.clock.now()
        asked = [
            Change("companies", Side.SALESFORCE, ChangeKind.REREAD, Source.SWEEP, now, sf_id)
            for _, sf_id in pairs
        ]
        async with road.parts.store.begin() as unit:
            await unit.store_changes(asked)
        await road.work()
        changes = await road.changes()
        parked = [(c["sf_id"], c["code"]) for c in changes if c["state"] == "parked"]
        assert sorted(parked) == sorted((sf_id, "delete_conflict") for _, sf_id in pairs)
