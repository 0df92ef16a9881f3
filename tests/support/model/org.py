"""A model Salesforce: whole-second stamps, partial events in the order of commits, and an automation that edits on save."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

from daemon.domain.change import ChangeKind
from daemon.domain.value import Value
from tests.support.model.record import Author, History

EPOCH: Final = datetime(2026, 1, 1, tzinfo=UTC)

Automation = Callable[[dict[str, Value]], dict[str, Value]]


def second(now: float) -> datetime:
    """The whole second of a true time, as Salesforce stamps it."""
    return EPOCH + timedelta(seconds=int(now))


@dataclass(frozen=True, slots=True)
class Event:
    """One change event: only the values that changed. `author` stands for the origin that a real event carries."""

    id: str
    kind: ChangeKind
    at: datetime
    values: dict[str, Value]
    author: Author
    external_id: str | None = None


@dataclass(slots=True)
class Record:
    """One record."""

    id: str
    values: dict[str, Value]
    stamp: datetime
    external_id: str | None = None
    deleted: bool = False


@dataclass(slots=True)
class Org:
    """The whole org. `automation` gives what a trigger changes beside the fields that were saved."""

    automation: Automation
    unique: bool = True  # whether the external id is a unique field
    records: dict[str, Record] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)
    history: History = field(default_factory=History)

    def read(self, sf_id: str) -> Record | None:
        """A copy of a record that is not deleted."""
        record = self.records.get(sf_id)
        if record is None or record.deleted:
            return None
        return Record(record.id, dict(record.values), record.stamp, record.external_id)

    def find(self, external_id: str) -> str | None:
        """The live record with this external id, as a query gives it."""
        for record in self.records.values():
            if record.external_id == external_id and not record.deleted:
                return record.id
        return None

    def create(
        self, values: dict[str, Value], author: Author, now: float, external_id: str | None = None
    ) -> str:
        """Make a record; with an external id that a live record has, update that one: an upsert."""
        found = self.find(external_id) if external_id is not None and self.unique else None
        if found is not None:
            self.save(found, values, author, now)
            return found
        sf_id = f"record{len(self.records)}"
        record = Record(sf_id, {"Name": None, "Phone": None, "Flag": False}, second(now), external_id)
        self.records[sf_id] = record
        self._set(record, values, author, now)
        event = Event(sf_id, ChangeKind.CREATE, record.stamp, dict(record.values), author, external_id)
        self.events.append(event)
        return sf_id

    def save(self, sf_id: str, values: dict[str, Value], author: Author, now: float) -> None:
        """Set fields of a live record and announce those that changed."""
        record = self.records[sf_id]
        changed = self._set(record, values, author, now)
        if changed:
            self.events.append(Event(sf_id, ChangeKind.UPDATE, record.stamp, changed, author))

    def patch(self, sf_id: str, values: dict[str, Value], now: float, since: datetime | None) -> str:
        """The daemon's update: `done`, `changed` where the condition fails, `gone` where there is no record."""
        record = self.records[sf_id]
        if record.deleted:
            return "gone"
        if since is not None and record.stamp > since:
            return "changed"
        self.save(sf_id, values, Author.SYNC, now)
        return "done"

    def delete(self, sf_id: str, author: Author, now: float) -> None:
        """Move a record to the recycle bin."""
        record = self.records[sf_id]
        if not record.deleted:
            record.deleted, record.stamp = True, second(now)
            self.history.forget(sf_id)
            self.events.append(Event(sf_id, ChangeKind.DELETE, record.stamp, {}, author))

    def undelete(self, sf_id: str, now: float) -> None:
        """Take a record out of the recycle bin."""
        record = self.records[sf_id]
        record.deleted, record.stamp = False, second(now)
        for name, value in record.values.items():
            self.history.revive(sf_id, name, value, now)
        event = Event(
            sf_id, ChangeKind.UNDELETE, record.stamp, dict(record.values), Author.USER, record.external_id
        )
        self.events.append(event)

    def _set(self, record: Record, values: dict[str, Value], author: Author, now: float) -> dict[str, Value]:
        edited = self.automation(values)
        changed: dict[str, Value] = {}
        for source, who in ((values, author), (edited, Author.AUTOMATION)):
            for name, value in source.items():
                if name not in record.values or record.values[name] != value:
                    record.values[name] = changed[name] = value
                    self.history.add(record.id, name, value, now, who)
        record.stamp = max(record.stamp, second(now))
        return changed
