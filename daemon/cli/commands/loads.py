"""`step load`: a load that is ordered, watched, and shown record by record where it is small."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import typer

from daemon.cli.client import segment
from daemon.cli.faults import PARTLY
from daemon.cli.flags import seconds
from daemon.cli.invocation import Invocation
from daemon.cli.watching import watch
from daemon.domain.failure import UsageError

_RATE = re.compile(r"(\d+(?:\.\d+)?)(?:/(s|min|h))?")
_PER = {None: 1.0, "s": 1.0, "min": 60.0, "h": 3600.0}
_LISTED = ("key", "link", "outcome", "code")


def add_to(step: typer.Typer) -> None:
    """Put the command on the group `step`."""
    step.command("load", help="Load a step from Salesforce, in whole or in part, beside live changes.")(_load)


def _load(
    context: typer.Context,
    step: Annotated[str, typer.Argument(metavar="STEP")],
    where: Annotated[
        str | None, typer.Option("--where", metavar="CONDITION", help="Only what meets this SOQL condition.")
    ] = None,
    since: Annotated[
        str | None,
        typer.Option("--since", metavar="TIME", help="Only what changed since: 2026-03-01T00:00:00Z, or 2h."),
    ] = None,
    limit: Annotated[
        int | None, typer.Option("--limit", min=1, metavar="N", help="The first N, and what became of each.")
    ] = None,
    rate: Annotated[
        str | None, typer.Option("--rate", metavar="N/s", help="At most so many records a second.")
    ] = None,
    only_estimate: Annotated[
        bool, typer.Option("--estimate", help="Say what it would take, and do nothing.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Do it, show what came of it, and roll it back.")
    ] = False,
    detach: Annotated[bool, typer.Option("--detach", help="Do not wait for its end.")] = False,
) -> int:
    invocation = Invocation.of(context)
    client = invocation.client()
    body = {
        "where": where,
        "since": None if since is None else moment(since),
        "limit": limit,
        "rate": None if rate is None else per_second(rate),
        "dry_run": dry_run,
    }
    path = f"/steps/{segment(step)}/load"
    expected = client.call("POST", f"{path}:estimate", body=body)
    if only_estimate:
        invocation.out.document(expected)
        return 0
    invocation.confirm(_question(expected, dry_run=dry_run))
    job = client.call("POST", path, body=body)
    if detach:
        invocation.out.document(job)
        invocation.out.words(f"watch it with: isthmus job show {job['id']} --watch")
        return 0
    return _show(invocation, expected.get("instance_url"), watch(invocation, job))


def _show(invocation: Invocation, base: str | None, job: Mapping[str, Any]) -> int:
    """Write what came of a load, record by record where they were few; the exit status."""
    result = job["result"] or {}
    listed = result.get("listed") or []
    kept_back = _kept_back(result.get("outcomes") or {})
    status = PARTLY if kept_back else 0
    if invocation.out.json or not listed:
        invocation.out.document(job)
        _say_kept_back(invocation, job["step"], kept_back)
        return status
    invocation.out.rows(
        [
            {**item, "link": f"{base}/{item['sf_id']}" if base else item["sf_id"]}
            for item in map(_shown, listed)
        ],
        _LISTED,
    )
    outcomes = ", ".join(f"{count:,} {name}" for name, count in sorted(result["outcomes"].items()))
    kept = "; nothing was kept" if result["dry_run"] else ""
    more = f"; the first {len(listed)} are shown" if result["records"] > len(listed) else ""
    invocation.out.words(f"{result['records']:,} records: {outcomes or 'none'}{kept}{more}")
    _say_kept_back(invocation, job["step"], kept_back)
    return status


def _kept_back(outcomes: Mapping[str, int]) -> int:
    """How many records wait for a person."""
    return sum(outcomes.get(name, 0) for name in ("park", "conflict"))


def _say_kept_back(invocation: Invocation, step: str, records: int) -> None:
    if records:
        invocation.out.words(
            f"{records:,} of them wait for a person; see: isthmus parked list --step {step}, isthmus conflict list --step {step}"
        )


def _shown(item: Mapping[str, Any]) -> dict[str, Any]:
    return {name: item.get(name) for name in ("key", "sf_id", "outcome", "code")}


def _question(expected: Mapping[str, Any], *, dry_run: bool) -> str:
    share = expected["share_of_allowance"]
    calls = f"{expected['api_calls']:,} API calls"
    if share is not None:
        calls += f" ({share:.2%} of the day's allowance, {expected['allowance_left']:,} are left)"
    pace = "at the pace of the last load" if expected["rate_seen"] else "at a guess"
    what = "rehearses loading" if dry_run else "loads"
    return (
        f"This {what} {expected['records']:,} records of {expected['object']} into step {expected['step']}: "
        f"{calls}, about {expected['minutes']:g} min {pace}. Live changes go on meanwhile."
    )


def moment(text: str) -> str:
    """A time as the API takes it: an instant as it stands, or a duration before now. Raises UsageError."""
    try:
        given = datetime.fromisoformat(text)
    except ValueError:
        return (datetime.now(UTC) - timedelta(seconds=seconds(text))).isoformat(timespec="seconds")
    return (given if given.tzinfo is not None else given.astimezone()).isoformat()


def per_second(text: str) -> float:
    """A rate such as 50/s or 600/min; a bare number is per second. Raises UsageError."""
    found = _RATE.fullmatch(text.strip())
    if found is None or float(found[1]) <= 0:
        raise UsageError(f"{text!r} is no rate", "it is not a number of records per time", "write it as 50/s")
    return float(found[1]) / _PER[found[2]]
