"""Mirror, delete and add, and lookups by an external value, on both real sides."""

from dataclasses import replace
from typing import Any

import pytest

from adapters.emulator.seeding import plant
from daemon.domain.filter import Filter
from daemon.domain.mapping import DeleteGuard, Identify, IdentifyKind, Kind, ParentKey, Step
from daemon.domain.policy import Behaviour, OnDelete
from daemon.domain.side import Direction
from daemon.flow import leaving
from tests.integration.flow.conftest import MakeRoad
from tests.support.road import Road, shift
from tests.support.road_steps import BY_EXT_ID, COMPANY, PERSON, by_field, field

PUSH = Direction.PUSH
OBJECTS = {"Account": "Name", "Contact": "LastName", "Lead": "LastName", "Ticket__c": "Name"}
CUSTOM = {"Ext_Id__c": {"type": "text", "length": 40, "external_id": True, "unique": True}}
TRACKING = {"Tracking_Id__c": {"type": "text", "length": 255, "unique": True}}


def pushed(name: str, behaviour: Behaviour, **more: Any) -> Step:
    """Rows of app.company pushed to an object by an external id."""
    fields = [field(OBJECTS[name], "name", direction=PUSH), field("Ext_Id__c", "ext_id", direction=PUSH)]
    if name == "Lead":
        fields.append(field("Company", "street", direction=PUSH))
    step = Step("rows", name, COMPANY, PUSH, tuple(fields), (BY_EXT_ID,), push=behaviour)
    return replace(step, **more)


async def road_to(make_road: MakeRoad, step: Step) -> Road:
    road = await make_road(step)
    if step.object == "Ticket__c":
        plant(road.org, {"objects": {"Ticket__c": {"fields": CUSTOM}}})
    elif step.object == "Lead":
        await road.control.post("fields", object="Lead", fields=CUSTOM)
    return road


def existing(road: Road, name: str, key: str, text: str, **more: str) -> str:
    values = {OBJECTS[name]: text, "Ext_Id__c": key, **more}
    if name == "Lead":
        values["Company"] = "x"
    return str(road.org.create(name, values))


def texts(road: Road, name: str) -> dict[str, str]:
    return {str(row["Ext_Id__c"]): str(row[OBJECTS[name]]) for row in road.org.rows(name)}


@pytest.mark.parametrize("name", OBJECTS)
@pytest.mark.parametrize(
    ("behaviour", "expected"),
    [
        pytest.param(
            Behaviour.CREATE_ONLY,
            {"old": "theirs", "new": "ours", "far": "theirs"},
            marks=pytest.mark.requirement("S4-41"),
        ),
        pytest.param(
            Behaviour.UPDATE_OR_CREATE,
            {"old": "ours", "new": "ours", "far": "theirs"},
            marks=pytest.mark.requirement("S4-42"),
        ),
        pytest.param(
            Behaviour.UPDATE_ONLY, {"old": "ours", "far": "theirs"}, marks=pytest.mark.requirement("S4-43")
        ),
        pytest.param(
            Behaviour.MIRROR,
            {"old": "ours", "new": "ours", "far": "theirs"},
            marks=pytest.mark.requirement("S4-44"),
        ),
        pytest.param(Behaviour.DELETE, {"far": "theirs"}, marks=pytest.mark.requirement("S4-45")),
    ],
)
async def test_each_behaviour_on_standard_and_custom_objects(
    make_road: MakeRoad, name: str, behaviour: Behaviour, expected: dict[str, str]
) -> None:
    road = await road_to(make_road, pushed(name, behaviour))
    for key in ("old", "far"):
        existing(road, name, key, "theirs")
    for key in ("old", "new"):
        await road.insert("company", name="ours", ext_id=key, street="x")
    await road.load()
    await road.settle()
    assert texts(road, name) == expected
    await road.quiet()


