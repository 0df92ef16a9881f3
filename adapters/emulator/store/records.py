"""The whole state of an org that transactions read and change."""

from __future__ import annotations

import random
from dataclasses import dataclass

from adapters.emulator.clock import OrgClock
from adapters.emulator.errors import RecordRefused
from adapters.emulator.ids import IdFactory
from adapters.emulator.schema.catalog import Catalog
from adapters.emulator.schema.sobject import SObject
from adapters.emulator.store.permissions import Permissions
from adapters.emulator.store.rules import Rules
from adapters.emulator.store.table import Table
from adapters.emulator.store.values import Row
from adapters.emulator.switches import Switches


@dataclass(frozen=True, slots=True)
class Deletion:
    """An entry of the delete log that getDeleted reads. `at` is in whole seconds since 1970."""

    record_id: str
    at: int


class Records:
    """Tables, schema, clock, permissions and rules: everything below the APIs. It knows nothing of transactions or events."""

    def __init__(self, catalog: Catalog, clock: OrgClock, rng: random.Random, switches: Switches) -> None:
        self.catalog = catalog
        self.clock = clock
        self.switches = switches
        self.ids = IdFactory(rng)
        self.permissions = Permissions()
        self.rules = Rules()
        self.deletions: dict[str, list[Deletion]] = {}
        self.deleted_with: dict[str, list[str]] = {}
        """For a deleted parent: the children that went into the bin with it."""
        self.unlinked: dict[str, list[tuple[str, str]]] = {}
        """For a deleted parent: the (record, field) pairs whose lookup was cleared."""
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
