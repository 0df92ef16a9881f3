"""A watch over the stream by another way: does Salesforce hold changes that the stream should have told and did not?

A subscription can be accepted and never deliver. So once a minute the newest SystemModstamp of each object is asked for, all objects in as few
calls as it takes, and held against the newest event that was taken in. What is newer and has had its time to arrive is looked up: records
whose link has not seen that second are read again, the silence is noted as a gap, and the stream begins a new session. SystemModstamp also moves without
any event (a lookup that was cleared, a system process); then the records are found equal, and nothing else happens.
"""

from collections.abc import Callable
from datetime import datetime, timedelta

import structlog

from daemon.domain.change import Change, ChangeKind, Source
from daemon.domain.failure import CallFailedError
from daemon.domain.gap import GapCause
from daemon.domain.mapping import Step
from daemon.domain.side import Side
from daemon.flow.gaps import note_opened, of_records, open_for_objects
from daemon.flow.parts import Parts
from daemon.ports.salesforce import Stamp

log = structlog.get_logger(__name__)

EVERY = 60.0
GRACE = timedelta(seconds=30)
"""How long an event may take to arrive before its absence says something."""
MOST = 2000
"""Records to look up one by one; beyond it the object is read whole."""


class Watermark:
    """Holds the stream against what Salesforce holds. `resubscribe` ends the stream's session, so that a new one begins."""

    def __init__(self, parts: Parts, resubscribe: Callable[[], None]) -> None:
        self._parts = parts
        self._resubscribe = resubscribe

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
            if stamp > known and now - stamp >= GRACE:
                missed += await self._look_up(name, known, now)
        if missed:
            self._resubscribe()
        return missed

    async def _look_up(self, name: str, known: datetime, now: datetime) -> int:
        """The records of one object that changed since, and that no event told of; they are read again."""
        stamps = await self._parts.records.changed_since(name, known, MOST)
        due = [item for item in stamps if now - item.at >= GRACE]
        if not due:
            return 0
        until = max(item.at for item in due)
        if len(stamps) >= MOST:
            async with self._parts.writing, self._parts.store.begin() as unit:
                steps = self._parts.steps.by_object[name]
                gaps = await open_for_objects(unit, steps, GapCause.SILENCE, known, until)
            note_opened(self._parts, gaps)
            missed = len(stamps)
        else:
            missed = await self._read_again(name, due, until)
        self._parts.heard.up_to(name, until)
        return missed

    async def _read_again(self, name: str, due: list[Stamp], until: datetime) -> int:
        steps = self._parts.steps
        ids = [item.id for item in due]
        async with self._parts.writing, self._parts.store.begin() as unit:
            links = await unit.links_of_records(ids)
            behind = await unit.unsettled_records(ids)
            rereads = []
            for item in due:
                link = links.get(item.id)
                if item.id in behind or (link is not None and link.seen is not None and link.seen >= item.at):
                    continue
                step = steps.by_name.get(link.step) if link is not None else None
                rereads.append(_reread(step or steps.by_object[name][0], item, link.key if link else None))
            gaps = of_records(rereads, GapCause.SILENCE, until)
            await unit.open_gaps(gaps)
            await unit.store_changes(rereads)
        note_opened(self._parts, gaps)
        return len(rereads)


def _reread(step: Step, item: Stamp, key: str | None) -> Change:
    return Change(step.name, Side.SALESFORCE, ChangeKind.REREAD, Source.SWEEP, item.at, item.id, key)
