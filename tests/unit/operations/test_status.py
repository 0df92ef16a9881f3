"""The whole picture in numbers."""

from daemon.cli.commands.status import load_lines
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
    assert 0 <= people["lag_seconds"] < 60
    assert told["api_calls"]["used"] > 0
    assert (companies["load_rate"], companies["load_seconds_left"]) == (None, None)
    await road.app.execute(
        "INSERT INTO isthmus.job (kind, step, state, expected, processed, started_at, updated_at)"
        " VALUES ('first_load', 'companies', 'running', 3000, 1000, now() - interval '10 s', now())"
    )
    told = await status(road.office)
    assert (told["steps"][0]["load_rate"], told["steps"][0]["load_seconds_left"]) == (100.0, 20.0)
    assert load_lines(told) == ["first load of companies: 1000 of 3000, 100 a second, about 20 s left"]
    await road.load()
    assert load_lines(await status(road.office)) == []
    told = await status(road.office)
    assert {step["state"] for step in told["steps"]} == {"running"}
