"""`step`: what an operator does with one step as a whole. Each family of commands stands in a module of its own and is put on the group here."""

import typer

from daemon.cli.commands import compare, loads
from daemon.cli.guide import help_with


def register(app: typer.Typer) -> None:
    """Add the commands."""
    step = typer.Typer(
        help=help_with(
            "One step as a whole: load it, compare both sides, repair, let deletes pass.",
            "isthmus step load people --limit 10",
            "isthmus step compare people --show 20",
            "isthmus step repair people --from policy",
            "isthmus step allow-delete people --count 300 --for 1h",
        ),
        short_help="Compare, repair, load one step.",
    )
    loads.add_to(step)
    compare.add_to(step)
    app.add_typer(step, name="step")
