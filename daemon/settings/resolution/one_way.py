"""Two one-way steps over one table and one object as the one step that the daemon works by: one set of links, each way by its own rules."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from daemon.domain.mapping import Field, HeldField, Step
from daemon.domain.policy import ConflictRule
from daemon.domain.side import Direction
from daemon.settings.merge import Path
from daemon.settings.models import Settings
from daemon.settings.one_way import Ways, matched, said_of_conflicts, stand_ins, together
from daemon.settings.resolution.fields import conflict_rule
from daemon.settings.resolution.findings import TABLES, Findings
from daemon.settings.steps import FieldSettings, StepSettings


def ways_of(settings: Settings) -> list[Ways]:
    """The pairs of one-way steps that run."""
    return matched([(index, step) for index, step in enumerate(settings.steps) if step.runs])


def running_names(settings: Settings) -> dict[str, str]:
    """For each step the name of the one that the daemon works by: of a pair that of the step in, or of the one that is left."""
    names = {step.name: step.name for step in settings.steps if step.runs}
    for ways in ways_of(settings):
        names[settings.steps[ways.push].name] = settings.steps[ways.pull].name
    return {**stand_ins(settings.steps), **names}


def check_pairs(settings: Settings, steps: Sequence[Step], findings: Findings) -> None:
    """A table and an object are related by one step, or by one for each way, however the table's name is spelled."""
    places = {step.name: index for index, step in enumerate(settings.steps)}
    names = running_names(settings)
    first: dict[tuple[str, str], str] = {}
    for step in steps:
        other = first.setdefault((step.table.qualified, step.object), step.name)
        if names[other] != names[step.name]:
            index = places[step.name]
            path: Path = ("steps", index, "postgres", "table")
            written, there = settings.steps[index], settings.steps[places[other]]
            what = f"the step {other} already relates {step.table.qualified} to {step.object}"
            fix = "put the fields into one step"
            if written.direction.narrowed(there.direction) is None:
                what = f"the step {other} goes the other way, and spells the table {there.postgres.table} ({settings.origin(('steps', places[other], 'postgres', 'table'))})"
                fix = "spell the table alike in both: they share their links"
            findings.problem(path, what, fix, TABLES)
    by_name = {step.name: step for step in steps}
    for ways in ways_of(settings):
        pull, push = (by_name.get(settings.steps[index].name) for index in ways)
        if pull is not None and push is not None:
            _check_joined(ways, pull, push, findings)


def _check_joined(ways: Ways, pull: Step, push: Step, findings: Findings) -> None:
    """What another table says of the records goes out, and is not brought in as well."""
    for join in push.joins:
        for field in join.source.fields:
            if field.name in pull.by_name:
                path: Path = ("steps", ways.pull, "fields")
                what = f"{field.name} comes in here, and the step {join.source.name} sends what another table says of it"
                findings.problem(path, what, f"take {field.name} out of one of the two")


def united(settings: Settings, steps: Sequence[Step]) -> list[Step]:
    """The steps, with one in the place of each pair. What refers to either of a pair refers to that one."""
    by_name = {step.name: step for step in steps}
    names = running_names(settings)
    found: list[Step] = []
    pairs = {settings.steps[ways.pull].name: ways for ways in ways_of(settings)}
    for step in steps:
        if names.get(step.name, step.name) != step.name:
            continue  # the way out of a pair: it is there with the way in
        ways = pairs.get(step.name)
        push = None if ways is None else by_name.get(settings.steps[ways.push].name)
        if ways is not None and push is not None:
            step = _one(settings, ways, step, push)  # noqa: PLW2901 - the pair in its place
        found.append(_referring(step, names))
    return found


def _one(settings: Settings, ways: Ways, pull: Step, push: Step) -> Step:
    ours, theirs = settings.steps[ways.pull], settings.steps[ways.push]
    held = _held(pull, push, len(ours.fields))
    still = pull.still or push.still
    fields = () if still else _fields(settings, ours, theirs, pull, push)
    if still:
        held = tuple(
            HeldField(place, field.salesforce, field.postgres, field.sensitive)
            for place, field in enumerate([*ours.fields, *theirs.fields])
        )

    def of(key: str) -> Step:
        """The step that says something of what concerns the pair."""
        return pull if key in ours.model_fields_set else push

    return replace(
        pull,
        ways=(pull.name, push.name),
        table=replace(
            push.table if pull.still else pull.table, types={**push.table.types, **pull.table.types}
        ),
        direction=Direction.TWO_WAY,
        fields=fields,
        identify=() if still else pull.identify,
        push=push.push,
        on_request=push.on_request,
        on_row_delete=push.on_delete,
        delete_conflict=of("delete_conflict").delete_conflict,
        converted_lead=of("converted_lead").converted_lead,
        delete_guard=of("delete_guard").delete_guard,
        updated_at=pull.updated_at or push.updated_at,
        batch_size=of("batch_size").batch_size,
        retry=of("retry").retry,
        depends_on=(*pull.depends_on, *push.depends_on),
        actions=(*pull.actions, *push.actions),
        held=held,
        still=still,
        push_filter=push.push_filter,
        family=push.family or pull.family,
        routed_by=push.routed_by,
        tells_persons=pull.tells_persons or push.tells_persons,
        joins=push.joins,
    )


def _held(pull: Step, push: Step, before: int) -> tuple[HeldField, ...]:
    """What is held of either way is held of both: what the other side says meanwhile must not be lost."""
    ours = {held.name for held in pull.held}
    theirs = (replace(held, place=before + held.place) for held in push.held if held.name not in ours)
    return (*pull.held, *theirs)


def _fields(
    settings: Settings, ours: StepSettings, theirs: StepSettings, pull: Step, push: Step
) -> tuple[Field, ...]:
    held = {field.name for field in (*pull.held, *push.held)}
    written = {
        each.salesforce.casefold(): (each, next(f for f in theirs.fields if _same(f, each)))
        for each in ours.fields
        if any(_same(f, each) for f in theirs.fields)
    }
    fields: list[Field] = []
    for field in pull.fields:
        out, both = push.by_name.get(field.name), written.get(field.name.casefold())
        if out is None or both is None:
            fields.append(field)
            continue
        said = together(said_of_conflicts(ours, both[0]), said_of_conflicts(theirs, both[1]))
        inherited = conflict_rule(settings.defaults.conflict, ConflictRule())
        fields.append(
            replace(
                field,
                direction=Direction.TWO_WAY,
                conflict=conflict_rule(said, inherited),
                mandatory=field.mandatory or out.mandatory,
                sensitive=field.sensitive or out.sensitive,
            )
        )
    fields += [field for field in push.fields if field.name not in pull.by_name]
    return tuple(field for field in fields if field.name not in held)


def _same(one: FieldSettings, other: FieldSettings) -> bool:
    return one.salesforce.casefold() == other.salesforce.casefold()


def _referring(step: Step, names: Mapping[str, str]) -> Step:
    """A step whose references, dependencies and family name the steps that the daemon works by."""

    def all_of(named: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(dict.fromkeys(names.get(name, name) for name in named))

    fields = tuple(
        replace(field, lookup=names.get(field.lookup, field.lookup), among=all_of(field.among))
        if field.lookup is not None
        else field
        for field in step.fields
    )
    waits = tuple(name for name in all_of(step.depends_on) if name != step.name)
    return replace(step, fields=fields, depends_on=waits, family=all_of(step.family))
