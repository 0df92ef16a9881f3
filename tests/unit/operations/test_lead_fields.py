"""Whether the org's conversion of leads keeps their External ID, as the check and the doctor tell it."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from daemon.domain.mapping import IdentifyKind, Steps
from daemon.operations.check import check
from daemon.operations.doctor import State
from daemon.operations.finding import Finding, Level
from daemon.operations.lead_fields import ABOUT, lead_field_findings
from daemon.ports.conversions import Converted, HandedOn
from daemon.settings.load import loads
from daemon.settings.resolve import resolve
from tests.unit.operations.sides import KnownCatalogue, KnownConversions, KnownDatabase, configured
from tests.unit.operations.test_doctor import one
from tests.unit.settings.sample import an_object, settings
from tests.unit.settings.sample import field as described
from tests.unit.settings.test_destinations import CRM_PEOPLE, HEAD, KEY, LAST, STEP

PEOPLE = HEAD + STEP[: STEP.index("  - name: calls")]
COMPANY = described("Company", nillable=False)
TABLES = {"crm.people": CRM_PEOPLE}


def family(becomes: str) -> tuple[Any, Any]:
    """The settings of one family, and the objects that it is about."""
    text = PEOPLE.replace("object: Contact", f"object: {becomes}")
    return loads(text, {}), {
        becomes: an_object(becomes, LAST, KEY),
        "Lead": an_object("Lead", LAST, KEY, COMPANY),
    }


def steps_of(becomes: str = "Contact") -> Steps:
    given, objects = family(becomes)
    found = resolve(given, objects, TABLES)
    assert found.steps is not None, [str(each) for each in found.problems]
    return found.steps


async def said(conversions: KnownConversions, becomes: str = "Contact") -> Finding:
    [finding] = await lead_field_findings(steps_of(becomes), conversions)
    assert finding.about == ABOUT
    return finding


def seen(*held: str | None) -> Sequence[Converted]:
    """Converted leads whose value is `k`, with what the record of each holds; the newest first."""
    return [Converted(f"00Q{n}", f"003{n}", "k", value) for n, value in enumerate(held)]


BOTH = ("Contact", "Account")


@pytest.mark.requirement("S4-27")
@pytest.mark.parametrize("becomes", BOTH)
async def test_a_mapping_that_hands_it_on_is_told(becomes: str) -> None:
    org = KnownConversions(
        frozenset({HandedOn("Key__c", becomes, "Key__c"), HandedOn("A__c", "Contact", "B__c")})
    )
    found = await said(org, becomes)
    assert found.level is Level.OK
    assert found.what == f"them_lead: a conversion hands Lead.Key__c on to {becomes}.Key__c"
    assert org.asked == ["mapping"]


@pytest.mark.requirement("S4-27")
@pytest.mark.parametrize("becomes", BOTH)
@pytest.mark.parametrize(
    ("handed", "instead"),
    [
        (frozenset(), ""),
        ({("Key__c", "Opportunity", "Key__c")}, ""),
        ({("Other__c", None, "Key__c")}, ""),
        ({("Key__c", None, "Legacy__c")}, " (it goes to {becomes}.Legacy__c)"),
    ],
)
async def test_a_mapping_that_lacks_it_is_a_problem_that_names_the_field_and_the_page(
    becomes: str, handed: set[tuple[str, str | None, str]], instead: str
) -> None:
    org = KnownConversions(frozenset(HandedOn(lead, to or becomes, field) for lead, to, field in handed))
    found = await said(org, becomes)
    assert found.level is Level.PROBLEM
    lacking = f"a conversion does not hand Lead.Key__c on to {becomes}.Key__c"
    assert found.what == f"them_lead: {lacking}{instead.format(becomes=becomes)}"
    page = "Setup > Object Manager > Lead > Fields & Relationships > Map Lead Fields"
    assert found.fix == f"{page}: map Lead.Key__c to {becomes}.Key__c"


async def test_the_mapping_of_the_other_object_does_not_count() -> None:
    org = KnownConversions(frozenset({HandedOn("Key__c", "Account", "Key__c")}))
    assert (await said(org, "Contact")).level is Level.PROBLEM


@pytest.mark.requirement("S4-27")
@pytest.mark.parametrize(
    ("held", "level", "told"),
    [
        (("K", "k"), Level.OK, "on to Contact.Key__c, as 2 converted leads show"),
        (("k",), Level.OK, "on to Contact.Key__c, as 1 converted lead shows"),
        (("own", "k", None, None), Level.OK, "on to Contact.Key__c (2 older of 3 converted leads did not)"),
        (
            ("own", None, "k", None),
            Level.PROBLEM,
            "does not hand Lead.Key__c on to Contact.Key__c: 2 of 3 converted leads lost it, such as 00Q1, which became 0031",
        ),
        (
            (),
            Level.WARNING,
            'the permission "Modify Metadata Through Metadata API Functions", and no converted lead',
        ),
        (("own",), Level.WARNING, "is not known"),
    ],
)
async def test_without_the_permission_the_newest_converted_leads_tell(
    held: tuple[str | None, ...], level: Level, told: str
) -> None:
    org = KnownConversions(None, seen(*held))
    found = await said(org)
    assert found.level is level
    assert told in found.what
    assert org.asked == ["mapping", "newest 200 Contact.Key__c"]
    assert ("Map Lead Fields" in found.fix) is (level is not Level.OK)


async def test_nothing_is_asked_without_such_a_step() -> None:
    org = KnownConversions()
    contacts = [step for step in steps_of().ordered if step.object == "Contact"]
    by_id = [
        replace(
            step,
            identify=tuple(
                replace(rule, salesforce="Id", kind=IdentifyKind.SALESFORCE_ID) for rule in step.identify
            ),
        )
        for step in steps_of().ordered
    ]
    for steps in (contacts, by_id):
        assert await lead_field_findings(Steps(tuple(steps)), org) == []
    assert org.asked == []


async def test_a_field_that_no_mapping_can_name_is_looked_for_in_the_leads() -> None:
    """The org's settings name custom fields alone."""
    renamed = [
        replace(step, identify=tuple(replace(rule, salesforce="Email") for rule in step.identify))
        for step in steps_of().ordered
    ]
    org = KnownConversions(frozenset(), seen("k"))
    [found] = await lead_field_findings(Steps(tuple(renamed)), org)
    assert (found.level, org.asked[-1]) == (Level.OK, "newest 200 Contact.Email")


