"""The API budget at work: what may go on, by our own count and by what Salesforce tells of its allowance, and what is said of it."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final, Protocol

import structlog

from daemon.domain.failure import CallFailedError, Failure, FailureKind, Reason
from daemon.flow.callcount import TAKEN_AT_ONCE, CallCount
from daemon.ports.allowance import CallLedger
from daemon.ports.clock import Clock
from daemon.ports.meter import Meter
from daemon.ports.salesforce import Limits
from daemon.reconcile.budget import LOOK_AFTER, Rules, Stage, begins, last_stage, pause, stage_of

log = structlog.get_logger(__name__)

HELD: Final = "API_BUDGET"
"""The code of what the budget holds back."""

EVERY: Final = 5.0
LOOK_SECONDS: Final = 60.0
"""A call that asks the org again is waited for so long before another one may ask."""
_MEANWHILE: Final = timedelta(seconds=5)

Health = Callable[[bool, str], None]


class Holding(Protocol):
    """What the stages of the road ask before they begin something that costs calls."""

    @property
    def stage(self) -> Stage:
        """How far our share is used."""
        ...

    @property
    def spare(self) -> bool:
        """Whether loads, sweeps and audits may go on."""
        ...

    @property
    def pause(self) -> float:
        """Seconds to wait between two batches."""
        ...

    async def wait(self) -> None:
        """Wait for so long."""
        ...

    def hold(self, last: Stage = Stage.SLOWED) -> Failure:
        """Why something is held that goes on up to the stage `last`, and until about when."""
        ...

    def shown(self) -> dict[str, Any] | None:
        """The budget for `isthmus status`; None where there is none."""
        ...


class Unlimited:
    """No budget: nothing is ever held."""

    stage = Stage.FREE
    spare = True
    pause = 0.0

    async def wait(self) -> None:
        """Not at all."""

    def hold(self, last: Stage = Stage.SLOWED) -> Failure:
        """Never asked, because nothing is held."""
        raise AssertionError(last)

    def shown(self) -> dict[str, Any] | None:
        """Nothing."""
        return None


UNLIMITED: Final = Unlimited()


@dataclass(frozen=True, slots=True)
class _Shortage:
    """The org has fewer calls left than its reserve, as an answer told. From `again` on one call may ask anew; `asking` is until when it is waited for."""

    left: int
    again: datetime
    asking: float = 0.0


class Budget:
    """Our share of the org's allowance. While nobody has told the allowance, everything passes."""

    def __init__(self, rules: Rules, clock: Clock, meter: Meter) -> None:
        self._rules = rules
        self._clock = clock
        self._meter = meter
        self._count = CallCount(clock)
        self._shortage: _Shortage | None = None

    async def begin(self, ledger: CallLedger) -> None:
        """Go on with the count that is kept. Raises CallFailedError."""
        await self._count.begin(ledger)

    async def close(self) -> None:
        """Give back what was counted ahead. Raises CallFailedError."""
        await self._count.close()

    # --- what may go on ------------------------------------------------------------------------------------------

    @property
    def used(self) -> int:
        """Our calls of the last 24 hours."""
        return self._count.used

    @property
    def size(self) -> int | None:
        """Our calls in any 24 hours at most; None while the allowance is unknown."""
        allowance = self._count.allowance
        return self._rules.budget(allowance) if allowance is not None else None

    @property
    def short(self) -> bool:
        """Whether the org has too few calls left, and it is not time yet to ask again."""
        return self._shortage is not None and self._clock.now() < self._shortage.again

    @property
    def stage(self) -> Stage:
        """How far the share is used now."""
        if self.short:
            return Stage.CLOSED
        size = self.size
        return stage_of(self.used, size) if size is not None else Stage.FREE

    @property
    def spare(self) -> bool:
        """Whether loads, sweeps and audits may go on."""
        return self.stage <= Stage.SLOWED

    @property
    def pause(self) -> float:
        """Seconds to wait between two batches."""
        size = self.size
        return pause(self.used, size) if size is not None else 0.0

    def resumes(self, last: Stage = Stage.SLOWED) -> datetime:
        """When what goes on up to the stage `last` may go on; now, if nothing holds it."""
        now, size = self._clock.now(), self.size
        if self._shortage is not None:
            return max(self._shortage.again, now + _MEANWHILE)
        if size is None or stage_of(self.used, size) <= last:
            return now
        return self._count.falls_below(begins(Stage(last + 1), size))

    def hold(self, last: Stage = Stage.SLOWED) -> Failure:
        """Why something is held that goes on up to the stage `last`, and until about when."""
        until = self.resumes(last)
        about = _told(until, self._clock.now())
        if self._shortage is not None:
            message = (
                f"held by the API budget until about {about}, when the org is asked again: it has {max(0, self._shortage.left):,} calls left,"
                " which are reserved for its other clients"
            )
            advice = "See which client uses the org's API calls; it goes on by itself as calls come back."
        else:
            message = f"held by the API budget until about {about}: {self.used:,} of our {self.size or 0:,} calls in 24 hours are used"
            advice = "Nothing to do: it goes on by itself, sooner with a larger salesforce.limits.api_budget.share."
        return Failure(FailureKind.LIMITED, Reason.LIMIT, HELD, message, advice, until=until)

    # --- the gate ------------------------------------------------------------------------------------------------

    async def admit(self, purpose: str) -> None:
        """See `Gate.admit`. A load waits here between its calls while work is slowed."""
        if purpose == "backfill" and self.stage is Stage.SLOWED:
            await self.wait()
        while not self._take(last_stage(purpose)):
            size = self.size
            await self._count.refill(TAKEN_AT_ONCE if size is None else size - self.used)

    async def wait(self) -> None:
        """Wait because calls are scarce."""
        seconds = self.pause
        self._meter.count("isthmus_salesforce_throttle_wait_seconds_total", seconds, reason="budget")
        await self._clock.sleep(seconds)

    def told(self, limits: Limits) -> None:
        """See `Gate.told`."""
        self._count.allowance = limits.limit
        left = limits.limit - limits.used
        short = left < max(1, self._rules.kept_free(limits.limit))
        self._shortage = _Shortage(left, self._clock.now() + LOOK_AFTER) if short else None

    def refused(self) -> None:
        """See `Gate.refused`."""
        self._shortage = _Shortage(0, self._clock.now() + LOOK_AFTER)

    def _take(self, last: Stage) -> bool:
        """Count a call; False if the ledger has to be asked first. Raises CallFailedError if the call must not be made."""
        shortage, now = self._shortage, self._clock.monotonic()
        if self.stage > last or (shortage is not None and now < shortage.asking):
            raise CallFailedError(self.hold(last))
        if not self._count.take():
            return False
        if shortage is not None:
            self._shortage = replace(shortage, asking=now + LOOK_SECONDS)
        return True

    # --- what is told --------------------------------------------------------------------------------------------

    def shown(self) -> dict[str, Any] | None:
        """The budget for `isthmus status`; None while the allowance is unknown."""
        size, stage = self.size, self.stage
        if size is None:
            return None
        held = stage > Stage.SLOWED
        return {
            "used": self.used,
            "calls": size,
            "share": self._rules.share,
            "reserve": self._rules.kept_free(self._count.allowance or 0),
            "stage": stage.name.lower(),
            "resumes_at": self.resumes().isoformat(timespec="seconds") if held else None,
            "reason": self.hold().message if held else None,
        }

    def telling(self, health: Health) -> Health:
        """Health of Salesforce's API that adds to good news what the budget holds back."""

        def tell(up: bool, reason: str) -> None:
            held = up and self.stage > Stage.SLOWED
            health(up, f"{reason}; {self.hold().message}" if held else reason)

        return tell

    async def keep(self, health: Health) -> None:
        """Publish the budget for ever, and log its stages. `health` is told of the stage at which no call is made."""
        before = Stage.FREE
        while True:
            size, stage = self.size, self.stage
            self._meter.gauge("isthmus_salesforce_api_budget_used_calls", self.used)
            if size is not None:
                self._meter.gauge("isthmus_salesforce_api_budget_calls", size)
            if stage is not before:
                tell = log.warning if stage > before else log.info
                until = self.resumes().isoformat(timespec="seconds")
                tell("api_budget", stage=stage.name.lower(), used=self.used, calls=size, until=until)
            if stage is Stage.CLOSED:
                health(False, self.hold(Stage.NO_WRITES).message)
            before = stage
            await self._clock.sleep(EVERY)


def _told(at: datetime, now: datetime) -> str:
    """A moment for people: hour and minute, with the day where it is another one. Rounded up: it is not to be too early."""
    minute = (at + timedelta(seconds=59)).replace(second=0, microsecond=0)
    return minute.strftime("%H:%M UTC" if minute.date() == now.date() else "%Y-%m-%d %H:%M UTC")
