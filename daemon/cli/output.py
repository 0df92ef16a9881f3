"""Data goes to standard output, words to standard error.

A table is drawn only on a terminal; in a pipe it is tab-separated with a header; with `--json` standard output is one
JSON document. Values come from other people's records: control characters in them are shown, never sent to the terminal.
"""

import json
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_NAMED = {"\t": "\\t", "\n": "\\n", "\r": "\\r"}

Row = Mapping[str, Any]


def printable(text: str) -> str:
    """Text without control characters, which could move the cursor or split a line: each is spelled out."""
    return _CONTROL.sub(lambda found: _NAMED.get(found[0], f"\\x{ord(found[0]):02x}"), text)


def plain(value: Any) -> str:
    """One value in one cell: nothing for None, compact JSON for a list or a mapping."""
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case str():
            return printable(value)
        case Mapping() if all(isinstance(item, int | float | str) for item in value.values()):
            return printable(" ".join(f"{key}={item}" for key, item in value.items()))
        case Mapping() | list() | tuple():
            return printable(as_json(value))
        case _:
            return printable(str(value))


def as_json(document: Any) -> str:
    """A JSON document in one line."""
    return json.dumps(document, ensure_ascii=False, separators=(",", ":"), default=str)


def columns_of(rows: Iterable[Row], preferred: Sequence[str] = ()) -> list[str]:
    """The keys of all rows: the preferred ones first, then the others as they come."""
    seen = dict.fromkeys(key for row in rows for key in row)
    return [*(key for key in preferred if key in seen), *(key for key in seen if key not in preferred)]


@dataclass(frozen=True, slots=True)
class Output:
    """Where and how results are written."""

    json: bool = False
    quiet: bool = False
    color: bool = True

    def words(self, text: str) -> None:
        """Something said to a person."""
        if not self.quiet:
            sys.stderr.write(text + "\n")

    def document(self, document: Any) -> None:
        """One JSON document, or with a person before it, an outline of it."""
        if self.json:
            sys.stdout.write(as_json(document) + "\n")
        elif sys.stdout.isatty():
            sys.stdout.writelines(f"{line}\n" for line in _outline(document, 0))
        else:
            sys.stdout.writelines(f"{path}\t{plain(value)}\n" for path, value in _leaves(document, ""))

    def text(self, text: str) -> None:
        """Text that is data itself, such as SQL."""
        sys.stdout.write(text if text.endswith("\n") or not text else text + "\n")

    def rows(self, rows: Sequence[Row], preferred: Sequence[str] = (), *, document: Any = None) -> None:
        """A list of things; with `--json` the `document` that it came from."""
        if self.json:
            sys.stdout.write(as_json({"items": rows} if document is None else document) + "\n")
            return
        columns = columns_of(rows, preferred) or list(preferred)
        if sys.stdout.isatty():
            self._table(columns, rows)
            return
        sys.stdout.write("\t".join(columns) + "\n")
        for row in rows:
            sys.stdout.write("\t".join(plain(row.get(column)) for column in columns) + "\n")

    def _table(self, columns: Sequence[str], rows: Sequence[Row]) -> None:
        from rich.console import Console
        from rich.table import Table
        from rich.text import Text

        table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
        for column in columns:
            number = any(isinstance(row.get(column), int | float) for row in rows)
            table.add_column(
                column.upper().replace("_", " "), justify="right" if number else "left", overflow="fold"
            )
        for row in rows:
            table.add_row(*(Text(plain(row.get(column))) for column in columns))
        Console(color_system="auto" if self.color else None, highlight=False).print(table)


def _outline(value: Any, depth: int) -> Iterable[str]:
    """A document as indented lines."""
    pad = "  " * depth
    match value:
        case Mapping():
            for key, item in value.items():
                if isinstance(item, Mapping | list | tuple) and item and not _is_flat(item):
                    yield f"{pad}{printable(str(key))}"
                    yield from _outline(item, depth + 1)
                else:
                    yield f"{pad}{printable(str(key)):<14}  {plain(item)}"
        case list() | tuple():
            for number, item in enumerate(value, 1):
                if isinstance(item, Mapping) and not _is_flat(item):
                    yield f"{pad}{number}"
                    yield from _outline(item, depth + 1)
                else:
                    yield f"{pad}{number} {plain(item)}"
        case _:
            yield f"{pad}{plain(value)}"


def _is_flat(value: Any) -> bool:
    items = value.values() if isinstance(value, Mapping) else value
    return len(value) <= 4 and all(isinstance(item, str | int | float | None) for item in items)


def _leaves(value: Any, path: str) -> Iterable[tuple[str, Any]]:
    """Every leaf of a document with its path, for pipes."""
    match value:
        case Mapping() if value:
            for key, item in value.items():
                yield from _leaves(item, f"{path}.{printable(str(key))}" if path else printable(str(key)))
        case list() | tuple() if value:
            for number, item in enumerate(value):
                yield from _leaves(item, f"{path}[{number}]")
        case _:
            yield path, value
