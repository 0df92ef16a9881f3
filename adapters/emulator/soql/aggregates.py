"""Aggregate queries: COUNT(field), COUNT_DISTINCT, MIN, MAX, SUM and AVG, with or without GROUP BY."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from adapters.emulator.errors import RequestRefused
from adapters.emulator.soql.projection import Record
from adapters.emulator.soql.scope import Scope
from adapters.emulator.soql.tree import Aggregate, FieldItem, Query
from adapters.emulator.store.values import Row, Value


def aggregate(scope: Scope, query: Query, rows: Iterable[Row]) -> list[Record]:
    """The result records: one for each group, or a single one without GROUP BY. Raises RequestRefused."""
    grouped_by = [scope.bind(path) for path in query.group_by]
    groups: dict[tuple[Value, ...], list[Row]] = {} if grouped_by else {(): []}
    for row in rows:
        groups.setdefault(tuple(bound.get(row) for bound in grouped_by), []).append(row)
    columns = list(_columns(scope, query))
    return [
        {"attributes": {"type": "AggregateResult"}} | {name: compute(members) for name, compute in columns}
        for members in groups.values()
    ]


def _columns(scope: Scope, query: Query) -> Iterable[tuple[str, Callable[[list[Row]], Value]]]:
    unnamed = 0
    grouped = {path.lower() for path in query.group_by}
    for item in query.items:
        match item:
            case Aggregate():
                name = item.alias or f"expr{unnamed}"
                unnamed += item.alias is None
                yield name, _function(scope, item)
            case FieldItem() if item.path.lower() in grouped:
                yield item.alias or item.path.rsplit(".", 1)[-1], _of_group(scope, item.path)
            case _:
                raise RequestRefused(400, "MALFORMED_QUERY", "Field must be grouped or aggregated")


def _of_group(scope: Scope, path: str) -> Callable[[list[Row]], Value]:
    bound = scope.bind(path)
    return lambda members: bound.get(members[0]) if members else None


def _function(scope: Scope, item: Aggregate) -> Callable[[list[Row]], Value]:
    bound = scope.bind(item.path)

    def compute(members: list[Row]) -> Value:
        values = [value for row in members if (value := bound.get(row)) is not None]
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


def _comparable(value: Value) -> tuple[float, str]:
    return (0.0, value.casefold()) if isinstance(value, str) else (float(value or 0), "")
