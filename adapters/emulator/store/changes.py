"""What a transaction did to each record, folded to one change per record."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from adapters.emulator.schema.sobject import SObject
from adapters.emulator.store.values import Row


class ChangeKind(StrEnum):
    """The four kinds of change, in the words of change events."""

    CREATE = "CREATE"
    UPDATE = "UPDATE"
    DELETE = "DELETE"
    UNDELETE = "UNDELETE"


@dataclass(frozen=True, slots=True)
class RecordChange:
    """One record's way through a transaction: its state before the first step and after the last."""

    sobject: SObject
    record_id: str
    kind: ChangeKind
    before: Row | None
    after: Row | None


def fold(earlier: RecordChange | None, later: RecordChange) -> RecordChange:
    """One change out of two steps on one record: the first kind with the final values.

    A record that was made and removed in one transaction is a CREATE with nothing after it.
    """
    if earlier is None:
        return later
    kind = earlier.kind
    if later.kind is ChangeKind.DELETE and kind is not ChangeKind.CREATE:
        kind = ChangeKind.DELETE
    elif kind is ChangeKind.DELETE:
        kind = ChangeKind.UPDATE
    return RecordChange(later.sobject, later.record_id, kind, earlier.before, later.after)
