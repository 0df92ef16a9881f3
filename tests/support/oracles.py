"""What must be true when everything has come to rest, judged by what really happened."""

from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

from daemon.domain.link import Link, LinkState
from daemon.domain.mapping import Kind, Step
from daemon.domain.plan import LedgerEntry, LedgerKind
from daemon.domain.policy import Policy
from daemon.domain.side import Side
from daemon.domain.value import Value, Values
from tests.support.model.record import Author, History, Written

UNSEEN = 2.0
"""Seconds within which a write may replace what it could not see: a second of a stamp, and the way from a read to its write."""
PRECISION = 4.0
"""Seconds within which nobody is the newer one: the window, a whole second on either side, the offset's error."""


@dataclass(frozen=True, slots=True)
class Violation:
    """One broken promise."""

    oracle: str
    what: str


@dataclass(frozen=True, slots=True)
class Ending:
    """One step at rest: both sides in canonical values, what the daemon knows, and what really happened on the way.

    `records` and `rows` are those that live, by id and by key; references are record ids on both. `links` are found by record,
    `parked` names records and rows of which something waits for a person. `made_for` gives the external ids of
    living records. `start` is the instant of the histories' second 0, by Salesforce's clock. `untold` are values whose
    event Salesforce forgot before it was heard.
    """

    step: Step
    records: Mapping[str, Values]
    rows: Mapping[str, Values]
    links: Mapping[str, Link]
    ledger: Sequence[tuple[str, str, LedgerEntry]]
    parked: AbstractSet[str]
    made_for: Mapping[str, str]
    theirs: History
    ours: History
    start: datetime
    untold: AbstractSet[Value] = frozenset()


def judge(end: Ending) -> list[Violation]:
    """All violations of the oracles that look at the end of a history."""
    return [
        *(Violation("convergence", what) for what in _apart(end)),
        *(Violation("vanish", what) for what in _vanished(end)),
        *(Violation("regression", what) for what in _regressions(end)),
        *(Violation("winner", what) for what in _wrong_winners(end)),
        *(Violation("winner", what) for what in _undecided(end)),
        *(Violation("links", what) for what in _double(end)),
    ]


def _apart(end: Ending) -> Iterator[str]:
    """O1: both sides of each pair hold the same, and nothing lives on one side alone."""
    undecided = {(sf_id, entry.field) for sf_id, _, entry in end.ledger if entry.winner is None}
    for sf_id, values in end.records.items():
        link = end.links.get(sf_id)
        if sf_id in end.parked or (link is not None and link.key in end.parked):
            continue
        row = end.rows.get(link.key) if link is not None else None
        if link is None or link.state is not LinkState.LINKED or row is None:
            yield f"{sf_id} has no row"
            continue
        for name, field in end.step.by_name.items():
            theirs, ours = values.get(name), row[name]
            if theirs == ours or (sf_id, name) in undecided:
                continue
            if field.kind is Kind.BOOLEAN and not theirs and not ours:
                continue
            yield f"{sf_id}.{name} is {theirs!r}, {link.key}.{name} is {ours!r}"
    living = {end.links[sf_id].key for sf_id in end.records if sf_id in end.links}
    for key in end.rows:
        if key not in living and key not in end.parked:
            yield f"{key} has no record"


def _vanished(end: Ending) -> Iterator[str]:
    """O2: what a user wrote is there, was replaced by somebody who saw it, or is in the ledger."""
    partner = {link.sf_id: link.key for link in end.links.values()}
    partner |= {link.key: link.sf_id for link in end.links.values()}
    ledger = {value for _, _, entry in end.ledger for value in (entry.salesforce, entry.postgres)}
    alive = {sf_id for sf_id in end.records.keys() & partner.keys() if partner[sf_id] in end.rows}
    alive |= {partner[sf_id] for sf_id in alive}
    for mine, across in ((end.theirs, end.ours), (end.ours, end.theirs)):
        for (record, name), writes in mine.life.items():
            if record not in alive or {record, partner[record]} & end.parked:
                continue
            reached = {written.value for written in across.ever.get((partner[record], name), ())}
            last = max((i for i, w in enumerate(writes) if w.author is not Author.SYNC), default=-1)
            for index, written in enumerate(writes):
                token = isinstance(written.value, str) and written.author is not Author.SYNC
                if written.value in end.untold and _replaced_at_once(writes[index:]):
                    continue  # nothing but its event could tell of it
                if token and index == last and written.value not in reached and written.value not in ledger:
                    yield f"{written.value!r} of {record}.{name}, written at {written.at:.2f}"


