"""`status`: one screen that says where each step stands."""

import sys
import time
from collections.abc import Mapping
from typing import Annotated, Any

import typer

from daemon.cli.faults import FOUND
from daemon.cli.flags import seconds
from daemon.cli.guide import help_with
from daemon.cli.invocation import Invocation
from daemon.cli.output import as_json, plain
from daemon.domain.failure import UsageError

_COLUMNS = (
    "name", "direction", "state", "links", "pending", "lag_seconds", "held", "parked", "conflicts_open", "gaps_open", "loaded",
    "to_load",
)  # fmt: skip
_STAGES = {
    "slowed": "work is slowed, loads give way",
    "essentials": "updates and loads wait; deletes, writes in doubt and what the stream tells go on",
    "no_writes": "nothing is written to Salesforce; what the stream tells goes on",
    "closed": "no calls are made; what the stream tells is stored, and settled as far as it needs none",
}
_INTERVAL = 2.0
_CLEAR = "\x1b[H\x1b[J"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        "status",
        short_help="Where each step stands.",
        help=help_with(
            "Where each step stands, on one screen.",
            "isthmus status",
            "isthmus status --watch",
            "isthmus status -q --fail-on lag=5m,parked=100     for a monitor: says nothing, leaves with 0 or 3",
        ),
    )(_status)


def _status(
    context: typer.Context,
    watch: Annotated[bool, typer.Option("--watch", help="Again every two seconds, until Ctrl-C.")] = False,
    fail_on: Annotated[
        str | None,
        typer.Option("--fail-on", metavar="LIMITS", help="Status 3 above these, such as lag=5m,parked=100."),
    ] = None,
) -> int:
    invocation = Invocation.of(context)
    limits = parse_limits(fail_on)
    client = invocation.client()
    while True:
        status = client.get("/status")
        over = exceeded(status, limits)
        if not invocation.flags.quiet:
            _show(invocation, status, watch=watch)
            for line in over:
                invocation.out.words(line)
        if not watch:
            return FOUND if over else 0
        time.sleep(_INTERVAL)


def _show(invocation: Invocation, status: Mapping[str, Any], *, watch: bool) -> None:
    if invocation.flags.json:
        sys.stdout.write(as_json(status) + "\n")
        sys.stdout.flush()
        return
    if watch and sys.stdout.isatty():
        sys.stdout.write(_CLEAR)
    invocation.out.words("   ".join(headline(status)))
    steps = _steps(status)
    if sys.stdout.isatty():  # one screen: what does not fit is in --json
        steps = [{key: step[key] for key in _COLUMNS if key in step} for step in steps]
    invocation.out.rows(steps, _COLUMNS)
    for line in (
        *budget_lines(status),
        *load_lines(status),
        *gap_lines(status),
        *drift_lines(status),
        *notice_lines(status),
        *removed_lines(status),
    ):
        invocation.out.words(line)
    if not watch and any(_number(step.get("parked")) for step in _steps(status)):
        invocation.out.words("Next: isthmus parked list --group-by code")
    sys.stdout.flush()


