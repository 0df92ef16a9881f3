"""What must be true when everything has come to rest, judged by what really happened."""

from collections.abc import Iterator
from dataclasses import dataclass

from daemon.domain.link import LinkState
from daemon.domain.mapping import Step
from daemon.domain.plan import LedgerKind
from daemon.domain.policy import Policy
from daemon.domain.side import Side
from daemon.domain.value import Value
from tests.support.model.database import Database
from tests.support.model.org import EPOCH, Org
from tests.support.model.record import Author, History

PRECISION = 4.0
"""Seconds within which nobody is the newer one: the window, a whole second on either side, the offset's error."""


@dataclass(frozen=True, slots=True)
class Violation:
    """One broken promise."""

    oracle: str
    what: str


def judge(step: Step, org: Org, database: Database) -> list[Violation]:
    """All violations of the oracles that look at the end of a history."""
    return [
        *(Violation("convergence", what) for what in _apart(step, org, database)),
        *(Violation("vanish", what) for what in _vanished(org, database)),
        *(Violation("regression", what) for what in _regressions(org, database)),
        *(Violation("winner", what) for what in _wrong_winners(step, org, database)),
        *(Violation("winner", what) for what in _undecided(org, database)),
        *(Violation("links", what) for what in _double(org, database)),
    ]


def _apart(step: Step, org: Org, database: Database) -> Iterator[str]:
    """O1: both sides of each pair hold the same, and nothing lives on one side alone."""
    links = database.links
    undecided = {(sf_id, entry.field) for sf_id, _, entry in database.ledger if entry.winner is None}
    for record in org.records.values():
        link = links.get(record.id)
        if record.deleted or record.id in database.parked:
            continue
        row = database.rows.get(link.key) if link is not None else None
        if link is None or link.state is not LinkState.LINKED or row is None:
            yield f"{record.id} has no row"
            continue
        for name in step.by_name:
            if record.values.get(name) != row[name] and (record.id, name) not in undecided:
                if name == "Flag" and not record.values.get(name) and not row[name]:
                    continue
                yield f"{record.id}.{name} is {record.values.get(name)!r}, {link.key}.{name} is {row[name]!r}"
    living = {links[r.id].key for r in org.records.values() if not r.deleted and r.id in links}
    for key in database.rows:
        if key not in living and key not in database.parked:
            yield f"{key} has no record"


def _vanished(org: Org, database: Database) -> Iterator[str]:
    """O2: what a user wrote is there, was replaced by somebody who saw it, or is in the ledger."""
    partner = {link.sf_id: link.key for link in database.links.values()}
    partner |= {link.key: link.sf_id for link in database.links.values()}
    ledger = {value for _, _, entry in database.ledger for value in (entry.salesforce, entry.postgres)}
    alive = {record.id for record in org.records.values() if not record.deleted} & partner.keys()
    alive = {sf_id for sf_id in alive if partner[sf_id] in database.rows}
    alive |= {partner[sf_id] for sf_id in alive}
    for mine, across in ((org.history, database.history), (database.history, org.history)):
        for (record, name), writes in mine.life.items():
            if record not in alive or {record, partner[record]} & database.parked:
                continue
            reached = {written.value for written in across.ever.get((partner[record], name), ())}
            last = max((i for i, w in enumerate(writes) if w.author is not Author.SYNC), default=-1)
            for index, written in enumerate(writes):
                token = isinstance(written.value, str) and written.author is not Author.SYNC
                if token and index == last and written.value not in reached and written.value not in ledger:
                    yield f"{written.value!r} of {record}.{name}, written at {written.at:.2f}"


def _regressions(org: Org, database: Database) -> Iterator[str]:
    """O3: no field goes back to an older value, unless the ledger says that a policy brought it back."""
    restored: set[tuple[str, str, Value]] = set()
    for sf_id, key, entry in database.ledger:
        if entry.winner is not None:
            value = entry.salesforce if entry.winner is Side.SALESFORCE else entry.postgres
            restored |= {(sf_id, entry.field, value), (key, entry.field, value)}
    for history in (org.history, database.history):
        for record, name, now, then in history.regressions:
            if (record, name, then) not in restored:
                yield f"{record}.{name} went back from {now!r} to {then!r}"


def _wrong_winners(step: Step, org: Org, database: Database) -> Iterator[str]:
    """O4: under `newest` the loser is the older one, by the true times of both values."""
    for sf_id, key, entry in database.ledger:
        field = step.by_name[entry.field]
        if entry.kind is not LedgerKind.CONFLICT or field.conflict.policy is not Policy.NEWEST:
            continue
        theirs = _true_time(org.history, sf_id, entry.field, entry.salesforce)
        ours = _true_time(database.history, key, entry.field, entry.postgres)
        if theirs is None or ours is None or entry.salesforce_at is None:
            continue
        if (entry.salesforce_at - EPOCH).total_seconds() > theirs + 1:
            continue  # judged by the stamp of the whole record, which is all that a read gives
        late = theirs - ours
        if (late > PRECISION and entry.winner is Side.POSTGRES) or (
            -late > PRECISION and entry.winner is Side.SALESFORCE
        ):
            yield f"{sf_id}.{entry.field}: {entry.winner} won, Salesforce was {late:+.2f} s later"


def _undecided(org: Org, database: Database) -> Iterator[str]:
    """O4: while a conflict waits for a person, neither value is sent over the other."""
    for sf_id, key, entry in database.ledger:
        values = [written.value for written in org.history.life.get((sf_id, entry.field), [])]
        if entry.winner is not None or not isinstance(entry.postgres, str) or entry.salesforce not in values:
            continue
        if entry.postgres in values[values.index(entry.salesforce) :]:
            yield f"{key}.{entry.field}: {entry.postgres!r} was sent over the undecided {entry.salesforce!r}"


def _true_time(history: History, record: str, name: str, value: Value) -> float | None:
    if not isinstance(value, str):
        return None
    for written in reversed(history.ever.get((record, name), [])):
        if written.value == value:
            return written.at if written.author is not Author.SYNC else None
    return None


def _double(org: Org, database: Database) -> Iterator[str]:
    """O5: links are one-to-one, and one row has at most one living record."""
    keys = [link.key for link in database.links.values() if link.state is LinkState.LINKED]
    if len(keys) != len(set(keys)):
        yield f"a row with two links: {keys}"
    made = [r.external_id for r in org.records.values() if r.external_id and not r.deleted]
    if len(made) != len(set(made)):
        yield f"two records of one row: {made}"
