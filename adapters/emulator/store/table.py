"""The records of one object type, live and in the Recycle Bin, with indexes over keys and references."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from adapters.emulator.schema.field import Field
from adapters.emulator.schema.sobject import SObject
from adapters.emulator.store.values import Row, Value


class Table:
    """Rows by id. Indexes cover live rows only; rows in the bin keep no key occupied."""

    def __init__(self, sobject: SObject) -> None:
        self.sobject = sobject
        self.live: dict[str, Row] = {}
        self.bin: dict[str, Row] = {}
        self._indexes: dict[str, dict[str, dict[str, None]]] = {}
        self._indexed: tuple[Field, ...] = ()
        self.adopt(sobject)

    def adopt(self, sobject: SObject) -> None:
        """Take over a changed form of the object type, with indexes for its new fields."""
        self.sobject = sobject
        self._indexed = tuple(field for field in sobject.fields if field.indexed)
        for field in self._indexed:
            if field.name not in self._indexes:
                self._indexes[field.name] = {}
                for row in self.live.values():
                    self._enter(field, row)

    def get(self, record_id: str) -> Row | None:
        """The row of that id, live or in the bin."""
        return self.live.get(record_id) or self.bin.get(record_id)

    def put(self, row: Row) -> None:
        """Store a row as live, in the place of any other of its id."""
        record_id = str(row["Id"])
        old = self.live.get(record_id)
        for field in self._indexed:
            if old is None:
                self._enter(field, row)
            elif old.get(field.name) != row.get(field.name):
                self._leave(field, old)
                self._enter(field, row)
        self.live[record_id] = row
        self.bin.pop(record_id, None)

    def discard(self, record_id: str, *, keep: Row | None) -> None:
        """Take a row out of the live ones; `keep` is its form in the Recycle Bin, None for none."""
        old = self.live.pop(record_id, None)
        if old is not None:
            for field in self._indexed:
                self._leave(field, old)
        if keep is None:
            self.bin.pop(record_id, None)
        else:
            self.bin[record_id] = keep

    def restore(self, record_id: str, live: Row | None, binned: Row | None) -> None:
        """Put a record back into an earlier state, as a rollback does."""
        if live is not None:
            self.put(live)
        else:
            self.discard(record_id, keep=binned)

    def fill(self, live: dict[str, Row], binned: dict[str, Row]) -> None:
        """Hold exactly these rows."""
        self.live, self.bin = dict(live), dict(binned)
        self._indexes.clear()
        self.adopt(self.sobject)

    def has_index(self, field: Field) -> bool:
        """Whether `find` answers for this field without a scan."""
        return field.name in self._indexes

    def find(self, field: Field, values: Iterable[Value]) -> Iterator[Row]:
        """Live rows whose indexed field has one of the values, each row once."""
        index = self._indexes[field.name]
        seen: set[str] = set()
        for value in values:
            for record_id in index.get(_key(field, value), ()):
                if record_id not in seen:
                    seen.add(record_id)
                    yield self.live[record_id]

    def _enter(self, field: Field, row: Row) -> None:
        value = row.get(field.name)
        if value is not None:
            self._indexes[field.name].setdefault(_key(field, value), {})[str(row["Id"])] = None

    def _leave(self, field: Field, row: Row) -> None:
        value = row.get(field.name)
        if value is None:
            return
        key = _key(field, value)
        holders = self._indexes[field.name].get(key)
        if holders is not None:
            holders.pop(str(row["Id"]), None)
            if not holders:
                del self._indexes[field.name][key]


def _key(field: Field, value: Value) -> str:
    if isinstance(value, str):
        return value if field.case_sensitive or field.reference_to else value.casefold()
    if isinstance(value, bool):
        return str(value)
    return repr(float(value)) if isinstance(value, int | float) else ""
