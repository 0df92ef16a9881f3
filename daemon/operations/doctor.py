"""`isthmus doctor`: is everything that a run needs in place, and if not, what mends it?

Every check has a name, a deadline and one outcome, and none stops another: a check whose ground is missing (no tables where
PostgreSQL was not reached) is skipped and says why. Nothing is written on either side.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Final

from daemon.domain.failure import CallFailedError, IsthmusError
from daemon.operations.check import (
    Configured,
    Finding,
    Level,
    Objects,
    Resolved,
    Tables,
    capture_findings,
    described_objects,
    described_tables,
    remark,
    version_finding,
)
from daemon.ports.clock import Clock
from daemon.ports.database import Database, ServerFacts
from daemon.ports.salesforce import (
    FROM_NOW,
    Catalogue,
    ChangeSource,
    PositionLostError,
    Records,
    StreamEndedError,
)

CHECK_SECONDS: Final = 20.0
OFFSET_WARN: Final = (
    2.0  # seconds; the offset to Salesforce is corrected, but beyond this ties become wrong winners
)
OFFSET_FAIL: Final = 60.0  # a JWT lives for minutes
BUDGET_WARN: Final = 0.80
BUDGET_FAIL: Final = 0.98


class State(StrEnum):
    """What became of a check."""

    OK = "ok"
    WARN = "warn"
    FAIL = "FAIL"
    SKIP = "skip"


@dataclass(frozen=True, slots=True)
class Outcome:
    """One check: what was found, and what to do about it unless it is ok."""

    name: str
    state: State
    found: str
    fix: str = ""


@dataclass(frozen=True, slots=True)
class DoctorReport:
    """All checks in their order."""

    outcomes: tuple[Outcome, ...]

    def count(self, state: State) -> int:
        """How many checks ended so."""
        return sum(outcome.state is state for outcome in self.outcomes)

    @property
    def healthy(self) -> bool:
        """Whether no check failed."""
        return self.count(State.FAIL) == 0


@dataclass(frozen=True, slots=True)
class Patient:
    """What is examined. A part that is None is not at hand, and its checks are skipped."""

    configured: Configured
    catalogue: Catalogue
    database: Database
    clock: Clock
    records: Records | None = None
    source: ChangeSource | None = None


class _SkipError(Exception):
    """There is nothing to examine."""


@dataclass(slots=True)
class _Visit:
    """One examination: what was learned in it is asked for once."""

    patient: Patient
    seconds: float
    facts: ServerFacts | None = None
    _objects: Objects | None = None
    _tables: Tables | None = None
    outcomes: dict[str, Outcome] = field(default_factory=dict)

    async def objects(self) -> Objects:
        if self._objects is None:
            self._objects = await described_objects(self.patient.catalogue, self.patient.configured.objects)
        return self._objects

    async def tables(self) -> Tables:
        if self._tables is None:
            self._tables = await described_tables(self.patient.database, self.patient.configured.tables)
        return self._tables

    async def resolved(self) -> Resolved:
        return self.patient.configured.resolve(await self.objects(), await self.tables())


_Result = tuple[State, str, str]
_Check = Callable[[_Visit], Awaitable[_Result]]


async def examine(
    patient: Patient,
    *,
    only: Sequence[str] = (),
    skip: Sequence[str] = (),
    seconds: float = CHECK_SECONDS,
    tell: Callable[[Outcome], None] = lambda outcome: None,
) -> DoctorReport:
    """Run every check whose name matches one of `only` (all, if empty) and none of `skip`; both are globs.

    `seconds` bounds each check. `tell` is called with every outcome as soon as it is known.
    """
    visit = _Visit(patient, seconds)
    for name, (needs, examination) in _CHECKS.items():
        if (only and not _matches(name, only)) or _matches(name, skip):
            continue
        outcome = await _outcome(name, needs, examination, visit)
        visit.outcomes[name] = outcome
        tell(outcome)
    return DoctorReport(tuple(visit.outcomes.values()))


def _matches(name: str, globs: Sequence[str]) -> bool:
    return any(fnmatchcase(name, glob) or fnmatchcase(name, f"{glob}.*") for glob in globs)


async def _outcome(name: str, needs: Sequence[str], examination: _Check, visit: _Visit) -> Outcome:
    for needed in needs:
        ground = visit.outcomes.get(needed)
        if ground is not None and ground.state in {State.FAIL, State.SKIP}:
            return Outcome(name, State.SKIP, f"{needed} did not pass")
    try:
        async with asyncio.timeout(visit.seconds):
            return Outcome(name, *await examination(visit))
    except TimeoutError:
        fix = "Check the network and the load of the other side."
        return Outcome(name, State.FAIL, f"no answer within {visit.seconds:g} s", fix)
    except _SkipError as nothing:
        return Outcome(name, State.SKIP, str(nothing))
    except IsthmusError as error:
        return Outcome(name, State.FAIL, f"{error.what}: {error.why}", error.fix)
    except CallFailedError as error:
        failure = error.failure
        return Outcome(name, State.FAIL, f"{failure.code}: {failure.message}", failure.advice)
    except Exception as error:  # noqa: BLE001 - told as an outcome; one defect must not hide what the other checks find
        found = f"the check itself failed: {type(error).__name__}: {error}"
        return Outcome(name, State.FAIL, found, "Report this with the output of `isthmus doctor --debug`.")


def _worst(findings: Sequence[Finding], otherwise: str) -> _Result:
    """The findings of one area as one outcome: the worst in full, the others by number."""
    for level, state in ((Level.PROBLEM, State.FAIL), (Level.WARNING, State.WARN)):
        found = [finding for finding in findings if finding.level is level]
        if found:
            first = found[0]
            place = f"{first.where}: {first.path}: " if first.where else ""
            more = f" (and {len(found) - 1} more: isthmus config check)" if len(found) > 1 else ""
            return state, f"{place}{first.what}{more}", first.fix
    return State.OK, findings[0].what if findings else otherwise, ""


def _remarks(resolved: Resolved, about: str) -> list[Finding]:
    problems = [remark(Level.PROBLEM, found) for found in resolved.problems if found.about == about]
    return problems + [remark(Level.WARNING, found) for found in resolved.warnings if found.about == about]


async def _config(visit: _Visit) -> _Result:
    configured = visit.patient.configured
    findings = [remark(Level.PROBLEM, found) for found in configured.secrets()]
    return _worst(findings, f"{configured.steps} steps, every secret readable")


def _area(about: str, otherwise: str) -> _Check:
    async def examination(visit: _Visit) -> _Result:
        return _worst(_remarks(await visit.resolved(), about), otherwise)

    return examination


async def _postgres_reach(visit: _Visit) -> _Result:
    facts = await visit.patient.database.facts()
    visit.facts = facts
    tls = "TLS" if facts.tls else "no TLS"
    found = f"reached in {facts.round_trip * 1000:.0f} ms, {facts.version}, role {facts.user}, {tls}"
    return State.OK, found, ""


async def _postgres_schema(visit: _Visit) -> _Result:
    applied, newest = await visit.patient.database.schema_version()
    found = f"schema isthmus at migration {applied} of {newest}"
    if applied > newest:
        return State.FAIL, f"{found}: it is newer than this program", "Install the version that migrated it."
    if applied < newest:
        return State.FAIL, found if applied else "there is no schema isthmus", "Run: isthmus migrate up"
    return State.OK, found, ""


async def _postgres_capture(visit: _Visit) -> _Result:
    steps = (await visit.resolved()).steps
    if steps is None:
        raise _SkipError("the configuration does not fit both sides yet")
    problems = await visit.patient.database.capture_check(steps.ordered)
    if problems:
        first = problems[0]
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        return State.FAIL, f"{first.step}: {first.table}: {first.what}{more}", first.fix
    tables = sorted({step.table.qualified for step in steps.ordered})
    return State.OK, f"capture is in place on {', '.join(tables)}", ""


async def _salesforce_reach(visit: _Visit) -> _Result:
    versions = await visit.patient.catalogue.versions()
    if not versions:
        return State.FAIL, "something answers, but serves no API version", "Check salesforce.domain."
    return State.OK, f"reached, serves API versions {versions[0]} to {versions[-1]}", ""


async def _salesforce_auth(visit: _Visit) -> _Result:
    org = await visit.patient.catalogue.organisation()
    found = f"accepted as {org.get('username', '?')} in {org.get('name', '?')} ({org.get('id', '?')})"
    expected, told = visit.patient.configured.sandbox, org.get("is_sandbox", "").lower()
    if expected is not None and told in {"true", "false"} and (told == "true") is not expected:
        actual = "a sandbox" if told == "true" else "no sandbox"
        fix = "Check salesforce.domain and salesforce.environment before anything is written."
        return State.FAIL, f"{found}, which is {actual}", fix
    return State.OK, found, ""


async def _salesforce_version(visit: _Visit) -> _Result:
    served = await visit.patient.catalogue.versions()
    return _worst([version_finding(visit.patient.configured.api_version, served)], "")


async def _salesforce_cdc(visit: _Visit) -> _Result:
    captured = await visit.patient.catalogue.captured_objects()
    return _worst(capture_findings(visit.patient.configured.pulled, captured), "")


async def _salesforce_budget(visit: _Visit) -> _Result:
    records = visit.patient.records
    limits = records.limits if records is not None else None
    if limits is None or limits.limit <= 0:
        raise _SkipError("no answer of the org has told its allowance yet")
    found = f"{limits.used:,} of {limits.limit:,} API calls used in 24 hours"
    share = limits.used / limits.limit
    if share >= BUDGET_WARN:
        fix = "See Setup > System Overview for who uses them; buy more, or wait for the window to move on."
        return (State.FAIL if share >= BUDGET_FAIL else State.WARN), found, fix
    return State.OK, found, ""


async def _clock_offset(visit: _Visit) -> _Result:
    patient = visit.patient
    offsets: dict[str, float] = {}
    if patient.records is not None and patient.records.clock_offset is not None:
        offsets["Salesforce"] = patient.records.clock_offset
    if visit.facts is not None:
        facts = await patient.database.facts()
        offsets["the database"] = (facts.now - patient.clock.now()).total_seconds() + facts.round_trip / 2
    if not offsets:
        raise _SkipError("neither side has told its time")
    found = ", ".join(f"{abs(seconds):.1f} s from {side}" for side, seconds in offsets.items())
    worst = max(abs(seconds) for seconds in offsets.values())
    if worst > OFFSET_WARN:
        fix = "Let a time service (chrony, systemd-timesyncd) set the clock of this machine and of the database."
        return (State.FAIL if worst > OFFSET_FAIL else State.WARN), found, fix
    return State.OK, found, ""


async def _stream(visit: _Visit) -> _Result:
    source, channel = visit.patient.source, visit.patient.configured.channel
    if source is None:
        raise _SkipError("no stream is at hand")
    try:
        await source.open(channel, FROM_NOW)
    except StreamEndedError as ended:
        return State.FAIL, f"{channel}: {ended}", ended.failure.advice
    except PositionLostError as lost:
        return State.FAIL, f"{channel}: {lost}", "Try again; new events alone were asked for."
    finally:
        await source.close()
    return State.OK, f"subscribed to {channel} over {source.transport}, and left again", ""


_BOTH: Final = ("postgres.reach", "salesforce.auth")

# Name, what must have passed before (if it was run), and the check.
_CHECKS: Final[Mapping[str, tuple[Sequence[str], _Check]]] = {
    "config": ((), _config),
    "postgres.reach": ((), _postgres_reach),
    "postgres.schema": (("postgres.reach",), _postgres_schema),
    "salesforce.reach": ((), _salesforce_reach),
    "salesforce.auth": (("salesforce.reach",), _salesforce_auth),
    "salesforce.version": (("salesforce.reach",), _salesforce_version),
    "config.mapping": (_BOTH, _area("config", "every rule fits both sides")),
    "postgres.tables": (_BOTH, _area("postgres.tables", "every table, column and type fits")),
    "postgres.rights": (_BOTH, _area("postgres.rights", "the role may read and write what the steps need")),
    "postgres.capture": ((*_BOTH, "postgres.schema"), _postgres_capture),
    "salesforce.objects": (_BOTH, _area("salesforce.objects", "every object may be read and written")),
    "salesforce.fields": (_BOTH, _area("salesforce.fields", "every field may be read and written")),
    "salesforce.external_ids": (_BOTH, _area("salesforce.external_ids", "creates can be repeated safely")),
    "salesforce.cdc": (("salesforce.auth",), _salesforce_cdc),
    "salesforce.budget": (("salesforce.auth",), _salesforce_budget),
    "clock.offset": ((), _clock_offset),
    "stream": (("salesforce.auth",), _stream),
}

NAMES: Final = tuple(_CHECKS)
