"""SELECT: rows as the records of a query answer, with parents nested and null where there is none."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeAlias

from adapters.emulator.errors import RequestRefused
from adapters.emulator.schema.field import Field, FieldType
from adapters.emulator.schema.sobject import SObject
from adapters.emulator.soql.scope import Scope
from adapters.emulator.store.values import Row

Record: TypeAlias = dict[str, object]
_Part: TypeAlias = Callable[[Row, str], object]


class Projection:
    """Renders rows of one object with the selected fields and parent fields."""

    def __init__(self, scope: Scope, paths: Iterable[str]) -> None:
        self.sobject = scope.sobject
        self._plain: list[str] = []
        self._parts: dict[str, _Part] = {}
        parents: dict[str, tuple[Field, list[str]]] = {}
        for path in paths:
            steps = scope.steps(path)
            if len(steps) > 1:
                link = scope.relationship(steps[0])
                parents.setdefault(link.relationship or link.name, (link, []))[1].append(".".join(steps[1:]))
                continue
            field = scope.field(steps[0])
            if field.type is FieldType.ADDRESS:
                self._parts[field.name] = _address(scope.sobject, field)
            else:
                self._plain.append(field.name)
        for name, (link, inner) in parents.items():
            self._parts[name] = _parent(scope, link, inner)

    def add(self, name: str, part: _Part) -> None:
        """Add a part that is computed from the row: a child subquery."""
        self._parts[name] = part

    def render(self, row: Row, version: str) -> Record:
        """One record of an answer. `version` is the path form, `v67.0`."""
        record: Record = {"attributes": attributes(self.sobject, row, version)}
        get = row.get
        for name in self._plain:
            record[name] = get(name)
        for name, part in self._parts.items():
            record[name] = part(row, version)
        return record


def attributes(sobject: SObject, row: Row, version: str) -> Record:
    """The `attributes` member that every record carries."""
    return {"type": sobject.name, "url": f"/services/data/{version}/sobjects/{sobject.name}/{row['Id']}"}


def _address(sobject: SObject, compound: Field) -> _Part:
    """A compound address in lower camel case, or None when all of it is empty."""
    components = [
        (field.component[0].lower() + field.component[1:], field.name)
        for field in sobject.fields
        if field.compound == compound.name and field.component
    ]

    def render(row: Row, _version: str) -> Record | None:
        if not any(name in row for _, name in components):
            return None
        return {shown: row.get(name) for shown, name in components}

    return render


def _parent(scope: Scope, link: Field, paths: list[str]) -> _Part:
    projections: dict[str, Projection] = {}
    failure: RequestRefused | None = None
    for target in link.reference_to:
        try:
            projections[target] = Projection(scope.into(scope.entity(target)), paths)
        except RequestRefused as error:
            failure = error
    if failure is not None and not projections:
        raise failure
    records, name = scope.records, link.name

    def render(row: Row, version: str) -> Record | None:
        parent_id = row.get(name)
        if not isinstance(parent_id, str):
            return None
        parent = records.find_any(parent_id)
        target = records.catalog.of_id(parent_id)
        projection = projections.get(target.name) if target is not None else None
        return projection.render(parent, version) if parent is not None and projection is not None else None

    return render
