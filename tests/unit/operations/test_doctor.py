from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any, cast

import pytest

from daemon.domain.failure import FailureKind, UnreachableError
from daemon.operations.doctor import NAMES, DoctorReport, Outcome, Patient, State, examine
from daemon.operations.marker import OBJECT, Instance
from daemon.ports.database import CaptureProblem
from daemon.ports.salesforce import Limits, PositionLostError, Records, StreamEndedError
from tests.unit.operations.sides import (
    MARKER,
    NOW,
    OURS,
    Faults,
    KnownCatalogue,
    KnownConversions,
    KnownDatabase,
    KnownRecordIdentifiers,
    KnownRights,
    KnownRowIdentifiers,
    OneStream,
    StillClock,
    Told,
    configured,
    failure,
)
from tests.unit.settings.sample import ACCOUNT, OBJECTS, settings


async def ours() -> Instance:
    return OURS


def patient(**parts: Any) -> Patient:
    told: Told = parts.pop("told", Told())
    known = {
        "configured": configured(settings(), secrets=lambda: (), sandbox=False),
        "catalogue": KnownCatalogue({**OBJECTS, OBJECT: MARKER}),
        "database": KnownDatabase(),
        "clock": StillClock(),
        "records": cast("Records", told),
        "source": OneStream(),
        "rights": KnownRights(),
        "record_identifiers": KnownRecordIdentifiers(),
        "row_identifiers": KnownRowIdentifiers(),
        "instance": ours,
        "conversions": KnownConversions(),
    }
    return Patient(**{**known, **parts})


async def outcomes(
    *, only: tuple[str, ...] = (), skip: tuple[str, ...] = (), **parts: Any
) -> Mapping[str, Outcome]:
    report = await examine(patient(**parts), only=only, skip=skip, seconds=0.5)
    return {outcome.name: outcome for outcome in report.outcomes}


async def one(name: str, **parts: Any) -> Outcome:
    return (await outcomes(only=(name,), **parts))[name]


async def test_a_healthy_installation() -> None:
    told: list[Outcome] = []
    stream = OneStream()
    report = await examine(patient(source=stream), tell=told.append)
    assert tuple(outcome.name for outcome in report.outcomes) == NAMES
    assert report.count(State.OK) == len(NAMES), [o for o in report.outcomes if o.state is not State.OK]
    assert report.healthy
    assert tuple(told) == report.outcomes
    found = {outcome.name: outcome.found for outcome in told}
    assert found["postgres.reach"] == "reached in 4 ms, 18.1, role isthmus, TLS"
    assert found["salesforce.auth"] == "accepted as i@acme.com in Acme (00D)"
    assert found["postgres.capture"] == "capture is in place on crm.companies, crm.people"
    assert found["clock.offset"] == "0.3 s from Salesforce, 0.0 s from the database"
    assert stream.calls == ["open /data/ChangeEvents -1", "close"]


async def test_every_side_is_described_once() -> None:
    catalogue = KnownCatalogue()
    await examine(patient(catalogue=catalogue))
    assert sorted(catalogue.asked) == ["Account", "Contact", OBJECT]


async def test_only_and_skip_are_globs() -> None:
    assert set(await outcomes(only=("clock.*", "stream"))) == {"clock.offset", "stream"}
    assert set(await outcomes(only=("postgres",), skip=("*.r*",))) == {
        "postgres.schema",
        "postgres.tables",
        "postgres.capture",
    }


async def test_a_failed_ground_skips_what_stands_on_it_and_nothing_else() -> None:
    why = UnreachableError("PostgreSQL cannot be reached", "connection refused", "Start it.")
    found = await outcomes(database=KnownDatabase(faults=Faults({"facts": why})))
    assert found["postgres.reach"] == Outcome(
        "postgres.reach", State.FAIL, "PostgreSQL cannot be reached: connection refused", "Start it."
    )
    for name in ("postgres.schema", "postgres.tables", "postgres.capture", "salesforce.fields"):
        assert found[name] == Outcome(name, State.SKIP, "postgres.reach did not pass")
    for name in ("salesforce.auth", "salesforce.cdc", "stream", "clock.offset"):
        assert found[name].state is State.OK


async def test_every_kind_of_failure_is_an_outcome() -> None:
    for fault, said in (
        (failure(FailureKind.AUTHENTICATION, "INVALID_SESSION_ID"), "INVALID_SESSION_ID: no"),
        (KeyError("x"), "the check itself failed: KeyError: 'x'"),
    ):
        found = await outcomes(catalogue=KnownCatalogue(faults=Faults({"organisation": fault})))
        assert (found["salesforce.auth"].state, found["salesforce.auth"].found) == (State.FAIL, said)
        assert found["salesforce.auth"].fix
        assert found["stream"].state is State.SKIP
        assert found["postgres.schema"].state is State.OK


async def test_a_check_that_hangs_is_cut_off() -> None:
    hanging = KnownCatalogue(faults=Faults({"versions": "hang"}))
    report = await examine(patient(catalogue=hanging), only=("salesforce.reach", "clock"), seconds=0.01)
    assert [outcome.state for outcome in report.outcomes] == [State.FAIL, State.OK]
    assert report.outcomes[0].found == "no answer within 0.01 s"
    assert not report.healthy


