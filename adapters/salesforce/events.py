"""A change event as it comes over CometD, as `Event`s under REST names. Pure, and total: it never raises.

What Salesforce documents, and this rests on: `changedFields` alone says what an update changed, because enrichment
puts unchanged fields into the body; an event may name several records, and its body then holds for each; an absent
part of a compound field is unchanged, a null one is cleared; long text may come as a difference; a gap event says that
something happened and not what; an id that ends in an asterisk, and the overflow id, mean a whole object.

An event that makes no sense is counted, and asks for its object to be read, so that nothing is lost in silence.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from adapters.salesforce.compounds import NAME, part_name, standard_parts
from adapters.salesforce.ids import id18, is_id
from daemon.domain.value import Raw
from daemon.ports.salesforce import Event, EventKind, ObjectDescription

HEADER: Final = "ChangeEventHeader"
OVERFLOW_ID: Final = "000000000000000AAA"
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_LAST_SECOND: Final = 253_402_300_799  # of the year 9999

_KINDS: Final = {
    "CREATE": EventKind.CREATE,
    "UPDATE": EventKind.UPDATE,
    "DELETE": EventKind.DELETE,
    "UNDELETE": EventKind.UNDELETE,
    "GAP_CREATE": EventKind.GAP_RECORD,
    "GAP_UPDATE": EventKind.GAP_RECORD,
    "GAP_DELETE": EventKind.GAP_RECORD,
    "GAP_UNDELETE": EventKind.GAP_RECORD,
    "GAP_OVERFLOW": EventKind.GAP_OBJECT,
}

Describe = Callable[[str], ObjectDescription | None]
"""What is known of an object, without asking the org."""


def nothing_known(_name: str) -> ObjectDescription | None:
    """Nothing is known of any object."""
    return None


@dataclass(frozen=True, slots=True)
class Decoded:
    """What one message says. `position` is None if it has none; `malformed` counts it if it makes no sense."""

    events: tuple[Event, ...] = ()
    position: str | None = None
    malformed: int = 0


@dataclass(slots=True)
class _Body:
    """The fields of one event while they are gathered."""

    values: dict[str, Raw] = field(default_factory=dict)
    reread: set[str] = field(default_factory=set)


def decode(data: object, received: datetime, describe: Describe = nothing_known) -> Decoded:
    """The events in the `data` of one message.

    `received` stands in for a commit time that is missing. `describe` may know the object's fields: with it, absent
    flags of a new record are false, and a custom compound field that was cleared has its parts cleared.
    """
    message = _mapping(data)
    payload = _mapping(message.get("payload"))
    header = _mapping(payload.get(HEADER))
    position = _position(_mapping(message.get("event")).get("replayId"))
    entity = header.get("entityName")
    if not isinstance(entity, str) or not entity:
        return Decoded(position=position, malformed=1)

    kind = _KINDS.get(_text(header, "changeType"))
    at = _instant(header.get("commitTimestamp"))
    ids, whole, sound = _records(header.get("recordIds"))
    body = _Body()
    if kind is None or kind is EventKind.GAP_OBJECT or whole or not ids:
        ids, kind_of_all = [""], EventKind.GAP_OBJECT
    else:
        kind_of_all = kind
        _gather(body, kind, payload, header, describe(entity), entity)
    malformed = kind is None or at is None or not sound
    user = _text(header, "commitUser")
    sequence = header.get("sequenceNumber")
    return Decoded(
        events=tuple(
            Event(
                object=entity,
                id=record_id,
                kind=kind_of_all,
                at=at or received.replace(microsecond=0),
                position=position or "",
                values=body.values,
                origin=_text(header, "changeOrigin"),
                user=id18(user) if is_id(user) else user,
                transaction=_text(header, "transactionKey"),
                sequence=sequence if isinstance(sequence, int) else 0,
                reread=frozenset(body.reread),
            )
            for record_id in ids
        ),
        position=position,
        malformed=int(malformed),
    )


def client_of(origin: str) -> str | None:
    """The client that a change's origin names, or None. Other clients end theirs with a slash."""
    _, found, client = origin.partition(";client=")
    return client.rstrip("/") if found else None


