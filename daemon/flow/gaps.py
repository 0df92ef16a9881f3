"""Gaps from their opening to their closing: what is missing is read again, and the row says when that was done."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime

import structlog

from daemon.domain.change import Change, ChangeKind, ChangeState, Source
from daemon.domain.failure import CallFailedError
from daemon.domain.gap import Gap, GapCause
from daemon.domain.mapping import Step
from daemon.domain.side import Side
from daemon.flow.parts import Parts
from daemon.ports.store import Unit

log = structlog.get_logger(__name__)

EVERY = 2.0
"""Seconds between looks at what is left of open gaps."""


async def open_for_objects(
    unit: Unit,
    steps: Iterable[Step],
    cause: GapCause,
    since: datetime | None,
    until: datetime,
    *,
    waiting_for: str | None = None,
) -> list[Gap]:
    """Note a gap of each step, and store the change that has its object read whole. The gaps, to be told once that is committed.

    `waiting_for`: the reading is held until this is released.
    """
    gaps = [Gap(step.name, cause, since, until) for step in steps]
    await unit.open_gaps(gaps)
    state = ChangeState.PENDING if waiting_for is None else ChangeState.HELD
    await unit.store_changes(
        [replace(whole_object(gap.step, until), state=state, waiting_for=waiting_for) for gap in gaps]
    )
    return gaps


def whole_object(step: str, at: datetime) -> Change:
    """A change without a record: the object is to be read whole, and is remembered so until a load has read it."""
    return Change(step, Side.SALESFORCE, ChangeKind.REREAD, Source.STREAM, at)


def of_records(rereads: Sequence[Change], cause: GapCause, until: datetime) -> list[Gap]:
    """A gap for each step of these re-reads, from the oldest of them on."""
    counts = Counter(change.step for change in rereads)
    return [
        Gap(step, cause, min(change.at for change in rereads if change.step == step), until, count)
        for step, count in counts.items()
    ]


def note_opened(parts: Parts, gaps: Sequence[Gap]) -> None:
    """Count gaps and say them: an operator should not find them by accident."""
    for gap in gaps:
        parts.meter.count("isthmus_gaps_total", step=gap.step, cause=gap.cause.value)
        log.warning("gap_opened", step=gap.step, cause=gap.cause.value, records=gap.records, since=gap.since)


async def keep_gaps(parts: Parts) -> None:
    """Close what is filled, for ever. A failed look is the probe's to tell."""
    while True:
        await parts.clock.sleep(EVERY)
        try:
            await close_filled(parts)
        except CallFailedError as error:
            log.debug("gaps_not_looked_at", code=error.failure.code)


async def close_filled(parts: Parts) -> int:
    """Close the gaps of which nothing is left; how many they were."""
    closed = await parts.store.close_gaps()
    for item in closed:
        gap = item.gap
        parts.meter.count("isthmus_gaps_closed_total", step=gap.step, cause=gap.cause.value)
        log.info("gap_closed", step=gap.step, cause=gap.cause.value, seconds=round(item.seconds, 1))
    return len(closed)
