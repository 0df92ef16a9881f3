"""Reading an object whole, with millions of records: in sheets from Salesforce, in portions into the database.

These ports are what a load needs beside `daemon.ports.salesforce.Records` and `daemon.ports.store.Store`. A read can be gone on with
by another process, and a portion is settled set-wise as far as nothing about it has to be weighed.
"""

from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from daemon.domain.change import Source
from daemon.domain.mapping import Step
from daemon.domain.value import Raw, Value
from daemon.ports.salesforce import Record, Records
from daemon.ports.store import Store, Unit


@dataclass(frozen=True, slots=True)
class Sheet:
    """Some records of a bulk read, column by column, in the cells of the wire.

    `cells` holds the text of each asked field that this user may read, by REST name; an empty cell is null. `readers` says how any other
    cell of a field becomes the raw value that a `Record` would hold; for a field without an entry the text is the raw value.
    `bookmark` is where the read stands after these records: opaque, and given back to go on from there.
    """

    object: str
    ids: Sequence[str]
    stamps: Sequence[datetime]
    modified: Sequence[datetime]
    cells: Mapping[str, Sequence[str]]
    readers: Mapping[str, Callable[[str], Raw]]
    bookmark: str

    def __len__(self) -> int:
        return len(self.ids)

    def record(self, index: int) -> Record:
        """One of the records as `Records.read` would give it."""
        values: dict[str, Raw] = {}
        for name, column in self.cells.items():
            cell = column[index]
            read = self.readers.get(name)
            values[name] = None if not cell else cell if read is None else read(cell)
        return Record(self.object, self.ids[index], values, self.stamps[index], self.modified[index])


@dataclass(frozen=True, slots=True)
class Selection:
    """Which records of an object are meant: those that meet a SOQL condition, those changed at `since` or later, or both; else all."""

    condition: str | None = None
    since: datetime | None = None

    @property
    def everything(self) -> bool:
        """Whether no record is left out."""
        return self.condition is None and self.since is None


class BookmarkLostError(Exception):
    """Nothing is left of the read that a bookmark stands in, or it asked for something else: begin anew."""


class BulkRecords(Records, Protocol):
    """Records that can be read in bulk."""

    def sheets(
        self, name: str, fields: Sequence[str], after: str | None = None, condition: str = ""
    ) -> AsyncIterator[Sheet]:
        """Every record of an object (that meets a condition) through Bulk API 2.0, as the org held it when the read began.

        `after` goes on from a bookmark, in another process if need be; raises BookmarkLostError if that cannot be done.
        The read stays in Salesforce, some days long, until `forget_sheets`.
        """
        ...

    async def forget_sheets(self, bookmark: str) -> None:
        """Clear away the read that a bookmark stands in, as far as that can be done at once: nobody goes on with it."""
        ...

    def calls_to_read(self, count: int, *, bulk: bool) -> int:
        """About how many API calls it takes to read so many records with `sheets` (`bulk`) or with `scan`."""
        ...

    async def count_selected(self, name: str, selection: Selection) -> int:
        """How many records are meant. Raises CallFailedError with the org's own words for a condition that is none."""
        ...

    async def select(
        self, name: str, fields: Sequence[str], selection: Selection, after: str, limit: int
    ) -> list[Record]:
        """The records that are meant, from the id `after` on, in the order of ids, at most `limit` of them (one call for up to 2,000)."""
        ...

    async def deleted_since(self, name: str, since: datetime, limit: int) -> list[str]:
        """Ids of the records that were deleted at `since` or later and are still in the Recycle Bin: at most `limit`, oldest first.

        Empty for an object that keeps no deleted records.
        """
        ...


@dataclass(frozen=True, slots=True)
class LoadState:
    """A read that was not finished. `low` is the second by Salesforce's clock before which it had not begun.

    `answers` are the stored changes for which it was begun.
    `bookmark` is where to go on: None at the beginning, empty once everything was read and what is missing has been asked after.
    `outcome` is what became of the records up to there (JSON), in the words of the load.
    """

    processed: int
    expected: int
    low: datetime
    bookmark: str | None
    answers: frozenset[int] = frozenset()
    outcome: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Portion:
    """Records to be settled in one transaction, as columns.

    `base` holds the canonical values of every mapped field, by field, and `columns` what a new row of each record gets, by column:
    text, a flag, a set, or None for a column that is left to its default. All sequences have one length.
    """

    ids: Sequence[str]
    stamps: Sequence[datetime]
    base: Mapping[str, Sequence[Value]]
    columns: Mapping[str, Sequence[Value]]


@dataclass(frozen=True, slots=True)
class Staged:
    """What a portion's records are, beside what was settled at once: indexes into it.

    `new` have no link in any state; `open` have one and differ from what was agreed, or are in doubt, or are not linked any more.
    `behind` were left alone, because a change of theirs is stored; `equal` and `elsewhere`, linked in another step, are numbers.
    """

    new: Sequence[int]
    open: Sequence[int]
    behind: Sequence[int] = ()
    equal: int = 0
    elsewhere: int = 0


class LoadUnit(Unit, Protocol):
    """A transaction of the daemon that can settle a portion."""

    async def begin_load(
        self, kind: str, step: str, expected: int, low: datetime, answers: Collection[int] = ()
    ) -> None:
        """A read begins, for these stored changes, and nothing counts that an earlier one of this kind and step has left."""
        ...

    async def keep_load(
        self,
        kind: str,
        step: str,
        processed: int,
        expected: int,
        bookmark: str,
        outcome: Mapping[str, Any],
    ) -> None:
        """Store how far a read has come, and what became of the records up to there (JSON)."""
        ...

    async def note_read(self, kind: str, step: str, ids: Sequence[str]) -> None:
        """Remember that these records were read, until the load ends. A crash of the database may forget it."""
        ...

    async def ask_after_missing(self, kind: str, step: str, source: Source, at: datetime) -> int:
        """Store a REREAD for every linked record that was not read, unless it was linked since the read began; how many. Rings."""
        ...

    async def end_load(self, kind: str, step: str, *, done: bool, outcome: Mapping[str, Any]) -> None:
        """Everything was read, and this became of it (JSON). Not `done`: something is still to be stored before the load may not be begun again."""
        ...

    async def stage(self, step: Step, portion: Portion) -> Staged:
        """Put a portion beside the links, once in a transaction, and settle what is equal: only `seen` moves, if the record is newer.

        Equal is a record whose link is of this step, `linked`, not in doubt, and whose base is the portion's. Records with a stored change of
        the Salesforce side, and those linked in another step, are left alone.
        """
        ...

    async def insert_staged(
        self, step: Step, chosen: Sequence[int], source: Source, at: datetime
    ) -> int | None:
        """Insert a row for each of these records of the staged portion, with its link, base and journal entry; how many.

        As the daemon's own act; changes that waited for one of them go on. If one cannot be inserted, none is: None, and the unit goes on.
        """
        ...


class LoadStore(Store, Protocol):
    """The database as a load needs it."""

    def begin(self) -> AbstractAsyncContextManager[LoadUnit]:
        """As `Store.begin`."""
        ...

    async def unfinished_load(self, kind: str, step: str) -> LoadState | None:
        """A read that was begun and not finished, if all is still known that it needs."""
        ...

    async def takes_sets(self, step: Step) -> bool:
        """Whether a step's table stores what it is given: a plain table, without row triggers before an insert, rules, or row-level
        security that binds us.
        """
        ...
