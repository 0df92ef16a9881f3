"""Gauges that need the database, set by the leader at intervals and never while Prometheus waits."""

from collections.abc import Callable

from daemon.domain.failure import CallFailedError
from daemon.domain.mapping import Step
from daemon.flow.parts import Parts
from daemon.ports.database import Inspection, StepCounts

EVERY = 5.0
SHARE = 0.1
"""The part of the time that these looks may take: counting a backlog of millions takes seconds, and then comes less often."""
DIRECTIONS = ("pull", "push")


async def keep_gauges(parts: Parts, inspection: Inspection, sample: Callable[[], None]) -> None:
    """Set the gauges for ever. `sample` sets those that need no query. A failed look is the probe's to tell."""
    while True:
        sample()
        begun = parts.clock.monotonic()
        try:
            counts = await inspection.counts()
        except CallFailedError:
            counts = None
        if counts is not None:
            parts.meter.clear("isthmus_parked_records")
            for step in parts.steps.ordered:
                _step(parts, step, counts.get(step.name, StepCounts()))
            _capture(parts, list(counts.values()))
        took = parts.clock.monotonic() - begun
        await parts.clock.sleep(max(EVERY, took / SHARE - took))


def _step(parts: Parts, step: Step, counts: StepCounts) -> None:
    gauge = parts.meter.gauge
    for direction in DIRECTIONS:
        oldest = counts.oldest_pending.get(direction)
        gauge(
            "isthmus_pending_records",
            counts.pending.get(direction, 0),
            step=step.called(direction),
            direction=direction,
        )
        gauge(
            "isthmus_oldest_pending_timestamp_seconds",
            oldest.timestamp() if oldest is not None else 0,
            step=step.called(direction),
            direction=direction,
        )
        # the series is there before the first loop: an alert compares with what was counted before
        parts.meter.count("isthmus_write_loops_total", 0, step=step.called(direction), direction=direction)
    gauge("isthmus_links", counts.links, step=step.name, object=step.object)
    gauge("isthmus_conflicts_open", counts.conflicts_open, step=step.name)
    gauge("isthmus_gaps_open", counts.gaps_open, step=step.name)
    parked_since = counts.oldest_parked.timestamp() if counts.oldest_parked is not None else 0
    gauge("isthmus_parked_oldest_timestamp_seconds", parked_since, step=step.name)
    for (direction, reason), number in counts.parked.items():
        gauge(
            "isthmus_parked_records", number, step=step.called(direction), direction=direction, reason=reason
        )


def _capture(parts: Parts, counts: list[StepCounts]) -> None:
    backlog = sum(count.pending.get("push", 0) for count in counts)
    oldest = min((c.oldest_pending["push"] for c in counts if "push" in c.oldest_pending), default=None)
    parts.meter.gauge("isthmus_postgres_capture_backlog_rows", backlog)
    parts.meter.gauge(
        "isthmus_postgres_capture_oldest_timestamp_seconds", oldest.timestamp() if oldest is not None else 0
    )
