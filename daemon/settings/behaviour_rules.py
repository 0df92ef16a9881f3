"""Which behaviour goes with which object, direction and identifier."""

from collections.abc import Iterator, Mapping

from daemon.domain.mapping import IdentifyKind
from daemon.domain.matrix import (
    PULL_BEHAVIOURS,
    has_external_ids,
    provided_columns,
    pull_behaviours,
    push_identifiers,
    required_fields,
)
from daemon.domain.policy import Behaviour, OnDelete
from daemon.domain.side import Direction
from daemon.domain.step_kinds import TableKind, behaviours, listed_kinds
from daemon.settings.merge import Path
from daemon.settings.rule import Complaint
from daemon.settings.steps import ByField, StepSettings

PUSH_ONLY = (Behaviour.DELETE, Behaviour.ADD)


def behaviour_complaints(step: StepSettings, at: Path) -> Iterator[Complaint]:
    """Every combination of a step that the matrix does not have."""
    name = step.salesforce.object
    if not behaviours(name, TableKind.TABLE, step.direction):
        untold = "" if pull_behaviours(name) else ", for Salesforce sends no change events of it"
        what = f"there is no {step.direction} step of {name}{untold}"
        yield Complaint((*at, "direction"), what, listed_kinds())
        return
    if step.direction.pulls and step.pull.behaviour not in PULL_BEHAVIOURS:
        what = f"{step.pull.behaviour} is something that is done in Salesforce, not in PostgreSQL"
        yield Complaint((*at, "pull", "behaviour"), what, f"write one of {_listed(PULL_BEHAVIOURS)}")
    if step.relates and not (step.direction.pushes and step.push.behaviour is Behaviour.ADD):
        what = "relates says what the rows of a relation provide, and this step adds none"
        yield Complaint((*at, "relates"), what, "remove it")
    if step.direction.pushes:
        yield from _pushed(step, at)
    yield from _mirror(step, at)


def _pushed(step: StepSettings, at: Path) -> Iterator[Complaint]:
    name, behaviour = step.salesforce.object, step.push.behaviour
    bare = "" if has_external_ids(name) else f", for {name} has no External ID fields"
    fitting = push_identifiers(name)
    if behaviour not in fitting:
        upserted = bare if behaviour in (Behaviour.UPDATE_OR_CREATE, Behaviour.MIRROR) else ""
        what = f"{name} cannot be pushed with {behaviour}{upserted}"
        yield Complaint((*at, "push", "behaviour"), what, f"write one of {_listed(tuple(fitting))}")
        return
    if behaviour in PUSH_ONLY and step.direction is not Direction.PUSH:
        what = f"{behaviour} only pushes, and the step is {step.direction}"
        yield Complaint(
            (*at, "direction"), what, "write direction: push; pull the object in a step of its own"
        )
    for index, rule in enumerate(step.identify):
        if rule.tag not in fitting[behaviour]:
            lacking = bare if rule.tag == IdentifyKind.EXTERNAL_ID else ""
            what = f"{rule.tag} does not identify records of {name} under {behaviour}{lacking}"
            fix = f"write one of {_listed(fitting[behaviour])}"
            yield Complaint((*at, "identify", index, rule.tag), what, fix)
    if behaviour is Behaviour.DELETE and not step.identify:
        yield Complaint((*at, "push", "behaviour"), "delete finds no record without identify", "add identify")
    if behaviour is Behaviour.ADD:
        yield from _added(step, fitting[behaviour], at)
        yield from _provided(step, at)


