"""The budget of API calls on the road: what is held at each stage, that nothing is lost, and that it drains by itself."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from random import Random

import pytest

from adapters.memory.meter import MemoryMeter
from adapters.postgres.callledger import PostgresCallLedger
from adapters.salesforce import connect
from daemon.cli.commands.status import budget_lines
from daemon.domain.failure import TryLaterError
from daemon.flow.budget import HELD, Budget
from daemon.flow.engine import Engine
from daemon.flow.load import Loader
from daemon.flow.worker import Worker
from daemon.operations.record import explain
from daemon.operations.status import status
from daemon.reconcile.budget import DAY, LOOK_AFTER, SPAN, Rules, Stage
from daemon.runtime.clock import SystemClock
from tests.integration.flow.conftest import MakeRoad
from tests.integration.flow.scenes import paired_company
from tests.integration.salesforce.connecting import settings_for
from tests.support.road import Road
from tests.support.road_steps import COMPANIES
from tests.support.world_program import until

ALLOWANCE = 500
SHARE = 200
HALF_AN_HOUR = 1800


class MovedClock(SystemClock):
    """The machine's clock, some time ahead: a day passes in no time."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def now(self) -> datetime:
        return super().now() + timedelta(seconds=self.ahead)

    def monotonic(self) -> float:
        return super().monotonic() + self.ahead


@dataclass
class Budgeted:
    """A road whose calls are counted, a clock that can be moved, and what the daemon said of Salesforce's health."""

    road: Road
    budget: Budget
    clock: MovedClock
    meter: MemoryMeter
    health: list[tuple[bool, str]]

    def stage(self) -> Stage:
        """The stage now."""
        return self.budget.stage

    async def use(self, calls: int) -> None:
        """So many of our calls are used, as by a day's work."""
        while self.budget.used < calls:
            await self.budget.admit("fetch")
        assert self.budget.used == calls

    async def due(self) -> int:
        """What is held becomes due, as it does by itself when its time has come; the worker takes it up."""
        await self.road.app.execute("UPDATE isthmus.change SET due = now()")
        return await self.road.work()

    async def held(self) -> dict[str | None, str | None]:
        """The kinds of the changes that the budget holds, with the reasons that they show."""
        return {item["kind"]: item["reason"] for item in await self.road.changes() if item["code"] == HELD}


Make = Callable[..., Awaitable[Budgeted]]


@pytest.fixture
async def make(make_road: MakeRoad) -> AsyncIterator[Make]:
    async with AsyncExitStack() as stack:

        async def budgeted(share: float = SHARE / ALLOWANCE, reserve: int = 0) -> Budgeted:
            road = await make_road(COMPANIES)
            clock, meter, health = MovedClock(), MemoryMeter(), list[tuple[bool, str]]()

            def told(up: bool, reason: str) -> None:
                health.append((up, reason))

            budget = Budget(Rules(share, reserve), clock, meter)
            await budget.begin(PostgresCallLedger(road.pool))
            await road.control.post("switches", daily_api_limit=ALLOWANCE)
            settings = settings_for(road.emulator.announcement, read_attempts=1)
            salesforce = await stack.enter_async_context(
                connect(settings, clock, meter, Random(7), gate=budget, told=told)
            )
            road.parts = replace(road.parts, records=salesforce.records, budget=budget, clock=clock)
            road.loader = Loader(road.parts, bulk_from=10**9)
            road.worker = Worker(road.parts, road.loader.reload, budget.telling(told))
            return Budgeted(road, budget, clock, meter, health)

        yield budgeted


