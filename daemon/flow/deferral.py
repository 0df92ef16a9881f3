"""What becomes of a change that could not be settled."""

from daemon.domain.change import Change, ChangeState
from daemon.domain.failure import Failure
from daemon.domain.mapping import Step
from daemon.domain.plan import Hold, Outcome
from daemon.flow.parts import Parts
from daemon.ports.store import Deferral
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
