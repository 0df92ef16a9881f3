"""How well the fields that identify do their work today: before they are relied on, and before anything is written.

A record without a value is found by no row, so a step that creates would make its twin. Two rows whose values differ in
case alone are one to a field that ignores case, and would write the same record.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from daemon.domain.failure import UsageError
from daemon.domain.mapping import Identify, IdentifyKind, Normalise, Step
from daemon.domain.policy import Behaviour
from daemon.operations.finding import Finding, Level
from daemon.ports.identifiers import ColumnFacts, Filled, RecordIdentifiers, RowIdentifiers
from daemon.ports.salesforce import ObjectDescription

SHOWN_MOST: Final = 20
"""Values and spellings that a report names."""
MANY: Final = 0.10
"""From this part of the records on that lack a value, a step that creates is warned of twins."""
ABOUT: Final = "salesforce.identifiers"


@dataclass(frozen=True, slots=True)
class Way:
    """One identifier of a step in numbers. `repeated` is None where Salesforce cannot group by the field."""

    step: Step
    rule: Identify
    case_sensitive: bool
    unique: bool
    records: Filled
    rows: ColumnFacts
    repeated: Sequence[tuple[str, int]] | None = field(default=())

    @property
    def findings(self) -> list[Finding]:
        """What is to be said of it: the worst first, and the share of records with a value in any case."""
        found = [each for rule in (_clashes, _twins, _repeated, _typed) if (each := rule(self)) is not None]
        share = f"{self.records.filled:,} of {self.records.total:,} records ({_percent(self.records)})"
        return [*found, _finding(self, Level.OK, f"{share} have a value in {_name(self)}")]


async def examined(
    step: Step, described: ObjectDescription, records: RecordIdentifiers, rows: RowIdentifiers
) -> list[Way]:
    """Every identifier of a step but the record's own id. Two or three queries each. Raises IsthmusError or CallFailedError."""
    ways = []
    for rule in step.identify:
        known = described.fields.get(rule.salesforce)
        if rule.kind is IdentifyKind.SALESFORCE_ID or known is None:
            continue
        given = await records.filled(step.object, rule.salesforce)
        unique = known.unique
        repeated = () if unique else await records.repeated(step.object, rule.salesforce, SHOWN_MOST)
        column = await rows.column(step.table, rule.column, SHOWN_MOST)
        ways.append(Way(step, rule, known.case_sensitive, unique, given, column, repeated))
    return ways


def fillable(step: Step) -> Identify:
    """The identifier whose missing values are listed. Raises UsageError for a step that goes by the record's id or nothing."""
    for rule in step.identify:
        if rule.kind is not IdentifyKind.SALESFORCE_ID:
            return rule
    raise UsageError(
        f"the step {step.name} has no identifying field",
        "only a field of Salesforce can lack its value",
        "name one: identify: [ { external_id: { salesforce: …, postgres: … } } ]",
    )


def shown_fields(step: Step, described: ObjectDescription) -> list[str]:
    """What tells a person which record it is: its name, and what the step maps."""
    names = ["Name"] if "Name" in described.fields else []
    return names + [name for name in step.salesforce_fields if name != "Name"]


def _clashes(way: Way) -> Finding | None:
    ignored = way.case_sensitive or Normalise.LOWER in way.rule.normalise
    if ignored or not way.rows.clashes or not way.step.direction.pushes:
        return None
    listed = "; ".join(" and ".join(spellings) for spellings in way.rows.clashes)
    what = f"{_name(way)} ignores case, and values of {way.step.table.qualified}.{way.rule.column} differ in case alone: {listed}"
    fix = "each group would write one record: correct the rows, or use a field that tells upper and lower case apart"
    return _finding(way, Level.PROBLEM, what, fix)


def _twins(way: Way) -> Finding | None:
    step = way.step
    upserts = step.direction.pushes and step.push in (Behaviour.UPDATE_OR_CREATE, Behaviour.MIRROR)
    if not upserts or way.records.total == 0 or 1 - way.records.share < MANY:
        return None
    what = (
        f"{way.records.missing:,} of {way.records.total:,} records have no value in {_name(way)}: "
        "a row that means one of them does not find it, and an upsert makes a duplicate"
    )
    fix = (
        f"fill the field first: isthmus step identifiers {step.name} --export FILE lists these records; or let a step "
        "of update_only that finds them by other properties push the key into it"
    )
    return _finding(way, Level.WARNING, what, fix)


def _repeated(way: Way) -> Finding | None:
    if way.repeated is None:
        return _finding(
            way,
            Level.WARNING,
            f"Salesforce cannot tell which values of {_name(way)} occur twice",
            "tick Unique on it",
        )
    if not way.repeated:
        return None
    listed = ", ".join(f"{value} ({count})" for value, count in way.repeated)
    what = f"several records have one value in {_name(way)}: {listed}; none of them is written by it"
    return _finding(
        way,
        Level.WARNING,
        what,
        "merge or correct these records, then tick Unique: a unique External ID is the identifier to use",
    )


def _typed(way: Way) -> Finding | None:
    if not way.case_sensitive or not way.rows.mixed:
        return None
    what = (
        f"{_name(way)} tells upper and lower case apart, and {way.rows.mixed:,} values of "
        f"{way.step.table.qualified}.{way.rule.column} look as if people had typed them"
    )
    return _finding(
        way,
        Level.WARNING,
        what,
        "an identifier that ignores case is safer: have an administrator make it case-insensitive",
    )


def _finding(way: Way, level: Level, what: str, fix: str = "") -> Finding:
    return Finding(level, f"{way.step.name}: {what}", fix, about=ABOUT)


def _name(way: Way) -> str:
    return f"{way.step.object}.{way.rule.salesforce}"


def _percent(given: Filled) -> str:
    """A share in percent, never rounded up: 100 % says that none is missing."""
    return f"{math.floor(given.share * 1000) / 10:g} %"
