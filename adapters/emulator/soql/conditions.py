"""WHERE: conditions compiled to predicates over rows, and the use of an index where one helps.

Text compares without regard to case (except in case-sensitive fields), null is unequal to every value, and ids may be given with 15 or 18
characters.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterable
from datetime import date
from typing import Any, TypeAlias, assert_never

from adapters.emulator import ids
from adapters.emulator.clock import parse_datetime, rest_datetime
from adapters.emulator.errors import RequestRefused
from adapters.emulator.schema.field import DECIMAL_TYPES, TEXT_TYPES, Field, FieldType
from adapters.emulator.soql.dates import span_of
from adapters.emulator.soql.scope import Bound, Scope
from adapters.emulator.soql.tree import (
    ANY_LITERALLY,
    ONE_LITERALLY,
    Comparison,
    Condition,
    Constant,
    DateWord,
    Includes,
    Junction,
    Literal,
    Membership,
    Moment,
    Negation,
    Number,
    Query,
    Text,
)
from adapters.emulator.store.values import Row, Value

Predicate: TypeAlias = Callable[[Row], bool]
SemiJoin: TypeAlias = Callable[[Scope, Query], Iterable[Value]]

_ORDERED: dict[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_TIMES = frozenset({FieldType.DATE, FieldType.DATETIME})
_IDS = frozenset({FieldType.ID, FieldType.REFERENCE})


class Conditions:
    """Compiles the conditions of one query. `semi_join` runs a subquery inside IN."""

    def __init__(self, scope: Scope, semi_join: SemiJoin) -> None:
        self._scope = scope
        self._semi_join = semi_join

    def predicate(self, condition: Condition) -> Predicate:
        """A function that tells whether a row satisfies the condition. Raises RequestRefused."""
        match condition:
            case Comparison():
                return self._comparison(condition)
            case Membership():
                return self._membership(condition)
            case Includes():
                return self._includes(condition)
            case Negation():
                inner = self.predicate(condition.part)
                return lambda row: not inner(row)
            case Junction():
                parts = [self.predicate(part) for part in condition.parts]
                if condition.every:
                    return lambda row: all(part(row) for part in parts)
                return lambda row: any(part(row) for part in parts)
            case _:
                assert_never(condition)

    def indexed(self, condition: Condition | None) -> tuple[Field, list[Value]] | None:
        """A field with an index and the values it must have for the whole condition to hold; None when there is no such field."""
        match condition:
            case Junction(every=True):
                hints = (self.indexed(part) for part in condition.parts)
                return next((hint for hint in hints if hint is not None), None)
            case Comparison(operator="="):
                return self._hint(condition.path, (condition.value,))
            case Membership(negated=False) if isinstance(condition.values, tuple):
                return self._hint(condition.path, condition.values)
            case _:
                return None

    def _hint(self, path: str, literals: tuple[Literal, ...]) -> tuple[Field, list[Value]] | None:
        bound = self._scope.bind(path)
        if not bound.direct or not (bound.field.indexed or bound.field.type is FieldType.ID):
            return None
        values = [value_of(bound.field, literal) for literal in literals if not isinstance(literal, DateWord)]
        return (bound.field, values) if len(values) == len(literals) and None not in values else None

    def _comparison(self, condition: Comparison) -> Predicate:
        bound = self._filterable(condition.path)
        if condition.operator == "like":
            return _like(bound, condition.value)
        if isinstance(condition.value, DateWord):
            return self._in_span(bound, condition.operator, condition.value)
        wanted = _fold(bound.field, value_of(bound.field, condition.value))
        get, field = bound.get, bound.field
        if condition.operator == "=":
            return lambda row: _fold(field, get(row)) == wanted
        if condition.operator == "!=":
            return lambda row: _fold(field, get(row)) != wanted
        compare = _ORDERED[condition.operator]
        if wanted is None or field.type is FieldType.BOOLEAN:
            raise _invalid(f"field '{field.name}' does not support the operator '{condition.operator}'")

        folded = field.type in TEXT_TYPES

        def ordered(row: Row) -> bool:
            value = _fold(field, get(row)) if folded else get(row)
            return value is not None and compare(value, wanted)

        return ordered

    def _membership(self, condition: Membership) -> Predicate:
        bound = self._filterable(condition.path)
        get, field = bound.get, bound.field
        if isinstance(condition.values, Query):
            found = self._semi_join(self._scope, condition.values)
            wanted = {_fold(field, value) for value in found}
        else:
            wanted = {_fold(field, value_of(field, literal)) for literal in condition.values}
        if condition.negated:
            return lambda row: _fold(field, get(row)) not in wanted
        return lambda row: _fold(field, get(row)) in wanted

    def _includes(self, condition: Includes) -> Predicate:
        bound = self._filterable(condition.path)
        if bound.field.type is not FieldType.MULTIPICKLIST:
            raise _invalid(
                f"includes or excludes operator only valid on multipicklist field: {bound.field.name}"
            )
        get = bound.get
        groups = [
            frozenset(part.strip().lower() for part in literal.value.split(";"))
            for literal in condition.values
            if isinstance(literal, Text)
        ]

        def included(row: Row) -> bool:
            chosen = {part.lower() for part in str(get(row) or "").split(";") if part}
            return any(group <= chosen for group in groups)

        return (lambda row: not included(row)) if condition.negated else included

    def _in_span(self, bound: Bound, sign: str, word: DateWord) -> Predicate:
        first_day, after = span_of(word, self._scope.records.clock.now())
        suffix = "T00:00:00.000+0000" if bound.field.type is FieldType.DATETIME else ""
        if bound.field.type not in {FieldType.DATE, FieldType.DATETIME}:
            raise _wrong_type(bound.field)
        start, end, get = f"{first_day.isoformat()}{suffix}", f"{after.isoformat()}{suffix}", bound.get
        tests: dict[str, Callable[[str], bool]] = {
            "=": lambda text: start <= text < end,
            "!=": lambda text: not start <= text < end,
            "<": lambda text: text < start,
            "<=": lambda text: text < end,
            ">": lambda text: text >= end,
            ">=": lambda text: text >= start,
        }
        test = tests[sign]

        def holds(row: Row) -> bool:
            value = get(row)
            return test(value) if isinstance(value, str) else sign == "!="

        return holds

    def _filterable(self, path: str) -> Bound:
        bound = self._scope.bind(path)
        if (
            bound.field.type is FieldType.TEXTAREA and bound.field.length > 255
        ) or bound.field.type is FieldType.ADDRESS:
            raise _invalid(f"field '{bound.field.name}' can not be filtered in a query call")
        return bound


def value_of(field: Field, literal: Literal) -> Value:
    """The stored form of a literal for this field. Raises RequestRefused when its kind does not fit the field."""
    if isinstance(literal, Constant) and literal.value is None:
        return None
    match literal:
        case Text() if field.type in _IDS:
            canonical = ids.canonical(literal.value)
            if canonical is None and literal.value:
                raise RequestRefused(
                    400, "INVALID_QUERY_FILTER_OPERATOR", f"invalid ID field: {literal.value}"
                )
            return canonical
        case Text() if field.type in TEXT_TYPES or field.type is FieldType.TIME:
            return literal.value or None
        case Number() if field.type in DECIMAL_TYPES or field.type is FieldType.INT:
            return literal.value
        case Constant() if field.type is FieldType.BOOLEAN:
            return literal.value
        case Moment() if literal.whole_day is (field.type is FieldType.DATE) and field.type in _TIMES:
            return _instant(literal)
        case _:
            raise _wrong_type(field)


def _instant(literal: Moment) -> str:
    """The stored form of a date or datetime. Raises RequestRefused for one that no calendar has."""
    try:
        if literal.whole_day:
            return date.fromisoformat(literal.value).isoformat()
        return rest_datetime(parse_datetime(literal.value))
    except (ValueError, OverflowError):
        raise RequestRefused(400, "MALFORMED_QUERY", f"invalid date or datetime: {literal.value}") from None


def _like(bound: Bound, literal: Literal) -> Predicate:
    if not isinstance(literal, Text) or bound.field.type not in TEXT_TYPES:
        raise _invalid(f"invalid operator on {bound.field.type} field")
    pattern = _pattern(literal.pattern)
    get = bound.get

    def like(row: Row) -> bool:
        value = get(row)
        return isinstance(value, str) and pattern.fullmatch(value) is not None

    return like


_LIKE = {"_": ".", ANY_LITERALLY: "%", ONE_LITERALLY: "_"}


def _pattern(text: str) -> re.Pattern[str]:
    """LIKE as an expression. Each piece between `%` is found at its first place for good, so that no text takes long."""
    pieces = ["".join(_LIKE.get(c) or re.escape(c) for c in piece) for piece in text.split("%")]
    first, *rest = pieces
    if rest:
        *inner, last = rest
        first += "".join(f"(?>.*?{piece})" for piece in inner) + f".*{last}"
    return re.compile(first, re.IGNORECASE | re.DOTALL)


def _fold(field: Field, value: Value) -> Value:
    return (
        value.casefold()
        if isinstance(value, str) and field.type in TEXT_TYPES and not field.case_sensitive
        else value
    )


def _wrong_type(field: Field) -> RequestRefused:
    quoted = (
        "should be enclosed in quotes" if field.type in TEXT_TYPES else "should not be enclosed in quotes"
    )
    return _invalid(
        f"value of filter criterion for field '{field.name}' must be of type {field.type.value} and {quoted}"
    )


def _invalid(message: str) -> RequestRefused:
    return RequestRefused(400, "INVALID_FIELD", message)
