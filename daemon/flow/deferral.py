"""What becomes of a change that could not be settled."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Final

from daemon.domain.change import Change, ChangeState
from daemon.domain.failure import Failure, FailureKind, Reason
from daemon.domain.link import Link, LinkState
from daemon.domain.mapping import Step
from daemon.domain.plan import Hold, Outcome
from daemon.flow.parts import Parts
from daemon.flow.renames import being_renamed
from daemon.ports.store import Deferral, Unit
from daemon.reconcile.budget import HELD_AT_MOST
from daemon.reconcile.decide import DELETE_CONFLICT
from daemon.reconcile.remedy import PARKED_RETRY, next_try, paced

_OF_A_SCHEMA: Final = frozenset({FailureKind.CONFIGURATION, FailureKind.PERMISSION})
GUARDED: Final = "delete_guard"
"""The code of what the delete guard holds back. It is never tried again by itself: a person answers."""
STILL: Final = "schema_drift"
"""The code of what waits because its whole step is held."""
REMOVED: Final = "step_removed"
"""The code of what waits because its step is not in the configuration any more."""
UNTIL_BACK: Final = timedelta(days=3650)
"""When what waits for a removed step is due by itself: its return makes it due."""
SCHEMA_REASONS: Final = (Reason.MAPPING, Reason.PERMISSION)
"""The reasons of what may pass as soon as the schema fits again, or what does not fit is held."""


def doubt_schema(parts: Parts, failure: Failure) -> None:
    """Have both sides described anew at once, if this failure may mean that one of them has changed."""
    if failure.kind in _OF_A_SCHEMA:
        parts.schema_doubts.set()


async def keep_still(parts: Parts, step: Step, changes: Sequence[Change]) -> None:
    """Keep the changes of a step that is held as they are; whoever lets it go makes them due."""
    due = parts.database_now() + PARKED_RETRY
    reason = f"{Reason.MAPPING.value}: {step.still}"
    advice = "Nothing: it goes on when the step does. isthmus status says what the step waits for."
    deferrals = [
        Deferral(c.id, c.state, due, c.attempts, STILL, reason, advice, c.waiting_for) for c in changes
    ]
    async with parts.writing, parts.store.begin() as unit:
        await unit.defer(deferrals)


async def keep_removed(parts: Parts, changes: Sequence[Change]) -> None:
    """Keep the changes of a step that is not in the configuration: it may come back, and nothing that was captured is thrown away.

    They are due when the step is back, and not before. What waited for a reason of its own keeps that, and is looked at each hour: it
    may be all that tells of a create in doubt, and no more comes to it.
    """
    now = parts.database_now()
    reason = f"{Reason.MAPPING.value}: the step is not in the configuration"
    advice = "Nothing, if the step was removed for good. Add it again, and they are taken up: isthmus config reload."
    deferrals = [
        Deferral(c.id, c.state, now + PARKED_RETRY, c.attempts, c.code, c.reason, c.advice, c.waiting_for)
        if c.state in (ChangeState.HELD, ChangeState.PARKED)
        else Deferral(c.id, c.state, now + UNTIL_BACK, c.attempts, REMOVED, reason, advice, c.waiting_for)
        for c in changes
    ]
    async with parts.writing, parts.store.begin() as unit:
        await unit.defer(deferrals)


def after_failure(parts: Parts, step: Step, change: Change, failure: Failure) -> Deferral:
    """A write failed: try again at the pace of the step, or park."""
    doubt_schema(parts, failure)
    delay = after_until(parts, failure)
    if delay is not None:
        return _untried(parts, change, failure, delay)
    following = next_try(failure.kind, paced(step.retry, failure.reason), change.attempts, parts.jitter())
    direction = "pull" if change.side.value == "salesforce" else "push"
    parts.meter.count(
        "isthmus_record_failures_total",
        step=step.called(direction),
        direction=direction,
        reason=failure.reason.value,
    )
    if following.parked:
        parts.meter.count(
            "isthmus_parked_total",
            step=step.called(direction),
            direction=direction,
            reason=failure.reason.value,
        )
    return Deferral(
        change.id,
        ChangeState.PARKED if following.parked else ChangeState.PENDING,
        parts.database_now() + following.delay,
        following.attempts,
        failure.code,
        f"{failure.reason.value}: {failure.message}",
        failure.advice,
    )


def after_until(parts: Parts, failure: Failure) -> timedelta | None:
    """How long to wait after a failure that says until when trying is useless; None for any other.

    A little longer, by chance, so that not everything comes back in one moment; and never so long that a sooner end would pass unnoticed.
    """
    if failure.until is None:
        return None
    wait = max(timedelta(0), failure.until - parts.clock.now())
    return min(wait, HELD_AT_MOST) + timedelta(seconds=parts.jitter())


def _untried(parts: Parts, change: Change, failure: Failure, delay: timedelta) -> Deferral:
    """Nothing was sent, and nothing is wrong with the change: no attempt is counted."""
    return Deferral(
        change.id,
        ChangeState.PENDING,
        parts.database_now() + delay,
        change.attempts,
        failure.code,
        f"{failure.reason.value}: {failure.message}",
        failure.advice,
    )


def after_hold(parts: Parts, step: Step, change: Change, hold: Hold) -> Deferral:
    """A decision holds the change back: it waits for another record, or for a person."""
    direction = "pull" if change.side.value == "salesforce" else "push"
    parked = hold.outcome is Outcome.PARK
    if parked:
        parts.meter.count(
            "isthmus_parked_total", step=step.called(direction), direction=direction, reason=hold.reason.value
        )
    return Deferral(
        change.id,
        ChangeState.PARKED if parked else ChangeState.HELD,
        None if hold.code == GUARDED else parts.database_now() + PARKED_RETRY,
        change.attempts + (1 if parked else 0),
        hold.code,
        f"{hold.reason.value}: {hold.explanation}",
        hold.advice,
        hold.waiting_for,
    )


def beside_conflict(parts: Parts, step: Step, change: Change, hold: Hold) -> Deferral:
    """A local edit of a row whose record was deleted waits beside the deletion: if the record comes back, its time still counts."""
    return after_hold(parts, step, change, replace(hold, outcome=Outcome.WAIT))


def conflict_over(local: Sequence[Change], kept: Collection[Change]) -> list[Deferral]:
    """The deletion beside which these local changes waited is decided: they go on at once, but for those that are in hand."""
    return [
        Deferral(change.id, ChangeState.PENDING, None, change.attempts)
        for change in local
        if change.state is ChangeState.HELD and change.code == DELETE_CONFLICT and change not in kept
    ]


def load_reference(step: str) -> str:
    """What a change waits for that waits for the end of a step's first load."""
    return f"{step}:"


