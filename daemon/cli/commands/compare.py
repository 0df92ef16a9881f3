"""`step compare`, `step repair` and `step allow-delete`."""

import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer

from daemon.cli.client import segment
from daemon.cli.faults import FOUND, PARTLY
from daemon.cli.flags import seconds
from daemon.cli.invocation import Invocation
from daemon.cli.watching import watch
from daemon.domain.failure import UsageError
from daemon.domain.permit import LONGEST

_SHARE = re.compile(r"(\d+(?:\.\d+)?)(%?)")
_COLUMNS = ("kind", "why", "code", "key", "sf_id", "field", "base", "salesforce", "postgres")

_Step = Annotated[str, typer.Argument(metavar="STEP")]


def add_to(step: typer.Typer) -> None:
    """Put the commands on the group `step`."""
    step.command("compare", help="Hold both sides against each other; status 3 if something differs.")(
        _compare
    )
    step.command("repair", help="Close what the last comparison found.")(_repair)
    step.command("guard", help="What the delete guard holds, and whether deletes may pass.")(_guard)
    step.command("allow-delete", help="Let deletes that are meant pass the delete guard.")(_allow)


def _compare(
    context: typer.Context,
    step: _Step,
    where: Annotated[
        list[str] | None,
        typer.Option("--where", metavar="K=V", help="Only pairs with this value in a column or field."),
    ] = None,
    sample: Annotated[
        str, typer.Option("--sample", metavar="SHARE", help="Only a part of the pairs, such as 1%.")
    ] = "100%",
    show: Annotated[
        int, typer.Option("--show", min=0, max=500, metavar="N", help="The first N differences, with values.")
    ] = 0,
) -> int:
    invocation = Invocation.of(context)
    body = {"where": dict(map(_named, where or ())), "share": share(sample), "show": show}
    job = invocation.client().call("POST", f"/steps/{segment(step)}/compare", body=body)
    job = watch(invocation, job)
    result = job["result"]
    found = sum(result["differences"].values())
    if result["shown"] and not invocation.out.json:
        invocation.out.rows(list(_lines(result["shown"])), _COLUMNS)
    else:
        invocation.out.document(job)
    invocation.out.words(_summary(result))
    if found:
        invocation.out.words(f"close them with: isthmus step repair {step} --from policy")
    return FOUND if found else 0


def _summary(result: Mapping[str, Any]) -> str:
    found = ", ".join(f"{number:,} {kind}" for kind, number in sorted(result["differences"].items()))
    explained = ", ".join(f"{number:,} {why}" for why, number in sorted(result["explained"].items()))
    part = "" if result["whole"] else " of a part of the step"
    nothing = "no difference but what is explained" if explained else "no difference"
    not_listed = f"; {result['not_listed']:,} are counted and not listed" if result["not_listed"] else ""
    return (
        f"{result['compared']:,} pairs compared{part}: {found or nothing}"
        f"{f'; explained: {explained}' if explained else ''}{not_listed}; "
        f"{result['in_salesforce']:,} records in Salesforce, {result['in_postgres']:,} rows in PostgreSQL"
    )


def _lines(shown: Sequence[Mapping[str, Any]]) -> Sequence[dict[str, Any]]:
    """One line for each field that differs, or for the record where a half is missing."""
    return [
        {**{name: item.get(name) for name in ("kind", "why", "code", "key", "sf_id")}, **field}
        for item in shown
        for field in item.get("fields") or [{}]
    ]


def _repair(
    context: typer.Context,
    step: _Step,
    take: Annotated[
        str,
        typer.Option(
            "--from",
            metavar="SIDE",
            help="Whose values both get: salesforce, postgres; policy: the step's rules.",
        ),
    ],
    only: Annotated[
        str | None, typer.Option("--only", metavar="KIND", help="Only this kind of difference.")
    ] = None,
    confirm: Annotated[
        int, typer.Option("--confirm", min=0, metavar="N", help="Up to N records or rows may be deleted.")
    ] = 0,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be closed, and do nothing.")
    ] = False,
) -> int:
    invocation = Invocation.of(context)
    client, path = invocation.client(), f"/steps/{segment(step)}/repair"
    body = {"from": take, "only": only, "confirm": confirm}
    found = client.call("POST", f"{path}:preview", body=body)
    if dry_run or not found["records"]:
        invocation.out.document(found)
        if not found["records"]:
            invocation.out.words(
                f"nothing to close: the comparison of {found['compared_at']} found no such difference"
            )
        return 0
    kinds = ", ".join(f"{number:,} {kind}" for kind, number in sorted(found["differences"].items()))
    invocation.confirm(
        f"This closes {found['records']:,} differences of step {step} ({kinds}), found at {found['compared_at']}: "
        f"{_word(take)}. Up to {min(found['deletes'], confirm):,} records or rows are deleted."
    )
    job = watch(invocation, client.call("POST", path, body=body))
    invocation.out.document(job)
    return PARTLY if job["result"]["left"] else 0


def _word(take: str) -> str:
    return "the rules of the step decide" if take == "policy" else f"both sides get what {take} holds"


def _guard(context: typer.Context, step: _Step) -> int:
    invocation = Invocation.of(context)
    invocation.out.document(invocation.client().get(f"/steps/{segment(step)}/guard"))
    return 0


def _allow(
    context: typer.Context,
    step: _Step,
    count: Annotated[int, typer.Option("--count", min=1, metavar="N", help="At most so many deletes.")],
    lasting: Annotated[str, typer.Option("--for", metavar="DURATION", help="Within this time.")] = "1h",
) -> int:
    within = seconds(lasting)
    if not 0 < within <= LONGEST.total_seconds():
        raise UsageError(f"--for {lasting} is too long", f"it is up to {LONGEST.days} days", "write --for 1h")
    invocation = Invocation.of(context)
    client, path = invocation.client(), f"/steps/{segment(step)}"
    guard = client.get(f"{path}/guard")
    held = "the whole table was emptied" if guard["truncated"] else f"{guard['held']:,} deletes are held"
    invocation.confirm(f"This lets up to {count:,} deletes of step {step} pass within {lasting}; {held}.")
    body = {"count": count, "seconds": within}
    invocation.out.document(client.call("POST", f"{path}/allow-delete", body=body))
    return 0


def share(text: str) -> float:
    """A share such as 1% or 0.01, above 0 and at most 1. Raises UsageError."""
    found = _SHARE.fullmatch(text.strip())
    value = float(found[1]) / (100 if found[2] else 1) if found is not None else 0.0
    if not 0 < value <= 1:
        raise UsageError(f"{text!r} is no share", "it is above 0 and at most all", "write it as 1%")
    return value


def _named(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise UsageError(
            f"--where {text} is not understood",
            "it names a column or field and its value",
            "write --where key=17",
        )
    return name, value
