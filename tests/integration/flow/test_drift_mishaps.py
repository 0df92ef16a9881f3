"""What goes wrong in the watch over the schemas itself: nothing waits an hour for it, and nothing is left out."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from adapters.salesforce import faults
from daemon.domain.failure import CallFailedError, DatabaseFailedError, Failure, FailureKind, Reason
from daemon.flow import unlinked
from daemon.flow.drift import watch as watching
from daemon.flow.engine import Engine
from daemon.flow.loading.sweeps import UNDER_WAY, Sweeps
from tests.integration.flow.conftest import MakeRoad
from tests.integration.flow.drifting import Drifting, drifting
from tests.integration.flow.test_drift import hide
from tests.support.road_steps import COMPANIES
from tests.support.world_program import until

GONE = DatabaseFailedError(Failure(FailureKind.TRANSIENT, Reason.TRANSPORT, "08006", "gone", "wait"))


async def _waiting(scene: Drifting) -> str:
    """A new row of a step that stands still, and then may go on."""
    await hide(scene, "Ext_Id__c")
    await scene.look()
    key = await scene.road.insert("company", name="Waits")
    await scene.road.work()
    assert {change["code"] for change in await scene.road.changes()} == {"schema_drift"}
    await hide(scene, "Ext_Id__c", readable=True, editable=True)
    return key


async def _keys(scene: Drifting) -> list[str]:
    return [link.key for link in await scene.road.links()]


async def test_what_waited_goes_on_after_a_look_that_failed_half_way(
    make_road: MakeRoad, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene = await drifting(make_road)
    new = await _waiting(scene)

    async def broken(*_: Any) -> int:
        raise GONE

    monkeypatch.setattr(type(scene.road.parts.store), "resume", broken)
    with pytest.raises(CallFailedError):
        await scene.look()
    monkeypatch.undo()
    await scene.look()
    await scene.road.settle()
    assert new in await _keys(scene)


async def test_what_waited_goes_on_when_the_process_that_let_its_step_go_has_ended(
    make_road: MakeRoad,
) -> None:
    scene = await drifting(make_road)
    new = await _waiting(scene)
    await scene.reborn()
    await scene.look()
    await scene.road.settle()
    assert new in await _keys(scene)


async def test_a_doubt_outlives_a_look_that_failed(
    make_road: MakeRoad, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene = await drifting(make_road)
    objects = scene.road.salesforce.catalogue
    describe_all = objects.describe_all
    asked: list[bool] = []

    async def describe(names: Sequence[str], *, whole: bool) -> Any:
        asked.append(whole)
        if len(asked) == 1:
            raise CallFailedError(faults.unreachable("no connection"))
        return await describe_all(names, whole=whole)

    monkeypatch.setattr(objects, "describe_all", describe)
    scene.road.parts.schema_doubts.set()
    with pytest.raises(CallFailedError):
        await scene.look()
    await scene.look()
    assert asked == [True, True]
    assert not scene.road.parts.schema_doubts.is_set()


async def test_a_step_that_stood_still_finds_all_its_new_rows_and_pairs(
    make_road: MakeRoad, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unlinked, "AT_ONCE", 2)
    monkeypatch.setattr(watching, "LOOKED_AT_ONCE", 2)
    scene = await drifting(make_road)
    road = scene.road
    pairs = [await scene.company(Name=f"Pair {number}") for number in range(5)]
    await road.app.execute("ALTER TABLE app.company RENAME TO elsewhere")
    assert [drift.field for drift in await scene.look()] == [None]
    await road.app.execute("SET session_replication_role = replica")
    await road.app.execute(
        "INSERT INTO app.elsewhere (name) SELECT 'new ' || n FROM generate_series(1, 5) AS n"
    )
    await road.app.execute("UPDATE app.elsewhere SET phone = '7' WHERE name LIKE 'Pair %'")
    await road.app.execute("SET session_replication_role = origin")
    await road.app.execute("ALTER TABLE app.elsewhere RENAME TO company")
    await scene.look()
    await road.settle()
    assert len(road.org.rows("Account")) == 10
    assert {road.record("Account", sf_id)["Phone"] for _, sf_id in pairs} == {"7"}


class Silent:
    """A doorbell that nobody rings."""

    async def wait(self, timeout: float) -> bool:
        return False

    async def run(self) -> None:
        raise AssertionError("never run")


async def test_a_step_that_was_held_before_its_first_load_is_loaded_when_it_is_let_go(
    make_road: MakeRoad,
) -> None:
    scene = await drifting(make_road, loaded=False)
    road = scene.road
    sf_id = road.org.create("Account", {"Name": "There before"})
    await road.app.execute("ALTER TABLE app.company RENAME TO elsewhere")
    await scene.look()
    quiet = lambda up, reason: None  # noqa: E731
    engine = Engine(road.parts, road.loader, Silent(), road.lease, database=quiet, api=quiet)
    await engine.load()
    assert engine.loaded.is_set()
    assert await road.parts.store.first_load("companies") is None
    async with asyncio.TaskGroup() as tasks:
        keeping = tasks.create_task(engine.keep_loaded())
        await road.app.execute("ALTER TABLE app.elsewhere RENAME TO company")
        await scene.look()

        async def loaded() -> bool:
            return await road.parts.store.first_load("companies") == "done"

        await until(loaded, "the step is loaded", 10)
        keeping.cancel()
    assert [link.sf_id for link in await road.links()] == [sf_id]


async def test_a_read_that_a_former_process_had_begun_goes_on_at_once(make_road: MakeRoad) -> None:
    road = await make_road(COMPANIES)
    await road.app.execute(
        "INSERT INTO isthmus.change (step, side, kind, source, at, due, code)"
        " VALUES ('companies', 'salesforce', 'reread', 'stream', now(), now() + interval '1 minute', $1)",
        UNDER_WAY,
    )
    assert await road.parts.store.pending(10) == []
    sweeps = Sweeps(road.parts, road.loader)
    async with asyncio.TaskGroup() as tasks:
        reading = tasks.create_task(sweeps.run())

        async def due() -> bool:
            return len(await road.parts.store.pending(10)) == 1

        await until(due, "the wish is due", 10)
        reading.cancel()
