"""Who may own what, accounts that would become people, and person accounts: what a configuration is told."""

import pytest

from daemon.domain.policy import Owned
from daemon.ports.salesforce import FieldDescription
from daemon.settings.resolution.persons import tells_persons
from daemon.settings.resolve import resolve
from tests.unit.settings.sample import ACCOUNT, CONTACT, OBJECTS, TABLES, an_object, field, refused, settings

PUSH = "push: { behaviour: update_or_create }"
PERSON = field("IsPersonAccount", "boolean", createable=False, updateable=False)
SHARED = ("postgres: { table: crm.people }", "postgres: { table: crm.companies, key: id }")


@pytest.mark.requirement("S2-07", "S2-20")
@pytest.mark.parametrize("owned", list(Owned))
def test_a_step_says_who_owns_what_is_only_pulled(owned: Owned) -> None:
    found = resolve(settings((PUSH, f"{PUSH}\n    pull: {{ owned: {owned} }}")), OBJECTS, TABLES)
    assert found.steps is not None
    assert found.steps.by_name["accounts"].owned is owned


def test_owning_without_anything_that_is_only_pulled_is_refused() -> None:
    said = refused((PUSH, f"{PUSH}\n    pull: {{ owned: refuse }}"), (", direction: pull }", " }"))
    assert "refuse protects what is only pulled, and no field of this step is" in said[0]


def test_rows_of_two_steps_are_owned_by_neither() -> None:
    said = refused((PUSH, f"{PUSH}\n    pull: {{ owned: overwrite }}"), SHARED)
    assert any("crm.companies is the table of another step too" in line for line in said)


@pytest.mark.requirement("S2-31", "S2-33")
def test_accounts_do_not_become_rows_of_people() -> None:
    said = refused(SHARED)
    assert "the step people keeps people in crm.companies, and an Account is no person" in said[0]
    assert "let people point to it with a lookup on AccountId" in said[0]


@pytest.mark.requirement("S2-30", "S2-34")
def test_person_accounts_are_left_out_by_steps_that_do_not_mean_them() -> None:
    account = an_object("Account", *ACCOUNT.fields.values(), PERSON)
    contact = an_object("Contact", *CONTACT.fields.values(), PERSON)
    assert tells_persons(account, ["Name", "AnnualRevenue"])
    assert tells_persons(contact, ["FirstName", "LastName"])
    assert not tells_persons(ACCOUNT, ["Name"]), "the org has none"
    for meant in ("PersonEmail", "LastName", "Tier__pc", "IsPersonAccount"):
        assert not tells_persons(account, [meant])
    assert not tells_persons(contact, ["LastName", "IsPersonAccount"])


@pytest.mark.requirement("S2-30")
def test_the_steps_of_an_org_with_person_accounts_are_told_of_them() -> None:
    fields: list[FieldDescription] = [*ACCOUNT.fields.values(), PERSON]
    found = resolve(settings(), {**OBJECTS, "Account": an_object("Account", *fields)}, TABLES)
    assert found.steps is not None
    assert [step.tells_persons for step in found.steps.ordered] == [True, False]
