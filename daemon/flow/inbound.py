"""Change events into the database: what can be settled at once is, and the rest is stored, in one transaction.

An event is settled at once if its record is linked (or new), nothing of it is waiting in the inbox, no write of ours
is in doubt, and the second of the event tells its order. Anything else is stored in the same transaction that moves
the stream's position, and is settled by the worker after reading the record. So a crash loses nothing and a
redelivered event has no effect.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from daemon.domain.canonical import from_salesforce
from daemon.domain.change import Change, ChangeKind, Source
from daemon.domain.gap import Gap, GapCause
from daemon.domain.link import Link, LinkState
from daemon.domain.mapping import Step
from daemon.domain.side import Side
from daemon.domain.value import Raw, Value
from daemon.flow.doubts import created_in_doubt, is_among
from daemon.flow.elsewhere import owner
from daemon.flow.gaps import note_opened, of_records, whole_object
from daemon.flow.observation import Observation
from daemon.flow.parts import Parts
from daemon.flow.settle import settle
from daemon.ports.failpoints import Failpoint
from daemon.ports.salesforce import Event, EventBatch, EventKind
from daemon.ports.store import Position, Unit
from daemon.reconcile.fence import Worth, leaves_open, worth

OVERTAKEN = 0.25
"""Seconds to wait for the answer of a write of ours whose echo came first."""

_KINDS: Mapping[EventKind, ChangeKind] = {
    EventKind.CREATE: ChangeKind.CREATE,
    EventKind.UPDATE: ChangeKind.UPDATE,
    EventKind.DELETE: ChangeKind.DELETE,
    EventKind.UNDELETE: ChangeKind.UNDELETE,
    EventKind.GAP_RECORD: ChangeKind.REREAD,
    EventKind.GAP_OBJECT: ChangeKind.REREAD,
}


@dataclass(slots=True)
class Sorted:
    """A batch, sorted by what happens to it."""

    observations: list[Observation] = field(default_factory=list)
    stored: list[Change] = field(default_factory=list)
    objects: set[str] = field(default_factory=set)  # to be read whole
    echoes: int = 0


async def take_in(parts: Parts, batch: EventBatch, transport: str) -> frozenset[str]:
    """Settle or store a batch and move the position, in one transaction. Returns objects that must be read whole."""
    events = [event for event in batch.events if event.object in parts.steps.by_object]
    await parts.flight.landed({event.id for event in events} | {e.object for e in events}, OVERTAKEN)
    async with parts.writing, parts.store.begin() as unit:
        await parts.failpoints.reach(Failpoint.INBOUND_BEGUN)
        found = await _sort(parts, unit, events)
        settled = await settle(parts, unit, found.observations)
        await unit.store_changes(found.stored)
        gaps = await _open_gaps(parts, unit, found, events)
        await _save_position(unit, batch, transport)
        await parts.failpoints.reach(Failpoint.POSITION_WRITTEN)
    parts.turns.note(settled.moves, parts.clock.monotonic())
    note_opened(parts, gaps)
    parts.heard.note(batch.events)
    _count(parts, batch, len(events), found)
    return frozenset(found.objects)


async def set_down(parts: Parts, batch: EventBatch, transport: str) -> frozenset[str]:
    """Store a whole batch undecided and move the position: one table that cannot be read must not stop all others.

    The worker takes the changes up step by step, so what is broken holds back its own step alone.
    """
    events = [event for event in batch.events if event.object in parts.steps.by_object]
    whole = Sorted(objects={event.object for event in events if event.kind is EventKind.GAP_OBJECT})
    async with parts.writing, parts.store.begin() as unit:
        single = [event for event in events if event.kind is not EventKind.GAP_OBJECT]
        links = await unit.links_of_records(sorted({event.id for event in single}))
        stored = [
            _stored(step, event, links.get(event.id))
            for event in single
            if (step := _step(parts, event.object, links.get(event.id))) is not None
        ]
        whole.stored = stored
        await unit.store_changes(stored)
        gaps = await _open_gaps(parts, unit, whole, events)
        await _save_position(unit, batch, transport)
    note_opened(parts, gaps)
    parts.heard.note(batch.events)
    return frozenset(whole.objects)


async def _sort(parts: Parts, unit: Unit, events: Sequence[Event]) -> Sorted:
    by_record: dict[str, list[Event]] = {}
    found = Sorted()
    for event in events:
        if event.kind is EventKind.GAP_OBJECT:
            found.objects.add(event.object)
        else:
            by_record.setdefault(event.id, []).append(event)
    if not by_record:
        return found
    ids = sorted(by_record)
    links = await unit.links_of_records(ids)
    behind = await unit.unsettled_records(ids)
    doubted = await _made_in_doubt(parts, unit, by_record, links)
    for sf_id, mine in by_record.items():
        link = links.get(sf_id)
        step = _step(parts, mine[0].object, link)
        if step is None:
            found.echoes += len(mine)
        elif step.still or sf_id in behind or sf_id in doubted or (link is not None and link.in_doubt):
            found.stored += [_stored(step, event, link) for event in mine]
        else:
            _sort_record(found, step, link, mine, again=parts.heard.passed(step.object, mine[0].at))
    return found


async def _made_in_doubt(
    parts: Parts, unit: Unit, by_record: Mapping[str, Sequence[Event]], links: Mapping[str, Link]
) -> frozenset[str]:
    """New records that bear the external id of a create of ours without an answer: whoever resolves it reads them.

    Any step of the object may have made them, though a new record is the first one's.
    """
    new: dict[str, list[Event]] = {}
    for sf_id, events in by_record.items():
        if events[0].kind is EventKind.CREATE and sf_id not in links:
            new.setdefault(events[0].object, []).append(events[0])
    found: set[str] = set()
    for name, events in new.items():
        doubted = await created_in_doubt(unit, parts.steps, name)
        found |= {event.id for event in events if is_among(doubted, event.values)}
    return frozenset(found)


def _step(parts: Parts, name: str, link: Link | None) -> Step | None:
    """The step of a linked record is its link's; a new one goes to the first step of its object.

    None for a record whose step is not in the configuration: under another step of its object, its row's key would name a row of another
    table. Its pair is compared when the step is back.
    """
    return parts.steps.by_object[name][0] if link is None else owner(parts.steps, link)


def _sort_record(
    found: Sorted, step: Step, link: Link | None, events: Sequence[Event], *, again: bool
) -> None:
    """The events of one record, in the order of the stream. `again` says that they may have been told before."""
    needs_reading = step.must_read or any(
        event.kind in (EventKind.DELETE, EventKind.GAP_RECORD) or event.reread & set(step.salesforce_fields)
        for event in events
    )
    if needs_reading:
        found.stored += [_stored(step, event, link) for event in events]
        return
    if link is None or link.state is not LinkState.LINKED:
        _sort_stranger(found, step, link, events, again=again)
        return
    if any(is_open(step, link, event.at, event.values) for event in events):
        found.stored += [_stored(step, event, link) for event in events]
        return
    judged = [worth(link, event.at, canonical(step, event.values)) for event in events]
    fresh = [event for event, worth_ in zip(events, judged, strict=True) if worth_ is not Worth.STALE]
    values, times = _folded(step, fresh)
    converted = values.get("IsConverted") is True
    covered = covers(step, link) and link.seen is not None
    if not fresh or (covered and not converted and set(judged) <= {Worth.STALE, Worth.CONFIRMS}):
        found.echoes += len(events)
    elif covered and Worth.UNDECIDABLE not in judged:
        found.observations.append(
            Observation(step, link.sf_id, Source.STREAM, fresh[-1].at, raw=values, times=times)
        )
    else:
        found.stored += [_stored(step, event, link) for event in fresh]


def _sort_stranger(
    found: Sorted, step: Step, link: Link | None, events: Sequence[Event], *, again: bool
) -> None:
    """A record without a living link: one that is told whole can be paired or made at once, any other is read first.

    So is one that was deleted: a late or repeated event of it must not bring its row back, if only for a moment. What is told of a
    second that was passed before is told late or again, and so is read first as well.
    """
    if link is None and not again and events[0].kind in (EventKind.CREATE, EventKind.UNDELETE):
        values, _ = _folded(step, events)
        found.observations.append(
            Observation(
                step,
                events[0].id,
                Source.STREAM,
                events[-1].at,
                raw=values,
                complete=True,
                absent_is_null=True,
            )
        )
    else:
        found.stored += [_stored(step, event, link) for event in events]


def _folded(step: Step, events: Sequence[Event]) -> tuple[dict[str, Raw], dict[str, datetime]]:
    """The last word on each field that matters to a step, and the second it was spoken in."""
    wanted = {*step.salesforce_fields, *step.markers}
    values: dict[str, Raw] = {}
    times: dict[str, datetime] = {}
    for event in events:
        for name, raw in event.values.items():
            if name in wanted:
                values[name] = raw
                times[name] = event.at
    return values, times


def covers(step: Step, link: Link) -> bool:
    """Whether every mapped field has a last agreed value: a newly mapped one has to be read once."""
    return all(item.name in link.base for item in step.fields if not item.is_constant)


def is_open(step: Step, link: Link, at: datetime, values: Mapping[str, Raw]) -> bool:
    """Whether only reading the record tells what became of a write of ours that an event made at `at` may be of.

    Fields that do not come in, or that events never carry, are not asked for.
    """
    if not link.windows:
        return False
    unasked = {item.name for item in step.fields if not (item.direction.pulls and item.in_events)}
    return leaves_open(link, at, unasked.union(values))


def canonical(step: Step, raw: Mapping[str, Raw]) -> dict[str, Value]:
    """The canonical values of the mapped fields among raw ones."""
    values: dict[str, Value] = {}
    for name, item in raw.items():
        mapped = step.by_name.get(name)
        if mapped is not None:
            reading = from_salesforce(mapped, item)
            if not reading.absent:
                values[name] = reading.value
    return values


def _stored(step: Step, event: Event, link: Link | None) -> Change:
    """What the worker takes up. An update that does not carry all that it changed is an order to read, whatever else it says."""
    partial = event.kind is EventKind.UPDATE and not event.reread.isdisjoint(step.salesforce_fields)
    return Change(
        step=step.name,
        side=Side.SALESFORCE,
        kind=ChangeKind.REREAD if partial else _KINDS[event.kind],
        source=Source.STREAM,
        at=event.at,
        sf_id=event.id,
        key=link.key if link is not None else None,
        values=event.values,
    )


async def _open_gaps(parts: Parts, unit: Unit, found: Sorted, events: Sequence[Event]) -> list[Gap]:
    """Note what the stream says it does not tell: records, and objects that must be read whole."""
    untold = {event.id for event in events if event.kind is EventKind.GAP_RECORD}
    rereads = [
        change for change in found.stored if change.sf_id in untold and change.kind is ChangeKind.REREAD
    ]
    until = max((event.at for event in events), default=parts.clock.now())
    gaps = of_records(rereads, GapCause.EVENT, until)
    whole: list[Change] = []
    for name in sorted(found.objects):
        times = [event.at for event in events if event.object == name and event.kind is EventKind.GAP_OBJECT]
        for step in parts.steps.by_object[name]:
            gaps.append(Gap(step.name, GapCause.OVERFLOW, min(times), max(times)))
            whole.append(whole_object(step.name, max(times)))
    await unit.open_gaps(gaps)
    await unit.store_changes(whole)
    return gaps


async def _save_position(unit: Unit, batch: EventBatch, transport: str) -> None:
    if batch.position is not None:
        at = max((event.at for event in batch.events), default=None)
        await unit.save_position(Position(batch.channel, transport, batch.position, at))


def _count(parts: Parts, batch: EventBatch, mapped: int, found: Sorted) -> None:
    counted = {
        "accepted": mapped - found.echoes,
        "echo": found.echoes,
        "unknown": len(batch.events) - mapped,
        "malformed": batch.malformed,
    }
    for outcome, amount in counted.items():
        if amount:
            parts.meter.count(
                "isthmus_salesforce_stream_events_total", amount, channel=batch.channel, outcome=outcome
            )
