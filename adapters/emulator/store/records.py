"""The whole state of an org that transactions read and change."""

from __future__ import annotations

import random
from collections import Counter
from copy import deepcopy
from dataclasses import dataclass

from adapters.emulator.clock import OrgClock, parse_datetime
from adapters.emulator.errors import RecordRefused
from adapters.emulator.ids import IdFactory
from adapters.emulator.schema.catalog import Catalog
from adapters.emulator.schema.sobject import SObject
from adapters.emulator.store.deletions import DeleteLog, Deletion
from adapters.emulator.store.locks import Locks
from adapters.emulator.store.permissions import Permissions
from adapters.emulator.store.rules import Rules
from adapters.emulator.store.table import Table
from adapters.emulator.store.values import Row
from adapters.emulator.switches import Switches


@dataclass(frozen=True, slots=True)
class RecordsSnapshot:
    """All records and what belongs to them at one moment. Rows are shared: a save never changes one in place."""

    rows: dict[str, tuple[dict[str, Row], dict[str, Row]]]
    deletions: DeleteLog
    deleted_with: dict[str, list[str]]
    unlinked: dict[str, list[tuple[str, str]]]
    permissions: Permissions
    rules: Rules


class Records:
    """Tables, schema, clock, permissions and rules: everything below the APIs. It knows nothing of transactions or events."""

    def __init__(self, catalog: Catalog, clock: OrgClock, rng: random.Random, switches: Switches) -> None:
        self.catalog = catalog
        self.clock = clock
        self.switches = switches
        self.ids = IdFactory(rng)
        self.permissions = Permissions()
        self.rules = Rules()
        self.locks = Locks()
        self.deletions = DeleteLog()
        self.deleted_with: dict[str, list[str]] = {}
        """For a deleted parent: the children that went into the bin with it."""
        self.unlinked: dict[str, list[tuple[str, str]]] = {}
        """For a deleted parent: the (record, field) pairs whose lookup was cleared."""
        self._numbers: Counter[str] = Counter()
        self._tables: dict[str, Table] = {}
        self._tables_by_prefix: dict[str, Table] = {}

    def table(self, sobject: SObject) -> Table:
        """The table of an object type, with the newest form of its schema."""
        table = self._tables.get(sobject.name)
        if table is None:
            table = Table(sobject)
            self._tables[sobject.name] = table
            self._tables_by_prefix[sobject.key_prefix] = table
        elif table.sobject is not sobject:
            table.adopt(sobject)
        return table

    def sobject(self, name: str) -> SObject:
        """The object type of that name. Raises RecordRefused with INVALID_TYPE."""
        sobject = self.catalog.get(name)
        if sobject is None:
            raise RecordRefused("INVALID_TYPE", f"sObject type '{name}' is not supported.")
        return sobject

    def find(self, record_id: str) -> Row | None:
        """The live row of an 18-character id, of whatever object."""
        table = self._tables_by_prefix.get(record_id[:3])
        return table.live.get(record_id) if table is not None else None

    def find_any(self, record_id: str) -> Row | None:
        """The row of an 18-character id, live or in the Recycle Bin."""
        table = self._tables_by_prefix.get(record_id[:3])
        return table.get(record_id) if table is not None else None

    def next_number(self, sobject: str) -> int:
        """The next automatic number of an object; a number is never given twice."""
        self._numbers[sobject] += 1
        return self._numbers[sobject]

    def note_deletion(self, sobject: SObject, record_id: str) -> None:
        """Write a deletion into the log, and let go of what has been in the Recycle Bin for too long."""
        now = self.clock.seconds()
        self.deletions.add(Deletion(sobject.name, record_id, now))
        for old in self.deletions.expire(now):
            self._let_go(old)

    def empty_bin(self) -> int:
        """Empty the whole Recycle Bin; gives how many records were in it. No event tells of it."""
        count = 0
        for table in self._tables.values():
            count += len(table.bin)
            table.bin.clear()
        self.deleted_with.clear()
        self.unlinked.clear()
        return count

    def snapshot(self) -> RecordsSnapshot:
        """The state of all records now."""
        return RecordsSnapshot(
            {name: (dict(table.live), dict(table.bin)) for name, table in self._tables.items()},
            self.deletions.snapshot(),
            deepcopy(self.deleted_with),
            deepcopy(self.unlinked),
            self.permissions.snapshot(),
            self.rules.snapshot(),
        )

    def restore(self, snapshot: RecordsSnapshot) -> None:
        """Go back to an earlier state. Ids and automatic numbers go on where they are: none is given twice."""
        self._tables.clear()
        self._tables_by_prefix.clear()
        for sobject in self.catalog.all():
            live, binned = snapshot.rows.get(sobject.name, ({}, {}))
            self.table(sobject).fill(live, binned)
        self.deletions = snapshot.deletions.snapshot()
        self.deleted_with = deepcopy(snapshot.deleted_with)
        self.unlinked = deepcopy(snapshot.unlinked)
        self.permissions = snapshot.permissions.snapshot()
        self.rules = snapshot.rules.snapshot()

    def _let_go(self, old: Deletion) -> None:
        """Take a record out of the bin, unless it was restored and deleted again since, and forget what went away with it."""
        table = self._tables[old.sobject]
        binned = table.bin.get(old.record_id)
        if binned is not None and parse_datetime(str(binned["SystemModstamp"])) > old.at:
            return
        table.bin.pop(old.record_id, None)
        if old.record_id not in table.live:
            self.deleted_with.pop(old.record_id, None)
            self.unlinked.pop(old.record_id, None)
