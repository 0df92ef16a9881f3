"""The gate before every call that counts against the org's API allowance, and where the count of our own calls is kept."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol

from daemon.ports.salesforce import Limits


class Gate(Protocol):
    """Asked before a call, and told what Salesforce says of its allowance. Safe to use from several tasks."""

    async def admit(self, purpose: str) -> None:
        """Return when the call may be made; it counts from then on. May wait some seconds.

        Raises CallFailedError of kind LIMITED, with the time until which asking again is useless, if it must not be made. `purpose` is
        push, fetch, backfill, reconcile, metadata or operator.
        """
        ...

    def told(self, limits: Limits) -> None:
        """An answer told how much of the allowance all clients together have used."""
        ...

    def refused(self) -> None:
        """Salesforce refused a call because the allowance of 24 hours is used up."""
        ...


class OpenGate:
    """Lets every call pass: for a process that makes a few calls because somebody asked it to."""

    async def admit(self, purpose: str) -> None:
        """Return at once."""

    def told(self, limits: Limits) -> None:
        """Nothing depends on it."""

    def refused(self) -> None:
        """The caller is told by the failure."""


OPEN_GATE: Final = OpenGate()


@dataclass(frozen=True, slots=True)
class CountedCalls:
    """Our calls by spans, oldest first, each span by its beginning; and the org's allowance as it was last told, if it ever was."""

    spans: Sequence[tuple[datetime, int]]
    allowance: int | None


class CallLedger(Protocol):
    """The count of our calls, kept so that it outlives the process. Several processes may add to it."""

    async def add(
        self, calls: Mapping[datetime, int], allowance: int | None, since: datetime
    ) -> CountedCalls:
        """Add calls to spans (or take back, with a negative number), and return all spans from `since` on once that is committed.

        Older spans are forgotten. `allowance` None leaves the known one. Raises CallFailedError.
        """
        ...
