"""One org to one instance, from the org's side: a record that names the instance which writes there.

Two instances with databases of their own would each make records for its rows, and undo each other's values for ever. A
database knows its org; only the org can know its instance. Where an administrator has made the object `Isthmus_Instance__c`,
the instance that leads first makes the one record of it, and Salesforce keeps that record the only one by its unique key.
Without the object nobody is refused, and the doctor says that a second instance would not be noticed.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from daemon.domain.failure import CallFailedError, FailureKind, RefusedError
from daemon.domain.plan import Operation
from daemon.operations.finding import Finding, Level
from daemon.ports.salesforce import Catalogue, ObjectDescription, Record, Records, RecordWrite

OBJECT: Final = "Isthmus_Instance__c"
KEY: Final = "Key__c"
INSTANCE: Final = "Instance__c"
HOLDER: Final = "Holder__c"
THE_ONE: Final = "isthmus"
"""The value of the unique key: there is one record."""
ABOUT: Final = "salesforce.instance"
INSTANCE_SETTING: Final = "instance_id"
"""The name under which the database keeps the id of its instance."""
_FIELDS: Final = (KEY, INSTANCE, HOLDER)
_PAGE: Final = "deploy/salesforce/README.md, step 7"


class Mark(StrEnum):
    """What the org says of its instance."""

    OURS = "ours"
    FREE = "free"  # the object is there, and no instance has marked the org yet
    UNKNOWN = "unknown"  # there is no such object for this user, or no right to mark, so nobody can tell


@dataclass(frozen=True, slots=True)
class Instance:
    """An instance: an id that its database keeps, and a name for people."""

    id: str
    name: str


async def looked_up(catalogue: Catalogue, records: Records, mine: Instance) -> Mark:
    """What the org says, without writing. Raises RefusedError where another instance has marked it, and CallFailedError."""
    described = await catalogue.describe(OBJECT)
    if described is None or not _readable(described):
        return Mark.UNKNOWN
    found = await records.find(OBJECT, _FIELDS, KEY, [THE_ONE])
    marks = found.get(THE_ONE, [])
    if not marks:
        return Mark.FREE if described.createable else Mark.UNKNOWN
    _check(marks[0], mine)
    return Mark.OURS


async def claimed(catalogue: Catalogue, records: Records, mine: Instance) -> Mark:
    """Mark the org as ours where it is free. Raises RefusedError for another instance's org, and CallFailedError.

    Of two instances that try at once Salesforce refuses one by the unique key; what counts is what is read afterwards.
    """
    mark = await looked_up(catalogue, records, mine)
    if mark is not Mark.FREE:
        return mark
    values = {KEY: THE_ONE, INSTANCE: mine.id, HOLDER: mine.name}
    [written] = await records.write(OBJECT, _FIELDS, [RecordWrite(Operation.CREATE, values)])
    mark = await looked_up(catalogue, records, mine)
    if mark is Mark.FREE and written.failure is not None:
        if written.failure.kind is FailureKind.PERMISSION:
            return Mark.UNKNOWN
        raise CallFailedError(written.failure)
    return mark


def mark_finding(mark: Mark) -> Finding:
    """The mark for the doctor."""
    match mark:
        case Mark.OURS:
            return Finding(Level.OK, "the org is marked as this instance's", about=ABOUT)
        case Mark.FREE:
            return Finding(Level.OK, "the org is not marked yet; the first start marks it", about=ABOUT)
        case Mark.UNKNOWN:
            what = f"there is no {OBJECT} that this user may make, so a second instance on this org would not be noticed"
            return Finding(
                Level.WARNING, what, f"have an administrator make the object: {_PAGE}", about=ABOUT
            )


def _readable(described: ObjectDescription) -> bool:
    fields: Mapping[str, object] = described.fields
    return described.queryable and all(name in fields for name in _FIELDS)


def _check(found: Record, mine: Instance) -> None:
    if found.values.get(INSTANCE) == mine.id:
        return
    other = found.values.get(HOLDER) or found.values.get(INSTANCE) or "without a name"
    raise RefusedError(
        f"the org is kept in step by another instance of isthmus: {other}",
        f"its mark was made at {found.modified.isoformat(timespec='seconds')}; two instances would make every record twice and undo each other's values",
        f"stop that one and delete the {OBJECT} record {found.id} in Salesforce, then start again; or connect this one to another org",
    )
