"""The steps that one step with several destinations became, as the daemon works by them."""

from daemon.domain.filter import Filter, columns_named
from daemon.settings.destinations import member_name
from daemon.settings.merge import Path
from daemon.settings.models import Settings
from daemon.settings.resolution.fields import Sides
from daemon.settings.steps import StepSettings


def family_of(step: StepSettings) -> tuple[str, ...]:
    """The names of the steps of a family, in the order of the destinations; empty for a step of one object."""
    name = step.name.removesuffix(member_name("", step.salesforce.object))
    return tuple(member_name(name, each.object) for each in step.destinations)


def routed_by(settings: Settings, sides: Sides, at: Path) -> Filter | None:
    """Which of the rows without a record become one of this object, in SQL: where several conditions hold, the first of them counts."""
    step = sides.step
    before: list[str] = []
    for index, each in enumerate(step.destinations):
        if each.object == step.salesforce.object:
            own = [] if each.when is None else [f"({each.when}\n)"]
            others = (
                before if each.when is not None else [other.when for other in step.destinations if other.when]
            )
            condition = " AND ".join([*own, *(f"({other}\n) IS NOT TRUE" for other in others)])
            known = tuple(column.name for column in sides.table.columns.values() if column.selectable)
            place: Path = (*at, "destinations", index)
            columns = columns_named(condition, sides.table.name, known)
            if each.when is None:  # made of the others' conditions, and tried with those
                return Filter(condition, columns) if condition else None
            return Filter(condition, columns, str(settings.origin(place)), settings.spoken(place))
        before += [each.when] if each.when is not None else []
    return None
