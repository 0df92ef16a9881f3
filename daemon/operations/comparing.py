"""Comparing both sides of a step, and closing what differs: what an operator may order, checked before it becomes a job."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from daemon.domain.failure import RefusedError, UsageError
from daemon.domain.mapping import Step
from daemon.flow.auditing.ordered import SHOWN_MOST
from daemon.flow.auditing.repairing import BY_WORD, Repair
from daemon.operations.jobs import shown
from daemon.operations.office import Office
from daemon.ports.jobs import Job, JobKind, JobState
from daemon.reconcile.compare import Kind

TAKES: Final = ("salesforce", "postgres", "policy")
KINDS: Final = (
    Kind.ONLY_SALESFORCE.value,
    Kind.ONLY_POSTGRES.value,
    Kind.DIFFERING.value,
    *sorted(why.value for why in BY_WORD),
)
"""What a repair may be limited to: kinds of differences, and explained ones that a side's word decides."""
_BY_WORD: Final = frozenset(why.value for why in BY_WORD)
_DELETES: Final = frozenset({Kind.ONLY_SALESFORCE.value, Kind.ONLY_POSTGRES.value})


async def compare(
    office: Office, name: str, *, where: Mapping[str, str], share: float, show: int, operator: str
) -> dict[str, Any]:
    """Order a comparison; the job. `share` is above 0 and at most 1, `show` how many differences are told with their values."""
    step = office.step(name)
    known = {"key", "sf_id", *step.by_name, *step.by_column, *step.columns}
    unknown = sorted(set(where) - known)
    if unknown:
        raise UsageError(
            f"{', '.join(unknown)} is no column or field of step {name}",
            "a comparison is limited by values of the pairs that it compares",
            f"one of: {', '.join(sorted(known))}",
        )
    if not 0 < share <= 1:
        raise UsageError(f"a share of {share:g} is none", "it is above 0 and at most 1", "write 0.01 for 1%")
    if not 0 <= show <= SHOWN_MOST:
        raise UsageError(
            f"{show} cannot be shown", f"at most {SHOWN_MOST} can", "narrow it down with --where"
        )
    request = {"where": sorted(where.items()), "share": share, "show": show}
    job = await office.jobs.open(JobKind.COMPARE, step.name, request, operator)
    await office.inspection.audit(
        operator=operator,
        action="compare",
        request={"step": name, **request, "where": dict(where)},
        outcome=f"job {job.id}",
    )
    return shown(job)


@dataclass(frozen=True, slots=True)
class Wish:
    """A repair as it is wished for: whose word counts, only which kind, and how many deletes are confirmed."""

    step: str
    take: str
    only: str | None
    deletes: int


async def preview(office: Office, wish: Wish) -> dict[str, Any]:
    """What a repair would close, by the last comparison of the step; nothing is done. Raises RefusedError without one."""
    order, job = await _order(office, wish)
    counts = await office.comparisons.difference_counts(job.id)
    meant = {kind: 0 for kind, why in counts if order.means(kind, why)}
    for (kind, why), number in counts.items():
        if order.means(kind, why):
            meant[kind] += number
    return {
        "step": wish.step,
        "from": wish.take,
        "only": wish.only,
        "compared_by_job": job.id,
        "compared_at": job.ended_at.isoformat() if job.ended_at is not None else None,
        "whole": bool((job.result or {}).get("whole")),
        "differences": meant,
        "records": sum(meant.values()),
        "deletes": _deletes(order, meant),
    }


async def repair(office: Office, wish: Wish, operator: str) -> dict[str, Any]:
    """Order a repair; the job. Raises RefusedError where it might delete more than `deletes` confirms."""
    found = await preview(office, wish)
    if found["deletes"] > wish.deletes:
        raise RefusedError(
            f"this repair of {wish.step} may delete {found['deletes']} records or rows",
            f"{wish.deletes} deletes are confirmed; a half that is missing on the side that decides is deleted on the other",
            f"look at them first; if they are meant: --confirm {found['deletes']}; to leave them out: --only differing",
        )
    request = {
        "compare": found["compared_by_job"],
        "take": wish.take,
        "only": wish.only,
        "deletes": wish.deletes,
    }
    job = await office.jobs.open(JobKind.REPAIR, office.step(wish.step).name, request, operator)
    await office.inspection.audit(
        operator=operator, action="repair", request={"step": wish.step, **request}, outcome=f"job {job.id}"
    )
    return shown(job)


async def _order(office: Office, wish: Wish) -> tuple[Repair, Job]:
    step = office.step(wish.step)
    if wish.take not in TAKES:
        raise UsageError(
            f"--from {wish.take} is not known", "it says whose values both get", f"one of: {', '.join(TAKES)}"
        )
    if wish.only is not None and wish.only not in KINDS:
        raise UsageError(
            f"--only {wish.only} is not known", "it names a kind of difference", f"one of: {', '.join(KINDS)}"
        )
    if wish.take == "policy" and wish.only in _BY_WORD:
        raise UsageError(
            f"--only {wish.only} --from policy closes nothing",
            "the rules of the step have looked at these and left them as they are: only the word of a side closes them",
            f"add --from salesforce or --from postgres; or decide them one by one: isthmus conflict list --step {step.name}",
        )
    job = await _last_comparison(office, step)
    request = {"compare": job.id, "take": wish.take, "only": wish.only, "deletes": wish.deletes}
    return Repair.of(request), job


async def _last_comparison(office: Office, step: Step) -> Job:
    page = await office.jobs.list(step=step.name, kind=JobKind.COMPARE.value, limit=1)
    job = page.jobs[0] if page.jobs else None
    if job is None or job.state is not JobState.DONE:
        why = (
            "it was never compared"
            if job is None
            else f"its last comparison (job {job.id}) is {job.state.value}"
        )
        raise RefusedError(
            f"there is nothing to repair in step {step.name}", why, f"run: isthmus step compare {step.name}"
        )
    return job


def _deletes(order: Repair, meant: Mapping[str, int]) -> int:
    """At most so many deletes: halves that are missing on the deciding side. Under the step's rules that may be any of them."""
    if order.take is None:
        return sum(meant.get(kind, 0) for kind in _DELETES)
    missing = Kind.ONLY_POSTGRES if order.take.value == "salesforce" else Kind.ONLY_SALESFORCE
    return meant.get(missing.value, 0)
