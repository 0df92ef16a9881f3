"""A value that Salesforce refuses is named in the parked row, and what is parked can be dismissed with a reason."""

from dataclasses import replace

import pytest

from daemon.domain.failure import NotFoundError
from daemon.operations.parked import discard
from tests.integration.flow.conftest import MakeRoad
from tests.support.road_steps import PEOPLE, with_field

WRONG = "hill at acme"
ALONE = replace(PEOPLE, fields=PEOPLE.fields[:3], depends_on=())


@pytest.mark.requirement("S4-75")
@pytest.mark.parametrize("sensitive", [False, True])
async def test_the_refused_field_and_value_are_told(make_road: MakeRoad, sensitive: bool) -> None:
    road = await make_road(with_field(ALONE, "Email", sensitive=sensitive))
    key = await road.insert("person", last_name="Hill", email=WRONG)
    await road.settle()
    [change] = await road.changes()
    assert (change["state"], change["key"], change["code"]) == ("parked", key, "INVALID_EMAIL_ADDRESS")
    assert "Email = " in change["reason"]
    assert (WRONG in change["reason"]) is not sensitive
    assert ("•••" in change["reason"]) is sensitive
    await road.update("person", key, email="hill@acme.example")
    await road.settle()
    assert await road.changes() == []


@pytest.mark.requirement("S4-80")
async def test_a_parked_record_is_dismissed_with_a_reason(make_road: MakeRoad) -> None:
    road = await make_road(ALONE)
    key = await road.insert("person", last_name="Hill", email=WRONG)
    await road.settle()
    [change] = await road.changes()
    assert await discard(road.office, [change["id"]], "a test record", "ann") == {"discarded": 1}
    assert await road.changes() == []
    told = await road.app.fetchrow(
        "SELECT operator, action, request ->> 'reason', outcome FROM isthmus.command"
    )
    assert tuple(told or ()) == ("ann", "discard", "a test record", "1 discarded")
    state = await road.app.fetchrow("SELECT state, reason FROM isthmus.record_state WHERE key = $1", key)
    assert tuple(state or ()) == ("skipped", "discarded")
    with pytest.raises(NotFoundError):
        await discard(road.office, [change["id"]], "again", "ann")
    await road.update("person", key, email="hill@acme.example")
    await road.settle()
    assert [contact["Email"] for contact in road.org.rows("Contact")] == ["hill@acme.example"]