@pytest.mark.requirement("S4-44")
@pytest.mark.parametrize("name", OBJECTS)
async def test_a_mirror_follows_its_rows(make_road: MakeRoad, name: str) -> None:
    road = await road_to(make_road, pushed(name, Behaviour.MIRROR))
    kept = await road.insert("company", name="kept", ext_id="k", street="x")
    gone = await road.insert("company", name="gone", ext_id="g", street="x")
    await road.settle()
    shift(road, 5)
    await road.delete("company", gone)
    await road.update("company", kept, name="changed")
    await road.settle()
    assert texts(road, name) == {"k": "changed"}
    shift(road, 5)
    road.org.delete(name, str(road.org.rows(name)[0]["Id"]))
    await road.settle()
    assert texts(road, name) == {"k": "changed"}, "a record that the source still has is made again"
    await road.quiet()


@pytest.mark.requirement("S4-44")
async def test_a_mirror_deletes_what_leaves_its_filter(make_road: MakeRoad) -> None:
    step = pushed("Account", Behaviour.MIRROR, push_filter=Filter("city = 'Berlin'", ("city",)))
    road = await make_road(step)
    key = await road.insert("company", name="ours", ext_id="k", city="Berlin")
    await road.settle()
    shift(road, 5)
    await road.update("company", key, city="Oslo")
    await road.settle()
    assert road.org.rows("Account") == []
    await road.quiet()
    shift(road, 5)
    await road.update("company", key, city="Berlin")
    await road.settle()
    assert texts(road, "Account") == {"k": "ours"}
    await road.quiet()


MANY = 450
"""More than are taken up at once."""


async def test_a_typing_error_in_a_filter_on_rows_lets_nothing_go(make_road: MakeRoad) -> None:
    guard = DeleteGuard(max_count=250, max_ratio=0.0)
    step = pushed("Account", Behaviour.MIRROR, delete_guard=guard)
    road = await make_road(replace(step, push_filter=Filter("city = 'Berlin'", ("city",))))
    await road.app.execute(
        "INSERT INTO app.company (name, ext_id, city) SELECT n, n, 'Berlin' FROM generate_series(1, $1::int) AS n",
        MANY,
    )
    await road.settle()
    assert len(road.org.rows("Account")) == MANY
    road.reconfigured(replace(step, push_filter=Filter("city = 'Brelin'", ("city",))))
    await road.parts.store.look_anew(step.name, 0, MANY - 200)  # the rest has still to be stored
    await road.settle()
    assert len(road.org.rows("Account")) == MANY
    assert {change["code"] for change in await road.changes()} == {"delete_guard"}
    road.reconfigured(replace(step, push_filter=Filter("city <> '1'", ("city",))))
    await road.app.execute("UPDATE app.company SET city = '1' WHERE id <= 4")
    await road.office.inspection.retry(step=step.name, operator="test")
    await road.settle()
    assert len(road.org.rows("Account")) == MANY - 4, "what the guard allows is let go as ever"


async def test_what_was_weighed_once_does_not_hold_back_a_single_row_later(
    make_road: MakeRoad, monkeypatch: pytest.MonkeyPatch
) -> None:
    guard = DeleteGuard(max_count=2, max_ratio=0.0)
    step = pushed("Account", Behaviour.MIRROR, delete_guard=guard)
    road = await make_road(replace(step, push_filter=Filter("city = 'Berlin'", ("city",))))
    keys = [await road.insert("company", name=n, ext_id=n, city="Berlin") for n in "abcdef"]
    await road.settle()
    await road.app.execute("UPDATE app.company SET city = 'Oslo'")
    await road.settle()
    assert {change["code"] for change in await road.changes()} == {"delete_guard"}
    await road.app.execute("UPDATE app.company SET city = 'Berlin'")
    await road.office.inspection.retry(step=step.name, operator="test")
    await road.settle()
    assert await road.changes() == []
    monkeypatch.setattr(leaving, "KNOWN_FOR", 0.0)
    await road.update("company", keys[0], city="Oslo")
    await road.settle()
    assert len(road.org.rows("Account")) == len(keys) - 1
    await road.quiet()


