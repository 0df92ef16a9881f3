"""Names of a query bound to the schema, as one user sees it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeAlias

from adapters.emulator.errors import RequestRefused
from adapters.emulator.schema.field import Field
from adapters.emulator.schema.sobject import SObject
from adapters.emulator.store.records import Records
from adapters.emulator.store.values import Row, Value

Getter: TypeAlias = Callable[[Row], Value]


@dataclass(frozen=True, slots=True)
class Bound:
    """A path of the query: the field at its end, and how to get its value from a row of the query's object."""

    field: Field
    get: Getter
    direct: bool
    """Whether the field belongs to the queried object itself, not to a parent."""

    def values(self, rows: Iterable[Row]) -> list[Value]:
        """The values of many rows, as `get` would give them one by one."""
        if self.direct:
            name = self.field.name
            return [row.get(name) for row in rows]
        return [self.get(row) for row in rows]


@dataclass(frozen=True, slots=True)
class Scope:
    """Where names are looked up: an object, for one user, in one state of the store."""

    records: Records
    user_id: str
    sobject: SObject
    alias: str | None = None

    def into(self, sobject: SObject) -> Scope:
        """The scope of another object for the same user."""
        return Scope(self.records, self.user_id, sobject)

    def entity(self, name: str) -> SObject:
        """An object type the user may read. Raises RequestRefused with INVALID_TYPE."""
        sobject = self.records.catalog.get(name)
        if sobject is None or not self.records.permissions.object_readable(self.user_id, sobject):
            raise RequestRefused(
                400,
                "INVALID_TYPE",
                f"sObject type '{name}' is not supported. If you are attempting to use a custom object, be sure to append "
                "the '__c' after the entity name. Please reference your WSDL or the describe call for the appropriate names.",
            )
        return sobject

    def field(self, name: str) -> Field:
        """A field the user may read. Raises RequestRefused with INVALID_FIELD."""
        field = self.sobject.field(name)
        if field is None or not self.records.permissions.field_readable(
            self.user_id, self.sobject, field.name
        ):
            raise RequestRefused(
                400,
                "INVALID_FIELD",
                f"No such column '{name}' on entity '{self.sobject.name}'. If you are attempting to use a custom field, be "
                "sure to append the '__c' after the custom field name. Please reference your WSDL or the describe call for "
                "the appropriate names.",
            )
        return field

    def steps(self, path: str) -> list[str]:
        """The parts of a path, without the query's own alias or object name in front."""
        parts = path.split(".")
        if len(parts) == 1:
            return parts
        head = parts[0].lower()
        own_names = {(self.alias or "").lower(), self.sobject.name.lower()} - set(
            self.sobject.by_relationship
        )
        return parts[1:] if head in own_names else parts

    def bind(self, path: str) -> Bound:
        """A path such as `Name` or `Account.Owner.Name`. Raises RequestRefused."""
        parts = self.steps(path)
        if len(parts) == 1:
            field = self.field(parts[0])
            return Bound(field, _own(field.name), direct=True)
        link = self.relationship(parts[0])
        bound: dict[str, Bound] = {}
        failure: RequestRefused | None = None
        for target in link.reference_to:
            try:
                bound[target] = self.into(self.entity(target)).bind(".".join(parts[1:]))
            except RequestRefused as error:
                failure = error
        if not bound:
            raise failure or RequestRefused(
                400, "INVALID_FIELD", f"Didn't understand relationship '{parts[0]}'"
            )
        return Bound(next(iter(bound.values())).field, self._through(link, bound), direct=False)

    def relationship(self, name: str) -> Field:
        """The reference field behind a parent relationship. Raises RequestRefused."""
        link = self.sobject.by_relationship.get(name.lower())
        if link is None or not self.records.permissions.field_readable(self.user_id, self.sobject, link.name):
            message = f"Didn't understand relationship '{name}' in field path. If you are attempting to use a custom relationship, be sure to append the '__r' after the custom relationship name."
            raise RequestRefused(400, "INVALID_FIELD", message)
        return link

    def _through(self, link: Field, bound: dict[str, Bound]) -> Getter:
        records, name = self.records, link.name

        def get(row: Row) -> Value:
            parent_id = row.get(name)
            if not isinstance(parent_id, str):
                return None
            parent = records.find_any(parent_id)
            target = records.catalog.of_id(parent_id)
            end = bound.get(target.name) if target is not None else None
            return end.get(parent) if parent is not None and end is not None else None

        return get


def _own(name: str) -> Getter:
    return lambda row: row.get(name)
