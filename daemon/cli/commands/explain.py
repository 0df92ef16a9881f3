"""`explain`: what a code means, why it happens and what to do. Asks nobody: neither a daemon nor a configuration is needed."""

import textwrap
from typing import TYPE_CHECKING, Annotated

import typer

from daemon.cli.guide import help_with
from daemon.cli.invocation import Invocation

if TYPE_CHECKING:
    from daemon.operations.explaining import Explained

_COLUMNS = ("code", "speaker", "kind", "transient", "meaning")
_WIDTH = 100


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        "explain",
        help=help_with(
            "What a code of Salesforce, of PostgreSQL or of Isthmus means, and what to do. Alone it lists all.",
            "isthmus explain UNABLE_TO_LOCK_ROW",
            "isthmus explain 23505",
            "isthmus explain --json",
        ),
        short_help="What an error code means, and what to do.",
    )(_explain)


def _explain(
    context: typer.Context,
    code: Annotated[str | None, typer.Argument(metavar="[CODE]", help="A code, in capitals or not.")] = None,
) -> int:
    from daemon.compose.codes import CATALOGUE
    from daemon.operations.explaining import entries, explain

    invocation = Invocation.of(context)
    if code is None:
        shown = [entry.shown() for entry in entries(CATALOGUE)]
        rows = [{name: row[name] for name in _COLUMNS} for row in shown]
        invocation.out.rows(rows, _COLUMNS, document={"items": shown})
        return 0
    found = explain(CATALOGUE, code)
    if invocation.flags.json:
        invocation.out.document({"asked": code, "items": [entry.shown() for entry in found]})
    else:
        invocation.out.text("\n".join(_told(entry) for entry in found))
    return 0


def _told(entry: "Explained") -> str:
    """One code for a person to read."""
    shown = entry.shown()
    lines = [
        f"{entry.code}   {entry.speaker}, {shown['kind']}",
        f"{shown['meaning'][:1].upper()}{shown['meaning'][1:]}.",
    ]
    for label, text in (
        ("why:", shown["cause"]),
        ("do:", shown["advice"]),
        ("names:", shown["names"]),
        ("then:", shown["then"]),
        ("page:", shown["page"]),
    ):
        if text:
            lines += textwrap.wrap(
                text, _WIDTH, initial_indent=f"{label:<7}", subsequent_indent=" " * 7, break_long_words=False
            )
    return "\n".join(lines) + "\n"
