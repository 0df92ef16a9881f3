from dataclasses import replace

import pytest

from daemon.domain.failure import CallFailedError, UnreachableError
from daemon.operations import check as module
from daemon.operations.check import Finding, Level, check
from tests.unit.operations.sides import Faults, KnownCatalogue, KnownDatabase, configured, failure
from tests.unit.settings.sample import ACCOUNT, NAME, OBJECTS, line_of, settings


def nothing() -> tuple[()]:
    return ()


READY = configured(settings(), secrets=nothing)


async def test_what_fits_passes() -> None:
    catalogue = KnownCatalogue()
    report = await check(READY, catalogue, KnownDatabase())
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
    report = await check(text, catalogue, KnownDatabase())
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
    report = await check(READY, KnownCatalogue(objects=objects), KnownDatabase())
    assert report.findings[0].level is Level.WARNING
    assert report.findings[0].about == "salesforce.objects"
    assert report.passed()
    assert not report.passed(strict=True)


async def test_who_may_not_ask_is_only_warned() -> None:
    report = await check(READY, KnownCatalogue(captured=None), KnownDatabase())
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
        await check(READY, catalogue, KnownDatabase())


async def test_a_side_that_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "DEADLINE", 0.01)
    with pytest.raises(UnreachableError) as caught:
        await check(READY, KnownCatalogue(), KnownDatabase(faults=Faults({"table": "hang"})))
    assert caught.value.what == "PostgreSQL does not answer"
    assert caught.value.exit_status == 69
