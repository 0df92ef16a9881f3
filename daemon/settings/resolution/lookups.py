"""References that are translated through another step's links."""

from collections.abc import Mapping

from daemon.domain.mapping import Step
from daemon.ports.salesforce import ObjectDescription
from daemon.settings.merge import Path
from daemon.settings.models import Settings
from daemon.settings.resolution.findings import CONFIG, TABLES, Findings
from daemon.settings.resolution.pairs import same_family


def check_lookups(
    settings: Settings,
    objects: Mapping[str, ObjectDescription],
    steps: Mapping[str, Step],
    findings: Findings,
) -> None:
    """Whether each reference points to what its step syncs, and its column can hold that step's key."""
    for index, written in enumerate(settings.steps):
        step = steps.get(written.name)
        if step is None or not written.runs:
            continue
        for place, field in enumerate(written.fields):
            if field.lookup is None or place in {held.place for held in step.held}:
                continue
            if field.lookup.steps:
                _among(index, place, field.lookup.steps, steps, findings)
            through = field.lookup.step or next(iter(field.lookup.steps), None)
            target = steps.get(through) if through is not None else None
            if target is None:
                continue
            at: Path = ("steps", index, "fields", place)
            described = objects[step.object].fields.get(field.salesforce)
            points_to = described.reference_to if described is not None else ()
            if points_to and target.object not in points_to:
                what = f"{field.salesforce} points to {' or '.join(points_to)}, and {target.name} syncs {target.object}"
                findings.problem((*at, "lookup", "step"), what, f"name a step of {points_to[0]}", CONFIG)
            if field.postgres is not None:
                _key_type(step, target, field.postgres, (*at, "postgres"), findings)


def _among(
    index: int, place: int, names: tuple[str, ...], steps: Mapping[str, Step], findings: Findings
) -> None:
    """A row is linked by one of several steps only where they are steps of one table."""
    found = [steps[name] for name in names if name in steps]
    for number, other in enumerate(found[1:], start=1):
        if other.table.qualified != found[0].table.qualified:
            what = f"{other.name} pairs rows of {other.table.qualified}, and {found[0].name} those of {found[0].table.qualified}"
            path: Path = ("steps", index, "fields", place, "lookup", "steps", number)
            findings.problem(path, what, "name steps of one table", CONFIG)


def _key_type(step: Step, target: Step, column: str, path: Path, findings: Findings) -> None:
    if len(target.table.key) != 1:
        what = (
            f"{target.table.qualified} has a key of {len(target.table.key)} columns, and a lookup needs one"
        )
        findings.problem(path, what, "name one unique column as the key of that step", TABLES)
        return
    own, key = step.table.types.get(column), target.table.types[target.table.key[0]]
    if own is not None and not same_family(own, key):
        what = f"{column} is {own}, and {target.table.qualified}.{target.table.key[0]} is {key}"
        findings.problem(path, what, f"a column of {key} fits", TABLES)
