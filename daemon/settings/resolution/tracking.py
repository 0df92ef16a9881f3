"""The tracking field of a step that adds: written with each record, and looked for before one is made."""

from collections.abc import Sequence
from dataclasses import replace

from daemon.domain.mapping import Field, Identify, IdentifyKind
from daemon.domain.matrix import required_fields
from daemon.domain.policy import Behaviour
from daemon.domain.side import Direction
from daemon.settings.merge import Path
from daemon.settings.resolution.fields import Sides, resolved_field
from daemon.settings.resolution.findings import EXTERNAL_IDS, FIELDS, TABLES, Findings
from daemon.settings.steps import FieldSettings


def with_tracking(
    sides: Sides, fields: tuple[Field, ...], identify: Sequence[Identify], at: Path, findings: Findings
) -> tuple[Field, ...]:
    """The fields of a step that adds, with its tracking field among them; of any other step, its fields.

    The tracking field and what a relation cannot do without are mandatory: a row without one of them waits and says so.
    """
    if (
        not sides.step.direction.pushes
        or sides.step.push.behaviour is not Behaviour.ADD
        or len(identify) != 1
    ):
        return fields
    rule = identify[0]
    place: Path = (*at, "identify", 0, rule.kind.value)
    _check(sides, rule, place, findings)
    needed = {*required_fields(sides.object.name), rule.salesforce}
    if rule.salesforce not in {field.name for field in fields}:
        written = FieldSettings(salesforce=rule.salesforce, postgres=rule.column, direction=Direction.PUSH)
        tracking = resolved_field(sides, written, place, findings)
        fields = (*fields, tracking) if tracking is not None else fields
    return tuple(
        replace(f, mandatory=f.mandatory or (f.name in needed and not f.is_constant)) for f in fields
    )


def _check(sides: Sides, rule: Identify, at: Path, findings: Findings) -> None:
    described, name = sides.object.fields[rule.salesforce], sides.object.name
    if not described.createable:
        what = f"the integration user cannot set {name}.{described.name}, so it cannot track what was added"
        fix = f"Setup > Permission Sets > {name} > {described.name} > Edit, or let an administrator make a text field for it"
        findings.problem((*at, "salesforce"), what, fix, FIELDS)
    if not described.unique and rule.kind is IdentifyKind.FIELD:
        what = f"{name}.{described.name} is not unique: only a search before each insert keeps a second record away"
        fix = f"Setup > Object Manager > {name} > {described.name}: tick Unique"
        findings.warning((*at, "salesforce"), what, fix, EXTERNAL_IDS)
    if not _unique(sides, rule.column):
        what = f"nothing keeps {sides.table.name}.{rule.column} unique, and each value is added once"
        fix = f"CREATE UNIQUE INDEX ON {sides.table.schema}.{sides.table.name} ({rule.column})"
        findings.warning((*at, "postgres"), what, fix, TABLES)


def _unique(sides: Sides, column: str) -> bool:
    return (column,) in sides.table.unique or sides.table.key == (column,)
