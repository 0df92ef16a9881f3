"""`step identifiers`: how well a step's identifying fields do their work, and the records that lack a value."""

import csv
import json
import sys
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated, Any, Protocol

import typer

from daemon.cli.faults import FOUND, ToldError
from daemon.cli.invocation import Invocation

if TYPE_CHECKING:
    from daemon.cli.composition import Sides
    from daemon.domain.mapping import Step
    from daemon.operations.identifiers import Way
    from daemon.ports.salesforce import ObjectDescription
    from daemon.settings.models import Settings

_COLUMNS = ("level", "what", "fix")


def add_to(step: typer.Typer) -> None:
    """Put the command on the group `step`."""
    step.command(
        "identifiers",
        help="Which records have a value to be found by, which values occur twice; status 3 if something is to be done first.",
    )(_identifiers)


def _identifiers(
    context: typer.Context,
    step: Annotated[str, typer.Argument(metavar="STEP")],
    export: Annotated[
        str | None,
        typer.Option(
            "--export",
            metavar="FILE",
            help="Write the records without a value there: CSV, or JSON lines for a name that ends in .jsonl; - is standard output.",
        ),
    ] = None,
) -> int:
    invocation = Invocation.of(context)

    from daemon.cli.commands.database import with_sides

    if export is not None:
        return with_sides(
            invocation, lambda settings, sides: _export(invocation, settings, sides, step, export)
        )
    ways = with_sides(invocation, lambda settings, sides: _examined(settings, sides, step))
    findings = [finding for way in ways for finding in way.findings]
    rows = [{"level": each.level.value, "what": each.what, "fix": each.fix} for each in findings]
    invocation.out.rows(
        rows, _COLUMNS, document={"identifiers": [_document(way) for way in ways], "findings": rows}
    )
    return FOUND if any(row["level"] != "ok" for row in rows) else 0


async def _known(settings: "Settings", sides: "Sides", name: str) -> "tuple[Step, ObjectDescription]":
    from daemon.cli.resolving import resolved_steps
    from daemon.operations.check import described_objects

    [step] = await resolved_steps(settings, sides, [name])
    objects = await described_objects(sides.catalogue, [step.object])
    return step, objects[step.object]


async def _examined(settings: "Settings", sides: "Sides", name: str) -> "list[Way]":
    from daemon.operations.identifiers import examined

    step, described = await _known(settings, sides, name)
    return await examined(step, described, sides.record_identifiers, sides.row_identifiers)


def _document(way: "Way") -> dict[str, Any]:
    return {
        "step": way.step.name,
        "field": f"{way.step.object}.{way.rule.salesforce}",
        "column": way.rule.column,
        "unique": way.unique,
        "case_sensitive": way.case_sensitive,
        "records": way.records.total,
        "records_with_value": way.records.filled,
        "repeated": None if way.repeated is None else dict(way.repeated),
        "rows": way.rows.values.total,
        "rows_with_value": way.rows.values.filled,
        "clashes": [list(spellings) for spellings in way.rows.clashes],
    }


async def _export(
    invocation: Invocation, settings: "Settings", sides: "Sides", name: str, target: str
) -> int:
    from daemon.operations.identifiers import fillable, shown_fields

    step, described = await _known(settings, sides, name)
    rule, fields = fillable(step), shown_fields(step, described)
    columns = ["Id", rule.salesforce, *(each for each in fields if each != rule.salesforce)]
    count = 0
    with _opened(target) as file:
        lines = _writer(file, columns, as_json=target.endswith(".jsonl"))
        async for page in sides.record_identifiers.without(step.object, rule.salesforce, fields):
            for record in page:
                lines.write({column: record.get(column) for column in columns})
            count += len(page)
    invocation.out.words(
        f"{count} records of {step.object} have no value in {rule.salesforce}; fill that column, and update them by Id"
    )
    return FOUND if count else 0


def _opened(target: str) -> AbstractContextManager[IO[str]]:
    """Where the list goes. Raises ToldError; a file that is there already is not overwritten."""
    if target == "-":
        return nullcontext(sys.stdout)
    try:
        return Path(target).open("x", encoding="utf-8", newline="")
    except OSError as error:
        why = error.strerror or str(error)
        raise ToldError(f"{target} cannot be written", why, "name another file with --export", 5) from None


class _Lines(Protocol):
    """Takes one record after the other."""

    def write(self, record: Mapping[str, Any]) -> None:
        """Write one."""
        ...


class _Json:
    def __init__(self, file: IO[str]) -> None:
        self._file = file

    def write(self, record: Mapping[str, Any]) -> None:
        self._file.write(json.dumps(record, ensure_ascii=False) + "\n")


class _Csv:
    def __init__(self, file: IO[str], columns: list[str]) -> None:
        self._lines = csv.DictWriter(file, columns, lineterminator="\n")
        self._lines.writeheader()

    def write(self, record: Mapping[str, Any]) -> None:
        self._lines.writerow(record)


def _writer(file: IO[str], columns: list[str], *, as_json: bool) -> _Lines:
    return _Json(file) if as_json else _Csv(file, columns)
