"""A change event: its header, its body, and how both come out of a record's change.

Salesforce documents that the body of a CREATE holds the non-empty fields, that of an UPDATE the changed fields and LastModifiedDate (a
cleared field as null), that of a DELETE nothing, that of an UNDELETE all non-empty fields. Components of names and addresses are nested
objects, and `changedFields` names them with a dot. There is no Id, IsDeleted or SystemModstamp in a body.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TypeAlias

import orjson

from adapters.emulator.clock import event_datetime
from adapters.emulator.events.diff import diff_of
from adapters.emulator.schema.field import Field, FieldType
from adapters.emulator.schema.sobject import SObject
from adapters.emulator.store.changes import ChangeKind, RecordChange
from adapters.emulator.store.values import Row, Value
from adapters.emulator.switches import Switches

Body: TypeAlias = dict[str, object]

MAX_EVENT_CHARACTERS = 1_000_000
"""A larger event is sent as a gap event: its ids without a body."""


@dataclass(slots=True, eq=False)
class ChangeEvent:
    """One event on the stream. `at` is when it was stored, in seconds since 1970."""

    replay_id: int
    at: float
    sobject: SObject
    header: dict[str, object]
    body: Body
    schema: str
    rendered: orjson.Fragment | None = field(default=None, repr=False)
    """The `data` part as JSON, kept after the first delivery to an unrestricted user."""


@dataclass(frozen=True, slots=True)
class Draft:
    """An event before it has ids, times and a place on the stream."""

    sobject: SObject
    record_ids: tuple[str, ...]
    change_type: str
    changed_fields: tuple[str, ...]
    body: Body


def draft(change: RecordChange, switches: Switches) -> Draft | None:
    """The event of one change, or None when the org stays silent about it."""
    sobject = change.sobject
    changed: tuple[str, ...] = ()
    body: Body = {}
    match change.kind:
        case ChangeKind.CREATE | ChangeKind.UNDELETE:
            body = _whole_body(sobject, change.after or {}, keep_false=switches.false_in_create_events)
        case ChangeKind.UPDATE:
            body, changed = _changed_body(sobject, change.before or {}, change.after or {}, switches)
            if len(changed) <= 1 and not switches.event_on_no_change:
                return None
        case ChangeKind.DELETE:
            pass
    if _size(body) > MAX_EVENT_CHARACTERS:
        return Draft(sobject, (change.record_id,), f"GAP_{change.kind}", (), {})
    return Draft(sobject, (change.record_id,), change.kind.value, changed, body)


def event_value(item: Field, value: Value) -> Value:
    """A stored value as events write it."""
    return event_datetime(value) if item.type is FieldType.DATETIME and isinstance(value, str) else value


def path_of(item: Field) -> str:
    """The field's name in `changedFields`: `Email`, `Name.LastName`, `BillingAddress.City`."""
    return f"{item.compound}.{item.component}" if item.compound and item.component else item.name


def put_value(body: Body, item: Field, value: object) -> None:
    """Write a field into a body, inside its compound where it has one."""
    if item.compound and item.component:
        parent = body.setdefault(item.compound, {})
        assert isinstance(parent, dict)
        parent[item.component] = value
    else:
        body[item.name] = value


@lru_cache(maxsize=256)
def schema_id(sobject: SObject) -> str:
    """The 22-character id of the object's event schema; it changes with the object's fields."""
    names = ",".join(f"{item.name}:{item.type}" for item in sobject.event_fields)
    digest = hashlib.sha256(f"{sobject.name}({names})".encode()).digest()[:16]
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")


def _whole_body(sobject: SObject, row: Row, *, keep_false: bool) -> Body:
    body: Body = {}
    for item in sobject.event_fields:
        value = row.get(item.name)
        if value is None or (value is False and not keep_false):
            continue
        put_value(body, item, event_value(item, value))
    return body


def _changed_body(
    sobject: SObject, before: Row, after: Row, switches: Switches
) -> tuple[Body, tuple[str, ...]]:
    body: Body = {}
    changed = []
    for item in sobject.event_fields:
        old, new = before.get(item.name), after.get(item.name)
        if old == new and item.name != "LastModifiedDate":
            continue
        shown: object = event_value(item, new)
        if switches.large_text_diffs and isinstance(old, str) and isinstance(new, str):
            shown = diff_of(old, new) or shown
        put_value(body, item, shown)
        changed.append(path_of(item))
    return body, tuple(changed)


def _size(body: Body) -> int:
    return sum(len(value) for value in body.values() if isinstance(value, str))
