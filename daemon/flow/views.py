"""From what was read to what a decision is made on: raw values become canonical, references are looked up."""

from collections import ChainMap
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

from daemon.domain.canonical import from_postgres, from_salesforce
from daemon.domain.change import Change, Source
from daemon.domain.failure import Failure
from daemon.domain.ids import record_id
from daemon.domain.link import LinkState
from daemon.domain.mapping import PERSON_FIELD, Field, Step, Steps
from daemon.domain.value import Raw, Value
from daemon.domain.view import Presence, View
from daemon.flow.renames import being_renamed
from daemon.ports.comparing import LinkLookup
from daemon.ports.store import Row
from daemon.reconcile.either import chosen
from daemon.reconcile.settle import with_constants
from daemon.reconcile.times import corrected, effective_time

ALLOWANCE: Final = timedelta(seconds=2)
"""How far a table's own `updated_at` may run ahead of the capture before it is not believed."""


class References:
    """The pairs that the lookup fields of one batch point to: row keys and record ids, both ways, by step.

    `former` are the records of pairs that are no more, by their rows' keys: they tell whether a reference is as it was agreed.
    """

    def __init__(self) -> None:
        self.records: dict[str, dict[str, str]] = {}  # step -> key -> Salesforce id
        self.keys: dict[str, dict[str, str]] = {}  # step -> Salesforce id -> key
        self.former: dict[str, dict[str, str]] = {}  # step -> key -> Salesforce id
        self.tables: dict[str, str] = {}  # step -> its table
        self.elsewhere: set[tuple[str, str]] = (
            set()
        )  # table and key of rows that are linked, and to no object that is meant

    @classmethod
    async def load(
        cls,
        unit: LinkLookup,
        steps: Steps,
        step: Step,
        rows: Iterable[Row],
        raws: Iterable[Mapping[str, Raw]],
    ) -> "References":
        """Look up everything that these rows and records point to: two queries for each lookup field."""
        found = cls()
        rows, raws = list(rows), list(raws)
        for field in step.fields:
            if field.lookup is None or field.column is None:
                continue
            keys = {text for row in rows if (text := row.values.get(field.column)) is not None}
            ids = {_id(raw[field.name]) for raw in raws if raw.get(field.name)}
            known = {item for item in ids if item is not None}
            for name in field.looked_up:
                target = steps.by_name[name]
                found.tables[name] = target.table.qualified
                several = field.either is not None or bool(field.among)
                await found._fill(unit, steps, target, keys, known, several=several)
        return found

    def knows(self, field: Field, value: Value) -> bool:
        """Whether a pulled reference can be written as a row's key; true of everything that is no reference."""
        if field.lookup is None or value is None or not field.direction.pulls:
            return True
        return str(value) in self.keys_of(field)

    def records_of(self, field: Field) -> Mapping[str, str]:
        """Salesforce ids by row key, of every record that a lookup may mean."""
        return ChainMap(*(self.records.get(name, {}) for name in field.looked_up))

    def keys_of(self, field: Field) -> Mapping[str, str]:
        """Row keys by Salesforce id, of every record that a lookup may mean."""
        return ChainMap(*(self.keys.get(name, {}) for name in field.looked_up))

    async def _fill(
        self,
        unit: LinkLookup,
        steps: Steps,
        target: Step,
        keys: set[str],
        ids: set[str],
        *,
        several: bool,
    ) -> None:
        """A parent that is being renamed is not known by either half until its link has followed it.

        Only records of the step's own object count: a row may be linked to a record of another one. `several`: one of those may be meant.
        """
        records = self.records.setdefault(target.name, {})
        back = self.keys.setdefault(target.name, {})
        former = self.former.setdefault(target.name, {})
        if keys:
            for key, link in (await unit.links_of_rows(target.table.qualified, sorted(keys))).items():
                if link.object == target.object:
                    (records if link.state is LinkState.LINKED else former)[key] = link.sf_id
                elif several and link.state is LinkState.LINKED:
                    self.elsewhere.add((target.table.qualified, key))
        if ids:
            for sf_id, link in (await unit.links_of_records(sorted(ids))).items():
                mine = link.table == target.table.qualified and link.object == target.object
                if link.state is LinkState.LINKED and mine:
                    back[sf_id] = link.key
        back.update({sf_id: key for key, sf_id in records.items()})
        for key in await being_renamed(unit, steps, target, (*back.values(), *former)):
            records.pop(key, None)
            former.pop(key, None)
            for sf_id in [sf_id for sf_id, other in back.items() if other == key]:
                del back[sf_id]


def _id(raw: Raw) -> str | None:
    try:
        return record_id(str(raw))
    except ValueError:
        return None


