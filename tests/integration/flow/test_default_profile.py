"""The built-in profile: one record of each of its steps, played on both sides."""

import pytest

from adapters.postgres.kept import KeptFacts
from daemon.compose.start import note_profile
from tests.integration.flow.conftest import MakeRoad
from tests.integration.flow.profiles import DEFAULT, a_person, insert, settled_road
from tests.integration.flow.scenes import LATER
from tests.support.road import Road, shift

MAPPED = {
    "FirstName": ("first_name", "Ada"),
    "Email": ("email", "ada@acme.com"),
    "LastName": ("last_name", "Lovelace"),
    "Company": ("account", "Acme"),
}
EACH_MAPPING = [
    pytest.param("Lead", "FirstName", marks=pytest.mark.requirement("S1-28")),
    pytest.param("Contact", "FirstName", marks=pytest.mark.requirement("S1-28")),
    pytest.param("Lead", "Email", marks=pytest.mark.requirement("S1-29")),
    pytest.param("Contact", "Email", marks=pytest.mark.requirement("S1-29")),
    pytest.param("Lead", "LastName", marks=pytest.mark.requirement("S1-30")),
    pytest.param("Contact", "LastName", marks=pytest.mark.requirement("S1-30")),
    pytest.param("Lead", "Company", marks=pytest.mark.requirement("S1-31")),
]


async def people(road: Road) -> list[dict[str, object]]:
    return [dict(row) for row in await road.app.fetch("SELECT * FROM public.people ORDER BY id")]


@pytest.mark.requirement("S1-16")
async def test_a_contact_becomes_a_person(make_road: MakeRoad) -> None:
    road = await settled_road(make_road, DEFAULT)
    road.org.create("Contact", {"FirstName": "Ada", "LastName": "Lovelace", "Email": "ada@acme.com"})
    await road.settle()
    [row] = await people(road)
    assert (row["first_name"], row["last_name"], row["email"]) == ("Ada", "Lovelace", "ada@acme.com")
    await road.app.execute("UPDATE public.people SET email = 'ada@new.com'")
    await road.settle()
    [contact] = road.org.rows("Contact")
    assert contact["Email"] == "ada@new.com"
    assert road.org.rows("Lead") == []
    assert await road.changes() == []


@pytest.mark.requirement("S1-17")
async def test_a_lead_becomes_a_person(make_road: MakeRoad) -> None:
    road = await settled_road(make_road, DEFAULT)
    road.org.create("Lead", {"LastName": "Hopper", "Company": "Navy", "Email": "grace@navy.mil"})
    await road.settle()
    [row] = await people(road)
    assert (row["last_name"], row["account"]) == ("Hopper", "Navy")
    assert road.org.rows("Contact") == []


@pytest.mark.requirement("S1-18")
async def test_a_person_who_is_a_contact_already_is_paired_with_it_and_sent_to_it(
    make_road: MakeRoad,
) -> None:
    road = await settled_road(make_road, DEFAULT)
    [sf_id] = road.org.load("Contact", [{"LastName": "Lovelace", "Email": "Ada@Acme.com"}])
    key = await insert(road, "people", first_name="Ada", last_name="Lovelace", email="ada@acme.com")
    await road.settle()
    assert [(link.step, link.sf_id, link.key) for link in await road.links()] == [
        ("contacts", sf_id, str(key))
    ]
    await road.app.execute("UPDATE public.people SET last_name = 'King' WHERE id = $1", key)
    await road.settle()
    assert road.record("Contact", sf_id)["LastName"] == "King"
    assert road.org.rows("Lead") == []


@pytest.mark.requirement("S1-19")
async def test_any_other_person_becomes_a_lead(make_road: MakeRoad) -> None:
    road = await settled_road(make_road, DEFAULT)
    key = await insert(road, "people", last_name="Hopper", email="grace@navy.mil")
    await road.settle()
    [lead] = road.org.rows("Lead")
    assert (lead["LastName"], lead["Company"]) == ("Hopper", "[not provided]")
    assert road.org.rows("Contact") == []
    await road.app.execute("UPDATE public.people SET account = 'Navy' WHERE id = $1", key)
    await road.settle()
    assert road.org.rows("Lead")[0]["Company"] == "Navy"
    assert await road.changes() == []


@pytest.mark.requirement("S1-20")
async def test_the_status_of_a_sequence_becomes_the_status_of_the_lead(make_road: MakeRoad) -> None:
    road = await settled_road(make_road, DEFAULT)
    person, lead = await a_person(road, "Lead")
    await insert(road, "sequence_people", person_id=person, status="active")
    await road.settle()
    assert road.record("Lead", lead)["Status"] == "Working - Contacted"
    for word, status in (("finished", "Closed - Not Converted"), ("added", "Open - Not Contacted")):
        shift(road, LATER)
        await road.app.execute(
            "UPDATE public.sequence_people SET status = $1, updated_at = clock_timestamp()", word
        )
        await road.settle()
        assert road.record("Lead", lead)["Status"] == status
    assert await road.changes() == []


