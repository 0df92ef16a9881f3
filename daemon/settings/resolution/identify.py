"""The ways to find a counterpart, held against both sides."""

from typing import assert_never

from daemon.domain.mapping import Identify, IdentifyKind, Normalise
from daemon.domain.policy import Behaviour
from daemon.ports.salesforce import FieldDescription
from daemon.settings.errors import did_you_mean
from daemon.settings.merge import Path
from daemon.settings.resolution.fields import Sides, known_field
from daemon.settings.resolution.findings import EXTERNAL_IDS, FIELDS, TABLES, Findings
from daemon.settings.resolution.fitness import (
    RECOMMENDED,
    identifies_by_itself,
    may_be_external_id,
    to_flag,
    to_make,
    typed_by_people,
    upserts_on,
)
from daemon.settings.resolution.pairs import ID_LENGTH, TEXTS, postgres_type
from daemon.settings.resolution.tables import known_column
from daemon.settings.steps import ByExternalId, ByField, BySalesforceId


def resolved_identify(sides: Sides, at: Path, findings: Findings) -> tuple[Identify, ...]:
    """The usable ways, in their order."""
    found = [
        _rule(sides, rule, (*at, "identify", index), findings)
        for index, rule in enumerate(sides.step.identify)
    ]
    rules = tuple(rule for rule in found if rule is not None)
    safe = sides.step.repeatable or any(r.kind is IdentifyKind.EXTERNAL_ID and r.unique for r in rules)
    if sides.step.direction.pushes and sides.step.push.behaviour is Behaviour.ADD:
        return rules  # the tracking field has rules of its own
    if _creates(sides) and not safe:
        what = (
            "creates cannot be repeated safely: after a lost answer the record is searched for, "
            "and parked where that is not certain"
        )
        fix = (
            "add `identify: [ { external_id: { salesforce: …, postgres: … } } ]` on a unique External ID field; "
            f"where there is none, {to_make(sides.object)}"
        )
        findings.warning(at, what, fix, EXTERNAL_IDS)
    if len(rules) == len(found) and not safe:
        _check_fields(sides, rules, at, findings)
    return rules


def _creates(sides: Sides) -> bool:
    return sides.step.direction.pushes and sides.step.push.behaviour.creates


def _upserts(sides: Sides) -> bool:
    return sides.step.direction.pushes and sides.step.push.behaviour in (
        Behaviour.UPDATE_OR_CREATE,
        Behaviour.MIRROR,
    )


def _check_fields(sides: Sides, rules: tuple[Identify, ...], at: Path, findings: Findings) -> None:
    """A field that Salesforce does not keep unique, where no unique External ID stands beside it."""
    described = {
        name: field for name, field in sides.object.fields.items() if name in {r.salesforce for r in rules}
    }
    own = any(identifies_by_itself(described[r.salesforce]) for r in rules if r.salesforce in described)
    for index, rule in enumerate(rules):
        if rule.kind is not IdentifyKind.FIELD or rule.unique or not sides.step.direction.pushes:
            continue
        place: Path = (*at, "identify", index, "field", "salesforce")
        name = rule.salesforce
        if _upserts(sides) and not own:
            what = f"{name} has not the External ID flag, so it may not identify records of {sides.step.push.behaviour}"
            fix = f"write push: {{ behaviour: update_only }}, or {to_flag(sides.object, name)}; {RECOMMENDED}"
            findings.problem(place, what, fix, EXTERNAL_IDS)
        else:
            what = (
                f"{name} is not unique: two records may have one value, and a row that matches both is parked"
            )
            findings.warning(place, what, f"{RECOMMENDED}: {to_make(sides.object)}", EXTERNAL_IDS)


def _rule(
    sides: Sides, rule: ByExternalId | BySalesforceId | ByField, at: Path, findings: Findings
) -> Identify | None:
    match rule:
        case ByExternalId():
            return _external_id(sides, rule, (*at, "external_id"), findings)
        case BySalesforceId():
            return _salesforce_id(sides, rule.salesforce_id, (*at, "salesforce_id"), findings)
        case ByField():
            return _field(sides, rule, (*at, "field"), findings)
        case _:
            assert_never(rule)


