"""A row is renamed and another row takes its old key: whichever change is taken up first, each row keeps its own record."""

from collections.abc import Mapping
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest

from adapters.salesforce import faults
from daemon.domain.failure import Failure, FailureKind, Reason, TryLaterError
from daemon.flow import renames
from daemon.flow.budget import HELD
from daemon.flow.worker import Worker
from daemon.operations import linking
from daemon.reconcile.budget import Stage
from tests.integration.flow.conftest import MakeRoad
from tests.integration.flow.scenes import paired_company
from tests.integration.flow.test_batches import Between
from tests.integration.flow.test_one_table_two_objects import LEADS
from tests.support.road import Road, shift
from tests.support.road_steps import COMPANIES, PEOPLE

MANY = 400
"""More rows than one batch takes from a transaction by turns."""


async def _renamed(road: Road, *moves: tuple[str, str]) -> None:
    """Rename rows one after the other, in one transaction of the application's."""
    async with road.app.transaction():
        for old, new in moves:
            await road.app.execute("UPDATE app.company SET id = $2 WHERE id = $1", int(old), int(new))


async def _put_off(road: Road, state: str = "pending") -> None:
    """What is stored waits for an hour, as after a failed read or for a person."""
    await road.app.execute("UPDATE isthmus.change SET due = now() + interval '1 hour', state = $1", state)


async def _name(road: Road, key: str) -> object:
    row = await road.row("company", key)
    return row["name"] if row is not None else None


def _names(road: Road) -> Mapping[str, object]:
    return {str(record["Id"]): record["Name"] for record in road.org.rows("Account")}


async def _pairs(road: Road, *names: str) -> list[tuple[str, str]]:
    """New pairs: the keys and the ids."""
    for name in names:
        await road.insert("company", name=name)
    await road.settle()
    by_id = {link.sf_id: link.key for link in await road.links()}
    return [(by_id[sf_id], sf_id) for name in names for sf_id, held in _names(road).items() if held == name]


@pytest.mark.parametrize("large", [False, True])
async def test_a_turn_does_not_write_the_newcomer_over_the_renamed_row(
    make_road: MakeRoad, large: bool
) -> None:
    road = await make_road(COMPANIES)
    await road.app.execute(
        f"INSERT INTO app.company (id, name) SELECT n, 'old ' || n FROM generate_series(1, {MANY}) AS n"
    )
    await road.settle()
    link = await road.link("companies", str(MANY))
    shift(road, 5.0)
    await road.app.execute(f"UPDATE app.company SET id = id + 10000 WHERE {large} OR id = {MANY}")
    await road.app.execute("INSERT INTO app.company (id, name) VALUES ($1, 'new')", MANY)
    await road.worker.round()
    assert _names(road)[link.sf_id] == f"old {MANY}"
    await road.settle()
    assert sorted(map(str, _names(road).values())) == sorted(
        [*(f"old {n}" for n in range(1, MANY + 1)), "new"]
    )
    assert (await road.link("companies", str(10000 + MANY))).sf_id == link.sf_id
    assert await road.changes() == []


async def test_a_turn_does_not_delete_the_record_of_the_renamed_row(make_road: MakeRoad) -> None:
    road = await make_road(COMPANIES)
    await road.app.execute(
        f"INSERT INTO app.company (id, name) SELECT n, 'old ' || n FROM generate_series(1, {MANY}) AS n"
    )
    await road.settle()
    link = await road.link("companies", str(MANY))
    shift(road, 5.0)
    await road.app.execute("UPDATE app.company SET id = id + 10000")
    await road.app.execute("INSERT INTO app.company (id, name) VALUES ($1, 'short-lived')", MANY)
    await road.app.execute("DELETE FROM app.company WHERE id = $1", MANY)
    await road.settle()
    assert _names(road)[link.sf_id] == f"old {MANY}"
    assert await road.row("company", str(10000 + MANY)) is not None


class Scarce:
    """So few calls are left that only what is essential goes on."""

    stage, spare, pause = Stage.ESSENTIALS, False, 0.0

    def hold(self, last: Stage = Stage.SLOWED) -> Failure:
        return Failure(FailureKind.LIMITED, Reason.LIMIT, HELD, f"Held after {last.name}.", "Nothing.")

    async def wait(self) -> None:
        """Nobody waits here."""

    def shown(self) -> None:
        """Nothing is shown."""


