"""Records that a write names by an e-mail address: found here, because Salesforce itself looks up by External ID fields alone.

An External ID is a custom field, so a standard field in the place of one is what is to be asked for. An address that no record has, or several, fails
its own write and no other.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from adapters.salesforce import faults
from adapters.salesforce.describe import Descriptions
from adapters.salesforce.reading import Reader
from adapters.salesforce.session import Session
from daemon.domain.failure import Failure
from daemon.ports.salesforce import FieldDescription, ObjectDescription, Record, RecordWrite

Found = Mapping[tuple[str, str], Mapping[str, Sequence[Record]]]
"""Records by their object and field, and by the value that they were asked for with."""


class Naming:
    """Turns such names into ids."""

    def __init__(self, session: Session, descriptions: Descriptions) -> None:
        self._reader = Reader(session, descriptions)

    async def named(
        self, description: ObjectDescription, writes: Sequence[RecordWrite]
    ) -> list[RecordWrite | Failure]:
        """The writes with ids in the place of names, or why one cannot be made. One query for each field by which anything is named. Raises CallFailedError."""
        references = {
            field.relationship: field
            for field in description.fields.values()
            if field.relationship is not None and len(field.reference_to) == 1
        }
        wanted: dict[tuple[str, str], dict[str, None]] = {}
        for write in writes:
            for name, value in write.values.items():
                asked = _asked(references.get(name), value)
                if asked is not None:
                    wanted.setdefault(asked[:2], {})[asked[2]] = None
        found = {
            (parent, by): await self._reader.find(parent, [by], by, list(values))
            for (parent, by), values in wanted.items()
        }
        return [_with_ids(write, references, found) for write in writes] if found else list(writes)


def _asked(reference: FieldDescription | None, value: object) -> tuple[str, str, str] | None:
    """The object, the field and the value by which a reference names its record, if that is to be asked for."""
    if reference is None or not isinstance(value, Mapping) or len(value) != 1:
        return None
    [(by, given)] = value.items()
    if by.endswith("__c"):
        return None
    return reference.reference_to[0], by, str(given)


def _with_ids(
    write: RecordWrite, references: Mapping[str, FieldDescription], found: Found
) -> RecordWrite | Failure:
    values = dict(write.values)
    for name, value in write.values.items():
        reference = references.get(name)
        asked = _asked(reference, value)
        if asked is None or reference is None:
            continue
        parent, by, given = asked
        records = found[parent, by].get(given, ())
        if len(records) != 1:
            return _unfound(parent, by, given, records)
        del values[name]
        values[reference.name] = records[0].id
    return replace(write, values=values)


def _unfound(parent: str, by: str, given: str, records: Sequence[Record]) -> Failure:
    if not records:
        message = f"no {parent} has the {by} {given}"
        return faults.of_error(faults.ApiError("INVALID_CROSS_REFERENCE_KEY", message, (by,)))
    listed = ", ".join(sorted(record.id for record in records))
    return faults.of_error(
        faults.ApiError(
            "MULTIPLE_CHOICES", f"several records of {parent} have the {by} {given}: {listed}", (by,)
        )
    )
