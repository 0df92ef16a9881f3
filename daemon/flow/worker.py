"""The worker: stored changes of both sides, oldest first, until none is due.

One round takes a batch, and for each step reads what has to be read, decides, writes to Salesforce and settles. One
worker and one batch at a time: calls inside a batch run side by side, and no pair is ever in two hands.
"""

from collections.abc import Awaitable, Callable, Sequence

import structlog

from daemon.domain.change import Change, ChangeState, Source
from daemon.domain.failure import CallFailedError, DatabaseFailedError, Failure, FailureKind
from daemon.domain.mapping import Step
from daemon.domain.side import Side
from daemon.flow.budget import HELD
from daemon.flow.bulk_lane import BulkLane
from daemon.flow.campaigns import MemberStatuses
from daemon.flow.cases import Case, gather, united
from daemon.flow.deferral import after_until, doubt_schema, keep_removed, keep_still
from daemon.flow.finishing import finish_batch
from daemon.flow.leaving import weigh
from daemon.flow.loops import let_go, let_rest
from daemon.flow.parts import Parts
from daemon.flow.planning import load_rows, plan_cases
from daemon.flow.precautions import take_precautions
from daemon.flow.reading import read_cases
from daemon.flow.renames import being_renamed
from daemon.flow.sending import send
from daemon.ports.failpoints import Failpoint
from daemon.ports.store import Deferral
from daemon.reconcile.budget import Stage, goes_ahead
from daemon.reconcile.claim_size import SMALL_BATCH, ClaimSize
from daemon.reconcile.remedy import backoff

log = structlog.get_logger(__name__)

_OWN_REASON = (ChangeState.HELD, ChangeState.PARKED)

Health = Callable[[bool, str], None]
Reload = Callable[[Step, Sequence[Change]], Awaitable[None]]


