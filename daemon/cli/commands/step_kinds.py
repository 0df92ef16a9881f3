"""`step kinds`: which steps there can be."""

import typer

from daemon.cli.invocation import Invocation

_COLUMNS = ("object", "table", "direction", "behaviours")


def add_to(step: typer.Typer) -> None:
    """Put the command on the group `step`."""
    step.command(
        "kinds", help="Which kinds of steps there are: object, table or view, direction, behaviours."
    )(_kinds)


def _kinds(context: typer.Context) -> int:
    from daemon.domain.step_kinds import step_kinds

    rows = [
        {
            "object": kind.object,
            "table": kind.table.value,
            "direction": kind.direction.value,
            "behaviours": ", ".join(kind.behaviours),
        }
        for kind in step_kinds()
    ]
    Invocation.of(context).out.rows(rows, _COLUMNS)
    return 0
