"""The order of steps: parents before children.

A cycle of references is allowed, for references within one are written in a second pass; its members follow one another by
name, as far as their `depends_on` allows.
"""

from collections.abc import Mapping, Sequence

from daemon.domain.mapping import Step


def ordered(steps: Sequence[Step]) -> tuple[Step, ...]:
    """Parents before children; steps that do not concern one another stay in their order."""
    names = {step.name for step in steps}
    needs = {step.name: _needs(step) & names for step in steps}
    left = list(steps)
    placed: list[Step] = []
    while left:
        following = _next(left, needs)
        left.remove(following)
        placed.append(following)
    return tuple(placed)


def _needs(step: Step) -> set[str]:
    lookups = {name for field in step.fields for name in field.looked_up}
    return (lookups | set(step.depends_on)) - {step.name}


def _next(left: Sequence[Step], needs: Mapping[str, set[str]]) -> Step:
    """The first step whose every need is placed; else, in a cycle that waits for nothing else, the first by name."""
    waiting = {step.name for step in left}
    for step in left:
        if not needs[step.name] & waiting:
            return step
    reach = {name: _reachable(name, needs, waiting) for name in waiting}
    cycle = [step for step in left if all(step.name in reach[other] for other in reach[step.name])]
    free = [step for step in cycle if not set(step.depends_on) & waiting - {step.name}]
    return min(free or cycle, key=lambda step: step.name)


def _reachable(name: str, needs: Mapping[str, set[str]], waiting: set[str]) -> set[str]:
    found: set[str] = set()
    open_names = [name]
    while open_names:
        for following in needs[open_names.pop()] & waiting:
            if following not in found:
                found.add(following)
                open_names.append(following)
    return found
