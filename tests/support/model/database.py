"""A model PostgreSQL: rows, the changes that triggers captured, and the daemon's own tables, all in one store.

A transaction is one call that runs to its end, so a crash of the shell between two calls loses nothing that was
committed and keeps nothing that was not.
"""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from daemon.domain.change import Change, ChangeKind, ChangeState, Source
from daemon.domain.link import Link, LinkState
from daemon.domain.plan import LedgerEntry
from daemon.domain.side import Side
from daemon.domain.value import Value, Values
from tests.support.model.org import EPOCH, Event
from tests.support.model.record import Author, History


@dataclass(frozen=True, slots=True)
class Window:
    """The seconds of which events may tell of values that a write of ours replaced unseen.

    It opens with the write: at the second of what was known before it, and ends at that of the write, or at its
    condition where it had one. The write's own event closes it, because the stream is in the order of commits.
    `before` is what was known of the written fields, `sent` what was written, `written` the second from which on.
    """

    start: datetime
    end: datetime
    before: Values
    sent: Values
    written: datetime

    def echoed_by(self, at: datetime, values: Values) -> bool:
        """Whether an event is the write's own."""
        spoken = [name for name in self.sent if name in values]
        return at >= self.written and bool(spoken) and all(values[name] == self.sent[name] for name in spoken)


@dataclass(slots=True)
class Database:
    """Everything that is stored. `skew` is how many seconds this server's clock is ahead of Salesforce's."""

    skew: float = 0.0
    rows: dict[str, dict[str, Value]] = field(default_factory=dict)
    changes: dict[int, Change] = field(default_factory=dict)
    links: dict[str, Link] = field(default_factory=dict)
    windows: dict[str, list[Window]] = field(default_factory=dict)  # by record, oldest first
    behind: set[str] = field(default_factory=set)  # records that hold values which the base leaves out
    external: dict[str, str] = field(default_factory=dict)  # by row key: made before the first attempt
    ledger: list[tuple[str, str, LedgerEntry]] = field(default_factory=list)  # record, key, entry
    parked: set[str] = field(default_factory=set)  # record ids and keys
    position: int = 0
    history: History = field(default_factory=History)
    keys: int = 0
    ids: int = 0

    def open(self, sf_id: str, window: Window) -> None:
        """A write may have replaced something."""
        self.windows.setdefault(sf_id, []).append(window)

    def close(self, sf_id: str, at: datetime, values: Values) -> bool:
        """Close the windows that an event shows to be over; whether it was the event of one of our own writes."""
        windows = self.windows.get(sf_id, [])
        echo = next((i for i, window in enumerate(windows) if window.echoed_by(at, values)), -1)
        self.windows[sf_id] = [window for window in windows[echo + 1 :] if at <= window.end]
        return echo >= 0

    def in_window(self, sf_id: str, at: datetime) -> list[Window]:
        """The open windows that an event of this second falls into."""
        return [window for window in self.windows.get(sf_id, []) if window.start <= at <= window.end]

    def clock(self, now: float) -> datetime:
        """This server's wall clock."""
        return EPOCH + timedelta(seconds=now + self.skew)

    def insert(self, values: dict[str, Value], now: float) -> str:
        """A row of the application's."""
        key = self.write(None, values, now, Author.USER)
        self.external[key] = f"external-{key}"
        self.store(self.captured(ChangeKind.CREATE, key, values, now))
        return key

    def update(self, key: str, values: dict[str, Value], now: float) -> None:
        """The application's update, captured in the same transaction."""
        self.write(key, values, now, Author.USER)
        self.store(self.captured(ChangeKind.UPDATE, key, values, now))

    def delete(self, key: str, now: float) -> None:
        """The application's delete, captured in the same transaction."""
        self.remove(key)
        self.store(self.captured(ChangeKind.DELETE, key, {}, now))

    def write(self, key: str | None, values: Values, now: float, author: Author) -> str:
        """Set columns of a row, or make one."""
        if key is None:
            self.keys += 1
            key = f"row{self.keys}"
        row = self.rows.setdefault(key, {"Name": None, "Phone": None, "Flag": False})
        for name, value in values.items():
            if row[name] != value:
                row[name] = value
                self.history.add(key, name, value, now, author)
        return key

    def remove(self, key: str) -> None:
        """Delete a row."""
        self.rows.pop(key, None)
        self.history.forget(key)

    def captured(self, kind: ChangeKind, key: str, values: Values, now: float) -> Change:
        """What the trigger writes. Canonical values stand in for the columns' text."""
        raw = {name: value for name, value in values.items() if not isinstance(value, tuple)}
        return Change(
            "contacts",
            Side.POSTGRES,
            kind,
            Source.TRIGGER,
            self.clock(now),
            key=key,
            values=raw,
            external_id=self.external.get(key) if kind is ChangeKind.CREATE else None,
        )

    def told(self, event: Event) -> Change:
        """An event that is stored to be settled later."""
        raw = {name: value for name, value in event.values.items() if not isinstance(value, tuple)}
        return Change(
            "contacts",
            Side.SALESFORCE,
            event.kind,
            Source.STREAM,
            event.at,
            sf_id=event.id,
            values=raw,
            external_id=event.external_id,
        )

    def store(self, change: Change) -> None:
        """Store a change under the next id."""
        self.ids += 1
        self.changes[self.ids] = replace(change, id=self.ids)

    def of_row(self, key: str | None) -> list[Change]:
        """Unsettled changes of a row, oldest first."""
        return [change for change in self.changes.values() if key is not None and change.key == key]

    def of_record(self, sf_id: str) -> list[Change]:
        """Unsettled changes of a record, oldest first."""
        return [change for change in self.changes.values() if change.sf_id == sf_id]

    def settle(self, changes: list[Change]) -> None:
        """Forget changes."""
        for change in changes:
            self.changes.pop(change.id, None)

    def link_of_row(self, key: str) -> Link | None:
        """The link of a row, in any state."""
        return next((link for link in self.links.values() if link.key == key), None)

    def row_of(self, external_id: str | None) -> str | None:
        """The row that an external id was made for, if it has no living link."""
        for key, made in self.external.items():
            if made == external_id:
                link = self.link_of_row(key)
                return key if link is None or link.state is not LinkState.LINKED else None
        return None

    def mark_sent(self, changes: list[Change], values: Values) -> None:
        """Changes are on their way with these values."""
        raw = {name: value for name, value in values.items() if not isinstance(value, tuple)}
        for change in changes:
            if change.id in self.changes:
                self.changes[change.id] = replace(change, state=ChangeState.SENT, sent=raw)
