"""The ways to find a counterpart, held against both sides."""

from typing import assert_never

from daemon.domain.mapping import Identify, IdentifyKind
from daemon.ports.salesforce import FieldDescription
from daemon.settings.merge import Path
from daemon.settings.resolution.fields import Sides, known_field
from daemon.settings.resolution.findings import EXTERNAL_IDS, FIELDS, TABLES, Findings
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
    creates = sides.step.direction.pushes and sides.step.push.behaviour.creates
    if creates and not any(rule.kind is IdentifyKind.EXTERNAL_ID and rule.unique for rule in rules):
        what = (
            "creates cannot be repeated safely: after a lost answer the record is searched for, "
            "and parked where that is not certain"
        )
        fix = "add `identify: [ { external_id: { salesforce: …, postgres: … } } ]` on a unique External ID field"
        findings.warning(at, what, fix, EXTERNAL_IDS)
    return rules


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
    described = known_field(sides.object, name, (*at, "salesforce"), findings)
    if not known_column(sides.table, column, (*at, "postgres"), findings) or described is None:
        return None
    usable = described.external_id or described.id_lookup
    if not usable:
        what = f"{name} is no External ID field: records cannot be upserted on it, so creates are searched for first"
        fix = f"Setup > Object Manager > {sides.object.name} > {name}: tick External ID and Unique"
        findings.warning((*at, "salesforce"), what, fix, EXTERNAL_IDS)
    elif not described.unique:
        what = f"{name} is not unique: Salesforce does not prevent two records with one value"
        fix = f"Setup > Object Manager > {sides.object.name} > {name}: tick Unique"
        findings.warning((*at, "salesforce"), what, fix, EXTERNAL_IDS)
    if sides.step.direction.pushes and sides.step.push.behaviour.creates and not described.createable:
        what = f"the integration user cannot set {sides.object.name}.{name}"
        findings.problem((*at, "salesforce"), what, "grant Edit on it in the permission set", FIELDS)
    return Identify(IdentifyKind.EXTERNAL_ID, name, column, unique=usable and described.unique)


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
    return Identify(
        IdentifyKind.FIELD, described.name, pair.postgres, pair.normalise, unique=_unique(described)
    )


def _unique(described: FieldDescription) -> bool:
    return described.unique and described.id_lookup