async def release_found(parts: Parts, unit: Unit, deferred: Sequence[Deferral]) -> None:
    """Let go at once what waits for a record that was linked meanwhile: in the same batch, or while Salesforce answered."""
    waiting = {item.waiting_for for item in deferred if item.waiting_for is not None}
    if not waiting:
        return
    records = sorted(item for item in waiting if ":" not in item)
    linked = {name: link for name, link in (await unit.links_of_records(records)).items() if _living(link)}
    found = await _standing(parts, unit, linked)
    keys: dict[str, list[str]] = {}
    tables = {step.name: step.table.qualified for step in parts.steps.ordered}
    tables |= {table: table for table in tables.values()}
    for name, separator, key in (item.partition(":") for item in sorted(waiting)):
        if separator and name in tables:
            keys.setdefault(name, []).append(key)
    for name, wanted in keys.items():
        links = await unit.links_of_rows(tables[name], wanted)
        step = parts.steps.by_name.get(name)  # None where whatever is paired with a row of the table will do
        living = {
            f"{name}:{key}": link
            for key, link in links.items()
            if _living(link) and (step is None or link.object == step.object)
        }
        found += await _standing(parts, unit, living)
    await unit.release_waiting(found)


async def _standing(parts: Parts, unit: Unit, links: Mapping[str, Link]) -> list[str]:
    """Those of these names whose link is not about to move to another row: whoever follows it lets go what waits for it."""
    keys: dict[str, list[str]] = {}
    for link in links.values():
        if link.step in parts.steps.by_name:
            keys.setdefault(link.step, []).append(link.key)
    moving = {
        (parts.steps.by_name[name].table.qualified, key)
        for name, mine in keys.items()
        for key in await being_renamed(unit, parts.steps, parts.steps.by_name[name], mine)
    }
    return [name for name, link in links.items() if (link.table, link.key) not in moving]


def _living(link: Link) -> bool:
    return link.state is LinkState.LINKED
