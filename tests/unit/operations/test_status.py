"""The whole picture in numbers."""

from daemon.operations.status import status
from tests.integration.flow.conftest import MakeRoad
from tests.integration.flow.scenes import paired_company
from tests.support.road_steps import COMPANIES, PEOPLE


async def test_each_step_is_counted(make_road: MakeRoad) -> None:
    road = await make_road(COMPANIES, PEOPLE)
    await paired_company(road)
    await road.control.post("validation-rules", object="Account", field="Phone", value="bad", message="No")
    await road.insert("company", name="Bad", phone="bad")
    await road.work()
    await road.insert("person", last_name="Hill")
    told = await status(road.office)
    companies, people = told["steps"]
    assert (companies["name"], companies["links"], companies["parked"]) == ("companies", 1, 1)
    assert companies["parked_by_reason"] == {"validation_rule": 1}
    assert companies["state"] == "backfilling"
    assert (people["pending"], people["links"]) == ({"push": 1}, 0)
    assert people["lag_seconds"] >= 0
    assert told["api_calls"]["used"] > 0
    await road.load()
    told = await status(road.office)
    assert {step["state"] for step in told["steps"]} == {"running"}
