"""Names and texts inside SQL text: the one place where they are quoted, and the texts of row keys."""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence

_PLACEHOLDER = re.compile(r"\{\{(\w+)\}\}")


def quoted(name: str) -> str:
    """An identifier as SQL text."""
    if "\0" in name or not name:
        raise ValueError(f"not a PostgreSQL identifier: {name!r}")
    return '"' + name.replace('"', '""') + '"'


def qualified(schema: str, name: str) -> str:
    """A schema-qualified identifier as SQL text."""
    return f"{quoted(schema)}.{quoted(name)}"


def literal(text: str) -> str:
    """A text constant that means the same under either setting of `standard_conforming_strings`."""
    if "\0" in text:
        raise ValueError("PostgreSQL's text cannot hold the character U+0000")
    escaped = text.replace("'", "''")
    return f"'{escaped}'" if "\\" not in text else "E'" + escaped.replace("\\", "\\\\") + "'"


def filled(template: str, parts: Mapping[str, str]) -> str:
    """A template with each `{{part}}` replaced once. A part that is not given is a KeyError."""
    return _PLACEHOLDER.sub(lambda found: parts[found.group(1)], template)


def dollar_quoted(body: str) -> str:
    """A text constant between dollar tags that do not occur in it."""
    tag = "$isthmus$"
    while tag in body:
        tag = tag[:-1] + "_$"
    return tag + body + tag


def object_name(step: str) -> str:
    """A short name for the objects that belong to a step: readable, unique, and at most 40 characters of a to z, 0 to 9, _."""
    slug = re.sub(r"[^a-z0-9]+", "_", step.lower()).strip("_")[:31]
    return f"{slug}_{hashlib.sha256(step.encode()).hexdigest()[:8]}".lstrip("_")


def key_text(parts: Sequence[str]) -> str:
    """A row's key as text: the column's own text, or PostgreSQL's JSON array of texts for a key of several columns."""
    return parts[0] if len(parts) == 1 else json.dumps(list(parts), ensure_ascii=False)


def key_parts(key: str, count: int) -> list[str]:
    """The texts of a key's columns. ValueError if the text is not a key of that many columns."""
    if count == 1:
        return [key]
    parts = json.loads(key)
    if not isinstance(parts, list) or len(parts) != count or not all(isinstance(part, str) for part in parts):
        raise ValueError(f"not a key of {count} columns: {key!r}")
    return parts