@pytest.mark.requirement("S1-21")
async def test_the_state_of_an_inbox_becomes_the_status_of_the_lead_and_the_newest_word_counts(
    make_road: MakeRoad,
) -> None:
    road = await settled_road(make_road, DEFAULT)
    person, lead = await a_person(road, "Lead")
    await insert(road, "sequence_people", person_id=person, status="active")
    await insert(road, "inbox_states", person_id=person, state="not_interested")
    await road.settle()
    assert road.record("Lead", lead)["Status"] == "Closed - Not Converted"
    shift(road, LATER)
    await insert(road, "inbox_states", person_id=person, state="replied")
    await road.settle()
    assert road.record("Lead", lead)["Status"] == "Working - Contacted"
    shift(road, LATER)
    await insert(road, "inbox_states", person_id=person, state="out of office")
    await road.settle()
    assert road.record("Lead", lead)["Status"] == "Working - Contacted", "a word without a meaning is none"
    assert await road.changes() == []


ACTIVITIES = [
    pytest.param("emails", "Contact", "Email", marks=pytest.mark.requirement("S1-22")),
    pytest.param("emails", "Lead", "Email", marks=pytest.mark.requirement("S1-23")),
    pytest.param("tasks", "Lead", "Task", marks=pytest.mark.requirement("S1-24")),
    pytest.param("tasks", "Contact", "Task", marks=pytest.mark.requirement("S1-25")),
    pytest.param("calls", "Contact", "Call", marks=pytest.mark.requirement("S1-26")),
    pytest.param("calls", "Lead", "Call", marks=pytest.mark.requirement("S1-27")),
]


@pytest.mark.parametrize(("table", "kind", "subtype"), ACTIVITIES)
async def test_an_activity_goes_to_the_record_that_its_person_is_paired_with(
    make_road: MakeRoad, table: str, kind: str, subtype: str
) -> None:
    road = await settled_road(make_road, DEFAULT)
    person, sf_id = await a_person(road, kind)
    key = await insert(road, table, person_id=person, subject="Hello")
    await road.settle()
    [task] = road.org.rows("Task")
    assert (task["WhoId"], task["Subject"], task["TaskSubtype"]) == (sf_id, "Hello", subtype)
    await road.app.execute(f"UPDATE public.{table} SET subject = 'Edited' WHERE id = $1", key)
    await road.settle()
    assert [each["Subject"] for each in road.org.rows("Task")] == ["Hello"], "made once, never touched again"
    assert await road.changes() == []


@pytest.mark.requirement("S1-07")
async def test_what_is_written_at_once_arrives_in_the_right_order(make_road: MakeRoad) -> None:
    road = await settled_road(make_road, DEFAULT)
    async with road.app.transaction():
        person = await insert(road, "people", last_name="Hopper", email="grace@navy.mil")
        await insert(road, "sequence_people", person_id=person, status="active")
        await insert(road, "emails", person_id=person, subject="Hello")
    await road.settle()
    [lead], [task] = road.org.rows("Lead"), road.org.rows("Task")
    assert lead["Status"] == "Working - Contacted"
    assert task["WhoId"] == lead["Id"]
    assert await road.changes() == []


@pytest.mark.parametrize(("kind", "name"), EACH_MAPPING)
async def test_each_mapping_carries_its_text_both_ways(make_road: MakeRoad, kind: str, name: str) -> None:
    road = await settled_road(make_road, DEFAULT)
    column, text = MAPPED[name]
    company = {"Company": "Navy"} if kind == "Lead" else {}
    sf_id = road.org.create(kind, {"LastName": "Hopper", "Email": "grace@navy.mil", **company, name: text})
    await road.settle()
    [row] = await people(road)
    assert row[column] == text
    await road.app.execute(f"UPDATE public.people SET {column} = 'changed@acme.com'")
    await road.settle()
    assert road.record(kind, sf_id)[name] == "changed@acme.com"


@pytest.mark.requirement("S1-20")
async def test_a_converted_lead_is_told_in_the_log_and_tried_once(make_road: MakeRoad) -> None:
    road = await settled_road(make_road, DEFAULT)
    person, lead = await a_person(road, "Lead")
    converted = road.org.convert_lead(lead)
    await insert(road, "sequence_people", person_id=person, status="active")
    await road.work()
    await road.settle()
    assert await road.changes() == [], "nothing is left to be tried again"
    told = [entry for entry in await road.journal() if entry["code"] == "converted_lead"]
    assert told
    assert [(link.object, link.sf_id) for link in await road.links()] == [("Contact", converted.contact_id)]
    await road.forget_calls()
    await insert(road, "sequence_people", person_id=person, status="finished")
    await road.settle()
    assert not [call for call in await road.calls() if call.startswith(("PATCH", "POST"))]
    again = [entry for entry in await road.journal() if entry["code"] == "converted_lead"]
    assert len(again) == len(told) + 1


@pytest.mark.requirement("S1-15")
async def test_a_switch_of_the_profile_is_among_the_operators_acts_once(make_road: MakeRoad) -> None:
    road = await make_road()
    kept = KeptFacts(road.pool)
    for profile in ("default", "default", "custom", "custom"):
        await note_profile(kept, road.inspection, profile)
    acts = await road.app.fetch("SELECT operator, action, request::text FROM isthmus.command")
    assert [(act["operator"], act["action"]) for act in acts] == [("configuration", "profile")]
    assert '"to": "custom"' in acts[0]["request"]
