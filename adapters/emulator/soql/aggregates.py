"""Aggregate queries: COUNT(field), COUNT_DISTINCT, MIN, MAX, SUM and AVG, with or without GROUP BY, HAVING and ORDER BY."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeAlias

from adapters.emulator.errors import RequestRefused
from adapters.emulator.schema.field import DECIMAL_TYPES, FieldType
from adapters.emulator.soql.projection import Record
from adapters.emulator.soql.scope import Scope
from adapters.emulator.soql.tree import (
    Aggregate,
    Comparison,
    Condition,
    Constant,
    FieldItem,
    Junction,
    Literal,
    Negation,
    Number,
    Query,
    Text,
)
from adapters.emulator.store.values import Row, Value

_Group: TypeAlias = list[Row]
_Term: TypeAlias = Callable[[_Group], Value]
_CALL = re.compile(r"(\w+)\((.+)\)\Z")
_TESTS: dict[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def aggregate(scope: Scope, query: Query, rows: Iterable[Row]) -> list[Record]:
    """The result records: one for each group, or a single one without GROUP BY. Raises RequestRefused."""
    terms = _Terms(scope, query)
    columns = list(terms.columns())
    groups = _arranged(terms, query, _groups(scope, query, rows))
    return [
        {"attributes": {"type": "AggregateResult"}} | {name: compute(group) for name, compute in columns}
        for group in groups
    ]


def _groups(scope: Scope, query: Query, rows: Iterable[Row]) -> list[_Group]:
    if not query.group_by:
        return [list(rows)]
    getters = [scope.bind(path).get for path in query.group_by]
    groups: dict[tuple[Value, ...], _Group] = {}
    for row in rows:
        groups.setdefault(tuple(get(row) for get in getters), []).append(row)
    return list(groups.values())


def _arranged(terms: _Terms, query: Query, groups: list[_Group]) -> list[_Group]:
    """HAVING, then order, offset and limit."""
    if query.having is not None:
        holds = terms.predicate(query.having)
        groups = [group for group in groups if holds(group)]
    for order in reversed(
        query.order
    ):  # from the last term to the first: each sort keeps the order of the one before
        term = terms.term(order.path)
        known = [group for group in groups if term(group) is not None]
        unknown = [group for group in groups if term(group) is None]
        known.sort(key=lambda group: _comparable(term(group)), reverse=order.descending)
        groups = [*known, *unknown] if order.nulls_last else [*unknown, *known]
    end = None if query.limit is None else query.offset + query.limit
    return groups[query.offset : end]


class _Terms:
    """What an aggregate query may select, sort by and test: aggregates, and the fields it groups by."""

    def __init__(self, scope: Scope, query: Query) -> None:
        self._scope = scope
        self._items: Sequence[object] = query.items
        self._grouped = {path.lower() for path in query.group_by}
        self._aliases = {
            item.alias.lower(): item for item in query.items if isinstance(item, Aggregate) and item.alias
        }

    def columns(self) -> Iterable[tuple[str, _Term]]:
        """The selected columns by their names; those without a name are numbered. Raises RequestRefused."""
        unnamed = 0
        for item in self._items:
            match item:
                case Aggregate():
                    name = item.alias or f"expr{unnamed}"
                    unnamed += item.alias is None
                    yield name, _function(self._scope, item)
                case FieldItem() if item.path.lower() in self._grouped:
                    yield item.alias or item.path.rsplit(".", 1)[-1], self._of_group(item.path)
                case _:
                    raise _ungrouped()

    def term(self, path: str) -> _Term:
        """A term of HAVING or ORDER BY: a call such as `count(Id)`, an alias, or a grouped field. Raises RequestRefused."""
        call = _CALL.match(path)
        if call is not None:
            return _function(self._scope, Aggregate(call[1], call[2], None))
        alias = self._aliases.get(path.lower())
        if alias is not None:
            return _function(self._scope, alias)
        if path.lower() not in self._grouped:
            raise _ungrouped()
        return self._of_group(path)

    def predicate(self, condition: Condition) -> Callable[[_Group], bool]:
        """Whether a group satisfies a HAVING condition. Raises RequestRefused."""
        match condition:
            case Comparison() if condition.operator in _TESTS:
                return self._comparison(condition)
            case Negation():
                inner = self.predicate(condition.part)
                return lambda group: not inner(group)
            case Junction():
                parts = [self.predicate(part) for part in condition.parts]
                return lambda group: (all if condition.every else any)(part(group) for part in parts)
            case _:
                raise RequestRefused(400, "MALFORMED_QUERY", "HAVING takes comparisons only")

    def _comparison(self, condition: Comparison) -> Callable[[_Group], bool]:
        term, test = self.term(condition.path), _TESTS[condition.operator]
        wanted = _literal(condition.value)

        def holds(group: _Group) -> bool:
            value = term(group)
            if value is None or wanted is None:
                return test(value, wanted) if condition.operator in {"=", "!="} else False
            return test(_comparable(value), _comparable(wanted))

        return holds

    def _of_group(self, path: str) -> _Term:
        bound = self._scope.bind(path)
        return lambda group: bound.get(group[0]) if group else None


def _function(scope: Scope, item: Aggregate) -> _Term:
    bound = scope.bind(item.path)
    if item.function in {"sum", "avg"} and bound.field.type not in {*DECIMAL_TYPES, FieldType.INT}:
        message = f"field {bound.field.name} does not support aggregate operator {item.function.upper()}"
        raise RequestRefused(400, "MALFORMED_QUERY", message)

    def compute(group: _Group) -> Value:
        values = [value for row in group if (value := bound.get(row)) is not None]
        numbers = [float(value) for value in values if isinstance(value, int | float)]
        match item.function:
            case "count":
                return len(values)
            case "count_distinct":
                return len(set(values))
            case "sum":
                return sum(numbers) if numbers else None
            case "avg":
                return sum(numbers) / len(numbers) if numbers else None
            case "min":
                return min(values, key=_comparable, default=None)
            case _:
                return max(values, key=_comparable, default=None)

    return compute


def _literal(literal: Literal) -> Value:
    match literal:
        case Number() | Text() | Constant():
            return literal.value
        case _:
            raise RequestRefused(400, "MALFORMED_QUERY", "HAVING compares with numbers and texts only")


def _comparable(value: Value) -> tuple[float, str]:
    return (0.0, value.casefold()) if isinstance(value, str) else (float(value or 0), "")


def _ungrouped() -> RequestRefused:
    return RequestRefused(400, "MALFORMED_QUERY", "Field must be grouped or aggregated")