def salesforce_view(
    step: Step,
    raw: Mapping[str, Raw],
    references: References,
    *,
    at: datetime,
    complete: bool,
    absent_is_null: bool = False,
    times: Mapping[str, datetime] | None = None,
    outside: bool = False,
) -> View:
    """A Salesforce record as a decision sees it.

    `absent_is_null`: events of a new or undeleted record leave out what is empty. Otherwise a missing field was not
    spoken of, or is hidden from us.
    """
    values: dict[str, Value] = {}
    failures: dict[str, Failure] = {}
    waiting: dict[str, str] = {}
    for field in step.fields:
        if field.name not in raw and not absent_is_null:
            continue
        reading = from_salesforce(field, raw.get(field.name))
        if reading.failure is not None:
            failures[field.name] = reading.failure
        elif not reading.absent:
            values[field.name] = reading.value
            if not references.knows(field, reading.value):
                waiting[field.name] = str(reading.value)
    return View(
        Presence.PRESENT,
        values,
        complete=complete,
        changed=dict(times) if times else {},
        changed_at=at,
        failures=failures,
        waiting=waiting,
        converted=_converted(raw),
        person=step.tells_persons and raw.get(PERSON_FIELD) is True,
        outside=outside,
    )


def _converted(raw: Mapping[str, Raw]) -> dict[str, str]:
    if raw.get("IsConverted") is not True:
        return {}
    targets = {
        "Contact": "ConvertedContactId",
        "Account": "ConvertedAccountId",
        "Opportunity": "ConvertedOpportunityId",
    }
    return {name: record_id(str(raw[field])) for name, field in targets.items() if raw.get(field)}


def postgres_view(
    step: Step, row: Row | None, references: References, local: Sequence[Change], offset: float
) -> View:
    """A row as a decision sees it; `local` are its captured changes that are not settled, oldest first."""
    if row is None:
        return View(Presence.GONE, {})
    values: dict[str, Value] = {}
    failures: dict[str, Failure] = {}
    waiting: dict[str, str] = {}
    for field in step.fields:
        if field.column is None or field.column not in row.values:
            continue
        lookup = references.records_of(field) if field.lookup else None
        reading = from_postgres(field, row.values[field.column], lookup)
        if reading.failure is not None:
            failures[field.name] = reading.failure
        if reading.waiting is not None:
            reference = _reference(field, row, references) if field.among else reading.waiting
            if reference is not None:
                waiting[field.name] = reference
        if not reading.absent and (reading.failure is None or reading.value is not None):
            values[field.name] = reading.value
    values, waiting = chosen(step.fields, values, waiting, row.values, references.tables)
    times, last = local_times(step, row, local, offset)
    return View(
        Presence.PRESENT,
        with_constants(step, values),
        changed=times,
        changed_at=last,
        failures=failures,
        waiting=waiting,
        former=_former(step, row, waiting, references),
        outside=not row.eligible,
        elsewhere=not row.routed,
    )


def _reference(field: Field, row: Row, references: References) -> str | None:
    """What a reference to one of several objects waits for: the row, as whatever it will be linked. None if it is linked as something else."""
    table, key = references.tables.get(field.lookup or "", ""), str(row.values.get(field.column or ""))
    return None if (table, key) in references.elsewhere else f"{table}:{key}"


def _former(step: Step, row: Row, waiting: Collection[str], references: References) -> dict[str, Value]:
    """The records of pairs that are no more to which these references of a row still point."""
    found: dict[str, Value] = {}
    for field in (step.by_name[name] for name in waiting):
        key = row.values.get(field.column or "")
        ended = references.former.get(field.lookup or "", {}).get(key or "")
        if ended is not None:
            found[field.name] = ended
    return found


def local_times(
    step: Step, row: Row, local: Sequence[Change], offset: float
) -> tuple[dict[str, datetime], datetime | None]:
    """When each field, and the row, last changed locally, by Salesforce's clock.

    Only what was captured has a time of its own; an order of ours or of an operator says nothing about it.
    """
    claimed = _instant(row.values.get(step.updated_at)) if step.updated_at else None
    times: dict[str, datetime] = {}
    last = None
    previous = None
    dated = [change for change in local if change.source is Source.TRIGGER or change.values]
    for index, change in enumerate(dated):
        is_last = index == len(dated) - 1
        moment, _ = effective_time(change.at, claimed if is_last else None, previous, ALLOWANCE)
        previous = change.at
        last = corrected(moment, offset)
        for column in change.values:
            for field in step.by_column.get(column, ()):
                times[field.name] = last
    if last is None and claimed is not None:
        last = corrected(claimed, offset)
    return times, last


def _instant(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo is not None else None
