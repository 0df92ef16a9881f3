"""The worker: stored changes of both sides, oldest first, until none is due.

One round takes a batch, and for each step reads what has to be read, decides, writes to Salesforce and settles. One
worker and one batch at a time: calls inside a batch run side by side, and no pair is ever in two hands.
"""

from collections.abc import Awaitable, Callable, Sequence

import structlog

from daemon.domain.change import Change, ChangeState
from daemon.domain.failure import CallFailedError, DatabaseFailedError, FailureKind
from daemon.domain.mapping import Step
from daemon.domain.side import Side
from daemon.flow.cases import Case, gather, united
from daemon.flow.finishing import finish
from daemon.flow.parts import Parts
from daemon.flow.planning import load_rows, plan_cases
from daemon.flow.precautions import take_precautions
from daemon.flow.reading import read_cases
from daemon.flow.sending import send
from daemon.ports.failpoints import Failpoint
from daemon.ports.store import Deferral
from daemon.reconcile.remedy import backoff

log = structlog.get_logger(__name__)

SMALL_BATCH = 200
LARGE_BATCH = 2000

Health = Callable[[bool, str], None]
Reload = Callable[[Step, Sequence[Change]], Awaitable[None]]


class Worker:
    """Takes what is due and settles it.

    `reload` reads a whole object, for gaps that name no record. `health` is told how Salesforce's API does.
    """

    def __init__(self, parts: Parts, reload: Reload, health: Health = lambda up, reason: None) -> None:
        self._parts = parts
        self._health = health
        self._reload = reload
        self._limit = SMALL_BATCH
        self._failures = 0

    async def round(self) -> int:
        """One batch; how many stored changes it held. The batch grows while there is a backlog, and shrinks again."""
        changes = await self._parts.store.pending(self._limit)
        if changes:
            await self._parts.failpoints.reach(Failpoint.CHANGES_CLAIMED)
        self._limit = LARGE_BATCH if len(changes) >= self._limit else SMALL_BATCH
        for step in self._parts.steps.ordered:
            mine = [change for change in changes if change.step == step.name]
            if mine:
                await self._step(step, mine)
        orphans = [change.id for change in changes if change.step not in self._parts.steps.by_name]
        if orphans:
            async with self._parts.writing, self._parts.store.begin() as unit:
                await unit.settle(orphans)
        return len(changes)

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
            await self._plan(step, cases)
            await send(self._parts, step, cases)
        except CallFailedError as error:
            await self._postpone(step, single, cases, error)
            return
        self._health(True, "answering")
        try:
            async with self._parts.writing, self._parts.store.begin() as unit:
                await finish(self._parts, unit, step, cases)
                await self._parts.failpoints.reach(Failpoint.OUTCOMES_WRITTEN)
        except DatabaseFailedError as error:
            if error.failure.kind is FailureKind.TRANSIENT:
                raise
            await self._postpone(step, single, cases, error)
            return
        await self._parts.failpoints.reach(Failpoint.OUTBOUND_DONE)
        self._failures = 0

    async def _answer_truncate(self, step: Step, changes: Sequence[Change]) -> None:
        """An operator answered: every linked row is looked at, and what is gone from the table is deleted across."""
        await self._parts.store.sweep(step.name, asked=True)
        async with self._parts.writing, self._parts.store.begin() as unit:
            await unit.settle([change.id for change in changes])

    async def _load(self, step: Step, changes: Sequence[Change]) -> list[Case]:
        async with self._parts.writing, self._parts.store.begin() as unit:
            cases = await gather(unit, step, changes)
            await load_rows(unit, step, cases)
        return cases

    async def _plan(self, step: Step, cases: Sequence[Case]) -> None:
        async with self._parts.writing, self._parts.store.begin() as unit:
            await load_rows(unit, step, cases)
            await plan_cases(self._parts, unit, step, cases)
            await take_precautions(self._parts, unit, step, cases)

    async def _postpone(
        self, step: Step, changes: Sequence[Change], cases: Sequence[Case], error: CallFailedError
    ) -> None:
        """A call that all of them needed failed: nothing was sent, and no record is to blame.

        So no attempt is counted and nothing is parked: they wait, longer each time that this happens in a row.
        """
        self._failures += 1
        failure = error.failure
        if not isinstance(error, DatabaseFailedError):
            self._health(False, failure.code)
        log.warning(
            "step_held_back", step=step.name, code=failure.code, advice=failure.advice, changes=len(changes)
        )
        sent = {change.id for case in cases if case.sent for change in case.ours}
        due = self._parts.database_now() + backoff(step.retry, self._failures, self._parts.jitter())
        reason = f"{failure.reason.value}: {failure.message}"
        deferrals = [
            Deferral(
                c.id,
                ChangeState.SENT if c.id in sent else c.state,
                due,
                c.attempts,
                failure.code,
                reason,
                failure.advice,
                c.waiting_for,
            )
            for c in changes
        ]
        async with self._parts.writing, self._parts.store.begin() as unit:
            await unit.defer(deferrals)
