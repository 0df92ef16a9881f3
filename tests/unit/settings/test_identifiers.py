"""Which identifiers a configuration may name, and what it is told otherwise."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from daemon.ports.salesforce import ObjectDescription
from daemon.settings.errors import Problem
from daemon.settings.resolve import Resolution, resolve
from tests.unit.settings.sample import (
    ACCOUNT,
    COMPANIES,
    NAME,
    OBJECTS,
    TABLES,
    a_table,
    column,
    line_of,
    refused,
    settings,
)

WAY = "- external_id: { salesforce: Company_Key__c, postgres: key }"
PUSH = "push: { behaviour: update_or_create }"
Change = tuple[str, str]


def objects(**changes: Mapping[str, Any]) -> Mapping[str, ObjectDescription]:
    """Both objects, with some fields of Account changed."""
    fields = {name: replace(ACCOUNT.fields[name], **change) for name, change in changes.items()}
    return {**OBJECTS, "Account": replace(ACCOUNT, fields={**ACCOUNT.fields, **fields})}


def found(*changes: Change, sides: Mapping[str, ObjectDescription] = OBJECTS) -> Resolution:
    return resolve(settings(*changes), sides, TABLES)


def only(problems: Any) -> Problem:
    [one] = problems
    assert isinstance(one, Problem)
    return one


@pytest.mark.requirement("S4-15")
@pytest.mark.parametrize("behaviour", ["update_only"])
def test_what_is_updated_must_be_found_by_something(behaviour: str) -> None:
    said = refused((f"    identify:\n      {WAY}\n", ""), (PUSH, f"push: {{ behaviour: {behaviour} }}"))
    assert "update_only finds nothing to update without identify" in said[0]
    assert "add identify, or write update_or_create" in said[0]


@pytest.mark.requirement("S4-15", "S4-16")
def test_a_step_without_an_identifier_is_recommended_a_unique_external_id() -> None:
    warned = only(found((f"    identify:\n      {WAY}\n", "")).warnings)
    assert "creates cannot be repeated safely" in warned.what
    assert "on a unique External ID field" in warned.fix


@pytest.mark.requirement("S4-18")
@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("Ticket__c", "ask an administrator to make it: Setup > Object Manager > Account > Fields & Relationships > New"),
        ("Company_Key", "did you mean Company_Key__c?"),
    ],
)  # fmt: skip
def test_a_field_that_is_not_there_is_asked_of_an_administrator(name: str, said: str) -> None:
    change = (WAY, WAY.replace("Company_Key__c", name))
    problem = only(found(change).problems)
    assert problem.what == f"Account has no field {name}"
    assert said in problem.fix
    assert str(problem).startswith(f"{NAME}:{line_of(name, change)}: steps[accounts].identify[0].external_id")


@pytest.mark.requirement("S4-19")
@pytest.mark.parametrize("kind", ["string", "email", "double", "int"])
def test_text_email_and_number_fields_are_external_ids(kind: str) -> None:
    assert found(sides=objects(Company_Key__c={"type": kind})).problems == ()


@pytest.mark.requirement("S4-19")
@pytest.mark.parametrize("kind", ["picklist", "date", "url", "phone", "reference", "currency", "boolean"])
def test_fields_of_other_types_are_no_external_ids(kind: str) -> None:
    problem = only(found(sides=objects(Company_Key__c={"type": kind})).problems)
    assert problem.what == (
        f"Company_Key__c is a {kind}, and only Text, Email and Number fields can be External IDs"
    )
    assert "a Text, Email or Number field for the row's key" in problem.fix


@pytest.mark.requirement("S4-18", "S4-20")
def test_a_field_without_the_flag_does_not_identify_what_is_updated_or_created() -> None:
    bare = objects(Company_Key__c={"external_id": False, "id_lookup": False})
    problem = only(found(sides=bare).problems)
    assert problem.what == "Company_Key__c is no External ID field: records cannot be upserted on it"
    assert "Setup > Object Manager > Account > Fields & Relationships > Company_Key__c: tick External ID and Unique" in problem.fix  # fmt: skip
    assert "ask an administrator for exactly this" in problem.fix
    assert problem.about == "salesforce.external_ids"


@pytest.mark.requirement("S4-20")
@pytest.mark.parametrize("behaviour", ["update_only", "create_only"])
def test_other_behaviours_take_a_field_without_the_flag_with_a_warning(behaviour: str) -> None:
    bare = objects(Company_Key__c={"external_id": False, "id_lookup": False})
    way = found((PUSH, f"push: {{ behaviour: {behaviour} }}"), sides=bare)
    assert way.problems == ()
    assert "is no External ID field" in way.warnings[0].what


@pytest.mark.requirement("S4-20", "S4-40")
@pytest.mark.parametrize(
    ("name", "behaviour", "refusal"),
    [
        ("BillingCity", "update_or_create", True),
        ("BillingCity", "update_only", False),
        ("Name", "update_or_create", False),
        ("Employees", "update_only", False),
    ],
)
def test_a_plain_field_identifies_what_is_only_updated(name: str, behaviour: str, refusal: bool) -> None:
    way = f"- field: {{ salesforce: {name}, postgres: name }}"
    held = found((WAY, way), (PUSH, f"push: {{ behaviour: {behaviour} }}"))
    if refusal:
        problem = only(held.problems)
        assert (
            problem.what
            == f"{name} has not the External ID flag, so it may not identify records of update_or_create"
        )
        assert "a unique External ID field is the identifier to use" in problem.fix
        return
    assert held.problems == ()
    warned = only([each for each in held.warnings if "is not unique" in each.what])
    assert warned.fix.startswith("a unique External ID field is the identifier to use")


def test_a_plain_field_beside_a_unique_external_id_is_nothing_to_speak_of() -> None:
    held = found((WAY, f"{WAY}\n      - field: {{ salesforce: BillingCity, postgres: name }}"))
    assert (held.problems, held.warnings) == ((), ())


@pytest.mark.requirement("S4-40")
def test_an_external_id_that_is_not_unique_repeats_the_recommendation() -> None:
    warned = found(sides=objects(Company_Key__c={"unique": False})).warnings[0]
    assert "tick Unique" in warned.fix
    assert warned.fix.endswith("a unique External ID field is the identifier to use")


@pytest.mark.requirement("S4-24")
@pytest.mark.parametrize(("kind", "warned"), [("citext", True), ("uuid", False)])
def test_what_people_type_is_no_identifier_where_case_matters(kind: str, warned: bool) -> None:
    columns = {**COMPANIES.columns, "key": column("key", kind, nullable=False)}
    tables = {**TABLES, "crm.companies": a_table("companies", *columns.values())}
    sensitive = objects(Company_Key__c={"case_sensitive": True})
    held = resolve(settings(), sensitive, tables)
    said = [each.what for each in held.warnings]
    assert ("Company_Key__c tells upper and lower case apart, and key is written by people" in said) is warned


@pytest.mark.requirement("S4-24")
def test_a_rule_that_lowers_says_that_people_type_it() -> None:
    way = f"{WAY}\n      - field: {{ salesforce: Name, postgres: name, normalise: [lower] }}"
    warned = only(found((WAY, way), sides=objects(Name={"case_sensitive": True})).warnings)
    assert "an identifier that ignores case is safer" in warned.fix


@pytest.mark.requirement("S4-35", "S4-36")
@pytest.mark.parametrize("behaviour", ["update_or_create", "create_only"])
def test_the_id_alone_does_not_identify_what_is_created(behaviour: str) -> None:
    changes = ((WAY, "- salesforce_id: status"), (PUSH, f"push: {{ behaviour: {behaviour} }}"))
    [said] = refused(*changes)
    place = f"{NAME}:{line_of('salesforce_id', *changes)}: steps[accounts].identify[0].salesforce_id"
    assert said.startswith(place)
    assert f"a record's id alone cannot identify records of {behaviour}" in said
    assert "write push: { behaviour: update_only }" in said


@pytest.mark.requirement("S4-34")
def test_the_id_identifies_what_is_only_updated() -> None:
    held = found((WAY, "- salesforce_id: status"), (PUSH, "push: { behaviour: update_only }"))
    assert held.problems == ()
    assert held.steps is not None


def test_the_id_beside_an_external_id_is_one_more_way() -> None:
    held = found((WAY, f"- salesforce_id: status\n      {WAY}"))
    assert held.problems == ()


@pytest.mark.requirement("S4-33")
@pytest.mark.parametrize("name", ["Id", "ID", "id"])
def test_an_id_is_no_field_to_map(name: str) -> None:
    [said] = refused(("salesforce: Name, postgres: name", f"salesforce: {name}, postgres: name"))
    assert "a record's id is not a field to map" in said
