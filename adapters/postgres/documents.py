"""JSON as it is stored in `jsonb` columns.

PostgreSQL's `jsonb` refuses the character U+0000 and UTF-8 has no lone surrogates, yet either may stand in text that comes
from outside. Such a character is stored as U+FFFD, so that a decision about a hostile value can still be written down.
"""

from typing import Any

import orjson

_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"


def encode(value: object) -> str:
    """The JSON text of a value that is made of mappings, sequences, text, numbers, flags and instants."""
    try:
        text = orjson.dumps(value).decode()
    except orjson.JSONEncodeError:
        return orjson.dumps(_storable(value)).decode()
    return text if "\\u0000" not in text else orjson.dumps(_storable(value)).decode()


def decode(text: str) -> Any:
    """The value of a JSON text."""
    return orjson.loads(text)


def storable_text(text: str) -> str:
    """Text that PostgreSQL can store."""
    return "".join(_REPLACEMENT if c == "\0" or "\ud800" <= c <= "\udfff" else c for c in text)


def _storable(value: object) -> object:
    if isinstance(value, str):
        return storable_text(value)
    if isinstance(value, dict):
        return {storable_text(str(name)): _storable(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_storable(item) for item in value]
    return value
