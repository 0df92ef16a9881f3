"""What differs between two descriptions of both sides: pure, and the same for an alarm, a log line and a count."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from daemon.domain.drift import Difference, DriftKind
from daemon.domain.side import Side
from daemon.flow.drift.spelling import salesforce_type
from daemon.ports.database import Column, TableDescription
from daemon.ports.salesforce import FieldDescription, ObjectDescription


@dataclass(frozen=True, slots=True)
class Schemas:
    """Both sides as they were described at one time. What does not exist is absent."""

    objects: Mapping[str, ObjectDescription] = field(default_factory=dict)
    tables: Mapping[str, TableDescription] = field(default_factory=dict)


def differences(before: Schemas, after: Schemas) -> list[Difference]:
    """Everything that matters to a sync and is not as it was, in the order of the names."""
    found: list[Difference] = []
    for name in sorted({*before.objects, *after.objects}):
        was, now = before.objects.get(name), after.objects.get(name)
        shown_was = {item.name: _field(item) for item in was.fields.values()} if was else None
        shown_now = {item.name: _field(item) for item in now.fields.values()} if now else None
        found += _of_owner(Side.SALESFORCE, name, shown_was, shown_now)
    for name in sorted({*before.tables, *after.tables}):
        table, other = before.tables.get(name), after.tables.get(name)
        columns_was = {item.name: _column(item) for item in table.columns.values()} if table else None
        columns_now = {item.name: _column(item) for item in other.columns.values()} if other else None
        described = table or other
        owner = f"{described.schema}.{described.name}" if described is not None else name
        found += _of_owner(Side.POSTGRES, owner, columns_was, columns_now)
    return found


_Shown = Mapping[str, tuple[str, str]]
"""The type and the rights of each field or column, as people read them."""


def _of_owner(side: Side, owner: str, before: _Shown | None, after: _Shown | None) -> list[Difference]:
    if before is None or after is None:
        if before is after:
            return []
        kind = DriftKind.ADDED if before is None else DriftKind.REMOVED
        return [Difference(side, owner, "", kind)]
    found = []
    for name in sorted({*before, *after}):
        was, now = before.get(name), after.get(name)
        if was is None and now is not None:
            found.append(Difference(side, owner, name, DriftKind.ADDED, now=now[0]))
        elif now is None and was is not None:
            found.append(Difference(side, owner, name, DriftKind.REMOVED, was=was[0]))
        elif was is not None and now is not None and was[0] != now[0]:
            found.append(Difference(side, owner, name, DriftKind.RETYPED, was[0], now[0]))
        elif was is not None and now is not None and was[1] != now[1]:
            found.append(Difference(side, owner, name, DriftKind.PERMISSION, was[1], now[1]))
    return found


def _field(item: FieldDescription) -> tuple[str, str]:
    rights = ["read", *(["create"] if item.createable else []), *(["edit"] if item.updateable else [])]
    return salesforce_type(item), ", ".join(rights)


def _column(item: Column) -> tuple[str, str]:
    rights = [*(["read"] if item.selectable else []), *(["update"] if item.updateable else [])]
    return item.type, ", ".join(rights) or "nothing"
