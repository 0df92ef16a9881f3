"""Who leads, and how to have another one lead."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from daemon.domain.failure import RefusedError

Holder = tuple[str, int, datetime]


@dataclass(frozen=True, slots=True)
class Leadership:
    """The lease as operators see it. `own` is the epoch of this process, 0 while it does not lead; `step_down` ends its turn."""

    holder: Callable[[], Awaitable[Holder | None]]
    own: Callable[[], int]
    step_down: Callable[[], None]

    async def status(self) -> Mapping[str, Any]:
        """Who holds the lease, under which epoch, since when, and whether it is the daemon that answers."""
        found = await self.holder()
        if found is None:
            return {"holder": None, "epoch": 0, "since": None, "this": False}
        name, epoch, since = found
        return {"holder": name, "epoch": epoch, "since": since.isoformat(), "this": epoch == self.own()}

    async def end(self) -> Mapping[str, Any]:
        """Stop leading: the batch in hand is finished, the lease given up, and the process leaves. Raises RefusedError."""
        status = await self.status()
        if not status["this"]:
            raise RefusedError(
                "the daemon that answers does not lead",
                f"{status['holder'] or 'nobody'} does",
                "ask that one: --api URL",
            )
        self.step_down()
        return status
