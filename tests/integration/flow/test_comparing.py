"""Comparisons and repairs that an operator orders, and deletes that he lets pass the guard."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from daemon.domain.failure import RefusedError, UsageError
from daemon.domain.mapping import DeleteGuard, Step
from daemon.domain.side import Direction
from daemon.flow.auditing import strangers
from daemon.flow.auditing.guards import GuardWatch
from daemon.flow.auditing.ordered import OrderedComparisons
from daemon.flow.auditing.repairing import OrderedRepairs
from daemon.flow.jobs import JobRunner, Progress
from daemon.operations import comparing, guard, status
from daemon.operations.comparing import Wish
from daemon.ports.jobs import JobKind
from tests.integration.flow.conftest import MakeRoad
from tests.integration.flow.test_rolling_audit import a_minute_later, loaded, unseen_in_postgres
from tests.support.road import Road
from tests.support.road_steps import COMPANIES, with_field

NAME = COMPANIES.name
GUARDED = replace(COMPANIES, delete_guard=DeleteGuard(max_count=2, max_ratio=0.0))


async def worked(road: Road, job: Mapping[str, Any]) -> Mapping[str, Any]:
    """The result of a job once it has been worked on."""
    works = {
        "compare": OrderedComparisons(road.parts, road.comparisons).work,
        "repair": OrderedRepairs(road.parts, road.comparisons).work,
    }
    assert await JobRunner(road.parts, road.jobs, works).once()
    done = await road.jobs.get(job["id"])
    assert done is not None
    assert done.state.value == "done", done.failure
    assert done.result is not None
    return done.result


async def compared(road: Road, show: int = 0, share: float = 1.0, **where: str) -> Mapping[str, Any]:
    a_minute_later(road)
    job = await comparing.compare(road.office, NAME, where=where, share=share, show=show, operator="ops")
    return await worked(road, job)


async def repaired(road: Road, take: str, only: str | None = None, deletes: int = 0) -> Mapping[str, Any]:
    done = await worked(road, await comparing.repair(road.office, Wish(NAME, take, only, deletes), "ops"))
    await road.settle()
    return done


async def differing(make_road: MakeRoad, step: Step = COMPANIES) -> tuple[Road, str, str]:
    """Three pairs, of which the second was edited on both sides without anybody having seen it."""
    road = await make_road(step)
    await loaded(road, 3)
    link = (await road.links())[1]
    await unseen_in_postgres(road, f"UPDATE app.company SET phone = 'ours' WHERE id = {link.key}")
    road.org.update("Account", link.sf_id, {"Phone": "theirs"})
    await road.miss()
    return road, link.key, link.sf_id


async def test_a_comparison_tells_each_difference_with_both_values(make_road: MakeRoad) -> None:
    road, key, sf_id = await differing(make_road)
    result = await compared(road, show=5)
    assert result["differences"] == {"differing": 1}
    assert (result["compared"], result["in_salesforce"], result["in_postgres"]) == (3, 3, 3)
    field = {"field": "Phone", "base": "1", "salesforce": "theirs", "postgres": "ours"}
    assert result["shown"] == [
        {"kind": "differing", "why": None, "sf_id": sf_id, "key": key, "fields": [field]}
    ]
    assert (await road.row("company", key) or {})["phone"] == "ours", "a comparison changes nothing"
    assert await road.changes() == []


async def test_a_comparison_is_limited_by_values_and_by_a_share(make_road: MakeRoad) -> None:
    road, key, _ = await differing(make_road)
    assert (await compared(road, Phone="ours"))["differences"] == {"differing": 1}
    assert (await compared(road, phone="1"))["compared"] == 2
    assert (await compared(road, key=key))["compared"] == 1
    assert (await compared(road, share=0.000001))["compared"] == 0
    with pytest.raises(UsageError, match="nonsense"):
        await compared(road, nonsense="1")


@pytest.mark.parametrize(("take", "value"), [("salesforce", "theirs"), ("postgres", "ours")])
async def test_a_side_gives_its_values_to_both(make_road: MakeRoad, take: str, value: str) -> None:
    road, key, sf_id = await differing(make_road)
    await compared(road)
    assert (await repaired(road, take))["given"] == {"differing": 1}
    assert (await road.row("company", key) or {})["phone"] == value
    assert road.record("Account", sf_id)["Phone"] == value
    await road.in_step()
    again = await worked(road, await comparing.repair(road.office, Wish(NAME, take, None, 0), "ops"))
    assert (again["given"], again["gone"]) == ({}, 1), "what is closed is not closed twice"
    assert (await compared(road))["differences"] == {}
    await road.quiet()


async def test_the_rules_of_the_step_decide_under_policy(make_road: MakeRoad) -> None:
    road, key, _ = await differing(make_road)
    await compared(road)
    await repaired(road, "policy")
    assert (await road.row("company", key) or {})["phone"] == "theirs", "a tie goes to Salesforce"
    assert [entry["winner"] for entry in await road.ledger()] == ["salesforce"], "the loser is kept"
    await road.in_step()


async def test_a_missing_half_is_made_again_or_the_other_one_deleted(make_road: MakeRoad) -> None:
    road = await make_road(COMPANIES)
    await loaded(road, 4)
    links = await road.links()
    await unseen_in_postgres(road, f"DELETE FROM app.company WHERE id = {links[0].key}")
    road.org.delete("Account", links[1].sf_id)
    await road.miss()
    assert (await compared(road))["differences"] == {"only_in_salesforce": 1, "only_in_postgres": 1}
    with pytest.raises(RefusedError, match="may delete 1"):
        await comparing.repair(road.office, Wish(NAME, "salesforce", None, 0), "ops")
    await repaired(road, "salesforce", only="only_in_salesforce")
    assert (await road.row("company", links[0].key) or {})["name"] == "C1", "the row has its key again"
    await repaired(road, "salesforce", deletes=1)
    assert await road.row("company", links[1].key) is None
    assert (await compared(road))["differences"] == {}
    await road.in_step()


async def test_postgres_makes_the_record_again_or_has_it_deleted(make_road: MakeRoad) -> None:
    road = await make_road(COMPANIES)
    await loaded(road, 4)
    links = await road.links()
    await unseen_in_postgres(road, f"DELETE FROM app.company WHERE id = {links[0].key}")
    road.org.delete("Account", links[1].sf_id)
    await road.miss()
    await compared(road)
    done = await repaired(road, "postgres", deletes=1)
    assert (done["given"], done["deletes"]) == ({"only_in_salesforce": 1, "only_in_postgres": 1}, 1)
    assert sorted(str(record["Name"]) for record in road.org.rows("Account")) == ["C2", "C3", "C4"]
    await road.in_step()
    assert (await compared(road))["differences"] == {}


async def test_what_may_not_travel_is_left_and_said(make_road: MakeRoad) -> None:
    step = with_field(COMPANIES, "Phone", direction=Direction.PULL)
    road, key, _ = await differing(make_road, step)
    await compared(road)
    assert (await repaired(road, "postgres"))["left"] == {"not_by_this_side": 1}
    assert (await road.row("company", key) or {})["phone"] == "ours"


async def test_nothing_is_repaired_that_was_not_compared(make_road: MakeRoad) -> None:
    road = await make_road(COMPANIES)
    with pytest.raises(RefusedError, match="nothing to repair"):
        await comparing.preview(road.office, Wish(NAME, "policy", None, 0))


async def tripped(make_road: MakeRoad) -> Road:
    road = await make_road(GUARDED)
    await loaded(road, 6)
    await road.app.execute("DELETE FROM app.company")
    await road.settle()
    assert len(road.org.rows("Account")) == 6
    return road


async def test_a_tripped_guard_shows_what_it_wanted_to_delete(make_road: MakeRoad) -> None:
    road = await tripped(make_road)
    shown = await guard.show(road.office, NAME)
    assert (shown["state"], shown["held"], len(shown["wanted"])) == ("tripped", 6, 6)
    assert road.meter.counted("isthmus_delete_guard_trips_total", step=NAME, direction="push") == 1
    (step,) = (await status.status(road.office))["steps"]
    assert (step["state"], step["guard"]["held"]) == ("guarded", 6)


async def test_a_permit_lets_at_most_so_many_pass(make_road: MakeRoad) -> None:
    road = await tripped(make_road)
    allowed = await guard.allow(road.office, NAME, 4, timedelta(hours=1), "ops")
    assert allowed["taken_up"] == 6
    await road.settle()
    assert len(road.org.rows("Account")) == 2
    (step,) = (await status.status(road.office))["steps"]
    assert (step["state"], step["guard"]["held"], step["guard"]["permit"]) == ("guarded", 2, None)
    await guard.allow(road.office, NAME, 2, timedelta(hours=1), "ops")
    (step,) = (await status.status(road.office))["steps"]
    assert step["guard"]["permit"]["left"] == 2
    await road.settle()
    assert road.org.rows("Account") == []
    acts = await road.app.fetch("SELECT operator, action FROM isthmus.command ORDER BY id")
    assert [tuple(act) for act in acts] == [("ops", "allow_delete")] * 2


async def test_a_permit_ends_with_its_time(make_road: MakeRoad) -> None:
    road = await tripped(make_road)
    await road.app.execute(
        "INSERT INTO isthmus.delete_permit (step, amount, at, until, operator)"
        " VALUES ('companies', 6, now() - interval '2 h', now() - interval '1 h', 'ops')"
    )
    await road.app.execute("UPDATE isthmus.change SET state = 'pending'")
    await road.settle()
    assert len(road.org.rows("Account")) == 6


async def test_a_truncate_passes_by_the_same_permit_and_no_further(make_road: MakeRoad) -> None:
    road = await make_road(GUARDED)
    await loaded(road, 6)
    await road.app.execute("TRUNCATE app.company")
    await road.settle()
    watch = GuardWatch(road.parts, road.comparisons)
    await watch.look()
    await watch.look()
    assert road.meter.counted("isthmus_delete_guard_trips_total", step=NAME, direction="push") == 1
    assert (await guard.show(road.office, NAME))["truncated"]
    await guard.allow(road.office, NAME, 5, timedelta(hours=1), "ops")
    await road.settle()
    assert len(road.org.rows("Account")) == 1
    assert [change["code"] for change in await road.changes()] == ["delete_guard"]


@pytest.mark.parametrize("kind", [JobKind.COMPARE, JobKind.REPAIR])
async def test_a_job_of_a_step_that_is_gone_fails_alone(make_road: MakeRoad, kind: JobKind) -> None:
    road = await make_road(COMPANIES)
    job = await road.jobs.open(kind, "removed", {"compare": 1, "take": "policy"}, "ops")
    works = {
        "compare": OrderedComparisons(road.parts, road.comparisons).work,
        "repair": OrderedRepairs(road.parts, road.comparisons).work,
    }
    assert await JobRunner(road.parts, road.jobs, works).once()
    ended = await road.jobs.get(job.id)
    assert ended is not None
    assert ended.state.value == "failed"
    assert ended.failure is not None
    assert "removed" in ended.failure["code"]


async def test_a_repair_that_begins_again_deletes_no_more_than_was_confirmed(make_road: MakeRoad) -> None:
    road = await make_road(COMPANIES)
    await loaded(road, 3)
    await unseen_in_postgres(road, "UPDATE app.company SET phone = 'x'")
    assert (await compared(road))["differences"] == {"differing": 3}
    await unseen_in_postgres(road, "DELETE FROM app.company")
    a_minute_later(road)
    await comparing.repair(road.office, Wish(NAME, "postgres", None, 1), "ops")
    work = OrderedRepairs(road.parts, road.comparisons).work
    for _ in range(2):  # the daemon ends once before it has noted the end
        job = await road.jobs.take(["repair"])
        assert job is not None
        assert (await work(job, Progress(road.parts, road.jobs, job)))["deletes"] == 1
        await road.settle()
    assert len(road.org.rows("Account")) == 2


async def test_every_row_without_a_record_is_counted_and_a_bounded_number_listed(
    make_road: MakeRoad, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(strangers, "LONE_MOST", 2)
    road = await make_road(COMPANIES)
    await loaded(road, 1)
    await unseen_in_postgres(
        road, "INSERT INTO app.company (name) SELECT 'n' || n FROM generate_series(1, 5) n"
    )
    result = await compared(road, show=10)
    assert result["differences"] == {"only_in_postgres": 5}
    assert (len(result["shown"]), result["not_listed"]) == (2, 3)


async def test_a_row_whose_create_is_parked_or_on_its_way_is_told_with_its_reason(
    make_road: MakeRoad,
) -> None:
    road = await make_road(COMPANIES)
    await loaded(road, 1)
    parked = await road.insert("company", name="x" * 300)
    await road.settle()
    held = await road.insert("company", name="On its way")
    result = await compared(road, show=10)
    assert result["differences"] == {}
    assert result["explained"] == {"parked": 1, "waiting": 1}
    told = {item["key"]: (item["kind"], item["why"], item["code"]) for item in result["shown"]}
    assert told == {
        parked: ("only_in_postgres", "parked", "STRING_TOO_LONG"),
        held: ("only_in_postgres", "waiting", None),
    }
    assert result["in_postgres"] == result["in_salesforce"] + 2


async def test_a_repair_that_could_close_nothing_is_refused_before_it_begins(make_road: MakeRoad) -> None:
    road = await make_road(COMPANIES)
    with pytest.raises(UsageError, match="closes nothing"):
        await comparing.preview(road.office, Wish(NAME, "policy", "conflict", 0))
