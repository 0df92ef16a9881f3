"""Rules within one step: what its keys mean together."""

from collections import defaultdict
from collections.abc import Iterator

from daemon.domain.policy import Behaviour, Create, Owned
from daemon.domain.side import Direction
from daemon.settings.actions import action_complaints
from daemon.settings.behaviour_rules import behaviour_complaints
from daemon.settings.destination_rules import destination_complaints
from daemon.settings.merge import Path
from daemon.settings.rule import Complaint
from daemon.settings.steps import BySalesforceId, FieldSettings, LookupSettings, StepSettings, ValueSettings
from daemon.settings.through_rules import through_complaints


def step_complaints(step: StepSettings, at: Path) -> Iterator[Complaint]:
    """Every rule within a step that does not hold."""
    if step.postgres.through is not None:
        yield from through_complaints(step, at)
        return
    yield from behaviour_complaints(step, at)
    yield from destination_complaints(step, at)
    yield from _identify(step, at)
    yield from _id_alone(step, at)
    yield from _on_request(step, at)
    yield from _owned(step, at)
    yield from _repeats(step, at)
    yield from _groups(step, at)
    yield from action_complaints(step.actions, step.direction, at)
    for index, field in enumerate(step.fields):
        yield from _field(step, field, (*at, "fields", index))


def direction_of(step: StepSettings, field: FieldSettings) -> Direction:
    """A field's direction: its own, or the step's. A constant can only be pushed."""
    if field.direction is not None:
        return field.direction
    return Direction.PUSH if field.const is not None else step.direction


def _identify(step: StepSettings, at: Path) -> Iterator[Complaint]:
    if step.identify:
        return
    for name, runs, settings in (
        ("push", step.direction.pushes, step.push),
        ("pull", step.direction.pulls, step.pull),
    ):
        if runs and settings.behaviour is Behaviour.UPDATE_ONLY:
            what = f"{settings.behaviour} finds nothing to update without identify"
            yield Complaint((*at, name, "behaviour"), what, "add identify, or write update_or_create")


def _id_alone(step: StepSettings, at: Path) -> Iterator[Complaint]:
    """A record that is still to be made has no id yet: nothing would find it again after a lost answer."""
    if not (step.direction.pushes and step.push.behaviour.creates and step.identify):
        return
    if step.push.behaviour is Behaviour.ADD:
        return
    if all(isinstance(rule, BySalesforceId) for rule in step.identify):
        what = f"a record's id alone cannot identify records of {step.push.behaviour}: Salesforce gives it, nobody sets it"
        fix = (
            "write push: { behaviour: update_only }, or add a way that the row itself brings along: "
            "external_id on a unique External ID field"
        )
        yield Complaint((*at, "identify", 0, "salesforce_id"), what, fix)


def _on_request(step: StepSettings, at: Path) -> Iterator[Complaint]:
    if step.push.create is Create.ON_REQUEST and not (step.direction.pushes and step.push.behaviour.creates):
        what = "on_request says when records are made, and this step makes none"
        yield Complaint(
            (*at, "push", "create"), what, "remove it, or let the step push with update_or_create"
        )


def _owned(step: StepSettings, at: Path) -> Iterator[Complaint]:
    """Somebody can own only what nobody else gives."""
    if step.pull.owned is Owned.OFF or not step.fields:
        return
    if not any(f.postgres is not None and direction_of(step, f) is Direction.PULL for f in step.fields):
        what = f"{step.pull.owned} protects what is only pulled, and no field of this step is"
        yield Complaint(
            (*at, "pull", "owned"), what, "remove it, or write direction: pull on the step or a field"
        )


def _repeats(step: StepSettings, at: Path) -> Iterator[Complaint]:
    names: dict[str, int] = {}
    pulled: dict[str, str] = {}
    for index, field in enumerate(step.fields):
        path: Path = (*at, "fields", index)
        if names.setdefault(field.salesforce.casefold(), index) != index:
            first = names[field.salesforce.casefold()]
            what = f"{field.salesforce} is mapped twice (first as fields[{first}])"
            yield Complaint((*path, "salesforce"), what, "keep one of them")
        elif field.postgres is not None and direction_of(step, field).pulls:
            other = pulled.setdefault(field.postgres, field.salesforce)
            if other != field.salesforce:
                what = f"{other} is already pulled into {field.postgres}"
                yield Complaint((*path, "postgres"), what, "let one of the two be direction: push")


def _groups(step: StepSettings, at: Path) -> Iterator[Complaint]:
    """Fields that move together have one direction and one rule, or they could not."""
    groups: dict[str, list[tuple[int, FieldSettings]]] = defaultdict(list)
    for index, field in enumerate(step.fields):
        if field.group is not None:
            groups[field.group].append((index, field))
    for name, members in groups.items():
        _, first = members[0]
        for index, field in members[1:]:
            path: Path = (*at, "fields", index)
            if direction_of(step, field) is not direction_of(step, first):
                what = f"the group {name} moves together, but {first.salesforce} has another direction"
                yield Complaint((*path, "group"), what, "give its fields one direction")
            if field.conflict != first.conflict:
                what = f"the group {name} moves together, but {first.salesforce} has another conflict rule"
                yield Complaint((*path, "group"), what, "give its fields one conflict rule")