def _added(step: StepSettings, kinds: tuple[IdentifyKind, ...], at: Path) -> Iterator[Complaint]:
    """What is added once bears the row's own key in a field that was made for it, and says what it relates."""
    name = step.salesforce.object
    if len(step.identify) != 1:
        what = f"add needs one tracking field, in which each {name} keeps the key of its row"
        fix = (
            f"let an administrator make it (Setup > Object Manager > {name} > Fields & Relationships > New: Text, 255, Unique; "
            "the integration user may edit it), then write "
            f"identify: [ {{ {kinds[-1]}: {{ salesforce: Tracking_Id__c, postgres: COLUMN }} }} ]"
        )
        yield Complaint((*at, "push", "behaviour"), what, fix)
    for index, rule in enumerate(step.identify):
        if isinstance(rule, ByField) and rule.field.normalise:
            what = "a tracking field holds the row's key as it is, and normalise would make two keys one"
            yield Complaint((*at, "identify", index, "field", "normalise"), what, "remove it")
    mapped = {field.salesforce.casefold() for field in step.fields}
    for wanted in required_fields(name):
        if wanted.casefold() not in mapped:
            what = f"{name} says nothing without {wanted}, and nothing fills it"
            yield Complaint((*at, "fields"), what, f"add {{ salesforce: {wanted}, postgres: COLUMN }}")


def _provided(step: StepSettings, at: Path) -> Iterator[Complaint]:
    """A relation's rows provide what it relates in columns of their own, and its required fields are mapped from them."""
    name, wanted = step.salesforce.object, provided_columns(step.salesforce.object)
    whole = ", ".join(f"{each}: COLUMN" for each in wanted)
    for each in wanted:
        if each not in step.relates:
            what = f"the rows of {name} must provide {each}, and nothing says in which column"
            yield Complaint((*at, "relates"), what, f"write relates: {{ {whole} }}")
    if any(each not in step.relates for each in wanted):
        return
    for each, column in step.relates.items():
        if each not in wanted:
            what = f"{each} is nothing that the rows of {name} provide"
            yield Complaint(
                (*at, "relates", each), what, f"remove it, or write one of: {', '.join(wanted) or 'nothing'}"
            )
        elif [*step.relates.values()].count(column) > 1:
            what = f"{column} is one column, and it cannot hold two things"
            yield Complaint((*at, "relates", each), what, "name a column for each")
    yield from _filled(step, wanted, at)


def _filled(step: StepSettings, wanted: Mapping[str, tuple[str, ...]], at: Path) -> Iterator[Complaint]:
    """Each end of a relation is filled from what the rows provide for it."""
    for place, field in enumerate(step.fields):
        sources = {
            each: step.relates[each]
            for each, filled in wanted.items()
            if field.salesforce.casefold() in {one.casefold() for one in filled}
        }
        if sources and field.postgres not in sources.values():
            what = f"{field.salesforce} is filled from {' or '.join(sources)}, and not from another column"
            fix = f"write postgres: {' or '.join(sources.values())}"
            yield Complaint((*at, "fields", place, "postgres"), what, fix)
        elif (
            field.postgres is not None
            and sources.get("contact_email") == field.postgres
            and field.lookup is None
        ):
            what = f"{field.postgres} holds an address, and {field.salesforce} takes an id"
            fix = "write lookup: { object: Contact, email: true }, or name a unique External ID field"
            yield Complaint((*at, "fields", place), what, fix)


def _mirror(step: StepSettings, at: Path) -> Iterator[Complaint]:
    for name, runs, behaviour in (
        ("push", step.direction.pushes, step.push.behaviour),
        ("pull", step.direction.pulls, step.pull.behaviour),
    ):
        if not runs or behaviour is not Behaviour.MIRROR:
            continue
        if step.direction is Direction.TWO_WAY:
            what = "a mirror shows one side, and a two_way step has no side that decides"
            yield Complaint(
                (*at, name, "behaviour"), what, "write update_or_create, or let the step go one way"
            )
        if step.on_delete is OnDelete.KEEP:
            what = "a mirror deletes what its source has no more, and on_delete: keep forbids it"
            yield Complaint((*at, "on_delete"), what, "remove it, or write update_or_create")


def _listed(values: tuple[Behaviour, ...] | tuple[IdentifyKind, ...]) -> str:
    return ", ".join(values)
