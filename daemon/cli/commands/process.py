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
            "isthmus run --standby          wait while another daemon leads, and take over when it ends",
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
            "Run a Salesforce org on this machine: OAuth, REST, Bulk API 2.0 and change events, to test integrations with.",
            "isthmus emulator                                  on port 8080, until Ctrl-C",
            "isthmus emulator --port 0 --json                  one line with the address and credentials, once it serves",
            "isthmus emulator --seed org.yaml                  with objects, fields and records of your own",
            "isthmus emulator --switch person_accounts=true    an org that has person accounts",
            "isthmus emulator --keys ./keys --random-seed 7    the same credentials and ids in every run",
        ),
    )(_emulator)


def _run(
    context: typer.Context,
    migrate: Annotated[bool, typer.Option("--migrate", help="Apply missing migrations first.")] = False,
    once: Annotated[bool, typer.Option("--once", help="Do what is waiting, then leave.")] = False,
    standby: Annotated[
        bool, typer.Option("--standby", help="Wait while another daemon leads, and take over when it ends.")
    ] = False,
) -> int:
    invocation = Invocation.of(context)
    settings = invocation.settings()

    from daemon.cli.composition import composition
    from daemon.runtime.runner import run

    return run(
        lambda: composition().run_daemon(
            settings, migrate=migrate, once=once, standby=standby, reread=invocation.settings
        ),
        debug=invocation.flags.debug,
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
        typer.Option(
            "--seed",
            metavar="FILE",
            exists=True,
            dir_okay=False,
            help="Objects, fields, records and rules to start with.",
        ),
    ] = None,
    host: Annotated[str, typer.Option("--host", help="Address to listen on.")] = "127.0.0.1",
    switch: Annotated[
        list[str] | None,
        typer.Option(
            "--switch", metavar="NAME=VALUE", help="A behaviour of the org; may be given several times."
        ),
    ] = None,
    keys: Annotated[
        Path | None,
        typer.Option(
            "--keys", metavar="DIR", file_okay=False, help="Keep the app's private key in this folder."
        ),
    ] = None,
    random_seed: Annotated[
        int | None, typer.Option("--random-seed", metavar="N", help="The same ids and tokens in every run.")
    ] = None,
    poll: Annotated[
        str,
        typer.Option("--poll", metavar="DURATION", help="How long a connect waits for events; 0 means 110s."),
    ] = "0",
    hold: Annotated[
        str, typer.Option("--hold", metavar="DURATION", help="Stop by itself after this time; 0 means never.")
    ] = "0",
) -> int:
    invocation = Invocation.of(context)
    limit, poll_seconds = seconds(hold), seconds(poll)

    from daemon.cli.composition import composition
    from daemon.runtime.runner import run

    return run(
        lambda: composition().run_emulator(
            host=host,
            port=port,
            seed=seed,
            switches=switch or (),
            keys=keys,
            random_seed=random_seed,
            poll=poll_seconds,
            as_json=invocation.flags.json,
            hold=limit,
        ),
        debug=invocation.flags.debug,
    )
