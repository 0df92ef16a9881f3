"""A process that dies between two steps: nothing is lost, nothing is doubled."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest

from daemon.ports.salesforce import RecordWrite, WriteResult
from daemon.ports.store import Position, Unit
from tests.integration.flow.conftest import MakeRoad
from tests.integration.flow.scenes import paired_company, the_link
from tests.support.road import Road, shift
from tests.support.road_steps import COMPANIES


class DeathError(Exception):
    """The process ends here."""


class DyingRecords:
    """The real records, behind a process that dies just before or just after a write of its own."""

    def __init__(self, real: Any, *, after: bool) -> None:
        self._real = real
        self._after = after

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    async def write(
        self, name: str, fields: Sequence[str], writes: Sequence[RecordWrite]
    ) -> list[WriteResult]:
        if self._after:
            await self._real.write(name, fields, writes)
        raise DeathError


class DyingUnit:
    """The real transaction, in a process that dies when the position of the stream is about to be stored."""

    def __init__(self, real: Unit) -> None:
        self._real = real

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    async def save_position(self, position: Position) -> None:
        raise DeathError


class DyingStore:
    """The real store, whose transactions die at their end."""

    def __init__(self, real: Any) -> None:
        self._real = real

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[Any]:
        async with self._real.begin() as unit:
            yield DyingUnit(unit)


async def die_writing(road: Road, *, after: bool) -> None:
    road.reborn(records=DyingRecords(road.salesforce.records, after=after))
    with pytest.raises(DeathError):
        await road.work()
    road.reborn()


AFTER = pytest.mark.parametrize("after", [False, True], ids=["before the request", "after the work"])


@AFTER
async def test_death_around_a_create(make_road: MakeRoad, after: bool) -> None:
    road = await make_road(COMPANIES)
    await road.insert("company", name="Acme")
    await die_writing(road, after=after)
    await road.settle()
    assert (len(road.org.rows("Account")), len(await road.rows("company"))) == (1, 1)
    await road.in_step()
    await road.quiet()


@AFTER
async def test_death_around_an_update(make_road: MakeRoad, after: bool) -> None:
    road = await make_road(COMPANIES)
    key, sf_id = await paired_company(road)
    await road.update("company", key, phone="2")
    await die_writing(road, after=after)
    assert (await road.link("companies", key)).in_doubt
    await road.settle()
    assert road.record("Account", sf_id)["Phone"] == "2"
    assert await road.ledger() == []
    await road.in_step()
    await road.quiet()


@AFTER
async def test_death_around_a_delete(make_road: MakeRoad, after: bool) -> None:
    road = await make_road(COMPANIES)
    key, sf_id = await paired_company(road)
    await road.delete("company", key)
    await die_writing(road, after=after)
    await road.settle()
    assert road.org.get("Account", sf_id) is None
    assert (await the_link(road, sf_id)).state.value == "tombstone"
    await road.quiet()


@AFTER
async def test_an_edit_made_while_nobody_lived_is_neither_lost_nor_undone(
    make_road: MakeRoad, after: bool
) -> None:
    road = await make_road(COMPANIES)
    key, sf_id = await paired_company(road)
    await road.update("company", key, phone="ours")
    await die_writing(road, after=after)
    shift(road, 100)
    road.org.update("Account", sf_id, {"Phone": "theirs"})
    await road.settle()
    assert (await road.row("company", key) or {})["phone"] == "theirs"
    assert road.record("Account", sf_id)["Phone"] == "theirs"
    if not after:
        assert [(e["winner"], e["postgres"]) for e in await road.ledger()] == [("salesforce", "ours")]
    await road.in_step()
    await road.quiet()


@AFTER
async def test_a_local_edit_made_while_nobody_lived_goes_out(make_road: MakeRoad, after: bool) -> None:
    road = await make_road(COMPANIES)
    key, sf_id = await paired_company(road)
    await road.update("company", key, phone="2")
    await die_writing(road, after=after)
    await road.update("company", key, phone="3")
    await road.settle()
    assert road.record("Account", sf_id)["Phone"] == "3"
    assert await road.ledger() == []
    await road.in_step()
    await road.quiet()


@AFTER
async def test_the_loser_of_a_conflict_outlives_the_process(make_road: MakeRoad, after: bool) -> None:
    road = await make_road(COMPANIES)
    key, sf_id = await paired_company(road)
    road.parts.skew.postgres = -100.0
    road.org.update("Account", sf_id, {"Phone": "theirs"})
    await road.update("company", key, phone="ours")
    await road.worker.round()  # the conditional write is refused
    skew = road.parts.skew.postgres
    road.reborn(records=DyingRecords(road.salesforce.records, after=after))
    road.parts.skew.postgres = skew
    with pytest.raises(DeathError):
        await road.work()
    road.reborn()
    road.parts.skew.postgres = skew
    await road.settle()
    assert "theirs" in {entry["salesforce"] for entry in await road.ledger()}
    await road.in_step()
    await road.quiet()


async def test_death_before_the_position_is_stored_takes_back_everything(make_road: MakeRoad) -> None:
    road = await make_road(COMPANIES)
    key, sf_id = await paired_company(road)
    before = road.position
    road.org.update("Account", sf_id, {"Phone": "2"})
    road.org.create("Account", {"Name": "New"})
    road.reborn(store=DyingStore(road.parts.store))
    store = road.parts.store
    with pytest.raises(DeathError):
        await road.listen()
    road.reborn(store=store._real)  # type: ignore[attr-defined]
    assert [row["phone"] for row in await road.rows("company")] == ["1"]
    await road.replay(before)
    await road.settle()
    assert (await road.row("company", key) or {})["phone"] == "2"
    assert len(await road.rows("company")) == 2
    await road.in_step()
    await road.quiet()


async def test_a_row_that_breaks_a_constraint_parks_alone(make_road: MakeRoad) -> None:
    road = await make_road(COMPANIES)
    await road.app.execute("ALTER TABLE app.company ADD CONSTRAINT size CHECK (employees < 1000)")
    for number in range(50):
        road.org.create(
            "Account", {"Name": f"Company {number}", "NumberOfEmployees": 5000 if number == 17 else 5}
        )
    await road.settle()
    assert len(await road.rows("company")) == 49
    [parked] = await road.changes()
    assert (parked["state"], parked["code"]) == ("parked", "23514")
    assert parked["advice"]
    shift(road, 5)
    road.org.update("Account", parked["sf_id"], {"NumberOfEmployees": 50, "Phone": "newest"})
    await road.settle()
    assert await road.changes() == [], "what came later has settled it"
    assert len(await road.rows("company")) == 50
    assert [row["phone"] for row in await road.rows("company") if row["employees"] == 50] == ["newest"]
    await road.in_step()
    await road.quiet()
