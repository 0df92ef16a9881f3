"""One step whose rows become a lead or a contact, or a lead or an account: each row has one record, whichever it is."""

from dataclasses import dataclass, replace

import pytest

from daemon.domain.change import Change
from daemon.domain.policy import Behaviour
from daemon.settings.load import loads
from tests.integration.flow.conftest import MakeRoad
from tests.integration.flow.profiles import SIDES, in_force
from tests.support.road import Road, shift


@dataclass(frozen=True)
class Pair:
    """Lead and another object over one table; `flag` is the column that says which a new row becomes."""

    other: str
    table: str
    name: str
    flag: str
    fields: str

    def record(self, kind: str, text: str, **more: str) -> dict[str, str]:
        """A record that somebody made in Salesforce."""
        if kind == "Account":
            return {"Name": text, **more}
        return {"LastName": text, **({"Company": "x"} if kind == "Lead" else {}), **more}


CONTACT = Pair(
    "Contact",
    "person",
    "last_name",
    "phone",
    "{ salesforce: LastName, postgres: last_name }, { salesforce: Email, postgres: email },"
    " { salesforce: Company, postgres: company_name, default: none, only: Lead }",
)
ACCOUNT = Pair(
    "Account",
    "company",
    "name",
    "rating",
    "{ salesforce: LastName, postgres: name, only: Lead }, { salesforce: Company, postgres: name, only: Lead },"
    " { salesforce: Name, postgres: name, only: Account }",
)
BY_ID, BY_SF_ID, BY_EMAIL = (
    "external_id: { salesforce: Ext_Id__c, postgres: ext_id }",
    "salesforce_id: sf_id",
    "field: { salesforce: Email, postgres: email, normalise: [trim, lower] }",
)
CREATES = (Behaviour.UPDATE_OR_CREATE, Behaviour.MIRROR)


def written(pair: Pair, behaviour: Behaviour, *identify: str) -> str:
    when, otherwise = (
        (f", when: \"{pair.flag} = 'yes'\"", ", otherwise: true") if behaviour in CREATES else ("", "")
    )
    return f"""{SIDES}steps:
  - name: them
    destinations: [ {{ object: {pair.other}{when} }}, {{ object: Lead{otherwise} }} ]
    postgres: {{ table: app.{pair.table} }}
    direction: push
    push: {{ behaviour: {behaviour} }}
    identify: [ {", ".join(f"{{ {rule} }}" for rule in identify)} ]
    fields: [ {pair.fields} ]
"""


async def the_road(make_road: MakeRoad, pair: Pair, behaviour: Behaviour, *identify: str) -> Road:
    road = await make_road()
    steps = await in_force(road, loads(written(pair, behaviour, *identify), {}))
    await road.database.capture_install(steps.ordered)
    road.reconfigured(*steps.ordered)
    return road


async def there(road: Road, pair: Pair) -> dict[str, list[str]]:
    """The names of the records of each object."""
    key = {"Account": "Name"}
    return {
        kind: sorted(str(each[key.get(kind, "LastName")]) for each in road.org.rows(kind))
        for kind in ("Lead", pair.other)
    }


PLAYED = [
    pytest.param(CONTACT, Behaviour.UPDATE_ONLY, marks=pytest.mark.requirement("S4-47")),
    pytest.param(CONTACT, Behaviour.UPDATE_OR_CREATE, marks=pytest.mark.requirement("S4-48")),
    pytest.param(CONTACT, Behaviour.MIRROR, marks=pytest.mark.requirement("S4-49")),
    pytest.param(ACCOUNT, Behaviour.UPDATE_ONLY, marks=pytest.mark.requirement("S4-51")),
    pytest.param(ACCOUNT, Behaviour.UPDATE_OR_CREATE, marks=pytest.mark.requirement("S4-52")),
    pytest.param(ACCOUNT, Behaviour.MIRROR, marks=pytest.mark.requirement("S4-53")),
]


@pytest.mark.parametrize(("pair", "behaviour"), PLAYED)
async def test_what_is_there_is_updated_whichever_it_is_and_the_rest_is_routed(
    make_road: MakeRoad, pair: Pair, behaviour: Behaviour
) -> None:
    road = await the_road(make_road, pair, behaviour, BY_ID)
    road.org.load("Lead", [pair.record("Lead", "theirs", Ext_Id__c="a")])
    road.org.load(pair.other, [pair.record(pair.other, "theirs", Ext_Id__c="b")])
    keys = {}
    for ext_id, flag in (
        ("a", "yes"),
        ("b", "no"),
        ("c", "yes"),
        ("d", "no"),
    ):  # what is there is of the other object than `when` says
        keys[ext_id] = await road.insert(
            pair.table, **{"ext_id": ext_id, pair.flag: flag, pair.name: f"our {ext_id}"}
        )
    await road.load()
    await road.settle()
    made = behaviour in CREATES
    expected = {
        "Lead": ["our a", *(["our d"] if made else [])],
        pair.other: ["our b", *(["our c"] if made else [])],
    }
    assert await there(road, pair) == expected
    shift(road, 5)
    for ext_id, flag in (("a", "no"), ("b", "yes")):  # which step a paired row belongs to is not asked again
        await road.update(pair.table, keys[ext_id], **{pair.name: f"new {ext_id}", pair.flag: flag})
    await road.settle()
    assert "new a" in (await there(road, pair))["Lead"]
    assert "new b" in (await there(road, pair))[pair.other]
    assert sum(map(len, (await there(road, pair)).values())) == (4 if made else 2)
    if behaviour is Behaviour.MIRROR:
        shift(road, 5)
        for kind in ("Lead", pair.other):
            road.org.delete(kind, str(road.org.rows(kind)[0]["Id"]))
        await road.settle()
        assert list(map(len, (await there(road, pair)).values())) == [2, 2], "what is deleted is made again"
        shift(road, 5)
        for key in keys.values():
            await road.delete(pair.table, key)
        await road.settle()
        assert await there(road, pair) == {"Lead": [], pair.other: []}
    assert await road.changes() == []


