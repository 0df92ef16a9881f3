"""Which records or rows of a step take part in it: a condition that the side which holds them judges itself.

A condition on records is SOQL and is judged by Salesforce; one on rows is SQL and is judged by PostgreSQL. Neither is judged here, so
case, collation, time zones and nulls mean what they mean there.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

_WORD: Final = re.compile(r'"(?:[^"]|"")+"|[A-Za-z_\u0080-\U0010ffff][\w$]*')
_TEXT: Final = re.compile(r"""("(?:[^"]|"")+")|'(?:[^']|'')*'""")
"""A quoted name, which is kept, or a text."""
_FOLDED: Final = {ord(letter): ord(letter) + 32 for letter in "ABCDEFGHIJKLMNOPQRSTUVWXYZ"}
"""PostgreSQL makes the letters of ASCII small, and no others."""
_BEHIND: Final = re.compile(rf"\s*\.\s*({_WORD.pattern})")
_OPAQUE: Final = re.compile(r"\bE'|\bU&['\"]|\$|--|/\*", re.IGNORECASE)
"""Texts with escapes, names with escapes, texts in dollars, comments: what stands in such a condition is not looked into."""
_NUMBER: Final = re.compile(r"[+-]?\d{1,30}(?:\.\d{1,30})?")
_BARE: Final = re.compile(
    r"true|false|null|[A-Z_]+(?::\d{1,4})?|\d{4}-\d\d-\d\d(?:T\d\d:\d\d:\d\dZ)?", re.ASCII
)
_ESCAPES: Final = str.maketrans({"\\": "\\\\", "'": "\\'", "\n": "\\n", "\r": "\\r", "\t": "\\t"})


@dataclass(frozen=True, slots=True)
class Filter:
    """One condition. `where` (`file:line`) and `path` say where the configuration writes it.

    `columns` are the columns that a condition on rows may look at: a change of one of them alone can bring a row in or take it out.
    """

    condition: str
    columns: tuple[str, ...] = ()
    where: str = field(default="", compare=False)
    path: str = field(default="", compare=False)


class Operator(StrEnum):
    """How a rule compares a field with its value."""

    EQUALS = "equals"
    NOT_EQUALS = "not_equals"
    LESS = "less_than"
    LESS_OR_EQUAL = "less_or_equal"
    GREATER = "greater_than"
    GREATER_OR_EQUAL = "greater_or_equal"
    STARTS_WITH = "starts_with"
    ENDS_WITH = "ends_with"
    CONTAINS = "contains"
    IN = "in"
    NOT_IN = "not_in"
    INCLUDES = "includes"
    EXCLUDES = "excludes"


_SIGNS: Final = {
    Operator.EQUALS: "=",
    Operator.NOT_EQUALS: "!=",
    Operator.LESS: "<",
    Operator.LESS_OR_EQUAL: "<=",
    Operator.GREATER: ">",
    Operator.GREATER_OR_EQUAL: ">=",
    Operator.IN: "IN",
    Operator.NOT_IN: "NOT IN",
    Operator.INCLUDES: "INCLUDES",
    Operator.EXCLUDES: "EXCLUDES",
}
_PATTERNS: Final = {Operator.STARTS_WITH: "{}%", Operator.ENDS_WITH: "%{}", Operator.CONTAINS: "%{}%"}
LISTED: Final = frozenset({Operator.IN, Operator.NOT_IN, Operator.INCLUDES, Operator.EXCLUDES})
"""Operators that take several values."""


def literal(text: str) -> str:
    """A text as SOQL writes it."""
    return "'" + text.translate(_ESCAPES) + "'"


def compiled(name: str, operator: Operator, values: Sequence[str], *, quoted: bool = True) -> str:
    """One rule as SOQL. `quoted`: the field holds text, so its values are texts; otherwise they are written as they are.

    ValueError where a value cannot be of a field that holds no text.
    """
    if operator in _PATTERNS:
        escaped = values[0].replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
        text = _PATTERNS[operator].format(escaped).replace("'", "\\'")
        return f"{name} LIKE '{text}'"
    written = [literal(value) if quoted and value != "null" else _bare(value) for value in values]
    value = f"({', '.join(written)})" if operator in LISTED else written[0]
    return f"{name} {_SIGNS[operator]} {value}"


