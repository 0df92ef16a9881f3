from dataclasses import replace

import pytest

from daemon.domain.failure import CallFailedError, UnreachableError
from daemon.operations import check as module
from daemon.operations.check import capture_told, check
from daemon.operations.finding import Finding, Level
from tests.unit.operations.sides import (
    Faults,
    KnownCatalogue,
    KnownConversions,
    KnownDatabase,
    configured,
    failure,
)
from tests.unit.settings.sample import ACCOUNT, NAME, OBJECTS, line_of, settings


def nothing() -> tuple[()]:
    return ()


READY = configured(settings(), secrets=nothing)


async def test_what_fits_passes() -> None:
    catalogue = KnownCatalogue()
    report = await check(READY, catalogue, KnownDatabase(), KnownConversions())
    assert report.passed(strict=True)
    assert report.steps is not None
    assert [finding.what for finding in report.findings] == [
        "API version 62.0 is served",
        "selected for Change Data Capture: Account, Contact",
        "2 steps with 6 fields fit both sides",
    ]
    assert catalogue.asked == ["Account", "Contact"]


async def test_problems_come_first_each_with_its_place() -> None:
    change = ("postgres: last_name", "postgres: lastname")
    text = configured(settings(change))
    catalogue = KnownCatalogue(served=("50.0", "51.0"), captured=frozenset({"Contact"}))
    report = await check(text, catalogue, KnownDatabase(), KnownConversions())
    assert not report.passed()
    assert report.steps is None
    assert [finding.what for finding in report.of(Level.PROBLEM)][2:] == [
        "crm.people has no column lastname",
        "the org does not serve API version 62.0",
        "Account: not selected for Change Data Capture, so no change of it arrives",
    ]
    secret, _, column, version, capture = report.of(Level.PROBLEM)
    assert secret.where == f"{NAME}:{line_of('sf_private_key')}"
    assert (column.where, column.fix) == (f"{NAME}:{line_of('lastname', change)}", "did you mean last_name?")
    assert column.path == "steps[people].fields[0].postgres"
    assert version.fix == 'write api_version: "51.0"'
    assert capture.fix == "Setup > Integrations > Change Data Capture: select Account"


async def test_a_warning_passes_unless_strict() -> None:
    objects = {**OBJECTS, "Account": replace(ACCOUNT, deletable=False)}
    report = await check(READY, KnownCatalogue(objects=objects), KnownDatabase(), KnownConversions())
    assert report.findings[0].level is Level.WARNING
    assert report.findings[0].about == "salesforce.objects"
    assert report.passed()
    assert not report.passed(strict=True)


async def test_who_may_not_ask_is_only_warned() -> None:
    report = await check(READY, KnownCatalogue(captured=None), KnownDatabase(), KnownConversions())
    assert report.of(Level.WARNING) == (
        Finding(
            Level.WARNING,
            "this user may not see which objects are selected for Change Data Capture",
            "look at Setup > Integrations > Change Data Capture, or grant View Setup and Configuration",
            about="salesforce.cdc",
        ),
    )


@pytest.mark.parametrize("call", ["describe", "versions", "captured_objects"])
async def test_a_side_that_cannot_be_asked_is_not_called_wrong(call: str) -> None:
    catalogue = KnownCatalogue(faults=Faults({call: failure()}))
    with pytest.raises(CallFailedError):
        await check(READY, catalogue, KnownDatabase(), KnownConversions())


async def test_a_side_that_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "DEADLINE", 0.01)
    with pytest.raises(UnreachableError) as caught:
        await check(
            READY, KnownCatalogue(), KnownDatabase(faults=Faults({"table": "hang"})), KnownConversions()
        )
    assert caught.value.what == "PostgreSQL does not answer"
    assert caught.value.exit_status == 69


@pytest.mark.requirement("S1-46")
async def test_an_object_of_which_salesforce_tells_nothing_is_refused_with_those_that_it_does_tell_of() -> (
    None
):
    offered = frozenset({"Account", "Campaign", "Lead"})
    catalogue = KnownCatalogue(captured=frozenset({"Account"}), offered=offered)
    report = await check(READY, catalogue, KnownDatabase(), KnownConversions())
    [refused] = report.of(Level.PROBLEM)
    assert refused.what == "Contact: Salesforce sends no change events of it, so it cannot be pulled"
    assert "Account, Campaign, Lead; every custom object has" in refused.fix
    assert "select" not in refused.fix
    assert not report.passed()


@pytest.mark.parametrize("offered", [frozenset({"Account", "Contact"}), None])
async def test_an_object_that_can_be_selected_is_to_be_selected(offered: frozenset[str] | None) -> None:
    catalogue = KnownCatalogue(captured=frozenset({"Account"}), offered=offered)
    [found] = (await check(READY, catalogue, KnownDatabase(), KnownConversions())).of(Level.PROBLEM)
    assert found.fix == "Setup > Integrations > Change Data Capture: select Contact"


async def test_custom_objects_all_have_change_events() -> None:
    catalogue = KnownCatalogue(captured=frozenset(), offered=frozenset({"Account"}))
    found = await capture_told(catalogue, frozenset({"Plan__c"}))
    assert [each.fix for each in found] == ["Setup > Integrations > Change Data Capture: select Plan__c"]
    assert catalogue.asked == []
