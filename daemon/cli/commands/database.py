"""`migrate`, `database` and `capture`: our schema, whose it is, and the triggers on the user's tables."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from daemon.cli.faults import FOUND
from daemon.cli.guide import help_with
from daemon.cli.invocation import Invocation

if TYPE_CHECKING:
    from daemon.cli.composition import Sides
    from daemon.domain.identity import Identity
    from daemon.domain.mapping import Step
    from daemon.ports.database import Database
    from daemon.settings.models import Settings

T = TypeVar("T")
_StepNames = Annotated[
    list[str] | None, typer.Option("--step", metavar="STEP", help="Only this step; repeatable.")
]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    migrate = typer.Typer(
        help=help_with(
            "The schema of isthmus in the database; alone, it is brought up to date.",
            "isthmus migrate",
            "isthmus migrate status",
            "isthmus migrate plan > migrate.sql      the SQL, to read or to run by hand",
        ),
        short_help="The schema of isthmus in the database.",
        invoke_without_command=True,
    )
    migrate.callback()(_migrate)
    migrate.command("up", help="Apply what is missing.")(_up)
    migrate.command("status", help="What is applied, and what there is.")(_schema_status)
    migrate.command("plan", help="Print the SQL of what is missing.")(_schema_plan)
    app.add_typer(migrate, name="migrate")

    database = typer.Typer(
        help=help_with(
            "Which database this is: the state in it belongs to one database and one org.",
            "isthmus database show",
            "isthmus database accept      after a restore, a move or an upgrade that was meant",
        ),
        short_help="Which database the state belongs to.",
    )
    database.command("show", help="The database as it is, and as it is known.")(_show_identity)
    database.command(
        "accept",
        help="This database takes the place of the one that is known. Everything is compared at the next start.",
    )(_accept_identity)
    app.add_typer(database, name="database")

    capture = typer.Typer(
        help=help_with(
            "The triggers that capture changes of the user's tables.",
            "isthmus capture status",
            "isthmus capture plan > capture.sql      the SQL, for who owns the tables",
            "isthmus capture install",
        ),
        short_help="The triggers on the user's tables.",
    )
    capture.command("status", help="What is missing, disabled or outdated; status 3 if anything is.")(
        _capture_status
    )
    capture.command("plan", help="Print the SQL that would bring it in order.")(_capture_plan)
    capture.command("install", help="Bring it in order.")(_capture_install)
    capture.command("remove", help="Remove the triggers. Changes made from then on are not captured.")(
        _capture_remove
    )
    app.add_typer(capture, name="capture")


def _migrate(context: typer.Context) -> int | None:
    return _up(context) if context.invoked_subcommand is None else None


def _up(context: typer.Context) -> int:
    invocation = Invocation.of(context)
    applied = _on_database(invocation, lambda database: database.migrate())
    invocation.out.rows([{"migration": number} for number in applied], ["migration"])
    invocation.out.words("the schema is up to date" if applied else "the schema was up to date already")
    return 0


def _show_identity(context: typer.Context) -> int:
    invocation = Invocation.of(context)

    async def look(database: "Database") -> tuple["Identity", "Identity | None"]:
        return await database.identity(), await database.known_identity()

    found, known = _on_database(invocation, look)
    invocation.out.document({"found": asdict(found), "known": asdict(known) if known is not None else None})
    return 0


def _accept_identity(context: typer.Context) -> int:
    invocation = Invocation.of(context)
    invocation.confirm(
        "this database takes the place of the one whose state is kept in it: at the next start everything is compared, and what "
        "Salesforce has that this state does not know comes in"
    )

    async def accept(database: "Database") -> None:
        found = await database.identity()
        await database.know(
            replace(found, timeline="accepted")
        )  # no timeline has this name: the start sees another one

    _on_database(invocation, accept)
    invocation.out.words("accepted; start the daemon")
    return 0


def _schema_status(context: typer.Context) -> int:
    invocation = Invocation.of(context)
    applied, newest = _on_database(invocation, lambda database: database.schema_version())
    invocation.out.document({"applied": applied, "newest": newest})
    if applied < newest:
        invocation.out.words("migrations are missing; apply them with: isthmus migrate up")
    return 0 if applied == newest else FOUND


def _schema_plan(context: typer.Context) -> int:
    invocation = Invocation.of(context)
    plan = _on_database(invocation, lambda database: database.migration_plan())
    if invocation.flags.json:
        invocation.out.rows([{"migration": number, "name": name, "sql": sql} for number, name, sql in plan])
    for number, name, sql in () if invocation.flags.json else plan:
        invocation.out.text(f"-- migration {number}: {name}\n{sql.rstrip()}\n")
    return 0


def _capture_status(context: typer.Context, step: _StepNames = None) -> int:
    invocation = Invocation.of(context)
    problems = _on_steps(invocation, step, lambda sides, steps: sides.database.capture_check(steps))
    rows = [{"step": each.step, "table": each.table, "what": each.what, "fix": each.fix} for each in problems]
    invocation.out.rows(rows, ["step", "table", "what", "fix"])
    invocation.out.words(f"{len(rows)} to mend: isthmus capture install" if rows else "capture is in order")
    return FOUND if rows else 0


def _capture_plan(context: typer.Context, step: _StepNames = None) -> int:
    invocation = Invocation.of(context)
    _statements(
        invocation, _on_steps(invocation, step, lambda sides, steps: sides.database.capture_plan(steps))
    )
    return 0


def _capture_install(context: typer.Context, step: _StepNames = None) -> int:
    invocation = Invocation.of(context)
    run = _on_steps(invocation, step, lambda sides, steps: sides.database.capture_install(steps))
    _ran(invocation, run)
    invocation.out.words(
        f"{len(run)} statements were run; isthmus capture remove takes them back"
        if run
        else "it was in order already"
    )
    return 0


def _capture_remove(context: typer.Context, step: _StepNames = None) -> int:
    invocation = Invocation.of(context)
    what = f"the steps {', '.join(step)}" if step else "every step"
    invocation.confirm(
        f"This removes the capture triggers of {what}. Changes made from then on are not seen."
    )
    run = _on_database(invocation, lambda database: database.capture_remove(step or ()))
    _ran(invocation, run)
    invocation.out.words(f"{len(run)} statements were run; isthmus capture install brings them back")
    return 0


def _ran(invocation: Invocation, statements: Sequence[str]) -> None:
    """What was run is long, and was to be seen in the plan: it is shown where somebody asks for it."""
    if invocation.flags.verbose or invocation.flags.json:
        _statements(invocation, statements)


def _statements(invocation: Invocation, statements: Sequence[str]) -> None:
    if invocation.flags.json:
        invocation.out.rows([{"sql": statement} for statement in statements])
        return
    for statement in statements:
        invocation.out.text(f"{statement.rstrip().removesuffix(';')};\n")


def _on_database(invocation: Invocation, act: Callable[["Database"], Awaitable[T]]) -> T:
    """Open the database, act, and close it."""

    async def on_sides(_: "Settings", sides: "Sides") -> T:
        return await act(sides.database)

    return with_sides(invocation, on_sides)


def _on_steps(
    invocation: Invocation,
    names: Sequence[str] | None,
    act: Callable[["Sides", Sequence["Step"]], Awaitable[T]],
) -> T:
    """Open both sides, resolve the steps against them, act on those that are named, or on all."""

    async def on_sides(settings: "Settings", sides: "Sides") -> T:
        from daemon.cli.resolving import resolved_steps

        return await act(sides, await resolved_steps(settings, sides, names))

    return with_sides(invocation, on_sides)


def with_sides(invocation: Invocation, act: Callable[["Settings", "Sides"], Awaitable[T]]) -> T:
    """Open both sides by the configuration, act, and close them. What is logged goes to standard error."""
    settings = invocation.settings()

    from daemon.cli.composition import composition
    from daemon.runtime.runner import run_for

    invocation.log_to_terminal()

    async def on_open_sides() -> T:
        async with composition().open_sides(settings) as sides:
            return await act(settings, sides)

    return run_for(on_open_sides)
