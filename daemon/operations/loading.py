"""A load that an operator orders: what it will take, and the order itself."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from daemon.domain.failure import CallFailedError, FailureKind, UsageError
from daemon.domain.filter import CONDITION_MOST, one_condition
from daemon.domain.mapping import Step
from daemon.flow.loading.bulk import ONE_BY_ONE_A_SECOND
from daemon.flow.loading.ordered import Order
from daemon.operations.jobs import shown
from daemon.operations.office import Office
from daemon.ports.jobs import Job, JobKind, JobState

_PASSING: Final = frozenset(
    {FailureKind.TRANSIENT, FailureKind.LIMITED, FailureKind.AUTHENTICATION, FailureKind.PERMISSION}
)


@dataclass(frozen=True, slots=True)
class Wish:
    """A load as it is asked for. `since` is an instant with its zone."""

    step: str
    where: str | None = None
    since: str | None = None
    limit: int | None = None
    rate: float | None = None
    dry_run: bool = False

    def request(self) -> Mapping[str, Any]:
        """The order as it is stored with the job. Raises UsageError."""
        if self.where is not None:
            _balanced(self.where)
        if self.limit is not None and self.limit < 1:
            raise UsageError(
                f"limit {self.limit} is not understood", "it takes at least one record", "write 10"
            )
        if self.rate is not None and not 0 < self.rate <= 1_000_000:
            raise UsageError(
                f"rate {self.rate:g} is not understood", "it is a number of records a second", "write 50"
            )
        return {
            "where": self.where,
            "since": None if self.since is None else _instant(self.since).isoformat(),
            "limit": self.limit,
            "rate": self.rate,
            "dry_run": self.dry_run,
        }


async def estimate(office: Office, wish: Wish) -> dict[str, Any]:
    """What a load would take: records, API calls and their share of the allowance, minutes at the pace that was seen last.

    One API call. Raises UsageError with the org's own words for a condition that is none.
    """
    step = office.step(wish.step)
    order = Order.of(wish.request())
    try:
        records = await office.loads.count(step, order)
    except CallFailedError as error:
        if wish.where is None or error.failure.kind in _PASSING:
            raise
        raise UsageError(
            f"the condition is none of {step.object}",
            f"Salesforce says {error.failure.code}: {error.failure.message}",
            "write what stands after WHERE in SOQL, such as: Status = 'Open' AND CreatedDate = LAST_N_DAYS:30",
        ) from error
    calls, limits = office.loads.calls(order, records), office.parts.records.limits
    pace, seen = await _pace(office, step, order)
    return {
        "step": step.name,
        "object": step.object,
        "records": records,
        "bulk": office.loads.in_bulk(order, records),
        "api_calls": calls,
        "share_of_allowance": None if limits is None or not limits.limit else round(calls / limits.limit, 6),
        "allowance_left": None if limits is None else limits.limit - limits.used,
        "rate": round(pace, 1),
        "rate_seen": seen,
        "minutes": round(records / pace / 60, 1),
        "instance_url": await office.inspection.instance_url(),
    }


async def order(office: Office, wish: Wish, operator: str) -> dict[str, Any]:
    """Queue a load; the leader takes it up within a second. The job. Raises UsageError, RefusedError."""
    step, request = office.step(wish.step), wish.request()
    job = await office.jobs.open(JobKind.LOAD, step.name, request, operator)
    await office.inspection.audit(
        operator=operator, action="load", request={"step": step.name, **request}, outcome=f"job {job.id}"
    )
    return shown(job)


async def _pace(office: Office, step: Step, order: Order) -> tuple[float, bool]:
    """Records a second, and whether that was seen: in the step's last load, else a guess; never more than was asked for."""
    seen = [rate for job in await _last_loads(office, step) if (rate := _rate(job)) is not None]
    pace = seen[0] if seen else float(ONE_BY_ONE_A_SECOND)
    return (pace if order.rate is None else min(pace, order.rate)), bool(seen)


async def _last_loads(office: Office, step: Step) -> list[Job]:
    found: list[Job] = []
    for kind in (JobKind.LOAD, JobKind.FIRST_LOAD):
        page = await office.jobs.list(step=step.name, kind=kind.value, state=JobState.DONE.value, limit=10)
        found += page.jobs
    return found


def _rate(job: Job) -> float | None:
    """Records a second. A handful tells nothing, and one that was held to a pace tells that pace."""
    if job.started_at is None or job.ended_at is None or job.processed < 100 or job.request.get("rate"):
        return None
    seconds = (job.ended_at - job.started_at).total_seconds()
    return job.processed / seconds if seconds > 0 else None


def _instant(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise UsageError(
            f"since {text[:40]!r} is not understood",
            "it is no date and time with a zone",
            "write it as 2026-03-01T00:00:00Z",
        )
    return moment


def _balanced(condition: str) -> None:
    """Raises UsageError for a condition that would end the brackets around it: it is one condition, and nothing behind it."""
    if not one_condition(condition, escapes=True):
        raise UsageError(
            "the condition is not understood",
            f"its brackets or quotes do not match, or it is empty or longer than {CONDITION_MOST} characters",
            "write what stands after WHERE in SOQL, such as: Status = 'Open'",
        )