async def test_a_typing_error_in_a_filter_on_records_lets_nothing_go(make_road: MakeRoad) -> None:
    guard = DeleteGuard(max_count=250, max_ratio=0.0)
    step = pushed(
        "Account", Behaviour.MIRROR, direction=Direction.PULL, pull=Behaviour.MIRROR, delete_guard=guard
    )
    step = replace(step, fields=tuple(replace(f, direction=Direction.PULL) for f in step.fields))
    road = await make_road(replace(step, pull_filter=Filter("BillingCity = 'Berlin'", ("BillingCity",))))
    for number in range(MANY):
        existing(road, "Account", f"k{number}", "theirs", BillingCity="Berlin")
    await road.load()
    await road.settle()
    assert len(await road.rows("company")) == MANY
    road.reconfigured(replace(step, pull_filter=Filter("BillingCity = 'Brelin'", ("BillingCity",))))
    await road.parts.store.look_anew(step.name, 0, 10_000)
    await road.settle()
    assert len(await road.rows("company")) == MANY
    assert {change["code"] for change in await road.changes()} == {"delete_guard"}


async def test_a_pulled_mirror_deletes_the_row(make_road: MakeRoad) -> None:
    step = pushed("Account", Behaviour.MIRROR, direction=Direction.PULL, pull=Behaviour.MIRROR)
    step = replace(step, fields=tuple(replace(f, direction=Direction.PULL) for f in step.fields))
    road = await make_road(step)
    sf_id = existing(road, "Account", "k", "theirs")
    await road.settle()
    assert [row["name"] for row in await road.rows("company")] == ["theirs"]
    shift(road, 5)
    road.org.delete("Account", sf_id)
    await road.settle()
    assert await road.rows("company") == []


@pytest.mark.parametrize("behaviour", [Behaviour.MIRROR, Behaviour.DELETE])
async def test_the_guard_stands_before_both_that_delete(make_road: MakeRoad, behaviour: Behaviour) -> None:
    guard = DeleteGuard(max_count=1, max_ratio=0.0)
    road = await make_road(pushed("Account", behaviour, delete_guard=guard))
    for number in range(3):
        existing(road, "Account", f"k{number}", "theirs")
    keys = [await road.insert("company", name="ours", ext_id=f"k{number}") for number in range(3)]
    await road.settle()
    if behaviour is Behaviour.MIRROR:
        shift(road, 5)
        for key in keys:
            await road.delete("company", key)
        await road.settle()
    assert len(road.org.rows("Account")) == 3
    assert {(c["state"], c["code"]) for c in await road.changes()} == {("parked", "delete_guard")}
    await road.inspection.retry(code="delete_guard", operator="test")
    await road.settle()
    assert road.org.rows("Account") == []


@pytest.mark.requirement("S4-45")
async def test_a_delete_that_was_not_answered_is_done_once(make_road: MakeRoad) -> None:
    road = await make_road(pushed("Account", Behaviour.DELETE))
    existing(road, "Account", "k", "theirs")
    key = await road.insert("company", name="ours", ext_id="k")
    await road.control.fault(action="drop_reply", path="/composite/sobjects")
    await road.settle()
    assert road.org.rows("Account") == []
    assert await road.links() == []
    await road.quiet()
    await road.update("company", key, name="again")
    await road.settle()
    assert await road.links() == []
    assert [entry["code"] for entry in await road.journal()][-1] == "nothing_to_delete"
    await road.quiet()


@pytest.mark.requirement("S4-39")
async def test_a_value_that_two_records_carry_deletes_neither(make_road: MakeRoad) -> None:
    road = await make_road(pushed("Account", Behaviour.DELETE, identify=(by_field("Name", "name"),)))
    for key in ("a", "b"):
        existing(road, "Account", key, "twin")
    await road.insert("company", name="twin")
    await road.settle()
    assert len(road.org.rows("Account")) == 2
    [change] = await road.changes()
    assert (change["state"], change["code"]) == ("parked", "ambiguous_identifier")


