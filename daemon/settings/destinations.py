"""Steps whose rows become records of either of two objects: as the configuration writes them, and as the two steps that run.

One step `people` with the destinations Lead and Contact becomes the steps `people_lead` and `people_contact`. That is done to the tree,
before anything is validated, so that every rule holds for each of the two and every complaint names the line that was written.
"""

from collections.abc import Mapping
from typing import Final, Literal

from daemon.settings.errors import Problem
from daemon.settings.merge import name_of
from daemon.settings.scalars import ApiName, Section, Text
from daemon.settings.source import Block, Entry, Scalar, Sequence, Tree

_FOLLOWS: Final = {"Contact": "follow_contact", "Account": "follow_account"}
"""Where the link of a converted lead goes on, by the destination beside Lead."""


class DestinationSettings(Section):
    """One of the objects of which a row's record may be."""

    object: ApiName
    """API name of the object: Lead and Contact, or Lead and Account."""
    when: Text | None = None
    """Which rows without a record become one of this object: what stands after WHERE in SQL."""
    otherwise: Literal[True] | None = None
    """true: all the other rows do."""


def member_name(family: str, salesforce_object: str) -> str:
    """The name of the step that runs for one destination."""
    return f"{family}_{salesforce_object.lower()}"


def with_destinations(block: Block) -> tuple[Block, list[Problem]]:
    """The configuration with a step for each destination in the place of a step that has several, and what was wrong with those."""
    entry = block.entries.get("steps")
    if entry is None or not isinstance(entry.value, Sequence):
        return block, []
    problems: list[Problem] = []
    families: dict[str, list[str]] = {}
    steps: list[Tree] = []
    for step in entry.value.items:
        if not isinstance(step, Block) or "destinations" not in step.entries:
            steps.append(step)
            continue
        objects = _objects(step.entries["destinations"].value)
        problems += _problems(step, objects)
        name = name_of(step)
        if objects and name is not None:
            families[name] = [member_name(name, each) for each in objects]
        steps += [_member(step, each, objects) for each in objects] or [_as_if_one(step)]
    if tuple(steps) == entry.value.items:
        return block, problems
    listed = Entry(
        entry.origin, Sequence(entry.value.origin, tuple(_referring(step, families) for step in steps))
    )
    entries = {**block.entries, "steps": listed}
    if "campaigns" in entries:
        campaigns = entries["campaigns"]
        entries["campaigns"] = Entry(campaigns.origin, _members_of(campaigns.value, families))
    return Block(block.origin, entries), problems


def _objects(written: Tree) -> list[str]:
    """The two objects; empty if that is not what is written."""
    items = written.items if isinstance(written, Sequence) else ()
    named = [
        item.entries["object"].value for item in items if isinstance(item, Block) and "object" in item.entries
    ]
    objects = [value.value for value in named if isinstance(value, Scalar) and isinstance(value.value, str)]
    return objects if len({each.casefold() for each in objects}) == len(items) == 2 else []


def _problems(step: Block, objects: list[str]) -> list[Problem]:
    at = f"steps[{name_of(step) or ''}]"
    found = []
    if not objects:
        what = "destinations are a list of two different objects"
        fix = "write [ { object: Contact, when: CONDITION }, { object: Lead, otherwise: true } ]"
        found.append(Problem(step.entries["destinations"].origin, f"{at}.destinations", what, fix))
    if "salesforce" in step.entries:
        what = "destinations name the objects already"
        found.append(
            Problem(
                step.entries["salesforce"].origin,
                f"{at}.salesforce",
                what,
                "remove salesforce, or destinations",
            )
        )
    return found


def _member(step: Block, salesforce_object: str, objects: list[str]) -> Block:
    """The step as it runs for one destination. What is for the other one alone is not in it."""
    origin = step.entries["destinations"].origin
    entries = dict(step.entries)
    entries["salesforce"] = _object_entry(step, salesforce_object)
    if (name := name_of(step)) is not None:
        entries["name"] = Entry(
            entries["name"].origin, Scalar(entries["name"].origin, member_name(name, salesforce_object))
        )
        if salesforce_object != objects[0]:
            entries["depends_on"] = _after(
                entries.get("depends_on"), Scalar(origin, member_name(name, objects[0]))
            )
    if "fields" in entries:
        fields = entries["fields"]
        entries["fields"] = Entry(fields.origin, _fields_of(fields.value, salesforce_object, objects))
    if salesforce_object != "Lead":
        entries.pop("converted_lead", None)
    else:
        other = next(each for each in objects if each != salesforce_object)
        follows = Entry(origin, Scalar(origin, _FOLLOWS.get(other, "park")))
        entries.setdefault("converted_lead", follows)
    return Block(step.origin, entries)


