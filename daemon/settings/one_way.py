"""Two one-way steps over one table and one object: one that brings in, and one that sends out.

To the operator they are two steps. At run time they share their links, for a row has one record: what each of them says of its own way
holds for that way, and what concerns the pair as such they must say alike.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final, NamedTuple

from daemon.domain.policy import Behaviour, Owned
from daemon.domain.side import Direction
from daemon.settings.errors import Origin
from daemon.settings.merge import Path
from daemon.settings.rule import Complaint
from daemon.settings.steps import ConflictSettings, FieldSettings, StepSettings

SHARED: Final = ("delete_conflict", "converted_lead", "batch_size", "retry", "delete_guard")
"""What concerns the pair as such: it may be left out in one of the two."""
_ALIKE: Final = ("lookup", "values", "default")
"""What both must say of a field that travels both ways, or its values would change with each turn."""
_ALONE: Final[dict[Behaviour, str]] = {
    Behaviour.MIRROR: "shows one side, and with a step in and a step out no side alone decides",
    Behaviour.DELETE: "takes rows for orders, and pairs none of them",
    Behaviour.ADD: "makes each record once and never looks at it again",
}

Where = Callable[[Path], Origin]


class Ways(NamedTuple):
    """The positions of the step in and of the step out."""

    pull: int
    push: int


def matched(steps: Sequence[tuple[int, StepSettings]]) -> list[Ways]:
    """The pairs among enabled steps, in the order of the configuration. Where a way is there twice, the first one counts."""
    first: dict[tuple[str, str], dict[Direction, int]] = {}
    for index, step in steps:
        if step.enabled and step.postgres.through is None:
            ways = first.setdefault((step.postgres.table, step.salesforce.object), {})
            ways.setdefault(step.direction, index)
    return [
        Ways(ways[Direction.PULL], ways[Direction.PUSH])
        for ways in first.values()
        if ways.keys() == {Direction.PULL, Direction.PUSH}
    ]


def counterpart(steps: Sequence[StepSettings], step: StepSettings) -> StepSettings | None:
    """The step that goes the other way between the same table and object, and shares the links of this one; None if there is none."""
    for ways in matched(list(enumerate(steps))):
        pair = [steps[place] for place in ways]
        if any(each.name == step.name for each in pair):
            return next(each for each in pair if each.name != step.name)
    return None


def stand_ins(steps: Sequence[StepSettings]) -> dict[str, str]:
    """For a one-way step that does not run the name of the one that goes the other way alone: it keeps the links of both."""
    running = {
        (step.postgres.table, step.salesforce.object, step.direction): step.name
        for step in steps
        if step.runs and step.postgres.through is None
    }
    found: dict[str, str] = {}
    for step in steps:
        other = _OTHER.get(step.direction)
        if step.runs or other is None or step.postgres.through is not None:
            continue
        name = running.get((step.postgres.table, step.salesforce.object, other))
        if name is not None:
            found[step.name] = name
    return found


_OTHER: Final = {Direction.PULL: Direction.PUSH, Direction.PUSH: Direction.PULL}


def repeated_complaints(steps: Sequence[tuple[int, StepSettings]], where: Where) -> Iterator[Complaint]:
    """A table and an object are related by one step, or by one for each way: links are one to one."""
    first: dict[tuple[str, str], list[tuple[int, StepSettings]]] = {}
    for index, step in steps:
        if not step.enabled:
            continue
        pair = step.postgres.table, step.salesforce.object
        known = first.setdefault(pair, [])
        other = next(((at, each) for at, each in known if _overlap(each, step)), None)
        known.append((index, step))
        if other is not None:
            at, each = other
            what = f"the step {each.name} already {_does(each, step)} {pair[0]} {_to(each, step)} {pair[1]} ({where(('steps', at))})"
            fix = "put the fields into one step, or let there be one step in and one step out: direction: pull, and direction: push"
            yield Complaint(("steps", index, "postgres", "table"), what, fix)


def _overlap(one: StepSettings, other: StepSettings) -> bool:
    """Whether two steps go the same way. A step whose rows speak for others' records goes with none."""
    through = one.postgres.through is not None or other.postgres.through is not None
    return through or one.direction.narrowed(other.direction) is not None


def _does(one: StepSettings, other: StepSettings) -> str:
    if one.direction is not other.direction or one.direction is Direction.TWO_WAY:
        return "relates"
    return "pulls" if one.direction is Direction.PULL else "pushes"


def _to(one: StepSettings, other: StepSettings) -> str:
    return "from" if one.direction is other.direction is Direction.PULL else "to"


def pair_complaints(
    pull: tuple[int, StepSettings], push: tuple[int, StepSettings], where: Where
) -> Iterator[Complaint]:
    """What a step in and a step out say that contradicts one another. It is told at the one that comes later, and names the other's line."""
    pair = _Pair(*((pull, push) if pull[0] < push[0] else (push, pull)), where)
    yield from _behaviours(pull, push)
    yield from _shared(pair)
    yield from _fields(pair)
    yield from _groups(pair)
    yield from _owned(pull, push, where)


class _Pair(NamedTuple):
    """The step that comes first and the one that comes later, each with its position."""

    first: tuple[int, StepSettings]
    later: tuple[int, StepSettings]
    where: Where

    def complaint(self, key: Path, what: str, fix: str, there: Path | None = None) -> Complaint:
        """A complaint at a key of the later step about what the first one says at `there`, or under the same key."""
        path: Path = ("steps", self.first[0], *(key if there is None else there))
        said = f"{what} in the step {self.first[1].name} ({self.where(path)}), which goes the other way between the same table and object"
        return Complaint(("steps", self.later[0], *key), said, fix)


