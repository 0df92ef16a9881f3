"""What a step's activity looks like from outside: the journal of both directions, and the size of its requests."""

from dataclasses import replace

import pytest

from tests.integration.flow.conftest import MakeRoad
from tests.integration.flow.scenes import paired_company
from tests.support.road_steps import COMPANIES


@pytest.mark.requirement("S1-72")
async def test_the_journal_tells_when_which_record_which_way_and_how_it_ended(make_road: MakeRoad) -> None:
    road = await make_road(COMPANIES)
    key, sf_id = await paired_company(road)
    road.org.update("Account", sf_id, {"Phone": "2"})
    await road.settle()
    items = (await road.inspection.log(step="companies")).items
    assert [item["at"] for item in items] == sorted((item["at"] for item in items), reverse=True)
    told = {(item["direction"], item["sf_id"], item["key"], item["outcome"]) for item in items}
    assert {("push", sf_id, key, "apply"), ("pull", sf_id, key, "apply")} <= told


@pytest.mark.requirement("S4-100")
@pytest.mark.parametrize(("batch_size", "requests"), [(3, 3), (200, 1)])
async def test_the_batch_size_of_a_step_is_honoured(
    make_road: MakeRoad, batch_size: int, requests: int
) -> None:
    road = await make_road(replace(COMPANIES, batch_size=batch_size))
    await road.load()
    await road.forget_calls()
    for number in range(9):
        await road.insert("company", name=f"Company {number}")
    await road.settle()
    assert len(road.org.rows("Account")) == 9
    writes = [
        call for call in await road.calls() if call.startswith("PATCH") and "/composite/sobjects" in call
    ]
    assert len(writes) == requests


@pytest.mark.requirement("S4-80", "S4-101")
async def test_a_refused_record_is_tried_again_each_hour_until_it_passes(make_road: MakeRoad) -> None:
    road = await make_road(COMPANIES)
    await road.control.post("validation-rules", object="Account", field="Phone", value="bad", message="No")
    key = await road.insert("company", name="Acme", phone="bad")
    await road.settle()
    for refused in (1, 2):
        [parked] = (await road.inspection.parked()).items
        assert (parked["key"], parked["code"], parked["message"]) == (
            key,
            "FIELD_CUSTOM_VALIDATION_EXCEPTION",
            "No (sent: Phone = 'bad')",
        )
        assert 3500 < (parked["due"] - road.parts.database_now()).total_seconds() <= 3600, refused
        await road.app.execute("UPDATE isthmus.change SET due = now()")  # the hour is over
        if refused == 2:
            await road.control._ask("DELETE", "rules", None)
        await road.settle()
    assert (await road.inspection.parked()).items == ()
    assert [record["Phone"] for record in road.org.rows("Account")] == ["bad"]
