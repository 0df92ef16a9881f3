"""`config`: is the file right, what does it come to, and how is one written."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from daemon.cli.faults import FOUND, ToldError
from daemon.cli.guide import help_with
from daemon.cli.invocation import Invocation

if TYPE_CHECKING:
    from daemon.cli.composition import Sides
    from daemon.operations.check import CheckReport
    from daemon.settings.models import Settings

_COLUMNS = ("level", "where", "path", "what", "fix")


def register(app: typer.Typer) -> None:
    """Add the commands."""
    config = typer.Typer(
        help=help_with(
            "The configuration.",
            "isthmus config check --offline -c isthmus.yaml",
            "isthmus config check",
            "isthmus config show -c base.yaml -c prod.yaml",
            "isthmus config schema -o isthmus.schema.json",
        ),
        short_help="The configuration.",
    )
    config.command("check", help="Is it right? First by itself, then on both sides. Status 78 if it is not.")(
        _check
    )
    config.command("show", help="What it comes to: files merged, defaults filled in, without secrets.")(_show)
    config.command("schema", help="Its JSON Schema, for editors.")(_schema)
    config.command("diff", help="What the files would change in the running daemon.")(_diff)
    config.command(
        "reload", help="Have the running daemon take up the files, without a restart. Role admin."
    )(_reload)
    app.add_typer(config, name="config")


def _check(
    context: typer.Context,
    offline: Annotated[bool, typer.Option("--offline", help="Look at the files alone.")] = False,
    strict: Annotated[bool, typer.Option("--strict", help="Warnings fail, with status 3.")] = False,
) -> int:
    invocation = Invocation.of(context)
    if offline:
        settings = invocation.settings()
        document = {"steps": [step.name for step in settings.steps], "findings": []}
        if invocation.flags.json:
            invocation.out.document(document)
        count = f"{len(settings.steps)} step{'' if len(settings.steps) == 1 else 's'}"
        invocation.out.words(f"{count}; the files are right. Both sides were not asked.")
        return 0

    from daemon.cli.commands.database import with_sides

    _all_secrets(invocation.settings())
    report = with_sides(invocation, _check_sides)
    rows = [
        {
            "level": each.level.value,
            "where": each.where,
            "path": each.path,
            "what": each.what,
            "fix": each.fix,
        }
        for each in report.findings
    ]
    invocation.out.rows(rows, _COLUMNS, document={"findings": rows})
    if report.passed():
        return 0 if report.passed(strict=strict) else FOUND
    problems = sum(row["level"] == "problem" for row in rows)
    raise ToldError(
        f"the configuration has {problems} problem{'' if problems == 1 else 's'}",
        "it does not fit both sides; each is in the list",
        "mend them, then run isthmus config check again",
        78,
    )


def _all_secrets(settings: "Settings") -> None:
    """Connecting would name the first secret that is missing; this names all of them. Raises SettingsError."""
    from daemon.settings.errors import SettingsError
    from daemon.settings.load import secret_problems

    if problems := secret_problems(settings):
        raise SettingsError(problems)


async def _check_sides(settings: "Settings", sides: "Sides") -> "CheckReport":
    from daemon.cli.resolving import configured
    from daemon.operations.check import check

    return await check(configured(settings), sides.catalogue, sides.database, sides.conversions)


def _show(
    context: typer.Context,
    step: Annotated[str | None, typer.Option("--step", metavar="STEP", help="Only this step.")] = None,
) -> int:
    invocation = Invocation.of(context)
    document: dict[str, Any] = invocation.settings().model_dump(mode="json", by_alias=True)
    if step is not None:
        document["steps"] = [each for each in document["steps"] if each["name"] == step]
    invocation.out.document(document)
    return 0


def _diff(context: typer.Context) -> int:
    invocation = Invocation.of(context)
    invocation.out.document(invocation.client().get("/config:diff"))
    return 0


def _reload(context: typer.Context) -> int:
    invocation = Invocation.of(context)
    invocation.out.document(invocation.client().call("POST", "/config:reload"))
    return 0


def _schema(
    context: typer.Context,
    file: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="FILE", help="Write it here.")
    ] = None,
) -> int:
    import json

    from daemon.settings.schema import json_schema

    text = json.dumps(json_schema(), indent=2, ensure_ascii=False) + "\n"
    invocation = Invocation.of(context)
    if file is None:
        invocation.out.text(text)
        return 0
    try:
        file.write_text(text, "utf-8")
    except OSError as error:
        why = error.strerror or str(error)
        raise ToldError(f"{file} cannot be written", why, "name another file with -o", 5) from None
    invocation.out.words(f"written; first line of a configuration: # yaml-language-server: $schema={file}")
    return 0