def _replaced_at_once(writes: Sequence[Written]) -> bool:
    """Whether a write of the daemon's came so soon after the first of these that it cannot have seen it."""
    following = writes[1:2]
    return any(w.author is Author.SYNC and w.at - writes[0].at <= UNSEEN for w in following)


def _regressions(end: Ending) -> Iterator[str]:
    """O3: no field goes back to an older value, unless the ledger says that a policy brought it back."""
    restored: set[tuple[str, str, Value]] = set()
    for sf_id, key, entry in end.ledger:
        if entry.winner is not None:
            value = entry.salesforce if entry.winner is Side.SALESFORCE else entry.postgres
            restored |= {(sf_id, entry.field, value), (key, entry.field, value)}
    for history in (end.theirs, end.ours):
        for record, name, now, then in history.regressions:
            if (record, name, then) not in restored:
                yield f"{record}.{name} went back from {now!r} to {then!r}"


def _wrong_winners(end: Ending) -> Iterator[str]:
    """O4: under `newest` the loser is the older one, by the true times of both values."""
    for sf_id, key, entry in end.ledger:
        field = end.step.by_name[entry.field]
        if entry.kind is not LedgerKind.CONFLICT or field.conflict.policy is not Policy.NEWEST:
            continue
        theirs = _true_time(end.theirs, sf_id, entry.field, entry.salesforce)
        ours = _true_time(end.ours, key, entry.field, entry.postgres)
        if theirs is None or ours is None or entry.salesforce_at is None:
            continue
        if (entry.salesforce_at - end.start).total_seconds() > theirs + 1:
            continue  # judged by the stamp of the whole record, which is all that a read gives
        late = theirs - ours
        if (late > PRECISION and entry.winner is Side.POSTGRES) or (
            -late > PRECISION and entry.winner is Side.SALESFORCE
        ):
            yield f"{sf_id}.{entry.field}: {entry.winner} won, Salesforce was {late:+.2f} s later"


def _undecided(end: Ending) -> Iterator[str]:
    """O4: while a conflict waits for a person, neither value is sent over the other. A user may end it by taking hers back."""
    for sf_id, key, entry in end.ledger:
        writes = end.theirs.life.get((sf_id, entry.field), [])
        settled = entry.winner is not None or entry.kind is not LedgerKind.CONFLICT
        if settled or not isinstance(entry.postgres, str):
            continue
        if any(
            held.value == entry.salesforce and sent.value == entry.postgres and sent.author is Author.SYNC
            for held, sent in pairwise(writes)
        ):
            yield f"{key}.{entry.field}: {entry.postgres!r} was sent over the undecided {entry.salesforce!r}"


def _true_time(history: History, record: str, name: str, value: Value) -> float | None:
    if not isinstance(value, str):
        return None
    for written in reversed(history.ever.get((record, name), [])):
        if written.value == value:
            return written.at if written.author is not Author.SYNC else None
    return None


def _double(end: Ending) -> Iterator[str]:
    """O5: links are one-to-one, and one row has at most one living record."""
    keys = [link.key for link in end.links.values() if link.state is LinkState.LINKED]
    if len(keys) != len(set(keys)):
        yield f"a row with two links: {keys}"
    made = list(end.made_for.values())
    if len(made) != len(set(made)):
        yield f"two records of one row: {made}"
