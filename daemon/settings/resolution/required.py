"""What a create on either side cannot do without, and what the user may do with the object."""

from collections.abc import Mapping, Sequence

from daemon.domain.mapping import Field, Identify, IdentifyKind
from daemon.domain.policy import Behaviour, OnDelete
from daemon.settings.merge import Path
from daemon.settings.resolution.fields import Sides
from daemon.settings.resolution.findings import FIELDS, OBJECTS, TABLES, Findings


def check_object_rights(sides: Sides, on_delete: OnDelete, at: Path, findings: Findings) -> None:
    """Whether the integration user may read and write the object as the step wants to."""
    place: Path = (*at, "salesforce", "object")
    described, step = sides.object, sides.step
    wanted = [("read", "Read", described.queryable)]
    if step.direction.pushes and step.push.behaviour.creates:
        wanted.append(("create", "Create", described.createable))
    if step.direction.pushes and step.push.behaviour.updates:
        wanted.append(("update", "Edit", described.updateable))
    for verb, right, allowed in wanted:
        if not allowed:
            fix = f"Setup > Permission Sets > Object Settings > {described.name} > {right}"
            findings.problem(place, f"the integration user may not {verb} {described.name}", fix, OBJECTS)
    deletes = step.direction.pushes and step.push.behaviour in (Behaviour.MIRROR, Behaviour.DELETE)
    if deletes and not described.deletable:
        fix = f"Setup > Permission Sets > Object Settings > {described.name} > Delete"
        findings.problem(place, f"the integration user may not delete {described.name}", fix, OBJECTS)
    elif step.direction.pushes and on_delete is OnDelete.PROPAGATE and not described.deletable:
        what = f"the integration user may not delete {described.name}: deletes are parked"
        findings.warning(place, what, "grant Delete in the permission set, or write on_delete: keep", OBJECTS)


def check_required_fields(
    sides: Sides, fields: Sequence[Field], identify: Sequence[Identify], at: Path, findings: Findings
) -> None:
    """Fields without which Salesforce refuses a new record."""
    if not (sides.step.direction.pushes and sides.step.push.behaviour.creates):
        return
    filled = {field.name: field for field in fields if field.direction.pushes}
    keys = {rule.salesforce for rule in identify if rule.kind is IdentifyKind.EXTERNAL_ID}
    for described in sides.object.fields.values():
        if not described.required_on_create or described.name in keys:
            continue
        name = f"{sides.object.name}.{described.name}"
        field = filled.get(described.name)
        if field is None:
            fix = f"map it for push, give it a const, or write push: {{ behaviour: update_only }} ({described.label})"
            findings.problem(
                (*at, "fields"), f"Salesforce requires {name}, and nothing fills it", fix, FIELDS
            )
        elif _may_be_empty(sides, field):
            what = f"Salesforce requires {name}, and {field.column} may be null: such a row is parked"
            place = _place(sides, field.name, at)
            findings.warning(place, what, "add `mandatory: true` (the row waits), or a default", FIELDS)


def _may_be_empty(sides: Sides, field: Field) -> bool:
    if field.column is None or field.mandatory or field.default is not None:
        return False
    return sides.table.columns[field.column].nullable


def check_required_columns(
    sides: Sides, fields: Sequence[Field], identify: Sequence[Identify], at: Path, findings: Findings
) -> None:
    """Columns without which PostgreSQL refuses a new row."""
    if not (sides.step.direction.pulls and sides.step.pull.behaviour.creates):
        return
    filled: Mapping[str, Field] = {f.column: f for f in fields if f.column is not None and f.direction.pulls}
    ids = {rule.column for rule in identify if rule.kind is IdentifyKind.SALESFORCE_ID}
    for column in sides.table.columns.values():
        if column.nullable or column.default or column.generated or column.name in ids:
            continue
        name = f"{sides.table.schema}.{sides.table.name}.{column.name}"
        field = filled.get(column.name)
        if field is None:
            fix = "pull a field into it, give it a DEFAULT, or write pull: { behaviour: update_only }"
            findings.problem((*at, "fields"), f"{name} is NOT NULL, and nothing fills it", fix, TABLES)
        elif field.default is None and not field.mandatory and sides.object.fields[field.name].nillable:
            what = f"{name} is NOT NULL, and {field.name} may be empty: such a record is parked"
            place = _place(sides, field.name, at)
            findings.warning(place, what, "add `mandatory: true` (the record waits), or a default", TABLES)


def _place(sides: Sides, name: str, at: Path) -> Path:
    for index, field in enumerate(sides.step.fields):
        if field.salesforce == name:
            return (*at, "fields", index)
    return (*at, "fields")
