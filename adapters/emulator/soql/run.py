"""Running a query over the store."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from adapters.emulator.errors import RequestRefused
from adapters.emulator.schema.catalog import ChildLink
from adapters.emulator.schema.field import TEXT_TYPES, FieldType
from adapters.emulator.soql.aggregates import aggregate
from adapters.emulator.soql.conditions import Conditions
from adapters.emulator.soql.projection import Projection, Record
from adapters.emulator.soql.scope import Bound, Scope
from adapters.emulator.soql.tree import (
    Aggregate,
    ChildQuery,
    CountAll,
    FieldItem,
    FieldsFunction,
    Order,
    Query,
)
from adapters.emulator.store.records import Records
from adapters.emulator.store.table import Table
from adapters.emulator.store.values import Row, Value

_LATEST = "v67.0"


@dataclass(frozen=True, slots=True)
class Result:
    """What a query found. `rows` are a snapshot: later saves do not change them."""

    total: int
    rows: list[Row]
    projection: Projection | None
    aggregates: list[Record] | None
    columns: tuple[str, ...]
    """The selected paths as the client wrote them, for CSV headers."""
    paths: tuple[Bound, ...]

    @property
    def count(self) -> int:
        """How many records there are to fetch: none for COUNT(), whatever its total."""
        return len(self.rows if self.aggregates is None else self.aggregates)

    def page(self, start: int, count: int, version: str = _LATEST) -> list[Record]:
        """Some of the records, rendered."""
        if self.aggregates is not None:
            return self.aggregates[start : start + count]
        if self.projection is None:
            return []
        render = self.projection.render
        return [render(row, version) for row in self.rows[start : start + count]]

    def records(self) -> list[Record]:
        """All records, rendered."""
        return self.page(0, self.total)


def execute(records: Records, user_id: str, query: Query, *, include_deleted: bool = False) -> Result:
    """Check a query against the schema and run it. Raises RequestRefused."""
    scope = _scope(records, user_id, query)
    rows = _select(scope, query, include_deleted=include_deleted or query.all_rows)
    if any(isinstance(item, CountAll) for item in query.items):
        return Result(len(rows), [], None, None, (), ())
    if query.group_by or any(isinstance(item, Aggregate) for item in query.items):
        found = aggregate(scope, query, rows)
        return Result(len(found), [], None, found, (), ())
    paths = tuple(_paths(scope, query))
    projection = Projection(scope, paths)
    for item in query.items:
        if isinstance(item, ChildQuery):
            _add_children(scope, projection, item.query)
    return Result(len(rows), rows, projection, None, paths, tuple(scope.bind(path) for path in paths))


def _scope(records: Records, user_id: str, query: Query) -> Scope:
    anywhere = Scope(records, user_id, next(iter(records.catalog.all())))
    return Scope(records, user_id, anywhere.entity(query.entity), query.alias)


def _select(scope: Scope, query: Query, *, include_deleted: bool) -> list[Row]:
    table = scope.records.table(scope.sobject)
    conditions = Conditions(scope, _semi_join)
    rows: Iterable[Row] = _candidates(table, conditions, query)
    if include_deleted:
        rows = [*rows, *table.bin.values()]
    if query.where is not None:
        rows = filter(conditions.predicate(query.where), rows)
    return _arranged(scope, query, rows)


def _candidates(table: Table, conditions: Conditions, query: Query) -> Iterable[Row]:
    hint = conditions.indexed(query.where)
    if hint is None:
        return table.live.values()
    field, values = hint
    if field.type is FieldType.ID:
        return [row for value in dict.fromkeys(values) if (row := table.live.get(str(value))) is not None]
    return table.find(field, values)


def _arranged(scope: Scope, query: Query, rows: Iterable[Row]) -> list[Row]:
    """Order, offset and limit."""
    grouped = bool(query.group_by) or any(isinstance(item, Aggregate | CountAll) for item in query.items)
    if query.order and not grouped:
        rows = _sorted(scope, query.order, rows)
    arranged = list(rows)
    if grouped and not any(isinstance(item, CountAll) for item in query.items):
        return arranged
    end = None if query.limit is None else query.offset + query.limit
    return arranged[query.offset : end] if query.offset or end is not None else arranged


def _sorted(scope: Scope, order: tuple[Order, ...], rows: Iterable[Row]) -> list[Row]:
    """Rows in the order of the terms: sorted by the last term first, because each sort keeps the order of the one before among equals."""
    arranged = list(rows)
    for term in reversed(order):
        bound = scope.bind(term.path)
        if (
            bound.field.type is FieldType.TEXTAREA and bound.field.length > 255
        ) or bound.field.type is FieldType.ADDRESS:
            raise RequestRefused(
                400, "MALFORMED_QUERY", f"field '{bound.field.name}' can not be sorted in a query call"
            )
        get = bound.get
        unknown = [row for row in arranged if get(row) is None]
        known = [row for row in arranged if get(row) is not None] if unknown else arranged
        known.sort(key=_key(bound), reverse=term.descending)
        arranged = known + unknown if term.nulls_last else unknown + known
    return arranged


def _key(bound: Bound) -> Callable[[Row], Any]:
    """What rows that have a value there are sorted by: texts without regard to case."""
    get = bound.get
    return (lambda row: str(get(row)).casefold()) if bound.field.type in TEXT_TYPES else get


def _paths(scope: Scope, query: Query) -> Iterator[str]:
    for item in query.items:
        match item:
            case FieldItem():
                yield item.path
            case FieldsFunction():
                if item.group != "STANDARD" and (query.limit is None or query.limit > 200):
                    message = "The SOQL FIELDS function must have a LIMIT of at most 200"
                    raise RequestRefused(400, "MALFORMED_QUERY", message)
                for field in scope.sobject.fields:
                    if scope.records.permissions.field_readable(
                        scope.user_id, scope.sobject, field.name
                    ) and (item.group == "ALL" or field.custom == (item.group == "CUSTOM")):
                        yield field.name


def _semi_join(scope: Scope, query: Query) -> Iterable[Value]:
    inner = _scope(scope.records, scope.user_id, query)
    item = query.items[0]
    if len(query.items) != 1 or not isinstance(item, FieldItem):
        raise RequestRefused(400, "MALFORMED_QUERY", "Semi join sub-select must select one field")
    get = inner.bind(item.path).get
    return [value for row in _select(inner, query, include_deleted=False) if (value := get(row)) is not None]


def _add_children(scope: Scope, projection: Projection, query: Query) -> None:
    link = _child_link(scope, query.entity)
    inner = Scope(scope.records, scope.user_id, link.child, query.alias)
    table = scope.records.table(link.child)
    children = Projection(inner, _paths(inner, query))
    accept = Conditions(inner, _semi_join).predicate(query.where) if query.where is not None else None

    def render(row: Row, version: str) -> object:
        found = [child for child in table.find(link.field, (row["Id"],)) if accept is None or accept(child)]
        rows = _arranged(inner, query, found)
        if not rows:
            return None
        return {
            "totalSize": len(rows),
            "done": True,
            "records": [children.render(child, version) for child in rows],
        }

    projection.add(link.field.child_relationship or query.entity, render)


def _child_link(scope: Scope, name: str) -> ChildLink:
    permissions = scope.records.permissions
    for link in scope.records.catalog.children(scope.sobject):
        if (
            (link.field.child_relationship or "").lower() == name.lower()
            and permissions.object_readable(scope.user_id, link.child)
            and permissions.field_readable(scope.user_id, link.child, link.field.name)
        ):
            return link
    message = f"Didn't understand relationship '{name}' in FROM part of query call."
    raise RequestRefused(400, "INVALID_TYPE", message)
