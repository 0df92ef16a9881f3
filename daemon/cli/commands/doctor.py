"""`doctor`: is everything in place, and if not, what mends it."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from daemon.cli.faults import FOUND
from daemon.cli.guide import help_with
from daemon.cli.invocation import Invocation
from daemon.cli.output import printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from daemon.cli.composition import Sides
    from daemon.operations.doctor import DoctorReport, Outcome
    from daemon.settings.models import Settings

_STYLES = {"ok": "green", "warn": "yellow", "FAIL": "bold red", "skip": "dim"}
_Globs = list[str] | None


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        "doctor",
        short_help="What is wrong, and the fix.",
        help=help_with(
            "Check that everything a run needs is in place. Writes nothing; status 3 if a check fails.",
            "isthmus doctor",
            "isthmus doctor --only 'postgres*'",
            "isthmus doctor --skip stream --json",
        ),
    )(_doctor)


def _doctor(
    context: typer.Context,
    only: Annotated[
        _Globs, typer.Option("--only", metavar="GLOB", help="Only these checks; repeatable.")
    ] = None,
    skip: Annotated[_Globs, typer.Option("--skip", metavar="GLOB", help="Without these; repeatable.")] = None,
) -> int:
    invocation = Invocation.of(context)

    from daemon.cli.commands.database import with_sides

    live = _Live(invocation)

    async def examine_sides(settings: "Settings", sides: "Sides") -> "DoctorReport":
        from daemon.cli.resolving import configured
        from daemon.operations.doctor import Patient, examine
        from daemon.runtime.clock import SystemClock

        patient = Patient(
            configured(settings),
            sides.catalogue,
            sides.database,
            SystemClock(),
            sides.records,
            sides.source(),
            sides.rights,
            sides.record_identifiers,
            sides.row_identifiers,
            sides.instance,
            sides.conversions,
        )
        return await examine(patient, only=only or (), skip=skip or (), tell=live.tell)

    report = with_sides(invocation, examine_sides)
    if not live.shown:
        rows = [{**asdict(outcome), "state": outcome.state.value} for outcome in report.outcomes]
        invocation.out.rows(rows, ("state", "name", "found", "fix"), document={"checks": rows})
    invocation.out.words(_summary(report.outcomes))
    return 0 if report.healthy else FOUND


class _Live:
    """On a terminal each outcome is shown as soon as it is known: some checks take seconds."""

    def __init__(self, invocation: Invocation) -> None:
        import sys

        self.shown = sys.stdout.isatty() and not invocation.flags.json
        self._color = invocation.out.color

    def tell(self, outcome: "Outcome") -> None:
        """Show one outcome, with its fix under it."""
        if not self.shown:
            return
        from rich.console import Console
        from rich.text import Text

        state = outcome.state.value
        line = Text.assemble(
            (f"  {state:<4}", _STYLES[state]), f"  {outcome.name:<24}", printable(outcome.found)
        )
        if outcome.fix:
            line.append(f"\n        fix: {printable(outcome.fix)}")
        Console(color_system="auto" if self._color else None, highlight=False, soft_wrap=True).print(line)


def _summary(outcomes: "Sequence[Outcome]") -> str:
    states = [outcome.state.value for outcome in outcomes]
    words = (("ok", "ok"), ("warn", "to look at"), ("FAIL", "failed"), ("skip", "skipped"))
    return (
        ", ".join(f"{states.count(state)} {word}" for state, word in words if state in states)
        or "no check was run"
    )
