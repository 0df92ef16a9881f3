"""An event as one subscriber gets it: without the fields that are hidden from the user, with the fields the channel is enriched by."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import orjson

from adapters.emulator.events.message import Body, ChangeEvent, event_data, event_value, path_of, put_value
from adapters.emulator.events.selection import Channel
from adapters.emulator.schema.sobject import SObject
from adapters.emulator.store.records import Records

_ENRICHABLE = frozenset({"UPDATE", "DELETE"})


@dataclass(frozen=True, slots=True)
class _View:
    """What one subscriber sees of an object's events: the hidden fields, and those that enrich them. `open` is false when it sees none."""

    open: bool
    hidden: frozenset[str]
    enriched: tuple[str, ...]


class Delivery:
    """One batch of events to one subscriber. What the subscriber may see is looked up once for each object, so a batch must be made at once."""

    def __init__(self, records: Records, user_id: str, channel: Channel) -> None:
        self._records = records
        self._user_id = user_id
        self._channel = channel
        self._views: dict[SObject, _View] = {}

    def messages(self, event: ChangeEvent) -> list[dict[str, object]]:
        """The Bayeux messages of an event: usually one, none when the channel does not carry its object or it is hidden from the user."""
        view = self._views.get(event.sobject)
        if view is None:
            view = self._views[event.sobject] = self._view(event.sobject)
        if not view.open:
            return []
        if not view.hidden and not view.enriched:
            return [{"channel": self._channel.name, "data": orjson.Fragment(event.data)}]
        header, body = event.opened()
        _hide(event.sobject, header, body, view.hidden)
        if not view.enriched or header["changeType"] not in _ENRICHABLE:
            return [self._message(event, header, body)]
        record_ids = header["recordIds"]
        groups = (
            [[item] for item in record_ids]
            if self._records.switches.event_enrichment_unmerges
            else [record_ids]
        )
        return [self._enriched(event, header | {"recordIds": group}, body, view) for group in groups]

    def _view(self, sobject: SObject) -> _View:
        permissions = self._records.permissions
        hidden = permissions.hidden_fields(self._user_id, sobject)
        enriched = self._channel.enriched.get(sobject.name, ())
        is_open = self._channel.carries(sobject) and permissions.events_visible(self._user_id, sobject)
        return _View(is_open, hidden, tuple(name for name in enriched if name not in hidden))

    def _enriched(
        self, event: ChangeEvent, header: dict[str, Any], body: Body, view: _View
    ) -> dict[str, object]:
        """A copy of the event for some of its records; all copies share the replay id. Values are those of now, not of the event's time."""
        filled: Body = {
            name: dict(value) if isinstance(value, dict) else value for name, value in body.items()
        }
        _fill(self._records, event.sobject, str(header["recordIds"][0]), filled, view.enriched)
        return self._message(event, header, filled)

    def _message(self, event: ChangeEvent, header: dict[str, Any], body: Body) -> dict[str, object]:
        data = event_data(event.sobject, header, body, event.replay_id)
        return {"channel": self._channel.name, "data": data}


def _hide(sobject: SObject, header: dict[str, Any], body: Body, hidden: frozenset[str]) -> None:
    """Take hidden fields out of a header and a body."""
    if not hidden:
        return
    paths = set()
    for item in sobject.event_fields:
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
    if "changedFields" in header:
        header["changedFields"] = [path for path in header["changedFields"] if path not in paths]


def _fill(records: Records, sobject: SObject, record_id: str, body: Body, fields: tuple[str, ...]) -> None:
    row = records.find_any(record_id) or {}
    for name in fields:
        item = sobject.field(name)
        value = row.get(item.name) if item is not None else None
        if item is not None and value is not None and path_of(item).split(".")[0] not in body:
            put_value(body, item, event_value(item, value, records.switches))
