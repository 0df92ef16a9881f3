"""Salesforce's side: the emulator's model, users who work in it, and what really happened to every value."""

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from adapters.emulator.org import Org
from adapters.emulator.people import settle_users
from adapters.emulator.schema.sobject import SObject
from adapters.emulator.seeding import plant
from adapters.emulator.store.caller import Caller
from adapters.emulator.store.changes import ChangeKind
from adapters.emulator.store.rules import AutomationRule
from adapters.emulator.store.transaction import Transaction
from adapters.emulator.store.values import Row
from daemon.domain.mapping import Kind, Steps
from daemon.ports.clock import Clock
from tests.simulation.clockwork import START
from tests.support.model.record import Author, History

_EXTERNAL = {"type": "text", "length": 40, "external_id": True, "unique": True}
FIELDS = {
    "fields": {
        "Account": {"Ext_Id__c": _EXTERNAL, "Flag__c": {"type": "checkbox"}},
        "Contact": {"Ext_Id__c": _EXTERNAL},
    }
}


@dataclass(frozen=True, slots=True)
class Whim(AutomationRule):
    """A flow that now and then sets the field to something new when a record is saved."""

    draw: Callable[[Row], str | None]

    def apply(self, sobject: SObject, row: Row) -> Row | None:
        value = self.draw(row)
        return None if value is None else {**row, self.field: value}


class OrgSide:
    """The org. Its clock is the true time: the others are measured against it."""

    def __init__(self, rng: random.Random, clock: Clock, steps: Steps) -> None:
        self.org = Org(rng=rng)
        settle_users(self.org)
        plant(self.org, FIELDS)
        self.org.selection.select(steps.by_object)
        self.steps = steps
        self.history = {name: History() for name in steps.by_object}
        self.untold: set[str] = set()  # texts of events that were forgotten before anybody heard them
        self.sync_saves = 0
        self.others_saves = 0  # of users and of automation, also of the latter's part in a save of ours
        self.sync_creates = 0
        self.api = Caller(self.org.integration_user, client="isthmus")
        self._clock = clock
        self._whims: dict[
            str | None, str | None
        ] = {}  # what automation thought of, and what that replaced in the same save

    def add_automation(self, rng: random.Random, token: Callable[[str], str]) -> None:
        """Have a flow edit some of the saved records."""

        def draw(row: Row) -> str | None:
            if rng.random() < 0.7:
                return None
            value = token("auto")
            self._whims[value] = _text(row.get("Phone"))
            return value

        for name in self.steps.by_object:
            self.org.records.rules.automation[name] = [Whim(name, "Phone", "", draw)]

    def keep_time(self) -> None:
        """Set the org's clock to the time that it is."""
        self.org.clock.freeze(START.timestamp() + self._clock.monotonic())

    @contextmanager
    def saving(self, author: Author) -> Iterator[Transaction]:
        """One transaction, committed and told at the end of the block; its changes become part of the history."""
        self.keep_time()
        caller = self.api if author is Author.SYNC else None
        with self.org.transaction(caller) as transaction:
            yield transaction
        for change in transaction.changes():
            self._remember(
                change.sobject.name, change.record_id, change.kind, change.before, change.after, author
            )

    def _remember(
        self,
        name: str,
        record_id: str,
        kind: ChangeKind,
        before: Row | None,
        after: Row | None,
        author: Author,
    ) -> None:
        if name not in self.steps.by_object:
            return
        at, history = self._clock.monotonic(), self.history[name]
        if after is None:
            history.forget(record_id)
            return
        self.sync_creates += author is Author.SYNC and kind is ChangeKind.CREATE
        authors = {author} if self._touched(name, before or {}, after) else set()
        for field in tokens(self.steps, name):
            value = _text(after.get(field))
            if kind is ChangeKind.UNDELETE:
                history.revive(record_id, field, value, at)
                continue
            for given, by in self._given(_text((before or {}).get(field)), value, author):
                history.add(record_id, field, given, at, by)
                authors.add(by)
        self.sync_saves += Author.SYNC in authors
        self.others_saves += bool(authors - {Author.SYNC}) or kind is ChangeKind.UNDELETE

    def _touched(self, name: str, before: Row, after: Row) -> bool:
        """Whether a field that is no text has changed. References do not count: one that waits for its record is given by a save of its own."""
        fields = {field.name: field.kind for step in self.steps.by_object[name] for field in step.fields}
        plain = [field for field, kind in fields.items() if kind not in (Kind.TEXT, Kind.REFERENCE)]
        return any(before.get(field) != after.get(field) for field in plain)

    def _given(
        self, before: str | None, after: str | None, author: Author
    ) -> Iterator[tuple[str | None, Author]]:
        """The values that a field was given in one save: by whoever saved, and by automation on top of that."""
        if after in self._whims:
            replaced = self._whims.pop(after)
            if replaced != before:
                yield replaced, author
            yield after, Author.AUTOMATION
        elif after != before:
            yield after, author

    def living(self, name: str) -> dict[str, Row]:
        """Live records by id."""
        return self.org.records.table(self.org.records.sobject(name)).live

    def binned(self, name: str) -> dict[str, Row]:
        """Records in the recycle bin by id."""
        return self.org.records.table(self.org.records.sobject(name)).bin


def _text(value: object) -> str | None:
    assert value is None or isinstance(value, str)
    return value


def tokens(steps: Steps, name: str) -> tuple[str, ...]:
    """The fields of an object whose every value is a new text, so that each value tells where it came from."""
    step = steps.by_object[name][0]
    return tuple(field.name for field in step.fields if field.kind is Kind.TEXT)