@pytest.mark.requirement("S4-37", "S4-38")
@pytest.mark.parametrize(
    ("salesforce", "column", "theirs", "ours"),
    [("Email", "email", "a@example.com", "a@example.com"), ("Title", "company_name", "Boss", "Boss")],
)
async def test_any_field_may_identify_what_is_only_updated(
    make_road: MakeRoad, salesforce: str, column: str, theirs: str, ours: str
) -> None:
    step = Step("people", "Contact", PERSON, PUSH, (field("LastName", "last_name", direction=PUSH),))
    road = await make_road(
        replace(step, identify=(by_field(salesforce, column),), push=Behaviour.UPDATE_ONLY)
    )
    road.org.create("Contact", {"LastName": "Old", salesforce: theirs})
    await road.insert("person", last_name="New", **{column: ours})
    await road.insert("person", last_name="Nobody")
    await road.settle()
    assert [row["LastName"] for row in road.org.rows("Contact")] == ["New"]


# --- relations that are added once -----------------------------------------------------------------------------------

TRACKED = Identify(IdentifyKind.FIELD, "Tracking_Id__c", "ext_id", unique=True)


def relation(name: str, tracking: str = "Tracking_Id__c") -> Step:
    """Rows of app.person as relations: sf_id names the one end, company_name the other."""
    ends = {
        "OpportunityContactRole": (("OpportunityId", Kind.REFERENCE), ("ContactId", Kind.REFERENCE), "Role"),
        "EmailMessageRelation": (
            ("EmailMessageId", Kind.REFERENCE),
            ("RelationId", Kind.REFERENCE),
            "RelationType",
        ),
    }[name]
    fields = (
        field(ends[0][0], "sf_id", ends[0][1], direction=PUSH, mandatory=True),
        field(ends[1][0], "company_name", ends[1][1], direction=PUSH, mandatory=True),
        field(ends[2], "first_name", direction=PUSH),
        field(tracking, "ext_id", direction=PUSH, mandatory=True),
    )
    identify = (replace(TRACKED, salesforce=tracking),)
    return Step("roles", name, PERSON, PUSH, fields, identify, push=Behaviour.ADD, on_delete=OnDelete.KEEP)


async def related(
    make_road: MakeRoad, name: str, tracking: str = "Tracking_Id__c"
) -> tuple[Road, dict[str, str]]:
    """A road for relations, and the values of a row that relates two records of the org."""
    road = await make_road(relation(name, tracking))
    spec = {tracking: {"type": "text", "length": 255, "unique": True}}
    await road.control.post("fields", object=name, fields=spec)
    contact = road.org.create("Contact", {"LastName": "Hill"})
    if name == "OpportunityContactRole":
        deal = {"Name": "Deal", "StageName": "Prospecting", "CloseDate": "2030-01-01"}
        return road, {
            "sf_id": road.org.create("Opportunity", deal),
            "company_name": contact,
            "first_name": "Buyer",
        }
    mail = road.org.create("EmailMessage", {"Subject": "Hello"})
    return road, {"sf_id": mail, "company_name": contact, "first_name": "CcAddress"}


RELATIONS = [
    pytest.param(
        "OpportunityContactRole", marks=pytest.mark.requirement("S4-54", "S4-62", "S4-64", "S4-65", "S4-68")
    ),
    pytest.param("EmailMessageRelation", marks=pytest.mark.requirement("S4-55")),
]


@pytest.mark.parametrize("name", RELATIONS)
@pytest.mark.parametrize("tracking", ["Tracking_Id__c", "census_tracking_id__c"])
async def test_a_relation_is_added_once_and_never_touched_again(
    make_road: MakeRoad, name: str, tracking: str
) -> None:
    road, row = await related(make_road, name, tracking)
    extra = "Role" if name == "OpportunityContactRole" else "RelationType"
    key = await road.insert("person", ext_id="o1-c1", **row)
    await road.settle()
    [made] = road.org.rows(name)
    assert (made[tracking], made[extra]) == ("o1-c1", row["first_name"])
    shift(road, 5)
    await road.update("person", key, first_name="ToAddress" if extra == "RelationType" else "Other")
    await road.settle()
    assert road.org.rows(name) == [made], "it is never updated"
    await road.delete("person", key)
    await road.settle()
    assert road.org.rows(name) == [made], "it is never removed"
    await road.insert("person", ext_id="o1-c1", **row)
    await road.settle()
    assert road.org.rows(name) == [made], "a second run with the same key makes no second one"


