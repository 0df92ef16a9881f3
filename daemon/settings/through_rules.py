"""Rules of a step whose rows have no records of their own, and speak for those of another step's rows."""

from collections.abc import Iterator

from daemon.domain.side import Direction
from daemon.settings.merge import Path
from daemon.settings.rule import Complaint
from daemon.settings.steps import StepSettings

_MEANINGLESS = (
    "pull", "push", "identify", "depends_on", "actions", "converted_lead", "on_delete", "delete_conflict", "delete_guard", "conflict",
)  # fmt: skip
_PLAIN = ("direction", "mandatory", "default", "const", "lookup", "conflict", "group")


def through_complaints(step: StepSettings, at: Path) -> Iterator[Complaint]:
    """What such a step may not say: everything about its records is said by the step that has them."""
    if step.direction is not Direction.PUSH:
        what = f"{step.postgres.table} speaks for another table's records, so its values only go out"
        yield Complaint((*at, "direction"), what, "write direction: push")
    if step.postgres.updated_at is None:
        fix = "name a column of type timestamp with time zone that tells when the row was changed"
        yield Complaint(
            (*at, "postgres"),
            "of several rows the newest speaks, and nothing tells which that is",
            f"{fix}: updated_at: COLUMN",
        )
    for key in _MEANINGLESS:
        if key in step.model_fields_set:
            what = f"{key} is a matter of the step {_target(step)}, whose records these are"
            yield Complaint((*at, key), what, "write it there, or leave it out")
    for place, field in enumerate(step.fields):
        path: Path = (*at, "fields", place)
        if field.postgres is None:
            yield Complaint(path, f"{field.salesforce} has no column", "add `postgres: COLUMN`")
        for key in _PLAIN:
            if key in field.model_fields_set:
                yield Complaint(
                    (*path, key), f"{key} means nothing for a value that another table adds", "remove it"
                )


def spoken_for_complaints(step: StepSettings, other: StepSettings, at: Path) -> Iterator[Complaint]:
    """What is wrong between such a step and the one whose records it speaks for."""
    if other.postgres.through is not None:
        yield Complaint(
            at, f"the step {other.name} has no records of its own", "name the step that pairs the records"
        )
    if not other.direction.pushes:
        yield Complaint(
            at, f"the step {other.name} only pulls", f"let {other.name} be direction: two_way or push"
        )
    if other.salesforce.object != step.salesforce.object:
        what = f"the step {other.name} pairs {other.salesforce.object}, and this one names {step.salesforce.object}"
        yield Complaint(at, what, "name the same object in both")
    own = {field.salesforce.casefold() for field in other.fields}
    for field in step.fields:
        if field.salesforce.casefold() in own:
            what = f"the step {other.name} maps {field.salesforce} itself"
            yield Complaint(at, what, f"take {field.salesforce} out of one of the two")


def _target(step: StepSettings) -> str:
    return step.postgres.through.step if step.postgres.through is not None else ""
