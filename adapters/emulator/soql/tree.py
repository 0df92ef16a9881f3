"""A parsed SOQL query, before it is checked against the schema."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

ANY_LITERALLY, ONE_LITERALLY = "\ue000", "\ue001"
"""What stands for `\\%` and `\\_` in a literal until it is known whether LIKE reads it."""


@dataclass(frozen=True, slots=True)
class Text:
    """A quoted literal, escapes resolved; `pattern` is its form for LIKE."""

    pattern: str

    @property
    def value(self) -> str:
        """The text itself."""
        return self.pattern.replace(ANY_LITERALLY, "%").replace(ONE_LITERALLY, "_")


@dataclass(frozen=True, slots=True)
class Number:
    """A numeric literal."""

    value: float


@dataclass(frozen=True, slots=True)
class Moment:
    """A date or datetime literal, as written."""

    value: str
    whole_day: bool


@dataclass(frozen=True, slots=True)
class DateWord:
    """A date literal such as TODAY or LAST_N_DAYS:30."""

    name: str
    count: int = 0


@dataclass(frozen=True, slots=True)
class Constant:
    """null, true or false."""

    value: bool | None


Literal: TypeAlias = Text | Number | Moment | DateWord | Constant


@dataclass(frozen=True, slots=True)
class Comparison:
    """`path operator literal`; LIKE is one of the operators."""

    path: str
    operator: str
    value: Literal


@dataclass(frozen=True, slots=True)
class Membership:
    """`path [NOT] IN (...)`, over literals or a semi-join."""

    path: str
    values: tuple[Literal, ...] | Query
    negated: bool


@dataclass(frozen=True, slots=True)
class Includes:
    """`path INCLUDES|EXCLUDES (...)` on a multi-select picklist; each text may hold several values joined by `;`."""

    path: str
    values: tuple[Literal, ...]
    negated: bool


@dataclass(frozen=True, slots=True)
class Negation:
    """NOT."""

    part: Condition


@dataclass(frozen=True, slots=True)
class Junction:
    """AND (`every`) or OR of at least two parts."""

    parts: tuple[Condition, ...]
    every: bool


Condition: TypeAlias = Comparison | Membership | Includes | Negation | Junction


@dataclass(frozen=True, slots=True)
class FieldItem:
    """A selected field or parent path."""

    path: str
    alias: str | None = None


@dataclass(frozen=True, slots=True)
class Aggregate:
    """An aggregate function over a field."""

    function: str
    path: str
    alias: str | None


@dataclass(frozen=True, slots=True)
class FieldsFunction:
    """FIELDS(ALL), FIELDS(STANDARD) or FIELDS(CUSTOM)."""

    group: str


@dataclass(frozen=True, slots=True)
class CountAll:
    """COUNT(): only the size is asked for."""


@dataclass(frozen=True, slots=True)
class ChildQuery:
    """A subquery over a child relationship."""

    query: Query


Item: TypeAlias = FieldItem | Aggregate | FieldsFunction | CountAll | ChildQuery


@dataclass(frozen=True, slots=True)
class Order:
    """One ORDER BY term."""

    path: str
    descending: bool
    nulls_last: bool


@dataclass(frozen=True, slots=True)
class Query:
    """A whole query. `text` is what the client sent, for error messages."""

    items: tuple[Item, ...]
    entity: str
    alias: str | None = None
    where: Condition | None = None
    group_by: tuple[str, ...] = ()
    having: Condition | None = None
    order: tuple[Order, ...] = ()
    limit: int | None = None
    offset: int = 0
    all_rows: bool = False
    text: str = ""
