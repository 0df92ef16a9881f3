"""`step fields`: what may be paired, from the lists that both sides give."""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from daemon.cli.invocation import Invocation
from daemon.domain.failure import NotFoundError, UsageError

if TYPE_CHECKING:
    from daemon.cli.composition import Sides
    from daemon.settings.models import Settings

_COLUMNS = ("field", "type", "label", "rights", "column", "columns")


def add_to(step: typer.Typer) -> None:
    """Put the command on the group `step`."""
    step.command(
        "fields", help="The fields of a step's object, and the columns that each may be paired with."
    )(_fields)


def _fields(
    context: typer.Context,
    name: Annotated[str | None, typer.Argument(metavar="[STEP]")] = None,
    made: Annotated[
        str | None, typer.Option("--object", metavar="OBJECT", help="Instead of a step: this object, …")
    ] = None,
    table: Annotated[str | None, typer.Option("--table", metavar="TABLE", help="… and this table.")] = None,
) -> int:
    from daemon.cli.commands.database import with_sides

    invocation = Invocation.of(context)
    settings = invocation.settings()
    found = next((step for step in settings.steps if step.name == name), None)
    if name is not None and found is None:
        known = ", ".join(step.name for step in settings.steps)
        raise NotFoundError(
            f"there is no step {name}", "the configuration does not hold it", f"the steps are: {known}"
        )
    if found is not None:
        made, table = made or found.salesforce.object, table or found.postgres.table
    if made is None or table is None:
        raise UsageError(
            "nothing says which fields",
            "it takes a step, or an object and a table",
            "add --object O --table T",
        )
    mapped = {field.salesforce: field.postgres or "" for field in found.fields} if found is not None else {}
    rows = with_sides(invocation, _asking(made, table, mapped))
    invocation.out.rows(rows, _COLUMNS)
    return 0


def _asking(
    made: str, table: str, mapped: dict[str, str]
) -> "Callable[[Settings, Sides], Awaitable[list[dict[str, Any]]]]":
    async def ask(_: "Settings", sides: "Sides") -> list[dict[str, Any]]:
        from daemon.flow.drift.spelling import salesforce_type
        from daemon.operations.check import described_objects, described_tables
        from daemon.settings.resolution.pairs import pair

        objects = await described_objects(sides.catalogue, [made])
        tables = await described_tables(sides.database, [table])
        if made not in objects or table not in tables:
            missing = f"object {made}" if made not in objects else f"table {table}"
            fix = "isthmus config check says what the two users may see"
            raise NotFoundError(f"there is no {missing}", "it does not exist, or may not be seen", fix)
        columns = tables[table].columns.values()
        return [
            {
                "field": field.name,
                "type": salesforce_type(field),
                "label": field.label,
                "rights": _rights(
                    createable=field.createable, updateable=field.updateable, key=field.external_id
                ),
                "column": mapped.get(field.name, ""),
                "columns": ", ".join(
                    f"{c.name} {c.type}" for c in columns if pair(field, c.type) is not None
                ),
            }
            for field in objects[made].fields.values()
        ]

    return ask


def _rights(*, createable: bool, updateable: bool, key: bool) -> str:
    words = [*(["create"] if createable else []), *(["update"] if updateable else [])]
    return ", ".join([*(words or ["read only"]), *(["external id"] if key else [])])
