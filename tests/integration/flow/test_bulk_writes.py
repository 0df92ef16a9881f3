"""Backlogs that go out in bulk: few calls, every record with an outcome of its own, and nobody in the way of what is live."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from structlog.testing import capture_logs

from adapters.postgres.bulk_note import PostgresBulkNote
from daemon.domain.failure import CallFailedError
from daemon.domain.mapping import Retry, Step, Steps
from daemon.domain.policy import Policy
from daemon.domain.side import Direction
from daemon.flow import bulk_jobs, bulk_lane
from daemon.ports.salesforce import RecordWrite
from daemon.ports.store import LeaseLostError
from tests.integration.flow.bulk_scenes import (
    FEW,
    MANY,
    EndedUnheard,
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
from tests.support.road_steps import COMPANIES, PEOPLE, all_by, policy

AT_ONCE = Retry(first=timedelta(0), maximum=timedelta(0))
COMPANIES_AT_ONCE = replace(COMPANIES, retry=AT_ONCE)

PAIRS = all_by(COMPANIES_AT_ONCE, policy(Policy.POSTGRES))
"""Of these the rules do not ask when a value was changed, so their updates go in bulk."""

UNGUARDED = replace(COMPANIES, delete_guard=replace(COMPANIES.delete_guard, max_count=10**6, max_ratio=1.0))


def one_way(step: Step) -> Step:
    """The step as one that only pushes."""
    fields = tuple(replace(field, direction=Direction.PUSH) for field in step.fields)
    return replace(step, direction=Direction.PUSH, fields=fields)


class DeathError(Exception):
    """The process ends here."""


async def death() -> None:
    """Ends the process."""
    raise DeathError


@pytest.fixture(autouse=True)
def small_numbers(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if "real_numbers" not in request.fixturenames:
        in_small_numbers(monkeypatch)


@pytest.fixture
def real_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    """What makes a backlog is what it is; but a slow machine gathers one for one job all the same."""
    monkeypatch.setattr("adapters.salesforce.bulk_writing._FIRST_LOOK_SECONDS", 0.01)
    monkeypatch.setattr(bulk_lane, "GATHER_SECONDS", 600.0)


@pytest.mark.requirement("S4-03")
async def test_a_backlog_goes_out_in_few_calls_and_pairs_up(make_road: MakeRoad, real_numbers: None) -> None:
    road = await make_road(COMPANIES)
    lane = in_bulk(road, bulk_from=210)
    await road.forget_calls()
    await insert(road, 220)
    await work(road, lane)
    assert len(road.org.rows("Account")) == 220
    calls = await road.calls()
    ours = [call for call in calls if "/composite/sobjects" in call or "/jobs/" in call]
    assert len(ours) <= 8, Counter(ours)
    assert [call.split()[0] for call in jobs(calls)[:3]] == ["POST", "PUT", "PATCH"]
    assert not [call for call in calls if "/composite" in call]
    assert await road.changes() == []
    pushed = [line for line in await road.journal() if line["direction"] == "push"]
    assert Counter((line["operation"], line["outcome"]) for line in pushed) == {("create", "apply"): 220}
    await settle(road, lane)
    await road.in_step()
    await road.quiet()


@pytest.mark.requirement("S4-03", "S4-76")
async def test_updates_in_bulk_clear_what_is_null_and_leave_the_rest_alone(make_road: MakeRoad) -> None:
    road = await make_road(PAIRS)
    lane = in_bulk(road)
    await insert(road, MANY)
    await settle(road, lane)
    shift(road, 5)
    await road.app.execute(
        "UPDATE app.company SET phone = CASE WHEN id % 2 = 1 THEN phone END,"
        " name = CASE WHEN id % 2 = 1 THEN 'new ' || id ELSE name END, employees = CASE WHEN id % 2 = 1 THEN 7 END"
    )
    await road.forget_calls()
    await work(road, lane)
    calls = await road.calls()
    assert len([call for call in jobs(calls) if call.startswith("PUT")]) == 1
    assert not [call for call in calls if call.startswith("PATCH") and "/composite" in call]
    rows = road.org.rows("Account")
    assert Counter(
        (row.get("Phone"), row.get("NumberOfEmployees"), str(row["Name"])[:3]) for row in rows
    ) == {
        (None, None, "goo"): MANY // 2,
        ("1", 7, "new"): MANY // 2,
    }
    await settle(road, lane)
    await road.in_step()
    await road.quiet()


@pytest.mark.requirement("S4-03")
async def test_deletes_in_bulk(make_road: MakeRoad) -> None:
    road = await make_road(one_way(UNGUARDED))
    lane = in_bulk(road)
    await insert(road, MANY)
    await settle(road, lane)
    await road.app.execute("DELETE FROM app.company")
    await road.forget_calls()
    await work(road, lane)
    assert road.org.rows("Account") == []
    assert [call.split()[0] for call in jobs(await road.calls())[:3]] == ["POST", "PUT", "PATCH"]
    await settle(road, lane)
    await road.quiet()


@pytest.mark.requirement("S4-03")
async def test_every_record_has_the_outcome_that_a_single_call_would_have_given_it(
    make_road: MakeRoad,
) -> None:
    """Creates, updates and refusals of both kinds, by jobs and by Collections: the same is stored, told and counted."""
    told = [await _story(await make_road(PAIRS), bulk_from) for bulk_from in (FEW, None)]
    assert told[0] == told[1]
    assert told[0]["parked"] == {("parked", 1, "FIELD_CUSTOM_VALIDATION_EXCEPTION"): 6}
    assert all("no: bad, or so" in reason for reason in told[0]["reasons"])


async def _story(road: Road, bulk_from: int | None) -> dict[str, Any]:
    lane = in_bulk(road, bulk_from=bulk_from)
    await road.control.post(
        "validation-rules", object="Account", field="Name", pattern="bad.*", message="no: bad, or so"
    )
    await insert(road, MANY, bad=3)
    await work(road, lane)
    await settle(road, lane)
    shift(road, 5)
    await road.app.execute(
        "UPDATE app.company SET phone = CASE WHEN id % 2 = 0 THEN '2' END,"
        " name = CASE WHEN id BETWEEN 11 AND 13 THEN 'bad' ELSE name END WHERE id > 3"
    )
    await work(road, lane)
    assert bool(jobs(await road.calls())) == (bulk_from is not None)
    await settle(road, lane)
    changes, counts = await road.changes(), road.meter.counted
    return {
        "parked": Counter((c["state"], c["attempts"], c["code"]) for c in changes),
        "reasons": sorted({f"{c['reason']} {c['advice']}" for c in changes}),
        "keys": sorted(str(c["key"]) for c in changes),
        "journal": Counter(
            (line["key"], line["source"], line["direction"], line["operation"], line["outcome"], line["code"])
            for line in await road.journal()
            if line["direction"] == "push"
        ),
        "bases": {link.key: dict(link.base) for link in await road.links()},
        "records": Counter((row["Name"], row.get("Phone")) for row in road.org.rows("Account")),
        "failures": counts("isthmus_record_failures_total"),
        "parked_total": counts("isthmus_parked_total"),
    }


@pytest.mark.requirement("S4-03")
async def test_a_live_change_does_not_wait_for_a_job(make_road: MakeRoad) -> None:
    road = await make_road(COMPANIES)
    lane = in_bulk(road)
    await road.insert("company", name="Live")
    await road.settle()
    await insert(road, MANY)
    await hand_over(road, lane)
    key = await road.app.fetchval("SELECT id::text FROM app.company WHERE name = 'Live'")
    await road.update("company", key, name="Live!")
    await insert(road, MANY)
    await road.worker.round()
    assert road.record("Account", (await road.link("companies", key)).sf_id)["Name"] == "Live!"
    assert len(road.org.rows("Account")) == 1
    assert lane.crowded
    await work(road, lane)
    assert len(road.org.rows("Account")) == 2 * MANY + 1
    assert await road.changes() == []


@pytest.mark.requirement("S4-03")
async def test_what_is_told_of_a_job_s_pairs_costs_no_calls_while_it_runs_and_an_edit_comes_out_on_top(
    make_road: MakeRoad,
) -> None:
    road = await make_road(COMPANIES)
    writer = EndedUnheard(road)
    lane = in_bulk(road, writer)
    await insert(road, MANY)
    await hand_over(road, lane)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(lane.work_off())
        async with asyncio.timeout(20):
            await writer.done.wait()
        await road.listen()
        await road.update("company", "1", name="Edited")
        await road.forget_calls()
        assert await road.worker.round() == 0
        assert [call for call in await road.calls() if "/jobs/" not in call] == []
        writer.may_end.set()
    await settle(road, lane)
    assert road.record("Account", (await road.link("companies", "1")).sf_id)["Name"] == "Edited"
    assert len(road.org.rows("Account")) == MANY
    await road.in_step()
    await road.quiet()


@pytest.mark.requirement("S4-03")
@pytest.mark.parametrize("after", [False, True], ids=["before it starts", "after its end"])
async def test_a_death_around_a_job_doubles_and_loses_nothing(make_road: MakeRoad, after: bool) -> None:
    road = await make_road(COMPANIES_AT_ONCE)
    lane = in_bulk(road, Meddled(road, after=death) if after else Meddled(road, before=death))
    await insert(road, MANY)
    with pytest.raises(DeathError):
        await work(road, lane)
    assert len(road.org.rows("Account")) == (MANY if after else 0)
    left = await road.changes()
    assert {change["state"] for change in left} == {"sent"}
    assert await PostgresBulkNote(road.pool, road.lease).kept() is not None
    road.reborn()
    await road.update("company", "1", name="Edited meanwhile")
    lane = in_bulk(road)
    with capture_logs() as logs:
        await road.worker.round()
    assert [entry["event"] for entry in logs].count("bulk_write_left_behind") == 1
    assert await PostgresBulkNote(road.pool, road.lease).kept() is None
    states = {job["state"] for job in await ingest_jobs(road)}
    assert states == ({"JobComplete"} if after else {"Aborted"})
    await road.app.execute("UPDATE isthmus.change SET due = NULL")
    await settle(road, lane)
    assert len(road.org.rows("Account")) == MANY
    assert road.record("Account", (await road.link("companies", "1")).sf_id)["Name"] == "Edited meanwhile"
    await road.in_step()
    await road.quiet()


@pytest.mark.requirement("S4-03")
async def test_a_lost_answer_of_any_call_makes_no_duplicate(make_road: MakeRoad) -> None:
    road = await make_road(COMPANIES_AT_ONCE)
    calls = [
        ("POST", "/jobs/ingest$"),
        ("PUT", "/batches$"),
        ("PATCH", "/jobs/ingest/"),
        ("GET", "/jobs/ingest/[^/]+$"),
        ("GET", "/successfulResults"),
    ]
    for number, (method, path) in enumerate(calls, start=1):
        lane = in_bulk(road)
        await road.control.fault(action="drop_reply", method=method, path=path)
        await insert(road, MANY)
        await work(road, lane)
        for _ in range(3):
            if await road.changes():
                await road.app.execute("UPDATE isthmus.change SET due = NULL")
                await work(road, lane)
        assert len(road.org.rows("Account")) == number * MANY, (method, path)
        assert await road.changes() == []
    await settle(road, lane)
    await road.in_step()
    await road.quiet()


@pytest.mark.requirement("S4-03")
async def test_what_a_job_is_not_taken_for_goes_by_collections_without_a_try_being_counted(
    make_road: MakeRoad,
) -> None:
    road = await make_road(COMPANIES_AT_ONCE)
    lane = in_bulk(road)
    await road.control.fault(
        method="POST", path="/jobs/ingest", status=400, code="FEATURENOTENABLED", message="no bulk here"
    )
    await insert(road, MANY)
    await hand_over(road, lane)
    await lane.work_off()
    left = await road.changes()
    assert {(c["state"], c["attempts"], c["code"]) for c in left} == {("pending", 0, "not_by_bulk")}
    assert all("no bulk here" in c["reason"] for c in left)
    await road.app.execute("UPDATE isthmus.change SET due = NULL")
    await road.forget_calls()
    await work(road, lane)
    assert len(road.org.rows("Account")) == MANY
    assert jobs(await road.calls()) == []
    assert await road.changes() == []


@pytest.mark.requirement("S4-03")
async def test_a_job_that_does_not_end_in_time_is_aborted_and_its_records_go_another_way(
    make_road: MakeRoad, monkeypatch: pytest.MonkeyPatch
) -> None:
    road = await make_road(COMPANIES_AT_ONCE)
    lane = in_bulk(road)
    await road.control.post("switches", bulk_steps=10**6)
    monkeypatch.setattr(bulk_jobs, "JOB_SECONDS", 0.1)
    await insert(road, MANY)
    await hand_over(road, lane)
    await lane.work_off()
    assert {job["state"] for job in await ingest_jobs(road)} == {"Aborted"}
    assert road.org.rows("Account") == []
    await road.app.execute("UPDATE isthmus.change SET due = NULL")
    await work(road, lane)
    assert len(road.org.rows("Account")) == MANY
    assert await road.changes() == []


@pytest.mark.requirement("S4-03")
async def test_too_few_and_what_is_off_and_where_smaller_requests_were_asked_for_go_by_collections(
    make_road: MakeRoad,
) -> None:
    road = await make_road(COMPANIES)
    await insert(road, MANY)
    await work(road, in_bulk(road, bulk_from=200))
    await insert(road, MANY)
    await work(road, in_bulk(road, bulk_from=None))
    road.parts.in_force.replace(Steps((replace(COMPANIES, batch_size=100),)))
    await insert(road, MANY)
    await work(road, in_bulk(road))
    assert len(road.org.rows("Account")) == 3 * MANY
    assert jobs(await road.calls()) == []
    assert await road.changes() == []


async def test_children_find_their_parents_and_what_a_cell_cannot_say_goes_by_itself(
    make_road: MakeRoad,
) -> None:
    road = await make_road(COMPANIES, PEOPLE)
    lane = in_bulk(road)
    await insert(road, 10)
    await settle(road, lane)
    await road.app.execute(
        "INSERT INTO app.person (last_name, first_name, company)"
        " SELECT CASE n WHEN 7 THEN '#N/A' ELSE E'Mc\"Line,\\n' || n END, NULL, 1 + n % 10 FROM generate_series(1, $1::int) AS n",
        MANY,
    )
    await work(road, lane)
    people = road.org.rows("Contact")
    assert len(people) == MANY
    assert len({row["AccountId"] for row in people}) == 10
    assert [row["LastName"] for row in people].count("#N/A") == 1
    assert sum('Mc"Line,\n' in str(row["LastName"]) for row in people) == MANY - 1
    assert len([call for call in jobs(await road.calls()) if call.startswith("PUT")]) == 1
    await settle(road, lane)
    await road.in_step()


@pytest.mark.parametrize(
    "answer", [{"status": 503}, {"action": "answer", "status": 404, "body": "<html>no such site"}]
)
async def test_while_it_is_unknown_whether_a_job_left_behind_has_ended_only_what_is_in_doubt_waits(
    make_road: MakeRoad, monkeypatch: pytest.MonkeyPatch, answer: dict[str, Any]
) -> None:
    monkeypatch.setattr(bulk_jobs, "FIRST_PAUSE", 0.0)
    road = await make_road(COMPANIES_AT_ONCE)
    lane = in_bulk(road, Meddled(road, after=death))
    await insert(road, MANY)
    with pytest.raises(DeathError):
        await work(road, lane)
    assert len(road.org.rows("Account")) == MANY
    road.reborn()
    lane = in_bulk(road)
    await road.insert("company", name="Later")
    await road.update("company", "1", name="Edited meanwhile")
    await road.control.post("faults", method="GET", path="/jobs/ingest/", **answer)
    with capture_logs() as logs:
        for _ in range(3):
            await road.app.execute("UPDATE isthmus.change SET due = NULL")
            await road.worker.round()
        await road.listen()
        await road.worker.round()
    told = [entry for entry in logs if entry["event"] == "bulk_write_left_behind"]
    assert told
    assert all(not entry["ended"] and "bulk_write_job" in entry["advice"] for entry in told)
    with pytest.raises(CallFailedError):
        lane.ended()
    assert [link.key for link in await road.links()] == [str(MANY + 1)], "the rest goes on"
    sent = [change for change in await road.changes() if change["state"] == "sent"]
    assert len(sent) == MANY
    await insert(road, MANY)
    await work(road, lane)
    assert len(road.org.rows("Account")) == 2 * MANY + 1
    assert len(await ingest_jobs_behind(road)) == 1, "no other job is started meanwhile"
    await road.control.delete("faults")
    for _ in range(3):
        await road.app.execute("UPDATE isthmus.change SET due = NULL")
        await settle(road, lane)
    lane.ended()
    assert len(road.org.rows("Account")) == 2 * MANY + 1
    assert road.record("Account", (await road.link("companies", "1")).sf_id)["Name"] == "Edited meanwhile"
    await road.in_step()
    await road.quiet()


async def ingest_jobs_behind(road: Road) -> set[str]:
    """The jobs that were made, by the calls that gave them their rows."""
    return {call for call in await road.calls() if call.startswith("PUT") and "/jobs/ingest" in call}


async def test_a_job_of_which_nothing_is_heard_at_its_deadline_counts_as_left_behind(
    make_road: MakeRoad, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk_jobs, "FIRST_PAUSE", 0.0)
    monkeypatch.setattr(bulk_jobs, "JOB_SECONDS", 0.1)
    road = await make_road(COMPANIES_AT_ONCE)
    lane = in_bulk(road)
    await road.control.post("switches", bulk_steps=10**6)
    await road.control.post(
        "faults",
        method="GET",
        path="/jobs/ingest/",
        status=403,
        code="INSUFFICIENT_ACCESS",
        message="not yours",
    )
    await insert(road, MANY)
    await hand_over(road, lane)
    async with asyncio.timeout(20):
        await lane.work_off()
    await road.insert("company", name="Later")
    await road.app.execute("UPDATE isthmus.change SET due = NULL")
    await work(road, lane)
    assert [record["Name"] for record in road.org.rows("Account")] == ["Later"]
    with pytest.raises(CallFailedError):
        lane.ended()
    await road.control.delete("faults")
    for _ in range(3):
        await road.app.execute("UPDATE isthmus.change SET due = NULL")
        await settle(road, lane)
    assert len(road.org.rows("Account")) == MANY + 1
    await road.in_step()
    await road.quiet()


async def test_a_job_left_behind_that_an_operator_has_forgotten_holds_nothing(
    make_road: MakeRoad, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk_jobs, "FIRST_PAUSE", 0.0)
    road = await make_road(COMPANIES_AT_ONCE)
    lane = in_bulk(road, Meddled(road, after=death))
    await insert(road, MANY)
    with pytest.raises(DeathError):
        await work(road, lane)
    road.reborn()
    lane = in_bulk(road)
    await road.control.post(
        "faults", path="/jobs/ingest/", status=403, code="INSUFFICIENT_ACCESS", message="not yours"
    )
    with capture_logs() as logs:
        await road.worker.round()
    (told,) = [entry for entry in logs if entry["event"] == "bulk_write_left_behind"]
    statement = told["advice"].rpartition(": ")[2]
    await road.app.execute(statement)
    for _ in range(3):
        await road.app.execute("UPDATE isthmus.change SET due = NULL")
        await settle(road, lane)
    assert len(road.org.rows("Account")) == MANY
    await road.in_step()
    await road.quiet()


@pytest.mark.requirement("S4-03")
@pytest.mark.parametrize("bulk_from", [FEW, 200], ids=["a job", "too few for one"])
async def test_a_step_that_is_held_while_its_backlog_is_gathered_writes_nothing(
    make_road: MakeRoad, bulk_from: int
) -> None:
    road = await make_road(COMPANIES_AT_ONCE)
    lane = in_bulk(road, bulk_from=bulk_from)
    await insert(road, MANY)
    await road.worker.round()
    await road.worker.round()
    road.parts.in_force.replace(Steps((replace(COMPANIES_AT_ONCE, still="held"),)))
    await work(road, lane)
    assert road.org.rows("Account") == []
    assert jobs(await road.calls()) == []
    assert len(await road.changes()) == MANY


async def test_a_job_that_is_overdue_holds_up_nothing_but_its_own_records(
    make_road: MakeRoad, monkeypatch: pytest.MonkeyPatch
) -> None:
    road = await make_road(COMPANIES)
    writer = EndedUnheard(road)
    lane = in_bulk(road, writer)
    await insert(road, MANY)
    await hand_over(road, lane)
    monkeypatch.setattr(bulk_jobs, "JOB_SECONDS", 0.0)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(lane.work_off())
        async with asyncio.timeout(20):
            await writer.done.wait()
        await insert(road, MANY)
        await road.forget_calls()
        await road.work()
        assert len(road.org.rows("Account")) == MANY
        assert jobs(await road.calls()) == []
        writer.may_end.set()
    await road.app.execute("UPDATE isthmus.change SET due = NULL")
    await settle(road, lane)
    assert len(road.org.rows("Account")) == 2 * MANY
    await road.in_step()
    await road.quiet()


async def test_a_process_that_has_lost_the_lease_starts_no_job(make_road: MakeRoad) -> None:
    road = await make_road(COMPANIES)
    lane = in_bulk(road, TakenOver(road))
    await insert(road, MANY)
    await hand_over(road, lane)
    with pytest.raises(LeaseLostError):
        await lane.work_off()
    assert [job["state"] for job in await ingest_jobs(road)] == ["Open"]
    assert road.org.rows("Account") == []
    assert await PostgresBulkNote(road.pool, road.lease).kept() is None


class TakenOver(Meddled):
    """Another process takes the lease while a job is given its rows."""

    def __init__(self, road: Road) -> None:
        super().__init__(road)
        self._road = road

    async def prepare(self, name: str, writes: Sequence[RecordWrite]) -> str:
        job: str = await self._real.prepare(name, writes)
        await self._road.app.execute("UPDATE isthmus.lease SET epoch = epoch + 1")
        return job


async def test_a_stop_does_not_wait_for_a_job_and_its_writes_are_resolved_by_the_next_process(
    make_road: MakeRoad,
) -> None:
    road = await make_road(COMPANIES_AT_ONCE)
    lane = in_bulk(road)
    await road.control.post("switches", bulk_steps=10**6)
    await insert(road, MANY)
    await hand_over(road, lane)
    task = asyncio.create_task(lane.work_off())
    async with asyncio.timeout(20):
        while {job["state"] for job in await ingest_jobs(road)} <= {"Open"}:
            pass  # each look is a call
    task.cancel()
    async with asyncio.timeout(1):
        with pytest.raises(asyncio.CancelledError):
            await task
    assert await PostgresBulkNote(road.pool, road.lease).kept() is not None
    road.reborn()
    lane = in_bulk(road)
    await road.app.execute("UPDATE isthmus.change SET due = NULL")
    await settle(road, lane)
    assert [job["state"] for job in await ingest_jobs(road)] == ["Aborted"]
    assert len(road.org.rows("Account")) == MANY
    await road.in_step()
    await road.quiet()


async def test_a_job_takes_no_more_than_memory_is_granted_to_it(
    make_road: MakeRoad, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk_lane, "MOST_WEIGHT", 75_000)  # some 25 of these rows
    road = await make_road(COMPANIES)
    lane = in_bulk(road)
    await insert(road, MANY)
    await work(road, lane)
    (job,) = await ingest_jobs(road)
    assert FEW <= job["numberRecordsProcessed"] < MANY
    assert len(road.org.rows("Account")) == MANY
    assert await road.changes() == []