class Worker:
    """Takes what is due and settles it.

    `reload` reads a whole object, for gaps that name no record. `health` is told how Salesforce's API does. `bulk` takes backlogs off its
    hands, where there is one.
    """

    def __init__(
        self,
        parts: Parts,
        reload: Reload,
        health: Health = lambda up, reason: None,
        bulk: BulkLane | None = None,
    ) -> None:
        self._live = self._parts = parts
        self._health = health
        self._reload = reload
        self._bulk = bulk
        self._full = False
        self._claim = ClaimSize()
        self._failures = 0
        self._statuses = MemberStatuses()

    async def round(self) -> int:
        """One batch; how many stored changes it held, without those that wait for a bulk job. It grows while there is a backlog, and shrinks again."""
        with self._live.batch() as self._parts:
            return await self._round()

    async def _round(self) -> int:
        if self._bulk is not None:
            await self._bulk.begin_round()
        started = self._parts.clock.monotonic()
        crowded = self._bulk is not None and self._bulk.crowded
        most = SMALL_BATCH if crowded else self._claim.next
        changes = await self._parts.store.pending(most)
        self._full = len(changes) >= most
        if self._bulk is not None:
            self._bulk.claimed(changes)
        if changes:
            await self._parts.failpoints.reach(Failpoint.CHANGES_CLAIMED)
        slowed = self._parts.budget.stage is not Stage.FREE
        for step in self._parts.steps.ordered:
            mine = [change for change in changes if change.step == step.name]
            if mine and step.still:
                await keep_still(self._parts, step, mine)
            elif mine:
                await self._within_budget(step, mine)
        orphans = [change for change in changes if change.step not in self._parts.steps.by_name]
        if orphans:
            await keep_removed(self._parts, orphans)
        if not crowded:
            self._claim.after(len(changes), self._parts.clock.monotonic() - started, saving=slowed)
        if self._bulk is None:
            return len(changes)
        await self._bulk.end_round(self._parts)
        return len(changes) - self._bulk.put_off(changes)

    async def _within_budget(self, step: Step, changes: Sequence[Change]) -> None:
        """Take up what the budget of API calls allows now; the rest stays stored and says why."""
        stage = self._parts.budget.stage
        ready = [change for change in changes if goes_ahead(stage, change)]
        if len(ready) < len(changes):
            going = {change.id for change in ready}
            await self._hold(
                step, [c for c in changes if c.id not in going], (), self._parts.budget.hold(Stage.SLOWED)
            )
        if ready and self._bulk is not None:
            ready = await self._bulk.sift(self._parts, step, ready, full=self._full)
        if ready:
            await self._step(step, ready)

    async def _step(self, step: Step, changes: Sequence[Change]) -> None:
        whole = [change for change in changes if change.side is Side.SALESFORCE and change.sf_id is None]
        if whole:
            try:
                await self._reload(step, whole)
            except CallFailedError as error:
                await self._postpone(step, whole, (), error)
        truncated = [change for change in changes if change.side is Side.POSTGRES and change.key is None]
        if truncated:
            await self._answer_truncate(step, truncated)
        single = [change for change in changes if change not in whole and change not in truncated]
        if not single:
            return
        cases: list[Case] = []
        try:
            cases = await self._load(step, single)
            await read_cases(self._parts, step, cases)
            cases = united(cases)
            await weigh(self._parts, step, cases)
            cases = await self._plan(step, cases)
            await self._statuses.before_members(self._parts, step, cases)
            if self._bulk is not None:
                cases = await self._bulk.take(self._parts, step, cases)
            await send(self._parts, step, cases)
        except CallFailedError as error:
            await self._postpone(step, single, cases, error)
            return
        self._health(True, "answering")
        try:
            await finish_batch(self._parts, step, cases)
        except DatabaseFailedError as error:
            if error.failure.kind is FailureKind.TRANSIENT:
                raise
            await self._postpone(step, single, cases, error)
            return
        await self._parts.failpoints.reach(Failpoint.OUTBOUND_DONE)
        await self._statuses.after_campaigns(self._parts, step, cases)
        self._failures = 0

    async def _answer_truncate(self, step: Step, changes: Sequence[Change]) -> None:
        """A person answered: every linked row is looked at, and what is gone from the table is deleted across.

        A retry is an operator's own wish. What a permit has let go is counted by the guard like any other delete.
        """
        asked = any(change.source is Source.OPERATOR for change in changes)
        await self._parts.store.sweep(step.name, asked=asked)
        async with self._parts.writing, self._parts.store.begin() as unit:
            await unit.settle([change.id for change in changes])

    async def _load(self, step: Step, changes: Sequence[Change]) -> list[Case]:
        async with self._parts.writing, self._parts.store.begin() as unit:
            cases = await gather(unit, self._parts.steps, step, changes)
            let_go(self._parts, cases)
            if self._bulk is not None:
                cases = await self._bulk.put_aside(self._parts, unit, cases)
            await load_rows(unit, step, cases)
        return cases

    async def _plan(self, step: Step, cases: Sequence[Case]) -> list[Case]:
        """Decide. A row that was renamed while Salesforce was read is left as it is stored, and gathered again under its new key."""
        async with self._parts.writing, self._parts.store.begin() as unit:
            await load_rows(unit, step, cases)
            moving = await being_renamed(unit, self._parts.steps, step, [case.key for case in cases])
            cases = [case for case in cases if case.key not in moving]
            await plan_cases(self._parts, unit, step, cases)
            let_rest(self._parts, cases)
            if (
                self._bulk is not None
            ):  # what a case is about is known by now: maybe a record that a job makes
                cases = await self._bulk.put_aside(self._parts, unit, cases)
            await take_precautions(self._parts, unit, step, cases)
        return cases

    async def _postpone(
        self, step: Step, changes: Sequence[Change], cases: Sequence[Case], error: CallFailedError
    ) -> None:
        """A call that all of them needed failed: nothing was sent, and no record is to blame.

        So no attempt is counted and nothing is parked: they wait, longer each time that this happens in a row.
        """
        failure = error.failure
        if failure.until is None:
            self._failures += 1
        doubt_schema(self._parts, failure)
        if not isinstance(error, DatabaseFailedError) and failure.code != HELD:
            self._health(False, failure.code)
        log.warning(
            "step_held_back", step=step.name, code=failure.code, advice=failure.advice, changes=len(changes)
        )
        await self._hold(step, changes, cases, failure)

    async def _hold(
        self, step: Step, changes: Sequence[Change], cases: Sequence[Case], failure: Failure
    ) -> None:
        """Keep changes for later, with the reason. What is held or parked for a reason of its own keeps that."""
        if self._bulk is not None:
            changes = [change for change in changes if not self._bulk.in_hand(change)]
        sent = {change.id for case in cases if case.sent for change in case.ours}
        pace = backoff(step.retry, self._failures, self._parts.jitter())
        due = self._parts.database_now() + (after_until(self._parts, failure) or pace)
        reason = f"{failure.reason.value}: {failure.message}"
        deferrals = [
            Deferral(
                c.id,
                ChangeState.SENT if c.id in sent else c.state,
                due,
                c.attempts,
                *(
                    (c.code, c.reason, c.advice)
                    if c.state in _OWN_REASON
                    else (failure.code, reason, failure.advice)
                ),
                c.waiting_for,
            )
            for c in changes
        ]
        async with self._parts.writing, self._parts.store.begin() as unit:
            await unit.defer(deferrals)