def _field(step: StepSettings, field: FieldSettings, at: Path) -> Iterator[Complaint]:
    if field.salesforce.casefold() == "id":
        fix = "write `identify: [ { salesforce_id: COLUMN } ]`, which keeps the id in that column"
        yield Complaint((*at, "salesforce"), "a record's id is not a field to map", fix)
    if field.const is not None:
        yield from _const(field, at)
    elif field.postgres is None:
        yield Complaint(at, f"{field.salesforce} has no column", "add `postgres: COLUMN` or `const: VALUE`")
    if field.direction is not None and field.direction.narrowed(step.direction) is not field.direction:
        what = f"{field.direction} widens the step's direction {step.direction}"
        yield Complaint((*at, "direction"), what, f"write {step.direction}, or change the step's direction")
    elif direction_of(step, field).narrowed(step.direction) is None:
        what = "a constant is pushed, and this step only pulls"
        yield Complaint((*at, "const"), what, "remove it, or let the step be direction: two_way")
    if field.lookup is not None:
        yield from _lookup(step, field, field.lookup, (*at, "lookup"))
    if field.values is not None:
        yield from _values(field.values, (*at, "values"), pushes=direction_of(step, field).pushes)
        if field.lookup is not None:
            yield Complaint(
                (*at, "values"), "a lookup translates ids, and a map cannot", "remove one of them"
            )


def _lookup(
    step: StepSettings, field: FieldSettings, lookup: LookupSettings, at: Path
) -> Iterator[Complaint]:
    """A lookup goes through another step's links, or names the record by a value that Salesforce looks up itself."""
    if lookup.external_id is not None and lookup.email:
        yield Complaint((*at, "email"), "email and external_id exclude each other", "keep one of them")
    if lookup.external_id is None and not lookup.email:
        if (lookup.step is None) == (not lookup.steps) or lookup.object is not None:
            fix = "write { step: STEP }, { steps: [STEP, STEP] }, or { object: OBJECT, external_id: FIELD }"
            yield Complaint(at, "a lookup names a step, or an object and its External ID field", fix)
        return
    if lookup.step is not None or lookup.steps or lookup.object is None:
        fix = "write { object: OBJECT, external_id: FIELD } and no step"
        yield Complaint(at, "a lookup by an external value names the object that it is a value of", fix)
    if direction_of(step, field) is not Direction.PUSH:
        what = "events and records name the record by its id, so a lookup by an external value is only pushed"
        key = "email" if lookup.email else "external_id"
        yield Complaint((*at, key), what, "write direction: push, or go through a step: { step: STEP }")
    elif lookup.email and step.push.behaviour is not Behaviour.ADD:
        what = "an e-mail address finds a record only for what is added once: it may be another's tomorrow"
        yield Complaint(
            (*at, "email"), what, "name a unique External ID field: { object: OBJECT, external_id: FIELD }"
        )


def _const(field: FieldSettings, at: Path) -> Iterator[Complaint]:
    if field.postgres is not None:
        yield Complaint((*at, "const"), "const and postgres exclude each other", "keep one of them")
    if field.direction is not None and field.direction is not Direction.PUSH:
        yield Complaint((*at, "direction"), "a constant is only ever pushed", "write push, or leave it out")
    for key, value in (("values", field.values), ("lookup", field.lookup), ("default", field.default)):
        if value is not None:
            yield Complaint((*at, key), f"{key} means nothing beside const", "remove it")


def _values(values: ValueSettings, at: Path, *, pushes: bool) -> Iterator[Complaint]:
    spelled: dict[str, list[str]] = defaultdict(list)
    for salesforce, postgres in values.map.items():
        spelled[postgres].append(salesforce)
    for postgres, choices in spelled.items():
        if pushes and len(choices) > 1 and postgres not in values.push_choice:
            listed = " or ".join(choices)
            what = f"{postgres} stands for {listed}, and nothing says which to send"
            yield Complaint((*at, "map"), what, f"add `push_choice: {{ {postgres}: {choices[0]} }}`")
    for postgres, choice in values.push_choice.items():
        path: Path = (*at, "push_choice", postgres)
        if postgres not in spelled:
            what = f"the map has no value {postgres}"
            yield Complaint(path, what, f"its values are: {', '.join(sorted(spelled))}")
        elif choice not in spelled[postgres]:
            yield Complaint(
                path, f"{choice} does not stand for {postgres}", f"write {' or '.join(spelled[postgres])}"
            )