async def test_a_delete_that_goes_while_calls_are_scarce_is_not_that_of_the_renamed_row(
    make_road: MakeRoad,
) -> None:
    road = await make_road(COMPANIES)
    key, sf_id = await paired_company(road)
    road.parts = replace(road.parts, budget=Scarce())
    road.worker = Worker(road.parts, road.loader.reload)
    await _renamed(road, (key, "777"))
    await road.app.execute("INSERT INTO app.company (id, name) VALUES ($1, 'short-lived')", int(key))
    await road.app.execute("DELETE FROM app.company WHERE id = $1", int(key))
    for _ in range(3):
        await road.worker.round()
    assert road.org.get("Account", sf_id) is not None
    assert (await road.link("companies", "777")).sf_id == sf_id


@pytest.mark.parametrize("state", ["pending", "held", "parked", "sent"])
async def test_a_rename_is_followed_in_whatever_state_it_waits(make_road: MakeRoad, state: str) -> None:
    road = await make_road(COMPANIES)
    key, sf_id = await paired_company(road)
    await _renamed(road, (key, "777"))
    await _put_off(road, state)
    await road.app.execute("INSERT INTO app.company (id, name) VALUES ($1, 'new')", int(key))
    await road.work()
    assert sorted(map(str, _names(road).values())) == ["Acme", "new"]
    assert _names(road)[sf_id] == "Acme"
    assert (await road.link("companies", "777")).sf_id == sf_id
    assert (await road.link("companies", key)).sf_id != sf_id
    await road.app.execute("UPDATE isthmus.change SET due = NULL, state = 'pending'")
    await road.work()
    assert (await road.link("companies", "777")).sf_id == sf_id, "the rename moved the newcomer's link"


@pytest.mark.parametrize("put_off", [False, True])
async def test_a_row_that_was_renamed_twice_is_found(make_road: MakeRoad, put_off: bool) -> None:
    road = await make_road(COMPANIES)
    key, sf_id = await paired_company(road)
    await _renamed(road, (key, "777"), ("777", "888"))
    if put_off:
        await _put_off(road)
    await road.app.execute("INSERT INTO app.company (id, name) VALUES ($1, 'new'), (777, 'newer')", int(key))
    await road.work()
    assert {link.key: _names(road)[link.sf_id] for link in await road.links()} == {
        key: "new",
        "777": "newer",
        "888": "Acme",
    }
    assert (await road.link("companies", "888")).sf_id == sf_id


@pytest.mark.parametrize("put_off", [False, True])
async def test_rows_that_swap_their_keys_keep_their_records(make_road: MakeRoad, put_off: bool) -> None:
    road = await make_road(COMPANIES)
    (one, first), (other, second) = await _pairs(road, "One", "Other")
    await _renamed(road, (one, "999"), (other, one), ("999", other))
    if put_off:
        await _put_off(road)
    await road.app.execute("UPDATE app.company SET name = 'Changed' WHERE id = $1", int(one))
    await road.work()
    assert _names(road) == {first: "One", second: "Changed"}
    assert {link.sf_id: link.key for link in await road.links()} == {first: other, second: one}


@pytest.mark.parametrize("put_off", [False, True])
async def test_a_row_takes_the_key_of_one_that_was_deleted(make_road: MakeRoad, put_off: bool) -> None:
    road = await make_road(COMPANIES)
    (one, first), (other, second) = await _pairs(road, "One", "Other")
    await road.app.execute("DELETE FROM app.company WHERE id = $1", int(other))
    await _renamed(road, (one, other))
    if put_off:
        await road.app.execute(
            "UPDATE isthmus.change SET due = now() + interval '1 hour' WHERE kind = 'rekey'"
        )
    await road.work()
    assert _names(road) == {first: "One"}, "the deleted row's record is deleted, and no other"
    assert (await road.link("companies", other)).sf_id == first
    assert second not in _names(road)


async def test_a_row_takes_the_key_of_one_that_was_deleted_long_before(make_road: MakeRoad) -> None:
    road = await make_road(COMPANIES)
    (one, first), (other, _) = await _pairs(road, "One", "Other")
    await road.app.execute("DELETE FROM app.company WHERE id = $1", int(other))
    await road.settle()
    await _renamed(road, (one, other))
    await road.work()
    assert (await road.link("companies", other)).sf_id == first
    assert await road.changes() == []