def _as_if_one(step: Block) -> Block:
    """A step whose destinations say nothing, as one that the rest of the rules can be held against."""
    entries = {key: entry for key, entry in step.entries.items() if key != "destinations"}
    entries.setdefault("salesforce", _object_entry(step, "Lead"))
    fields = entries["fields"].value if "fields" in entries else None
    if isinstance(fields, Sequence):
        items = tuple(_without_only(item) for item in fields.items)
        entries["fields"] = Entry(entries["fields"].origin, Sequence(fields.origin, items))
    return Block(step.origin, entries)


def _without_only(field: Tree) -> Tree:
    if not isinstance(field, Block):
        return field
    return Block(field.origin, {key: entry for key, entry in field.entries.items() if key != "only"})


def _object_entry(step: Block, salesforce_object: str) -> Entry:
    origin = step.entries["destinations"].origin
    return Entry(origin, Block(origin, {"object": Entry(origin, Scalar(origin, salesforce_object))}))


def _after(written: Entry | None, first: Scalar) -> Entry:
    """Steps that come before, with one more."""
    if written is None:
        return Entry(first.origin, Sequence(first.origin, (first,)))
    value = written.value
    items = value.items if isinstance(value, Sequence) else (value,)
    return Entry(written.origin, Sequence(value.origin, (*items, first)))


def _fields_of(fields: Tree, salesforce_object: str, objects: list[str]) -> Tree:
    if not isinstance(fields, Sequence):
        return fields
    others = {each for each in objects if each != salesforce_object}
    return Sequence(fields.origin, tuple(item for item in fields.items if _only(item) not in others))


def _only(field: Tree) -> object:
    entry = field.entries.get("only") if isinstance(field, Block) else None
    return entry.value.value if entry is not None and isinstance(entry.value, Scalar) else None


def _referring(step: Tree, families: Mapping[str, list[str]]) -> Tree:
    """A step whose lookups and dependencies name the steps that run."""
    if not isinstance(step, Block):
        return step
    entries = dict(step.entries)
    if "depends_on" in entries:
        entries["depends_on"] = _spread(entries["depends_on"], families)
    fields = entries["fields"].value if "fields" in entries else None
    if isinstance(fields, Sequence):
        items = tuple(_with_lookup(item, families) for item in fields.items)
        entries["fields"] = Entry(entries["fields"].origin, Sequence(fields.origin, items))
    return Block(step.origin, entries)


def _with_lookup(field: Tree, families: Mapping[str, list[str]]) -> Tree:
    lookup = field.entries.get("lookup") if isinstance(field, Block) else None
    if not isinstance(field, Block) or lookup is None or not isinstance(lookup.value, Block):
        return field
    entries = dict(lookup.value.entries)
    if "steps" in entries:
        entries["steps"] = _spread(entries["steps"], families)
    named = entries.get("step")
    if named is not None and isinstance(named.value, Scalar) and named.value.value in families:
        del entries["step"]
        entries["steps"] = _spread(Entry(named.origin, Sequence(named.origin, (named.value,))), families)
    block = Block(lookup.value.origin, entries)
    return Block(field.origin, {**field.entries, "lookup": Entry(lookup.origin, block)})


def _spread(listed: Entry, families: Mapping[str, list[str]]) -> Entry:
    """A list of steps, with the steps that run in the place of one that has several destinations."""
    if not isinstance(listed.value, Sequence):
        return listed
    items: list[Tree] = []
    for item in listed.value.items:
        name = item.value if isinstance(item, Scalar) else None
        known = families.get(name) if isinstance(name, str) else None
        items += [item] if known is None else [Scalar(item.origin, each) for each in known]
    return Entry(listed.origin, Sequence(listed.value.origin, tuple(items)))


def _members_of(campaigns: Tree, families: Mapping[str, list[str]]) -> Tree:
    """Campaigns whose members are persons of the steps that run."""
    members = campaigns.entries.get("members") if isinstance(campaigns, Block) else None
    if not isinstance(campaigns, Block) or members is None or not isinstance(members.value, Block):
        return campaigns
    entries = dict(members.value.entries)
    if "steps" in entries:
        entries["steps"] = _spread(entries["steps"], families)
    block = Entry(members.origin, Block(members.value.origin, entries))
    return Block(campaigns.origin, {**campaigns.entries, "members": block})
