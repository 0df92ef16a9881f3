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
from daemon.domain.mapping import Retry, Step
from daemon.flow.parts import Parts
from daemon.ports.actions import Outbox, Postponed, Reply, Waiting, Webhooks
from daemon.reconcile.remedy import backoff

log = structlog.get_logger(__name__)

EVERY: Final = 1.0
"""Seconds between looks while nothing is due."""
BATCH: Final = 50
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

    async def run(self) -> None:
        """Deliver for ever. A database that does not answer is asked again."""
        while True:
            try:
                busy = await self.round()
            except CallFailedError as error:
                log.warning("actions_not_read", code=error.failure.code, advice=error.failure.advice)
                busy = 0
            if busy < BATCH:
                await self._parts.clock.sleep(EVERY)

    async def round(self) -> int:
        """Take up what is due, the addresses side by side; how many they were."""
        due = await self._outbox.due(BATCH)
        groups: dict[tuple[str, str], list[Waiting]] = {}
        for waiting in due:
            groups.setdefault((waiting.run.step, waiting.run.action), []).append(waiting)
        async with asyncio.TaskGroup() as tasks:
            for group in groups.values():
                tasks.create_task(self._work_off(group))
        return len(due)

    async def _work_off(self, group: Sequence[Waiting]) -> None:
        """One action's runs in order. Once its address is away, the rest of them are not tried."""
        step = self._parts.steps.by_name.get(group[0].run.step)
        actions = {action.name: action for action in step.actions} if step is not None else {}
        action = actions.get(group[0].run.action)
        if step is None or action is None:  # it was taken out of the configuration
            await self._outbox.forget([waiting.id for waiting in group])
            self._count(group[0], "removed", len(group))
            return
        for place, waiting in enumerate(group):
            failure = await self._tried(step, action, waiting)
            if failure is None:
                self._count(waiting, "done")
                continue
            postponed = self._postponed(waiting, failure)
            away = failure.reason is Reason.TRANSPORT
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
    return Failure(
        FailureKind.REJECTED,
        Reason.OTHER,
        f"HTTP_{reply.status}",
        f"The address answered {reply.status}: {reply.said}"
        if reply.said
        else f"The address answered {reply.status}.",
        "See the receiver's log. It is tried again by itself; once it is parked: isthmus action retry.",
    )
