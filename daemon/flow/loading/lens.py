"""A field's cells in canonical form, a whole column at a time.

Every value is what `from_salesforce` makes of the cell, so a base made here is the base that the road makes. It is called once for each
different cell, for most columns of a business hold few different ones; text, of which that is not so, has the few steps of its own
reading repeated here.
"""

from collections.abc import Callable, Sequence
from typing import Final

from daemon.domain.canonical import from_salesforce
from daemon.domain.mapping import Field, Kind
from daemon.domain.value import Raw, Value, is_blank

Read = Callable[[str], Raw]

_MOST_KNOWN: Final = 20_000


class Lens:
    """One field's way of reading. `odd` are the cells that gave no value: a failure, or nothing said."""

    def __init__(self, field: Field, read: Read | None) -> None:
        self._known = _Known(field, read)
        self._simple = (
            field.kind is Kind.TEXT and read is None and field.values is None and is_blank(field.default)
        )

    @property
    def odd(self) -> frozenset[str]:
        """The cells met so far that have no canonical value; in the columns they stand as None."""
        return frozenset(self._known.odd)

    def values(self, cells: Sequence[str]) -> list[Value]:
        """The canonical values of cells, in order."""
        if self._simple and not any(mark in "".join(cells) for mark in "\r\0"):
            return [text or None for text in map(str.strip, cells)]
        return list(map(self._known.__getitem__, cells))


class _Known(dict[str, Value]):
    """Canonical values by cell, worked out when they are first met."""

    def __init__(self, field: Field, read: Read | None) -> None:
        super().__init__()
        self.odd: set[str] = set()
        self._field = field
        self._read = read

    def __missing__(self, cell: str) -> Value:
        raw: Raw = None if not cell else cell if self._read is None else self._read(cell)
        reading = from_salesforce(self._field, raw)
        if reading.absent or reading.failure is not None:
            self.odd.add(cell)
        value = reading.value if not reading.absent else None
        value = None if is_blank(value) else value
        if len(self) >= _MOST_KNOWN:
            self.clear()
        self[cell] = value
        return value