@pytest.mark.requirement("S4-64")
@pytest.mark.parametrize("name", ["OpportunityContactRole", "EmailMessageRelation"])
@pytest.mark.parametrize("fault", ["drop_reply", "answer"])
async def test_an_insert_that_was_not_answered_makes_one_relation(
    make_road: MakeRoad, name: str, fault: str
) -> None:
    road, row = await related(make_road, name)
    await road.insert("person", ext_id="o1-c1", **row)
    more = {"status": 504, "body": "gateway"} if fault == "answer" else {}
    await road.control.fault(action=fault, path="/composite/sobjects", **more)
    await road.worker.round()
    road.reborn()
    await road.settle()
    [made] = road.org.rows(name)
    assert made["Tracking_Id__c"] == "o1-c1"
    assert [link.sf_id for link in await road.links()] == [made["Id"]]
    assert await road.changes() == []


@pytest.mark.requirement("S4-64")
async def test_an_edit_while_nobody_knows_does_not_hide_the_relation(make_road: MakeRoad) -> None:
    road, row = await related(make_road, "OpportunityContactRole")
    key = await road.insert("person", ext_id="o1-c1", **row)
    await road.control.fault(action="drop_reply", path="/composite/sobjects")
    await road.worker.round()
    await road.update("person", key, ext_id="other")
    await road.settle()
    assert [made["Tracking_Id__c"] for made in road.org.rows("OpportunityContactRole")] == ["o1-c1"]


@pytest.mark.requirement("S4-59")
async def test_two_rows_with_one_key_make_one_relation(make_road: MakeRoad) -> None:
    road, row = await related(make_road, "OpportunityContactRole")
    for _ in range(2):
        await road.insert("person", ext_id="same", **row)
    await road.settle()
    assert len(road.org.rows("OpportunityContactRole")) == 1
    [change] = await road.changes()
    assert (change["state"], change["code"]) == ("parked", "already_linked")


@pytest.mark.requirement("S4-61")
@pytest.mark.parametrize("lacking", ["sf_id", "company_name", "ext_id"])
async def test_a_row_without_one_of_its_parts_is_left_out_and_said_so(
    make_road: MakeRoad, lacking: str
) -> None:
    road, row = await related(make_road, "OpportunityContactRole")
    whole = {"ext_id": "o1-c1", **row}
    key = await road.insert("person", **{**whole, lacking: None})
    await road.settle()
    assert road.org.rows("OpportunityContactRole") == []
    [entry] = await road.journal()
    assert (entry["outcome"], entry["code"]) == ("skip", "mandatory_missing")
    await road.update("person", key, **{lacking: whole[lacking]})
    await road.settle()
    assert len(road.org.rows("OpportunityContactRole")) == 1


# --- lookups by an external value --------------------------------------------------------------------------------------


def named_by(parent: ParentKey) -> Step:
    account = field("AccountId", "company_name", direction=PUSH, parent=parent)
    fields = (field("LastName", "last_name", direction=PUSH), account)
    return Step("people", "Contact", PERSON, PUSH, fields, (BY_EXT_ID,))


BY_KEY = named_by(ParentKey("Account", "Account", "Ext_Id__c"))


@pytest.mark.requirement("S4-74")
async def test_a_parent_is_named_by_its_external_id(make_road: MakeRoad) -> None:
    road = await make_road(BY_KEY)
    first, second = (road.org.create("Account", {"Name": key, "Ext_Id__c": key}) for key in ("A", "B"))
    key = await road.insert("person", last_name="Hill", company_name="A")
    await road.settle()
    [person] = road.org.rows("Contact")
    assert person["AccountId"] == first
    await road.quiet()
    for value, expected in (("B", second), (None, None), ("A", first)):
        shift(road, 5)
        await road.update("person", key, company_name=value)
        await road.settle()
        assert road.record("Contact", str(person["Id"])).get("AccountId") == expected
    await road.quiet()


@pytest.mark.requirement("S4-74")
async def test_a_person_who_was_there_gets_the_parent_too(make_road: MakeRoad) -> None:
    road = await make_road(BY_KEY)
    account = road.org.create("Account", {"Name": "A", "Ext_Id__c": "A"})
    person = road.org.create("Contact", {"LastName": "Hill", "Ext_Id__c": "p"})
    await road.insert("person", last_name="Hill", company_name="A", ext_id="p")
    await road.settle()
    assert road.record("Contact", person)["AccountId"] == account
    await road.quiet()


