"""What a mirror's filter lets go, weighed before the first of it is let go.

A filter that was changed, or a mass edit, makes many rows or records leave at once, and they are taken up a batch at a time. Of a typing
error in a condition the batches before the guard trips would be deleted. So as soon as more than one leaves, all that leave are counted.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from daemon.domain.change import Source
from daemon.domain.mapping import Step
from daemon.domain.policy import Behaviour
from daemon.domain.side import Direction
from daemon.flow.cases import Case
from daemon.flow.parts import Parts, Weight
from daemon.reconcile.guard import allowed

KNOWN_FOR: Final = 60.0
"""For so many seconds a count stands: what is done of it since is taken off, and live edits alone change it otherwise."""


@dataclass(frozen=True, slots=True)
class Leavers:
    """The cases of one batch whose half leaves the filter of the mirror that shows it, and what that says of the rest."""

    rows: tuple[Case, ...]
    records: tuple[Case, ...]

    @property
    def many(self) -> bool:
        """Whether more than these may leave: a comparison found them, or there are several."""
        found = (*self.rows, *self.records)
        compared = any(change.source is Source.SWEEP for case in found for change in case.changes)
        return len(found) > 1 or (compared and bool(found))


def leavers(step: Step, cases: Sequence[Case]) -> Leavers:
    """Those of these cases that a mirror lets go because of its filter."""
    pushes = step.direction is Direction.PUSH and step.push is Behaviour.MIRROR
    pulls = step.direction is Direction.PULL and step.pull is Behaviour.MIRROR
    linked = [case for case in cases if case.linked and case.hold is None]
    rows = [case for case in linked if pushes and case.row is not None and not case.row.eligible]
    records = [case for case in linked if pulls and case.outside]
    return Leavers(tuple(rows), tuple(records))


async def weigh(parts: Parts, step: Step, cases: Sequence[Case]) -> None:
    """Count what a step's filter lets go, if many may leave and it is not known. Raises CallFailedError: nothing is let go unweighed."""
    found, now = leavers(step, cases), parts.clock.monotonic()
    judged = step.push_filter if found.rows else step.pull_filter
    known = parts.leaving.get(step.name)
    stands = known is not None and judged is not None and known.condition == judged.condition
    if known is not None and not (stands and now - known.counted < KNOWN_FOR):
        del parts.leaving[step.name]  # of a filter that was mended since, or of edits long past
        stands = False
    if stands or not found.many:
        return
    assert judged is not None
    at = parts.clock.now()
    if found.records:
        weight = Weight(judged.condition, now, at, inside=await parts.records.count(step.object, step.soql))
    else:
        async with parts.store.begin() as unit:
            most = allowed(step.delete_guard, await unit.count_links(step.name)) + 1
        weight = Weight(judged.condition, now, at, rows=await parts.store.leaving_rows(step, most))
    parts.leaving[step.name] = weight


def behind(weight: Weight | None, links: int, done: int, here: int) -> int:
    """How many more leave than those that are `here`; `done` were deleted since they were counted, of `links` that there are by now.

    Of records it is the least that it can be: those of the linked ones that cannot be among the `inside` that Salesforce counts.
    """
    if weight is None:
        return 0
    left = links - weight.inside if weight.inside is not None else weight.rows - done
    return max(0, left - here)
