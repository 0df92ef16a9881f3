"""`step`: what an operator does with one step as a whole. Each family of commands stands in a module of its own and is put on the group here."""

import typer

from daemon.cli.commands import (
    compare,
    expectations,
    filters,
    identifiers,
    loads,
    step_edit,
    step_fields,
    step_kinds,
)
from daemon.cli.guide import help_with


def register(app: typer.Typer) -> None:
    """Add the commands."""
    step = typer.Typer(
        help=help_with(
            "One step as a whole: load it, compare both sides, repair, let deletes pass.",
            "isthmus step add leads --object Lead --table crm.leads --direction pull --field Company=company",
            "isthmus step load people --limit 10",
            "isthmus step compare people --show 20",
            "isthmus step repair people --from policy",
            "isthmus step allow-delete people --count 300 --for 1h",
            "isthmus step filter load people with_email",
            "isthmus step expectations people",
            "isthmus step identifiers people --export without.csv",
        ),
        short_help="Add, change, compare, load one step.",
    )
    step_edit.add_to(step)
    step_fields.add_to(step)
    step_kinds.add_to(step)
    loads.add_to(step)
    compare.add_to(step)
    identifiers.add_to(step)
    filters.add_to(step)
    expectations.add_to(step)
    app.add_typer(step, name="step")
