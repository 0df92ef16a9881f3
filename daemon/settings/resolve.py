"""Settings held against what both sides say of themselves: the rules that the daemon works by, or why there are none.

Pure: the descriptions come in as values, so the same answer serves the start, `isthmus config check` and `isthmus doctor`.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Final

from daemon.domain.mapping import DeleteGuard, Field, HeldField, Retry, Step, Steps, Table
from daemon.domain.policy import Behaviour, ConflictRule, Create, DeleteConflict, OnDelete
from daemon.ports.database import TableDescription
from daemon.ports.salesforce import ObjectDescription
from daemon.settings.behaviour_rules import PUSH_ONLY
from daemon.settings.errors import Problem, did_you_mean
from daemon.settings.merge import Path
from daemon.settings.models import Settings
from daemon.settings.one_way import stand_ins
from daemon.settings.resolution.actions import inserted_tables, resolved_actions
from daemon.settings.resolution.campaigns import with_campaigns
from daemon.settings.resolution.destinations import family_of, routed_by
from daemon.settings.resolution.fields import Sides, check_groups, conflict_rule, resolved_field
from daemon.settings.resolution.filters import pull_filter, push_filter
from daemon.settings.resolution.findings import OBJECTS, TABLES, Findings
from daemon.settings.resolution.identify import resolved_identify
from daemon.settings.resolution.joins import with_joins
from daemon.settings.resolution.lookups import check_lookups
from daemon.settings.resolution.one_way import check_pairs, united
from daemon.settings.resolution.order import ordered
from daemon.settings.resolution.parents import with_parents
from daemon.settings.resolution.persons import tells_persons
from daemon.settings.resolution.required import (
    check_object_rights,
    check_required_columns,
    check_required_fields,
)
from daemon.settings.resolution.tables import known_column, resolved_table
from daemon.settings.resolution.tracking import with_tracking
from daemon.settings.steps import DeleteGuardSettings, RetrySettings, StepSettings

COMMON_OBJECTS: Final = (
    "Account",
    "Campaign",
    "CampaignMember",
    "Case",
    "Contact",
    "Lead",
    "Opportunity",
    "Task",
    "User",
)
BATCH_SIZE: Final = 200


@dataclass(frozen=True, slots=True)
class Resolution:
    """The steps, parents first, or None where there are problems; and what will surprise."""

    steps: Steps | None
    problems: tuple[Problem, ...] = ()
    warnings: tuple[Problem, ...] = ()


def wanted_objects(settings: Settings) -> tuple[str, ...]:
    """The Salesforce objects that `resolve` needs descriptions of."""
    steps = [step for step in settings.steps if step.runs]
    parents = [
        f.lookup.object for step in steps for f in step.fields if f.lookup is not None and f.lookup.object
    ]
    return tuple(dict.fromkeys([*(step.salesforce.object for step in steps), *parents]))


def wanted_tables(settings: Settings) -> tuple[str, ...]:
    """The tables that `resolve` needs descriptions of, as the configuration spells them."""
    steps = [step for step in settings.steps if step.runs]
    named = [step.postgres.table for step in steps] + [
        name for step in steps for name in inserted_tables(step)
    ]
    return tuple(dict.fromkeys(named))


@dataclass(frozen=True, slots=True)
class LeftOut:
    """What a resolution leaves out: whole steps by their position, and fields by their step's and their own."""

    steps: frozenset[int] = frozenset()
    fields: frozenset[tuple[int, int]] = frozenset()


def resolve(
    settings: Settings,
    objects: Mapping[str, ObjectDescription],
    tables: Mapping[str, TableDescription],
) -> Resolution:
    """The steps as the daemon works by them. An object or table that does not exist is absent from the mapping."""
    steps, findings = resolve_without(settings, objects, tables, LeftOut())
    problems, warnings = tuple(findings.problems), tuple(findings.warnings)
    return Resolution(Steps(ordered(united(settings, steps))) if not problems else None, problems, warnings)


def resolve_without(
    settings: Settings,
    objects: Mapping[str, ObjectDescription],
    tables: Mapping[str, TableDescription],
    left_out: LeftOut,
) -> tuple[list[Step], Findings]:
    """The steps that are not left out, as far as they could be resolved and in the order of the configuration, and what was found."""
    findings = Findings(settings)
    steps: list[Step] = []
    sources: list[Step] = []
    for index, step in enumerate(settings.steps):
        if step.runs and index not in left_out.steps:
            held = frozenset(place for owner, place in left_out.fields if owner == index)
            found = _step(settings, step, held, ("steps", index), objects, tables, findings)
            if found is not None:
                (steps if step.postgres.through is None else sources).append(found)
    steps = with_joins(settings, steps, sources, findings)
    steps = with_campaigns(settings.campaigns, steps)
    check_pairs(settings, steps, findings)
    by_name = {step.name: step for step in steps}
    kept = {name: by_name[other] for name, other in stand_ins(settings.steps).items() if other in by_name}
    check_lookups(settings, objects, {**kept, **by_name}, findings)
    return steps, findings


