"""Long works as operators see them: what is queued, how far it is, and how to end it."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from daemon.domain.failure import NotFoundError, RefusedError, UsageError
from daemon.operations.office import Office
from daemon.ports.jobs import OWN_KINDS, Job, JobKind, JobState


async def listed(
    office: Office, *, step: str | None, kind: str | None, state: str | None, limit: int, cursor: str | None
) -> dict[str, Any]:
    """Jobs, newest first. Raises UsageError for a kind or state that there is not."""
    _known("kind", kind, JobKind)
    _known("state", state, JobState)
    page = await office.jobs.list(step=step, kind=kind, state=state, limit=limit, cursor=cursor)
    return {"items": [shown(job) for job in page.jobs], "next": page.next}


async def show(office: Office, number: int) -> dict[str, Any]:
    """One job. Raises NotFoundError."""
    return shown(await _found(office, number))


async def cancel(office: Office, number: int, operator: str) -> dict[str, Any]:
    """Cancel an order; a running one ends at the next place where it can. What it has done already stays. Raises RefusedError."""
    job = await _found(office, number)
    if job.ended:
        raise _over(job)
    if job.kind in OWN_KINDS:
        raise RefusedError(
            f"job {number} cannot be cancelled",
            f"it is a {job.kind} of {job.step}, which the daemon needs to be in step",
            f"let it end; to have nothing of the step for a while, disable the step {job.step}",
        )
    changed = await office.jobs.cancel(number, operator)
    if changed is None:
        raise _over(await _found(office, number))
    outcome = "cancelled" if changed.ended else "asked to end"
    await office.inspection.audit(
        operator=operator, action="cancel_job", request={"job": number}, outcome=outcome
    )
    return shown(changed)


def _over(job: Job) -> RefusedError:
    when = "" if job.ended_at is None else f", since {job.ended_at.isoformat(timespec='seconds')}"
    return RefusedError(
        f"job {job.id} has ended already",
        f"it is {job.state.value}{when}: there is nothing left to cancel, and nothing that it did is taken back",
        f"see what it did: isthmus job show {job.id}",
    )


def shown(job: Job) -> dict[str, Any]:
    """A job as a document, with its pace and the seconds that it still takes at that."""
    return {
        "id": job.id,
        "kind": job.kind,
        "step": job.step,
        "state": "cancelling" if job.cancelled_by and not job.ended else job.state.value,
        "operator": job.operator,
        "request": _request(job),
        "processed": job.processed,
        "expected": job.expected,
        **_pace(job),
        "asked_at": _text(job.asked_at),
        "started_at": _text(job.started_at),
        "ended_at": _text(job.ended_at),
        "interruptions": job.interruptions,
        "cancelled_by": job.cancelled_by,
        "failure": job.failure,
        "due": _text(job.due),
        "result": job.result if job.kind != JobKind.FIRST_LOAD else _loaded(job),
    }


def _loaded(job: Job) -> Mapping[str, Any]:
    """What became of the records of a first load so far, in numbers, and where those that were kept back are told one by one."""
    found = job.outcome or {}
    numbers = {name: found.get(name, {}) for name in ("outcomes", "reasons")}
    where = {
        "park": f"isthmus parked list --step {job.step}",
        "skip": f"isthmus step expectations {job.step}",
    }
    told = {name: command for name, command in where.items() if numbers["outcomes"].get(name)}
    return {**numbers, "see": told}


def _request(job: Job) -> dict[str, Any]:
    """The order. The values that limit a comparison stand under the names of their fields, so that they are masked like any other."""
    where = job.request.get("where")
    return {**job.request, "where": dict(where)} if isinstance(where, list | tuple) else dict(job.request)


def _pace(job: Job) -> Mapping[str, Any]:
    until = job.ended_at or job.updated_at
    if job.started_at is None or until is None or not job.processed:
        return {"rate": None, "seconds_left": None}
    seconds = (until - job.started_at).total_seconds()
    if seconds <= 0:
        return {"rate": None, "seconds_left": None}
    rate = job.processed / seconds
    left = None if job.ended else round(max(0, job.expected - job.processed) / rate, 1)
    return {"rate": round(rate, 1), "seconds_left": left}


async def _found(office: Office, number: int) -> Job:
    job = await office.jobs.get(number)
    if job is None:
        raise NotFoundError(
            f"there is no job {number}",
            "no job has that number, or it ended so long ago that it was forgotten",
            "see: isthmus job list",
        )
    return job


def _known(name: str, value: str | None, among: type[JobKind] | type[JobState]) -> None:
    known = [item.value for item in among]
    if value is not None and value not in known:
        raise UsageError(f"{name} {value!r} is not known", "no job has it", f"one of: {', '.join(known)}")


def _text(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()
