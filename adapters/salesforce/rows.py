"""A row that REST or Bulk gave, as a `Record`."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from adapters.salesforce import faults
from adapters.salesforce.ids import id18
from daemon.domain.failure import CallFailedError
from daemon.domain.value import Raw
from daemon.ports.salesforce import ObjectDescription, Record

SYSTEM_FIELDS: Final = ("Id", "LastModifiedDate", "SystemModstamp", "IsDeleted")
_STAMPS: Final = ("SystemModstamp", "LastModifiedDate", "CreatedDate")


def fields_to_read(description: ObjectDescription, fields: Sequence[str]) -> list[str]:
    """The asked fields that this user may read, and the system fields that the object has, each once.

    A path over a relationship (`Owner.Name`) is taken as it is: only the query can tell.
    """
    wanted = dict.fromkeys([*SYSTEM_FIELDS, *fields])
    chosen = [field for field in wanted if "." in field or field in description.fields]
    if "LastModifiedDate" not in description.fields and "CreatedDate" in description.fields:
        chosen.append("CreatedDate")
    return list(dict.fromkeys(chosen))


def parse_instant(text: object) -> datetime | None:
    """An instant of the API, aware, in UTC and whole seconds; None for anything else."""
    if not isinstance(text, str):
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    if moment.tzinfo is UTC and not moment.microsecond:
        return moment
    if moment.tzinfo is None:
        return None
    try:
        return moment.astimezone(UTC).replace(microsecond=0)
    except OverflowError:
        return None


def record_of(name: str, row: Mapping[str, Any], fields: Sequence[str]) -> Record | None:
    """The record that a row is, with those of `fields` that it holds; None for one that is in the recycle bin.

    Raises CallFailedError if the row has no id or no instant.
    """
    if row.get("IsDeleted") is True:
        return None
    record_id = row.get("Id")
    if not isinstance(record_id, str):
        raise CallFailedError(faults.senseless(f"a record of {name} has no id"))
    stamp, modified = _stamps(name, row)
    return Record(name, id18(record_id), values_of(row, fields), stamp, modified)


def values_of(row: Mapping[str, Any], fields: Sequence[str]) -> dict[str, Raw]:
    """The values of those fields that the row holds."""
    values: dict[str, Raw] = {}
    for field in fields:
        if field in row:
            values[field] = row[field]
        elif "." in field:
            found, value = _by_path(row, field)
            if found:
                values[field] = value
    return values


def _stamps(name: str, row: Mapping[str, Any]) -> tuple[datetime, datetime]:
    stamps = [parse_instant(row.get(field)) for field in _STAMPS]
    stamp = next((moment for moment in stamps if moment is not None), None)
    if stamp is None:
        raise CallFailedError(faults.senseless(f"a record of {name} does not say when it changed"))
    return stamp, stamps[1] or stamp


def _by_path(row: Mapping[str, Any], path: str) -> tuple[bool, Raw]:
    here: Any = row
    for part in path.split("."):
        if here is None:
            return True, None  # an empty relationship: nothing there has a value
        if not isinstance(here, Mapping) or part not in here:
            return False, None
        here = here[part]
    return True, here
