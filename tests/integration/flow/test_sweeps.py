"""Large objects read whole beside the worker, and first loads of which one cannot be read: nobody else waits for either."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from daemon.domain.failure import CallFailedError, Failure, FailureKind, Reason
from daemon.domain.gap import GapCause
from daemon.domain.mapping import Step
from daemon.flow.gaps import close_filled, open_for_objects
from daemon.flow.loading.sweeps import Sweeps
from daemon.operations import jobs as job_acts
from daemon.operations.status import status
from daemon.ports.failpoints import Failpoint
from tests.integration.flow.conftest import MakeRoad
from tests.integration.flow.test_bulk_load import companies, in_bulk, small_batches
from tests.support.road import Road
from tests.support.road_steps import COMPANIES, PEOPLE

__all__ = ["small_batches"]

DENIED = Failure(
    FailureKind.PERMISSION, Reason.PERMISSION, "INSUFFICIENT_ACCESS", "Not allowed.", "Allow it."
)


async def gap(road: Road, *steps: Step) -> None:
    async with road.parts.writing, road.parts.store.begin() as unit:
        await open_for_objects(unit, steps, GapCause.OVERFLOW, None, road.parts.clock.now())


class Dying:
    """Ends the process when three batches have been committed."""

    def __init__(self) -> None:
        self._committed = 0

    async def reach(self, point: Failpoint) -> None:
        self._committed += point is Failpoint.PAGE_COMMITTED
        if self._committed == 3:
            raise ZeroDivisionError


class Beside:
    """The worker with its sweeps beside it."""

    def __init__(self, road: Road) -> None:
        self.sweeps = Sweeps(road.parts, road.loader)
        road.worker._reload = self.sweeps.reload

    async def __aenter__(self) -> Sweeps:
        self._task = asyncio.create_task(self.sweeps.run())
        return self.sweeps

    async def __aexit__(self, *_: object) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)


async def test_a_large_sweep_holds_up_no_other_step(make_road: MakeRoad) -> None:
    road = await make_road(COMPANIES, PEOPLE)
    road.org.load("Account", companies(60))
    begun, gate = asyncio.Event(), asyncio.Event()

    async def between() -> None:
        begun.set()
        await gate.wait()

    in_bulk(road, between)
    gate.set()
    await road.load()
    begun.clear()
    gate.clear()
    await gap(road, COMPANIES)
    async with Beside(road) as sweeps:
        await road.work()
        await asyncio.wait_for(begun.wait(), 10)
        (wish,) = await road.changes()
        assert (wish["sf_id"], wish["code"], wish["state"]) == (None, "sweep_under_way", "pending")
        key = await road.insert("person", last_name="Hill")
        await road.work()
        assert (await road.link("people", key)).sf_id
        assert await close_filled(road.parts) == 0, "a gap is not closed before its sweep has ended"
        gate.set()
        assert await asyncio.wait_for(sweeps.rested(), 30)
    assert await road.changes() == []
    assert await close_filled(road.parts) == 1
    assert (await road.inspection.gaps(open_only=True)).items == ()


async def test_a_sweep_that_fails_is_tried_again_and_only_its_own_step_waits(
    make_road: MakeRoad, monkeypatch: pytest.MonkeyPatch
) -> None:
    road = await make_road(COMPANIES, PEOPLE)
    road.org.load("Account", companies(20))
    records = in_bulk(road)
    await road.load()
    fails = True
    sheets = records.sheets

    async def failing(name: str, fields: Sequence[str], after: str | None = None, condition: str = "") -> Any:
        if fails:
            raise CallFailedError(DENIED)
        async for sheet in sheets(name, fields, after, condition):
            yield sheet

    monkeypatch.setattr(records, "sheets", failing)
    await gap(road, COMPANIES)
    async with Beside(road) as sweeps:
        await road.worker.round()
        assert await asyncio.wait_for(sweeps.rested(), 30)
        (wish,) = await road.changes()
        assert wish["code"] == "INSUFFICIENT_ACCESS"
        key = await road.insert("person", last_name="Hill")
        fails = False
        await road.worker.round()
        assert (await road.link("people", key)).sf_id
        await asyncio.wait_for(sweeps.rested(), 30)
    assert await road.changes() == []


async def test_a_sweep_goes_on_however_young_its_gap_is(make_road: MakeRoad) -> None:
    road = await make_road(COMPANIES)
    road.org.load("Account", companies(60))
    in_bulk(road)
    await road.load()
    await gap(road, COMPANIES)

    road.parts = replace(road.parts, failpoints=Dying())
    records = in_bulk(road)
    with pytest.raises((ZeroDivisionError, BaseExceptionGroup)):
        await road.work()
    road.reborn()
    records = in_bulk(road)
    await road.work()
    assert records.read == 30, "it was begun anew"
    assert await road.changes() == []


async def test_a_sweep_that_began_before_a_second_gap_does_not_answer_it(make_road: MakeRoad) -> None:
    road = await make_road(COMPANIES)
    road.org.load("Account", companies(60))
    records = in_bulk(road)
    await road.load()
    await gap(road, COMPANIES)

    road.parts = replace(road.parts, failpoints=Dying())
    records = in_bulk(road)
    with pytest.raises((ZeroDivisionError, BaseExceptionGroup)):
        await road.work()
    road.reborn()
    await gap(road, COMPANIES)
    records = in_bulk(road)
    await road.work()
    assert records.read == 60
    assert await road.changes() == []


async def test_first_loads_go_on_past_a_step_that_cannot_be_read_and_say_so(
    make_road: MakeRoad, monkeypatch: pytest.MonkeyPatch
) -> None:
    road = await make_road(COMPANIES, PEOPLE)
    road.org.load("Account", companies(2))
    road.org.load("Contact", [{"LastName": "Hill"}])
    denied = True
    count = road.parts.records.count

    async def counting(name: str, condition: str = "") -> int:
        if denied and name == "Account":
            raise CallFailedError(DENIED)
        return await count(name)

    monkeypatch.setattr(road.parts.records, "count", counting)
    with pytest.raises(CallFailedError):
        await road.loader.first_loads()
    assert len(await road.rows("person")) == 1
    told = {step["name"]: step for step in (await status(road.office))["steps"]}
    assert told["companies"]["load_held_up"] == "INSUFFICIENT_ACCESS"
    assert (told["people"]["state"], told["people"]["load_held_up"]) == ("running", None)
    held = await job_acts.listed(
        road.office, step="companies", kind="first_load", state="running", limit=5, cursor=None
    )
    assert held["items"][0]["failure"] == {
        "code": "INSUFFICIENT_ACCESS",
        "message": "Not allowed.",
        "advice": "Allow it.",
    }
    denied = False
    await road.loader.first_loads()
    told = {step["name"]: step for step in (await status(road.office))["steps"]}
    assert (told["companies"]["state"], told["companies"]["load_held_up"]) == ("running", None)
    assert len(await road.rows("company")) == 2