@pytest.mark.parametrize(
    ("migrations", "state", "said", "fix"),
    [
        ((0, 3), State.FAIL, "there is no schema isthmus", "Run: isthmus migrate up"),
        ((2, 3), State.FAIL, "schema isthmus at migration 2 of 3", "Run: isthmus migrate up"),
        ((4, 3), State.FAIL, "schema isthmus at migration 4 of 3: it is newer than this program", "Install the version that migrated it."),
    ],
)  # fmt: skip
async def test_the_schema(migrations: tuple[int, int], state: State, said: str, fix: str) -> None:
    found = await one("postgres.schema", database=KnownDatabase(migrations=migrations))
    assert found == Outcome("postgres.schema", state, said, fix)


async def test_capture() -> None:
    wrong = CaptureProblem(
        "people", "crm.people", "has no trigger", "Run: isthmus capture install --step people"
    )
    found = await one("postgres.capture", database=KnownDatabase(wrong=[wrong, wrong]))
    assert found.found == "people: crm.people: has no trigger (and 1 more)"
    assert found.fix == wrong.fix
    found = await one("postgres.capture", catalogue=KnownCatalogue(objects={}))
    assert (found.state, found.found) == (State.SKIP, "the configuration does not fit both sides yet")


async def test_remarks_are_told_by_their_area() -> None:
    fields = {
        **ACCOUNT.fields,
        "Company_Key__c": replace(ACCOUNT.fields["Company_Key__c"], unique=False),
        "Type": replace(ACCOUNT.fields["Type"], createable=False, updateable=False),
    }
    objects = {**OBJECTS, "Account": replace(ACCOUNT, fields=fields, updateable=False)}
    found = await outcomes(catalogue=KnownCatalogue(objects=objects))
    assert found["salesforce.fields"].state is State.WARN
    assert (
        "the integration user cannot edit Account.Type: it is only pulled" in found["salesforce.fields"].found
    )
    assert found["salesforce.objects"].state is State.FAIL
    assert found["salesforce.external_ids"].state is State.WARN
    assert "(and 1 more: isthmus config check)" in found["salesforce.external_ids"].found
    assert found["postgres.tables"].state is State.OK
    assert found["config.mapping"].state is State.OK


async def test_secrets_are_a_part_of_the_configuration() -> None:
    found = await one("config", configured=configured(settings()))
    assert found.state is State.FAIL
    assert "salesforce.auth.private_key: there is no credential sf_private_key" in found.found


async def test_the_wrong_org_is_refused() -> None:
    org = {"id": "00D", "name": "Acme", "username": "i@acme.com", "is_sandbox": "true"}
    found = await one("salesforce.auth", catalogue=KnownCatalogue(org=org))
    assert found.state is State.FAIL
    assert found.found.startswith("Acme (00D) is a sandbox, and salesforce.environment says production: ")
    assert "write salesforce.environment: sandbox" in found.fix


async def test_version_reach_and_capture_of_changes() -> None:
    assert (await one("salesforce.reach", catalogue=KnownCatalogue(served=()))).state is State.FAIL
    assert (
        await one("salesforce.version", catalogue=KnownCatalogue(served=("50.0",)))
    ).fix == 'write api_version: "50.0"'
    assert (await one("salesforce.cdc", catalogue=KnownCatalogue(captured=frozenset()))).state is State.FAIL
    assert (await one("salesforce.cdc", catalogue=KnownCatalogue(captured=None))).state is State.WARN


@pytest.mark.parametrize(
    ("limits", "state"),
    [
        (None, State.SKIP),
        (Limits(0, 0), State.SKIP),
        (Limits(799, 1000), State.OK),
        (Limits(800, 1000), State.WARN),
        (Limits(980, 1000), State.FAIL),
    ],
)
async def test_the_budget(limits: Limits | None, state: State) -> None:
    assert (await one("salesforce.budget", told=Told(limits=limits))).state is state
    assert (await one("salesforce.budget", records=None)).state is State.SKIP


@pytest.mark.parametrize(("seconds", "state"), [(2.0, State.OK), (-3.0, State.WARN), (61.0, State.FAIL)])
async def test_clocks(seconds: float, state: State) -> None:
    assert (await one("clock.offset", told=Told(clock_offset=seconds))).state is state
    database = KnownDatabase(now=NOW + timedelta(seconds=seconds - 0.002))
    found = await outcomes(
        only=("postgres.reach", "clock.offset"), database=database, told=Told(clock_offset=None)
    )
    assert found["clock.offset"].state is state
    assert (await one("clock.offset", records=None)).state is State.SKIP


async def test_the_stream_is_left_whatever_happens() -> None:
    ended = StreamEndedError("handshake", failure(code="403").failure)
    for fault in (ended, PositionLostError("gone"), OSError("reset")):
        stream = OneStream(fault=fault)
        found = await one("stream", source=stream)
        assert found.state is State.FAIL
        assert stream.calls[-1] == "close"
    assert (await one("stream", source=None)).state is State.SKIP


def test_a_report_counts() -> None:
    report = DoctorReport((Outcome("a", State.OK, ""), Outcome("b", State.FAIL, "")))
    assert (report.count(State.OK), report.healthy) == (1, False)
