"""What both sides hold in the fields that identify: how many have a value, which values occur twice.

Asked by `doctor` and `step identifiers`, before a field is relied on; never on the hot path. Reads only.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from daemon.domain.mapping import Table
from daemon.domain.value import Raw


@dataclass(frozen=True, slots=True)
class Filled:
    """How many records (or rows) there are, and how many of them have a value."""

    total: int
    filled: int

    @property
    def missing(self) -> int:
        """How many have none."""
        return self.total - self.filled

    @property
    def share(self) -> float:
        """The part that has a value, from 0 to 1; 1 where there is nothing."""
        return self.filled / self.total if self.total else 1.0


@dataclass(frozen=True, slots=True)
class ColumnFacts:
    """A column that identifies rows.

    `clashes` are values that differ in upper and lower case alone, each as its spellings. `mixed` counts the values that
    are written in both cases at once, as only people write.
    """

    values: Filled
    clashes: tuple[tuple[str, ...], ...] = ()
    mixed: int = 0


class RecordIdentifiers(Protocol):
    """The identifying fields of records, as this user may see them. Every method raises CallFailedError."""

    async def filled(self, name: str, field: str) -> Filled:
        """How many records of an object have a value in a field. One aggregate query."""
        ...

    async def repeated(self, name: str, field: str, most: int) -> Sequence[tuple[str, int]] | None:
        """Values that several records have and how many those are, the most frequent first; None if Salesforce cannot group by the field."""
        ...

    def without(
        self, name: str, field: str, shown: Sequence[str]
    ) -> AsyncIterator[Sequence[Mapping[str, Raw]]]:
        """The records without a value, page by page in the order of ids: `Id` and the fields to be shown."""
        ...


class RowIdentifiers(Protocol):
    """The identifying columns of rows."""

    async def column(self, table: Table, column: str, most: int) -> ColumnFacts:
        """What a column holds, with at most so many clashes. Raises IsthmusError or CallFailedError."""
        ...