def _records(listed: object) -> tuple[list[str], bool, bool]:
    """The ids, each once; whether the whole object is meant; and whether the list makes sense."""
    if not isinstance(listed, list) or not listed:
        return [], True, False
    if any(isinstance(item, str) and (item == OVERFLOW_ID or item.endswith("*")) for item in listed):
        return [], True, True
    ids = dict.fromkeys(id18(item) for item in listed if is_id(item))
    sound = all(is_id(item) for item in listed)
    return list(ids), not sound, sound


def _gather(
    body: _Body,
    kind: EventKind,
    payload: Mapping[str, Any],
    header: Mapping[str, Any],
    description: ObjectDescription | None,
    entity: str,
) -> None:
    if kind is EventKind.UPDATE:
        changed = header.get("changedFields")
        names = changed if isinstance(changed, list) else [name for name in payload if name != HEADER]
        for name in names:
            if isinstance(name, str):
                _changed(body, name, payload, description, entity)
    elif kind in {EventKind.CREATE, EventKind.UNDELETE}:
        for name in payload:
            if name != HEADER and (payload[name] is not None or kind is EventKind.UNDELETE):
                _whole(body, name, payload[name], description, entity)
        if kind is EventKind.CREATE and description is not None:
            for known in description.fields.values():
                if known.type == "boolean" and known.name not in body.reread:
                    body.values.setdefault(known.name, False)


def _changed(
    body: _Body, path: str, payload: Mapping[str, Any], description: ObjectDescription | None, entity: str
) -> None:
    """Take one entry of `changedFields`: a field, or one part of a compound field."""
    parent, dot, part = path.partition(".")
    if not dot:
        if parent in payload:
            _whole(body, parent, payload[parent], description, entity)
        else:
            body.reread.add(parent)
        return
    name = part_name(parent, part)
    nested = payload.get(parent)
    if isinstance(nested, Mapping) and part in nested:
        _put(body, name, nested[part])
    elif nested is None and parent in payload:
        body.values[name] = None
    else:
        body.reread.add(name)
    if parent == NAME:
        body.reread.add(NAME)  # the composed name has changed too, and the event does not carry it


def _whole(body: _Body, name: str, value: object, description: ObjectDescription | None, entity: str) -> None:
    """Take a field with all that the body has of it."""
    if value is None:
        parts = _parts(name, description, entity)
        if name == NAME or not parts:
            body.values[name] = None
        body.values.update(dict.fromkeys(parts))
    elif isinstance(value, Mapping) and not _is_difference(value):
        for part, inner in value.items():
            _put(body, part_name(name, str(part)), inner)
        if name == NAME:
            body.reread.add(NAME)
    else:
        _put(body, name, value)


def _put(body: _Body, name: str, value: object) -> None:
    if value is None or isinstance(value, str | bool | int | float):
        body.values[name] = value
    else:
        body.reread.add(name)  # a difference of long text, or something new


def _parts(name: str, description: ObjectDescription | None, entity: str) -> tuple[str, ...]:
    if description is not None:
        known = tuple(
            item.name for item in description.fields.values() if item.compound == name and item.name != name
        )
        if known or name in description.fields:
            return known
    return standard_parts(entity, name)


def _is_difference(value: Mapping[str, Any]) -> bool:
    return isinstance(value.get("diff"), str)


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _text(header: Mapping[str, Any], key: str) -> str:
    value = header.get(key)
    return value if isinstance(value, str) else ""


def _position(replay_id: object) -> str | None:
    if isinstance(replay_id, bool) or not isinstance(replay_id, int | str):
        return None
    return str(replay_id) or None


def _instant(milliseconds: object) -> datetime | None:
    """A commit time, in whole seconds."""
    if isinstance(milliseconds, bool) or not isinstance(milliseconds, int | float):
        return None
    if not 0 <= milliseconds <= _LAST_SECOND * 1000:
        return None
    return _EPOCH + timedelta(seconds=int(milliseconds // 1000))
