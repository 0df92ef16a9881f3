"""`step list|show|add|clone|set|remove`: the steps of the configuration's file, read and edited by command.

Whoever may write the file sets up the sync; a running daemon takes the edit up when an administrator says so (`isthmus config reload`).
"""

import os
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from daemon.cli.configuration import require_files
from daemon.cli.invocation import Invocation
from daemon.domain.failure import NotFoundError, UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from daemon.settings.draft import Draft
    from daemon.settings.editing import EditedFile
    from daemon.settings.models import Settings
    from daemon.settings.steps import StepSettings

_COLUMNS = ("name", "object", "table", "direction", "fields", "runs")
_FIELD = "SF=COLUMN[:DIRECTION]"

_Name = Annotated[str, typer.Argument(metavar="STEP")]
_DryRun = Annotated[bool, typer.Option("--dry-run", help="Show what would change in the file, and leave it.")]
_Fields = Annotated[
    list[str] | None, typer.Option("--field", metavar=_FIELD, help="A field and its column; may be repeated.")
]


def add_to(step: typer.Typer) -> None:
    """Put the commands on the group `step`."""
    step.command("list", help="The steps of the configuration, and whether they run.")(_list)
    step.command(
        "show",
        help="One step as it comes to, defaults filled in; one of several destinations as each that runs.",
    )(_show)
    step.command("add", help="Add a step to the configuration's file.")(_add)
    step.command("clone", help="Add a copy of a step under another name.")(_clone)
    step.command("set", help="Change a step: keys, and its pairs of field and column.")(_set)
    step.command("remove", help="Take a step out of the file. Its links and both sides' data stay.")(_remove)


def _list(context: typer.Context) -> int:
    invocation = Invocation.of(context)
    rows = [
        {
            "name": step.name,
            "object": step.salesforce.object,
            "table": step.postgres.table,
            "direction": step.direction.value,
            "fields": len(step.fields),
            "runs": _runs(step),
        }
        for step in invocation.settings().steps
    ]
    invocation.out.rows(rows, _COLUMNS)
    return 0


def _runs(step: "StepSettings") -> str:
    if step.runs:
        return "yes"
    return "no: it is disabled" if not step.enabled else "no: it has no mappings yet"


def _show(context: typer.Context, name: _Name) -> int:
    invocation = Invocation.of(context)
    settings = invocation.settings()
    shown = [_document(settings, step) for step in settings.named(name)]
    if not shown:
        known = ", ".join(step.name for step in settings.steps)
        raise NotFoundError(
            f"there is no step {name}", "the configuration does not hold it", f"the steps are: {known}"
        )
    invocation.out.document(shown[0] if len(shown) == 1 else {"items": shown})
    return 0


def _document(settings: "Settings", step: "StepSettings") -> dict[str, Any]:
    """A step as it comes to. One of two that go one way each names the other: a row has one record, so they share their links."""
    from daemon.settings.one_way import counterpart

    other = counterpart(settings.steps, step)
    document = {**step.model_dump(mode="json", by_alias=True), "runs": _runs(step)}
    return document if other is None else {**document, "shares_links_with": other.name}


def _add(
    context: typer.Context,
    name: _Name,
    made: Annotated[
        str, typer.Option("--object", metavar="OBJECT", help="API name of the Salesforce object.")
    ],
    table: Annotated[str, typer.Option("--table", metavar="TABLE", help="SCHEMA.TABLE.")],
    direction: Annotated[str, typer.Option("--direction", metavar="WAY", help="pull, push or two_way.")],
    key: Annotated[
        list[str] | None,
        typer.Option("--key", metavar="COLUMN", help="The row's key; its primary key, if left out."),
    ] = None,
    external_id: Annotated[
        str | None,
        typer.Option(
            "--external-id", metavar="SF=COLUMN", help="An External ID and the column of the same value."
        ),
    ] = None,
    fields: _Fields = None,
    dry_run: _DryRun = False,
) -> int:
    side: dict[str, Any] = {"table": table}
    if key:
        side["key"] = key[0] if len(key) == 1 else key
    step: dict[str, Any] = {
        "name": name,
        "salesforce": {"object": made},
        "postgres": side,
        "direction": direction,
    }
    if external_id is not None:
        field, _, column = external_id.partition("=")
        step["identify"] = [{"external_id": {"salesforce": field, "postgres": column}}]
    if fields:
        step["fields"] = [_pair(text) for text in fields]
    return edit_step(context, name, lambda draft: draft.append(("steps",), step), dry_run=dry_run, new=True)


def _clone(
    context: typer.Context,
    name: _Name,
    new: Annotated[str, typer.Argument(metavar="NEW")],
    made: Annotated[
        str | None, typer.Option("--object", metavar="OBJECT", help="Another Salesforce object.")
    ] = None,
    table: Annotated[str | None, typer.Option("--table", metavar="TABLE", help="Another table.")] = None,
    dry_run: _DryRun = False,
) -> int:
    from daemon.settings.editing import place_of

    def change(draft: "Draft") -> None:
        step = {**draft.value(place_of(draft, "steps", name)), "name": new}
        if made is not None:
            step["salesforce"] = {**step["salesforce"], "object": made}
        if table is not None:
            step["postgres"] = {**step["postgres"], "table": table}
        if made is None and table is None:  # a table and an object are related by one step that runs
            step["enabled"] = False
        draft.append(("steps",), step)

    return edit_step(context, new, change, dry_run=dry_run, holding=name)