def _external_id(sides: Sides, rule: ByExternalId, at: Path, findings: Findings) -> Identify | None:
    name, column = rule.external_id.salesforce, rule.external_id.postgres
    place: Path = (*at, "salesforce")
    described = _known_key(sides, name, place, findings)
    if not known_column(sides.table, column, (*at, "postgres"), findings) or described is None:
        return None
    if not may_be_external_id(described):
        what = f"{name} is a {described.type}, and only Text, Email and Number fields can be External IDs"
        findings.problem(place, what, f"name another field, or {to_make(sides.object)}", EXTERNAL_IDS)
        return None
    _check_flags(sides, described, place, findings)
    _check_case(sides, described, column, (), place, findings)
    if _creates(sides) and not described.createable:
        what = f"the integration user cannot set {sides.object.name}.{name}"
        findings.problem(place, what, "grant Edit on it in the permission set", FIELDS)
    return Identify(IdentifyKind.EXTERNAL_ID, name, column, unique=upserts_on(described) and described.unique)


def _known_key(sides: Sides, name: str, place: Path, findings: Findings) -> FieldDescription | None:
    """The field of an identifier; where there is none, what to ask an administrator for."""
    described = sides.object.fields.get(name)
    if described is None:
        near = did_you_mean(name, sides.object.fields)
        findings.problem(
            place, f"{sides.object.name} has no field {name}", near or to_make(sides.object, name), FIELDS
        )
    return described


def _check_flags(sides: Sides, described: FieldDescription, place: Path, findings: Findings) -> None:
    name = described.name
    if not upserts_on(described):
        what = f"{name} is no External ID field: records cannot be upserted on it"
        if _upserts(sides):
            fix = f"{to_flag(sides.object, name)}, or write push: {{ behaviour: update_only }}"
            findings.problem(place, what, fix, EXTERNAL_IDS)
        else:
            findings.warning(
                place, f"{what}, so creates are searched for first", to_flag(sides.object, name), EXTERNAL_IDS
            )
    elif not described.unique:
        what = f"{name} is not unique: Salesforce does not prevent two records with one value"
        findings.warning(place, what, f"{to_flag(sides.object, name, 'Unique')}; {RECOMMENDED}", EXTERNAL_IDS)


def _check_case(
    sides: Sides,
    described: FieldDescription,
    column: str,
    normalise: tuple[Normalise, ...],
    place: Path,
    findings: Findings,
) -> None:
    """People do not type in one case: what they typed finds nothing in a field that tells cases apart."""
    by_people = typed_by_people(described, sides.table.columns[column].type) or Normalise.LOWER in normalise
    if described.case_sensitive and by_people:
        what = f"{described.name} tells upper and lower case apart, and {column} is written by people"
        fix = f"an identifier that ignores case is safer: {to_flag(sides.object, described.name, 'case-insensitive')}"
        findings.warning(place, what, fix, EXTERNAL_IDS)


def _salesforce_id(sides: Sides, column: str, at: Path, findings: Findings) -> Identify | None:
    if not known_column(sides.table, column, at, findings):
        return None
    kind = sides.table.columns[column].type
    found = postgres_type(kind)
    if found.array or found.base not in TEXTS or (found.first is not None and found.first < ID_LENGTH):
        what = f"{column} is {kind}, which holds no record id of {ID_LENGTH} characters"
        findings.problem(at, what, f"a column of text or character varying({ID_LENGTH}) fits", TABLES)
        return None
    return Identify(IdentifyKind.SALESFORCE_ID, "Id", column, unique=True)


def _field(sides: Sides, rule: ByField, at: Path, findings: Findings) -> Identify | None:
    pair = rule.field
    described = known_field(sides.object, pair.salesforce, (*at, "salesforce"), findings)
    if not known_column(sides.table, pair.postgres, (*at, "postgres"), findings) or described is None:
        return None
    if not described.filterable:
        what = f"Salesforce cannot search by {described.name} (a {described.type})"
        findings.problem((*at, "salesforce"), what, "name a field that can be filtered by", FIELDS)
        return None
    _check_case(sides, described, pair.postgres, pair.normalise, (*at, "salesforce"), findings)
    return Identify(
        IdentifyKind.FIELD, described.name, pair.postgres, pair.normalise, unique=_unique(described)
    )


def _unique(described: FieldDescription) -> bool:
    return described.unique and described.id_lookup
