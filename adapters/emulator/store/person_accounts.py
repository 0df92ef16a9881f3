"""What saves of person accounts mean: one record for the client, two rows in the store, an account and its contact half.

The account is written, the contact follows. The contact half can be neither written nor deleted by itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from adapters.emulator.errors import RecordRefused, unwritable
from adapters.emulator.schema.person import BUSINESS_TYPE, PERSON_TYPE
from adapters.emulator.schema.sobject import SObject
from adapters.emulator.store.records import Records
from adapters.emulator.store.values import Row

if TYPE_CHECKING:
    from adapters.emulator.store.transaction import Transaction


def settle(records: Records, row: Row, before: Row | None) -> None:
    """Complete an account that is about to be stored, in place. Raises RecordRefused."""
    types = record_types(records)
    sobject = records.sobject("Account")
    if before is None and "PersonContactId" not in row:
        row["IsPersonAccount"] = _is_meant_as_person(row, types)
        row.setdefault("RecordTypeId", types[PERSON_TYPE if row["IsPersonAccount"] else BUSINESS_TYPE])
        if row["IsPersonAccount"]:
            if row.get("Name") is not None:
                raise unwritable("Name")
            row["PersonContactId"] = records.ids.new("003")
    elif before is not None and row.get("RecordTypeId") != before.get("RecordTypeId"):
        _convert(records, sobject, row, becomes_person=row.get("RecordTypeId") == types[PERSON_TYPE])
    if row["IsPersonAccount"]:
        _settle_name(row)
    else:
        _settle_business(sobject, row)


def refuse_update(records: Records, sobject: SObject, before: Row, values: Row) -> None:
    """Refuses what an API may not change about a person account or its contact half. Raises RecordRefused."""
    if sobject.name == "Contact" and before.get("IsPersonAccount"):
        raise RecordRefused(
            "INVALID_PERSON_ACCOUNT_OPERATION", "Change the person account instead of its contact"
        )
    if sobject.name != "Account":
        return
    if before.get("IsPersonAccount") and "Name" in values:
        raise unwritable("Name")
    changes_type = values.get("RecordTypeId", before.get("RecordTypeId")) != before.get("RecordTypeId")
    others = [name for name in values if name != "RecordTypeId"]
    if changes_type and others:
        raise unwritable(others[0])


def refuse_delete(sobject: SObject, row: Row) -> None:
    """Refuses to delete a contact half by itself. Raises RecordRefused."""
    if sobject.name == "Contact" and row.get("IsPersonAccount"):
        raise RecordRefused(
            "INVALID_PERSON_ACCOUNT_OPERATION", "Delete the person account instead of its contact"
        )


def after_create(transaction: Transaction, row: Row) -> None:
    """Make the contact half of a new person account."""
    if row.get("IsPersonAccount"):
        contact = transaction.records.sobject("Contact")
        own: Row = {"AccountId": row["Id"], "IsPersonAccount": True}
        transaction.insert(contact, _half(transaction.records, row) | own, str(row["PersonContactId"]))


def after_change(transaction: Transaction, row: Row, before: Row) -> None:
    """Let the contact half follow: each change of the account moves it, even one of a field that it does not share."""
    contact = transaction.records.sobject("Contact")
    half = row.get("PersonContactId") or before.get("PersonContactId")
    if half is not None:
        values = _half(transaction.records, row) if row.get("IsPersonAccount") else {}
        transaction.change(contact, str(half), values | {"IsPersonAccount": row.get("IsPersonAccount")})


def record_types(records: Records) -> dict[str, str]:
    """Ids of Account's record types by their DeveloperName."""
    rows = records.table(records.sobject("RecordType")).live.values()
    return {str(row["DeveloperName"]): str(row["Id"]) for row in rows if row["SobjectType"] == "Account"}


def _is_meant_as_person(row: Row, types: dict[str, str]) -> bool:
    given = row.get("RecordTypeId")
    if given is not None:
        return given == types[PERSON_TYPE]
    return row.get("LastName") is not None


def _settle_business(sobject: SObject, row: Row) -> None:
    """A business has none of a person's fields, not even unchecked boxes."""
    for item in sobject.fields:
        if item.of_person and row.pop(item.name, None):
            raise unwritable(item.name)


def _settle_name(row: Row) -> None:
    if row.get("LastName") is None:
        raise RecordRefused(
            "REQUIRED_FIELD_MISSING", "Required fields are missing: [LastName]", ("LastName",)
        )
    parts = (row.get("FirstName"), row.get("MiddleName"), row.get("LastName"), row.get("Suffix"))
    row["Name"] = " ".join(str(part) for part in parts if part)


def _convert(records: Records, sobject: SObject, row: Row, *, becomes_person: bool) -> None:
    """Turn a business account with exactly one contact into a person, or a person into a business with that contact."""
    row["IsPersonAccount"] = becomes_person
    if not becomes_person:
        for field in sobject.fields:
            if field.of_person:
                row.pop(field.name, None)
        row.pop("PersonContactId", None)
        return
    contacts = records.table(records.sobject("Contact"))
    found = list(contacts.find(contacts.sobject.by_name["accountid"], (row["Id"],)))
    if len(found) != 1:
        raise RecordRefused(
            "INVALID_PERSON_ACCOUNT_OPERATION", "An account becomes a person account with exactly one contact"
        )
    row["PersonContactId"] = found[0]["Id"]
    for field in sobject.fields:
        value = found[0].get(field.of_person) if field.of_person else None
        if value is not None:
            row[field.name] = value


def _half(records: Records, row: Row) -> Row:
    """The shared values under the contact's names; None for those that are empty."""
    fields = records.sobject("Account").fields
    return {
        item.of_person: row.get(item.name)
        for item in fields
        if item.of_person and (item.createable or item.updateable)
    }
