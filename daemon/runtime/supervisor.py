"""One TaskGroup that owns every task of the process.

A daemon with a dead part looks healthy and does nothing, which is worse than one that stopped: so the first task that
fails, or that ends although it should run for ever, ends them all, and its cause is what the process ends with.
Tasks that fail because they are being ended are told apart from the one that began it.
"""

import asyncio
from collections.abc import Coroutine
from types import TracebackType
from typing import Any, NoReturn, Self

import structlog

from daemon.ports.clock import Clock

_log = structlog.stdlib.get_logger(__name__)


class TaskEndedError(Exception):
    """A task that should run for ever ended without an error."""

    def __init__(self, name: str) -> None:
        super().__init__(f"task {name} ended, although it should run until the process stops")
        self.name = name


class Supervisor:
    """Runs named tasks until they are drained or one of them fails.

    Use as `async with`: leaving the block waits for every task. When a task fails, the block is cancelled and the
    first failure itself is raised from it, never an exception group. Cancelling the block from outside cancels every
    task and is not swallowed.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._group = asyncio.TaskGroup()
        self._running: dict[str, asyncio.Task[None]] = {}
        self._draining = False
        self._failed = False  # the block itself
        self._cause: BaseException | None = None
        self._owner: asyncio.Task[Any] | None = None

    async def __aenter__(self) -> Self:
        self._owner = asyncio.current_task()
        await self._group.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._failed = error is not None
        try:
            await self._group.__aexit__(kind, error, trace)
        except BaseExceptionGroup as failures:
            raise self._first(failures) from None

    @property
    def running(self) -> tuple[str, ...]:
        """The names of tasks that have not ended, in the order in which they were started."""
        return tuple(self._running)

    def start(self, name: str, work: Coroutine[Any, Any, None], *, eternal: bool = True) -> None:
        """Run `work` as the task `name`. An eternal task may end only while the supervisor drains.

        Raises ValueError for a name that is already running.
        """
        if name in self._running:
            work.close()
            raise ValueError(f"a task named {name} is running already")
        task = self._group.create_task(self._watch(name, work, eternal), name=name)
        self._running[name] = task

        def forget(_: asyncio.Task[None]) -> None:
            work.close()  # a task that is cancelled before its first step never began the coroutine
            del self._running[name]

        task.add_done_callback(forget)

    async def drain(self, seconds: float) -> bool:
        """Let tasks end by themselves for that long, then cancel the rest; whether all ended by themselves.

        Tasks are expected to watch the stop event that the caller has set. This returns when the last one has been
        cancelled, not when it has ended: leaving the block waits for that.
        """
        self._draining = True
        timer = self._group.create_task(self._clock.sleep(seconds), name="drain timer")
        try:
            while self._running and not timer.done():
                await asyncio.wait({*self._running.values(), timer}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            timer.cancel()
        late = self.running
        if late:
            _log.warning("tasks.cancelled", tasks=list(late), after_seconds=seconds)
        self.cancel()
        return not late

    def cancel(self) -> None:
        """Cancel every task. This is not a failure."""
        self._draining = True
        for task in list(self._running.values()):
            task.cancel()

    async def _watch(self, name: str, work: Coroutine[Any, Any, None], eternal: bool) -> None:
        try:
            await work
        except asyncio.CancelledError:
            if self._is_ending():
                raise
            # We did not cancel it: something that it awaited was cancelled, or somebody else cancelled the task itself.
            # A TaskGroup would let both pass, and the others would live on without it.
            self._end_early(name)
        except BaseException as error:
            self._report(name, error)
            raise
        else:
            if eternal and not self._draining:
                self._end_early(name)

    def _is_ending(self) -> bool:
        """Whether tasks are being cancelled by those who may: us, or whoever cancels our block."""
        cancelled = self._owner is not None and self._owner.cancelling() > 0
        return self._draining or self._failed or cancelled or self._cause is not None

    def _end_early(self, name: str) -> NoReturn:
        error = TaskEndedError(name)
        self._report(name, error)
        raise error

    def _report(self, name: str, error: BaseException) -> None:
        if self._cause is None:
            self._cause = error
            _log.error("task.failed", task=name, exc_info=error)
        else:
            _log.warning("task.failed_while_ending", task=name, error=type(error).__name__)

    def _first(self, failures: BaseExceptionGroup[BaseException]) -> BaseException:
        if self._cause is not None:
            return self._cause
        error: BaseException = failures
        while isinstance(error, BaseExceptionGroup):
            error = error.exceptions[0]
        return error
