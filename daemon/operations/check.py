"""`isthmus config check`: does the configuration fit what both sides are today?

Nothing is written anywhere. What the configuration itself says comes in as a value, so this knows no file and no format.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, Protocol, TypeVar

from daemon.domain.failure import UnreachableError
from daemon.domain.filter import Filter
from daemon.domain.mapping import Step, Steps
from daemon.operations.finding import Finding, Level
from daemon.operations.lead_fields import lead_field_findings
from daemon.ports.conversions import Conversions
from daemon.ports.database import Database, TableDescription
from daemon.ports.salesforce import Catalogue, ObjectDescription

_T = TypeVar("_T")

DEADLINE: Final = 30.0  # seconds for one question to one side

Objects = Mapping[str, ObjectDescription]
Tables = Mapping[str, TableDescription]


class Remark(Protocol):
    """Something about the configuration: where it stands, what it is, what to do, and which area it belongs to."""

    @property
    def where(self) -> str:
        """`file:line`."""
        ...

    @property
    def path(self) -> str:
        """The way to the value in the file."""
        ...

    @property
    def what(self) -> str:
        """One sentence."""
        ...

    @property
    def fix(self) -> str:
        """What to write or do."""
        ...

    @property
    def about(self) -> str:
        """The dotted name of the doctor's check that it belongs to."""
        ...


class Resolved(Protocol):
    """What became of the configuration when it was held against both sides."""

    @property
    def steps(self) -> Steps | None:
        """The steps, or None where there are problems."""
        ...

    @property
    def problems(self) -> Sequence[Remark]:
        """What forbids a start."""
        ...

    @property
    def warnings(self) -> Sequence[Remark]:
        """What will surprise."""
        ...


@dataclass(frozen=True, slots=True)
class Configured:
    """The configuration, as far as checking it needs to know it.

    `objects` and `tables` are the names to be described; `pulled` are the objects whose changes must arrive. `sandbox`
    is whether the org is said to be one, None if it does not matter. `resolve` is pure; `secrets` tries every secret.
    """

    steps: int
    objects: Sequence[str]
    tables: Sequence[str]
    pulled: frozenset[str]
    api_version: str
    resolve: Callable[[Objects, Tables], Resolved]
    secrets: Callable[[], Sequence[Remark]]
    channel: str = "/data/ChangeEvents"
    sandbox: bool | None = None


@dataclass(frozen=True, slots=True)
class CheckReport:
    """What was found, problems first, and the steps as the daemon would work by them, if there is no problem."""

    findings: tuple[Finding, ...]
    steps: Steps | None

    def of(self, level: Level) -> tuple[Finding, ...]:
        """The findings of one level."""
        return tuple(finding for finding in self.findings if finding.level is level)

    def passed(self, *, strict: bool = False) -> bool:
        """Whether the configuration can be used; where `strict`, a warning forbids it too."""
        return not self.of(Level.PROBLEM) and not (strict and self.of(Level.WARNING))


async def check(
    configured: Configured, catalogue: Catalogue, database: Database, conversions: Conversions
) -> CheckReport:
    """Hold the configuration against both sides.

    Raises IsthmusError or CallFailedError if a side cannot be asked: what is not known cannot be called wrong.
    """
    findings = [remark(Level.PROBLEM, found) for found in configured.secrets()]
    tables = await described_tables(database, configured.tables)
    versions = await _asked(catalogue.versions(), "Salesforce")
    objects = await described_objects(catalogue, configured.objects)
    capture = await _asked(capture_told(catalogue, configured.pulled), "Salesforce")
    resolved = configured.resolve(objects, tables)
    findings += [remark(Level.PROBLEM, found) for found in resolved.problems]
    findings += [remark(Level.WARNING, found) for found in resolved.warnings]
    findings.append(version_finding(configured.api_version, versions))
    findings += capture
    if resolved.steps is not None:
        findings += await filter_findings(resolved.steps, catalogue, database)
        findings += await _asked(lead_field_findings(resolved.steps, conversions), "Salesforce")
        findings.append(Finding(Level.OK, summary(resolved.steps)))
    order = [Level.PROBLEM, Level.WARNING, Level.OK]
    findings.sort(key=lambda finding: order.index(finding.level))
    return CheckReport(tuple(findings), resolved.steps)