def _bare(value: str) -> str:
    if _NUMBER.fullmatch(value) is None and _BARE.fullmatch(value) is None:
        raise ValueError(f"{value[:40]!r} is no number, date, true, false, null or date literal")
    return value


def together(conditions: Sequence[str]) -> str:
    """Several conditions that must all hold."""
    return (
        conditions[0] if len(conditions) == 1 else " AND ".join(f"({condition})" for condition in conditions)
    )


def columns_named(condition: str, table: str, columns: Iterable[str]) -> tuple[str, ...]:
    """The columns that a condition may look at: every one whose name stands in it.

    All of them, if the table's own name does without one of its columns behind it (`is_vip(person)`, `person.*`, `person.is_vip`), or
    if the condition is written so that its names are not easily told from its texts. A few too many cost a captured change that
    changes nothing; one too few would lose a change.
    """
    known = tuple(columns)
    if _OPAQUE.search(condition):
        return known
    text = _TEXT.sub(lambda found: found[1] or "''", condition)
    words = list(_WORD.finditer(text))
    if any(_name(word[0]) == table and _column_behind(text, word.end()) not in known for word in words):
        return known
    named = {_name(word[0]) for word in words}
    return tuple(column for column in known if column in named)


def _name(word: str) -> str:
    """What a word of SQL names."""
    return word[1:-1].replace('""', '"') if word.startswith('"') else word.translate(_FOLDED)


def _column_behind(text: str, end: int) -> str | None:
    """What is named behind the dot that follows there; None if no dot does, or no name."""
    found = _BEHIND.match(text, end)
    return None if found is None else _name(found[1])


STANDARD_FILTERS: Final = ("all", "with_email", "recently_changed")
"""Saved filters on rows that every configuration has without writing them."""

CONDITION_MOST: Final = 4000
"""Characters of a condition: the query around it has to fit into a request line."""


def one_condition(text: str, *, escapes: bool) -> bool:
    """Whether a text can stand in brackets as one condition: it does not end them, nor its own quotes, and is not too long.

    `escapes`: a backslash takes the meaning from the quote behind it, as in SOQL.
    """
    depth, quoted, escaped = 0, False, False
    for letter in text:
        if quoted:
            quoted, escaped = escaped or letter != "'", escapes and letter == "\\" and not escaped
        elif letter == "'":
            quoted = True
        else:
            depth += (letter == "(") - (letter == ")")
            if depth < 0:
                return False
    return not depth and not quoted and bool(text.strip()) and len(text) <= CONDITION_MOST


def compiled_sql(column: str, operator: Operator, values: Sequence[str]) -> str:
    """One rule on a column, whose name is quoted already, as SQL: a value takes the column's type."""
    if operator in _PATTERNS:
        escaped = values[0].replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
        return f"{column}::text ILIKE {_sql(_PATTERNS[operator].format(escaped))}"
    if operator in (Operator.INCLUDES, Operator.EXCLUDES):
        within = " OR ".join(f"{_sql(value)} = ANY ({column})" for value in values)
        return f"({within})" if operator is Operator.INCLUDES else f"NOT ({within})"
    if values == ("null",) and operator in (Operator.EQUALS, Operator.NOT_EQUALS):
        return f"{column} IS {'' if operator is Operator.EQUALS else 'NOT '}NULL"
    if operator is Operator.NOT_EQUALS:
        return f"{column} IS DISTINCT FROM {_sql(values[0])}"
    written = [_sql(value) for value in values]
    value = f"({', '.join(written)})" if operator in LISTED else written[0]
    return f"{column} {_SIGNS[operator]} {value}"


def _sql(text: str) -> str:
    escaped = text.replace("'", "''")
    return f"E'{escaped.replace(chr(92), chr(92) * 2)}'" if "\\" in text else f"'{escaped}'"
