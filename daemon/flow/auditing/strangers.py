"""Halves that have no other: records and rows without a link, though the step would make their counterpart."""

from collections.abc import AsyncIterator, Sequence

from daemon.domain.mapping import Step
from daemon.flow.parts import Parts
from daemon.ports.comparing import Comparisons, Lone, LoneRows

LONE_MOST = 10_000
"""Rows without a record that are looked for at once, or listed for one reason."""


def seeks_records(parts: Parts, step: Step) -> bool:
    """Whether a record without a row is amiss: the step makes rows, and is the first that takes records of its object."""
    return (
        step.direction.pulls and step.pull.creates and parts.steps.by_object[step.object][0].name == step.name
    )


def seeks_rows(step: Step) -> bool:
    """Whether a row without a record is amiss."""
    return step.direction.pushes and step.push.creates and not step.on_request


async def lone_records(parts: Parts, comparisons: Comparisons, step: Step) -> AsyncIterator[Sequence[Lone]]:
    """Records without a link, page by page: one call for each 2,000 records of the object. Only their ids are read."""
    if not seeks_records(parts, step):
        return
    async for page in parts.records.scan(step.object, (), bulk=False, condition=step.soql):
        async with comparisons.look() as look:
            lone = await look.lone_records(step, [record.id for record in page])
        yield lone


async def lone_rows(comparisons: Comparisons, step: Step) -> LoneRows:
    """Rows without a link: all of them counted, and at most LONE_MOST of each reason listed."""
    if not seeks_rows(step):
        return LoneRows()
    async with comparisons.look() as look:
        return await look.weighed_rows(step, LONE_MOST)


async def unknown_rows(comparisons: Comparisons, step: Step) -> Sequence[str]:
    """Keys of rows that nobody knows, at most LONE_MOST."""
    if not seeks_rows(step):
        return ()
    async with comparisons.look() as look:
        return await look.lone_rows(step, LONE_MOST)
