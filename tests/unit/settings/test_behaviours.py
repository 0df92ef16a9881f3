"""Which behaviours, identifiers and lookups a configuration may combine, and what it is told otherwise."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from daemon.domain.mapping import ParentKey, Step
from daemon.domain.policy import OnDelete
from daemon.ports.database import Column, TableDescription
from daemon.ports.salesforce import ObjectDescription
from daemon.settings.load import loads
from daemon.settings.resolve import Resolution, resolve, wanted_objects
from tests.unit.settings.sample import (
    ACCOUNT,
    NAME,
    OBJECTS,
    TABLES,
    TEXT,
    a_table,
    an_object,
    column,
    field,
    line_of,
    refused,
    settings,
)

PUSH = "push: { behaviour: update_or_create }"
TWO_WAY = "direction: two_way\n    push:"
ONE_WAY = ("direction: two_way\n    push:", "direction: push\n    push:")
NO_PULL = ("AnnualRevenue, postgres: revenue, direction: pull", "AnnualRevenue, postgres: revenue")

HEAD = TEXT[: TEXT.index("steps:")]
ROLES = """\
steps:
  - name: roles
    salesforce: { object: OpportunityContactRole }
    postgres: { table: crm.roles }
    direction: push
    push: { behaviour: add }
    identify:
      - field: { salesforce: Tracking__c, postgres: tracking }
    relates: { opportunity_id: opportunity, contact_id: contact, contact_email: contact_email }
    fields:
      - { salesforce: OpportunityId, postgres: opportunity }
      - { salesforce: ContactId, postgres: contact }
      - { salesforce: Role, postgres: role }
