"""A model of the road: it moves changes between the two models by the real core's decisions.

Every method that writes to the database is one transaction. What is done between two transactions may be lost: the
worker is a generator, and whoever drives it may drop it at any of its steps.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime

from daemon.domain.change import Change, ChangeKind, ChangeState
from daemon.domain.link import UNKNOWN_OUTCOME, Link, LinkOrigin, LinkState
from daemon.domain.mapping import Identify, IdentifyKind, Step
from daemon.domain.plan import Hold, Operation, Plan
from daemon.domain.side import Side
from daemon.domain.value import NO_VALUES, Value, Values, values_from_json
from daemon.domain.view import MISSING, Presence, View
from daemon.reconcile.decide import decide
from daemon.reconcile.fence import Worth, may_write_blind, worth
from daemon.reconcile.fold import fold
from daemon.reconcile.identify import Candidates, Match, choose
from tests.support.model.database import Database, Window
from tests.support.model.org import EPOCH, Event, Org, Record, second
from tests.support.model.record import Author
from tests.support.model.settling import Observation, Settling

EXTERNAL = Identify(IdentifyKind.EXTERNAL_ID, "External__c", "external_id", unique=True)


@dataclass(slots=True)
class Faults:
    """What the next request meets: whether it is done, and whether its answer arrives."""

    refused: bool = False  # never reaches Salesforce, and nobody learns that
    silent: bool = False  # is done, and the answer is lost


@dataclass
class Shell:
    """The daemon. `offset` is how far Salesforce's clock is ahead of the database's, as it was measured."""

    step: Step
    org: Org
    database: Database
    offset: float
    now: float = 0.0
    faults: Faults = field(default_factory=Faults)
    reads_back: bool = True

    settling = Settling

    def settle(self, seen: Observation) -> None:
        """One transaction."""
        self.settling(self.step, self.database, self.offset, self.now).settle(seen)

    # Inbound

    def inbound(self, events: list[Event], position: int) -> Iterator[str]:
        """Take a batch: everything of it, and the position, in one transaction."""
        yield "taken"
        for event in events:
            self.take(event)
        self.database.position = position

    def take(self, event: Event) -> None:
        """Settle an event, or store it."""
        link = self.database.links.get(event.id)
        if self.waits(link, event):
            self.database.store(self.database.told(event))
        elif link is None:
            self._meet(event)
        elif link.state is not LinkState.LINKED or event.kind in (ChangeKind.DELETE, ChangeKind.UNDELETE):
            if link.seen is None or event.at >= link.seen:
                self.database.store(self.database.told(event))
        else:
            self._judged(link, event)

    def waits(self, link: Link | None, event: Event) -> bool:
        """Whether an event goes behind others that are stored, or behind a write that is in doubt."""
        return bool(self.database.of_record(event.id)) or (link is not None and link.in_doubt)

    def judge(self, link: Link, event: Event) -> Worth:
        """What an event of a linked record is worth."""
        told = worth(link, event.at, event.values)
        self.database.close(event.id, event.at, event.values)
        differs = any(link.base[name] != value for name, value in event.values.items())
        return Worth.UNDECIDABLE if differs and self.database.in_window(event.id, event.at) else told

    def _judged(self, link: Link, event: Event) -> None:
        if not self.covered(link):
            self.database.store(self.database.told(event))
            return
        match self.judge(link, event):
            case Worth.STALE | Worth.CONFIRMS:
                pass
            case Worth.UNDECIDABLE:
                self.database.store(self.database.told(event))
            case Worth.NEWS:
                self.settle(Observation(event.id, event.at, event.values, streamed=True))

    def _meet(self, event: Event) -> None:
        """A record without a link. One that may be our own create is left to the worker, which knows what was sent."""
        if event.kind is ChangeKind.CREATE and event.external_id is None:
            self.settle(Observation(event.id, event.at, event.values, streamed=True))
        else:
            self.database.store(self.database.told(event))

    # The worker

    def work(self) -> Iterator[str]:
        """One round for the record of the oldest change. Yields between any two things that a crash can part."""
        case = self._claim()
        if case is None:
            return
        yield "claimed"
        if case.sf_id is None or self.database.links.get(case.sf_id) is None:
            yield from self._unlinked(case)
        else:
            yield from self._linked(case, self.database.links[case.sf_id])

    def _claim(self) -> "Case | None":
        oldest = next(iter(self.database.changes.values()), None)
        if oldest is None:
            return None
        if oldest.side is Side.SALESFORCE:
            sf_id, link = oldest.sf_id, self.database.links.get(oldest.sf_id or "")
            key = link.key if link is not None else None
        else:
            key = oldest.key
            link = self.database.link_of_row(key or "")
            sf_id = link.sf_id if link is not None else None
        theirs = self.database.of_record(sf_id) if sf_id is not None else []
        return Case(sf_id, key, theirs, self.database.of_row(key))

    def _unlinked(self, case: "Case") -> Iterator[str]:
        if case.sf_id is not None:
            record = self.org.read(case.sf_id)
            yield "read"
            key = self.database.row_of(record.external_id) if record is not None else None
            if record is None:
                self.database.settle(case.theirs)
            elif key is not None:
                self.adopt(record, key, self.database.of_row(key))
            elif self.database.links.get(record.id) is None:
                self.settle(Observation(record.id, record.stamp, record.values, changes=case.theirs))
            return
        assert case.key is not None
        external_id = self.database.external[case.key]
        found = self.search(external_id)
        yield "searched"
        if found is not None:
            found_record = self.org.read(found)
            if found_record is not None and self.database.links.get(found) is None:
                self.adopt(found_record, case.key, case.ours)
            return
        yield from self._create(case, external_id)

    def search(self, external_id: str) -> str | None:
        """The record that a create without an answer may have made."""
        found = self.org.find(external_id)
        match choose([Candidates(EXTERNAL, (found,) if found is not None else ())]):
            case Match(counterpart, _):
                return counterpart
            case Hold() | None:
                return None

    def adopt(self, record: Record, key: str, ours: list[Change]) -> None:
        """A record that bears a row's external id: our own create, whose answer was lost.

        It is linked on what was sent and taken, so that neither an edit nor a delete of the row made since is
        mistaken for a quarrel with ourselves.
        """
        base = held(record, ours)
        self.database.links[record.id] = Link(
            1,
            self.step.name,
            self.step.object,
            record.id,
            self.step.table.qualified,
            key,
            origin=LinkOrigin.EXTERNAL_ID,
            base=base,
            own=UNKNOWN_OUTCOME,
        )
        self.database.external.setdefault(key, record.external_id or "")

    def _create(self, case: "Case", external_id: str) -> Iterator[str]:
        assert case.key is not None
        row = self.database.rows.get(case.key)
        if row is None or self.database.link_of_row(case.key) is not None:
            if row is None:
                self.database.settle(case.ours)
            return
        plan = decide(self.step, None, MISSING, View(Presence.PRESENT, dict(row)))
        assert plan.salesforce is not None
        values = dict(plan.salesforce.values)
        self.database.mark_sent(case.ours, values)
        yield "marked"
        if self.faults.refused:
            return
        updated = self.org.find(external_id) is not None
        sf_id = self.org.create(values, Author.SYNC, self.now, external_id)
        if self.faults.silent:
            return
        stamp = second(self.now)
        yield "answered"
        if self.database.links.get(sf_id) is not None:
            return
        # An upsert that found a record, say one that came out of the recycle bin, replaced what nobody had read.
        window = Window(EPOCH, stamp, dict.fromkeys(values), values, stamp) if updated else None
        made = Observation(sf_id, stamp, values, looked=False, confirmed=values, own=stamp, key=case.key)
        self.settle(replace(made, changes=case.ours, window=window))

    def _linked(self, case: "Case", link: Link) -> Iterator[str]:
        blind = self.goes_blind(case, link)
        record = None
        read_at = link.seen or second(self.now)
        if not blind:
            record = self.org.read(link.sf_id)
            read_at = second(self.now)
            yield "read"
            if self.overtaken(link):
                return
        confirmed = held(record, case.ours) if record is not None else {}
        read = self._observed(case, link, record, confirmed)
        plan = self._plan(link, read, confirmed)
        if plan.salesforce is None or not case.ours:
            if read is not None:
                self.settle(read)
            else:
                self.database.settle(case.ours)
            return
        values = dict(plan.salesforce.values)
        self.mark(case, link, plan, values, read)
        yield "marked"
        if self.faults.refused:
            return
        deletes = plan.salesforce.operation is Operation.DELETE
        answer = self._send(link, values, self.since(link) if blind else None, deletes=deletes)
        after = self.org.read(link.sf_id) if self.reads_back or blind else None
        stamp = second(self.now)
        if self.faults.silent:
            return
        yield f"answered {answer}"
        before = (
            {n: record.values[n] if record is not None else link.base[n] for n in values}
            if not deletes
            else {}
        )
        window = Window(read_at, read_at if blind else stamp, before, values, stamp)
        self._finish(case, link, answer, record, after, stamp, confirmed, window, deletes=deletes)

    def goes_blind(self, case: "Case", link: Link) -> bool:
        """Whether a conditional write can go without reading first."""
        return (
            not case.theirs
            and not link.in_doubt
            and may_write_blind(link)
            and self.covered(link)
            and not self.behind(link)
            and self.updates(case, link)
        )

    def updates(self, case: "Case", link: Link) -> bool:
        """Whether all that waits is an update of a living pair that has not been refused once."""
        living = link.state is LinkState.LINKED and fold(case.ours).kind is ChangeKind.UPDATE
        return living and not any(change.attempts for change in case.ours)

    def behind(self, link: Link) -> bool:
        """Whether Salesforce holds a value that the base leaves out: an open conflict, a held or waiting field."""
        return link.sf_id in self.database.behind

    def covered(self, link: Link) -> bool:
        """Whether every field has a last agreed value."""
        return link.base.keys() >= self.step.by_name.keys()

    def since(self, link: Link) -> datetime | None:
        """The condition of a write that was not preceded by a read."""
        return link.seen

    def overtaken(self, link: Link) -> bool:
        """Whether the stream told more about a record while it was being read: then what was read may be older."""
        return self.database.links.get(link.sf_id) != link

    def _plan(self, link: Link, read: Observation | None, confirmed: Values) -> Plan:
        settling = self.settling(self.step, self.database, self.offset, self.now)
        blind = View(Presence.PRESENT, NO_VALUES, complete=False, changed_at=link.seen)
        theirs = settling.remote(read) if read is not None else blind
        based = replace(link, base={**link.base, **confirmed})
        return decide(self.step, based, theirs, settling.local(link.key, link))

    def mark(self, case: "Case", link: Link, plan: Plan, values: Values, read: Observation | None) -> None:
        """One transaction before the first byte leaves.

        The losers of the plan go to the ledger with it: after the write Salesforce holds the winner's value, and
        nobody can see any more that there was a quarrel.
        """
        self.database.mark_sent(case.ours, values)
        self.database.links[link.sf_id] = replace(self.database.links[link.sf_id], own=UNKNOWN_OUTCOME)
        self.database.ledger += [(link.sf_id, link.key, entry) for entry in plan.ledger]
        if read is not None and read.window is not None:
            self.database.open(link.sf_id, read.window)

    def _observed(
        self, case: "Case", link: Link, record: Record | None, confirmed: Values
    ) -> Observation | None:
        if record is None and self.goes_blind(case, link):
            return None
        gone = record is None
        return Observation(
            link.sf_id,
            second(self.now) if record is None else record.stamp,
            {} if record is None else record.values,
            gone=gone,
            confirmed=confirmed,
            changes=[*case.theirs, *case.ours],
            news=case.theirs,
            window=self._doubtful(case, link, record),
        )

    def _doubtful(self, case: "Case", link: Link, record: Record | None) -> Window | None:
        """What a write with no answer may have replaced."""
        sent: dict[str, Value] = {}
        for change in case.ours:
            sent |= values_from_json(change.sent or {})
        if record is None or not sent:
            return None
        start = link.seen or EPOCH
        return Window(start, record.stamp, {name: link.base.get(name) for name in sent}, sent, start)

    def _send(self, link: Link, values: dict[str, Value], since: datetime | None, *, deletes: bool) -> str:
        if deletes:
            self.org.delete(link.sf_id, Author.SYNC, self.now)
            return "done"
        return self.org.patch(link.sf_id, values, self.now, since)

    def _finish(
        self,
        case: "Case",
        link: Link,
        answer: str,
        record: Record | None,
        after: Record | None,
        stamp: datetime,
        confirmed: Values,
        window: Window,
        *,
        deletes: bool,
    ) -> None:
        if answer != "done":
            self.database.links[link.sf_id] = replace(self.database.links[link.sf_id], own=link.own)
            for change in case.ours:
                if change.id in self.database.changes:
                    self.database.changes[change.id] = replace(change, state=ChangeState.PENDING, attempts=1)
            return
        changes = [*case.theirs, *case.ours]
        if deletes or (self.reads_back and after is None):
            self.settle(Observation(link.sf_id, stamp, {}, gone=True, changes=changes, own=stamp))
            return
        if after is not None:
            seen = Observation(link.sf_id, after.stamp, after.values, own=after.stamp)
        else:
            assert record is not None
            seen = Observation(link.sf_id, record.stamp, {**record.values, **window.sent}, own=stamp)
        sent = {n: v for n, v in window.sent.items() if after is None or after.values[n] == v}
        self.settle(
            replace(seen, changes=changes, news=case.theirs, confirmed={**confirmed, **sent}, window=window)
        )


@dataclass(frozen=True, slots=True)
class Case:
    """One pair, or one half, with the stored changes of both sides."""

    sf_id: str | None
    key: str | None
    theirs: list[Change]
    ours: list[Change]


def held(record: Record, ours: list[Change]) -> dict[str, Value]:
    """What was sent, with no answer, and turned out to be there."""
    sent: dict[str, Value] = {}
    for change in ours:
        sent |= values_from_json(change.sent or {})
    return {
        name: value for name, value in sent.items() if name in record.values and record.values[name] == value
    }
