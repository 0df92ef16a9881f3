"""One mapped field held against what both sides say of it: does it exist, may it be written, do the types fit."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from daemon.domain.mapping import Field, Kind
from daemon.domain.policy import ConflictRule, Policy
from daemon.domain.side import Direction
from daemon.ports.database import Column, TableDescription
from daemon.ports.salesforce import FieldDescription, ObjectDescription
from daemon.settings.errors import did_you_mean
from daemon.settings.merge import Path
from daemon.settings.resolution.findings import FIELDS, RIGHTS, TABLES, Findings
from daemon.settings.resolution.pairs import Pair, fitting, pair
from daemon.settings.resolution.tables import known_column
from daemon.settings.resolution.values import with_values
from daemon.settings.step_rules import direction_of
from daemon.settings.steps import ConflictSettings, FieldSettings, StepSettings

_COMPOUND_TYPES = frozenset({"address", "location"})
_KIND_OF_CONSTANT: Mapping[str, Kind] = {
    "boolean": Kind.BOOLEAN,
    "int": Kind.NUMBER,
    "long": Kind.NUMBER,
    "double": Kind.NUMBER,
    "currency": Kind.NUMBER,
    "percent": Kind.NUMBER,
    "date": Kind.DATE,
    "datetime": Kind.DATETIME,
    "time": Kind.TIME,
    "multipicklist": Kind.SET,
    "reference": Kind.REFERENCE,
}


@dataclass(frozen=True, slots=True)
class Sides:
    """A step between what both sides say of themselves, and the conflict rule that its fields inherit."""

    step: StepSettings
    object: ObjectDescription
    table: TableDescription
    rule: ConflictRule


def known_field(
    described: ObjectDescription, name: str, path: Path, findings: Findings
) -> FieldDescription | None:
    """A field of an object; a problem with a suggestion if there is none that this user may see."""
    found = described.fields.get(name)
    if found is None:
        near = did_you_mean(name, described.fields)
        fix = near or f"check the API name, or let the integration user read {described.name}.{name}"
        findings.problem(path, f"{described.name} has no field {name}", fix, FIELDS)
    return found


def resolved_field(sides: Sides, settings: FieldSettings, at: Path, findings: Findings) -> Field | None:
    """The field as the daemon works with it; None if it cannot."""
    described = known_field(sides.object, settings.salesforce, (*at, "salesforce"), findings)
    column = None
    if settings.postgres is not None:
        if not known_column(sides.table, settings.postgres, (*at, "postgres"), findings):
            return None
        column = sides.table.columns[settings.postgres]
    if described is None or not _not_compound(sides, settings, described, at, findings):
        return None
    direction = _direction(sides, settings, described, column, at, findings)
    types = _types(sides, settings, described, column, at, findings)
    if direction is None or types is None:
        return None
    if types.caution:
        findings.warning((*at, "postgres"), types.caution, about=TABLES)
    field = Field(
        name=described.name,
        column=settings.postgres,
        kind=types.kind,
        direction=direction,
        conflict=_rule(sides, settings, types.kind, at, findings),
        mandatory=settings.mandatory,
        scale=types.scale,
        length=types.length,
        lookup=_looked_up(settings),
        among=settings.lookup.steps if settings.lookup is not None else (),
        group=settings.group,
        createable=described.createable,
        updateable=described.updateable,
        sensitive=settings.sensitive,
        in_events=not described.calculated and not _parts(sides.object, described.name),
    )
    return with_values(field, settings, described, at, findings)


def check_groups(fields: Sequence[Field], at: Path, findings: Findings) -> None:
    """Whether the fields of one group still have one direction after some were narrowed."""
    first: dict[str, Field] = {}
    for field in fields:
        if field.group is None:
            continue
        other = first.setdefault(field.group, field)
        if other.direction is not field.direction:
            what = (
                f"the group {field.group} moves together, but {other.name} can only go {other.direction} "
                f"and {field.name} {field.direction}"
            )
            findings.problem((*at, "fields"), what, "take one of them out of the group", FIELDS)


def conflict_rule(settings: ConflictSettings | None, inherited: ConflictRule) -> ConflictRule:
    """A conflict rule where what is left out is inherited."""
    if settings is None:
        return inherited
    return ConflictRule(
        settings.policy if settings.policy is not None else inherited.policy,
        settings.tie if settings.tie is not None else inherited.tie,
        settings.window if settings.window is not None else inherited.window,
    )


def _rule(sides: Sides, settings: FieldSettings, kind: Kind, at: Path, findings: Findings) -> ConflictRule:
    rule = conflict_rule(settings.conflict, sides.rule)
    if rule.policy is Policy.TRUE_WINS and kind is not Kind.BOOLEAN:
        what = f"true_wins is for flags, and {settings.salesforce} is a {kind}"
        findings.problem((*at, "conflict"), what, "give this field another policy")
    return rule


def _looked_up(settings: FieldSettings) -> str | None:
    lookup = settings.lookup
    return None if lookup is None else lookup.step or next(iter(lookup.steps), None)


def _parts(described: ObjectDescription, name: str) -> list[str]:
    """The components that a field is put together from."""
    return [field.name for field in described.fields.values() if field.compound == name]


def _not_compound(
    sides: Sides, settings: FieldSettings, described: FieldDescription, at: Path, findings: Findings
) -> bool:
    """A compound is read-only and has no type of a column: its components are mapped instead.

    Salesforce documents that the name of a person can still be read as one text.
    """
    parts = _parts(sides.object, described.name)
    readable = described.type not in _COMPOUND_TYPES
    pushes = direction_of(sides.step, settings).pushes
    if not (parts or not readable) or (readable and not pushes) or (described.updateable and readable):
        return True
    listed = ", ".join(parts) if parts else "its components"
    fix = f"map {listed}" + (" (or write direction: pull)" if readable else "")
    findings.problem((*at, "salesforce"), f"{described.name} is put together from other fields", fix, FIELDS)
    return False


def _direction(
    sides: Sides,
    settings: FieldSettings,
    described: FieldDescription,
    column: Column | None,
    at: Path,
    findings: Findings,
) -> Direction | None:
    """The direction that both sides allow. A wish for both is narrowed with a warning, a wish for one is refused."""
    wanted = direction_of(sides.step, settings)
    reasons: list[tuple[Direction, str, str, str]] = []
    if wanted.pushes and not described.createable and not described.updateable:
        reasons.append((Direction.PULL, *_not_writable(sides.object, described), FIELDS))
    if wanted.pulls and column is not None and (column.generated or not column.updateable):
        reasons.append((Direction.PUSH, *_not_updatable(sides.table, column)))
    for remaining, why, fix, about in reasons:
        if wanted is Direction.TWO_WAY and len(reasons) == 1:
            findings.warning(at, f"{why}: it is only {remaining}ed", fix, about)
            return remaining
        findings.problem(at, why, fix, about)
    return None if reasons else wanted


def _not_writable(described: ObjectDescription, field: FieldDescription) -> tuple[str, str]:
    name = f"{described.name}.{field.name}"
    if field.calculated:
        return f"{name} is calculated by Salesforce", "write direction: pull"
    fix = f"write direction: pull, or Setup > Permission Sets > {described.name} > {field.name} > Edit"
    return f"the integration user cannot edit {name}", fix


def _not_updatable(table: TableDescription, column: Column) -> tuple[str, str, str]:
    name = f"{table.schema}.{table.name}"
    if column.generated:
        return f"{name}.{column.name} is generated by PostgreSQL", "write direction: push", TABLES
    fix = f"GRANT UPDATE ({column.name}) ON {name} TO the daemon's role"
    return f"the daemon may not update {name}.{column.name}", fix, RIGHTS


def _types(
    sides: Sides,
    settings: FieldSettings,
    described: FieldDescription,
    column: Column | None,
    at: Path,
    findings: Findings,
) -> Pair | None:
    if column is None:
        kind = _KIND_OF_CONSTANT.get(described.type, Kind.TEXT)
        return Pair(kind, described.scale if kind is Kind.NUMBER else None, described.length or None)
    by_value = settings.lookup is not None and settings.lookup.object is not None
    if by_value and described.type == "reference":
        return Pair(Kind.TEXT)
    found = pair(described, column.type, lookup=settings.lookup is not None)
    if found is not None:
        return found
    name = f"{sides.object.name}.{described.name}"
    if settings.lookup is not None:
        what = f"{name} is a {described.type}, and a lookup translates references to records"
        findings.problem((*at, "lookup"), what, "remove the lookup", FIELDS)
        return None
    fits = fitting(described)
    what = f"{name} is {described.type}, and {sides.table.name}.{column.name} is {column.type}"
    fix = f"a column of {fits} fits" if fits else f"a {described.type} cannot be synced; remove it"
    findings.problem((*at, "postgres"), what, fix, TABLES)
    return None
