"""What events tell of a write of ours whose answer was lost: whether it was done, and whether somebody came after it."""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from datetime import datetime, timedelta
from typing import Final

from daemon.domain.canonical import from_salesforce
from daemon.domain.change import Change, Source
from daemon.domain.mapping import Steps
from daemon.domain.value import Raw, Value, Values, from_json
from daemon.flow.cases import Case
from daemon.flow.parts import Parts
from daemon.ports.store import Unit
from daemon.reconcile.times import corrected

PATIENCE: Final = timedelta(seconds=30)
"""How long an event may take to arrive before a write in doubt is decided without it."""
PRECISION: Final = timedelta(seconds=1)
"""How far a local instant may be off by Salesforce's clock, whole seconds included."""


Made = Mapping[str, AbstractSet[str]]
"""External ids of creates in doubt, by the field that holds them."""


async def created_in_doubt(unit: Unit, steps: Steps, name: str) -> Made:
    """What creates of an object may have made whose outcome nobody knows yet, whichever of its steps they are of."""
    found: dict[str, AbstractSet[str]] = {}
    for step in steps.by_object.get(name, ()):
        if (rule := step.external_id) is not None:
            doubted = await unit.creates_in_doubt(step.name, rule.salesforce)
            found[rule.salesforce] = found.get(rule.salesforce, frozenset()) | doubted
    return found


def is_among(made: Made, values: Mapping[str, Raw]) -> bool:
    """Whether a record with these values may be one of them."""
    return any(str(text) in made[field] for field in made if (text := values.get(field)) is not None)


def told_done(case: Case, offset: float) -> Values:
    """Values of a write in doubt that events told of, not before it can have been sent: it was done, whatever the record holds since."""
    found: dict[str, Value] = {}
    for change in case.doubted:
        since = _leaving(change, offset)
        for name, value in (change.sent or {}).items():
            field, sent = case.step.by_name.get(name), from_json(value)
            told = [event.values[name] for event in case.theirs if name in event.values and event.at >= since]
            if field is not None and any(from_salesforce(field, raw).value == sent for raw in told):
                found[name] = sent
    return found


def _leaving(change: Change, offset: float) -> datetime:
    """The first second in which a change's write can have been done: it had been marked as sent by then, however long before it was captured."""
    return corrected(change.since or change.at, offset) - PRECISION


def untold(parts: Parts, case: Case, known: Values) -> bool:
    """Whether a write in doubt was perhaps done and taken back by somebody, and the stream has still to tell.

    The record does not hold all that was sent, and was changed since it may have been sent; `known` are the values that are known
    to have been taken. Sent again too soon, our value would come back over that of whoever took it away.
    """
    if case.link is None or case.record is None or not case.in_doubt:
        return False
    stamp, newest = case.record.stamp, parts.heard.newest(case.step.object)
    begun = min(_leaving(change, parts.skew.offset) for change in case.doubted)
    told = any(event.at >= stamp for event in case.theirs if event.source is Source.STREAM)
    passed = told or (newest is not None and newest > stamp)
    unchanged = case.link.seen is not None and stamp <= case.link.seen
    if passed or unchanged or stamp < begun or parts.salesforce_now() - stamp > PATIENCE:
        return False
    sent = {name for change in case.doubted for name in change.sent or {}}
    return any(name in case.step.by_name and name not in known for name in sent)
