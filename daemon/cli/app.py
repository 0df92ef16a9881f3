"""The command `isthmus`: its tree, its global flags, and the one place where errors become exit statuses."""

import gc
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from daemon import __version__
from daemon.cli.commands import (
    actions,
    campaign,
    config,
    connect,
    database,
    doctor,
    explain,
    init,
    jobs,
    leader,
    link,
    parked,
    process,
    records,
    status,
    step,
)
from daemon.cli.faults import INTERRUPTED, USAGE, tell
from daemon.cli.flags import Flags, hoist, seconds
from daemon.cli.guide import ABOUT, help_with
from daemon.cli.invocation import Invocation
from daemon.cli.output import Output
from daemon.domain.failure import UsageError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and give back its exit status."""
    if arguments is None:
        gc.disable()  # a quarter of the time of a short command; what stays running enables it again
    ordered = hoist(sys.argv[1:] if arguments is None else arguments)
    as_json, debug = "--json" in ordered, "--debug" in ordered
    try:
        result = typer.main.get_command(_tree()).main(
            args=ordered, prog_name="isthmus", standalone_mode=False
        )
        sys.stdout.flush()
    except (KeyboardInterrupt, typer.Abort):
        return INTERRUPTED
    except (BrokenPipeError, SystemExit):
        # Whoever read our output has enough of it; SystemExit is how the parser says so.
        # Python would complain once more when it closes the stream.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 0
    except typer.TyperException as error:
        return tell(_usage(error), as_json=as_json, debug=debug)
    except Exception as error:  # noqa: BLE001 - the outer edge of the process: told, and its status given back
        return tell(error, as_json=as_json, debug=debug)
    return result if isinstance(result, int) else 0


def _tree() -> typer.Typer:
    app = typer.Typer(
        add_completion=False,
        rich_markup_mode=None,  # rich would double the time that help takes
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
        help=help_with(
            "Keeps a Salesforce org and a PostgreSQL database in step, both ways.",
            "isthmus demo",
            "isthmus run -c /etc/isthmus/isthmus.yaml",
            "isthmus status --watch",
        ),
        epilog="Global options may stand before or after the command. Statuses: 0 done, 1 defect, 2 usage, 3 found"
        " something, 4 not found, 5 refused, 6 in part, 69 unreachable, 75 try later, 77 access, 78 configuration.",
    )
    app.callback(invoke_without_command=True)(_root)
    for module in (
        process,
        status,
        leader,
        doctor,
        connect,
        config,
        init,
        database,
        records,
        link,
        campaign,
        parked,
        step,
        explain,
        actions,
        jobs,
    ):
        module.register(app)
    return app


def _version(wanted: bool) -> None:
    if wanted:
        sys.stdout.write(f"isthmus {__version__}\n")
        raise typer.Exit


def _root(
    context: typer.Context,
    config_files: Annotated[
        list[Path] | None,
        typer.Option(
            "-c", "--config", metavar="FILE", help="Configuration; several are merged, left to right."
        ),
    ] = None,
    api: Annotated[str | None, typer.Option("--api", metavar="URL", help="The daemon's API.")] = None,
    token_file: Annotated[
        Path | None, typer.Option("--token-file", metavar="FILE", help="A file that holds the API token.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Standard output is one JSON document.")] = False,
    quiet: Annotated[
        bool, typer.Option("-q", "--quiet", help="No words on standard error but errors.")
    ] = False,
    verbose: Annotated[bool, typer.Option("-v", "--verbose", help="More words.")] = False,
    no_color: Annotated[bool, typer.Option("--no-color", help="No colour; so does NO_COLOR.")] = False,
    yes: Annotated[bool, typer.Option("-y", "--yes", help="Answer yes to every question.")] = False,
    no_input: Annotated[bool, typer.Option("--no-input", help="Never ask; refuse instead.")] = False,
    timeout: Annotated[
        str, typer.Option("--timeout", metavar="DURATION", help="For one call of the API.")
    ] = "30s",
    debug: Annotated[bool, typer.Option("--debug", help="Show stacks.")] = False,
    version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_version, help="Show the version and leave.")
    ] = False,
) -> None:
    color = not (no_color or os.environ.get("NO_COLOR"))
    context.obj = Invocation(
        Flags(
            config=tuple(config_files or ()),
            api=api,
            token_file=token_file,
            json=json,
            quiet=quiet,
            verbose=verbose,
            no_color=not color,
            yes=yes,
            no_input=no_input,
            timeout=seconds(timeout),
            debug=debug,
        ),
        Output(json=json, quiet=quiet, color=color),
    )
    if context.invoked_subcommand is None:
        sys.stdout.write(ABOUT)
        raise typer.Exit


def _usage(error: typer.TyperException) -> UsageError:
    """The parser's complaint in three lines."""
    context = getattr(error, "ctx", None)
    command = context.command_path if context is not None else "isthmus"
    message = error.format_message().rstrip(".")
    usage = (
        " ".join(context.get_usage().split()).removeprefix("Usage: ") if context is not None else "isthmus -h"
    )
    assert UsageError.exit_status == USAGE
    return UsageError(message[:1].lower() + message[1:], f"it is used as: {usage}", f"see {command} -h")
