"""An event as one subscriber gets it: without the fields that are hidden from the user, with the fields the channel is enriched by."""

from __future__ import annotations

from collections.abc import Iterator

import orjson

from adapters.emulator.events.message import Body, ChangeEvent, event_value, path_of, put_value
from adapters.emulator.events.selection import Channel
from adapters.emulator.schema.sobject import SObject
from adapters.emulator.store.records import Records

_ENRICHABLE = frozenset({"UPDATE", "DELETE"})


def messages(
    records: Records, user_id: str, channel: Channel, event: ChangeEvent
) -> Iterator[dict[str, object]]:
    """The Bayeux messages of one event for one subscriber: usually one, none when the object is hidden from the user."""
    if not records.permissions.events_visible(user_id, event.sobject):
        return
    hidden = records.permissions.hidden_fields(user_id, event.sobject)
    enriched = channel.enriched.get(event.sobject.name, ())
    if not hidden and not enriched:
        if event.rendered is None:
            event.rendered = orjson.Fragment(orjson.dumps(_data(event, event.header, event.body)))
        yield {"channel": channel.name, "data": event.rendered}
        return
    header, body = _without(event, hidden)
    if not enriched or header["changeType"] not in _ENRICHABLE:
        yield {"channel": channel.name, "data": _data(event, header, body)}
        return
    yield from _enriched(records, channel, event, header, body, tuple(f for f in enriched if f not in hidden))


def _data(event: ChangeEvent, header: dict[str, object], body: Body) -> dict[str, object]:
    return {
        "schema": event.schema,
        "payload": {"ChangeEventHeader": header, **body},
        "event": {"replayId": event.replay_id},
    }


def _without(event: ChangeEvent, hidden: frozenset[str]) -> tuple[dict[str, object], Body]:
    if not hidden:
        return event.header, event.body
    body: Body = {
        name: dict(value) if isinstance(value, dict) else value for name, value in event.body.items()
    }
    paths = set()
    for item in event.sobject.event_fields:
        if item.name not in hidden:
            continue
        paths.add(path_of(item))
        parent = body.get(item.compound or "")
        if isinstance(parent, dict):
            parent.pop(item.component, None)
            if not parent:
                del body[item.compound or ""]
        elif item.component is None:
            body.pop(item.name, None)
    changed = event.header.get("changedFields")
    if not isinstance(changed, list):
        return event.header, body
    return event.header | {"changedFields": [path for path in changed if path not in paths]}, body


def _enriched(
    records: Records,
    channel: Channel,
    event: ChangeEvent,
    header: dict[str, object],
    body: Body,
    fields: tuple[str, ...],
) -> Iterator[dict[str, object]]:
    """Copies of the event, one record each, that share the replay id. Values are those of now, not of the event's time."""
    record_ids = header["recordIds"]
    assert isinstance(record_ids, list)
    groups = [[item] for item in record_ids] if records.switches.event_enrichment_unmerges else [record_ids]
    for group in groups:
        filled: Body = {
            name: dict(value) if isinstance(value, dict) else value for name, value in body.items()
        }
        _fill(records, event.sobject, str(group[0]), filled, fields)
        yield {"channel": channel.name, "data": _data(event, header | {"recordIds": group}, filled)}


def _fill(records: Records, sobject: SObject, record_id: str, body: Body, fields: tuple[str, ...]) -> None:
    row = records.find_any(record_id) or {}
    for name in fields:
        item = sobject.field(name)
        value = row.get(item.name) if item is not None else None
        if item is not None and value is not None and path_of(item).split(".")[0] not in body:
            put_value(body, item, event_value(item, value, records.switches))