@pytest.mark.requirement("S4-27")
@pytest.mark.parametrize("becomes", BOTH)
async def test_config_check_fails_for_it_and_passes_with_it(becomes: str) -> None:
    given, objects = family(becomes)
    ready = configured(given, secrets=lambda: ())
    sides = KnownCatalogue(objects=objects), KnownDatabase(tables=TABLES)
    report = await check(ready, *sides, KnownConversions())
    assert [found.about for found in report.of(Level.PROBLEM)] == [ABOUT]
    assert not report.passed()
    mapped = KnownConversions(frozenset({HandedOn("Key__c", becomes, "Key__c")}))
    assert (await check(ready, *sides, mapped)).passed()


@pytest.mark.requirement("S4-27")
async def test_the_doctor_fails_for_it_and_passes_with_it() -> None:
    given, objects = family("Contact")
    parts: dict[str, Any] = {
        "configured": configured(given, secrets=lambda: (), sandbox=False),
        "catalogue": KnownCatalogue(objects=objects),
        "database": KnownDatabase(tables=TABLES),
    }
    lacking = await one(ABOUT, **parts, conversions=KnownConversions())
    assert (lacking.state, "map Lead.Key__c to Contact.Key__c" in lacking.fix) == (State.FAIL, True)
    handed = KnownConversions(frozenset({HandedOn("Key__c", "Contact", "Key__c")}))
    assert (await one(ABOUT, **parts, conversions=handed)).state is State.OK
    assert (await one(ABOUT, **parts, conversions=None)).state is State.SKIP


async def test_the_doctor_has_nothing_to_ask_of_other_steps() -> None:
    org = KnownConversions()
    found = await one(ABOUT, configured=configured(settings(), secrets=lambda: ()), conversions=org)
    assert (found.state, org.asked) == (State.OK, [])
