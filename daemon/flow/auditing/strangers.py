"""Halves that have no other: records and rows of which nothing is known, though the step would make their counterpart."""

from collections.abc import AsyncIterator, Sequence

from daemon.domain.mapping import Step
from daemon.flow.parts import Parts
from daemon.ports.comparing import Comparisons

LONE_MOST = 10_000
"""Rows without a record that are looked for at once."""


def seeks_records(parts: Parts, step: Step) -> bool:
    """Whether a record without a row is amiss: the step makes rows, and is the first that takes records of its object."""
    return (
        step.direction.pulls and step.pull.creates and parts.steps.by_object[step.object][0].name == step.name
    )


def seeks_rows(step: Step) -> bool:
    """Whether a row without a record is amiss."""
    return step.direction.pushes and step.push.creates and not step.on_request


async def unknown_records(parts: Parts, comparisons: Comparisons, step: Step) -> AsyncIterator[Sequence[str]]:
    """Ids of the records that nobody knows, page by page: one call for each 2,000 records of the object. Only their ids are read."""
    if not seeks_records(parts, step):
        return
    async for page in parts.records.scan(step.object, (), bulk=False):
        ids = [record.id for record in page]
        async with comparisons.look() as look:
            unknown = await look.strangers(step, ids)
        yield [sf_id for sf_id in ids if sf_id in unknown]


async def unknown_rows(comparisons: Comparisons, step: Step) -> Sequence[str]:
    """Keys of rows that nobody knows, at most LONE_MOST."""
    if not seeks_rows(step):
        return ()
    async with comparisons.look() as look:
        return await look.lone_rows(step, LONE_MOST)
