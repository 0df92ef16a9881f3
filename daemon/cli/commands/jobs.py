"""`job`: long works, such as a load or a compare."""

from typing import Annotated

import typer

from daemon.cli.guide import help_with
from daemon.cli.invocation import Invocation
from daemon.cli.lists import Limit, show_list
from daemon.cli.watching import ENDED, watch

_COLUMNS = (
    "id",
    "kind",
    "step",
    "state",
    "processed",
    "expected",
    "rate",
    "seconds_left",
    "operator",
    "asked_at",
)

_Number = Annotated[int, typer.Argument(metavar="NUMBER", help="From job list.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    job = typer.Typer(
        help=help_with(
            "Long works: loads, compares, repairs. They run in the daemon, one at a time, and go on when it is restarted.",
            "isthmus job list --state running",
            "isthmus job show 7 --watch",
            "isthmus job cancel 7",
        ),
        short_help="Loads, compares and repairs under way.",
    )
    job.command("list", help="Jobs, newest first.")(_list)
    job.command("show", help="One job: its order, its progress, its result.")(_show)
    job.command("cancel", help="End a job. What it has done already stays.")(_cancel)
    app.add_typer(job, name="job")


def _list(
    context: typer.Context,
    step: Annotated[str | None, typer.Option("--step", metavar="STEP", help="Only this step.")] = None,
    kind: Annotated[
        str | None, typer.Option("--kind", metavar="KIND", help="first_load, sweep, load, compare or repair.")
    ] = None,
    state: Annotated[
        str | None,
        typer.Option("--state", metavar="STATE", help="queued, running, done, failed or cancelled."),
    ] = None,
    limit: Limit = 100,
) -> int:
    return show_list(context, "/jobs", _COLUMNS, limit, step=step, kind=kind, state=state)


def _show(
    context: typer.Context,
    number: _Number,
    follow: Annotated[bool, typer.Option("--watch", help="Until it ends.")] = False,
) -> int:
    invocation = Invocation.of(context)
    job = invocation.client().get(f"/jobs/{number}")
    invocation.out.document(watch(invocation, job) if follow else job)
    return 0


def _cancel(context: typer.Context, number: _Number) -> int:
    invocation = Invocation.of(context)
    client = invocation.client()
    job = client.get(f"/jobs/{number}")
    if job["state"] in ENDED:
        client.call(
            "POST", f"/jobs/{number}:cancel"
        )  # is refused, and says why: there is nothing to ask about
    invocation.confirm(
        f"This ends job {number} ({job['kind']} of {job['step']}, {job['processed']} of {job['expected']} records). "
        "What it has done stays."
    )
    invocation.out.document(client.call("POST", f"/jobs/{number}:cancel"))
    return 0
