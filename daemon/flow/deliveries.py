"""Actions that are still to be done: webhooks, and what failed in its record's transaction."""

import asyncio
import hashlib
import hmac
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Final

import orjson
import structlog

from daemon.domain.action import Action, PostWebhook
from daemon.domain.failure import CallFailedError, Failure, FailureKind, IsthmusError, Reason
from daemon.domain.mapping import Retry, Step, Steps
from daemon.flow.parts import Parts
from daemon.ports.actions import Outbox, Postponed, Reply, Waiting, Webhooks
from daemon.reconcile.remedy import backoff

log = structlog.get_logger(__name__)

EVERY: Final = 1.0
"""Seconds between looks while nothing is due."""
EACH: Final = 20
"""Runs of one action in a round."""
LONGEST: Final = 15.0
"""Seconds after which a round begins no further run of one action: the others wait for its end."""
PACE: Final = Retry(attempts=12, first=timedelta(seconds=2), maximum=timedelta(minutes=15))
"""An address that is away for an hour loses nothing; what has failed for longer is parked."""

Secrets = Callable[[str, str], str | None]
"""The signing secret of a step's action, as it reads now. Raises IsthmusError."""


class Deliveries:
    """Does what is due: each action's runs oldest first and one at a time, so that a receiver hears of a record in order as long as nothing fails."""

    def __init__(self, parts: Parts, outbox: Outbox, webhooks: Webhooks, secrets: Secrets) -> None:
        self._parts = parts
        self._outbox = outbox
        self._webhooks = webhooks
        self._secrets = secrets
        self._known: Steps | None = None
        self._wanted: list[tuple[str, str]] = []

    async def run(self) -> None:
        """Deliver for ever. A database that does not answer is asked again."""
        while True:
            try:
                busy = await self.round()
            except CallFailedError as error:
                log.warning("actions_not_read", code=error.failure.code, advice=error.failure.advice)
                busy = False
            if not busy:
                await self._parts.clock.sleep(EVERY)

    async def round(self) -> bool:
        """Take up what is due, the actions side by side; whether one of them has more than a round holds.

        What is stored for an action that was taken out of its step is forgotten. A step that is not in force keeps its own until it is.
        """
        steps = self._parts.steps
        if steps is not self._known:
            wanted = [
                (step.called(action.direction), action.name)
                for step in steps.ordered
                for action in step.actions
            ]
            running = [name for step in steps.ordered if not step.still for name in step.names]
            retired = await self._outbox.retire(running, wanted)
            if retired:
                log.warning("actions_retired", number=retired)
            self._known, self._wanted = steps, wanted
        due = await self._outbox.due(self._wanted, EACH) if self._wanted else ()
        groups: dict[tuple[str, str], list[Waiting]] = {}
        for waiting in due:
            groups.setdefault((waiting.run.step, waiting.run.action), []).append(waiting)
        try:
            async with asyncio.TaskGroup() as tasks:
                for (step, action), group in groups.items():
                    tasks.create_task(self._work_off(_owner(steps, step), action, group))
        except BaseExceptionGroup as failures:
            error = failures.exceptions[0]
            raise error from error.__cause__
        return any(len(group) == EACH for group in groups.values())

    async def _work_off(self, step: Step, name: str, group: Sequence[Waiting]) -> None:
        """One action's runs in order. Once its address is away, or its time is over, the rest of them are not tried."""
        action = step.action(group[0].run.step, name)
        begun = self._parts.clock.monotonic()
        for place, waiting in enumerate(group):
            if self._parts.clock.monotonic() - begun > LONGEST:
                return
            failure = await self._tried(step, action, waiting)
            if failure is None:
                self._count(waiting, "done")
                continue
            postponed = self._postponed(waiting, failure)
            away = failure.reason in (Reason.TRANSPORT, Reason.LIMIT)
            rest = (
                [
                    Postponed(left.id, left.attempts, postponed.due or self._later(1), failure)
                    for left in group[place + 1 :]
                ]
                if away
                else []
            )
            await self._outbox.postpone([postponed, *rest])
            if away:
                return

    async def _tried(self, step: Step, action: Action, waiting: Waiting) -> Failure | None:
        if not isinstance(action.target, PostWebhook):
            return await self._outbox.perform(step, waiting)
        failure = await self._deliver(action.target, waiting)
        if failure is None:
            await self._outbox.forget([waiting.id])
        return failure

    async def _deliver(self, target: PostWebhook, waiting: Waiting) -> Failure | None:
        run = waiting.run
        body = orjson.dumps({"id": waiting.id, **run.document(waiting.url)})
        headers = {"Content-Type": "application/json", "Isthmus-Delivery": str(waiting.id)}
        try:
            secret = self._secrets(run.step, run.action)
            if secret is not None:
                stamp = int(self._parts.clock.now().timestamp())
                headers["Isthmus-Signature"] = signature(secret, stamp, body)
            return refusal(await self._webhooks.post(target.url, headers, body))
        except CallFailedError as error:
            return error.failure
        except IsthmusError as error:  # the secret cannot be read: nothing is sent unsigned
            return Failure(FailureKind.CONFIGURATION, Reason.OTHER, "webhook_secret", error.why, error.fix)

    def _postponed(self, waiting: Waiting, failure: Failure) -> Postponed:
        attempts = waiting.attempts + 1
        parked = attempts >= PACE.attempts
        self._count(waiting, "parked" if parked else "failed")
        log.warning(
            "action.failed",
            step=waiting.run.step,
            action=waiting.run.action,
            id=waiting.id,
            attempts=attempts,
            parked=parked,
            code=failure.code,
            reason=failure.message,
        )
        return Postponed(waiting.id, attempts, None if parked else self._later(attempts), failure)

    def _later(self, attempts: int) -> datetime:
        return self._parts.database_now() + backoff(PACE, attempts, self._parts.jitter())

    def _count(self, waiting: Waiting, outcome: str, number: int = 1) -> None:
        run = waiting.run
        self._parts.meter.count(
            "isthmus_actions_total", number, step=run.step, action=run.action, outcome=outcome
        )


def signature(secret: str, stamp: int, body: bytes) -> str:
    """`t=SECONDS,v1=HEX`: the HMAC-SHA256 of `SECONDS.BODY` under the secret. The time keeps an old delivery from being played again."""
    signed = hmac.new(secret.encode(), str(stamp).encode() + b"." + body, hashlib.sha256)
    return f"t={stamp},v1={signed.hexdigest()}"


def refusal(reply: Reply) -> Failure | None:
    """Why an answer does not count as taken; None for 2xx."""
    if 200 <= reply.status < 300:
        return None
    away = reply.status >= 500 or reply.status == 429
    return Failure(
        FailureKind.LIMITED if away else FailureKind.REJECTED,
        Reason.LIMIT if away else Reason.OTHER,
        f"HTTP_{reply.status}",
        f"The address answered {reply.status}: {reply.said}"
        if reply.said
        else f"The address answered {reply.status}.",
        "See the receiver's log. It is tried again by itself; once it is parked: isthmus action retry.",
    )


def _owner(steps: Steps, name: str) -> Step:
    """The step of a run that these steps want."""
    found = steps.named(name)
    assert found is not None
    return found
