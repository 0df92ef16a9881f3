"""A change event: its header, its body, and how both come out of a record's change.

Salesforce documents that the body of a CREATE holds the non-empty fields, that of an UPDATE the changed fields and LastModifiedDate (a
cleared field as null), that of a DELETE nothing, that of an UNDELETE all non-empty fields. Components of names and addresses are nested
objects, and `changedFields` names them with a dot. There is no Id, IsDeleted or SystemModstamp in a body.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeAlias

import orjson

from adapters.emulator.clock import event_datetime
from adapters.emulator.events.diff import diff_of
from adapters.emulator.schema.field import Field, FieldType
from adapters.emulator.schema.sobject import SObject
from adapters.emulator.store.changes import ChangeKind, RecordChange
from adapters.emulator.store.values import Row, Value
from adapters.emulator.switches import Switches

Body: TypeAlias = dict[str, object]
_HEADER = "ChangeEventHeader"
_DATETIME = FieldType.DATETIME

MAX_EVENT_BYTES = 1_000_000
"""An event with a larger body is sent as a gap event: its ids without a body."""


@dataclass(frozen=True, slots=True, eq=False)
class ChangeEvent:
    """One event on the stream. `at` is when it was stored, in seconds since 1970.

    `data` is the `data` part of its message as JSON: what most subscribers get as it is, and by far the smallest form to keep.
    """

    replay_id: int
    at: float
    sobject: SObject
    data: bytes

    def opened(self) -> tuple[dict[str, Any], Body]:
        """Header and body, as a fresh copy."""
        body: Body = orjson.loads(self.data)["payload"]
        header = body.pop(_HEADER)
        assert isinstance(header, dict)
        return header, body


def event_data(sobject: SObject, header: dict[str, Any], body: Body, replay_id: int) -> dict[str, object]:
    """The `data` part of a message."""
    return {
        "schema": schema_id(sobject),
        "payload": {_HEADER: header, **body},
        "event": {"replayId": replay_id},
    }


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
        case ChangeKind.CREATE if change.after is None:
            if not switches.event_for_made_and_deleted:
                return None
            return Draft(sobject, (change.record_id,), ChangeKind.DELETE.value, (), {})
        case ChangeKind.CREATE | ChangeKind.UNDELETE:
            body = _whole_body(sobject, change.after or {}, switches)
        case ChangeKind.UPDATE:
            body, changed = _changed_body(sobject, change.before or {}, change.after or {}, switches)
            if len(changed) <= 1 and not switches.event_on_no_change:
                return None
        case ChangeKind.DELETE:
            pass
    if len(orjson.dumps(body)) > MAX_EVENT_BYTES:
        return Draft(sobject, (change.record_id,), f"GAP_{change.kind}", (), {})
    return Draft(sobject, (change.record_id,), change.kind.value, changed, body)


def event_value(item: Field, value: Value, switches: Switches) -> Value:
    """A stored value as events write it."""
    if item.type is not _DATETIME or not isinstance(value, str):
        return value
    text = event_datetime(value)
    return text if switches.event_milliseconds else text.replace(".000Z", "Z")


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


def _whole_body(sobject: SObject, row: Row, switches: Switches) -> Body:
    body: Body = {}
    is_person = bool(row.get("IsPersonAccount"))
    for item in sobject.event_fields:
        value = row.get(item.name)
        if value is None or (value is False and not switches.false_in_create_events):
            continue
        if is_person and item.name == "Name":
            continue  # its parts follow, as an object of that name
        put_value(body, item, event_value(item, value, switches) if item.type is _DATETIME else value)
    return body


def _changed_body(
    sobject: SObject, before: Row, after: Row, switches: Switches
) -> tuple[Body, tuple[str, ...]]:
    body: Body = {}
    changed = []
    for item in _tellable(sobject, before, after, switches):
        old, new = before.get(item.name), after.get(item.name)
        if old == new and item.name != "LastModifiedDate":
            continue
        shown: object = event_value(item, new, switches)
        if switches.large_text_diffs and isinstance(old, str) and isinstance(new, str):
            shown = diff_of(old, new) or shown
        put_value(body, item, shown)
        changed.append(path_of(item))
    if switches.cleared_compound_is_null:
        changed = _collapse_cleared(sobject, after, body, changed)
    return body, tuple(changed)


def _tellable(sobject: SObject, before: Row, after: Row, switches: Switches) -> tuple[Field, ...]:
    """The fields whose changes an UPDATE tells of.

    Of a person account the parts of its name stand for the name, and what belongs to its contact is told by the contact's own event.
    """
    fields = sobject.event_fields
    if sobject.name == "Account" and after.get("IsPersonAccount"):
        return tuple(
            item for item in fields if item.name != "Name" and (not item.of_person or item.compound == "Name")
        )
    if sobject.name == "Account" and before.get("IsPersonAccount"):
        return tuple(item for item in fields if not item.of_person)
    converted = after.get("IsConverted") and not before.get("IsConverted")
    if converted and not switches.conversion_event_modified_date:
        return tuple(item for item in fields if item.name != "LastModifiedDate")
    return fields


def _collapse_cleared(sobject: SObject, after: Row, body: Body, changed: list[str]) -> list[str]:
    """Names and addresses without any component left become null, and are named as a whole."""
    for compound in [name for name, value in body.items() if isinstance(value, dict) and "diff" not in value]:
        parts = [item for item in sobject.event_fields if item.compound == compound and item.component]
        if parts and all(after.get(item.name) is None for item in parts):
            body[compound] = None
            changed = [path for path in changed if not path.startswith(f"{compound}.")] + [compound]
    return changed
