"""A watch over the stream by another way: does Salesforce hold changes that the stream should have told and did not?

A subscription can be accepted and never deliver. So once a minute the newest SystemModstamp of each object is asked for, all objects in as few
calls as it takes, and held against the newest event that was taken in. What is newer and has had its time to arrive is looked up: records
whose link has not seen that second are read again, the silence is noted as a gap, and the stream begins a new session. SystemModstamp also moves without
any event (a lookup that was cleared, a system process); then the records are found equal, and nothing else happens.

What is not newer than the newest event may be untold as well: another record of the same second. So once for each newest second, when that has had
its time to arrive, the records of that second and the one before are asked for, and held against those that events told of.
"""

from collections.abc import Callable
from datetime import datetime, timedelta

import structlog

from daemon.domain.change import Change, ChangeKind, Source
from daemon.domain.failure import CallFailedError
from daemon.domain.gap import GapCause
from daemon.domain.mapping import Step
from daemon.domain.side import Side
from daemon.flow.elsewhere import owner
from daemon.flow.gaps import note_opened, of_records, open_for_objects
from daemon.flow.hearing import EDGE
from daemon.flow.parts import Parts
from daemon.ports.salesforce import Stamp

log = structlog.get_logger(__name__)

EVERY = 60.0
GRACE = timedelta(seconds=30)
"""How long an event may take to arrive before its absence says something."""
_SECOND = timedelta(seconds=1)
MOST = 2000
"""Records to look up one by one; beyond it the object is read whole."""


class Watermark:
    """Holds the stream against what Salesforce holds. `resubscribe` ends the stream's session, so that a new one begins."""

    def __init__(self, parts: Parts, resubscribe: Callable[[], None]) -> None:
        self._parts = parts
        self._resubscribe = resubscribe
        self._edges: dict[str, datetime] = {}  # the newest seconds that have been looked at, by object

    async def run(self) -> None:
        """Look for ever. What fails is looked at again in a minute."""
        while True:
            await self._parts.clock.sleep(EVERY)
            if not self._parts.budget.spare:
                continue  # the stream goes on; what it did not tell is found when there are calls again
            try:
                await self.look()
            except CallFailedError as error:
                log.warning("watermark_not_read", code=error.failure.code, advice=error.failure.advice)

    async def look(self) -> int:
        """One look at all objects; how many records the stream did not tell of."""
        heard = self._parts.heard
        now = self._parts.clock.now() + timedelta(seconds=self._parts.skew.salesforce)
        names = [name for name in self._parts.steps.by_object if heard.newest(name) is not None]
        stamps = await self._parts.records.newest(names) if names else {}
        missed = 0
        for name, stamp in stamps.items():
            known = heard.newest(name)
            assert known is not None
            self._parts.meter.gauge(
                "isthmus_salesforce_watermark_timestamp_seconds", stamp.timestamp(), object=name
            )
            if (stamp > known and now - stamp >= GRACE) or self._is_an_edge(name, stamp, known, now):
                missed += await self._look_up(name, known, now)
        if missed:
            self._resubscribe()
        return missed

    def _is_an_edge(self, name: str, stamp: datetime, known: datetime, now: datetime) -> bool:
        """Whether something may have changed in the newest second told that is not told, and nobody has looked yet."""
        return known - EDGE <= stamp <= known and now - known >= GRACE and self._edges.get(name) != known

    async def _look_up(self, name: str, known: datetime, now: datetime) -> int:
        """The records of one object that changed since, and that no event told of; they are read again."""
        stamps = await self._changed(name, known)
        due = [item for item in stamps if now - item.at >= GRACE]
        if not due:
            return 0
        until = max(known, *(item.at for item in due))
        newer = sum(item.at > known for item in stamps)
        if newer >= MOST:
            async with self._parts.writing, self._parts.store.begin() as unit:
                steps = self._parts.steps.by_object[name]
                gaps = await open_for_objects(unit, steps, GapCause.SILENCE, known, until)
            note_opened(self._parts, gaps)
            missed = newer
        else:
            missed = await self._read_again(name, due, known, until)
        self._parts.heard.up_to(name, until)
        self._edges[name] = until
        return missed

    async def _changed(self, name: str, known: datetime) -> list[Stamp]:
        """What changed from a second before the newest second told on, oldest first. A crowd in those two seconds hides nothing that is newer."""
        records = self._parts.records
        stamps = await records.changed_since(name, known - EDGE - _SECOND, MOST)
        if len(stamps) < MOST:
            return stamps
        edge = [item for item in stamps if item.at <= known]
        return edge + (await records.changed_since(name, known, MOST) if edge else stamps)

    async def _read_again(self, name: str, due: list[Stamp], known: datetime, until: datetime) -> int:
        """Have records read again; how many of them nobody told of. What a former process may have been told is read as well, and is no silence."""
        steps = self._parts.steps
        ids = [item.id for item in due]
        async with self._parts.writing, self._parts.store.begin() as unit:
            links = await unit.links_of_records(ids)
            behind = await unit.unsettled_records(ids)
            missed: list[Change] = []
            unsure: list[Change] = []
            for item in due:
                link = links.get(item.id)
                if item.id in behind or (link is not None and link.seen is not None and link.seen >= item.at):
                    continue
                step = steps.by_object[name][0] if link is None else owner(steps, link)
                told = False if item.at > known else self._parts.heard.told_of(name, item.id, item.at)
                if step is None or told or (told is None and link is None):
                    continue  # of a stranger it has to be known that nobody told of it: filters leave some out
                reread = _reread(step, item, link.key if link else None)
                (unsure if told is None else missed).append(reread)
            gaps = of_records(missed, GapCause.SILENCE, until)
            await unit.open_gaps(gaps)
            await unit.store_changes([*missed, *unsure])
        note_opened(self._parts, gaps)
        return len(missed)


def _reread(step: Step, item: Stamp, key: str | None) -> Change:
    return Change(step.name, Side.SALESFORCE, ChangeKind.REREAD, Source.SWEEP, item.at, item.id, key)
