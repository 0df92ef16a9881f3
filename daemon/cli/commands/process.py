"""`run`, `demo` and `emulator`: the commands that stay."""

from pathlib import Path
from typing import Annotated

import typer

from daemon.cli.flags import seconds
from daemon.cli.guide import help_with
from daemon.cli.invocation import Invocation


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command(
        "run",
        short_help="The daemon.",
        help=help_with(
            "Run the daemon until it is asked to stop.",
            "isthmus run -c /etc/isthmus/isthmus.yaml",
            "isthmus run --migrate          bring the schema up to date first",
            "isthmus run --once             do what is waiting, then leave",
        ),
    )(_run)
    app.command(
        "demo",
        short_help="Everything on this machine, to see it work.",
        help=help_with(
            "Start PostgreSQL, an emulated Salesforce org and the daemon between them, and show changes arrive.",
            "isthmus demo",
            "isthmus demo --check           play a scenario, verify both sides, leave with 0 or 1",
            "isthmus demo --keep ./demo     keep the data and the configuration to look at",
        ),
    )(_demo)
    app.command(
        "emulator",
        short_help="A Salesforce org on this machine.",
        help=help_with(
            "Run the emulator of a Salesforce org alone.",
            "isthmus emulator --port 8080",
            "isthmus emulator --port 0 --json      one line with the address and credentials, once it serves",
        ),
    )(_emulator)


def _run(
    context: typer.Context,
    migrate: Annotated[bool, typer.Option("--migrate", help="Apply missing migrations first.")] = False,
    once: Annotated[bool, typer.Option("--once", help="Do what is waiting, then leave.")] = False,
) -> int:
    invocation = Invocation.of(context)
    settings = invocation.settings()

    from daemon.cli.composition import composition
    from daemon.runtime.runner import run

    return run(
        lambda: composition().run_daemon(settings, migrate=migrate, once=once), debug=invocation.flags.debug
    )


def _demo(
    context: typer.Context,
    check: Annotated[bool, typer.Option("--check", help="Play a scenario and verify it.")] = False,
    database: Annotated[
        str | None, typer.Option("--database", metavar="URL", help="Use this PostgreSQL, not one of its own.")
    ] = None,
    keep: Annotated[
        Path | None, typer.Option("--keep", metavar="DIR", help="Keep everything in this folder.")
    ] = None,
) -> int:
    from daemon.cli.composition import composition
    from daemon.runtime.runner import run

    debug = Invocation.of(context).flags.debug
    return run(lambda: composition().run_demo(check=check, database=database, keep=keep), debug=debug)


def _emulator(
    context: typer.Context,
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="Port; 0 picks a free one.")] = 8080,
    seed: Annotated[
        Path | None,
        typer.Option("--seed", metavar="FILE", exists=True, dir_okay=False, help="Records to start with."),
    ] = None,
    hold: Annotated[
        str, typer.Option("--hold", metavar="DURATION", help="Stop by itself after this time; 0 means never.")
    ] = "0",
) -> int:
    invocation = Invocation.of(context)
    limit = seconds(hold)

    from daemon.cli.composition import composition
    from daemon.runtime.runner import run

    return run(
        lambda: composition().run_emulator(port=port, seed=seed, as_json=invocation.flags.json, hold=limit),
        debug=invocation.flags.debug,
    )
