"""Salesforce record ids and row keys."""

import json
from typing import Final

_SUFFIX: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"


def record_id(text: str) -> str:
    """The 18-character form of a record id; ValueError if it is none.

    The first 15 characters are case-sensitive. The last three encode which of them are upper case, five to a
    character, the leftmost of each five being the least significant bit.
    """
    if len(text) not in (15, 18) or not text.isascii() or not text.isalnum():
        message = f"not a Salesforce record id: {text[:30]!r}"
        raise ValueError(message)
    head = text[:15]
    suffix = "".join(
        _SUFFIX[sum(1 << bit for bit, letter in enumerate(head[start : start + 5]) if "A" <= letter <= "Z")]
        for start in (0, 5, 10)
    )
    if len(text) == 18 and text[15:].upper() != suffix:
        message = f"not a Salesforce record id, its check characters are wrong: {text!r}"
        raise ValueError(message)
    return head + suffix


def row_key(parts: tuple[str, ...]) -> str:
    """A row's key as text: the column's own text, or a JSON array of texts where the key has several columns."""
    if len(parts) == 1:
        return parts[0]
    return json.dumps(list(parts), ensure_ascii=False)


def key_parts(key: str, columns: int) -> tuple[str, ...]:
    """The texts of a row key's columns; ValueError if the key has another shape."""
    if columns == 1:
        return (key,)
    parts = json.loads(key)
    if not isinstance(parts, list) or len(parts) != columns:
        message = f"a key of {columns} columns is written as a JSON array of {columns} texts: {key[:80]!r}"
        raise ValueError(message)
    return tuple(str(part) for part in parts)
