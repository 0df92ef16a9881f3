"""References that name their record by an external value, held against the object that is referred to."""

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Final

from daemon.domain.mapping import Field, ParentKey
from daemon.ports.salesforce import FieldDescription, ObjectDescription
from daemon.settings.merge import Path
from daemon.settings.resolution.fields import Sides, known_field
from daemon.settings.resolution.findings import CONFIG, EXTERNAL_IDS, Findings
from daemon.settings.steps import LookupSettings

EMAIL: Final = "Email"
"""The standard field by which people are told apart."""


def with_parents(
    sides: Sides,
    fields: tuple[Field, ...],
    held: Collection[int],
    objects: Mapping[str, ObjectDescription],
    at: Path,
    findings: Findings,
) -> tuple[Field, ...]:
    """The fields, those that name a parent by a value with what that takes. A problem for each that cannot."""
    keys: dict[str, ParentKey] = {}
    for place, settings in enumerate(sides.step.fields):
        described = sides.object.fields.get(settings.salesforce)
        if described is None or settings.lookup is None or settings.lookup.object is None or place in held:
            continue
        path: Path = (*at, "fields", place, "lookup")
        key = _key(described, settings.lookup, objects, path, findings)
        if key is not None:
            keys[described.name] = key
    return tuple(replace(field, parent=keys.get(field.name)) for field in fields)


def _key(
    reference: FieldDescription,
    lookup: LookupSettings,
    objects: Mapping[str, ObjectDescription],
    at: Path,
    findings: Findings,
) -> ParentKey | None:
    assert lookup.object is not None
    if lookup.object not in reference.reference_to or reference.relationship is None:
        points_to = " or ".join(reference.reference_to) or "nothing"
        what = f"{reference.name} points to {points_to}, and not to {lookup.object}"
        findings.problem((*at, "object"), what, f"name one of: {', '.join(reference.reference_to)}", CONFIG)
        return None
    parent = objects.get(lookup.object)
    if parent is None:
        what = f"there is no object {lookup.object}, or the integration user may not see it"
        findings.problem((*at, "object"), what, f"grant Read on {lookup.object}", CONFIG)
        return None
    if lookup.external_id is None:
        email = known_field(parent, EMAIL, (*at, "email"), findings)
        return None if email is None else ParentKey(parent.name, reference.relationship, email.name)
    field = known_field(parent, lookup.external_id, (*at, "external_id"), findings)
    if field is None or not _usable(parent, field, (*at, "external_id"), findings):
        return None
    return ParentKey(parent.name, reference.relationship, field.name)


def _usable(parent: ObjectDescription, field: FieldDescription, at: Path, findings: Findings) -> bool:
    """Whether Salesforce finds one record, and no other, by this field."""
    if field.external_id and field.unique:
        return True
    lacks = "not an External ID" if not field.external_id else "not unique"
    what = f"{parent.name}.{field.name} is {lacks}, so a record cannot be looked up by it"
    fix = f"Setup > Object Manager > {parent.name} > {field.name}: tick External ID and Unique, or name another field"
    findings.problem(at, what, fix, EXTERNAL_IDS)
    return False
