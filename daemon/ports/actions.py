"""Actions that are still to be done: webhooks, and what failed in its record's transaction.

Each is stored with its record. The leader takes them up, one step's oldest first, and forgets what is done. What keeps failing is parked
after some tries, and waits for a person.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from daemon.domain.action import Run
from daemon.domain.failure import Failure
from daemon.domain.mapping import Step
from daemon.ports.database import Page

PARKED = "parked"


@dataclass(frozen=True, slots=True)
class Waiting:
    """One action that is due: `attempts` have failed, `url` opens its record."""

    id: int
    run: Run
    attempts: int
    url: str | None


@dataclass(frozen=True, slots=True)
class Postponed:
    """When an action is tried again, and why. `due` None: it is parked, until a person asks for it."""

    id: int
    attempts: int
    due: datetime | None
    failure: Failure


@dataclass(frozen=True, slots=True)
class Reply:
    """What an address answered: its status and the beginning of what it said."""

    status: int
    said: str


class Outbox(Protocol):
    """The stored actions. What the leader writes checks its lease: LeaseLostError."""

    async def due(self, wanted: Collection[tuple[str, str]], limit: int) -> Sequence[Waiting]:
        """What is due of these steps' actions (step and action), oldest first, at most `limit` of each."""
        ...

    async def retire(self, steps: Collection[str], wanted: Collection[tuple[str, str]]) -> int:
        """Forget what is stored of these steps for actions that are not among the wanted ones; how many they were."""
        ...

    async def perform(self, step: Step, waiting: Waiting) -> Failure | None:
        """Do one that is done in the database, and forget it in the same transaction; why not, if it failed."""
        ...

    async def forget(self, ids: Sequence[int]) -> None:
        """These are done, or are not wanted any more."""
        ...

    async def postpone(self, postponed: Sequence[Postponed]) -> None:
        """These failed."""
        ...

    async def list(
        self,
        *,
        step: str | None = None,
        action: str | None = None,
        limit: int = 100,
        cursor: str | None = None,
    ) -> Page:
        """Stored actions, newest first: id, step, action, event, direction, sf_id, key, state, attempts, due, code, message, advice, at."""
        ...

    async def retry(
        self, *, ids: Sequence[int] = (), step: str | None = None, action: str | None = None
    ) -> int:
        """Make stored actions due at once; how many they were."""
        ...

    async def discard(self, ids: Sequence[int]) -> int:
        """Forget stored actions undone; how many they were."""
        ...

    async def waiting(self) -> Mapping[tuple[str, str], int]:
        """How many are stored, by step and state (`pending`, `parked`)."""
        ...


class Webhooks(Protocol):
    """Posts to addresses of other people's."""

    async def post(self, url: str, headers: Mapping[str, str], body: bytes) -> Reply:
        """Send a body, following no redirection, within a deadline. Raises CallFailedError where no answer came."""
        ...
