"""Whether an action's value can be of the type of the column that it is for."""

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Final
from uuid import UUID

from daemon.domain.mapping import Table

_NUMBER: Final = "a number"
_MOMENT: Final = "a time"
_UUID: Final = "a UUID"
_BOOLEAN: Final = "true or false"

_FAMILIES: Final[Mapping[str, str]] = {
    **dict.fromkeys(("smallint", "integer", "bigint", "numeric", "real", "double precision"), _NUMBER),
    **dict.fromkeys(("date", "timestamp with time zone", "timestamp without time zone"), _MOMENT),
    "uuid": _UUID,
    "boolean": _BOOLEAN,
}
_TRUTH: Final = frozenset({"t", "true", "y", "yes", "on", "1", "f", "false", "n", "no", "off", "0"})


def misfit(template: str, kind: str, table: Table) -> str | None:
    """What a column of type `kind` (PostgreSQL's own spelling) wants instead of this template; None where it may fit.

    `table` is the step's. What cannot be told without asking PostgreSQL, such as a literal time, may fit.
    """
    wanted = _family(kind)
    if wanted is None:
        return None
    if template.startswith("$") and not template.startswith("$$"):
        return None if _filled_by(template, table) in (wanted, None) else wanted
    parse = _LITERALS.get(_base(kind)) or _LITERALS.get(wanted)
    text = template.removeprefix("$").strip()
    return wanted if parse is not None and not _reads(parse, text) else None


def _filled_by(template: str, table: Table) -> str | None:
    """What a placeholder gives, as far as it is known; a key that is text may be anything."""
    if template.startswith("$key"):
        column = template.removeprefix("$key.") if "." in template else table.key[0]
        return _family(table.types.get(column, "text"))
    return _MOMENT if template == "$at" else "a text"


def _base(kind: str) -> str:
    """A type without its modifiers: `numeric(12,2)` and `timestamp(3) with time zone` included."""
    before, bracket, after = kind.partition("(")
    return before + after.partition(")")[2] if bracket else kind


def _family(kind: str) -> str | None:
    return _FAMILIES.get(_base(kind))


def _reads(parse: Callable[[str], object], text: str) -> bool:
    try:
        return parse(text) is not False
    except (ValueError, ArithmeticError):
        return False


_LITERALS: Final[Mapping[str, Callable[[str], object]]] = {
    **{name: lambda text: int(text) is not None for name in ("smallint", "integer", "bigint")},
    _NUMBER: lambda text: Decimal(text) is not None,
    _UUID: lambda text: UUID(text) is not None,
    _BOOLEAN: lambda text: text.lower() in _TRUTH,
}