"""


def _reference(name: str, to: str) -> Any:
    return field(name, "reference", length=18, reference_to=(to,), relationship=name.removesuffix("Id"))


TRACKING = field("Tracking__c", length=255, unique=True)
ROLE = an_object(
    "OpportunityContactRole",
    _reference("OpportunityId", "Opportunity"),
    _reference("ContactId", "Contact"),
    field("Role", length=40),
    TRACKING,
)
CONTACT = OBJECTS["Contact"]
KEYED = replace(
    CONTACT,
    fields={
        **CONTACT.fields,
        "Mail__c": field("Mail__c", "email", external_id=True, unique=True, id_lookup=True),
    },
)
ROLE_TABLE = a_table(
    "roles",
    Column("id", "bigint", nullable=False, default=True, generated=False),
    *(column(name) for name in ("tracking", "opportunity", "contact", "contact_email", "role")),
    unique=frozenset({("tracking",)}),
)


def roles(
    *changes: tuple[str, str],
    role: ObjectDescription = ROLE,
    contact: ObjectDescription = KEYED,
    table: TableDescription = ROLE_TABLE,
) -> Resolution:
    text = ROLES
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new, 1)
    objects: Mapping[str, ObjectDescription] = {"OpportunityContactRole": role, "Contact": contact}
    return resolve(loads(HEAD + text, {}, NAME), objects, {"crm.roles": table})


def roles_refused(*changes: tuple[str, str]) -> list[str]:
    return refused((TEXT[TEXT.index("steps:") :], ROLES), *changes)


def the_step(found: Resolution) -> Step:
    assert found.problems == ()
    assert found.steps is not None
    return found.steps.ordered[0]


@pytest.mark.requirement("S4-54", "S4-55", "S4-56", "S4-57", "S4-58")
@pytest.mark.parametrize("name", ["OpportunityContactRole", "EmailMessageRelation"])
@pytest.mark.parametrize("behaviour", ["update_or_create", "update_only", "create_only", "mirror", "delete"])
def test_a_behaviour_that_an_object_does_not_take_is_refused_with_those_that_it_does(
    name: str, behaviour: str
) -> None:
    changes = (
        ("object: OpportunityContactRole", f"object: {name}"),
        ("behaviour: add", f"behaviour: {behaviour}"),
    )
    said = roles_refused(*changes)
    assert said[0].startswith(
        f"{NAME}:{line_of('push: { b', (TEXT[TEXT.index('steps:') :], ROLES), *changes)}: "
    )
    assert f"{name} cannot be pushed with {behaviour}" in said[0]
    assert "write one of add" in said[0]
    upserts = behaviour in ("update_or_create", "mirror")
    assert (f"for {name} has no External ID fields" in said[0]) is upserts


@pytest.mark.requirement("S4-56", "S4-57")
def test_a_behaviour_that_there_is_not_is_refused_with_those_that_there_are() -> None:
    [said] = refused((PUSH, "push: { behaviour: upsert }"))
    assert said.startswith(f"{NAME}:{line_of(PUSH)}: ")
    for name in ("update_or_create", "update_only", "create_only", "mirror", "delete", "add"):
        assert name in said


@pytest.mark.requirement("S4-56", "S4-58")
@pytest.mark.parametrize(
    ("kind", "way"),
    [
        ("external_id", "external_id: { salesforce: Tracking__c, postgres: tracking }"),
        ("salesforce_id", "salesforce_id: tracking"),
    ],
)
def test_a_role_is_not_identified_by_an_external_id_nor_by_its_id(kind: str, way: str) -> None:
    said = roles_refused(("field: { salesforce: Tracking__c, postgres: tracking }", way))
    assert f"{kind} does not identify records of OpportunityContactRole under add" in said[0]
    unavailable = "for OpportunityContactRole has no External ID fields" in said[0]
    assert unavailable is (kind == "external_id")
    assert "write one of field" in said[0]


@pytest.mark.requirement("S4-62", "S4-63")
def test_without_a_tracking_field_it_is_said_how_an_administrator_makes_one() -> None:
    [said] = roles_refused(
        ("    identify:\n      - field: { salesforce: Tracking__c, postgres: tracking }\n", "")
    )
    assert "add needs one tracking field" in said
    assert "Setup > Object Manager > OpportunityContactRole > Fields & Relationships > New" in said
    assert "identify: [ { field: { salesforce: Tracking_Id__c, postgres: COLUMN } } ]" in said


@pytest.mark.requirement("S4-63")
def test_a_tracking_field_that_the_org_does_not_have_is_refused() -> None:
    bare = replace(ROLE, fields={name: f for name, f in ROLE.fields.items() if name != "Tracking__c"})
    [problem] = roles(role=bare).problems
    assert problem.what == "OpportunityContactRole has no field Tracking__c"
    assert problem.origin.line == line_of("Tracking__c", (TEXT[TEXT.index("steps:") :], ROLES))


RELATES = "    relates: { opportunity_id: opportunity, contact_id: contact, contact_email: contact_email }\n"


@pytest.mark.requirement("S4-60")
@pytest.mark.parametrize("lacking", ["opportunity_id", "contact_id", "contact_email"])
def test_the_rows_of_a_role_provide_each_of_its_parts(lacking: str) -> None:
    parts = {"opportunity_id": "opportunity", "contact_id": "contact", "contact_email": "contact_email"}
    given = ", ".join(f"{name}: {where}" for name, where in parts.items() if name != lacking)
    [said] = roles_refused((RELATES, f"    relates: {{ {given} }}\n"))
    assert f"the rows of OpportunityContactRole must provide {lacking}" in said
    assert "relates: { opportunity_id: COLUMN, contact_id: COLUMN, contact_email: COLUMN }" in said
    assert len(roles_refused((RELATES, ""))) == 3


@pytest.mark.requirement("S4-60")
@pytest.mark.parametrize("lacking", ["opportunity", "contact", "contact_email"])
def test_what_the_rows_provide_is_in_the_table(lacking: str) -> None:
    columns = {name: each for name, each in ROLE_TABLE.columns.items() if name != lacking}
    said = [problem.what for problem in roles(table=replace(ROLE_TABLE, columns=columns)).problems]
    assert f"crm.roles has no column {lacking}" in said


@pytest.mark.requirement("S4-66", "S4-67")
@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("OpportunityId, postgres: opportunity", "OpportunityId, postgres: role", "OpportunityId is filled from opportunity_id"),
        ("ContactId, postgres: contact }", "ContactId, postgres: role }", "ContactId is filled from contact_id or contact_email"),
        ("ContactId, postgres: contact }", "ContactId, const: 003000000000001AAA }", "ContactId is filled from contact_id or contact_email"),
        ("ContactId, postgres: contact }", "ContactId, postgres: contact_email }", "contact_email holds an address, and ContactId takes an id"),
    ],
)  # fmt: skip
def test_each_end_of_a_role_is_filled_from_what_the_rows_provide_for_it(
    old: str, new: str, said: str
) -> None:
    assert any(said in line for line in roles_refused((old, new)))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            (RELATES, RELATES.replace("contact_email }", "contact_email, mail: role }")),
            "mail is nothing that the rows",
        ),
        ((RELATES, RELATES.replace(": contact_email", ": contact")), "contact is one column"),
    ],
)
def test_what_the_rows_of_a_role_cannot_provide_is_refused(change: tuple[str, str], said: str) -> None:
    assert any(said in line for line in roles_refused(change))


def test_only_what_is_added_relates() -> None:
    said = refused((PUSH, f"{PUSH}\n    relates: {{ opportunity_id: key }}"))
    assert "relates says what the rows of a relation provide, and this step adds none" in said[0]


@pytest.mark.requirement("S4-66", "S4-67")
@pytest.mark.parametrize(
    ("lacking", "column_name"), [("OpportunityId", "opportunity"), ("ContactId", "contact")]
)
def test_both_ends_of_a_role_are_mapped(lacking: str, column_name: str) -> None:
    [said] = roles_refused((f"      - {{ salesforce: {lacking}, postgres: {column_name} }}\n", ""))
    assert f"OpportunityContactRole says nothing without {lacking}, and nothing fills it" in said
    assert f"add {{ salesforce: {lacking}, postgres: COLUMN }}" in said


@pytest.mark.requirement("S4-59", "S4-61", "S4-62", "S4-68")
def test_the_tracking_field_is_written_and_nothing_goes_without_its_parts() -> None:
    found = roles()
    step = the_step(found)
    assert step.by_name["Tracking__c"].column == "tracking"
    assert {f.name for f in step.fields if f.mandatory} == {"OpportunityId", "ContactId", "Tracking__c"}
    assert "Role" in step.by_name
    assert step.on_delete is OnDelete.KEEP
    assert found.warnings == ()
    twice = ("    fields:\n", "    fields:\n      - { salesforce: Tracking__c, postgres: tracking }\n")
    assert len(the_step(roles(twice)).fields) == 4


@pytest.mark.requirement("S4-59")
def test_a_key_that_nothing_keeps_unique_is_warned_of() -> None:
    bare = replace(ROLE, fields={**ROLE.fields, "Tracking__c": replace(TRACKING, unique=False)})
    warned = roles(role=bare, table=replace(ROLE_TABLE, unique=frozenset())).warnings
    said = " ".join(problem.what + problem.fix for problem in warned)
    assert "nothing keeps roles.tracking unique" in said
    assert "CREATE UNIQUE INDEX ON crm.roles (tracking)" in said
    assert "only a search before each insert keeps a second record away" in said


def test_a_tracking_field_that_cannot_be_set_is_refused() -> None:
    bare = replace(ROLE, fields={**ROLE.fields, "Tracking__c": replace(TRACKING, createable=False)})
    said = [problem.what for problem in roles(role=bare).problems]
    assert any("cannot set OpportunityContactRole.Tracking__c" in what for what in said)


def test_a_tracking_value_is_compared_as_it_is() -> None:
    change = ("postgres: tracking }", "postgres: tracking, normalise: [trim] }")
    assert "normalise would make two keys one" in roles_refused(change)[0]


@pytest.mark.parametrize("behaviour", ["delete", "add"])
def test_what_is_only_done_in_salesforce_is_neither_pulled_nor_two_way(behaviour: str) -> None:
    said = refused((PUSH, f"push: {{ behaviour: {behaviour} }}"))
    assert f"{behaviour} only pushes, and the step is two_way" in said[0]
    said = refused((PUSH, f"pull: {{ behaviour: {behaviour} }}"))
    assert f"{behaviour} is something that is done in Salesforce" in said[0]
    assert "write one of update_or_create, update_only, create_only, mirror" in said[0]


def test_delete_finds_records_by_identify() -> None:
    way = "    identify:\n      - external_id: { salesforce: Company_Key__c, postgres: key }\n"
    said = refused(ONE_WAY, NO_PULL, (PUSH, "push: { behaviour: delete }"), (way, ""))
    assert "delete finds no record without identify" in said[0]


def test_a_mirror_has_one_source_and_deletes() -> None:
    said = refused((PUSH, "push: { behaviour: mirror }"))
    assert "a mirror shows one side" in said[0]
    said = refused(ONE_WAY, NO_PULL, (PUSH, "push: { behaviour: mirror }\n    on_delete: keep"))
    assert "a mirror deletes what its source has no more" in said[0]


@pytest.mark.parametrize(
    ("behaviour", "on_delete"), [("mirror", OnDelete.PROPAGATE), ("delete", OnDelete.KEEP)]
)
def test_the_behaviour_says_what_a_delete_does(behaviour: str, on_delete: OnDelete) -> None:
    changes = (ONE_WAY, NO_PULL, (PUSH, f"push: {{ behaviour: {behaviour} }}"))
    keep = ("  conflict: { policy: newest", "  on_delete: keep\n  conflict: { policy: newest")
    found = resolve(settings(*changes, keep), OBJECTS, TABLES)
    assert found.problems == ()
    assert found.steps is not None
    assert found.steps.by_name["accounts"].on_delete is on_delete
    bare = {**OBJECTS, "Account": replace(ACCOUNT, deletable=False)}
    said = [problem.what for problem in resolve(settings(*changes), bare, TABLES).problems]
    assert "the integration user may not delete Account" in said


BY_ADDRESS = (
    "{ salesforce: ContactId, postgres: contact }",
    "{ salesforce: ContactId, postgres: contact_email, lookup: { object: Contact, email: true } }",
)


@pytest.mark.requirement("S4-67")
def test_a_contact_is_named_by_its_address_without_an_external_id() -> None:
    email = {**CONTACT.fields, "Email": field("Email", "email", id_lookup=True)}
    step = the_step(roles(BY_ADDRESS, contact=replace(CONTACT, fields=email)))
    assert step.by_name["ContactId"].parent == ParentKey("Contact", "Contact", "Email")
    assert step.by_name["ContactId"].mandatory
    hidden = {name: each for name, each in email.items() if name != "Email"}
    [problem] = roles(BY_ADDRESS, contact=replace(CONTACT, fields=hidden)).problems
    assert problem.what == "Contact has no field Email"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("email: true", "email: true, external_id: Mail__c"), "email and external_id exclude each other"),
        (("object: Contact, email", "email"), "names the object that it is a value of"),
        (("object: Contact, email", "step: roles, object: Contact, email"), "names the object that it is a value of"),
    ],
)  # fmt: skip
def test_an_address_stands_alone(change: tuple[str, str], said: str) -> None:
    assert any(said in line for line in roles_refused(BY_ADDRESS, change))


def test_an_address_names_no_record_that_is_written_again() -> None:
    way = ("lookup: { step: accounts }", "direction: push, lookup: { object: Account, email: true }")
    assert "an e-mail address finds a record only for what is added once" in refused(way)[0]


BY_EMAIL = (
    "{ salesforce: ContactId, postgres: contact }",
    "{ salesforce: ContactId, postgres: contact_email, lookup: { object: Contact, external_id: Mail__c } }",
)


@pytest.mark.requirement("S4-67", "S4-74")
def test_a_parent_is_named_by_a_unique_external_id() -> None:
    step = the_step(roles(BY_EMAIL))
    assert step.by_name["ContactId"].parent == ParentKey("Contact", "Contact", "Mail__c")
    assert step.by_name["ContactId"].mandatory
    text = HEAD + ROLES.replace(*BY_EMAIL)
    assert wanted_objects(loads(text, {}, NAME)) == ("OpportunityContactRole", "Contact")


@pytest.mark.requirement("S4-74")
@pytest.mark.parametrize(
    ("flags", "why"),
    [({"unique": False}, "is not unique"), ({"external_id": False}, "is not an External ID")],
)
def test_a_field_that_finds_no_single_record_is_refused_as_a_lookup(flags: dict[str, bool], why: str) -> None:
    mail = replace(KEYED.fields["Mail__c"], **flags)  # type: ignore[arg-type]
    [problem] = roles(BY_EMAIL, contact=replace(KEYED, fields={**KEYED.fields, "Mail__c": mail})).problems
    assert problem.what == f"Contact.Mail__c {why}, so a record cannot be looked up by it"
    assert "tick External ID and Unique" in problem.fix
    assert problem.origin.line == line_of("Mail__c", (TEXT[TEXT.index("steps:") :], ROLES), BY_EMAIL)


@pytest.mark.parametrize(
    ("lookup", "said"),
    [
        ("{ object: Account, external_id: Mail__c }", "ContactId points to Contact, and not to Account"),
        ("{ object: Contact, external_id: Nope__c }", "Contact has no field Nope__c"),
    ],
)
def test_a_lookup_names_the_object_and_a_field_of_it(lookup: str, said: str) -> None:
    change = (BY_EMAIL[0], BY_EMAIL[1].replace("{ object: Contact, external_id: Mail__c }", lookup))
    assert said in [problem.what for problem in roles(change).problems]


def test_an_object_that_cannot_be_seen_is_no_parent() -> None:
    text = HEAD + ROLES.replace(*BY_EMAIL)
    found = resolve(loads(text, {}, NAME), {"OpportunityContactRole": ROLE}, {"crm.roles": ROLE_TABLE})
    assert [problem.what for problem in found.problems] == [
        "there is no object Contact, or the integration user may not see it"
    ]


@pytest.mark.parametrize(
    ("lookup", "said"),
    [
        ("{}", "a lookup names a step, or an object"),
        ("{ object: Account }", "a lookup names a step, or an object"),
        ("{ external_id: Key__c }", "names the object that it is a value of"),
        (
            "{ step: accounts, object: Account, external_id: Key__c }",
            "names the object that it is a value of",
        ),
        ("{ object: Account, external_id: Key__c }", "a lookup by an external value is only pushed"),
    ],
)
def test_a_lookup_is_one_of_two_things(lookup: str, said: str) -> None:
    assert any(said in line for line in refused(("lookup: { step: accounts }", f"lookup: {lookup}")))
