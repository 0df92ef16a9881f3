"""Which actions a settled pair calls for, and having them done."""

from collections.abc import Iterator, Sequence

import structlog

from daemon.domain.action import Event, PostWebhook, Run
from daemon.domain.link import LinkOrigin
from daemon.domain.mapping import Step
from daemon.domain.plan import LinkAction, Operation
from daemon.domain.side import Direction
from daemon.domain.view import Presence
from daemon.flow.pairing import Pair
from daemon.flow.parts import Parts
from daemon.ports.store import Unit

log = structlog.get_logger(__name__)

_LINKED = frozenset({LinkAction.CREATE, LinkAction.REVIVE})


def runs(parts: Parts, pair: Pair) -> Iterator[Run]:
    """The actions of the pair's step for what the sync did to it: a record brought in, a write of ours that Salesforce has.

    Nothing, where the pair was merely looked at, parked, or deleted.
    """
    seen = pair.seen
    if not seen.step.actions or pair.key is None or seen.presence is not Presence.PRESENT:
        return
    for direction, event in ((Direction.PULL, _pulled(pair)), (Direction.PUSH, _pushed(pair))):
        for action in seen.step.actions:
            if event is not None and action.wanted(event, direction):
                yield Run(
                    step=seen.step.called(direction),
                    action=action.name,
                    event=event,
                    direction=direction,
                    at=parts.clock.now(),
                    object=seen.step.object,
                    sf_id=seen.sf_id,
                    table=seen.step.table.qualified,
                    key=pair.key,
                )


def _pulled(pair: Pair) -> Event | None:
    """What the record's coming in did to its row. A row that was there and was found by its identifier counts as updated."""
    write = pair.plan.postgres
    if write is not None:
        return Event.CREATED if write.operation is Operation.CREATE else Event.UPDATED
    found = pair.plan.link.action in _LINKED and not _ours(pair)
    return Event.UPDATED if found else None


def _pushed(pair: Pair) -> Event | None:
    """What a write of ours did to the record: one that was just confirmed, or one in doubt that a reading found done."""
    if not _ours(pair):
        return None
    made = pair.plan.link.action in _LINKED and (
        pair.origin is LinkOrigin.CREATED or bool(pair.seen.resolved)
    )
    return Event.CREATED if made else Event.UPDATED


def _ours(pair: Pair) -> bool:
    """Whether what is settled is a write of ours."""
    return pair.seen.own is not None or bool(pair.seen.resolved)


async def act(parts: Parts, unit: Unit, step: Step, wanted: Sequence[Run]) -> None:
    """Do the actions of settled records, in their transaction. One that fails is stored to be tried again, and keeps nothing back."""
    failures = await unit.act(step, wanted)
    for position, run in enumerate(wanted):
        target = step.action(run.step, run.action).target
        failed = failures.get(position)
        outcome = "failed" if failed else "queued" if isinstance(target, PostWebhook) else "done"
        parts.meter.count("isthmus_actions_total", step=run.step, action=run.action, outcome=outcome)
        if failed is not None:
            log.warning("action.failed", step=run.step, action=run.action, key=run.key, reason=failed.message)
