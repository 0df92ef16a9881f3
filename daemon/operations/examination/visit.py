"""One examination: whom the doctor looks at, what was learned on the way, and what becomes of a check."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from daemon.operations.check import (
    Configured,
    Objects,
    Resolved,
    Tables,
    described_objects,
    described_tables,
    remark,
)
from daemon.operations.finding import Finding, Level
from daemon.operations.marker import Instance
from daemon.ports.clock import Clock
from daemon.ports.conversions import Conversions
from daemon.ports.database import Database, ServerFacts
from daemon.ports.identifiers import RecordIdentifiers, RowIdentifiers
from daemon.ports.rights import Caller, Rights
from daemon.ports.salesforce import Catalogue, ChangeSource, Records


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
class Patient:
    """What is examined. A part that is None is not at hand, and its checks are skipped."""

    configured: Configured
    catalogue: Catalogue
    database: Database
    clock: Clock
    records: Records | None = None
    source: ChangeSource | None = None
    rights: Rights | None = None
    record_identifiers: RecordIdentifiers | None = None
    row_identifiers: RowIdentifiers | None = None
    instance: Callable[[], Awaitable[Instance]] | None = None
    conversions: Conversions | None = None


class SkipError(Exception):
    """There is nothing to examine."""


@dataclass(slots=True)
class Visit:
    """One examination: what was learned in it is asked for once."""

    patient: Patient
    seconds: float
    facts: ServerFacts | None = None
    _objects: Objects | None = None
    _tables: Tables | None = None
    _caller: Caller | None = None
    outcomes: dict[str, Outcome] = field(default_factory=dict)

    async def objects(self) -> Objects:
        if self._objects is None:
            self._objects = await described_objects(self.patient.catalogue, self.patient.configured.objects)
        return self._objects

    async def caller(self) -> Caller:
        if self.patient.rights is None:
            raise SkipError("the org is not asked who we are there")
        if self._caller is None:
            self._caller = await self.patient.rights.caller()
        return self._caller

    async def tables(self) -> Tables:
        if self._tables is None:
            self._tables = await described_tables(self.patient.database, self.patient.configured.tables)
        return self._tables

    async def resolved(self) -> Resolved:
        return self.patient.configured.resolve(await self.objects(), await self.tables())


Result = tuple[State, str, str]
Check = Callable[[Visit], Awaitable[Result]]


def worst(findings: Sequence[Finding], otherwise: str, see: str = "isthmus config check") -> Result:
    """The findings of one area as one outcome: the worst in full, the others by number and where to `see` them."""
    for level, state in ((Level.PROBLEM, State.FAIL), (Level.WARNING, State.WARN)):
        found = [finding for finding in findings if finding.level is level]
        if found:
            first = found[0]
            place = f"{first.where}: {first.path}: " if first.where else ""
            more = f" (and {len(found) - 1} more: {see})" if len(found) > 1 else ""
            return state, f"{place}{first.what}{more}", first.fix
    return State.OK, findings[0].what if findings else otherwise, ""


def _remarks(resolved: Resolved, about: str) -> list[Finding]:
    problems = [remark(Level.PROBLEM, found) for found in resolved.problems if found.about == about]
    return problems + [remark(Level.WARNING, found) for found in resolved.warnings if found.about == about]


def area(about: str, otherwise: str) -> Check:
    async def examination(visit: Visit) -> Result:
        return worst(_remarks(await visit.resolved(), about), otherwise)

    return examination