async def test_an_event_of_a_renamed_row_is_not_written_into_the_newcomer(make_road: MakeRoad) -> None:
    road = await make_road(COMPANIES)
    key, sf_id = await paired_company(road)
    await _renamed(road, (key, "777"))
    await road.app.execute("INSERT INTO app.company (id, name) VALUES ($1, 'new')", int(key))
    await _put_off(road)
    shift(road, 5.0)
    road.org.update("Account", sf_id, {"Name": "Told"})
    await road.listen()
    assert await _name(road, key) == "new"
    await road.app.execute("UPDATE isthmus.change SET due = NULL")
    await road.settle()
    assert (await _name(road, "777"), await _name(road, key)) == (
        "Told",
        "new",
    )
    assert _names(road)[sf_id] == "Told"


async def test_a_row_that_is_renamed_while_its_record_is_made_keeps_it(make_road: MakeRoad) -> None:
    road = await make_road(COMPANIES)
    between = Between(road, faults.unknown_outcome("no answer"))
    road.reborn(records=between)
    key = await road.insert("company", name="bad Acme")
    await road.worker.round()
    await _renamed(road, (key, "777"))
    await road.app.execute("INSERT INTO app.company (id, name) VALUES ($1, 'new')", int(key))
    await road.app.execute(
        "UPDATE isthmus.change SET due = now() + interval '1 hour' WHERE kind <> 'create' OR state = 'sent'"
    )
    await road.app.execute("UPDATE isthmus.change SET due = NULL WHERE state <> 'sent' AND key = $1", key)
    await road.work()
    road.reborn()
    await road.app.execute(
        "UPDATE isthmus.change SET due = NULL, state = CASE state WHEN 'parked' THEN 'pending' ELSE state END"
    )
    await road.settle()
    by_key = {link.key: _names(road)[link.sf_id] for link in await road.links()}
    assert by_key == {"777": "bad Acme", key: "new"}


async def test_children_point_to_the_renamed_parent_and_not_to_the_newcomer(make_road: MakeRoad) -> None:
    road = await make_road(COMPANIES, PEOPLE)
    key, account = await paired_company(road)
    await road.app.execute("ALTER TABLE app.person DROP CONSTRAINT IF EXISTS person_company_fkey")
    await _renamed(road, (key, "777"))
    await _put_off(road)
    await road.app.execute("UPDATE isthmus.change SET due = now() + interval '1 hour'")
    await road.app.execute("INSERT INTO app.company (id, name) VALUES ($1, 'new')", int(key))
    await _put_off(road)
    child, other = [
        await road.insert("person", last_name=n, company=c) for n, c in (("A", 777), ("B", int(key)))
    ]
    contact = road.org.create("Contact", {"LastName": "C", "AccountId": account})
    await road.settle()
    assert not [
        record
        for record in road.org.rows("Contact")
        if record["LastName"] == "B" and record.get("AccountId") == account
    ]
    told = [row for row in await road.rows("person") if row["last_name"] == "C"]
    assert int(key) not in [row["company"] for row in told]
    await road.app.execute("UPDATE isthmus.change SET due = NULL WHERE state = 'pending'")
    await road.settle()
    newcomer = (await road.link("companies", key)).sf_id
    parents = {
        link.key: road.record("Contact", link.sf_id)["AccountId"]
        for link in await road.links()
        if link.step == "people"
    }
    assert (parents[child], parents[other]) == (account, newcomer)
    assert [row["company"] for row in await road.rows("person") if row["last_name"] == "C"] == [777]
    assert road.record("Contact", contact)["AccountId"] == account


class RenamedMeanwhile:
    """The records port, with an application that renames a row and gives its key to another one while a record is read."""

    def __init__(self, road: Road, key: str) -> None:
        self._records, self._road, self._key = road.salesforce.records, road, key
        self.reads = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._records, name)

    async def read(self, *args: Any) -> Any:
        self.reads += 1
        if self.reads == 1:
            await _renamed(self._road, (self._key, "777"))
            await self._road.app.execute(
                "INSERT INTO app.company (id, name) VALUES ($1, 'new')", int(self._key)
            )
        return await self._records.read(*args)


