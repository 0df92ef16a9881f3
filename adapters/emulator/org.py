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
from adapters.emulator.schema.person import BUSINESS_TYPE, PERSON_TYPE, with_person_accounts
from adapters.emulator.schema.sobject import SObject
from adapters.emulator.soql import execute, parse
from adapters.emulator.store.caller import Caller
from adapters.emulator.store.merging import Conversion, convert_lead, merge
from adapters.emulator.store.person_accounts import record_types
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
        self.lead_mapping: dict[str, dict[str, str]] = {}
        """Custom fields that a lead's conversion hands on: by the object that it becomes, its fields by those of the lead."""
        self.redirect_uris: tuple[str, ...] = ()
        """Callback addresses of the connected app; none means any address of this machine."""
        self._holder: object = object()
        self._lingers = False

    @contextmanager
    def transaction(self, caller: Caller | None = None) -> Iterator[Transaction]:
        """A transaction that is committed and announced at the end of the block, and taken back when the block raises."""
        transaction = Transaction(self.records, caller or self.interface_caller(), self._holder)
        try:
            yield transaction
        except BaseException:
            transaction.roll_back()
            self._end(transaction)
            raise
        self._end(transaction)
        changes = transaction.changes()
        if changes:
            self.composer.announce(changes, transaction.caller)

    def take_lingering(self) -> object | None:
        """The holder of the locks that the request in hand has taken and keeps; None when it keeps none. Whoever takes it must release it."""
        if not self._lingers:
            return None
        taken, self._holder, self._lingers = self._holder, object(), False
        return taken

    def release(self, holder: object) -> None:
        """Give up the locks of a holder."""
        if self.records.locks.held:
            self.records.locks.release(holder)

    def _end(self, transaction: Transaction) -> None:
        """A transaction has done its work, or was taken back: its locks are kept until the answer, or given up."""
        if transaction.lingers:
            self._lingers = True
        else:
            self.release(transaction.holder)

    def set_switches(self, values: Mapping[str, object]) -> None:
        """Set switches by name, all or none, with what they mean for the schema. Raises ValueError and TypeError."""
        had_person_accounts = self.switches.person_accounts
        self.switches.set_all(values)
        if self.switches.person_accounts and not had_person_accounts:
            self._bring_person_accounts()
        if "primary_in_role_events" in values:
            role = self.records.sobject("OpportunityContactRole")
            told = self.switches.primary_in_role_events
            self.change_schema(role.with_field_in_events("IsPrimary", told=told))

    def change_schema(self, *objects: SObject) -> None:
        """Add object types, or replace them with changed forms of themselves."""
        for sobject in objects:
            self.catalog.put(sobject)
            self.records.table(sobject)
        if self.switches.person_accounts and any(sobject.name == "Contact" for sobject in objects):
            account = self.records.sobject("Account")
            self.catalog.put(with_person_accounts(account, self.records.sobject("Contact"))[0])
        self.schema_changed_at = self.clock.seconds()

    def _bring_person_accounts(self) -> None:
        """Person accounts from now on; every account that is there is a business."""
        account, contact = with_person_accounts(
            self.records.sobject("Account"), self.records.sobject("Contact")
        )
        self.change_schema(account, contact)
        with self.transaction(self.interface_caller()) as transaction:
            for name, label in ((PERSON_TYPE, "Person Account"), (BUSINESS_TYPE, "Business Account")):
                values: Row = {"Name": label, "DeveloperName": name, "SobjectType": "Account",
                               "IsPersonType": name == PERSON_TYPE}  # fmt: skip
                transaction.insert(self.records.sobject("RecordType"), values)
        business = record_types(self.records)[BUSINESS_TYPE]
        no_person: Row = {"IsPersonAccount": False}
        for sobject, own in ((account, no_person | {"RecordTypeId": business}), (contact, no_person)):
            table = self.records.table(sobject)
            for row in list(table.live.values()):
                table.put({**row, **own})

    def interface_caller(self) -> Caller:
        """The caller behind changes made by a person in the user interface."""
        return Caller(self.admin_user, "soap", "67.0", INTERFACE_CLIENT, interface=True)

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

    def purge(self, record_id: str) -> bool:
        """Empty one deleted record out of the Recycle Bin; tells whether it was there."""
        sobject = self.catalog.of_id(record_id)
        if sobject is None or record_id not in self.records.table(sobject).bin:
            return False
        with self.transaction() as transaction:
            transaction.purge(record_id)
        return True

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
                custom=self.lead_mapping,
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
            try:
                record_id = transaction.create(
                    sobject, {k: v for k, v in row.items() if k not in _SYSTEM_FIELDS}
                )
            finally:
                self.release(transaction)
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
