"""What a step leaves that is taken out of the configuration: its triggers go, and what they captured stays bounded and told."""

import asyncio
from collections.abc import Sequence

import pytest

from daemon.cli.commands.status import removed_lines
from daemon.domain.failure import RefusedError
from daemon.flow import removed_steps
from daemon.flow.capture_faults import CaptureFaults
from daemon.flow.deferral import REMOVED
from daemon.flow.drift import watch
from daemon.flow.removed_steps import RemovedSteps
from daemon.operations.status import status
from tests.integration.flow.conftest import MakeRoad
from tests.integration.flow.drifting import TEXT, drifting
from tests.integration.flow.test_reconfigured import WITHOUT, adopt
from tests.support.road import Road


async def _stored(road: Road) -> dict[str, int]:
    counts = await road.office.inspection.counts()
    return {name: found.pending.get("push", 0) for name, found in counts.items()}


async def _waits(road: Road) -> int:
    """How many changes come due within a day."""
    number: int = await road.app.fetchval(
        "SELECT count(*) FROM isthmus.change WHERE due IS NULL OR due < now() + interval '1 day'"
    )
    return number


async def test_the_triggers_of_a_removed_step_go_as_soon_as_nobody_works_by_it(
    make_road: MakeRoad, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "FORMER_BATCHES", 0.01)
    scene = await drifting(make_road)
    road = scene.road
    key, sf_id = await scene.company()
    removed = RemovedSteps(road.parts, road.database)
    assert await removed.look(await _stored(road)) == {}
    with road.parts.in_force.batch():
        await adopt(scene, WITHOUT, {})
        await road.update("company", key, phone="2")
        left = (await removed.look(await _stored(road)))["companies"]
        assert (left.captures, left.stored) == (True, 1)
        (line,) = removed_lines(await status(road.office))
        assert "1 local changes wait" in line
        assert "isthmus capture remove" in line
    left = (await removed.look(await _stored(road)))["companies"]
    assert (left.captures, left.stored) == (False, 1)
    await road.update("company", key, website="captured by nobody")
    await road.work()
    assert [change["code"] for change in await road.changes()] == [REMOVED]
    assert await _waits(road) == 0, "nothing comes due each hour"
    await road.hang_up()  # nobody has listened for a while
    await adopt(scene, TEXT, {"companies": True})
    await CaptureFaults(road.parts).make_good()
    await road.settle()
    assert road.record("Account", sf_id)["Phone"] == "2"
    assert await removed.look(await _stored(road)) == {}


class Withheld:
    """Triggers that our role may not drop."""

    def __init__(self, road: Road) -> None:
        self._database = road.database

    async def captured_steps(self) -> frozenset[str]:
        return await self._database.captured_steps()

    async def capture_remove(self, steps: Sequence[str]) -> object:
        raise RefusedError("capture cannot be removed", f"must be owner of {steps}", "ask the owner")


async def test_what_triggers_that_stay_capture_is_bounded_and_found_when_the_step_is_back(
    make_road: MakeRoad, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(removed_steps, "KEPT_MOST", 2)
    scene = await drifting(make_road)
    road = scene.road
    key, sf_id = await scene.company()
    gone, gone_id = await scene.company(Name="Gone")
    await adopt(scene, WITHOUT, {})
    removed = RemovedSteps(road.parts, Withheld(road))
    for number in range(2):
        await road.update("company", key, phone=str(2 + number))
    await road.work()
    assert (await removed.look(await _stored(road)))["companies"].stored == 2
    await road.delete("company", gone)
    new = await road.insert("company", name="New")
    await road.work()
    left = (await removed.look(await _stored(road)))["companies"]
    assert (left.captures, left.stored) == (True, 0)
    assert await road.changes() == []
    await road.hang_up()
    await adopt(scene, TEXT, {"companies": True})
    await CaptureFaults(road.parts).make_good()
    await road.settle()
    assert road.record("Account", sf_id)["Phone"] == "3"
    assert road.org.get("Account", gone_id) is None
    assert (await road.link("companies", new)).sf_id


async def test_triggers_of_a_step_that_is_about_to_be_in_force_stay(make_road: MakeRoad) -> None:
    scene = await drifting(make_road)
    road = scene.road
    await scene.company()
    await adopt(scene, WITHOUT, {})
    async with road.parts.in_force.changing:
        look = asyncio.create_task(RemovedSteps(road.parts, road.database).look({}))
        await adopt(scene, TEXT, {"companies": True})
    assert await look == {}
    assert await road.database.captured_steps() == {"companies"}


async def test_triggers_of_a_removed_step_whose_table_is_gone_are_forgotten(make_road: MakeRoad) -> None:
    scene = await drifting(make_road)
    road = scene.road
    key, _ = await scene.company()
    await adopt(scene, WITHOUT, {})
    await road.update("company", key, phone="2")
    await road.work()
    await road.app.execute("DROP TABLE app.company CASCADE")
    removed = RemovedSteps(road.parts, road.database)
    left = (await removed.look(await _stored(road)))["companies"]
    assert (left.captures, left.stored) == (False, 1)
    assert await road.database.captured_steps() == frozenset()


async def test_what_was_sent_or_parked_is_never_forgotten(
    make_road: MakeRoad, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(removed_steps, "KEPT_MOST", 0)
    scene = await drifting(make_road)
    road = scene.road
    key, _ = await scene.company()
    await adopt(scene, WITHOUT, {})
    await road.update("company", key, phone="2")
    await road.work()
    for state in ("sent", "parked", "held"):
        await road.app.execute("UPDATE isthmus.change SET state = $1", state)
        await RemovedSteps(road.parts, Withheld(road)).look({"companies": 1})
        assert [change["state"] for change in await road.changes()] == [state]
    await road.app.execute("UPDATE isthmus.change SET state = 'pending'")
    await RemovedSteps(road.parts, Withheld(road)).look({"companies": 1})
    assert await road.changes() == []
