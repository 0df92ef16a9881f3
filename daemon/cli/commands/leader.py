"""`leader`: which daemon leads, and how to have another one lead."""

import typer

from daemon.cli.guide import help_with
from daemon.cli.invocation import Invocation


def register(app: typer.Typer) -> None:
    """Add the commands."""
    leader = typer.Typer(
        help=help_with(
            "One daemon leads and writes; others stand by (isthmus run --standby).",
            "isthmus leader status",
            "isthmus leader step-down      before maintenance of the machine that leads",
        ),
        short_help="Which daemon leads.",
    )
    leader.command("status", help="Who holds the lease, under which epoch, since when.")(_status)
    leader.command("step-down", help="Have the leader finish its batch, give up the lease and leave.")(
        _step_down
    )
    app.add_typer(leader, name="leader")


def _status(context: typer.Context) -> int:
    invocation = Invocation.of(context)
    invocation.out.document(invocation.client().get("/leader"))
    return 0


def _step_down(context: typer.Context) -> int:
    invocation = Invocation.of(context)
    client = invocation.client()
    status = client.get("/leader")
    invocation.confirm(
        f"{status['holder']} stops leading and leaves; another daemon leads, or nothing is kept in step."
    )
    invocation.out.document(client.call("POST", "/leader:step-down"))
    return 0
