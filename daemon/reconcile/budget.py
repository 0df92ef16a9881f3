"""Our share of the org's API allowance: how much of it is used in the running 24 hours, and what may go on at each stage.

Salesforce counts the calls of all clients of an org together over 24 hours and refuses every one beyond the allowance. So we keep to a share of it,
counted by ourselves, and away from a reserve that is left to the others, whatever they use.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import IntEnum
from typing import Final

from daemon.domain.change import Change, ChangeKind, ChangeState, Source
from daemon.domain.side import Side

DAY: Final = timedelta(hours=24)
SPAN: Final = timedelta(minutes=5)
"""Calls are counted by spans of this length, that begin at whole multiples of it."""

FASTEST_PAUSE: Final = 2.0
LONGEST_PAUSE: Final = 15.0
"""Seconds between two batches: the first from the beginning of `SLOWED` on, the second at its end and beyond."""

LOOK_AFTER: Final = timedelta(minutes=5)
"""After so long an org that had too few calls left is asked again, by one call."""

HELD_AT_MOST: Final = timedelta(minutes=10)
"""A change that is held is looked at again after so long: what holds it may end sooner than it was thought."""


class Stage(IntEnum):
    """How far the share is used, and so what goes on. Each stage keeps the restrictions of those before it."""

    FREE = 0  # everything
    SLOWED = 1  # everything, in larger batches with longer pauses; loads wait between their calls
    ESSENTIALS = 2  # what the stream tells, writes in doubt, deletes; no loads, sweeps or audits
    NO_WRITES = 3  # nothing is written to Salesforce
    CLOSED = 4  # no call at all


_FROM: Final = ((Stage.NO_WRITES, 95), (Stage.ESSENTIALS, 90), (Stage.SLOWED, 80))
"""The stages between the first and the last, each with the per cent of the share from which it begins."""

_LAST: Final = {"backfill": Stage.SLOWED, "reconcile": Stage.SLOWED, "push": Stage.ESSENTIALS}
"""The last stage at which a call of this purpose is made; those of other purposes are made up to the whole share."""


@dataclass(frozen=True, slots=True)
class Rules:
    """`share` is our part of the org's allowance, from 0 to 1; `reserve` are the calls that must stay left for the other clients."""

    share: float
    reserve: int

    def budget(self, allowance: int) -> int:
        """How many calls are ours in any 24 hours."""
        return math.floor(allowance * self.share)

    def kept_free(self, allowance: int) -> int:
        """The reserve, at most half of the allowance: a small org would be left no call at all."""
        return min(self.reserve, allowance // 2)


def span_of(at: datetime) -> datetime:
    """The beginning of the span in which a moment lies."""
    return at - (at - datetime.min.replace(tzinfo=at.tzinfo)) % SPAN


class Window:
    """Calls of the last 24 hours by spans. A span counts whole until its last moment is 24 hours old: never too little."""

    def __init__(self, spans: Iterable[tuple[datetime, int]] = ()) -> None:
        self._spans = dict(spans)

    def add(self, at: datetime, calls: int) -> None:
        """Count calls that are made at this moment."""
        span = span_of(at)
        self._spans[span] = self._spans.get(span, 0) + calls

    def used(self, now: datetime) -> int:
        """The calls of the last 24 hours."""
        for span in [span for span in self._spans if span + SPAN + DAY <= now]:
            del self._spans[span]
        return sum(self._spans.values())

    def falls_below(self, calls: int, now: datetime) -> datetime:
        """When fewer than so many calls will count, if none is made meanwhile; `now` if that is so already."""
        left = self.used(now)
        moment = now
        for span in sorted(self._spans):
            if left < calls:
                return moment
            left -= self._spans[span]
            moment = span + SPAN + DAY
        return moment


def begins(stage: Stage, budget: int) -> int:
    """The number of used calls at which a stage begins."""
    percent = {**dict(_FROM), Stage.CLOSED: 100}.get(stage, 0)
    return -(-budget * percent // 100)


def stage_of(used: int, budget: int) -> Stage:
    """The stage at which so many calls of our share are used."""
    if used >= budget:
        return Stage.CLOSED
    return next((stage for stage, percent in _FROM if used * 100 >= budget * percent), Stage.FREE)


def last_stage(purpose: str) -> Stage:
    """The last stage at which a call of this purpose is made."""
    return _LAST.get(purpose, Stage.NO_WRITES)


def goes_ahead(stage: Stage, change: Change) -> bool:
    """Whether a stored change is taken up at this stage, or waits.

    A write in doubt is always read again, and so is what the stream could not settle; deletes go as long as anything is written.
    """
    if stage <= Stage.SLOWED:
        return True
    if stage is Stage.CLOSED:
        return False
    if change.state is ChangeState.SENT:
        return True
    if change.side is Side.SALESFORCE:
        return change.sf_id is not None and change.source in (Source.STREAM, Source.ENGINE)
    return change.kind is ChangeKind.DELETE and stage is Stage.ESSENTIALS


def pause(used: int, budget: int) -> float:
    """Seconds between two batches."""
    begin, end = begins(Stage.SLOWED, budget), begins(Stage.ESSENTIALS, budget)
    if used < begin:
        return 0.0
    part = min(1.0, (used - begin) / max(1, end - begin))
    return FASTEST_PAUSE + part * (LONGEST_PAUSE - FASTEST_PAUSE)
