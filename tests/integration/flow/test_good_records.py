"""Good records beside bad ones, and beside a Salesforce that is unwell: none is parked for what is not its own fault."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from adapters.salesforce import faults
from daemon.domain.change import Suspicion
from daemon.domain.failure import CallFailedError
from daemon.domain.mapping import Retry
from daemon.domain.policy import ConflictRule, Policy
from daemon.flow.cases import look_back
from daemon.flow.delivery import HOPELESS
from daemon.ports.salesforce import RecordWrite, WriteResult
from daemon.reconcile.pace import OUTAGE_CALLS
from tests.integration.flow.conftest import MakeRoad
from tests.integration.flow.drifting import drifting
from tests.integration.flow.scenes import paired_company
from tests.integration.flow.test_batches import AT_ONCE, COMPANIES_AT_ONCE, Between
from tests.support.road import Road
from tests.support.road_steps import COMPANIES, all_by

PARSE = faults.of_response(400, b'[{"errorCode":"JSON_PARSER_ERROR","message":"no"}]')
AWAY = faults.of_write(503, b'[{"errorCode":"SERVER_UNAVAILABLE","message":"come back later"}]')
PATIENT = replace(COMPANIES, retry=Retry(attempts=3, first=timedelta(0), maximum=timedelta(0)))


async def _insert(road: Road, bad: Sequence[int], count: int = 200) -> None:
    await road.app.execute(
        "INSERT INTO app.company (name) SELECT CASE WHEN n = ANY ($1::int[]) THEN 'bad ' ELSE 'good ' END || n"
        " FROM generate_series(1, $2::int) AS n",
        list(bad),
        count,
    )


@pytest.mark.parametrize("bad", [range(1, 13), (*range(1, 10), 11, 20, 40, 80, 150)])
async def test_p11_many_bad_records_of_one_request_are_parked_and_no_other_is(
    make_road: MakeRoad, bad: Sequence[int]
) -> None:
    road = await make_road(COMPANIES_AT_ONCE)
    road.reborn(records=Between(road, PARSE))
    await _insert(road, bad)
    await road.work()
    assert len(road.org.rows("Account")) == 200 - len(bad)
    left = await road.changes()
    assert {(change["state"], "bad" in change["new"]) for change in left} == {("parked", True)}
    assert len(left) == len(bad)


async def test_what_is_not_divided_waits_untried_and_says_why(make_road: MakeRoad) -> None:
    road = await make_road(replace(COMPANIES, retry=Retry(first=timedelta(minutes=1))))
    road.reborn(records=Between(road, PARSE))
    road.parts = replace(road.parts, jitter=lambda: 1.0)
    road.worker._live = road.parts
    await _insert(road, range(1, 201))
    await road.worker.round()
    waiting = [change for change in await road.changes() if change["state"] == "pending"]
    assert HOPELESS <= 200 - len(waiting) <= HOPELESS + 1
    assert {(change["code"], change["attempts"]) for change in waiting} == {("not_divided", 0)}
    assert all("isthmus parked list" in change["advice"] for change in waiting)
    soonest = await road.app.fetchval("SELECT min(due) - now() FROM isthmus.change WHERE state = 'pending'")
    assert soonest > timedelta(seconds=30)


async def test_a_salesforce_that_turns_writes_away_costs_no_record_an_attempt(make_road: MakeRoad) -> None:
    road = await make_road(PATIENT)
    between = Between(road, AWAY)
    road.reborn(records=between)
    await _insert(road, range(1, 21), 20)
    for _ in range(10):
        await road.worker.round()
    assert {(c["state"], c["attempts"], c["code"]) for c in await road.changes()} == {
        ("pending", 0, "SERVER_UNAVAILABLE")
    }
    between._befalls = None
    await road.work()
    assert len(road.org.rows("Account")) == 20
    assert await road.changes() == []


async def test_it_is_asked_less_often_the_longer_it_turns_writes_away(make_road: MakeRoad) -> None:
    road = await make_road(replace(COMPANIES, retry=Retry(first=timedelta(seconds=10))))
    road.reborn(records=Between(road, AWAY))
    road.parts = replace(road.parts, jitter=lambda: 1.0)
    road.worker._live = road.parts
    await _insert(road, [1], 1)
    waits = []
    for _ in range(7):
        await road.worker.round()
        waits.append(
            await road.app.fetchval("SELECT extract(epoch FROM due - now())::float FROM isthmus.change")
        )
        await road.app.execute("UPDATE isthmus.change SET due = NULL")
    waits = [round(wait, -1) for wait in waits]  # a statement's milliseconds are no pace
    assert waits == sorted(waits)
    assert 9 < waits[0] < 12
    assert 290 < waits[-1] < 302


async def test_a_record_for_which_alone_salesforce_is_unavailable_is_found(make_road: MakeRoad) -> None:
    road = await make_road(replace(COMPANIES, retry=AT_ONCE, batch_size=50))
    road.reborn(records=Between(road, AWAY))
    await _insert(road, [60])
    for _ in range(12):
        await road.worker.round()
    assert len(road.org.rows("Account")) == 199
    (left,) = await road.changes()
    assert (left["state"], "bad" in left["new"]) == ("pending", True), (
        "it may be Salesforce, while nothing else is written"
    )
    for _ in range(8):
        await road.insert("company", name="Another")
        await road.worker.round()
    assert len(road.org.rows("Account")) == 207
    (left,) = await road.changes()
    assert (left["state"], left["code"]) == ("parked", "SERVER_UNAVAILABLE")


async def test_few_good_records_do_not_wait_behind_one_for_which_alone_salesforce_is_unavailable(
    make_road: MakeRoad,
) -> None:
    road = await make_road(PATIENT)
    between = Between(road, AWAY)
    road.reborn(records=between)
    await _insert(road, [1], 10)
    for _ in range(12):
        await road.worker.round()
    assert len(road.org.rows("Account")) == 9
    assert {("bad" in change["new"]) for change in await road.changes()} == {True}


async def test_a_long_outage_costs_few_calls_to_a_round(make_road: MakeRoad) -> None:
    road = await make_road(PATIENT)
    between = Between(road, AWAY)
    road.reborn(records=between)
    await _insert(road, range(1, 101), 100)
    for _ in range(12):
        await road.worker.round()
    between.sizes.clear()
    await road.worker.round()
    assert 1 < len(between.sizes) <= OUTAGE_CALLS
    assert road.parts.sizes.of("Account", 200) >= 12, "nor are requests tiny for long after it"


class Down(Between):
    """Nothing can be read."""

    async def find(self, *_: Any, **__: Any) -> Any:
        raise CallFailedError(faults.unreachable("no connection"))


async def _suspicions(road: Road) -> set[str | None]:
    return {row["suspicion"] for row in await road.app.fetch("SELECT suspicion FROM isthmus.change")}


async def test_suspicion_outlives_a_read_that_failed(make_road: MakeRoad) -> None:
    road = await make_road(COMPANIES_AT_ONCE)
    between = Between(road, faults.unknown_outcome("no answer"))
    road.reborn(records=between)
    await _insert(road, [1])
    await road.worker.round()
    await road.worker.round()
    road.worker._live = replace(road.parts, records=Down(road, None))
    await road.worker.round()
    assert {change["code"] for change in await road.changes()} == {"CONNECTION_FAILED"}
    assert await _suspicions(road) == {Suspicion.UNANSWERED}
    road.worker._live = road.parts
    between.sizes.clear()
    await road.app.execute("UPDATE isthmus.change SET due = NULL")
    await road.worker.round()
    assert max(between.sizes) <= 12


async def test_suspicion_outlives_a_step_that_stood_still_and_a_later_edit(make_road: MakeRoad) -> None:
    scene = await drifting(make_road)
    road = scene.road
    key, _ = await scene.company()
    await road.update("company", key, name="bad name")
    road.worker._live = replace(road.parts, records=Between(road, faults.unknown_outcome("no answer")))
    await road.worker.round()
    await road.app.execute("ALTER TABLE app.company RENAME TO elsewhere")
    await scene.look()
    await road.app.execute("UPDATE isthmus.change SET due = NULL")
    await road.worker.round()
    assert {change["code"] for change in await road.changes()} == {"schema_drift"}
    assert await _suspicions(road) == {Suspicion.UNANSWERED}


async def test_a_lane_that_fails_takes_the_others_along(make_road: MakeRoad) -> None:
    road = await make_road(replace(COMPANIES_AT_ONCE, batch_size=5))
    waiting, late = asyncio.Event(), []

    class Breaking(Between):
        async def write(
            self, name: str, fields: Sequence[str], writes: Sequence[RecordWrite]
        ) -> list[WriteResult]:
            self.sizes.append(len(writes))
            if len(self.sizes) == 1:
                await asyncio.wait_for(waiting.wait(), 10)
                raise RuntimeError("a defect")
            waiting.set()
            try:
                await asyncio.Event().wait()
            finally:
                late.append(asyncio.current_task())
            return []

    road.reborn(records=Breaking(road, None))
    await _insert(road, [], 15)
    with pytest.raises(RuntimeError, match="a defect"):
        await road.worker.round()
    assert len(late) == 2


async def test_a_lane_that_is_cancelled_alone_is_not_taken_for_done(make_road: MakeRoad) -> None:
    road = await make_road(COMPANIES_AT_ONCE)

    class Cancelled(Between):
        async def write(self, *_: Any) -> list[WriteResult]:
            raise asyncio.CancelledError

    road.reborn(records=Cancelled(road, None))
    await _insert(road, [], 3)
    with pytest.raises(asyncio.CancelledError):
        await road.worker.round()
    assert [change["state"] for change in await road.changes()] == ["sent"] * 3


async def test_a_write_in_doubt_stays_in_doubt_when_its_link_moves_on_before_it_is_settled(
    make_road: MakeRoad, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Taken for untried, what we sent ourselves would look like another's edit, and win over the newer one made here."""
    road = await make_road(all_by(COMPANIES_AT_ONCE, ConflictRule(Policy.SALESFORCE)))
    key, sf_id = await paired_company(road)
    await road.update("company", key, name="first")
    await road.control.fault(action="drop_reply", path="/composite")
    await road.worker.round()
    assert road.record("Account", sf_id)["Name"] == "first"
    assert [change["state"] for change in await road.changes()] == ["sent"]
    await road.update("company", key, name="second")

    async def moved_on(unit: Any, cases: Any) -> None:
        await road.app.execute("UPDATE isthmus.link SET seen = seen + interval '1 second'")
        await look_back(unit, cases)
        assert [case.overtaken for case in cases] == [True]

    monkeypatch.setattr("daemon.flow.sending.look_back", moved_on)
    await road.worker.round()
    monkeypatch.undo()
    assert "sent" in {change["state"] for change in await road.changes()}
    await road.settle()
    assert road.record("Account", sf_id)["Name"] == "second"
    assert (await road.row("company", key) or {})["name"] == "second"
