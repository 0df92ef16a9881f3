"""What the destinations of a step may be, and what may be done with them."""

from collections.abc import Iterator

from daemon.domain.filter import one_condition
from daemon.domain.matrix import DESTINATION_BEHAVIOURS, DESTINATIONS
from daemon.settings.merge import Path
from daemon.settings.rule import Complaint
from daemon.settings.steps import ByField, StepSettings


def destination_complaints(step: StepSettings, at: Path) -> Iterator[Complaint]:
    """Every rule about destinations that a step breaks. Of the steps that one became, the first alone tells what concerns them all."""
    objects = [each.object for each in step.destinations]
    for index, field in enumerate(step.fields):
        if field.only is not None and field.only not in objects:
            what = f"{field.only} is no destination of this step"
            fix = f"write {' or '.join(objects)}" if objects else "remove it: only goes with destinations"
            yield Complaint((*at, "fields", index, "only"), what, fix)
    if not objects or step.salesforce.object != objects[0]:
        return
    kinds = DESTINATIONS.get(frozenset(objects))
    if kinds is None:
        pairs = "; ".join(" and ".join(sorted(pair)) for pair in DESTINATIONS)
        what = f"rows cannot be divided between {' and '.join(objects)}"
        yield Complaint((*at, "destinations"), what, f"the pairs are: {pairs}")
        return
    if step.direction.pushes and step.push.behaviour not in DESTINATION_BEHAVIOURS:
        what = f"{step.push.behaviour} does not go with several destinations"
        yield Complaint((*at, "push", "behaviour"), what, f"write one of {', '.join(DESTINATION_BEHAVIOURS)}")
    for index, rule in enumerate(step.identify):
        fits = not isinstance(rule, ByField) or rule.field.salesforce == "Email"
        if rule.tag not in kinds or not fits:
            named = rule.field.salesforce if isinstance(rule, ByField) else rule.tag
            what = f"{named} does not identify records of both {' and '.join(objects)}"
            allowed = [f"{kind} (Email)" if kind == ByField.tag else kind for kind in kinds]
            yield Complaint((*at, "identify", index, rule.tag), what, f"write one of {', '.join(allowed)}")
    yield from _routes(step, (*at, "destinations"))


def _routes(step: StepSettings, at: Path) -> Iterator[Complaint]:
    """Each row without a record must be able to become one, and of one object only."""
    creates = step.direction.pushes and step.push.behaviour.creates
    for index, each in enumerate(step.destinations):
        said = (each.when is not None) + (each.otherwise is not None)
        if said and not creates:
            what = "when and otherwise say where records are made, and this step makes none"
            yield Complaint((*at, index), what, "remove them, or write update_or_create")
        elif said != 1 and creates:
            what = (
                f"nothing says which rows become a {each.object}"
                if not said
                else "when and otherwise exclude each other"
            )
            yield Complaint((*at, index), what, "write when: CONDITION, or otherwise: true")
        if each.when is not None and not one_condition(each.when, escapes=False):
            what = "its brackets or quotes do not match, or it is empty or too long"
            yield Complaint(
                (*at, index, "when"), what, "write what stands after WHERE, at most 4000 characters"
            )
    if creates and all(each.otherwise for each in step.destinations):
        yield Complaint(
            at, "otherwise needs another destination that says when", "write when: CONDITION at one of them"
        )
