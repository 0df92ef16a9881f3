"""The org as one object: its records, its stream of events, and transactions that keep the two in step."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from adapters.emulator.clock import OrgClock
from adapters.emulator.errors import RecordRefused
from adapters.emulator.events.composer import Composer
from adapters.emulator.events.log import EventLog
from adapters.emulator.events.selection import Selection
from adapters.emulator.schema.catalog import Catalog
from adapters.emulator.soql import execute, parse
from adapters.emulator.store.caller import Caller
from adapters.emulator.store.merging import Conversion, convert_lead, merge
from adapters.emulator.store.records import Records
from adapters.emulator.store.transaction import Transaction
from adapters.emulator.store.values import Row, Value
from adapters.emulator.switches import Switches

INTERFACE_CLIENT = "SfdcInternalAPI/"
"""What Salesforce's own user interface leaves in changeOrigin."""
_SYSTEM_FIELDS = frozenset(
    {"CreatedDate", "CreatedById", "LastModifiedDate", "LastModifiedById", "SystemModstamp"}
)


class Org:
    """An org in memory. The methods that change records act like a person in Salesforce's user interface: each is one transaction,
    and sends the same events as the APIs would.
    """

    def __init__(self, *, rng: random.Random, retention_hours: float = 72.0) -> None:
        self.rng = rng
        self.clock = OrgClock()
        self.switches = Switches()
        self.catalog = Catalog()
        self.records = Records(self.catalog, self.clock, rng, self.switches)
        self.selection = Selection(self.catalog)
        self.log = EventLog(self.clock, rng, retention_hours * 3600)
        self.composer = Composer(self.log, self.clock, rng, self.switches, self.selection.sends_events)
        self.org_id = self.records.ids.new("00D")
        self.schema_changed_at = self.clock.seconds()
        self.integration_user = ""
        """User id of the API user whose credentials the emulator announces."""
        self.admin_user = ""
        """User id of the person who works in the user interface."""

    @contextmanager
    def transaction(self, caller: Caller | None = None) -> Iterator[Transaction]:
        """A transaction that is committed and announced at the end of the block, and taken back when the block raises."""
        transaction = Transaction(self.records, caller or self.interface_caller())
        try:
            yield transaction
        except BaseException:
            transaction.roll_back()
            raise
        changes = transaction.changes()
        if changes:
            self.composer.announce(changes, transaction.caller)

    def interface_caller(self) -> Caller:
        """The caller behind changes made by a person in the user interface."""
        return Caller(self.admin_user, "soap", "67.0", INTERFACE_CLIENT)

    def create(self, sobject: str, values: Mapping[str, object]) -> str:
        """Make a record; gives its 18-character id. Raises RecordRefused."""
        with self.transaction() as transaction:
            return transaction.create(sobject, values)

    def update(self, sobject: str, record_id: str, values: Mapping[str, object]) -> None:
        """Change fields of a record. Raises RecordRefused."""
        with self.transaction() as transaction:
            transaction.update(sobject, record_id, values)

    def delete(self, sobject: str, record_id: str) -> None:
        """Delete a record. Raises RecordRefused."""
        with self.transaction() as transaction:
            transaction.delete(sobject, record_id)

    def undelete(self, record_id: str) -> None:
        """Bring a record back from the Recycle Bin. Raises RecordRefused."""
        with self.transaction() as transaction:
            transaction.undelete(record_id)

    def convert_lead(
        self,
        lead_id: str,
        *,
        account_id: str | None = None,
        contact_id: str | None = None,
        opportunity_name: str | None = None,
    ) -> Conversion:
        """Convert a lead. Raises RecordRefused."""
        with self.transaction() as transaction:
            return convert_lead(
                transaction,
                lead_id,
                account_id=account_id,
                contact_id=contact_id,
                opportunity_name=opportunity_name,
            )

    def merge(
        self, winner_id: str, loser_ids: Sequence[str], overrides: Mapping[str, object] | None = None
    ) -> None:
        """Merge records into a winner. Raises RecordRefused."""
        with self.transaction() as transaction:
            merge(transaction, winner_id, loser_ids, overrides)

    def get(self, sobject: str, record_id: str) -> dict[str, Value] | None:
        """A copy of a live record's non-null fields, or None."""
        row = self.records.table(self.records.sobject(sobject)).live.get(record_id)
        return dict(row) if row is not None else None

    def rows(self, sobject: str) -> list[dict[str, Value]]:
        """Copies of all live records of an object, in the order they were made."""
        return [dict(row) for row in self.records.table(self.records.sobject(sobject)).live.values()]

    def query(self, soql: str) -> list[dict[str, object]]:
        """The records of a SOQL query, as the administrator sees them. Raises RequestRefused."""
        return list(execute(self.records, self.admin_user, parse(soql)).records())

    def load(self, sobject: str, rows: Sequence[Mapping[str, object]]) -> list[str]:
        """Put records in without any event, as if they had long been there; system fields may be given. Raises RecordRefused."""
        table = self.records.table(self.records.sobject(sobject))
        caller = self.interface_caller()
        loaded = []
        for row in rows:
            transaction = Transaction(self.records, caller)
            record_id = transaction.create(sobject, {k: v for k, v in row.items() if k not in _SYSTEM_FIELDS})
            given: Row = {k: v for k, v in row.items() if k in _SYSTEM_FIELDS and isinstance(v, str)}
            if given:
                table.put({**table.live[record_id], **given})
            loaded.append(record_id)
        return loaded

    def sole_user(self, username: str) -> str | None:
        """The id of the active user of that name, or None."""
        table = self.records.table(self.records.sobject("User"))
        for row in table.find(table.sobject.by_name["username"], (username,)):
            return str(row["Id"])
        return None

    def schema_changes(self) -> None:
        """Note that describe answers differ from now on."""
        self.schema_changed_at = self.clock.seconds()


__all__ = ["INTERFACE_CLIENT", "Org", "RecordRefused"]
