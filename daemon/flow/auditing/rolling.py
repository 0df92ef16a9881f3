"""The rolling audit: every linked pair compared once a day, spread over it, and what differs given to the road as a re-read.

It never writes to a side itself. Where it stands is stored after each page, so another process, or the database's standby, goes on from there; a
page that was fed and not noted is compared again and found waiting. It gives way to live work, for some minutes a page at most, and to the
API budget for as long as that is short.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Final

import structlog

from daemon.domain.change import Change, ChangeKind, Source
from daemon.domain.failure import CallFailedError
from daemon.domain.mapping import Step
from daemon.domain.side import Side
from daemon.flow.accounts import repaired
from daemon.flow.auditing.examine import METRIC_KINDS, Examined, examine, is_open
from daemon.flow.auditing.strangers import lone_records, unknown_rows
from daemon.flow.parts import Parts
from daemon.ports.comparing import PAGE_MOST, AuditState, Comparisons
from daemon.reconcile.compare import Kind

log = structlog.get_logger(__name__)

EVERY: Final = timedelta(hours=16)
"""A cycle begins so long after the one before it."""
SPREAD: Final = timedelta(hours=6)
"""A cycle is spread over at most this: so a pair waits for its next turn for 22 hours, and two are left for what holds the audit up."""
AFTER_START: Final = 120.0
"""Seconds after a start: what has piled up meanwhile goes first."""
SHORTEST_PAUSE: Final = 1.0
LONGEST_PAUSE: Final = 60.0
BUSY: Final = 200
"""So many changes due mean that the worker is busy."""
GIVES_WAY_MOST: Final = 600.0
"""Seconds for which one page gives way to live work. A backlog may delay the audit and never starve it."""


class RollingAudit:
    """Goes round every step, as long as the API budget has calls for it."""

    def __init__(self, parts: Parts, comparisons: Comparisons) -> None:
        self._parts = parts
        self._comparisons = comparisons

    async def run(self) -> None:
        """For ever. What fails is told and tried again after a pause."""
        await self._publish()
        await self._parts.clock.sleep(AFTER_START)
        while True:
            pause = LONGEST_PAUSE
            try:
                if self._parts.budget.spare:
                    pause = await self.turn()
            except CallFailedError as error:
                log.warning("audit_held_up", code=error.failure.code, advice=error.failure.advice)
            await self._parts.clock.sleep(pause)

    async def turn(self) -> float:
        """One page of the step that is furthest behind; seconds until the next one is due."""
        await self._give_way()
        states = await self._comparisons.audits()
        steps = [step for step in self._parts.steps.ordered if not step.still]
        due = [
            state for step in steps if (state := await self._state(step, states.get(step.name))) is not None
        ]
        if not due:
            return LONGEST_PAUSE
        state = min(due, key=lambda state: state.begun_at)
        await self.page(self._parts.steps.by_name[state.step], state)
        return await self._pause(len(due))

    async def cycle(self, step: Step) -> AuditState:
        """A whole cycle of one step, without pauses."""
        state = AuditState(step.name, 0, self._parts.clock.now())
        before = (await self._comparisons.audits()).get(step.name)
        if before is not None:
            state = replace(before, cursor=0, begun_at=state.begun_at, compared=0, found={})
        while True:
            after = await self.page(step, state)
            if after.ended_at != state.ended_at:
                return after
            state = after

    async def page(self, step: Step, state: AuditState) -> AuditState:
        """Compare the next page of a cycle, or end the cycle; how it stands then."""
        async with self._comparisons.look() as look:
            pairs = await look.pairs(step, state.cursor, PAGE_MOST)
        if not pairs:
            return await self._end(step, state)
        examined = await examine(self._parts, self._comparisons, step, pairs)
        self._parts.meter.count("isthmus_reconcile_compared_records_total", len(pairs), step=step.name)
        await self._feed(step, examined)
        found = _added(state, examined)
        after = replace(state, cursor=pairs[-1].link.id, compared=state.compared + len(pairs), found=found)
        await self._comparisons.keep_audit(after)
        return after

    async def _state(self, step: Step, state: AuditState | None) -> AuditState | None:
        """The cycle of a step that is under way or due. None before the first load, and while the last cycle is young enough."""
        now = self._parts.clock.now()
        if state is None:
            loaded = await self._parts.store.first_load(step.name) == "done"
            return AuditState(step.name, 0, now) if loaded else None
        if state.ended_at is None or state.ended_at < state.begun_at:
            return state
        if now - state.begun_at < EVERY:
            return None
        return replace(state, cursor=0, begun_at=now, compared=0, found={})

    async def _feed(self, step: Step, examined: Sequence[Examined]) -> None:
        """Give the road what it has not been told of, and note it as repaired."""
        wanted = [item for item in examined if item.finding.why is None]
        if not wanted:
            return
        parts, now = self._parts, self._parts.clock.now()
        opened = [item for item in wanted if is_open(item.finding)]
        rereads = [
            Change(
                step.name,
                Side.SALESFORCE,
                ChangeKind.REREAD,
                Source.SWEEP,
                now,
                item.link.sf_id,
                item.link.key,
            )
            for item in wanted
        ]
        async with parts.writing, parts.store.begin() as unit:
            behind = await unit.unsettled_records([change.sf_id or "" for change in rereads])
            await unit.store_changes([change for change in rereads if change.sf_id not in behind])
            await unit.journal(
                [repaired(now, step, item.link.sf_id, item.link.key, item.finding) for item in opened]
            )
        for item in opened:
            kind = item.finding.kind
            parts.meter.count("isthmus_reconcile_repairs_total", step=step.name, kind=METRIC_KINDS[kind])
            log.warning(
                "difference_repaired",
                step=step.name,
                kind=kind.value,
                sf_id=item.link.sf_id,
                key=item.link.key,
                fields=[field.field for field in item.finding.fields],
            )

    async def _end(self, step: Step, state: AuditState) -> AuditState:
        """Look for halves without another, look again at what was given to the road, and tell how the step stands."""
        lone = await self._feed_lone(step)
        left = await self._left(step, state)
        found = {kind: state.found.get(kind, 0) + lone.get(kind, 0) for kind in {*state.found, *lone}}
        after = replace(
            state,
            ended_at=self._parts.clock.now(),
            found=found,
            last_compared=state.compared,
            last_found={"left": sum(left.values()), **found},
        )
        await self._comparisons.keep_audit(after)
        publish(self._parts, step, left, after)
        log.info("audit_done", step=step.name, compared=state.compared, found=found, left=left)
        return after

    async def _feed_lone(self, step: Step) -> dict[str, int]:
        parts, now, counts = self._parts, self._parts.clock.now(), dict[str, int]()
        async for page in lone_records(parts, self._comparisons, step):
            rereads = [
                Change(step.name, Side.SALESFORCE, ChangeKind.REREAD, Source.SWEEP, now, lone.id)
                for lone in page
                if lone.why is None
            ]
            await self._store(step, Kind.ONLY_SALESFORCE, rereads, counts)
        creates = [
            Change(
                step.name,
                Side.POSTGRES,
                ChangeKind.CREATE,
                Source.SWEEP,
                now,
                key=key,
                external_id=parts.new_id(),
            )
            for key in await unknown_rows(self._comparisons, step)
        ]
        await self._store(step, Kind.ONLY_POSTGRES, creates, counts)
        return counts

    async def _store(self, step: Step, kind: Kind, changes: Sequence[Change], counts: dict[str, int]) -> None:
        if not changes:
            return
        async with self._parts.writing, self._parts.store.begin() as unit:
            await unit.store_changes(changes)
        counts[kind.value] = counts.get(kind.value, 0) + len(changes)
        self._parts.meter.count(
            "isthmus_reconcile_repairs_total", len(changes), step=step.name, kind=METRIC_KINDS[kind]
        )
        log.warning("halves_without_another", step=step.name, kind=kind.value, records=len(changes))

    async def _left(self, step: Step, state: AuditState) -> dict[Kind, int]:
        """What was given to the road since this cycle began and differs still, with nothing on its way. The journal knows what that was."""
        left: dict[Kind, int] = {}
        after = 0
        while True:
            async with self._comparisons.look() as look:
                pairs = await look.repaired(step, state.begun_at, after, PAGE_MOST)
            if not pairs:
                return left
            after = pairs[-1].link.id
            for item in await examine(self._parts, self._comparisons, step, pairs):
                if is_open(item.finding):
                    left[item.finding.kind] = left.get(item.finding.kind, 0) + 1

    async def _give_way(self) -> None:
        """Wait while the worker is busy, for a bounded time."""
        clock = self._parts.clock
        until = clock.monotonic() + GIVES_WAY_MOST
        while clock.monotonic() < until and len(await self._parts.store.pending(BUSY)) >= BUSY:
            await clock.sleep(SHORTEST_PAUSE)

    async def _linked(self, step: Step) -> int:
        async with self._parts.writing, self._parts.store.begin() as unit:
            return await unit.count_links(step.name)

    async def _pause(self, steps: int) -> float:
        """So long that all pages together take most of a cycle."""
        links = sum([await self._linked(step) for step in self._parts.steps.ordered], start=0)
        pages = links / PAGE_MOST + steps
        return min(LONGEST_PAUSE, max(SHORTEST_PAUSE, SPREAD.total_seconds() / pages))

    async def _publish(self) -> None:
        """Begin the gauges where the last leader left them. A step that was never audited begins now."""
        try:
            states = await self._comparisons.audits()
        except CallFailedError:
            states = {}
        for step in self._parts.steps.ordered:
            publish(self._parts, step, {}, states.get(step.name))


def publish(parts: Parts, step: Step, left: dict[Kind, int], state: AuditState | None) -> None:
    """Set the gauges of a step's last full comparison."""
    for kind, name in METRIC_KINDS.items():
        parts.meter.gauge("isthmus_reconcile_differences", left.get(kind, 0), step=step.name, kind=name)
    ended = state.ended_at if state is not None and state.ended_at is not None else parts.clock.now()
    parts.meter.gauge("isthmus_reconcile_last_success_timestamp_seconds", ended.timestamp(), step=step.name)


def _added(state: AuditState, examined: Sequence[Examined]) -> dict[str, int]:
    found = dict(state.found)
    for item in examined:
        if is_open(item.finding):
            found[item.finding.kind.value] = found.get(item.finding.kind.value, 0) + 1
    return found