KEYS = [
    pytest.param(CONTACT, BY_ID, marks=pytest.mark.requirement("S4-46")),
    pytest.param(CONTACT, BY_SF_ID, marks=pytest.mark.requirement("S4-46")),
    pytest.param(CONTACT, BY_EMAIL, marks=pytest.mark.requirement("S4-46")),
    pytest.param(ACCOUNT, BY_ID, marks=pytest.mark.requirement("S4-50")),
    pytest.param(ACCOUNT, BY_SF_ID, marks=pytest.mark.requirement("S4-50")),
]


@pytest.mark.parametrize(("pair", "rule"), KEYS)
async def test_each_key_finds_the_record_of_either_object(make_road: MakeRoad, pair: Pair, rule: str) -> None:
    road = await the_road(make_road, pair, Behaviour.UPDATE_ONLY, rule)
    for number, kind in enumerate(("Lead", pair.other)):
        email = {} if kind == "Account" else {"Email": f"{number}@acme.example"}
        [sf_id] = road.org.load(kind, [pair.record(kind, "theirs", Ext_Id__c=str(number), **email)])
        named = {
            BY_ID: {"ext_id": str(number)},
            BY_SF_ID: {"sf_id": sf_id},
            BY_EMAIL: {"email": f"{number}@acme.example"},
        }
        await road.insert(pair.table, **{**named[rule], pair.name: f"for {kind}"})
    await road.load()
    await road.settle()
    assert await there(road, pair) == {"Lead": ["for Lead"], pair.other: [f"for {pair.other}"]}
    assert sorted(link.object for link in await road.links()) == sorted(["Lead", pair.other])
    assert await road.changes() == []


async def test_a_row_that_matches_both_goes_to_the_destination_named_first(make_road: MakeRoad) -> None:
    road = await the_road(make_road, CONTACT, Behaviour.UPDATE_OR_CREATE, BY_ID)
    for kind in ("Lead", "Contact"):
        road.org.load(kind, [CONTACT.record(kind, "theirs", Ext_Id__c="a")])
    await road.insert("person", ext_id="a", last_name="ours", phone="no")
    await road.load()
    await road.settle()
    assert await there(road, CONTACT) == {"Lead": ["theirs"], "Contact": ["ours"]}
    assert [change["step"] for change in await road.changes()] == ["them_lead"], (
        "the other one is kept for a person to see"
    )


async def test_a_row_becomes_a_record_when_it_comes_to_meet_the_condition(make_road: MakeRoad) -> None:
    road = await the_road(make_road, CONTACT, Behaviour.UPDATE_OR_CREATE, BY_ID)
    key = await road.insert(
        "person", ext_id="a", phone="no", company_name="x"
    )  # a lead without a last name: it waits
    await road.settle()
    assert await there(road, CONTACT) == {"Lead": [], "Contact": []}
    await road.update("person", key, phone="yes", last_name="ours")
    await road.settle()
    assert await there(road, CONTACT) == {"Lead": [], "Contact": ["ours"]}


async def test_no_second_record_is_made_while_a_create_at_the_other_destination_is_in_doubt(
    make_road: MakeRoad,
) -> None:
    road = await the_road(make_road, CONTACT, Behaviour.UPDATE_OR_CREATE, BY_ID)
    key = await road.insert("person", ext_id="a", phone="no", last_name="ours")
    [lead] = [change for change in await road.parts.store.pending(10) if change.step == "them_lead"]
    await road.parts.store.mark_sent({lead.id: {"LastName": "ours", "Ext_Id__c": "a"}}, [])
    await road.app.execute("UPDATE isthmus.change SET due = now() + interval '1 hour' WHERE id = $1", lead.id)
    await road.update("person", key, phone="yes")
    await road.worker.round()
    assert await there(road, CONTACT) == {"Lead": [], "Contact": []}
    waiting = [change for change in (await stored(road, key)) if change.step == "them_contact"]
    assert waiting
    assert waiting[0].code == "create_unresolved"


async def stored(road: Road, key: str) -> list[Change]:
    async with road.parts.store.begin() as unit:
        return [
            c
            for name in ("them_lead", "them_contact")
            for c in (await unit.local_changes(name, [key])).get(key, [])
        ]


async def test_a_destination_that_stands_still_may_have_the_row_s_record(make_road: MakeRoad) -> None:
    road = await the_road(make_road, CONTACT, Behaviour.UPDATE_OR_CREATE, BY_ID)
    running = road.parts.steps.ordered
    road.org.load("Lead", [CONTACT.record("Lead", "theirs", Ext_Id__c="a")])
    road.reconfigured(
        *(replace(step, still="held") if step.name == "them_lead" else step for step in running)
    )
    await road.insert("person", ext_id="a", last_name="ours", phone="yes")
    await road.settle()
    assert await there(road, CONTACT) == {"Lead": ["theirs"], "Contact": []}
    assert {change["code"] for change in await road.changes()} == {"schema_drift"}
    road.reconfigured(*running)
    await road.app.execute("UPDATE isthmus.change SET due = NULL")
    await road.settle()
    assert await there(road, CONTACT) == {"Lead": ["ours"], "Contact": []}