def _step(
    settings: Settings,
    step: StepSettings,
    held: Collection[int],
    at: Path,
    objects: Mapping[str, ObjectDescription],
    tables: Mapping[str, TableDescription],
    findings: Findings,
) -> Step | None:
    described, found = objects.get(step.salesforce.object), tables.get(step.postgres.table)
    if described is None:
        _no_object(step, at, objects, findings)
    if found is None:
        what = f"there is no table {step.postgres.table}, or the daemon's role may not see its schema"
        fix = did_you_mean(step.postgres.table, tables) or "create it, or GRANT USAGE on the schema"
        findings.problem((*at, "postgres", "table"), what, fix, TABLES)
    if described is None or found is None:
        return None
    inherited = conflict_rule(settings.defaults.conflict, ConflictRule())
    sides = Sides(step, described, found, conflict_rule(step.conflict, inherited))
    return _between(settings, sides, held, objects, tables, at, findings)


def _no_object(
    step: StepSettings, at: Path, objects: Mapping[str, ObjectDescription], findings: Findings
) -> None:
    name = step.salesforce.object
    near = did_you_mean(name, chain(objects, COMMON_OBJECTS))
    fix = near if near and near != f"did you mean {name}?" else f"grant Read on {name} in the permission set"
    what = f"there is no object {name}, or the integration user may not see it"
    findings.problem((*at, "salesforce", "object"), what, fix, OBJECTS)


def _between(
    settings: Settings,
    sides: Sides,
    held: Collection[int],
    objects: Mapping[str, ObjectDescription],
    tables: Mapping[str, TableDescription],
    at: Path,
    findings: Findings,
) -> Step | None:
    step, defaults = sides.step, settings.defaults
    table = resolved_table(step, sides.table, at, findings)
    found = [
        resolved_field(sides, field, (*at, "fields", index), findings)
        for index, field in enumerate(step.fields)
        if index not in held
    ]
    fields = tuple(field for field in found if field is not None)
    if step.postgres.through is not None:
        return None if table is None else _source(sides, table, fields)
    for name, column in step.relates.items():
        known_column(sides.table, column, (*at, "relates", name), findings)
    identify = resolved_identify(sides, at, findings)
    fields = with_tracking(
        sides, with_parents(sides, fields, held, objects, at, findings), identify, at, findings
    )
    on_delete = _on_delete(step, defaults.on_delete)
    check_object_rights(sides, on_delete, at, findings)
    check_groups(fields, at, findings)
    if len(fields) == len(found):  # or a field that is wrong would also be missed
        check_required_fields(sides, fields, identify, at, findings)
        check_required_columns(sides, fields, identify, at, findings)
    if table is None:
        return None
    return Step(
        name=step.name,
        object=sides.object.name,
        table=table,
        direction=step.direction,
        fields=fields,
        identify=identify,
        pull=step.pull.behaviour,
        push=step.push.behaviour,
        on_request=step.push.create is Create.ON_REQUEST,
        on_delete=on_delete,
        delete_conflict=step.delete_conflict or defaults.delete_conflict or DeleteConflict.PARK,
        converted_lead=step.converted_lead,
        delete_guard=_delete_guard(step.delete_guard, defaults.delete_guard),
        updated_at=step.postgres.updated_at,
        batch_size=step.batch_size or defaults.batch_size or BATCH_SIZE,
        retry=_retry(step.retry, defaults.retry),
        depends_on=step.depends_on,
        actions=resolved_actions(step, table, tables, at, findings),
        held=held_fields(step, held),
        pull_filter=pull_filter(settings, sides, at, findings),
        push_filter=push_filter(settings, sides, table.key, fields, at, findings),
        family=family_of(step),
        routed_by=routed_by(settings, sides, at),
        owned=step.pull.owned,
        tells_persons=tells_persons(sides.object, [field.salesforce for field in step.fields]),
    )


def _source(sides: Sides, table: Table, fields: tuple[Field, ...]) -> Step:
    """A step that speaks for another one's records, as far as its table and fields go."""
    step = sides.step
    return Step(
        step.name, sides.object.name, table, step.direction, fields, updated_at=step.postgres.updated_at
    )


def _on_delete(step: StepSettings, default: OnDelete | None) -> OnDelete:
    """What deletes do. A mirror deletes whatever the defaults say, and what only adds or deletes by row never does."""
    running = [
        b
        for runs, b in (
            (step.direction.pushes, step.push.behaviour),
            (step.direction.pulls, step.pull.behaviour),
        )
        if runs
    ]
    if Behaviour.MIRROR in running:
        return OnDelete.PROPAGATE
    if step.direction.pushes and step.push.behaviour in PUSH_ONLY:
        return OnDelete.KEEP
    return step.on_delete or default or OnDelete.PROPAGATE


def held_fields(step: StepSettings, places: Collection[int]) -> tuple[HeldField, ...]:
    """The mappings at these places, as a step that leaves them out remembers them."""
    return tuple(
        HeldField(place, field.salesforce, field.postgres, field.sensitive)
        for place, field in enumerate(step.fields)
        if place in places
    )


def _retry(own: RetrySettings | None, default: RetrySettings | None) -> Retry:
    retry = Retry()
    for settings in (default, own):
        if settings is not None:
            retry = Retry(
                retry.attempts if settings.attempts is None else settings.attempts,
                retry.first if settings.first is None else settings.first,
                retry.maximum if settings.max is None else settings.max,
            )
    return retry


def _delete_guard(own: DeleteGuardSettings | None, default: DeleteGuardSettings | None) -> DeleteGuard:
    guard = DeleteGuard()
    for settings in (default, own):
        if settings is not None:
            guard = DeleteGuard(
                guard.max_count if settings.max_count is None else settings.max_count,
                guard.max_ratio if settings.max_ratio is None else settings.max_ratio,
            )
    return guard
