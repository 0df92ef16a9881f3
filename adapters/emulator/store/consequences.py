"""What a save sets off in other records: cascades, cleared lookups, default rows, the one primary contact role."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from adapters.emulator.errors import RecordRefused
from adapters.emulator.schema.sobject import SObject
from adapters.emulator.store import person_accounts
from adapters.emulator.store.values import Row

if TYPE_CHECKING:
    from adapters.emulator.store.transaction import Transaction

_Note = TypeVar("_Note")

_NEVER_CLEARED = frozenset({"CreatedById", "LastModifiedById", "OwnerId", "PersonContactId"})
QUEUE_ALIAS = "queue"
"""Alias of the user who receives leads from the assignment rule."""


def after_create(transaction: Transaction, sobject: SObject, row: Row) -> None:
    """Rows that come with a new one: a campaign gets the statuses Sent (default) and Responded."""
    if sobject.name == "Campaign":
        status = transaction.records.sobject("CampaignMemberStatus")
        for order, (label, responded) in enumerate((("Sent", False), ("Responded", True)), start=1):
            values: Row = {
                "CampaignId": row["Id"],
                "Label": label,
                "SortOrder": order,
                "IsDefault": not responded,
                "HasResponded": responded,
            }
            transaction.insert(status, values)
    if sobject.name == "Account":
        person_accounts.after_create(transaction, row)
    _keep_one_primary(transaction, sobject, row)


def after_change(transaction: Transaction, sobject: SObject, row: Row, before: Row) -> None:
    """What a change moves in other records: the contact half of a person account, the old primary contact."""
    if sobject.name == "Account":
        person_accounts.after_change(transaction, row, before)
    _keep_one_primary(transaction, sobject, row)


def _keep_one_primary(transaction: Transaction, sobject: SObject, row: Row) -> None:
    """An opportunity has one primary contact: a new one takes the mark from the old."""
    if sobject.name != "OpportunityContactRole" or not row.get("IsPrimary"):
        return
    table = transaction.records.table(sobject)
    for other in list(table.find(sobject.by_name["opportunityid"], (row["OpportunityId"],))):
        if other["Id"] != row["Id"] and other.get("IsPrimary"):
            transaction.change(sobject, str(other["Id"]), {"IsPrimary": False})


def assign(transaction: Transaction, row: Row) -> None:
    """Run the org's assignment rule for leads and cases, when it is on and the caller did not turn it off."""
    if not (transaction.records.switches.auto_assign and transaction.caller.auto_assign):
        return
    users = transaction.records.table(transaction.records.sobject("User"))
    for user in users.live.values():
        if user.get("Alias") == QUEUE_ALIAS:
            row["OwnerId"] = user["Id"]


def before_delete(transaction: Transaction, sobject: SObject, record_id: str) -> None:
    """Delete the children that belong to a record, and clear the lookups of those that merely point at it.

    A cascade puts children into the Recycle Bin even where a direct delete would be final. Whether a cleared lookup sends an event is a switch.
    """
    records = transaction.records
    told = records.switches.cleared_lookup_events
    for link in records.catalog.children(sobject):
        table = records.table(link.child)
        if not table.has_index(link.field):
            continue
        for child in list(table.find(link.field, (record_id,))):
            child_id = str(child["Id"])
            if link.field.restricted_delete:
                raise RecordRefused(
                    "DELETE_FAILED",
                    f"Your attempt to delete {record_id} could not be completed: {link.child.name}",
                )
            if link.field.cascade_delete:
                if child_id in table.live:
                    before_delete(transaction, link.child, child_id)
                    transaction.remove(link.child, child_id, to_bin=True)
                    _keep(transaction, records.deleted_with, record_id, child_id)
            elif link.field.name not in _NEVER_CLEARED:
                transaction.relink(link.child, child_id, link.field.name, None, told=told)
                _keep(transaction, records.unlinked, record_id, (child_id, link.field.name))


def _keep(transaction: Transaction, book: dict[str, list[_Note]], record_id: str, note: _Note) -> None:
    """Write down what went with a record, until the deletion is taken back."""
    notes = book.setdefault(record_id, [])
    notes.append(note)
    transaction.on_roll_back(notes.pop)


def _taken(transaction: Transaction, book: dict[str, list[_Note]], record_id: str) -> list[_Note]:
    """The notes of a deletion that is taken back: a later deletion begins with none."""
    notes = book.pop(record_id, None)
    if notes is None:
        return []
    transaction.on_roll_back(lambda: book.__setitem__(record_id, notes))
    return notes


def after_undelete(transaction: Transaction, record_id: str) -> None:
    """Bring back what went away with the record."""
    records = transaction.records
    for child_id in _taken(transaction, records.deleted_with, record_id):
        if records.find(child_id) is None and records.find_any(child_id) is not None:
            transaction.undelete(child_id)
    for child_id, field in _taken(transaction, records.unlinked, record_id):
        row = records.find(child_id)
        sobject = records.catalog.of_id(child_id)
        if row is not None and sobject is not None and row.get(field) is None:
            transaction.relink(sobject, child_id, field, record_id)