async def test_a_row_that_is_renamed_while_its_record_is_read_keeps_it(make_road: MakeRoad) -> None:
    road = await make_road(COMPANIES)
    key, sf_id = await paired_company(road)
    between = RenamedMeanwhile(road, key)
    road.reborn(records=between)
    await road.update("company", key, phone="2")
    await road.app.execute(
        "UPDATE isthmus.change SET attempts = 1"
    )  # so that it is read before it is written
    await road.work()
    assert between.reads
    assert (_names(road)[sf_id], road.record("Account", sf_id)["Phone"]) == ("Acme", "2")
    assert {link.key: _names(road)[link.sf_id] for link in await road.links()} == {"777": "Acme", key: "new"}


async def test_renames_that_hang_together_are_followed_a_part_at_a_time(
    make_road: MakeRoad, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(renames, "RENAMES_MOST", 2)
    road = await make_road(COMPANIES)
    key, sf_id = await paired_company(road)
    chain = [key, *(str(number) for number in range(501, 508))]
    await _renamed(road, *pairwise(chain))
    await _put_off(road)
    await road.app.execute("INSERT INTO app.company (id, name) VALUES ($1, 'new'), (503, 'newer')", int(key))
    await road.work()
    await road.app.execute("UPDATE isthmus.change SET due = NULL")
    await road.work()
    assert {link.key: _names(road)[link.sf_id] for link in await road.links()} == {
        key: "new",
        "503": "newer",
        "507": "Acme",
    }
    assert (await road.link("companies", "507")).sf_id == sf_id


async def test_each_step_of_a_table_moves_its_own_links_once(make_road: MakeRoad) -> None:
    road = await make_road(COMPANIES, LEADS)
    key, sf_id = await paired_company(road)
    await _renamed(road, (key, "777"))
    await road.app.execute("UPDATE isthmus.change SET due = now() + interval '1 hour' WHERE step = 'leads'")
    await road.app.execute("INSERT INTO app.company (id, name) VALUES ($1, 'new')", int(key))
    await road.work()
    await road.app.execute("UPDATE isthmus.change SET due = NULL, state = 'pending'")
    await road.work()
    assert {link.key: _names(road)[link.sf_id] for link in await road.links()} == {"777": "Acme", key: "new"}
    assert (await road.link("companies", "777")).sf_id == sf_id


async def test_a_row_that_is_being_renamed_is_not_linked_by_an_operator(make_road: MakeRoad) -> None:
    road = await make_road(COMPANIES)
    key, _ = await paired_company(road)
    other = road.org.create("Account", {"Name": "Other"})
    await _renamed(road, (key, "777"))
    with pytest.raises(TryLaterError, match="777"):
        await linking.create(road.office, "companies", "777", other, "none", "ann")


async def test_a_child_does_not_wait_on_for_a_parent_that_was_renamed_there_and_back(
    make_road: MakeRoad,
) -> None:
    road = await make_road(COMPANIES, PEOPLE)
    key, account = await paired_company(road)
    await road.app.execute("ALTER TABLE app.person DROP CONSTRAINT IF EXISTS person_company_fkey")
    await _renamed(road, (key, "777"), ("777", key))
    await _put_off(road)
    await road.insert("person", last_name="Child", company=int(key))
    await road.settle()
    assert [change["state"] for change in await road.changes() if change["step"] == "people"] == ["held"]
    await road.app.execute("UPDATE isthmus.change SET due = NULL WHERE step = 'companies'")
    await road.settle()
    assert [person["AccountId"] for person in road.org.rows("Contact")] == [account]


@pytest.mark.parametrize("heard_first", [False, True])
async def test_a_record_comes_back_though_its_row_s_key_was_taken(
    make_road: MakeRoad, heard_first: bool
) -> None:
    road = await make_road(COMPANIES)
    (one, first), (other, second) = await _pairs(road, "One", "Other")
    await road.app.execute("DELETE FROM app.company WHERE id = $1", int(other))
    await _renamed(road, (one, other))
    if heard_first:
        shift(road, 5.0)
        road.org.delete("Account", second)
        await road.listen()
    await road.settle()
    assert {link.sf_id: link.key for link in await road.links()} == {first: other}
    shift(road, 5.0)
    road.org.undelete(second)
    await road.settle()
    assert sorted(str(row["name"]) for row in await road.rows("company")) == ["One", "Other"]
    assert {link.sf_id: link.key for link in await road.links()}[first] == other
    assert await road.changes() == []