@pytest.mark.requirement("S4-74")
async def test_a_value_that_no_record_has_parks_the_row_until_one_has(make_road: MakeRoad) -> None:
    road = await make_road(BY_KEY)
    await road.insert("person", last_name="Good")
    await road.insert("person", last_name="Hill", company_name="nowhere")
    await road.settle()
    assert [row["LastName"] for row in road.org.rows("Contact")] == ["Good"]
    [change] = await road.changes()
    assert (change["state"], change["code"]) == ("parked", "INVALID_FIELD")
    assert "nowhere" in change["reason"]
    road.org.create("Account", {"Name": "N", "Ext_Id__c": "nowhere"})
    await road.inspection.retry(code="INVALID_FIELD", operator="test")
    await road.settle()
    assert len(road.org.rows("Contact")) == 2


@pytest.mark.requirement("S4-67")
async def test_a_contact_role_may_name_its_contact_by_e_mail(make_road: MakeRoad) -> None:
    plain = relation("OpportunityContactRole")
    email = ParentKey("Contact", "Contact", "Address_Key__c")
    fields = tuple(
        replace(f, kind=Kind.TEXT, parent=email) if f.name == "ContactId" else f for f in plain.fields
    )
    road = await make_road(replace(plain, fields=fields))
    await road.control.post("fields", object="OpportunityContactRole", fields=TRACKING)
    key = {"Address_Key__c": {"type": "email", "external_id": True, "unique": True}}
    await road.control.post("fields", object="Contact", fields=key)
    contact = road.org.create("Contact", {"LastName": "Hill", "Address_Key__c": "hill@example.com"})
    deal = road.org.create(
        "Opportunity", {"Name": "Deal", "StageName": "Prospecting", "CloseDate": "2030-01-01"}
    )
    await road.insert("person", ext_id="k", sf_id=deal, company_name="hill@example.com")
    await road.settle()
    assert await road.changes() == []
    assert [made["ContactId"] for made in road.org.rows("OpportunityContactRole")] == [contact]


BY_ADDRESS = replace(
    relation("OpportunityContactRole"),
    fields=tuple(
        replace(f, kind=Kind.TEXT, parent=ParentKey("Contact", "Contact", "Email"))
        if f.name == "ContactId"
        else f
        for f in relation("OpportunityContactRole").fields
    ),
)


@pytest.mark.requirement("S4-67")
async def test_a_contact_role_names_its_contact_by_the_standard_e_mail_and_no_external_id(
    make_road: MakeRoad,
) -> None:
    road = await make_road(BY_ADDRESS)
    await road.control.post("fields", object="OpportunityContactRole", fields=TRACKING)
    deal = road.org.create(
        "Opportunity", {"Name": "Deal", "StageName": "Prospecting", "CloseDate": "2030-01-01"}
    )
    hill = road.org.create("Contact", {"LastName": "Hill", "Email": "hill@example.com"})
    twins = [road.org.create("Contact", {"LastName": name, "Email": "two@example.com"}) for name in "AB"]
    for key, address in (("k1", "Hill@Example.com"), ("k2", "nobody@example.com"), ("k3", "two@example.com")):
        await road.insert("person", ext_id=key, sf_id=deal, company_name=address)
    await road.settle()
    [made] = road.org.rows("OpportunityContactRole")
    assert (made["Tracking_Id__c"], made["ContactId"]) == ("k1", hill)
    left = {change["code"]: change["reason"] for change in await road.changes()}
    assert "no Contact has the Email nobody@example.com" in left["INVALID_CROSS_REFERENCE_KEY"]
    assert all(twin in left["MULTIPLE_CHOICES"] for twin in twins)
    road.org.create("Contact", {"LastName": "New", "Email": "nobody@example.com"})
    await road.inspection.retry(code="INVALID_CROSS_REFERENCE_KEY", operator="test")
    await road.settle()
    assert len(road.org.rows("OpportunityContactRole")) == 2
