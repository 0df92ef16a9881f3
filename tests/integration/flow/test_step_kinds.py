"""Steps of one's own of the kinds that the built-in profile has, and what makes them lose nothing."""

from collections.abc import Sequence

import pytest

from daemon.flow.capture_faults import CaptureFaults
from tests.integration.flow.conftest import MakeRoad
from tests.integration.flow.profiles import a_person, custom, insert, settled_road
from tests.integration.flow.scenes import LATER
from tests.support.road import Road, shift

STATUS = """\
  - name: sequence
    salesforce: { object: Lead }
    postgres: { table: public.sequence_people, updated_at: updated_at, through: { step: leads, column: person_id } }
    direction: push
    fields: [ { salesforce: Status, postgres: status } ]
"""
STATE = (
    STATUS.replace("sequence", "inbox", 1)
    .replace("sequence_people", "inbox_states")
    .replace("postgres: status", "postgres: state")
)
ACTIVITY = """\
  - name: activity
    salesforce: {{ object: Task }}
    postgres: {{ table: public.{table} }}
    direction: push
    push: {{ behaviour: create_only }}
    fields:
      - {{ salesforce: WhoId, postgres: person_id, mandatory: true, lookup: {{ steps: [{steps}] }} }}
      - {{ salesforce: Subject, postgres: subject }}
"""


async def statuses(road: Road) -> list[object]:
    return [lead["Status"] for lead in road.org.rows("Lead")]


@pytest.mark.parametrize(
    ("step", "table", "column"),
    [
        pytest.param(STATUS, "sequence_people", "status", marks=pytest.mark.requirement("S1-38")),
        pytest.param(STATE, "inbox_states", "state", marks=pytest.mark.requirement("S1-39")),
    ],
)
async def test_another_tables_newest_row_speaks_for_the_lead(
    make_road: MakeRoad, step: str, table: str, column: str
) -> None:
    road = await settled_road(make_road, custom(step))
    person, _ = await a_person(road, "Lead")
    first = await insert(road, table, person_id=person, **{column: "Working - Contacted"})
    await road.settle()
    assert await statuses(road) == ["Working - Contacted"]
    shift(road, LATER)
    second = await insert(road, table, person_id=person, **{column: "Closed - Not Converted"})
    await road.settle()
    assert await statuses(road) == ["Closed - Not Converted"]
    shift(road, LATER)
    await road.app.execute(f"UPDATE public.{table} SET updated_at = clock_timestamp() WHERE id = $1", first)
    await road.settle()
    assert await statuses(road) == ["Working - Contacted"], "the one that was touched last is the newest"
    shift(road, LATER)
    await road.app.execute(f"DELETE FROM public.{table} WHERE id = $1", first)
    await road.settle()
    assert await statuses(road) == ["Closed - Not Converted"]
    await road.app.execute(f"DELETE FROM public.{table} WHERE id = $1", second)
    await road.settle()
    assert await statuses(road) == ["Closed - Not Converted"], "nobody speaks, so the lead is left as it is"
    assert await road.changes() == []


@pytest.mark.requirement("S1-38")
async def test_a_row_that_goes_over_to_another_person_is_news_for_both(make_road: MakeRoad) -> None:
    road = await settled_road(make_road, custom(STATUS))
    keys = [await insert(road, "people", last_name=name, email=f"{name}@x.org") for name in ("Ada", "Bob")]
    await road.settle()
    await insert(road, "sequence_people", person_id=keys[0], status="Working - Contacted")
    row = await insert(road, "sequence_people", person_id=keys[0], status="Closed - Not Converted")
    await road.settle()
    shift(road, LATER)
    await road.app.execute("UPDATE public.sequence_people SET person_id = $1 WHERE id = $2", keys[1], row)
    await road.settle()
    found = {lead["LastName"]: lead["Status"] for lead in road.org.rows("Lead")}
    assert found == {"Ada": "Working - Contacted", "Bob": "Closed - Not Converted"}


async def test_what_a_truncate_uncovers_is_found_by_comparing(make_road: MakeRoad) -> None:
    road = await settled_road(make_road, custom(STATUS, STATE))
    person, _ = await a_person(road, "Lead")
    await insert(road, "inbox_states", person_id=person, state="Working - Contacted")
    await insert(road, "sequence_people", person_id=person, status="Closed - Not Converted")
    await road.settle()
    assert await statuses(road) == ["Closed - Not Converted"]
    shift(road, LATER)
    await road.app.execute("TRUNCATE public.sequence_people")
    await CaptureFaults(road.parts).make_good()
    await road.settle()
    assert await statuses(road) == ["Working - Contacted"]


async def test_a_lead_that_is_made_says_at_once_what_is_known_of_it(make_road: MakeRoad) -> None:
    road = await settled_road(make_road, custom(STATUS))
    async with road.app.transaction():
        person = await insert(road, "people", last_name="Hopper", email="grace@navy.mil")
        await insert(road, "sequence_people", person_id=person, status="Working - Contacted")
    await road.settle()
    assert await statuses(road) == ["Working - Contacted"]
    assert await road.changes() == []


KINDS = [
    pytest.param("emails", "Contact", ["contacts"], marks=pytest.mark.requirement("S1-40")),
    pytest.param("emails", "Lead", ["leads"], marks=pytest.mark.requirement("S1-41")),
    pytest.param("tasks", "Lead", ["leads"], marks=pytest.mark.requirement("S1-42")),
    pytest.param("tasks", "Contact", ["contacts"], marks=pytest.mark.requirement("S1-43")),
    pytest.param("calls", "Contact", ["contacts"], marks=pytest.mark.requirement("S1-44")),
    pytest.param("calls", "Lead", ["leads"], marks=pytest.mark.requirement("S1-45")),
]


@pytest.mark.parametrize(("table", "kind", "steps"), KINDS)
async def test_an_activity_step_reaches_the_objects_that_it_names_and_no_others(
    make_road: MakeRoad, table: str, kind: str, steps: Sequence[str]
) -> None:
    road = await settled_road(make_road, custom(ACTIVITY.format(table=table, steps=", ".join(steps))))
    other, _ = await a_person(road, "Lead" if kind == "Contact" else "Contact")
    person, sf_id = await a_person(road, kind)
    await insert(road, table, person_id=person, subject="Hello")
    await insert(road, table, person_id=other, subject="Not for this object")
    await road.settle()
    assert [(task["WhoId"], task["Subject"]) for task in road.org.rows("Task")] == [(sf_id, "Hello")]
    assert await road.changes() == []
    assert [
        (e["key"], e["outcome"], e["code"])
        for e in await road.journal()
        if e["step"] == "activity" and e["code"]
    ] == [("2", "skip", "mandatory_missing")]


async def test_an_activity_goes_as_soon_as_its_person_is_paired_with_either(make_road: MakeRoad) -> None:
    road = await settled_road(make_road, custom(ACTIVITY.format(table="emails", steps="contacts, leads")))
    await road.app.execute("ALTER TABLE public.people ALTER COLUMN last_name DROP NOT NULL")
    person = await insert(road, "people", email="late@acme.com")
    await insert(road, "emails", person_id=person, subject="Hello")
    await road.settle()
    assert road.org.rows("Task") == []
    await road.app.execute("UPDATE public.people SET last_name = 'Late' WHERE id = $1", person)
    await road.settle()
    [lead], [task] = road.org.rows("Lead"), road.org.rows("Task")
    assert task["WhoId"] == lead["Id"]
    assert await road.changes() == []
