"""One transaction of the org: saves that happen together, can be taken back, and are announced together."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial

from adapters.emulator import ids
from adapters.emulator.errors import RecordRefused
from adapters.emulator.schema.field import Field, FieldType
from adapters.emulator.schema.sobject import SObject
from adapters.emulator.store import consequences, person_accounts
from adapters.emulator.store.caller import Caller
from adapters.emulator.store.changes import ChangeKind, RecordChange, fold
from adapters.emulator.store.derived import derive
from adapters.emulator.store.intake import external_field, matches, read_values, require_values
from adapters.emulator.store.permissions import Ability
from adapters.emulator.store.records import Records
from adapters.emulator.store.table import Table
from adapters.emulator.store.values import Row, Value, coerce


class Transaction:
    """Collects changes to records. Every method either does all of its work or raises RecordRefused and has done none of it."""

    def __init__(self, records: Records, caller: Caller, holder: object = None) -> None:
        self.records = records
        self.caller = caller
        self.holder = holder or self
        """Who holds the locks: the request, for its transactions do not shut each other out."""
        self.lingers = records.switches.transaction_seconds > 0
        """Whether the transaction stays open after its work is done, and so holds locks."""
        self._changes: dict[str, RecordChange] = {}
        self._undo: list[Callable[[], object]] = []

    def changes(self) -> list[RecordChange]:
        """What happened, one entry per record, in the order the records were first touched."""
        return list(self._changes.values())

    def mark(self) -> int:
        """A point to which `roll_back` can return."""
        return len(self._undo)

    @contextmanager
    def step(self) -> Iterator[None]:
        """A part that is taken back when it is refused, while the transaction lives on."""
        mark = self.mark()
        try:
            yield
        except RecordRefused:
            self.roll_back(mark)
            raise

    def roll_back(self, mark: int = 0) -> None:
        """Take back everything since the mark; without one, everything."""
        while len(self._undo) > mark:
            self._undo.pop()()

    def on_roll_back(self, undo: Callable[[], object]) -> None:
        """Have this done when the work up to here is taken back."""
        self._undo.append(undo)

    def create(self, name: str, given: Mapping[str, object]) -> str:
        """Make a record and give its id."""
        sobject = self._sobject(name, "createable", Ability.CREATE)
        values = read_values(self.records, self.caller, sobject, given, creating=True)
        return self.insert(sobject, values)

    def insert(self, sobject: SObject, values: Row, record_id: str | None = None) -> str:
        """Make a record of values in stored form, by the org's own hand: also fields that no API may write."""
        record_id = record_id or self.records.ids.new(sobject.key_prefix)
        row = self._new_row(sobject, record_id, values)
        with self.step():
            derive(self.records, sobject.name, row, None)
            require_values(sobject, row)
            if self.lingers:
                self.records.locks.made(self.holder, record_id)
            self._save(sobject, row, None, ChangeKind.CREATE)
            consequences.after_create(self, sobject, row)
        return record_id

    def update(self, name: str, record_id: str, given: Mapping[str, object]) -> None:
        """Change fields of a live record; an omitted field is untouched, a null clears."""
        sobject = self._sobject(name, "updateable", Ability.EDIT)
        before = self.live_row(sobject, record_id)
        values = read_values(self.records, self.caller, sobject, given, creating=False)
        if self.records.switches.person_accounts:
            person_accounts.refuse_update(self.records, sobject, before, values)
        self.change(sobject, record_id, values)

    def change(self, sobject: SObject, record_id: str, values: Row) -> None:
        """Change a live record with values in stored form, by the org's own hand."""
        before = self.live_row(sobject, record_id)
        row = dict(before)
        for name, value in values.items():
            if value is None:
                row.pop(name, None)
            else:
                row[name] = value
        self._touch(row)
        if sobject.assigned and "OwnerId" not in values:
            consequences.assign(self, row)
        with self.step():
            derive(self.records, sobject.name, row, before)
            require_values(sobject, row)
            self._save(sobject, row, before, ChangeKind.UPDATE)
            consequences.after_change(self, sobject, row, before)

    def upsert(
        self, name: str, key: str, value: object, given: Mapping[str, object], *, update_only: bool = False
    ) -> tuple[str, bool]:
        """Create or change the record with that external id; gives its id and whether it was made.

        Several matches are DUPLICATE_EXTERNAL_ID and nothing is written.
        """
        sobject = self._sobject(name, "updateable", Ability.READ)
        field = external_field(self.records, self.caller.user_id, sobject, key)
        wanted = key_value(field, value)
        if wanted is None:
            raise RecordRefused("MISSING_ARGUMENT", f"{field.name} not specified", (field.name,))
        found = matches(self.records, sobject, field, wanted, seen_by=self.holder)
        if len(found) > 1:
            message = f"More than one record found for external id field: [{', '.join(str(r['Id']) for r in found)}]"
            raise RecordRefused("DUPLICATE_EXTERNAL_ID", message)
        if found:
            record_id = str(found[0]["Id"])
            self.update(name, record_id, given)
            return record_id, False
        if update_only or field.name == "Id":
            raise RecordRefused("NOT_FOUND", "The requested resource does not exist")
        return self.create(name, {**given, field.name: wanted}), True

    def delete(self, name: str, record_id: str) -> None:
        """Delete a live record: to the Recycle Bin, or for good where the object knows no bin."""
        sobject = self._sobject(name, "deletable", Ability.DELETE)
        row = self.live_row(sobject, record_id)
        if self.records.switches.person_accounts:
            person_accounts.refuse_delete(sobject, row)
        with self.step():
            consequences.before_delete(self, sobject, record_id)
            self.remove(sobject, record_id, to_bin=not sobject.hard_delete)

    def remove(self, sobject: SObject, record_id: str, *, to_bin: bool, master: str | None = None) -> None:
        """Take one record away, without its children. `master` is the winner of a merge."""
        table = self.records.table(sobject)
        before = table.live[record_id]
        binned: Row = dict(before)
        binned["IsDeleted"] = True
        self._touch(binned)
        if master is not None:
            binned["MasterRecordId"] = master
        self._lock(sobject, before)
        self._remember(table, record_id)
        table.discard(record_id, keep=binned if to_bin else None)
        self.records.note_deletion(sobject, record_id)
        self.on_roll_back(self.records.deletions.take_back)
        self._note(RecordChange(sobject, record_id, ChangeKind.DELETE, before, None))

    def purge(self, record_id: str) -> None:
        """Empty a deleted record out of the Recycle Bin. No event tells of it."""
        sobject = self.records.catalog.of_id(record_id)
        if sobject is not None:
            table = self.records.table(sobject)
            self._remember(table, record_id)
            table.discard(record_id, keep=None)

    def undelete(self, record_id: str) -> None:
        """Bring a record back from the Recycle Bin with its children and the lookups that pointed at it."""
        sobject = self.records.catalog.of_id(record_id)
        binned = self.records.table(sobject).bin.get(record_id) if sobject is not None else None
        if sobject is None or binned is None:
            raise RecordRefused("UNDELETE_FAILED", "Entity is not in the recycle bin")
        row: Row = dict(binned)
        row["IsDeleted"] = False
        row.pop("MasterRecordId", None)
        self._touch(row)
        with self.step():
            self._save(sobject, row, None, ChangeKind.UNDELETE)
            consequences.after_undelete(self, record_id)

    def relink(
        self, sobject: SObject, record_id: str, field: str, target: str | None, *, told: bool = False
    ) -> None:
        """Set or clear a lookup by the org's own hand: only SystemModstamp moves, and no event tells of it unless `told`."""
        table = self.records.table(sobject)
        before = table.live[record_id]
        row = dict(before)
        if target is None:
            row.pop(field, None)
        else:
            row[field] = target
        row["SystemModstamp"] = self.records.clock.stamp()
        self._lock(sobject, before)
        self._remember(table, record_id)
        table.put(row)
        if told:
            self._note(RecordChange(sobject, record_id, ChangeKind.UPDATE, before, row))

    def live_row(self, sobject: SObject, record_id: str) -> Row:
        """The live row of that id. Raises RecordRefused when it is deleted, or never was."""
        table = self.records.table(sobject)
        row = table.live.get(record_id)
        if row is not None:
            return row
        if record_id in table.bin:
            raise RecordRefused("ENTITY_IS_DELETED", "entity is deleted")
        raise RecordRefused("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id")

    def _sobject(self, name: str, trait: str, ability: Ability) -> SObject:
        """The object, when it has the trait at all and the caller the ability. Raises RecordRefused."""
        sobject = self.records.sobject(name)
        permissions = self.records.permissions
        if not permissions.object_readable(self.caller.user_id, sobject):
            raise RecordRefused("INVALID_TYPE", f"sObject type '{name}' is not supported.")
        if not getattr(sobject, trait):
            raise RecordRefused(
                "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", f"entity type {sobject.name} is not {trait}"
            )
        if not permissions.object_allowed(self.caller.user_id, sobject, ability):
            raise RecordRefused("INSUFFICIENT_ACCESS_OR_READONLY", "insufficient access rights on object id")
        return sobject

    def _new_row(self, sobject: SObject, record_id: str, values: Row) -> Row:
        row: Row = {name: value for name, value in values.items() if value is not None}
        row["Id"] = record_id
        stamp = self.records.clock.stamp()
        for field in sobject.defaulted_fields:
            if field.name not in row:
                row[field.name] = self._default(field, stamp)
        if sobject.assigned:
            consequences.assign(self, row)
        return row

    def _default(self, field: Field, stamp: str) -> Value:
        if field.default == "me":
            return self.caller.user_id
        if field.default == "now":
            return stamp
        return field.default

    def _touch(self, row: Row) -> None:
        row["LastModifiedDate"] = row["SystemModstamp"] = self.records.clock.stamp()
        row["LastModifiedById"] = self.caller.user_id

    def _save(self, sobject: SObject, row: Row, before: Row | None, kind: ChangeKind) -> None:
        table = self.records.table(sobject)
        record_id = str(row["Id"])
        row = self._automated(sobject, row, before)
        for rule in self.records.rules.validation.get(sobject.name, ()):
            rule.check(row)
        _refuse_taken(table, row, before)
        for duplicates in self.records.rules.duplicates.get(sobject.name, ()):
            duplicates.check(table, row, before, allowed=self.caller.allow_duplicates)
        self._lock(sobject, row)
        self._remember(table, record_id)
        table.put(row)
        self._note(RecordChange(sobject, record_id, kind, before, row))

    def _automated(self, sobject: SObject, row: Row, before: Row | None) -> Row:
        """The row as automation leaves it; what follows from its fields, and every rule, holds for that."""
        for automation in self.records.rules.automation.get(sobject.name, ()):
            changed = automation.apply(sobject, row)
            if changed is not None:
                derive(self.records, sobject.name, changed, before)
                row = changed
        return row

    def _lock(self, sobject: SObject, row: Row) -> None:
        """Lock a row and the parents that go with it. Raises RecordRefused."""
        locks = self.records.locks
        if self.lingers or locks.held:
            parents = (row.get(field.name) for field in sobject.locking_fields)
            locks.claim(self.holder, [str(row["Id"]), *(str(parent) for parent in parents if parent)])

    def _remember(self, table: Table, record_id: str) -> None:
        live, binned = table.live.get(record_id), table.bin.get(record_id)
        self._undo.append(
            partial(self._restore, table, record_id, live, binned, self._changes.get(record_id))
        )

    def _restore(
        self, table: Table, record_id: str, live: Row | None, binned: Row | None, change: RecordChange | None
    ) -> None:
        table.restore(record_id, live, binned)
        if change is None:
            self._changes.pop(record_id, None)
        else:
            self._changes[record_id] = change

    def _note(self, change: RecordChange) -> None:
        self._changes[change.record_id] = fold(self._changes.get(change.record_id), change)


def key_value(field: Field, value: object) -> Value:
    """The value of an upsert key in stored form; it may come as text from a URL. Raises RecordRefused."""
    if field.type is FieldType.ID:
        return coerce_id(value)
    return coerce(field, value)


def coerce_id(value: object) -> str:
    """An 18-character record id from client input. Raises RecordRefused with MALFORMED_ID."""
    record_id = ids.canonical(value) if isinstance(value, str) else None
    if record_id is None:
        raise RecordRefused("MALFORMED_ID", f"malformed id {value}", ("Id",))
    return record_id


def _refuse_taken(table: Table, row: Row, before: Row | None) -> None:
    for field in table.sobject.unique_fields:
        value = row.get(field.name)
        if value is None or (before is not None and before.get(field.name) == value):
            continue
        for other in table.find(field, (value,)):
            if other["Id"] != row["Id"]:
                message = (
                    f"duplicate value found: {field.name} duplicates value on record with id: {other['Id']}"
                )
                raise RecordRefused("DUPLICATE_VALUE", message, (field.name,))
