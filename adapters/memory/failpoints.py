"""One failpoint that is armed, as a trap that springs once."""

import asyncio
import os
import signal
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from daemon.ports.clock import Clock
from daemon.ports.failpoints import Failpoint


class Action(StrEnum):
    """What a trap does to whoever steps on it."""

    KILL = "kill"  # the process ends as in a power cut
    RAISE = "raise"  # the connection breaks here
    HANG = "hang"  # nothing happens for a while
    CANCEL = "cancel"  # the task is cancelled, and not by whoever owns it


class FailpointError(ConnectionResetError):
    """The connection breaks here: adapters tell it like any other; elsewhere it is a defect, and ends the process."""


@dataclass(frozen=True, slots=True)
class Trap:
    """What happens where: at the `nth` time that `point` is reached, counted once every point of `after` has been.

    `seconds` is how long a HANG lasts.
    """

    point: Failpoint
    action: Action
    after: tuple[Failpoint, ...] = ()
    nth: int = 1
    seconds: float = 30.0


def _power_cut() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


class ArmedFailpoints:
    """The port `Failpoints` with one trap. `told` is called as it springs, `kill` ends the process."""

    def __init__(
        self, trap: Trap, clock: Clock, told: Callable[[Trap], None], kill: Callable[[], None] = _power_cut
    ) -> None:
        self._trap = trap
        self._clock = clock
        self._told = told
        self._kill = kill
        self._to_pass = list(trap.after)
        self._left = trap.nth

    async def reach(self, point: Failpoint) -> None:
        """Spring the trap if this is its point and its time. Raises FailpointError or CancelledError if it says so."""
        if self._to_pass:
            if point is self._to_pass[0]:
                del self._to_pass[0]
            return
        if point is not self._trap.point or not self._left:
            return
        self._left -= 1
        if not self._left:
            await self._spring()

    async def _spring(self) -> None:
        self._told(self._trap)
        match self._trap.action:
            case Action.KILL:
                await asyncio.sleep(0)  # what was written before leaves the process in this turn of the loop
                self._kill()
            case Action.RAISE:
                raise FailpointError(f"the failpoint {self._trap.point.value!r}")
            case Action.HANG:
                await self._clock.sleep(self._trap.seconds)
            case Action.CANCEL:
                task = asyncio.current_task()
                assert task is not None
                task.cancel()
                await asyncio.sleep(0)
