"""SOQL text. Values enter it through `literal` alone, names through `name` alone.

Salesforce documents the escapes of string literals: backslash, quotes, newline, carriage return, tab, backspace and
form feed. A request line is limited to 16,384 bytes; the rest of the line needs some of that.
"""

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Final
from urllib.parse import quote

URI_BYTES: Final = 15_000
"""How long an encoded query may be, so that the line with host, path and headers stays within 16,384 bytes."""

_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_]*(?:\.[A-Za-z][A-Za-z0-9_]*)*", re.ASCII)
_NUMBER: Final = re.compile(r"[+-]?\d{1,40}(?:\.\d{1,40})?", re.ASCII)
_ESCAPES: Final = str.maketrans(
    {"\\": "\\\\", "'": "\\'", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t", "\b": "\\b", "\f": "\\f"}
)


def name(text: str) -> str:
    """An object's or field's API name, with dots for a path; ValueError for anything else."""
    if _NAME.fullmatch(text) is None:
        raise ValueError(f"not a Salesforce API name: {text[:80]!r}")
    return text


def literal(text: str) -> str:
    """A quoted string literal."""
    return "'" + text.translate(_ESCAPES) + "'"


def number(text: str) -> str:
    """A bare numeric literal; ValueError for anything else."""
    if _NUMBER.fullmatch(text) is None:
        raise ValueError(f"not a number: {text[:80]!r}")
    return text


def instant(moment: datetime) -> str:
    """A datetime literal, whole seconds in UTC. Datetimes are not quoted."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def select(fields: Sequence[str], object_name: str, where: str = "", tail: str = "") -> str:
    """A query over fields. `where` and `tail` must have been made by this module's functions."""
    text = f"SELECT {','.join(map(name, fields))} FROM {name(object_name)}"  # noqa: S608 - names are checked
    if where:
        text += f" WHERE {where}"
    return f"{text} {tail}" if tail else text


def count(object_name: str, where: str = "") -> str:
    """A query whose `totalSize` is the number of records."""
    text = f"SELECT COUNT() FROM {name(object_name)}"  # noqa: S608 - names are checked
    return f"{text} WHERE {where}" if where else text


def encoded(query: str) -> str:
    """A query as a URI carries it."""
    return quote(query, safe="")


def chunks_of_in(prefix: str, literals: Sequence[str]) -> Iterator[list[str]]:
    """Divide literals so that `prefix IN (...)`, encoded, stays within `URI_BYTES`. A chunk holds at least one."""
    room = URI_BYTES - len(encoded(prefix)) - len(encoded(" IN ()"))
    chunk: list[str] = []
    used = 0
    for item in literals:
        size = len(encoded(item)) + len("%2C")
        if chunk and used + size > room:
            yield chunk
            chunk, used = [], 0
        chunk.append(item)
        used += size
    if chunk:
        yield chunk
