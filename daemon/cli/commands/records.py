"""`record`, `conflict` and `log`: what became of one record, and why."""

import sys
from typing import Annotated

import typer

from daemon.cli.client import segment
from daemon.cli.explaining import show_explanation
from daemon.cli.guide import help_with
from daemon.cli.invocation import Invocation
from daemon.cli.lists import Limit, show_list

_CONFLICT = (
    "id",
    "step",
    "sf_id",
    "key",
    "field",
    "kind",
    "rule",
    "winner",
    "base",
    "salesforce",
    "postgres",
    "at",
)
_LOG = ("at", "step", "direction", "sf_id", "key", "operation", "outcome", "code")

_OfStep = Annotated[str, typer.Argument(metavar="STEP")]
_Key = Annotated[str, typer.Argument(metavar="KEY", help="The key of the row, or the Salesforce id.")]
_DryRun = Annotated[bool, typer.Option("--dry-run", help="Show what would be done, and write nothing.")]
_Number = Annotated[int, typer.Argument(metavar="NUMBER", help="The id of the entry, from conflict list.")]
_Step = Annotated[str | None, typer.Option("--step", metavar="STEP", help="Only this step.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    record = typer.Typer(
        help=help_with(
            "One record on both sides. KEY is the key of the row or the Salesforce id.",
            "isthmus record explain people 4711",
            "isthmus record show people 0035g00000XYZABAA4 --json",
            "isthmus record sync people 4711 --dry-run",
            "isthmus record push people 4711      makes its record, where the step waits to be asked",
        ),
        short_help="One record on both sides, and why it does or does not sync.",
    )
    record.command("explain", help="Why it does or does not sync: reads live, writes nothing.")(_explain)
    record.command("show", help="Both sides, the link, what waits, and what happened.")(_show)
    record.command("push", help="Send a row as it is, and make its record if it has none.")(_push)
    record.command("sync", help="Read both halves and settle what differs.")(_sync)
    app.add_typer(record, name="record")

    conflict = typer.Typer(
        help=help_with(
            "Both sides changed the same field: what each held, who won and why.",
            "isthmus conflict list --step people",
            "isthmus conflict show 17",
            "isthmus conflict resolve 17 --take salesforce      decides an open one, or gives the losing value back",
        ),
        short_help="Both sides changed the same field.",
    )
    conflict.command("list", help="The ledger, newest first: both values, the base, the rule, the winner.")(
        _conflicts
    )
    conflict.command("show", help="One entry of the ledger.")(_show_conflict)
    conflict.command(
        "resolve", help="Give both sides one side's value. Refused where the record has moved on since."
    )(_resolve)
    app.add_typer(conflict, name="conflict")

    log = typer.Typer(
        help=help_with("What happened.", "isthmus log list --step people --record 4711"),
        short_help="What happened.",
    )
    log.command("list", help="Decisions and their outcomes, newest first.")(_log)
    app.add_typer(log, name="log")


def _explain(context: typer.Context, step: _OfStep, key: _Key) -> int:
    invocation = Invocation.of(context)
    path = f"/records/{segment(step)}/{segment(key)}/explain"
    explained = invocation.client().call("POST", path)
    if sys.stdout.isatty() and not invocation.flags.json:
        show_explanation(invocation.out, explained)
    else:
        invocation.out.document(explained)
    return 0


def _show(context: typer.Context, step: _OfStep, key: _Key) -> int:
    invocation = Invocation.of(context)
    invocation.out.document(invocation.client().get(f"/records/{segment(step)}/{segment(key)}"))
    return 0


def _push(context: typer.Context, step: _OfStep, key: _Key, dry_run: _DryRun = False) -> int:
    return _request(Invocation.of(context), "push", step, key, dry_run=dry_run)


def _sync(context: typer.Context, step: _OfStep, key: _Key, dry_run: _DryRun = False) -> int:
    return _request(Invocation.of(context), "sync", step, key, dry_run=dry_run)


def _request(invocation: Invocation, act: str, step: str, key: str, *, dry_run: bool) -> int:
    """Show what would be done; unless that is all, ask and have it done."""
    client = invocation.client()
    path = f"/records/{segment(step)}/{segment(key)}"
    explained = client.call("POST", f"{path}/explain", query={"asked": "true"})
    if dry_run:
        invocation.out.document(explained)
        return 0
    invocation.confirm(f"{step} {key}: {explained['summary']}")
    invocation.out.document(client.call("POST", f"{path}/{act}"))
    invocation.out.words(f"what became of it: isthmus record show {step} {key}")
    return 0


def _conflicts(context: typer.Context, step: _Step = None, limit: Limit = 100) -> int:
    return show_list(context, "/conflicts", _CONFLICT, limit, step=step)


def _show_conflict(context: typer.Context, number: _Number) -> int:
    invocation = Invocation.of(context)
    invocation.out.document(invocation.client().get(f"/conflicts/{number}"))
    return 0


def _resolve(
    context: typer.Context,
    number: _Number,
    take: Annotated[str, typer.Option("--take", metavar="SIDE", help="salesforce or postgres.")],
) -> int:
    invocation = Invocation.of(context)
    client = invocation.client()
    entry = client.get(f"/conflicts/{number}")
    field, record = entry["field"], entry["key"]
    invocation.confirm(f"{field} of {entry['step']} {record} gets the value of {take}, on both sides.")
    invocation.out.document(client.call("POST", f"/conflicts/{number}/resolve", body={"take": take}))
    return 0


def _log(
    context: typer.Context,
    step: _Step = None,
    record: Annotated[
        str | None, typer.Option("--record", metavar="KEY", help="The key of a row, or a Salesforce id.")
    ] = None,
    limit: Limit = 100,
) -> int:
    return show_list(context, "/log", _LOG, limit, step=step, record=record)
