"""How a column's value crosses as text, as SQL expressions by the column's type.

Outwards a value is PostgreSQL's own text of it, or JSON text for an array. Inwards text is cast to the column's type
without its length: an explicit cast to `varchar(5)` would cut the value in silence, while the assignment that follows
refuses what is too long.
"""

import re
from collections.abc import Mapping, Sequence

from adapters.postgres.identifiers import literal, quoted

_LENGTH = re.compile(r"\(\s*-?\d+(\s*,\s*-?\d+)?\s*\)")
_LENGTHLESS = {"character": "bpchar", "character varying": "text", "bit": "varbit", "bit varying": "varbit"}
_TEXTUAL = frozenset({"text", "bpchar", "citext"})
_WHOLE = re.compile(r"[+-]?[0-9]{1,19}")
_WHOLE_BITS = {"smallint": 15, "integer": 31, "bigint": 63}
_PATTERNS: Mapping[str, re.Pattern[str]] = {
    "numeric": re.compile(r"[+-]?[0-9]{1,100}(\.[0-9]{1,100})?"),
    "uuid": re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"),
}
_EXACT_KEYS = frozenset({"smallint", "integer", "bigint", "uuid"})
_EXACT = _EXACT_KEYS | {
    "boolean",
    "numeric",
    "date",
    "timestamp with time zone",
    "timestamp without time zone",
}
_PLAIN = _EXACT_KEYS | _TEXTUAL | {"boolean", "numeric", "json", "jsonb"}


def is_array(type_name: str) -> bool:
    """Whether a type is an array, by PostgreSQL's spelling of it."""
    return type_name.endswith("[]")


def cast_type(type_name: str) -> str:
    """The type to cast text to: as spelled, without a length or precision."""
    if is_array(type_name):
        return cast_type(type_name[:-2]) + "[]"
    bare = _LENGTH.sub("", type_name)
    return _LENGTHLESS.get(bare, bare)


def out(alias: str, column: str, type_name: str) -> str:
    """A column's value as text."""
    value = f"{alias}.{quoted(column)}"
    return f"to_json({value})::text" if is_array(type_name) else f"{value}::text"


def into(expression: str, type_name: str) -> str:
    """Text as a value of a column's type."""
    target = cast_type(type_name)
    if not is_array(type_name):
        return f"{expression}::{target}"
    elements = f"ARRAY(SELECT json_array_elements_text({expression}::json))::{target}"
    return f"CASE WHEN {expression} IS NOT NULL THEN {elements} END"


def staging_type(type_name: str) -> str:
    """The type of a staged column for a column of this type: its own without a length, or JSON text for an array."""
    return "text" if is_array(type_name) else cast_type(type_name)


def staged(expression: str, type_name: str) -> str:
    """A staged column's value as one of the column that it is for."""
    return into(expression, type_name) if is_array(type_name) else expression


def key_out(alias: str, columns: Sequence[str]) -> str:
    """The text of a row's key."""
    texts = [f"{alias}.{quoted(column)}::text" for column in columns]
    return texts[0] if len(texts) == 1 else f"json_build_array({', '.join(texts)})::text"


def same_key(left: str, right: str, columns: Sequence[str], types: Mapping[str, str]) -> str:
    """Whether two rows have one key, letter by letter whatever the columns' collations."""
    return " AND ".join(
        f"{_comparable(left, column, types[column], _EXACT_KEYS)}"
        f" = {_comparable(right, column, types[column], _EXACT_KEYS)}"
        for column in columns
    )


def differs(left: str, right: str, column: str, type_name: str) -> str:
    """Whether a column differs between two rows, letter by letter whatever its collation."""
    return (
        f"{_comparable(left, column, type_name, _EXACT)}"
        f" IS DISTINCT FROM {_comparable(right, column, type_name, _EXACT)}"
    )


def document(alias: str, columns: Mapping[str, str], where: Mapping[str, str] | None = None) -> str:
    """A `jsonb` object of columns (name to type) in text; with `where`, of those whose condition holds.

    Made of two arrays, because every node of an expression costs a captured statement some time before its first row.
    """
    if not columns:
        return "'{}'::jsonb"
    names = ", ".join(literal(column) for column in columns)
    texts = ", ".join(out(alias, column, type_name) for column, type_name in columns.items())
    whole = f"jsonb_object(ARRAY[{names}]::text[], ARRAY[{texts}]::text[])"
    if where is None:
        return whole
    left_out = ", ".join(f"CASE WHEN NOT ({where[column]}) THEN {literal(column)} END" for column in columns)
    return f"{whole} - ARRAY[{left_out}]::text[]"


def text_settings(types: Sequence[str]) -> tuple[str, ...]:
    """The settings without which the text of these types would depend on who asks."""
    bare = {cast_type(type_name).removesuffix("[]") for type_name in types}
    if bare <= _PLAIN:
        return ()
    return (
        "SET timezone = 'UTC'",
        "SET datestyle = 'ISO, YMD'",
        "SET intervalstyle = 'iso_8601'",
        "SET bytea_output = 'hex'",
        "SET extra_float_digits = 1",
    )


def comparison(column: str, type_name: str) -> tuple[str, str]:
    """How to look for texts in a column: the column's side, and the type to cast a text to.

    In the column's own type, so that its index serves, where `fits` can tell beforehand which texts are of that type.
    """
    own = cast_type(type_name)
    if own in _TEXTUAL or own in _WHOLE_BITS or own in _PATTERNS:
        return f"t.{quoted(column)}", own
    return out("t", column, type_name), "text"


def fits(text: str, type_name: str) -> bool:
    """Whether a text can be cast to a type, as far as that can be told here: true for types that are not known well."""
    own = cast_type(type_name)
    if "\0" in text:
        return False
    if own in _WHOLE_BITS:
        limit = 2 ** _WHOLE_BITS[own]
        return _WHOLE.fullmatch(text) is not None and -limit <= int(text) < limit
    return own not in _PATTERNS or _PATTERNS[own].fullmatch(text) is not None


def _comparable(alias: str, column: str, type_name: str, exact: frozenset[str]) -> str:
    if cast_type(type_name) in exact:
        return f"{alias}.{quoted(column)}"
    return f'{alias}.{quoted(column)}::text COLLATE "C"'
