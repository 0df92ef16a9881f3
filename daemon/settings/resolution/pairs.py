"""Which Salesforce type fits which PostgreSQL type, and what the pair has in common.

A pair is allowed where a value survives the way there and back. Numbers are exact on both sides: `real` keeps six
digits and `money` depends on a setting of the server, so neither is. An instant needs a column that knows its time zone.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from daemon.domain.mapping import Kind
from daemon.ports.salesforce import FieldDescription

_TYPE: Final = re.compile(
    r"(?P<base>[^(\[]+?)(?:\((?P<first>\d+)(?:,(?P<second>-?\d+))?\))?(?P<rest>(?: [a-z ]+)?)(?P<array>(?:\[\])*)"
)


@dataclass(frozen=True, slots=True)
class PostgresType:
    """A type as the catalogue spells it, taken apart: `numeric(12,2)`, `character varying(80)[]`."""

    base: str
    first: int | None = None  # precision of a number, length of a text
    second: int | None = None  # decimals
    array: bool = False

    @property
    def known(self) -> bool:
        """Whether it is one of PostgreSQL's own types that this module knows; others are enums, domains, extensions'."""
        return self.base in _KNOWN


def postgres_type(spelling: str) -> PostgresType:
    """A type taken apart."""
    match = _TYPE.fullmatch(spelling.strip())
    if match is None:
        return PostgresType(spelling.strip())
    first, second = (int(number) if number else None for number in (match["first"], match["second"]))
    if first is not None and second is None and match["base"] == "numeric":
        second = 0
    return PostgresType((match["base"] + match["rest"]).strip(), first, second, bool(match["array"]))


TEXTS: Final = ("text", "character varying", "character", "citext", "name")
WHOLE: Final = ("smallint", "integer", "bigint")
_NUMBERS: Final = (*WHOLE, "numeric", "double precision")
_JSON: Final = ("json", "jsonb")
_KNOWN: Final = frozenset(
    {
        *TEXTS,
        *_NUMBERS,
        *_JSON,
        "boolean",
        "bytea",
        "date",
        "inet",
        "interval",
        "money",
        "real",
        "time with time zone",
        "time without time zone",
        "timestamp with time zone",
        "timestamp without time zone",
        "uuid",
        "xml",
    }
)

_SHORT_TEXT: Final[Mapping[str, Kind]] = dict.fromkeys((*TEXTS, "uuid"), Kind.TEXT)
_LONG_TEXT: Final[Mapping[str, Kind]] = {**_SHORT_TEXT, **dict.fromkeys(_JSON, Kind.JSON)}
_PICK: Final[Mapping[str, Kind]] = dict.fromkeys(TEXTS, Kind.TEXT)
_NUMBER: Final[Mapping[str, Kind]] = dict.fromkeys(_NUMBERS, Kind.NUMBER)
_REFERENCE: Final[Mapping[str, Kind]] = dict.fromkeys(TEXTS, Kind.REFERENCE)

_PAIRS: Final[Mapping[str, Mapping[str, Kind]]] = {
    "string": _LONG_TEXT,
    "textarea": _LONG_TEXT,
    "encryptedstring": _SHORT_TEXT,
    "email": _PICK,
    "phone": _PICK,
    "url": _PICK,
    "picklist": _PICK,
    "combobox": _PICK,
    "boolean": {"boolean": Kind.BOOLEAN},
    "int": _NUMBER,
    "long": _NUMBER,
    "double": _NUMBER,
    "currency": _NUMBER,
    "percent": _NUMBER,
    "date": {"date": Kind.DATE},
    "datetime": {"timestamp with time zone": Kind.DATETIME},
    "time": {"time without time zone": Kind.TIME},
    "id": _REFERENCE,
    "reference": _REFERENCE,
}
_ARRAYS: Final[Mapping[str, Mapping[str, Kind]]] = {
    "multipicklist": {"text": Kind.SET, "character varying": Kind.SET, "citext": Kind.SET},
}
ID_LENGTH: Final = 18


@dataclass(frozen=True, slots=True)
class Pair:
    """What a pair of types has in common: its kind, decimals, and characters. `caution` is a word of warning."""

    kind: Kind
    scale: int | None = None
    length: int | None = None
    caution: str = ""


def pair(field: FieldDescription, column: str, *, lookup: bool = False) -> Pair | None:
    """What a field and a column of this type have in common; None if they do not fit.

    A `lookup` column holds another row's key, whatever its type.
    """
    found = postgres_type(column)
    if lookup:
        return Pair(Kind.REFERENCE) if field.type == "reference" and not found.array else None
    table = _ARRAYS if found.array else _PAIRS
    kind = table.get(field.type, {}).get(found.base)
    caution = ""
    if kind is None and not found.known and not found.array and field.type in _PAIRS:
        kind = Kind.TEXT if "text" in _PAIRS[field.type] and _PAIRS[field.type]["text"] is Kind.TEXT else None
        caution = f"{column} is a type of the application's own: a value that it refuses is parked"
    if kind is None or (kind is Kind.REFERENCE and found.first is not None and found.first < ID_LENGTH):
        return None
    return _measured(field, found, kind, caution)


def _measured(field: FieldDescription, found: PostgresType, kind: Kind, caution: str) -> Pair:
    if kind is Kind.NUMBER:
        return _number(field, found)
    length = field.length or None
    if kind is Kind.TEXT and found.first is not None and length is not None and found.first < length:
        caution = f"the column holds {found.first} characters and Salesforce {length}: longer text is parked"
    return Pair(kind, None, length if kind in {Kind.TEXT, Kind.JSON} else None, caution)


def _number(field: FieldDescription, found: PostgresType) -> Pair:
    """Both sides round to the fewer decimals, so that a round trip changes nothing."""
    there = 0 if field.type in {"int", "long"} else field.scale
    here = 0 if found.base in WHOLE else found.second
    if found.base == "double precision":
        return Pair(Kind.NUMBER, there, None, "double precision keeps 15 digits; numeric keeps them all")
    if here is None or here == there:
        return Pair(Kind.NUMBER, there)
    fewer, side = (here, "the column") if here < there else (there, "Salesforce")
    caution = (
        f"{side} keeps {fewer} decimals and the other side {max(here, there)}: numbers are rounded to {fewer}"
    )
    return Pair(Kind.NUMBER, fewer, None, caution)


def fitting(field: FieldDescription) -> str:
    """The PostgreSQL types that fit a field, for people; empty if none does."""
    if field.type in _ARRAYS:
        return "text[]"
    names = [name for name in _PAIRS.get(field.type, {}) if name not in {"name", "character", "citext"}]
    if field.type in {"double", "currency", "percent"} and field.precision:
        names = [f"numeric({field.precision},{field.scale})", *(n for n in names if n != "numeric")]
    return ", ".join(names)


def same_family(one: str, other: str) -> bool:
    """Whether two columns can hold the same key: both whole numbers, both texts, or the same type."""
    first, second = postgres_type(one), postgres_type(other)
    if first.array or second.array:
        return False
    families = (WHOLE, TEXTS)
    return first.base == second.base or any(first.base in f and second.base in f for f in families)
