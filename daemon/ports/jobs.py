"""Long works: what an operator ordered, and the loads that the daemon begins by itself, each with how far it has come.

An order is stored by whoever serves the API and taken up by the leader, one at a time. It outlives both: what a dead process left
running is taken up first, from the place that the work has stored.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol

QUEUED_MOST = 100
"""Orders that may wait; one more is refused."""


class JobKind(StrEnum):
    """What is done. The first two begin by themselves and are kept by the load itself."""

    FIRST_LOAD = "first_load"
    SWEEP = "sweep"
    LOAD = "load"
    COMPARE = "compare"
    REPAIR = "repair"


class JobState(StrEnum):
    """How it stands."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


OWN_KINDS = frozenset({JobKind.FIRST_LOAD, JobKind.SWEEP})


@dataclass(frozen=True, slots=True)
class Job:
    """One long work. `processed` of `expected` records are done; `expected` 0 means that nobody knows yet.

    `request` is the order and `result` its outcome, both JSON; `outcome` says what became of a load's records up to `place`. `place` is where to go on after an interruption, in the words of the work
    itself. `failure` (code, message, advice) says why it failed, or why it is tried again at `due`. `operator` None: the daemon by itself.
    `interruptions` counts the ends of the daemon that it lived through, and `in_vain` the last of them without any progress in between.
    """

    id: int
    kind: str
    step: str
    state: JobState
    request: Mapping[str, Any]
    operator: str | None
    asked_at: datetime
    started_at: datetime | None = None
    updated_at: datetime | None = None
    ended_at: datetime | None = None
    processed: int = 0
    expected: int = 0
    place: Mapping[str, Any] | None = None
    result: Mapping[str, Any] | None = None
    failure: Mapping[str, Any] | None = None
    due: datetime | None = None
    interruptions: int = 0
    in_vain: int = 0
    cancelled_by: str | None = None
    outcome: Mapping[str, Any] | None = None

    @property
    def ended(self) -> bool:
        """Whether nothing more will happen to it."""
        return self.state not in (JobState.QUEUED, JobState.RUNNING)


@dataclass(frozen=True, slots=True)
class JobPage:
    """Jobs, newest first; `next` is the cursor of the following page."""

    jobs: tuple[Job, ...]
    next: str | None = None


class Jobs(Protocol):
    """The table of long works. What the leader writes checks its lease: LeaseLostError."""

    async def open(self, kind: JobKind, step: str, request: Mapping[str, Any], operator: str) -> Job:
        """Store an order, queued. Raises RefusedError while QUEUED_MOST wait already."""
        ...

    async def take(self, kinds: Sequence[str]) -> Job | None:
        """The next job of these kinds, now running: what a process left running first (`interruptions` counts that), then the oldest order."""
        ...

    async def note(
        self, number: int, processed: int, expected: int, place: Mapping[str, Any] | None = None
    ) -> None:
        """Store how far a running job has come, and with `place` where it would go on. It is not held up any more."""
        ...

    async def delay(self, number: int, failure: Mapping[str, Any], due: datetime) -> None:
        """Note that a running job is held up, and when it is tried again."""
        ...

    async def end(
        self,
        number: int,
        state: JobState,
        result: Mapping[str, Any] | None = None,
        failure: Mapping[str, Any] | None = None,
    ) -> None:
        """Store the end of a running job."""
        ...

    async def cancel(self, number: int, operator: str) -> Job | None:
        """Cancel a queued order, or ask the leader to cancel a running one; None if it has ended, or is the daemon's own, or unknown."""
        ...

    async def cancelled(self, number: int) -> bool:
        """Whether somebody asked for a running job to be cancelled."""
        ...

    async def get(self, number: int) -> Job | None:
        """One job."""
        ...

    async def list(
        self,
        *,
        step: str | None = None,
        kind: str | None = None,
        state: str | None = None,
        limit: int = 100,
        cursor: str | None = None,
    ) -> JobPage:
        """Jobs, newest first."""
        ...