async def filter_findings(steps: Steps, catalogue: Catalogue, database: Database) -> list[Finding]:
    """What each side says of the conditions that it is to judge: they are tried one by one, and nothing stays of it.

    The `when` of a destination holds only where those before it do not, and so contains them: the first that is not taken is told.
    """
    found = []
    misrouted: set[str] = set()
    for step in steps.ordered:
        if step.pull_filter is not None:
            asked = catalogue.condition_fault(step.object, step.pull_filter.condition)
            if (fault := await _asked(asked, "Salesforce")) is not None:
                found.append(_not_taken("Salesforce", "filter", step, step.pull_filter, fault))
        if step.push_filter is not None:
            asked = database.condition_fault(replace(step, routed_by=None))
            if (fault := await _asked(asked, "PostgreSQL")) is not None:
                found.append(_not_taken("PostgreSQL", "filter", step, step.push_filter, fault))
    for step in sorted(steps.ordered, key=_place_in_family):
        if step.routed_by is None or not step.routed_by.path or misrouted & {*step.siblings}:
            continue
        asked = database.condition_fault(replace(step, push_filter=None))
        if (fault := await _asked(asked, "PostgreSQL")) is not None:
            misrouted.add(step.name)
            found.append(_not_taken("PostgreSQL", "`when`", step, step.routed_by, fault))
    return found


def _place_in_family(step: Step) -> int:
    return step.family.index(step.name) if step.family else 0


def _not_taken(side: str, what: str, step: Step, judged: Filter, fault: str) -> Finding:
    holder = (
        "a condition that holds of a record"
        if side == "Salesforce"
        else "a condition on columns that only looks"
    )
    told = f"{side} does not take the {what} of {step.name}: {fault}"
    return Finding(Level.PROBLEM, told, f"write {holder}", judged.where, judged.path)


def remark(level: Level, found: Remark) -> Finding:
    """A remark about the configuration as a finding."""
    return Finding(level, found.what, found.fix, found.where, found.path, found.about)


def summary(steps: Steps) -> str:
    """What is configured, in numbers."""
    fields = sum(len(step.fields) for step in steps.ordered)
    return f"{len(steps.ordered)} steps with {fields} fields fit both sides"


def version_finding(wanted: str, served: Sequence[str]) -> Finding:
    """Whether the org serves the configured API version."""
    if wanted in served:
        return Finding(Level.OK, f"API version {wanted} is served", about="salesforce.version")
    what = f"the org does not serve API version {wanted}"
    fix = f'write api_version: "{served[-1]}"' if served else "check the domain: it serves no version at all"
    return Finding(Level.PROBLEM, what, fix, about="salesforce.version")


async def capture_told(catalogue: Catalogue, pulled: frozenset[str]) -> list[Finding]:
    """Whether Salesforce sends the changes of every object that is pulled. One call, and another where an object is not known to be selected."""
    captured = await catalogue.captured_objects()
    unsure = {name for name in pulled - (captured or frozenset()) if not name.endswith("__c")}
    offered = await catalogue.objects_with_events() if unsure else None
    silent = frozenset(unsure - offered) if offered is not None else frozenset[str]()
    findings = capture_findings(pulled - silent, captured)
    if silent and offered is not None:
        named, listed = ", ".join(sorted(silent)), ", ".join(sorted(offered))
        what = f"{named}: Salesforce sends no change events of it, so it cannot be pulled"
        fix = f"write direction: push, or name an object that has them: {listed}; every custom object has"
        findings.insert(0, Finding(Level.PROBLEM, what, fix, about="salesforce.cdc"))
    return findings


def capture_findings(pulled: frozenset[str], captured: frozenset[str] | None) -> list[Finding]:
    """Whether every object that is pulled, and can be, is selected."""
    about = "salesforce.cdc"
    where = "Setup > Integrations > Change Data Capture"
    if captured is None:
        what = "this user may not see which objects are selected for Change Data Capture"
        fix = f"look at {where}, or grant View Setup and Configuration"
        return [Finding(Level.WARNING, what, fix, about=about)]
    missing = sorted(pulled - captured)
    if missing:
        what = f"{', '.join(missing)}: not selected for Change Data Capture, so no change of it arrives"
        return [Finding(Level.PROBLEM, what, f"{where}: select {', '.join(missing)}", about=about)]
    listed = ", ".join(sorted(pulled)) or "nothing is pulled, so nothing"
    return [Finding(Level.OK, f"selected for Change Data Capture: {listed}", about=about)]


async def described_objects(catalogue: Catalogue, names: Sequence[str]) -> Objects:
    """Descriptions of the objects that exist. Raises IsthmusError or CallFailedError if Salesforce cannot be asked."""
    found = {name: await _asked(catalogue.describe(name), "Salesforce") for name in names}
    return {name: described for name, described in found.items() if described is not None}


async def described_tables(database: Database, names: Sequence[str]) -> Tables:
    """Descriptions of the tables that exist. Raises IsthmusError or CallFailedError if PostgreSQL cannot be asked."""
    found = {name: await _asked(database.table(name), "PostgreSQL") for name in names}
    return {name: described for name, described in found.items() if described is not None}


async def _asked(question: Awaitable[_T], side: str) -> _T:
    """The answer of one side, within the deadline."""
    try:
        async with asyncio.timeout(DEADLINE):
            return await question
    except TimeoutError:
        why = f"no answer within {DEADLINE:.0f} s"
        fix = f"Check the network and the load of {side}, then try again."
        raise UnreachableError(f"{side} does not answer", why, fix) from None
