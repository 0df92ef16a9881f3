"""Which behaviour goes with which object, direction and identifier."""

from collections.abc import Iterator

from daemon.domain.mapping import IdentifyKind
from daemon.domain.matrix import PULL_BEHAVIOURS, push_identifiers, required_fields
from daemon.domain.policy import Behaviour, OnDelete
from daemon.domain.side import Direction
from daemon.domain.step_kinds import TableKind, behaviours, listed_kinds
from daemon.settings.merge import Path
from daemon.settings.rule import Complaint
from daemon.settings.steps import ByField, StepSettings

PUSH_ONLY = (Behaviour.DELETE, Behaviour.ADD)


def behaviour_complaints(step: StepSettings, at: Path) -> Iterator[Complaint]:
    """Every combination of a step that the matrix does not have."""
    if step.direction.pulls and step.pull.behaviour not in PULL_BEHAVIOURS:
        what = f"{step.pull.behaviour} is something that is done in Salesforce, not in PostgreSQL"
        yield Complaint((*at, "pull", "behaviour"), what, f"write one of {_listed(PULL_BEHAVIOURS)}")
    if step.direction.pushes:
        yield from _pushed(step, at)
    yield from _mirror(step, at)


def _pushed(step: StepSettings, at: Path) -> Iterator[Complaint]:
    name, behaviour = step.salesforce.object, step.push.behaviour
    if not behaviours(name, TableKind.TABLE, step.direction):
        what = f"there is no {step.direction} step of {name}"
        yield Complaint((*at, "direction"), what, listed_kinds())
        return
    fitting = push_identifiers(name)
    if behaviour not in fitting:
        what = f"{name} cannot be pushed with {behaviour}"
        yield Complaint((*at, "push", "behaviour"), what, f"write one of {_listed(tuple(fitting))}")
        return
    if behaviour in PUSH_ONLY and step.direction is not Direction.PUSH:
        what = f"{behaviour} only pushes, and the step is {step.direction}"
        yield Complaint(
            (*at, "direction"), what, "write direction: push; pull the object in a step of its own"
        )
    for index, rule in enumerate(step.identify):
        if rule.tag not in fitting[behaviour]:
            what = f"{rule.tag} does not identify records of {name} under {behaviour}"
            fix = f"write one of {_listed(fitting[behaviour])}"
            yield Complaint((*at, "identify", index, rule.tag), what, fix)
    if behaviour is Behaviour.DELETE and not step.identify:
        yield Complaint((*at, "push", "behaviour"), "delete finds no record without identify", "add identify")
    if behaviour is Behaviour.ADD:
        yield from _added(step, fitting[behaviour], at)


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
