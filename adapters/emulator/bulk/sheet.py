"""CSV as Bulk API 2.0 reads and writes it."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Sequence

from adapters.emulator.clock import event_datetime
from adapters.emulator.errors import RequestRefused
from adapters.emulator.schema.field import Field, FieldType
from adapters.emulator.store.values import Value

_DELIMITERS = {"COMMA": ",", "SEMICOLON": ";", "TAB": "\t", "PIPE": "|", "CARET": "^", "BACKQUOTE": "`"}
_LINE_ENDS = {"LF": "\n", "CRLF": "\r\n"}
CLEARED = "#N/A"
"""A cell that clears its field; an empty cell leaves it alone."""


def delimiter_of(name: object) -> str:
    """The character of a columnDelimiter. Raises RequestRefused."""
    found = _DELIMITERS.get(str(name or "COMMA"))
    if found is None:
        raise RequestRefused(400, "INVALIDJOB", f"Unknown columnDelimiter: {name}")
    return found


def line_end_of(name: object) -> str:
    """The characters of a lineEnding. Raises RequestRefused."""
    found = _LINE_ENDS.get(str(name or "LF"))
    if found is None:
        raise RequestRefused(400, "INVALIDJOB", f"Unknown lineEnding: {name}")
    return found


def write(rows: Iterable[Sequence[str]], delimiter: str, line_end: str) -> bytes:
    """Rows as CSV; every cell is quoted, as Salesforce does. The cells come as `column` and `escaped` make them."""
    between = f'"{delimiter}"'
    return "".join(f'"{between.join(row)}"{line_end}' for row in rows).encode()


def escaped(text: str) -> str:
    """A text as the inside of a quoted cell."""
    return text.replace('"', '""')


def read(content: bytes, delimiter: str) -> tuple[list[str], list[list[str]]]:
    """Header and rows. Raises ValueError for what is no CSV."""
    try:
        text = content.decode("utf-8-sig")
        if '"' in re.sub(_quoted_cells(delimiter), "", text):
            raise ValueError("a quote stands beside a space, or inside a cell that is not quoted")
        lines = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
        rows = [row for row in lines if row]
    except (UnicodeDecodeError, csv.Error) as error:
        raise ValueError(str(error)) from None
    if not rows:
        raise ValueError("the file is empty")
    header = rows[0]
    for number, row in enumerate(rows[1:], start=2):
        if len(row) != len(header):
            raise ValueError(f"row {number} has {len(row)} columns, not {len(header)}")
    return header, rows[1:]


def _quoted_cells(delimiter: str) -> str:
    """A pattern for cells that begin with a quote."""
    return rf'(?<![^{re.escape(delimiter)}\r\n])"(?:[^"]|"")*"'


def column(field: Field, values: Iterable[Value]) -> list[str]:
    """The values of a field as the insides of quoted cells: null is empty, a datetime ends in Z."""
    match field.type:
        case FieldType.BOOLEAN:
            return ["" if value is None else str(value).lower() for value in values]
        case FieldType.DATETIME:
            return [event_datetime(value) if isinstance(value, str) else "" for value in values]
        case _:
            return ["" if value is None else escaped(str(value)) for value in values]
