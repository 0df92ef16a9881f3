"""What is held when a configuration that worked does not fit both sides any more."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from daemon.domain.action import InsertRow
from daemon.domain.drift import KnownSteps
from daemon.ports.database import TableDescription
from daemon.ports.salesforce import ObjectDescription
from daemon.settings.resolution.holding import Holding, resolve_holding
from tests.unit.settings.sample import (
    ACCOUNT,
    COMPANIES,
    OBJECTS,
    TABLES,
    a_table,
    column,
    line_of,
    settings,
)
from tests.unit.settings.test_resolve import account, companies

TWO_WAY = ("direction: pull }", "direction: two_way }")


def held(
    objects: Mapping[str, ObjectDescription] = OBJECTS,
    tables: Mapping[str, TableDescription] = TABLES,
    known: KnownSteps | None = None,
    changes: tuple[tuple[str, str], ...] = (),
) -> Holding:
    if known is None:
        known = resolve_holding(settings(*changes), OBJECTS, TABLES, {}).known
    return resolve_holding(settings(*changes), objects, tables, known)


def names(found: Holding) -> list[tuple[str, str | None]]:
    return [(drift.step, drift.field) for drift in found.drifts]


def dropped(name: str) -> dict[str, TableDescription]:
    columns = {key: column for key, column in COMPANIES.columns.items() if key != name}
    return {**TABLES, "crm.companies": replace(COMPANIES, columns=columns)}


def test_what_fits_is_held_nowhere_and_remembered() -> None:
    found = held()
    assert found.drifts == ()
    types = found.known["accounts"].fields["AnnualRevenue"]
    assert (types.column, types.postgres) == ("revenue", "numeric(18,2)")
    assert types.salesforce.startswith("currency(")


def test_what_never_worked_is_a_mistake_and_no_drift() -> None:
    found = held(objects=account(AnnualRevenue=None), known={})
    assert found.steps is None
    assert "AnnualRevenue" in str(found.problems[0])


@pytest.mark.parametrize(
    ("sides", "what"),
    [
        ({"objects": account(AnnualRevenue=None)}, "was removed in Salesforce, or the integration user"),
        ({"tables": dropped("revenue")}, "crm.companies.revenue (numeric(18,2)) was dropped"),
        ({"objects": account(AnnualRevenue={"type": "date", "precision": 0})}, "and is date"),
        (
            {"tables": companies(replace(COMPANIES.columns["revenue"], type="text"))},
            "was numeric(18,2) and is text",
        ),
        (
            {"tables": companies(replace(COMPANIES.columns["revenue"], selectable=False))},
            "the daemon may not read crm.companies.revenue any more",
        ),
    ],
)
def test_a_mapping_is_held_with_what_happened_and_the_cure(sides: dict[str, Any], what: str) -> None:
    found = held(**sides)
    assert names(found) == [("accounts", "AnnualRevenue")]
    assert what in found.drifts[0].what
    assert "or take it out of step accounts" in found.drifts[0].fix
    assert found.steps is not None
    step = found.steps.by_name["accounts"]
    assert "AnnualRevenue" not in step.by_name
    assert [(field.name, field.place) for field in step.held] == [("AnnualRevenue", 1)]
    assert found.known == held().known, "how it last worked stays known"
    assert found.steps.by_name["people"] == _steps(held())["people"]


def _steps(found: Holding) -> Mapping[str, Any]:
    assert found.steps is not None
    return found.steps.by_name


def test_a_field_that_is_only_pulled_by_now_is_held_and_not_narrowed() -> None:
    found = held(
        objects=account(AnnualRevenue={"createable": False, "updateable": False}), changes=(TWO_WAY,)
    )
    assert names(found) == [("accounts", "AnnualRevenue")]
    assert "may not edit Account.AnnualRevenue any more" in found.drifts[0].what


@pytest.mark.parametrize(
    "sides",
    [
        {"objects": account(Name=None)},  # mandatory
        {"objects": account(Company_Key__c=None)},  # an identifier
        {"tables": dropped("id")},  # the key
        {"tables": {"crm.people": TABLES["crm.people"]}},
        {"objects": {"Contact": OBJECTS["Contact"]}},
    ],
)
def test_what_names_a_record_or_must_be_there_holds_the_whole_step(sides: dict[str, Any]) -> None:
    found = held(**sides)
    assert names(found) == [("accounts", None)]
    step = _steps(found)["accounts"]
    assert step.still == found.drifts[0].what
    assert (step.object, step.table.qualified) == ("Account", "crm.companies")
    assert not _steps(found)["people"].still
    assert found.known == held().known


def test_a_new_required_field_is_no_reason_to_hold() -> None:
    required = replace(ACCOUNT.fields["Name"], name="Must__c", nillable=False, defaulted_on_create=False)
    described = {**OBJECTS, "Account": replace(ACCOUNT, fields={**ACCOUNT.fields, "Must__c": required})}
    found = held(objects=described)
    assert found.drifts == ()
    assert _steps(found)["accounts"] == _steps(held())["accounts"]


def test_longer_text_and_more_digits_are_taken_silently() -> None:
    found = held(tables=companies(replace(COMPANIES.columns["revenue"], type="numeric(20,4)")))
    assert found.drifts == ()
    assert found.known["accounts"].fields["AnnualRevenue"].postgres == "numeric(20,4)"


def test_an_action_whose_table_is_gone_or_closed_holds_no_step() -> None:
    here = "    depends_on: [accounts]\n"
    insert = "{ insert: { table: crm.log, columns: { person: $key } } }"
    changes = ((here, f"{here}    actions:\n      - {{ name: tell, do: {insert} }}\n"),)
    table = a_table("log", column("person", "bigint"))
    known = resolve_holding(settings(*changes), OBJECTS, {**TABLES, "crm.log": table}, {}).known
    for tables in (TABLES, {**TABLES, "crm.log": replace(table, insertable=False)}):
        found = held(tables=tables, known=known, changes=changes)
        assert found.drifts == ()
        assert found.steps is not None
        [action] = found.steps.by_name["people"].actions
        assert action.target == InsertRow("crm.log", {"person": "$key"})
        assert held(tables=tables, known={}, changes=changes).steps is None, "a mistake where it never worked"


def test_an_action_that_has_just_been_written_has_to_fit() -> None:
    here = "    depends_on: [accounts]\n"
    known = held().known
    table = a_table("log", column("person", "bigint"))
    for wrong, word in (("crm.lot, columns: { person: $key }", "no table crm.lot"), ("crm.log, columns: { man: $key }", "no column man"),
                        ("crm.log, columns: { person: $kee }", "nothing fills"), ("crm.log, columns: { person: $url }", "a number")):  # fmt: skip
        changes = (
            (here, f"{here}    actions:\n      - {{ name: tell, do: {{ insert: {{ table: {wrong} }} }} }}\n"),
        )
        found = resolve_holding(
            settings(*changes), OBJECTS, {**TABLES, "crm.log": table}, known, frozenset({"people"})
        )
        assert found.steps is None
        [problem] = found.problems
        assert word in problem.what
        assert str(problem).startswith(f"isthmus.yaml:{line_of('name: tell', *changes)}")
        assert problem.fix
