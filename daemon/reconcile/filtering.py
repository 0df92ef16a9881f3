"""What a step's filters leave of it for one pair.

A half that its filter leaves out gives nothing: fields that could take its values stand still, and nothing is agreed on about them, so a
pair that comes back is compared with what was last agreed as if it had never been away. Fields that travel only the other way go on.
"""

from collections.abc import Set
from dataclasses import replace

from daemon.domain.mapping import Field, Step
from daemon.domain.plan import Hold, Plan
from daemon.domain.side import Direction, Side
from daemon.domain.view import View
from daemon.reconcile.holds import skip

OUTSIDE = "outside_filter"


def acting(step: Step, salesforce: View, postgres: View) -> tuple[Step, View, View]:
    """The step, and both views, with those fields alone that the filters let travel."""
    if not salesforce.outside and not postgres.outside:
        return step, salesforce, postgres
    kept = tuple(field for field in step.fields if _goes(field, salesforce, postgres))
    names = {field.name for field in kept}
    return replace(step, fields=kept), _of(salesforce, names), _of(postgres, names)


def arriving(step: Step, salesforce: View, postgres: View) -> tuple[Step, View, View]:
    """The step as one that only pulls, and both views with its pulled fields alone: for a record that nobody can write any more."""
    kept = tuple(replace(field, direction=Direction.PULL) for field in step.fields if field.direction.pulls)
    names = {field.name for field in kept}
    direction = Direction.PULL if step.direction.pulls else step.direction
    pulling = replace(step, direction=direction, fields=kept)
    return pulling, _of(salesforce, names), _of(postgres, names)


def _goes(field: Field, salesforce: View, postgres: View) -> bool:
    stopped = salesforce.outside and field.direction.pulls
    return not stopped and not (postgres.outside and field.direction.pushes)


def _of(view: View, names: Set[str]) -> View:
    return replace(
        view,
        values={name: value for name, value in view.values.items() if name in names},
        failures={name: failure for name, failure in view.failures.items() if name in names},
        waiting={name: reference for name, reference in view.waiting.items() if name in names},
        former={name: value for name, value in view.former.items() if name in names},
    )


def told(plan: Plan, salesforce: View, postgres: View) -> Plan:
    """The plan with the filter's word for each side that gets nothing, where no other reason stands."""
    held = dict(plan.held)
    if salesforce.outside:
        held.setdefault(Side.POSTGRES, left_out(Side.SALESFORCE))
    if postgres.outside:
        held.setdefault(Side.SALESFORCE, left_out(Side.POSTGRES))
    return replace(plan, held=held) if held != dict(plan.held) else plan


def left_out(giver: Side) -> Hold:
    """A half that the filter on its side leaves out."""
    what = "record" if giver is Side.SALESFORCE else "row"
    return skip(
        OUTSIDE, f"The step's filter leaves this {what} out; it is compared again when it comes back."
    )
