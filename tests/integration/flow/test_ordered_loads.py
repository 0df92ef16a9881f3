"""Loads that an operator orders, on real parts: what is meant, what it costs, what came of each record, and what a death leaves."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from daemon.domain.failure import CallFailedError, Failure, FailureKind, Reason, UsageError
from daemon.flow.jobs import JobRunner
from daemon.flow.loading import ordered
from daemon.flow.loading.ordered import OrderedLoads
from daemon.operations import jobs as job_acts
from daemon.operations import loading
from daemon.operations.loading import Wish
from daemon.ports.jobs import Job, JobKind, JobState
from daemon.ports.store import LeaseLostError
from tests.integration.flow.conftest import MakeRoad
from tests.integration.flow.test_bulk_load import companies
from tests.support.road import Road, shift
from tests.support.road_steps import COMPANIES, PEOPLE

STEP = COMPANIES.name
GONE = Failure(FailureKind.PERMISSION, Reason.PERMISSION, "DEAD", "The process ends here.", "Nothing.")


async def loaded(road: Road, wish: Wish, loads: OrderedLoads | None = None) -> Job:
    """Order a load, have it worked on, and give back the job as it is then."""
    made = await loading.order(road.office, wish, "ada")
    work = (loads or road.ordered()).work
    assert await JobRunner(road.parts, road.jobs, {JobKind.LOAD: work}).once()
    found = await road.jobs.get(made["id"])
    assert found is not None
    return found


def result(job: Job) -> Mapping[str, Any]:
    assert job.state is JobState.DONE, job.failure
    assert job.result is not None
    return job.result


async def test_the_first_ten_are_shown_one_by_one_and_no_other_is_read(make_road: MakeRoad) -> None:
    road = await make_road(COMPANIES)
    ids = sorted(road.org.load("Account", companies(30)))
    job = await loaded(road, Wish(STEP, limit=10))
    told = result(job)
    assert (told["records"], told["outcomes"], job.processed, job.expected) == (10, {"create": 10}, 10, 10)
    links = {link.sf_id: link.key for link in await road.links()}
    assert [(item["sf_id"], item["key"], item["outcome"]) for item in told["listed"]] == [
        (sf_id, links[sf_id], "create") for sf_id in ids[:10]
    ]
    assert len(await road.rows("company")) == 10
    again = result(await loaded(road, Wish(STEP, limit=12)))
    assert again["outcomes"] == {"unchanged": 10, "create": 2}


async def test_only_what_meets_the_condition_and_changed_since_is_loaded(make_road: MakeRoad) -> None:
    road = await make_road(COMPANIES)
    road.org.load("Account", companies(20))
    shift(road, 3600)
    late = road.org.load("Account", companies(4, start=100))
    since = (road.parts.clock.now() + timedelta(minutes=30)).isoformat()
    where = "NumberOfEmployees >= 102 OR (Name = 'it\\'s)' AND NumberOfEmployees = 1)"
    told = result(await loaded(road, Wish(STEP, where=where, since=since)))
    assert told["outcomes"] == {"create": 2}
    assert {link.sf_id for link in await road.links()} <= set(late)
    told = result(await loaded(road, Wish(STEP, since=since)))
    assert told["outcomes"] == {"create": 2, "unchanged": 2}


async def test_a_rehearsal_says_what_would_come_of_it_and_keeps_nothing(make_road: MakeRoad) -> None:
    road = await make_road(COMPANIES)
    road.org.load("Account", companies(5))
    told = result(await loaded(road, Wish(STEP, dry_run=True)))
    assert (told["dry_run"], told["outcomes"]) == (True, {"create": 5})
    assert await road.rows("company") == []
    assert await road.links() == []
    assert await road.journal() == []
    assert await road.changes() == []
    assert road.meter.counted("isthmus_records_total") == 0
    assert result(await loaded(road, Wish(STEP)))["outcomes"] == {"create": 5, "not_met": 0}


async def test_what_a_load_does_not_meet_is_asked_after_and_a_delete_is_found(make_road: MakeRoad) -> None:
    road = await make_road(COMPANIES)
    ids = road.org.load("Account", companies(6))
    await road.load()
    await road.listen()
    road.org.selection.select([])  # nobody hears of it
    road.org.delete("Account", ids[0])
    road.org.delete("Account", ids[1])
    await road.control.post("purge", ids=ids[:1])
    road.org.selection.select(None)
    part = result(await loaded(road, Wish(STEP, limit=2)))
    assert "not_met" not in part["outcomes"], "a part of the object says nothing of what is gone"
    told = result(await loaded(road, Wish(STEP)))
    assert told["outcomes"] == {"unchanged": 4, "not_met": 2}
    assert {change["source"] for change in await road.changes()} == {"sweep"}, "the delete guard heeds these"
    await road.work()
    assert len(await road.rows("company")) == 4


async def test_a_condition_that_is_none_is_refused_in_the_words_of_the_org(make_road: MakeRoad) -> None:
    road = await make_road(COMPANIES)
    with pytest.raises(UsageError) as refused:
        await loading.estimate(road.office, Wish(STEP, where="Nmae = 'Acme'"))
    assert "Nmae" in refused.value.why
    with pytest.raises(UsageError) as refused:
        await loading.estimate(road.office, Wish(STEP, where="Name = 'x' Phone = 'y'"))
    assert "MALFORMED_QUERY" in refused.value.why


@pytest.mark.parametrize(
    "where",
    ["Name = 'a') OR (Name != 'a'", "(Name = 'a'", "Name = 'a", "Name = 'a\\'", "", " ", "Id != ''" * 600],
)
async def test_a_condition_cannot_leave_its_brackets(make_road: MakeRoad, where: str) -> None:
    road = await make_road(COMPANIES)
    await road.forget_calls()
    with pytest.raises(UsageError):
        await loading.order(road.office, Wish(STEP, where=where), "ada")
    assert await road.calls() == []
    assert (await road.jobs.list()).jobs == ()


async def test_the_estimate_tells_records_calls_share_and_the_pace_that_was_seen(make_road: MakeRoad) -> None:
    road = await make_road(COMPANIES)
    road.org.load("Account", companies(300))
    guess = await loading.estimate(road.office, Wish(STEP))
    assert (guess["records"], guess["api_calls"], guess["bulk"], guess["rate_seen"]) == (300, 2, False, False)
    limits = road.parts.records.limits
    assert limits is not None
    assert guess["share_of_allowance"] == pytest.approx(2 / limits.limit)
    job = await loaded(road, Wish(STEP))
    assert job.started_at is not None
    assert job.ended_at is not None
    seen = await loading.estimate(road.office, Wish(STEP))
    pace = 300 / (job.ended_at - job.started_at).total_seconds()
    assert (seen["rate"], seen["rate_seen"]) == (round(pace, 1), True)
    held = await loading.estimate(road.office, Wish(STEP, rate=5))
    assert (held["rate"], held["minutes"]) == (5, 1.0)


async def test_a_rate_is_kept(make_road: MakeRoad) -> None:
    road = await make_road(COMPANIES)
    road.org.load("Account", companies(10))
    slept: list[float] = []

    class Patient:
        def __getattr__(self, name: str) -> Any:
            return getattr(road.parts.clock, name)

        async def sleep(self, seconds: float) -> None:
            slept.append(seconds)

    loads = road.ordered()
    loads._parts = replace(road.parts, clock=Patient())
    told = result(await loaded(road, Wish(STEP, rate=4), loads))
    assert told["records"] == 10
    assert len(slept) == 3
    assert all(0 <= pause <= 1 for pause in slept)
    assert sum(slept) > 1.0, "ten records at four a second take two seconds and a half, work included"


async def test_a_load_goes_on_in_the_next_process_and_reads_nothing_twice(
    make_road: MakeRoad, monkeypatch: pytest.MonkeyPatch
) -> None:
    road = await make_road(COMPANIES)
    ids = sorted(road.org.load("Account", companies(30)))
    monkeypatch.setattr(ordered, "PAGE", 10)
    asked: list[str] = []

    class Dying:
        limit = 2

        def __getattr__(self, name: str) -> Any:
            return getattr(road.salesforce.records, name)

        async def select(
            self, name: str, fields: Sequence[str], selection: Any, after: str, limit: int
        ) -> Any:
            if len(asked) == self.limit:
                raise LeaseLostError
            asked.append(after)
            return await road.salesforce.records.select(name, fields, selection, after, limit)

    loads = road.ordered()
    records = loads._records = Dying()
    with pytest.raises(LeaseLostError):
        await loaded(road, Wish(STEP), loads)
    assert len(await road.rows("company")) == 20
    records.limit = 10
    assert await JobRunner(road.parts, road.jobs, {JobKind.LOAD: loads.work}).once()
    (job,) = (await road.jobs.list(kind="load")).jobs
    assert (job.state, job.processed, job.interruptions) == (JobState.DONE, 30, 1)
    assert result(job)["went_on"] is True
    assert result(job)["outcomes"] == {"create": 30, "not_met": 0}
    assert len(result(job)["listed"]) == 30, "what was told before is not forgotten"
    assert asked == ["", ids[9], ids[19], ids[29]]
    assert len(await road.rows("company")) == 30


async def test_the_whole_of_a_large_object_is_read_in_bulk_in_the_same_job(make_road: MakeRoad) -> None:
    road = await make_road(COMPANIES)
    road.org.load("Account", companies(40))
    loads = road.ordered(bulk_from=40)
    job = await loaded(road, Wish(STEP), loads)
    assert (result(job)["records"], job.processed, job.expected) == (40, 40, 40)
    assert result(job)["outcomes"] == {"create": 40, "not_met": 0}
    assert [entry.kind for entry in (await road.jobs.list()).jobs] == ["load"]
    assert len(await road.rows("company")) == 40
    job = await loaded(road, Wish(STEP), loads)
    assert (job.state, job.processed) == (JobState.DONE, 40)
    assert result(job)["outcomes"] == {"unchanged": 40, "not_met": 0}
    await road.in_step()


@pytest.mark.parametrize("bulk_from", [1, 1000])
async def test_a_load_tells_what_was_parked_and_why_though_it_was_held_up(
    make_road: MakeRoad, monkeypatch: pytest.MonkeyPatch, bulk_from: int
) -> None:
    road = await make_road(COMPANIES)
    road.org.load("Account", companies(6))
    await road.app.execute("ALTER TABLE app.company ADD CONSTRAINT known CHECK (name NOT LIKE '%3')")
    monkeypatch.setattr(ordered, "PAGE", 3)
    loads = road.ordered(bulk_from=bulk_from)
    failures = [CallFailedError(replace(GONE, kind=FailureKind.TRANSIENT))]

    class HeldUp:
        """The records, all of which are read before a call fails for the first time."""

        def __getattr__(self, name: str) -> Any:
            return getattr(road.salesforce.records, name)

        async def select(
            self, name: str, fields: Sequence[str], selection: Any, after: str, limit: int
        ) -> Any:
            found = await road.salesforce.records.select(name, fields, selection, after, limit)
            if not found and failures:
                raise failures.pop()
            return found

        async def deleted_since(self, *given: Any) -> Any:
            if failures:
                raise failures.pop()
            return await road.salesforce.records.deleted_since(*given)

    loads._records = loads._bulk._records = HeldUp()
    told = result(await loaded(road, Wish(STEP), loads))
    assert failures == []
    assert told["outcomes"] == {"create": 5, "park": 1, "not_met": 0}
    ((code, number),) = told["reasons"]["park"].items()
    assert (code, number) == ("23514", 1)
    again = result(await loaded(road, Wish(STEP)))
    assert again["outcomes"] == {"unchanged": 5, "park": 1, "not_met": 0}, "it is parked still"


async def test_a_load_that_was_cancelled_keeps_what_it_did_and_a_new_one_begins_anew(
    make_road: MakeRoad, monkeypatch: pytest.MonkeyPatch
) -> None:
    road = await make_road(COMPANIES)
    road.org.load("Account", companies(30))
    monkeypatch.setattr(ordered, "PAGE", 10)
    loads = road.ordered()

    class Cancelling:
        def __getattr__(self, name: str) -> Any:
            return getattr(road.salesforce.records, name)

        async def select(
            self, name: str, fields: Sequence[str], selection: Any, after: str, limit: int
        ) -> Any:
            if after:
                await job_acts.cancel(road.office, 1, "bob")
                raise CallFailedError(replace(GONE, kind=FailureKind.TRANSIENT))
            return await road.salesforce.records.select(name, fields, selection, after, limit)

    loads._records = Cancelling()
    job = await loaded(road, Wish(STEP), loads)
    assert (job.id, job.state, job.cancelled_by, job.processed) == (1, JobState.CANCELLED, "bob", 10)
    assert len(await road.rows("company")) == 10
    told = result(await loaded(road, Wish(STEP)))
    assert told["outcomes"] == {"unchanged": 10, "create": 20, "not_met": 0}


async def test_rows_without_a_record_are_sent_by_a_load_of_the_whole(make_road: MakeRoad) -> None:
    road = await make_road(COMPANIES, PEOPLE)
    await road.app.execute("ALTER TABLE app.company DISABLE TRIGGER USER")
    await road.insert("company", name="Nobody heard of it")
    await road.app.execute("ALTER TABLE app.company ENABLE TRIGGER USER")
    told = result(await loaded(road, Wish(STEP)))
    assert told["rows_enqueued"] == 1
    await road.work()
    assert len(await road.links()) == 1