def _set(
    context: typer.Context,
    name: _Name,
    keys: Annotated[
        list[str] | None,
        typer.Argument(metavar="[KEY=VALUE]…", help="Such as direction=pull push.create=on_request."),
    ] = None,
    fields: _Fields = None,
    without: Annotated[
        list[str] | None,
        typer.Option("--no-field", metavar="SF", help="Map this field no more; may be repeated."),
    ] = None,
    unset: Annotated[
        list[str] | None, typer.Option("--unset", metavar="KEY", help="Leave this key to its default.")
    ] = None,
    dry_run: _DryRun = False,
) -> int:
    from daemon.settings.editing import place_of

    pairs = [_pair(text) for text in fields or ()]
    settings = [_assignment(text) for text in keys or ()]
    if not (pairs or settings or without or unset):
        fix = f"write isthmus step set {name} direction=pull, or --field {_FIELD}"
        raise UsageError(
            "nothing was named to set", "it takes KEY=VALUE, --field, --no-field or --unset", fix
        )

    def change(draft: "Draft") -> None:
        at = place_of(draft, "steps", name)
        for path, value in settings:
            draft.set((*at, *path), value)
        for key in unset or ():
            draft.remove((*at, *key.split(".")))
        for field in without or ():
            draft.remove((*at, "fields", _mapped(draft, at, field)))
        for pair in pairs:
            draft.append((*at, "fields"), pair)

    return edit_step(context, name, change, dry_run=dry_run, holding=name)


def _remove(context: typer.Context, name: _Name, dry_run: _DryRun = False) -> int:
    from daemon.settings.editing import place_of

    if not dry_run:
        invocation = Invocation.of(context)
        invocation.confirm(
            f"This takes the step {name} out of the configuration; its links and both sides' data stay."
        )

    def change(draft: "Draft") -> None:
        draft.remove(place_of(draft, "steps", name))

    return edit_step(context, None, change, dry_run=dry_run, holding=name)


def edit_step(
    context: typer.Context,
    name: str | None,
    change: "Callable[[Draft], None]",
    *,
    dry_run: bool,
    holding: str | None = None,
    new: bool = False,
) -> int:
    """Edit the last file, or the one that holds a step; show the difference, and save it unless told otherwise."""
    from daemon.settings.editing import edit, file_of
    from daemon.settings.profile import refuse_fixed

    invocation = Invocation.of(context)
    files = require_files(invocation.flags.config)
    refuse_fixed(files)
    file: Path | None = None if holding is None else file_of(files, "steps", holding)
    edited = edit(files, change, os.environ, file=file)
    invocation.out.document({"file": str(edited.path), "diff": edited.diff()}) if invocation.out.json else (
        invocation.out.text(edited.diff())
    )
    if dry_run:
        invocation.out.words("nothing was saved")
        return 0
    edited.save()
    _tell(invocation, edited, name, new=new)
    return 0


def _tell(invocation: Invocation, edited: "EditedFile", name: str | None, *, new: bool) -> None:
    step = next(iter(edited.settings.named(name or "")), None)
    if step is not None and not step.runs:
        fix = (
            f"isthmus step set {name} --field {_FIELD}"
            if step.enabled
            else f"isthmus step set {name} enabled=true"
        )
        invocation.out.words(f"{name} is saved and does not run ({_runs(step).removeprefix('no: ')}): {fix}")
    if new and step is not None and not step.identify:
        invocation.out.words(f"{name} has no identify: a record is paired by its link alone")
    invocation.out.words(f"{edited.path} is saved; a running daemon takes it up with: isthmus config reload")


def _pair(text: str) -> dict[str, str]:
    """A field and its column from `SF=COLUMN[:DIRECTION]`. Raises UsageError."""
    field, equals, rest = text.partition("=")
    column, _, direction = rest.partition(":")
    if not (field and equals and column):
        raise UsageError(
            f"--field {text} is not understood", f"it is {_FIELD}", "write --field Phone=phone:pull"
        )
    pair = {"salesforce": field, "postgres": column}
    return {**pair, "direction": direction} if direction else pair


def _assignment(text: str) -> tuple[tuple[str, ...], Any]:
    """A path and a value from `KEY=VALUE`, the value as YAML spells it. Raises UsageError."""
    from daemon.settings.draft import Draft
    from daemon.settings.source import SourceError

    key, equals, value = text.partition("=")
    if not (key and equals):
        raise UsageError(f"{text} is not understood", "it is KEY=VALUE", "write direction=pull")
    try:
        return tuple(key.split(".")), Draft(f"value: {value}\n", key).value(("value",))
    except SourceError as error:
        raise UsageError(
            f"{text} is not understood", str(error), "write the value as the file would"
        ) from None


def _mapped(draft: "Draft", at: tuple[str | int, ...], field: str) -> int:
    """The place of a field among a step's. Raises NotFoundError."""
    names = [
        str(item.get("salesforce")) if isinstance(item, Mapping) else ""
        for item in draft.value((*at, "fields")) or []
    ]
    if field not in names:
        raise NotFoundError(
            f"{field} is not mapped", "the step has no such field", f"mapped are: {', '.join(names)}"
        )
    return names.index(field)
