"""Records that are made only when an operator asks for them."""

from dataclasses import replace

import pytest

from daemon.domain.failure import NotFoundError, RefusedError
from daemon.domain.side import Direction
from daemon.operations import linking, record, record_requests
from daemon.operations.linking import Parting
from tests.integration.flow.conftest import MakeRoad
from tests.support.road import shift
from tests.support.road_steps import COMPANIES

ON_REQUEST = replace(COMPANIES, on_request=True)


@pytest.mark.requirement("S0-04")
async def test_a_row_makes_nothing_until_an_operator_pushes_it(make_road: MakeRoad) -> None:
    road = await make_road(ON_REQUEST)
    await road.load()
    key = await road.insert("company", name="Acme", phone="1")
    other = await road.insert("company", name="Other")
    await road.update("company", key, phone="2")
    await road.settle()
    assert road.org.rows("Account") == []
    state = await road.app.fetchrow("SELECT state, reason FROM isthmus.record_state WHERE key = $1", key)
    assert state is not None
    assert tuple(state) == ("skipped", "on_request")
    explained = await record.explain(road.office, "companies", key)
    assert "operator asks" in explained["summary"]
    assert "would create" in (await record.explain(road.office, "companies", key, asked=True))["summary"]

    asked = await record_requests.push(road.office, "companies", key, "ann")
    assert (asked["key"], asked["sf_id"]) == (key, None)
    await road.settle()
    assert [account["Phone"] for account in road.org.rows("Account")] == ["2"]
    assert (await road.link("companies", key)).key == key
    await road.update("company", key, phone="3")
    await road.settle()
    assert [account["Phone"] for account in road.org.rows("Account")] == ["3"]
    assert [link.key for link in await road.links()] == [key], f"{other} was never asked for"
    acts = await road.app.fetch("SELECT operator, action FROM isthmus.command")
    assert [tuple(act) for act in acts] == [("ann", "push")]


async def test_an_edit_that_is_tried_again_asks_for_no_record_once_its_pair_is_forgotten(
    make_road: MakeRoad,
) -> None:
    road = await make_road(replace(ON_REQUEST, identify=()))
    key = await road.insert("company", name="Acme", phone="1")
    await road.settle()
    await record_requests.push(road.office, "companies", key, "ann")
    await road.settle()
    shift(road, 5)
    await road.update("company", key, phone="2" * 41)
    await road.settle()
    (parked,) = await road.changes()
    assert parked["state"] == "parked"
    await road.inspection.retry(ids=[parked["id"]], operator="ann")
    await road.settle()
    assert [change["state"] for change in await road.changes()] == ["parked"]
    link = await road.link("companies", key)
    await linking.remove(road.office, link.id, parting=Parting.FORGET, operator="ann")
    await road.update("company", key, phone="2")
    await road.app.execute("UPDATE isthmus.change SET due = NULL, state = 'pending'")
    await road.settle()
    assert len(road.org.rows("Account")) == 1, "nobody asked for another one"
    assert await road.links() == []


async def test_an_order_is_not_forgotten_for_an_edit_of_its_row_while_salesforce_is_away(
    make_road: MakeRoad,
) -> None:
    road = await make_road(ON_REQUEST)
    key = await road.insert("company", name="Acme", phone="1")
    await road.settle()
    await record_requests.push(road.office, "companies", key, "ann")
    await road.update("company", key, phone="2")
    await road.control.fault(
        path="/composite/sobjects", status=503, code="SERVER_UNAVAILABLE", message="in a moment"
    )
    await road.worker.round()
    assert road.org.rows("Account") == []
    await road.app.execute("UPDATE isthmus.change SET due = NULL")
    await road.settle()
    assert [account["Phone"] for account in road.org.rows("Account")] == ["2"]
    await road.quiet()


@pytest.mark.requirement("S0-03")
async def test_without_that_setting_a_row_makes_its_record_and_is_linked_with_it(make_road: MakeRoad) -> None:
    road = await make_road(COMPANIES)
    key = await road.insert("company", name="Acme")
    await road.settle()
    [account] = road.org.rows("Account")
    assert (await road.link("companies", key)).sf_id == account["Id"]


async def test_a_row_that_matches_a_record_is_linked_all_the_same(make_road: MakeRoad) -> None:
    road = await make_road(ON_REQUEST)
    [sf_id] = road.org.load("Account", [{"Name": "Acme", "Ext_Id__c": "x1"}])
    key = await road.insert("company", name="Acme", ext_id="x1")
    await road.settle()
    assert (await road.link("companies", key)).sf_id == sf_id


async def test_what_cannot_be_asked_for_is_refused(make_road: MakeRoad) -> None:
    road = await make_road(
        ON_REQUEST, replace(COMPANIES, name="pulled", object="Lead", direction=Direction.PULL)
    )
    key = await road.insert("company", name="Acme")
    office = road.office
    with pytest.raises(NotFoundError, match="no row"):
        await record_requests.push(office, "companies", "999", "ann")
    with pytest.raises(RefusedError, match="does not push"):
        await record_requests.push(office, "pulled", key, "ann")
    with pytest.raises(RefusedError, match="not linked"):
        await record_requests.sync(office, "companies", key, "ann")
    await record_requests.push(office, "companies", key, "ann")
    await road.settle()
    link = await road.link("companies", key)
    await linking.remove(office, link.id, parting=Parting.UNLINK, operator="ann")
    with pytest.raises(RefusedError, match="stands apart"):
        await record_requests.push(office, "companies", key, "ann")
    assert len(road.org.rows("Account")) == 1


async def test_a_linked_pair_is_looked_at_when_asked(make_road: MakeRoad) -> None:
    road = await make_road(COMPANIES)
    key = await road.insert("company", name="Acme", phone="1")
    await road.settle()
    [account] = road.org.rows("Account")
    await road.app.execute("ALTER TABLE app.company DISABLE TRIGGER USER")
    await road.update("company", key, phone="2")
    await road.app.execute("ALTER TABLE app.company ENABLE TRIGGER USER")
    await road.settle()
    assert road.record("Account", str(account["Id"]))["Phone"] == "1"
    asked = await record_requests.sync(road.office, "companies", key, "ann")
    assert asked["sf_id"] == account["Id"]
    await road.settle()
    assert road.record("Account", str(account["Id"]))["Phone"] == "2"
    await road.in_step()