async def test_stage_by_stage_less_goes_on_and_all_of_it_drains_once_the_window_frees(make: Make) -> None:
    it = await make()
    road = it.road
    changed, sf_id = await paired_company(road, name="Acme", phone="1")
    gone, gone_id = await paired_company(road, name="Gone")
    later, later_id = await paired_company(road, name="Later")

    await it.use(SHARE * 90 // 100)
    assert it.stage() is Stage.ESSENTIALS
    await road.update("company", changed, phone="2")
    await road.delete("company", gone)
    await road.work()
    assert road.org.get("Account", gone_id) is None, "a delete is essential"
    assert road.record("Account", sf_id)["Phone"] == "1"
    await _is_told(it, changed)

    await it.use(SHARE * 95 // 100)
    assert it.stage() is Stage.NO_WRITES
    await road.delete("company", later)
    road.org.update("Account", sf_id, {"Website": "acme.example"})
    await road.settle()
    assert road.org.get("Account", later_id) is not None
    assert set(await it.held()) == {"update", "delete"}

    await it.use(SHARE)
    assert it.stage() is Stage.CLOSED
    await road.forget_calls()
    road.org.create("Account", {"Name": "From there"})
    await it.due()
    await road.listen()
    assert await road.calls() == []
    with pytest.raises(TryLaterError, match="cannot be examined now") as refused:
        await explain(road.office, "companies", changed)
    assert "held by the API budget until about" in refused.value.why

    it.clock.ahead += (DAY + SPAN).total_seconds()
    assert it.stage() is Stage.FREE
    await it.due()
    await road.settle()
    assert road.record("Account", sf_id)["Phone"] == "2"
    assert road.org.get("Account", later_id) is None
    assert (await road.row("company", changed) or {})["website"] == "acme.example"
    assert {row["name"] for row in await road.rows("company")} == {"Acme", "From there"}
    assert await road.changes() == []
    await road.in_step()


async def _is_told(it: Budgeted, key: str) -> None:
    """What is held says so wherever an operator looks: the stored change, status, health, and the record itself."""
    (reason,) = (await it.held()).values()
    assert reason is not None
    assert reason.startswith("limit: held by the API budget until about ")
    told = await status(it.road.office)
    budget = told["api_budget"]
    assert (budget["calls"], budget["stage"]) == (SHARE, "essentials")
    assert datetime.fromisoformat(budget["resumes_at"]) > it.clock.now() + DAY - SPAN
    first, second = budget_lines(told)
    assert first.startswith("API budget: 18")
    assert second.strip() == budget["reason"]
    explained = await explain(it.road.office, "companies", key)
    assert [item["code"] for item in explained["waiting"]] == [HELD]
    assert "held by the API budget until about" in explained["summary"]
    assert (it.health[-1][0], "; held by the API budget" in it.health[-1][1]) == (True, True)


async def test_what_is_parked_for_a_reason_of_its_own_keeps_it(make: Make) -> None:
    it = await make()
    road = it.road
    await road.control.post("validation-rules", object="Account", field="Phone", value="bad", message="No")
    await road.insert("company", name="Bad", phone="bad")
    await road.work()
    (before,) = await road.changes()
    await it.use(SHARE)
    await it.due()
    (after,) = await road.changes()
    names = ("state", "code", "reason", "advice", "attempts")
    assert [after[name] for name in names] == [before[name] for name in names]
    assert before["state"] == "parked"


async def test_the_count_outlives_the_process(make: Make) -> None:
    it = await make()
    await paired_company(it.road)
    used = it.budget.used
    assert used > 0
    await it.budget.close()
    again = Budget(Rules(SHARE / ALLOWANCE, 0), it.clock, it.meter)
    await again.begin(PostgresCallLedger(it.road.pool))
    assert (again.used, again.size) == (used, SHARE)
    killed = Budget(Rules(SHARE / ALLOWANCE, 0), it.clock, it.meter)
    await again.admit("push")
    await killed.begin(PostgresCallLedger(it.road.pool))
    assert used < killed.used <= SHARE
    it.clock.ahead += (DAY + 2 * SPAN).total_seconds()
    await killed.admit("push")
    assert await it.road.app.fetchval("SELECT count(*) FROM isthmus.api_calls") == 1, (
        "old spans are forgotten"
    )


async def test_a_spent_allowance_is_asked_about_by_one_call_in_five_minutes(make: Make) -> None:
    it = await make()
    road = it.road
    key, sf_id = await paired_company(road, phone="1")
    await road.control.fault(
        api="composite",
        status=403,
        code="REQUEST_LIMIT_EXCEEDED",
        message="TotalRequests Limit exceeded.",
        times=2,
    )
    await road.update("company", key, phone="2")
    await road.work()
    await road.forget_calls()
    for _ in range(5):
        await it.due()
    assert await road.calls() == []
    (reason,) = (await it.held()).values()
    assert "when the org is asked again" in (reason or "")
    it.clock.ahead += LOOK_AFTER.total_seconds()
    await it.due()
    assert len(await road.calls()) == 1
    it.clock.ahead += LOOK_AFTER.total_seconds()
    await it.due()
    await it.due()
    assert road.record("Account", sf_id)["Phone"] == "2"
    assert await road.changes() == []


async def test_the_reserve_is_left_to_the_others(make: Make) -> None:
    it = await make(reserve=100)
    road = it.road
    key, sf_id = await paired_company(road, phone="1")
    for _ in range(ALLOWANCE * 80 // 100):
        await road.salesforce.records.count("Account")  # another client: its calls are not ours
    await road.update("company", key, phone="2")
    await road.work()  # its answer tells what is left
    assert road.record("Account", sf_id)["Phone"] == "2"
    await road.insert("company", name="Second")
    await road.forget_calls()
    await it.due()
    assert await road.calls() == []
    assert it.stage() is Stage.CLOSED
    (reason,) = (await it.held()).values()
    assert "reserved for its other clients" in (reason or "")
    await road.control.post("switches", daily_api_limit=10 * ALLOWANCE)
    it.clock.ahead += LOOK_AFTER.total_seconds()
    await it.due()
    await it.due()
    assert len(road.org.rows("Account")) == 2
    assert await road.changes() == []


async def test_a_storm_of_half_an_hour_costs_hardly_a_call_and_ends_within_a_minute(make: Make) -> None:
    """Half an hour of 503, a change every five seconds: no more than 1.2 times the calls that as many changes take in fair weather."""
    it = await make(share=1.0)
    road = it.road
    await road.control.post("switches", daily_api_limit=1_000_000)
    key, sf_id = await paired_company(road, phone="0")
    for number in range(20):
        await road.update("company", key, phone=f"fair {number}")
        await it.due()
    fair = len(await road.calls()) / 20
    await road.forget_calls()
    await road.control.fault(path="/services/data/", status=503, body="<html>", times=10_000)
    start = it.clock.ahead
    for number in range(HALF_AN_HOUR // 5):
        await road.update("company", key, phone=f"storm {number}")
        await it.due()
        it.clock.ahead += 5
    in_storm = len(await road.calls())
    assert HALF_AN_HOUR / 60 <= in_storm <= 1.2 * fair * HALF_AN_HOUR / 5
    assert it.health[-1][0] is False
    await road.control.delete("faults")
    healed = it.clock.ahead
    while road.record("Account", sf_id)["Phone"] != f"storm {HALF_AN_HOUR // 5 - 1}":
        await it.due()
        it.clock.ahead += 1
        assert it.clock.ahead - healed <= 60, await road.changes()
    await road.settle()
    assert await road.changes() == []
    assert it.health[-1] == (True, "answering")
    assert healed - start >= HALF_AN_HOUR
    await road.in_step()


class Silent:
    """A doorbell that never rings."""

    async def wait(self, timeout: float) -> bool:
        await asyncio.sleep(timeout)
        return False

    async def run(self) -> None:
        await asyncio.Event().wait()


def _engine(it: Budgeted, database: list[bool]) -> Engine:
    def told(up: bool, _: str) -> None:
        database.append(up)

    return Engine(
        it.road.parts, it.road.loader, Silent(), it.road.lease, database=told, api=lambda up, reason: None
    )


async def test_a_load_waits_for_the_budget_and_a_stop_waits_for_neither(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    it = await make()
    await paired_company(it.road)
    await it.use(SHARE)
    database: list[bool] = []
    engine = _engine(it, database)
    tried: list[str] = []
    read_all = it.road.loader.first_loads

    async def first_loads() -> None:
        tried.append("load")
        await read_all()

    monkeypatch.setattr(it.road.loader, "first_loads", first_loads)
    await it.road.forget_calls()

    async def refused() -> bool:
        return bool(tried)

    async with asyncio.TaskGroup() as tasks:
        loading = tasks.create_task(engine.load())
        await until(refused, "the load is tried", 10)
        assert not loading.done()
        engine.stop()
        async with asyncio.timeout(5):
            await loading
    assert (tried, await it.road.calls()) == (["load"], []), "it was tried again at once"
    assert not engine.loaded.is_set()
    assert False not in database, "the database is not to blame"


async def test_a_worker_with_few_calls_left_pauses_between_batches(make: Make) -> None:
    it = await make()
    key, sf_id = await paired_company(it.road, phone="1")
    await it.use(SHARE * 85 // 100)
    await it.road.update("company", key, phone="2")
    engine = _engine(it, [])

    async def paused() -> bool:
        return it.meter.counted("isthmus_salesforce_throttle_wait_seconds_total", reason="budget") >= 2

    async with asyncio.TaskGroup() as tasks:
        working = tasks.create_task(engine.work())
        await until(paused, "the worker pauses", 10)
        assert it.road.record("Account", sf_id)["Phone"] == "2", "slowed is not stopped"
        engine.stop()
        async with asyncio.timeout(1):
            await working
