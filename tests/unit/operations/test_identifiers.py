"""What is said of a step's identifiers before they are relied on."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest

from daemon.domain.failure import UsageError
from daemon.domain.mapping import Identify, IdentifyKind, Step
from daemon.domain.policy import Behaviour
from daemon.domain.side import Direction
from daemon.operations.doctor import State
from daemon.operations.finding import Finding, Level
from daemon.operations.identifiers import examined, fillable, shown_fields
from daemon.ports.identifiers import ColumnFacts, Filled
from daemon.ports.salesforce import ObjectDescription
from daemon.settings.resolve import resolve
from tests.unit.operations.sides import KnownRecordIdentifiers, KnownRowIdentifiers
from tests.unit.operations.test_doctor import one
from tests.unit.settings.sample import ACCOUNT, OBJECTS, TABLES, settings


def account(**changes: Any) -> ObjectDescription:
    """Account with its External ID changed."""
    key = replace(ACCOUNT.fields["Company_Key__c"], **changes)
    return replace(ACCOUNT, fields={**ACCOUNT.fields, "Company_Key__c": key})


def step(**changes: Any) -> Step:
    found = resolve(settings(), OBJECTS, TABLES).steps
    assert found is not None
    return replace(found.by_name["accounts"], **changes)


async def said(
    records: KnownRecordIdentifiers | None = None,
    rows: ColumnFacts | None = None,
    described: ObjectDescription = ACCOUNT,
    of: Step | None = None,
) -> Sequence[Finding]:
    facts = KnownRowIdentifiers(rows) if rows is not None else KnownRowIdentifiers()
    [way] = await examined(of or step(), described, records or KnownRecordIdentifiers(), facts)
    return way.findings


def levels(findings: Sequence[Finding]) -> list[Level]:
    return [finding.level for finding in findings]


@pytest.mark.requirement("S4-28")
@pytest.mark.parametrize(
    ("values", "share"),
    [
        (Filled(4000, 3999), "3,999 of 4,000 records (99.9 %)"),
        (Filled(3, 3), "3 of 3 records (100 %)"),
        (Filled(0, 0), "0 of 0 records (100 %)"),
        (Filled(8, 5), "5 of 8 records (62.5 %)"),
    ],
)
async def test_the_share_of_records_with_a_value_is_told(values: Filled, share: str) -> None:
    found = await said(KnownRecordIdentifiers(values))
    assert found[-1].what == f"accounts: {share} have a value in Account.Company_Key__c"
    assert found[-1].level is Level.OK


@pytest.mark.requirement("S4-29")
@pytest.mark.parametrize(
    ("changes", "missing", "warned"),
    [
        ({}, 11, True),
        ({}, 9, False),
        ({"push": Behaviour.UPDATE_ONLY}, 90, False),
        ({"direction": Direction.PULL}, 90, False),
    ],
)
async def test_many_records_without_a_value_are_duplicates_to_come(
    changes: Mapping[str, Any], missing: int, warned: bool
) -> None:
    found = await said(KnownRecordIdentifiers(Filled(100, 100 - missing)), of=step(**changes))
    assert levels(found) == ([Level.WARNING] if warned else []) + [Level.OK]
    if warned:
        assert "11 of 100 records have no value in Account.Company_Key__c" in found[0].what
        assert "an upsert makes a duplicate" in found[0].what
        assert "isthmus step identifiers accounts --export FILE" in found[0].fix
        assert "update_only that finds them by other properties" in found[0].fix


@pytest.mark.requirement("S4-23")
async def test_keys_that_differ_by_case_alone_are_told_before_anything_is_written() -> None:
    rows = ColumnFacts(Filled(3, 3), clashes=(("ab-1", "AB-1"),))
    found = await said(rows=rows)
    assert levels(found) == [Level.PROBLEM, Level.OK]
    assert "crm.companies.key differ in case alone: ab-1 and AB-1" in found[0].what
    shown = await one("salesforce.identifiers", row_identifiers=KnownRowIdentifiers(rows))
    assert shown.state is State.FAIL
    assert "ab-1 and AB-1 (and 1 more: isthmus step identifiers STEP)" in shown.found


@pytest.mark.requirement("S4-22", "S4-23")
@pytest.mark.parametrize(
    ("changes", "described"),
    [({}, account(case_sensitive=True)), ({"direction": Direction.PULL}, ACCOUNT)],
)
async def test_keys_that_differ_by_case_are_two_where_the_field_says_so(
    changes: Mapping[str, Any], described: ObjectDescription
) -> None:
    rows = ColumnFacts(Filled(3, 3), clashes=(("ab-1", "AB-1"),))
    assert levels(await said(rows=rows, described=described, of=step(**changes))) == [Level.OK]


@pytest.mark.requirement("S4-24")
@pytest.mark.parametrize(
    ("sensitive", "mixed", "warned"), [(True, 2, True), (True, 0, False), (False, 2, False)]
)
async def test_typed_values_in_a_field_that_tells_cases_apart_are_warned_of(
    sensitive: bool, mixed: int, warned: bool
) -> None:
    rows = ColumnFacts(Filled(9, 9), mixed=mixed)
    found = await said(rows=rows, described=account(case_sensitive=sensitive))
    assert levels(found) == ([Level.WARNING] if warned else []) + [Level.OK]
    if warned:
        assert "2 values of crm.companies.key look as if people had typed them" in found[0].what
        assert "ignores case is safer" in found[0].fix


@pytest.mark.requirement("S4-40")
async def test_values_that_several_records_have_are_named_with_the_recommendation() -> None:
    several = KnownRecordIdentifiers(twice=[("k1", 3), ("k2", 2)])
    found = await said(several, described=account(unique=False))
    assert "several records have one value in Account.Company_Key__c: k1 (3), k2 (2)" in found[0].what
    assert "a unique External ID is the identifier to use" in found[0].fix
    unknown = await said(KnownRecordIdentifiers(twice=None), described=account(unique=False))
    assert "Salesforce cannot tell which values" in unknown[0].what


async def test_a_unique_field_is_not_looked_through_for_values_that_occur_twice() -> None:
    records = KnownRecordIdentifiers()
    await said(records)
    assert records.asked == ["filled Account.Company_Key__c"]


async def test_a_step_that_goes_by_the_id_has_nothing_to_examine() -> None:
    by_id = step(identify=(Identify(IdentifyKind.SALESFORCE_ID, "Id", "status"),))
    assert await examined(by_id, ACCOUNT, KnownRecordIdentifiers(), KnownRowIdentifiers()) == []
    with pytest.raises(UsageError):
        fillable(by_id)
    assert fillable(step()).salesforce == "Company_Key__c"
    assert shown_fields(step(), ACCOUNT)[:2] == ["Name", "AnnualRevenue"]


async def test_the_doctor_tells_the_shares_of_all_steps() -> None:
    shown = await one("salesforce.identifiers")
    assert (shown.state, shown.fix) == (State.OK, "")
    assert shown.found == (
        "accounts: 4 of 4 records (100 %) have a value in Account.Company_Key__c; "
        "people: 4 of 4 records (100 %) have a value in Contact.Person_Key__c"
    )
    assert (await one("salesforce.identifiers", record_identifiers=None)).state is State.SKIP
