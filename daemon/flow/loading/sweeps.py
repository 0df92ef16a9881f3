"""Large objects read whole beside the worker, which goes on with every other step meanwhile.

A wish to read an object is a stored change and stays one until the read has ended: it is only put off, a minute at a time, while the read
is under way. So a death needs no care: the next process makes the wish due, and the read goes on where it stood.
"""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import Final

import structlog

from daemon.domain.change import Change
from daemon.domain.failure import CallFailedError, DatabaseFailedError, Failure
from daemon.domain.mapping import Step
from daemon.flow.deferral import doubt_schema
from daemon.flow.load import Loader
from daemon.flow.parts import Parts
from daemon.ports.store import Deferral
from daemon.reconcile.remedy import backoff

log = structlog.get_logger(__name__)

PUT_OFF: Final = timedelta(minutes=1)
UNDER_WAY: Final = "sweep_under_way"


class Sweeps:
    """Answers the wishes to read a whole object: a small one at once, a large one in its turn, one at a time."""

    def __init__(self, parts: Parts, loader: Loader) -> None:
        self._parts = parts
        self._loader = loader
        self._wanted: dict[str, tuple[Step, Sequence[Change]]] = {}
        self._failures: dict[str, int] = {}
        self._changed = asyncio.Condition()

    async def reload(self, step: Step, changes: Sequence[Change]) -> None:
        """Have the object read because of these changes, and settle them when that is done. Raises CallFailedError for a small one."""
        if step.name not in self._wanted:
            if not await self._loader.is_large(step):
                await self._loader.reload(step, changes)
                return
            self._wanted[step.name] = (step, changes)
            async with self._changed:
                self._changed.notify_all()
        await self._put_off(changes)

    async def run(self) -> None:
        """Read what is wanted, for ever. What another process was reading is due at once: it does not read it any more."""
        await self._take_up()
        while True:
            async with self._changed:
                await self._changed.wait_for(lambda: bool(self._wanted))
            name, (step, changes) = next(iter(self._wanted.items()))
            try:
                await self._sweep(step, changes)
            finally:
                del self._wanted[name]
                async with self._changed:
                    self._changed.notify_all()

    async def _take_up(self) -> None:
        for step in self._parts.steps.ordered:
            try:
                await self._parts.store.resume(step.name, UNDER_WAY, ())
            except CallFailedError as error:  # due within a minute as it is
                log.warning("sweep_not_taken_up", step=step.name, code=error.failure.code)

    async def rested(self) -> bool:
        """Wait until nothing is being read; whether anything was."""
        if not self._wanted:
            return False
        async with self._changed:
            await self._changed.wait_for(lambda: not self._wanted)
        return True

    async def _sweep(self, step: Step, changes: Sequence[Change]) -> None:
        try:
            await self._loader.reload(step, changes)
        except CallFailedError as error:
            await self._hold_back(step, changes, error)
            return
        self._failures.pop(step.name, None)

    async def _hold_back(self, step: Step, changes: Sequence[Change], error: CallFailedError) -> None:
        """The read failed: it is tried again, after longer each time that this happens in a row. The other steps do not notice."""
        failure = error.failure
        failures = self._failures[step.name] = self._failures.get(step.name, 0) + 1
        doubt_schema(self._parts, failure)
        log.warning(
            "sweep_held_back", step=step.name, code=failure.code, advice=failure.advice, failures=failures
        )
        try:
            await self._defer(changes, backoff(step.retry, failures, self._parts.jitter()), failure)
        except DatabaseFailedError as second:
            log.warning(
                "sweep_not_put_off", step=step.name, code=second.failure.code
            )  # due within a minute as it is

    async def _put_off(self, changes: Sequence[Change]) -> None:
        await self._defer(changes, PUT_OFF, None)

    async def _defer(self, changes: Sequence[Change], delay: timedelta, failure: Failure | None) -> None:
        due = self._parts.database_now() + delay
        code, reason, advice = UNDER_WAY, "The whole object is being read.", "Nothing: see isthmus job list."
        if failure is not None:
            code, reason, advice = failure.code, f"{failure.reason.value}: {failure.message}", failure.advice
        deferrals = [
            Deferral(c.id, c.state, due, c.attempts, code, reason, advice, c.waiting_for) for c in changes
        ]
        async with self._parts.writing, self._parts.store.begin() as unit:
            await unit.defer(deferrals)