def _behaviours(pull: tuple[int, StepSettings], push: tuple[int, StepSettings]) -> Iterator[Complaint]:
    for (index, step), way, other in ((pull, "pull", push[1]), (push, "push", pull[1])):
        behaviour = step.pull.behaviour if way == "pull" else step.push.behaviour
        if behaviour in _ALONE:
            what = f"{behaviour} {_ALONE[behaviour]}: the step {other.name} goes the other way between the same table and object"
            fix = f"write update_or_create, or disable {other.name}, or give this step a table of its own"
            yield Complaint(("steps", index, way, "behaviour"), what, fix)


def _shared(pair: _Pair) -> Iterator[Complaint]:
    (_, first), (_, later) = pair.first, pair.later
    if first.identify != later.identify:
        what = "a row and its record find one another by one list of rules, and it is another one"
        yield pair.complaint(("identify",), what, "write the same identify in both")
    for key in SHARED:
        if {key} <= first.model_fields_set & later.model_fields_set and getattr(first, key) != getattr(
            later, key
        ):
            yield pair.complaint((key,), f"{key} concerns the pair, and is another one", _once(key))
    for key in ("key", "updated_at"):
        ours, theirs = getattr(later.postgres, key), getattr(first.postgres, key)
        if ours != theirs and (key == "key" or None not in (ours, theirs)):
            what = f"{key} belongs to the row, and is another one"
            fix = "write the same key in both" if key == "key" else _once(key)
            yield pair.complaint(("postgres", key), what, fix)


def _once(key: str) -> str:
    return f"write the same {key} in both, or leave it out in one of them"


def _fields(pair: _Pair) -> Iterator[Complaint]:
    """A field of both travels both ways: with one column, and one meaning of its values."""
    (_, first), (_, later) = pair.first, pair.later
    known = {field.salesforce.casefold(): place for place, field in enumerate(first.fields)}
    for place, ours in enumerate(later.fields):
        there = known.get(ours.salesforce.casefold())
        if there is None:
            continue
        theirs, at = first.fields[there], ("fields", place)
        if ours.postgres != theirs.postgres:
            what = f"{ours.salesforce} travels both ways, and is paired with {_partner(theirs)}"
            fix = "pair it with the same column in both, or take it out of one of them"
            yield pair.complaint(at, what, fix, ("fields", there))
            continue
        for key in _ALIKE:
            if getattr(ours, key) != getattr(theirs, key):
                what = f"{ours.salesforce} travels both ways, and has another {key}"
                fix = f"write the same {key} in both, or take the field out of one of them"
                yield pair.complaint((*at, key), what, fix, ("fields", there, key))
        if _differ(said_of_conflicts(first, theirs), said_of_conflicts(later, ours)):
            what = f"{ours.salesforce} travels both ways, and has another conflict rule"
            yield pair.complaint((*at, "conflict"), what, _once("rule"), ("fields", there, "conflict"))


def _partner(field: FieldSettings) -> str:
    return "a constant" if field.postgres is None else field.postgres


def said_of_conflicts(step: StepSettings, field: FieldSettings) -> ConflictSettings:
    """What a step says of one field's conflicts itself, without the defaults."""
    own, of_step = field.conflict or ConflictSettings(), step.conflict or ConflictSettings()
    return together(own, of_step)


def together(one: ConflictSettings, other: ConflictSettings) -> ConflictSettings:
    """One rule, completed by what it leaves out and the other one says."""
    parts: dict[str, Any] = {
        part: getattr(other, part) if getattr(one, part) is None else getattr(one, part)
        for part in ConflictSettings.model_fields
    }
    return ConflictSettings(**parts)


def _differ(one: ConflictSettings, other: ConflictSettings) -> bool:
    return together(one, other) != together(other, one)


def _groups(pair: _Pair) -> Iterator[Complaint]:
    """Fields that move together travel the same ways."""
    (_, first), (_, later) = pair.first, pair.later
    groups, others = _by_group(later), _by_group(first)
    mapped = {field.salesforce.casefold() for field in first.fields}
    ours = {field.salesforce.casefold() for field in later.fields}
    for name, fields in groups.items():
        there = others.get(name, {})
        if fields.keys() != there.keys() and (there or fields.keys() & mapped):
            place = min(fields.values())
            what = f"the group {name} moves together, and has other fields"
            at: Path = ("fields", min(there.values()), "group") if there else ("fields",)
            yield pair.complaint(("fields", place, "group"), what, _GROUP, at)
    for name, fields in others.items():
        if name not in groups and fields.keys() & ours:
            what = (
                f"the group {name} moves together, and some of its fields are here without it; it is written"
            )
            yield pair.complaint(("fields",), what, _GROUP, ("fields", min(fields.values()), "group"))


_GROUP: Final = (
    "give the group the same fields in both, or another name where its fields are in one of them alone"
)


def _by_group(step: StepSettings) -> dict[str, dict[str, int]]:
    groups: dict[str, dict[str, int]] = {}
    for place, field in enumerate(step.fields):
        if field.group is not None:
            groups.setdefault(field.group, {})[field.salesforce.casefold()] = place
    return groups


def _owned(
    pull: tuple[int, StepSettings], push: tuple[int, StepSettings], where: Where
) -> Iterator[Complaint]:
    """Somebody can own only what nobody else gives."""
    (index, step), (other, out) = pull, push
    sent = {field.postgres for field in out.fields}
    if step.pull.owned is not Owned.OFF and step.fields and all(f.postgres in sent for f in step.fields):
        what = f"{step.pull.owned} protects what is only pulled, and the step {out.name} ({where(('steps', other))}) sends each of these columns"
        yield Complaint(
            ("steps", index, "pull", "owned"), what, f"remove it, or take a field out of {out.name}"
        )
