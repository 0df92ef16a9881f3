"""How many records and rows are not synced, and why: told in numbers that both sides hold."""

from dataclasses import replace

import pytest

from daemon.domain.filter import Filter
from daemon.domain.mapping import Step
from daemon.domain.policy import ConvertedLead, OnDelete
from daemon.domain.side import Direction
from daemon.operations import linking
from daemon.operations.expectations import MEANINGS, expectations
from daemon.operations.linking import Parting
from tests.integration.flow.conftest import MakeRoad
from tests.support.road import shift
from tests.support.road_steps import COMPANIES, PEOPLE, PERSON, field

LEADS = Step(
    name="leads",
    object="Lead",
    table=PERSON,
    direction=Direction.PULL,
    fields=(field("LastName", "last_name", direction=Direction.PULL),),
    converted_lead=ConvertedLead.FOLLOW_CONTACT,
)


@pytest.mark.requirement("S2-30", "S2-34", "S2-35")
async def test_the_report_counts_what_is_not_synced_and_why(make_road: MakeRoad) -> None:
    step = replace(PEOPLE, fields=PEOPLE.fields[:3], depends_on=(), tells_persons=True, on_request=True)
    road = await make_road(step)
    road.org.set_switches({"person_accounts": True})
    for name in ("Sato", "Mori"):
        road.org.create("Account", {"LastName": name})
    for name in ("Hill", "Hall", "Holt"):
        road.org.create("Contact", {"LastName": name})
    await road.insert("person", last_name="Mine")
    await road.insert("person", last_name=None)
    await road.load()
    await road.settle()
    road.org.load("Contact", [{"LastName": "Missed"}])
    await road.forget_calls()
    found = await expectations(road.office, "people")
    assert len(await road.calls()) <= 3
    assert found["salesforce"] == {
        "object": "Contact",
        "records": 6,
        "synced": 3,
        "not_synced": {"person_account": 2, "not_seen": 1},
    }
    assert found["postgres"] == {
        "table": "app.person",
        "rows": 5,
        "synced": 3,
        "not_synced": {"on_request": 2},
    }
    assert found["meanings"] == {
        code: MEANINGS[code] for code in ("person_account", "on_request", "not_seen")
    }


@pytest.mark.requirement("S2-35")
async def test_converted_leads_are_counted(make_road: MakeRoad) -> None:
    road = await make_road(LEADS)
    road.org.create("Lead", {"LastName": "Hill", "Company": "Acme"})
    lead = road.org.create("Lead", {"LastName": "Hall", "Company": "Acme"})
    shift(road, 5)
    road.org.convert_lead(lead)
    await road.load()
    await road.insert("person", last_name="Mine")
    found = await expectations(road.office, "leads")
    assert found["salesforce"]["not_synced"] == {"converted_lead": 1}
    assert found["postgres"]["not_synced"] == {"not_pushed": 1}


@pytest.mark.requirement("S2-35")
async def test_what_a_filter_leaves_out_and_what_is_parked_is_counted(make_road: MakeRoad) -> None:
    step = replace(
        COMPANIES,
        pull_filter=Filter("NumberOfEmployees > 10", ()),
        push_filter=Filter("employees > 10", ("employees",)),
    )
    road = await make_road(step)
    road.org.load(
        "Account", [{"Name": "Small", "NumberOfEmployees": 1}, {"Name": "Big", "NumberOfEmployees": 20}]
    )
    await road.load()
    await road.insert("company", name="Small one", employees=2)
    await road.insert("company", name=None, employees=30)
    await road.settle()
    found = await expectations(road.office, "companies")
    assert found["salesforce"]["not_synced"] == {"outside_filter": 1}
    assert found["postgres"]["not_synced"] == {"outside_filter": 1, "parked": 1}
    assert found["postgres"]["synced"] == 1


@pytest.mark.requirement("S2-35")
async def test_pairs_that_are_parted_blocked_or_broken_are_counted(make_road: MakeRoad) -> None:
    road = await make_road(replace(COMPANIES, on_delete=OnDelete.KEEP))
    keys = [await road.insert("company", name=name) for name in ("Kept", "Parted", "Blocked", "Broken")]
    await road.settle()
    for key, parting in ((keys[1], Parting.UNLINK), (keys[2], Parting.BLOCK)):
        link = await road.link("companies", key)
        await linking.remove(road.office, link.id, parting=parting, operator="ann")
    await road.delete("company", keys[3])
    await road.settle()
    found = await expectations(road.office, "companies")
    assert (found["salesforce"]["records"], found["salesforce"]["synced"]) == (4, 1)
    assert found["salesforce"]["not_synced"] == {"blocked": 1, "broken": 1, "unlinked": 1}
    assert (found["postgres"]["rows"], found["postgres"]["synced"]) == (3, 1)
    assert found["postgres"]["not_synced"] == {"blocked": 1, "unlinked": 1}
    assert found["meanings"] == {code: MEANINGS[code] for code in ("blocked", "unlinked", "broken")}