def _steps(status: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The steps, whether they are a list or come by name."""
    steps = status.get("steps", [])
    if isinstance(steps, Mapping):
        return [{"name": name, **step} for name, step in steps.items()]
    return list(steps)


def headline(status: Mapping[str, Any]) -> list[str]:
    """The process in a few words: its name, who leads, which parts work, and how much of the allowance is used."""
    leader = status.get("leader")
    words = [plain(status.get("name"))]
    if profile := status.get("profile"):
        words.append(f"profile {plain(profile)}")
    words.append(f"leader {plain(leader.get('holder'))}" if isinstance(leader, Mapping) else "not leading")
    for part, state in (status.get("components") or {}).items():
        up, reason = state.get("up"), plain(state.get("reason"))
        words.append(f"{part} ok" if up else f"{part} {'not tried yet' if up is None else f'DOWN: {reason}'}")
    if calls := status.get("api_calls"):
        words.append(f"API calls {calls.get('used')} of {calls.get('limit')}")
    return words


def load_lines(status: Mapping[str, Any]) -> list[str]:
    """A line for each first load that is under way: how far it is, how fast it goes, and how long it still takes at that."""
    return [
        f"first load of {step.get('name')}: {step.get('loaded')} of {step.get('to_load')}, "
        f"{rate:,.0f} a second, about {_number(step.get('load_seconds_left')):,.0f} s left"
        for step in _steps(status)
        if (rate := _number(step.get("load_rate")))
    ]


def budget_lines(status: Mapping[str, Any]) -> list[str]:
    """How much of our share of the API calls is used; and what that holds back, until when."""
    budget = status.get("api_budget")
    if not isinstance(budget, Mapping):
        return []
    used, calls, stage = budget.get("used"), budget.get("calls"), plain(budget.get("stage"))
    line = f"API budget: {_number(used):,.0f} of {_number(calls):,.0f} calls in 24 hours"
    said = _STAGES.get(stage)
    lines = [f"{line}: {said}" if said else line]
    if reason := budget.get("reason"):
        lines.append(f"  {plain(reason)}")
    return lines


def drift_lines(status: Mapping[str, Any]) -> list[str]:
    """A line for each mapping that is held: what changed in either side's schema, and what gives it back."""
    return [
        f"{step.get('name')}: {held.get('what')}; "
        f"{plain(held.get('field')) or 'the whole step'} is held: {held.get('fix')}"
        for step in _steps(status)
        for held in step.get("schema_drift") or ()
    ]


def notice_lines(status: Mapping[str, Any]) -> list[str]:
    """A line for each step whose rows somebody else owns: where work on them belongs."""
    return [
        f"{step.get('name')}: {plain(step.get('notice'))}" for step in _steps(status) if step.get("notice")
    ]


def gap_lines(status: Mapping[str, Any]) -> list[str]:
    """A line for each gap that is open: what may have been missed, and how far it is made good."""
    return [
        f"gap of {gap.get('step')}: {gap.get('cause')}, since {plain(gap.get('since')) or 'ever'}, "
        f"{gap.get('state')}, {gap.get('remaining')} records to settle"
        for gap in status.get("gaps") or ()
    ]


def removed_lines(status: Mapping[str, Any]) -> list[str]:
    """A line for each step that is not in the configuration any more, of which something is left."""
    return [
        f"{left.get('name')}: {plain(left.get('what'))}"
        + (f": {plain(left.get('fix'))}" if left.get("captures") else "")
        for left in status.get("removed_steps") or ()
    ]


def parse_limits(text: str | None) -> dict[str, float]:
    """`lag=5m,parked=100` as numbers; a lag is in seconds. Raises UsageError."""
    limits: dict[str, float] = {}
    for part in filter(None, (text or "").split(",")):
        name, found, value = part.partition("=")
        if not found:
            raise UsageError(
                f"--fail-on {part} is not understood", "it has no limit", "write it as lag=5m or parked=100"
            )
        limits[name.strip()] = seconds(value)
    return limits


def exceeded(status: Mapping[str, Any], limits: Mapping[str, float]) -> list[str]:
    """What is above its limit, a line each. Raises UsageError for a limit of something that no step has."""
    lines = []
    for name, limit in limits.items():
        known = False
        for step in _steps(status):
            key = next((key for key in (name, f"{name}_seconds", f"{name}_open") if key in step), None)
            known = known or key is not None
            value = _number(step.get(key)) if key is not None else 0.0
            if value > limit:
                lines.append(
                    f"{step.get('name', step.get('step'))}: {name} is {value:g}, the limit is {limit:g}"
                )
        if not known and _steps(status):
            numbers = sorted({key for step in _steps(status) for key in step})
            raise UsageError(
                f"no step has {name}", "--fail-on takes what a step shows", f"one of: {', '.join(numbers)}"
            )
    return lines


def _number(value: Any) -> float:
    """A number; of several, such as one for each direction, the sum for counts. Nothing is 0."""
    match value:
        case bool() | None | str():
            return 0.0
        case int() | float():
            return float(value)
        case Mapping():
            return sum(_number(item) for item in value.values())
        case _:
            return 0.0
