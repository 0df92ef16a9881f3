"""`step filter show|set|load|clear`: which records and rows of a step take part, in the configuration's file."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from daemon.cli.commands.step_edit import edit_step
from daemon.cli.guide import help_with
from daemon.cli.invocation import Invocation
from daemon.domain.failure import NotFoundError, UsageError
from daemon.domain.filter import STANDARD_FILTERS

if TYPE_CHECKING:
    from daemon.settings.draft import Draft

_Name = Annotated[str, typer.Argument(metavar="STEP")]
_Side = Annotated[
    str, typer.Option("--side", metavar="SIDE", help="pull: records that come in; push: rows that go out.")
]
_DryRun = Annotated[bool, typer.Option("--dry-run", help="Show what would change in the file, and leave it.")]
_Rules = Annotated[
    list[str] | None,
    typer.Option("--rule", metavar="'FIELD OPERATOR VALUE'", help="A condition; several must all hold."),
]


def add_to(step: typer.Typer) -> None:
    """Put the group `filter` on the group `step`."""
    commands = typer.Typer(
        help=help_with(
            "Which records come in and which rows go out: conditions that each side judges itself.",
            "isthmus step filter set people --side pull --rule 'Email ends_with @example.com'",
            "isthmus step filter set people --side push --sql \"status = 'active'\"",
            "isthmus step filter load people with_email",
            "isthmus step filter clear people --side push",
        ),
        short_help="Set or clear a step's filters.",
    )
    commands.command("show", help="A step's filters, and the saved ones that it could load.")(_show)
    commands.command("set", help="Give a step a condition of its own, in place of the one before.")(_set)
    commands.command("load", help="Give a step a saved filter, in place of the one before.")(_load)
    commands.command("clear", help="Take a filter away: every record or row takes part again.")(_clear)
    step.add_typer(commands, name="filter")


def _show(context: typer.Context, name: _Name) -> int:
    invocation = Invocation.of(context)
    settings = invocation.settings()
    step = next(iter(settings.named(name)), None)
    if step is None:
        known = ", ".join(step.name for step in settings.steps)
        raise NotFoundError(
            f"there is no step {name}", "the configuration does not hold it", f"the steps are: {known}"
        )
    pull, push = step.pull.filter, step.push.filter
    kept: dict[str, Any] = {"mode": "json", "exclude_none": True, "exclude_defaults": True}
    invocation.out.document(
        {
            "step": name,
            "pull": pull.model_dump(**kept) if pull is not None else None,
            "push": push.model_dump(**kept) if push is not None else None,
            "saved": [*STANDARD_FILTERS, *settings.filters],
        }
    )
    return 0


def _set(
    context: typer.Context,
    name: _Name,
    side: _Side,
    rules: _Rules = None,
    soql: Annotated[str | None, typer.Option("--soql", help="With --side pull: a condition in SOQL.")] = None,
    sql: Annotated[str | None, typer.Option("--sql", help="With --side push: a condition in SQL.")] = None,
    view: Annotated[
        str | None, typer.Option("--view", metavar="VIEW", help="With --side push: a view of the keys.")
    ] = None,
    dry_run: _DryRun = False,
) -> int:
    forms: dict[str, Any] = {"soql": soql, "sql": sql, "view": view}
    forms["rules"] = [_rule(text) for text in rules] if rules else None
    written = {form: value for form, value in forms.items() if value is not None}
    if len(written) != 1:
        raise UsageError(
            "a filter is one condition in one form",
            f"{len(written)} were given",
            "give one of --rule, --soql, --sql and --view",
        )
    return _put(context, name, _known(side), written.get("rules") or written, dry_run=dry_run)


def _load(
    context: typer.Context,
    name: _Name,
    saved: Annotated[str, typer.Argument(metavar="FILTER")],
    side: _Side = "push",
    dry_run: _DryRun = False,
) -> int:
    return _put(context, name, _known(side), {"saved": saved}, dry_run=dry_run)


def _clear(context: typer.Context, name: _Name, side: _Side, dry_run: _DryRun = False) -> int:
    return _put(context, name, _known(side), None, dry_run=dry_run)


def _put(context: typer.Context, name: str, side: str, written: Any, *, dry_run: bool) -> int:
    from daemon.settings.editing import place_of

    def change(draft: "Draft") -> None:
        place = (*place_of(draft, "steps", name), side)
        if written is not None:
            draft.set((*place, "filter"), written)
            return
        alone = list(draft.value(place) or {}) == ["filter"]
        draft.remove(place if alone else (*place, "filter"))

    return edit_step(context, name, change, dry_run=dry_run, holding=name)


def _known(side: str) -> str:
    if side not in ("pull", "push"):
        raise UsageError(
            f"--side {side} is not understood", "a step has two sides", "write --side pull or --side push"
        )
    return side


def _rule(text: str) -> dict[str, Any]:
    """A rule from `FIELD OPERATOR VALUE`; several values are divided by commas for in, not_in, includes and excludes."""
    parts = text.split(None, 2)
    if len(parts) < len(("field", "operator", "value")):
        raise UsageError(
            f"--rule {text[:60]!r} is not understood",
            "a rule is a field, an operator and a value",
            "write --rule 'Email ends_with @example.com'",
        )
    field, operator, value = parts
    several = operator in ("in", "not_in", "includes", "excludes")
    listed = [item.strip() for item in value.split(",")] if several else value
    return {"field": field, "operator": operator, "value": listed}
