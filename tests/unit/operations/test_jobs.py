"""Jobs and loads over the API: who may, what is refused and in which words, and what the document says."""

from collections.abc import Mapping
from typing import Any

import pytest

from daemon.domain.failure import NotFoundError, RefusedError, UsageError
from daemon.flow.refused import MASK
from daemon.operations.job_routes import job_routes
from daemon.operations.loading_routes import loading_routes
from daemon.ports.api import ApiReply, ApiRequest, Role
from daemon.ports.jobs import JobKind
from tests.integration.flow.conftest import MakeRoad
from tests.support.road import Road
from tests.support.road_steps import COMPANIES, with_field


async def call(
    road: Road,
    method: str,
    path: str,
    *,
    query: Mapping[str, str] | None = None,
    body: Mapping[str, Any] | None = None,
    **segments: str,
) -> ApiReply:
    routes = [*job_routes(road.office), *loading_routes(road.office)]
    (endpoint,) = [route for route in routes if (route.method, route.path) == (method, f"/api/v1{path}")]
    return await endpoint.handle(ApiRequest(segments, query or {}, body or {}, "ada", endpoint.role))


async def test_a_load_is_ordered_found_and_cancelled(make_road: MakeRoad) -> None:
    road = await make_road(COMPANIES)
    road.org.load("Account", [{"Name": "Acme"}])
    estimate = await call(road, "POST", "/steps/{step}/load:estimate", step="companies")
    assert (estimate.status, estimate.body["records"]) == (200, 1)
    ordered = await call(road, "POST", "/steps/{step}/load", body={"limit": 10}, step="companies")
    assert (ordered.status, ordered.body["state"], ordered.body["operator"]) == (202, "queued", "ada")
    number = str(ordered.body["id"])
    listed = (await call(road, "GET", "/jobs", query={"state": "queued"})).body
    assert [item["id"] for item in listed["items"]] == [ordered.body["id"]]
    assert (await call(road, "GET", "/jobs/{id}", id=number)).body["request"]["limit"] == 10
    cancelled = (await call(road, "POST", "/jobs/{id}:cancel", id=number)).body
    assert (cancelled["state"], cancelled["cancelled_by"]) == ("cancelled", "ada")
    with pytest.raises(RefusedError):
        await call(road, "POST", "/jobs/{id}:cancel", id=number)
    audited = await road.app.fetch("SELECT operator, action, outcome FROM isthmus.command ORDER BY id")
    assert [tuple(row) for row in audited] == [
        ("ada", "load", f"job {number}"),
        ("ada", "cancel_job", "cancelled"),
    ]
    assert road.meter.counted("isthmus_operator_actions_total", action="load") == 1


async def test_a_running_job_is_shown_with_its_pace_and_asked_to_end(make_road: MakeRoad) -> None:
    road = await make_road(COMPANIES)
    job = await road.jobs.open(JobKind.LOAD, "companies", {}, "ada")
    await road.jobs.take([JobKind.LOAD])
    await road.app.execute(
        "UPDATE isthmus.job SET processed = 1000, expected = 3000, started_at = now() - interval '10 s', updated_at = now()"
    )
    shown = (await call(road, "GET", "/jobs/{id}", id=str(job.id))).body
    assert (shown["state"], shown["rate"], shown["seconds_left"]) == ("running", 100.0, 20.0)
    ending = (await call(road, "POST", "/jobs/{id}:cancel", id=str(job.id))).body
    assert ending["state"] == "cancelling"
    assert (await call(road, "GET", "/jobs/{id}", id=str(job.id))).body["state"] == "cancelling"


async def test_what_the_daemon_does_by_itself_is_not_cancelled(make_road: MakeRoad) -> None:
    road = await make_road(COMPANIES)
    await road.load()
    (item,) = (await call(road, "GET", "/jobs")).body["items"]
    assert (item["kind"], item["operator"], item["state"]) == ("first_load", None, "done")
    with pytest.raises(RefusedError) as refused:
        await call(road, "POST", "/jobs/{id}:cancel", id=str(item["id"]))
    assert "has ended already" in refused.value.what
    await road.app.execute("UPDATE isthmus.job SET state = 'running', ended_at = NULL")
    with pytest.raises(RefusedError) as refused:
        await call(road, "POST", "/jobs/{id}:cancel", id=str(item["id"]))
    assert "first_load" in refused.value.why


@pytest.mark.parametrize("kind", [JobKind.COMPARE, JobKind.LOAD])
async def test_what_limits_a_job_is_masked_like_any_other_value(make_road: MakeRoad, kind: JobKind) -> None:
    road = await make_road(with_field(COMPANIES, "Phone", sensitive=True))
    where: Any = [("phone", "555-0199"), ("key", "7")]
    given = where if kind is JobKind.COMPARE else "phone = '555-0199'"
    job = await road.jobs.open(kind, COMPANIES.name, {"where": given}, "ada")
    alone = await call(road, "GET", "/jobs/{id}", id=str(job.id))
    listed = await call(road, "GET", "/jobs")
    for request in (alone.body["request"], listed.body["items"][0]["request"]):
        assert request == {"where": {"phone": MASK, "key": "7"} if kind is JobKind.COMPARE else MASK}


@pytest.mark.parametrize(
    "body",
    [
        {"limit": "10"},
        {"limit": 0},
        {"rate": -1},
        {"rate": True},
        {"since": "yesterday"},
        {"since": "2026-03-01T00:00:00"},
        {"dry_run": "yes"},
        {"where": 5},
        {"wehre": "Name = 'x'"},
    ],
)
async def test_an_order_that_makes_no_sense_is_refused(make_road: MakeRoad, body: dict[str, Any]) -> None:
    road = await make_road(COMPANIES)
    with pytest.raises(UsageError):
        await call(road, "POST", "/steps/{step}/load", body=body, step="companies")
    assert (await road.jobs.list()).jobs == ()


async def test_what_is_not_there_is_named(make_road: MakeRoad) -> None:
    road = await make_road(COMPANIES)
    with pytest.raises(NotFoundError):
        await call(road, "GET", "/jobs/{id}", id="99")
    with pytest.raises(NotFoundError):
        await call(road, "POST", "/steps/{step}/load", step="nobody")
    with pytest.raises(UsageError):
        await call(road, "GET", "/jobs", query={"state": "sleeping"})
    with pytest.raises(UsageError):
        await call(road, "GET", "/jobs/{id}", id="x")


async def test_viewers_look_and_operators_act(make_road: MakeRoad) -> None:
    road = await make_road(COMPANIES)
    roles = {route.path: route.role for route in [*job_routes(road.office), *loading_routes(road.office)]}
    assert roles == {
        "/api/v1/jobs": Role.VIEWER,
        "/api/v1/jobs/{id}": Role.VIEWER,
        "/api/v1/jobs/{id}:cancel": Role.OPERATOR,
        "/api/v1/steps/{step}/load": Role.OPERATOR,
        "/api/v1/steps/{step}/load:estimate": Role.OPERATOR,
    }
