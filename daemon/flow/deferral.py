"""What becomes of a change that could not be settled."""

from collections.abc import Sequence

from daemon.domain.change import Change, ChangeState
from daemon.domain.failure import Failure
from daemon.domain.link import Link, LinkState
from daemon.domain.mapping import Step
from daemon.domain.plan import Hold, Outcome
from daemon.flow.parts import Parts
from daemon.ports.store import Deferral, Unit
from daemon.reconcile.remedy import PARKED_RETRY, next_try


def after_failure(parts: Parts, step: Step, change: Change, failure: Failure) -> Deferral:
    """A write failed: try again at the pace of the step, or park."""
    following = next_try(failure.kind, step.retry, change.attempts, parts.jitter())
    direction = "pull" if change.side.value == "salesforce" else "push"
    parts.meter.count(
        "isthmus_record_failures_total", step=step.name, direction=direction, reason=failure.reason.value
    )
    if following.parked:
        parts.meter.count(
            "isthmus_parked_total", step=step.name, direction=direction, reason=failure.reason.value
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


def after_hold(parts: Parts, step: Step, change: Change, hold: Hold) -> Deferral:
    """A decision holds the change back: it waits for another record, or for a person."""
    direction = "pull" if change.side.value == "salesforce" else "push"
    parked = hold.outcome is Outcome.PARK
    if parked:
        parts.meter.count(
            "isthmus_parked_total", step=step.name, direction=direction, reason=hold.reason.value
        )
    return Deferral(
        change.id,
        ChangeState.PARKED if parked else ChangeState.HELD,
        parts.database_now() + PARKED_RETRY,
        change.attempts + (1 if parked else 0),
        hold.code,
        f"{hold.reason.value}: {hold.explanation}",
        hold.advice,
        hold.waiting_for,
    )


def load_reference(step: str) -> str:
    """What a change waits for that waits for the end of a step's first load."""
    return f"{step}:"


async def release_found(parts: Parts, unit: Unit, deferred: Sequence[Deferral]) -> None:
    """Let go at once what waits for a record that was linked meanwhile: in the same batch, or while Salesforce answered."""
    waiting = {item.waiting_for for item in deferred if item.waiting_for is not None}
    if not waiting:
        return
    records = sorted(item for item in waiting if ":" not in item)
    found = [name for name, link in (await unit.links_of_records(records)).items() if _living(link)]
    keys: dict[str, list[str]] = {}
    for name, separator, key in (item.partition(":") for item in sorted(waiting)):
        if separator and name in parts.steps.by_name:
            keys.setdefault(name, []).append(key)
    for name, wanted in keys.items():
        links = await unit.links_of_rows(parts.steps.by_name[name].table.qualified, wanted)
        found += [f"{name}:{key}" for key, link in links.items() if _living(link)]
    await unit.release_waiting(found)


def _living(link: Link) -> bool:
    return link.state is LinkState.LINKED
