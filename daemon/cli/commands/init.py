"""`init`: begin with the built-in profile, or take its steps over as your own."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from daemon.cli.configuration import find_files
from daemon.cli.faults import ToldError
from daemon.cli.guide import help_with
from daemon.cli.invocation import Invocation
from daemon.domain.failure import UsageError

if TYPE_CHECKING:
    from daemon.cli.composition import Sides
    from daemon.settings.models import Settings

_FILE = Path("isthmus.yaml")


def register(app: typer.Typer) -> None:
    """Add the command."""
    help_text = help_with(
        "Begin with the built-in profile, or take its steps over as your own.",
        "isthmus init --profile default",
        "isthmus init --profile default --create-tables -c isthmus.yaml",
        "isthmus init --from-default -o steps.yaml",
    )
    app.command("init", help=help_text, short_help="Begin with the built-in profile.")(_init)


def _init(
    context: typer.Context,
    profile: Annotated[
        str | None, typer.Option("--profile", metavar="default", help="Begin with the built-in profile.")
    ] = None,
    from_default: Annotated[
        bool, typer.Option("--from-default", help="Write the profile's steps as a file to edit.")
    ] = False,
    create_tables: Annotated[
        bool, typer.Option("--create-tables", help="Make the profile's tables, where they are not there.")
    ] = False,
    print_tables: Annotated[
        bool, typer.Option("--print-tables", help="Print the SQL of the profile's tables, for who owns them.")
    ] = False,
    file: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="FILE", help="The file that is written.")
    ] = None,
) -> int:
    from daemon.settings.profile import DEFAULT, custom_text, starting_text, tables_sql

    invocation = Invocation.of(context)
    if profile not in (None, DEFAULT) or (profile is None) != from_default:
        how = "isthmus init --profile default, or isthmus init --from-default"
        raise UsageError("one beginning is wanted", "the built-in profile is called default", f"write {how}")
    if print_tables:
        invocation.out.text(tables_sql())
        return 0
    if from_default:
        target = file or Path("steps.yaml")
        _write(target, custom_text())
        invocation.out.words(
            f"{target} written; run with it as the last file: isthmus run -c {_FILE} -c {target}"
        )
    elif not find_files(invocation.flags.config):
        target = file or _FILE
        _write(target, starting_text())
        invocation.out.words(
            f"{target} written; fill in the org and the database, then: isthmus config check"
        )
    if create_tables:
        _make_tables(invocation)
    return 0


def _make_tables(invocation: Invocation) -> None:
    from daemon.cli.commands.database import with_sides
    from daemon.settings.profile import table_statements

    async def make(_: "Settings", sides: "Sides") -> None:
        await sides.database.make_tables(table_statements())

    with_sides(invocation, make)
    invocation.out.words("the tables of the default profile are there")


def _write(file: Path, text: str) -> None:
    """Write a new file. Raises ToldError, and what is there stays as it is."""
    try:
        with file.open("x", encoding="utf-8") as opened:
            opened.write(text)
    except FileExistsError:
        raise ToldError(
            f"{file} was not written", "it is there already", "name another one with -o", 5
        ) from None
    except OSError as error:
        why = error.strerror or str(error)
        raise ToldError(f"{file} cannot be written", why, "name another file with -o", 5) from None
