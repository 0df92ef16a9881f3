"""One transaction of the model shell: an observation of a record, settled against its row as it is now."""

from dataclasses import dataclass, field, replace
from datetime import datetime

from daemon.domain.change import Change, ChangeKind, Source
from daemon.domain.link import Link, LinkState
from daemon.domain.mapping import Step
from daemon.domain.plan import LedgerEntry, LedgerKind, LinkAction, Operation, Outcome, Plan
from daemon.domain.side import Side
from daemon.domain.value import NO_VALUES, Value, Values, values_from_json
from daemon.domain.view import Presence, View
from daemon.reconcile.decide import decide
from daemon.reconcile.times import corrected
from tests.support.model.database import Database, Window
from tests.support.model.record import Author


@dataclass(frozen=True, slots=True)
class Observation:
    """What was learned of one record, and which stored changes are settled by it.

    `looked` is false after a write that nobody read back. `own` is the second of a write of ours and `window` what it may have replaced. `news` are stored events that this observation answers.
    """

    sf_id: str
    at: datetime
    values: Values
    gone: bool = False
    streamed: bool = False
    looked: bool = True
    confirmed: Values = field(default_factory=dict)
    window: Window | None = None
    own: datetime | None = None
    key: str | None = None
    changes: list[Change] = field(default_factory=list)
    news: list[Change] = field(default_factory=list)


@dataclass(slots=True)
class Settling:
    """The transaction."""

    step: Step
    database: Database
    offset: float
    now: float

    def settle(self, seen: Observation) -> None:
        """Decide on the locked row, write it, move the link, keep the losers."""
        database = self.database
        link = database.links.get(seen.sf_id)
        key = link.key if link is not None else seen.key
        base = {**(link.base if link is not None else {}), **seen.confirmed}
        based = replace(link, base=base) if link is not None else None
        if seen.window is not None:
            database.open(seen.sf_id, seen.window)
        unseen = self.unseen(seen, base)
        plan = decide(self.step, based, self.remote(seen), self.local(key, link), origin=None)
        key = self._write(plan, key)
        database.settle(seen.changes)
        self._ledger(seen.sf_id, key, plan, unseen)
        agreed = {**base, **plan.base}
        self._link(seen, link, key, agreed, plan)
        if any(agreed.get(name) != value for name, value in seen.values.items()):
            database.behind.add(seen.sf_id)
        elif not seen.streamed:
            database.behind.discard(seen.sf_id)
        if plan.salesforce is not None and not database.of_row(key):
            kind = ChangeKind.DELETE if plan.salesforce.operation is Operation.DELETE else ChangeKind.UPDATE
            assert key is not None
            database.store(replace(database.captured(kind, key, {}, self.now), source=Source.ENGINE))

    def remote(self, seen: Observation) -> View:
        """Salesforce's half. A field's own second is known where a stored event spoke of the value it holds."""
        if seen.gone:
            return View(Presence.GONE, NO_VALUES)
        times: dict[str, datetime] = {}
        for change in seen.news:
            times |= {
                name: change.at for name, value in change.values.items() if seen.values.get(name) == value
            }
        return View(Presence.PRESENT, seen.values, not seen.streamed, times, seen.at)

    def local(self, key: str | None, link: Link | None) -> View:
        """PostgreSQL's half, with the corrected instants of what has not been settled."""
        row = self.database.rows.get(key or "")
        if row is None:
            return View(Presence.GONE if link is not None else Presence.MISSING, NO_VALUES)
        times: dict[str, datetime] = {}
        for change in self.database.of_row(key):
            times |= dict.fromkeys(change.values, corrected(change.at, self.offset))
        return View(Presence.PRESENT, dict(row), changed=times)

    def unseen(self, seen: Observation, base: Values) -> list[LedgerEntry]:
        """Values of late events that a write of ours replaced without our having seen them.

        Such a value is one of a field that we wrote, told within the write's window and before its own event; it is
        not what we knew before the write; and what was written stands. It is kept and not restored:
        whole seconds do not tell a value that we replaced from one that its own side replaced just before.
        """
        entries: dict[tuple[str, Value], LedgerEntry] = {}
        if seen.gone:
            return []
        for change in seen.news:
            values = values_from_json(change.values)
            if self.database.close(seen.sf_id, change.at, values):
                continue
            windows = self.database.in_window(seen.sf_id, change.at)
            for name, value in values.items():
                now = seen.values.get(name)
                if value == now or now != base.get(name):
                    continue
                if any(name in window.before and window.before[name] != value for window in windows):
                    entries[name, value] = LedgerEntry(
                        LedgerKind.UNSEEN,
                        name,
                        "same_second",
                        Side.POSTGRES,
                        base[name],
                        value,
                        now,
                        change.at,
                    )
        return list(entries.values())

    def _write(self, plan: Plan, key: str | None) -> str | None:
        write = plan.postgres
        if write is None:
            return key
        if write.operation is Operation.DELETE:
            assert key is not None
            self.database.remove(key)
            return key
        return self.database.write(plan.link.key or key, write.values, self.now, Author.SYNC)

    def _ledger(self, sf_id: str, key: str | None, plan: Plan, unseen: list[LedgerEntry]) -> None:
        self.database.ledger += [(sf_id, key or "", entry) for entry in (*plan.ledger, *unseen)]
        if any(hold.outcome is Outcome.PARK for hold in plan.held.values()):
            self.database.parked |= {sf_id, key or ""}

    def _link(self, seen: Observation, link: Link | None, key: str | None, base: Values, plan: Plan) -> None:
        links = self.database.links
        match plan.link.action:
            case LinkAction.END:
                assert link is not None
                links[seen.sf_id] = replace(link, state=plan.link.state, own=None, base=base)
            case LinkAction.CREATE | LinkAction.REVIVE | LinkAction.KEEP | LinkAction.MOVE:
                if link is None:
                    if plan.link.action is LinkAction.KEEP:
                        return
                    assert key is not None
                    link = Link(
                        1, self.step.name, self.step.object, seen.sf_id, self.step.table.qualified, key
                    )
                elif plan.link.action is LinkAction.REVIVE:
                    link = replace(link, own=None, seen=None)
                links[seen.sf_id] = self.moved(
                    replace(
                        link,
                        base=base,
                        state=LinkState.LINKED if plan.link.action is not LinkAction.KEEP else link.state,
                    ),
                    seen,
                )

    def moved(self, link: Link, seen: Observation) -> Link:
        """The link's seconds after an observation."""
        own = seen.own or (seen.at if link.in_doubt else link.own)
        later = seen.looked and (link.seen is None or seen.at > link.seen)
        return replace(link, seen=seen.at if later else link.seen, own=own)
