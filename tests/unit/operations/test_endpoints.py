"""The HTTP API's routes over the acts: parameters in, documents out, and who may ask."""

from typing import Any

import pytest

from daemon.domain.failure import UsageError
from daemon.operations.endpoints import endpoints
from daemon.ports.api import ApiReply, ApiRequest, Role
from tests.integration.flow.conftest import MakeRoad
from tests.integration.flow.scenes import paired_company
from tests.support.road import Road
from tests.support.road_steps import COMPANIES


async def ask(road: Road, method: str, route: str, **request: Any) -> ApiReply:
    [found] = [e for e in endpoints(road.office) if (e.method, e.path) == (method, f"/api/v1{route}")]
    given = {"path": {}, "query": {}, "body": {}, **request}
    return await found.handle(ApiRequest(operator="test", **given))


def _is_admins(path: str) -> bool:
    return any(part in path for part in ("/links", "/campaigns", "/config"))


@pytest.mark.requirement("S0-14", "S0-19")
async def test_writes_need_an_operator_and_reads_a_viewer(make_road: MakeRoad) -> None:
    road = await make_road(COMPANIES)
    routes = endpoints(road.office)
    assert {("POST", "/api/v1/links"), ("DELETE", "/api/v1/links/{id}")} <= {
        (e.method, e.path) for e in routes
    }
    for endpoint in routes:
        writes = endpoint.method != "GET" and not endpoint.path.endswith(("/explain", ":preview"))
        needed = Role.ADMIN if _is_admins(endpoint.path) else Role.OPERATOR
        assert endpoint.role is (needed if writes else Role.VIEWER), endpoint.path


async def test_a_parked_record_is_listed_and_passes_when_retried(make_road: MakeRoad) -> None:
    road = await make_road(COMPANIES)
    await road.control.post("validation-rules", object="Account", field="Phone", value="bad", message="No")
    await road.insert("company", name="Acme", phone="bad")
    await road.work()
    [parked] = (await ask(road, "GET", "/parked")).body["items"]
    assert (parked["code"], parked["reason"]) == ("FIELD_CUSTOM_VALIDATION_EXCEPTION", "validation_rule")
    assert "No" in parked["message"]
    await road.control._ask("DELETE", "rules", None)
    assert (await ask(road, "POST", "/parked:retry", body={"ids": [parked["id"]]})).body == {"retried": 1}
    await road.settle()
    assert len(road.org.rows("Account")) == 1
    assert (await ask(road, "GET", "/parked")).body["items"] == []
    await road.in_step()


async def test_a_retry_of_nothing_named_is_refused(make_road: MakeRoad) -> None:
    road = await make_road(COMPANIES)
    for body in ({}, {"ids": "1"}, {"ids": ["x"]}, {"all": "yes"}):
        with pytest.raises(UsageError):
            await ask(road, "POST", "/parked:retry", body=body)


async def test_links_are_made_listed_and_removed(make_road: MakeRoad) -> None:
    road = await make_road(COMPANIES)
    key, sf_id = await paired_company(road)
    [link] = (await ask(road, "GET", "/links", query={"sf_id": sf_id})).body["items"]
    assert (link["key"], link["state"]) == (key, "linked")
    gone = await ask(road, "DELETE", "/links/{id}", path={"id": str(link["id"])})
    assert gone.body["state"] == "unlinked"
    body = {"step": "companies", "key": key, "sf_id": sf_id, "take": "salesforce"}
    assert (await ask(road, "POST", "/links", body=body)).status == 201
    with pytest.raises(UsageError):
        await ask(road, "POST", "/links", body={"step": "companies"})
    with pytest.raises(UsageError):
        await ask(road, "DELETE", "/links/{id}", path={"id": "x"})
    await road.settle()
    await road.in_step()


async def test_records_are_shown_and_explained(make_road: MakeRoad) -> None:
    road = await make_road(COMPANIES)
    key, sf_id = await paired_company(road)
    path = {"step": "companies", "key": key}
    assert (await ask(road, "GET", "/records/{step}/{key}", path=path)).body["sf_id"] == sf_id
    explained = await ask(road, "POST", "/records/{step}/{key}/explain", path=path)
    assert explained.body["plan"]["outcome"] == "unchanged"
    assert (await ask(road, "GET", "/log", query={"record": key})).body["items"]
    assert (await ask(road, "GET", "/conflicts")).body["items"] == []
    assert (await ask(road, "GET", "/status")).body["steps"][0]["links"] == 1


@pytest.mark.parametrize("count", [float("inf"), float("nan"), 0.9, True, 2**63, "3"])
async def test_a_number_that_is_none_is_refused(make_road: MakeRoad, count: Any) -> None:
    road = await make_road(COMPANIES)
    path = {"step": "companies"}
    with pytest.raises(UsageError):
        await ask(road, "POST", "/steps/{step}/allow-delete", path=path, body={"count": count})
    with pytest.raises(UsageError):
        await ask(road, "DELETE", "/links/{id}", path={"id": str(2**63)})
