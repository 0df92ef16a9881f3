"""The names of steps in what is asked and told: of a step in and a step out that share their links, each is told what went its way."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from daemon.domain.mapping import Step, Steps
from daemon.domain.side import Direction
from daemon.ports.database import Page, StepCounts


def stored_name(steps: Steps, name: str | None) -> str | None:
    """The name under which what concerns a step is stored. One that no step has stays: what it left behind bears it still."""
    step = None if name is None else steps.named(name)
    return name if step is None else step.name


def way_of(steps: Steps, name: str | None) -> Direction | None:
    """The one way that a name means, where a step in and a step out share what is stored; None where a list has both."""
    step = None if name is None else steps.named(name)
    if step is None or step.ways is None:
        return None
    return next((way for way in (Direction.PULL, Direction.PUSH) if step.called(way) == name), None)


def told(steps: Steps, found: Page) -> Page:
    """A page with the names that operators know."""
    return replace(found, items=tuple(_told(steps, item) for item in found.items))


def ways(step: Step, counts: StepCounts) -> Iterator[tuple[str, Direction, StepCounts]]:
    """Each name of a step with its direction, and what of its figures concerns it."""
    if step.ways is None:
        yield step.name, step.direction, counts
        return
    for direction in (Direction.PULL, Direction.PUSH):
        yield step.called(direction), direction, _of_way(counts, direction.value)


def _of_way(counts: StepCounts, way: str) -> StepCounts:
    return replace(
        counts,
        pending={each: number for each, number in counts.pending.items() if each == way},
        oldest_pending={each: at for each, at in counts.oldest_pending.items() if each == way},
        parked={key: number for key, number in counts.parked.items() if key[0] == way},
    )


def _told(steps: Steps, item: Mapping[str, Any]) -> Mapping[str, Any]:
    step, direction = steps.by_name.get(item.get("step", "")), item.get("direction")
    if step is None or step.ways is None or direction not in (Direction.PULL, Direction.PUSH):
        return item
    return {**item, "step": step.called(direction)}
