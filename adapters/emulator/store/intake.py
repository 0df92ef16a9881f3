"""Reading the fields of a write request: names, permissions, values, and parents named by their external ids."""

from __future__ import annotations

from collections.abc import Mapping

from adapters.emulator.errors import RecordRefused, no_such_column, unwritable
from adapters.emulator.schema.field import Field
from adapters.emulator.schema.sobject import SObject
from adapters.emulator.store.caller import Caller, may_write, writable
from adapters.emulator.store.records import Records
from adapters.emulator.store.values import Row, Value, coerce


def read_values(
    records: Records, caller: Caller, sobject: SObject, given: Mapping[str, object], *, creating: bool
) -> Row:
    """The fields a caller sent, under their own names and in stored form; a null stays, as None.

    A nested object under a relationship's name (`"Account": {"Ext_Id__c": "A-17"}`) names the parent by an external id.
    Raises RecordRefused.
    """
    values: Row = {}
    by_name = sobject.by_name
    restricted = records.permissions.fields_restricted
    for name, sent in given.items():
        if name == "attributes":
            continue
        field, value = by_name.get(name.lower()), sent
        if field is None:
            field, value = _parent(records, sobject, name, sent)
        if restricted or not writable(field, creating=creating):
            _require_access(records, caller, sobject, field, creating=creating)
        kept = coerce(field, value)
        if kept is not None and field.reference_to:
            _check_reference(records, field, str(kept))
        values[field.name] = kept
    return values


def require_values(sobject: SObject, row: Row) -> None:
    """Refuses a row that lacks a required field."""
    missing = [field.name for field in sobject.required_fields if row.get(field.name) is None]
    if missing:
        raise RecordRefused(
            "REQUIRED_FIELD_MISSING", f"Required fields are missing: [{', '.join(missing)}]", missing
        )


def external_field(records: Records, user_id: str, sobject: SObject, name: str) -> Field:
    """The field that an upsert names as its key. Raises RecordRefused when it cannot be one, or is hidden from the user."""
    field = sobject.field(name)
    hidden = field is not None and not records.permissions.field_readable(user_id, sobject, field.name)
    if field is None or hidden or not field.id_lookup:
        raise RecordRefused(
            "INVALID_FIELD", f"Provided external ID field does not exist or is not accessible: {name}"
        )
    return field


def matches(
    records: Records, sobject: SObject, field: Field, value: Value, *, seen_by: object = None
) -> list[Row]:
    """Live rows with that external id (or record id), as an upsert looks them up.

    What a transaction that has not ended has made is seen by that transaction alone.
    """
    table = records.table(sobject)
    if field.name == "Id":
        row = table.live.get(str(value))
        return [row] if row is not None else []
    found = list(table.find(field, (value,)))
    if records.locks.held:
        return [row for row in found if not records.locks.hidden_from(seen_by, str(row["Id"]))]
    return found


def _require_access(
    records: Records, caller: Caller, sobject: SObject, field: Field, *, creating: bool
) -> None:
    if not records.permissions.field_readable(caller.user_id, sobject, field.name):
        raise RecordRefused("INVALID_FIELD", no_such_column(field.name, sobject.name))
    if not may_write(records.permissions, caller, sobject, field, creating=creating):
        raise unwritable(field.name)


def _check_reference(records: Records, field: Field, record_id: str) -> None:
    target = records.catalog.of_id(record_id)
    if target is None or target.name not in field.reference_to:
        message = f"{field.label}: id value of incorrect type: {record_id}"
        raise RecordRefused("MALFORMED_ID", message, (field.name,))
    table = records.table(target)
    if record_id in table.live:
        return
    if record_id in table.bin:
        raise RecordRefused("ENTITY_IS_DELETED", "entity is deleted", (field.name,))
    raise RecordRefused("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", (field.name,))


def _parent(records: Records, sobject: SObject, name: str, named: object) -> tuple[Field, Value]:
    """The reference field behind a relationship's name, and the id of the parent that is named there."""
    field = sobject.by_relationship.get(name.lower())
    if field is None or not (named is None or isinstance(named, Mapping)):
        raise RecordRefused("INVALID_FIELD", no_such_column(name, sobject.name))
    return field, _parent_id(records, field, named) if named is not None else None


def _parent_id(records: Records, field: Field, named: Mapping[str, object]) -> Value:
    keys = [name for name in named if name != "attributes"]
    if len(keys) != 1:
        raise RecordRefused(
            "INVALID_FIELD", f"The relationship {field.relationship} needs exactly one external id"
        )
    for target_name in field.reference_to:
        target = records.sobject(target_name)
        key = target.field(keys[0])
        if key is None or not key.id_lookup:
            continue
        wanted = named[keys[0]]
        found = matches(records, target, key, str(wanted) if key.name == "Id" else coerce(key, wanted))
        if len(found) == 1:
            return found[0]["Id"]
        message = f"Foreign key external ID: {wanted} not found for field {key.name} in entity {target.name}"
        raise RecordRefused("INVALID_FIELD", message, (field.name,))
    raise RecordRefused("INVALID_FIELD", no_such_column(keys[0], field.reference_to[0]))
