"""A row of a bulk result as the record that REST would have given.

Bulk API 2.0 sends text where REST sends JSON: flags, numbers and empty values are told apart by the field's type. This
is the innermost loop of a first load, so what depends on the header alone is worked out once.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Final

from adapters.salesforce.csv_rows import MalformedCsvError
from adapters.salesforce.decode import number
from adapters.salesforce.ids import id18
from adapters.salesforce.rows import parse_instant
from daemon.domain.value import Raw
from daemon.ports.loads import Sheet
from daemon.ports.salesforce import ObjectDescription, Record

_STAMPS: Final = ("SystemModstamp", "LastModifiedDate", "CreatedDate")
Convert = Callable[[str], Raw]


class Columns:
    """The columns of one result: which hold what was asked for, and how their cells are to be read."""

    def __init__(self, description: ObjectDescription, fields: Sequence[str]) -> None:
        self._description = description
        self._fields = fields
        self._width = 0
        self._id = 0
        self._stamp = 0
        self._modified = 0
        self._converted: list[tuple[int, Convert]] = []
        self._readers: Mapping[str, Convert] = {}
        self._names: list[str] = []
        self._picked: list[int] = []
        self._instants = _Instants()

    def begin(self, header: Sequence[str]) -> None:
        """Take in a header row. Raises MalformedCsvError if it lacks the id or every instant."""
        places = {name: index for index, name in enumerate(header)}
        stamps = [places[name] for name in _STAMPS if name in places]
        if "Id" not in places or not stamps:
            raise MalformedCsvError("its header has no Id, or nothing that says when a record changed")
        self._width = len(header)
        self._id = places["Id"]
        self._stamp = stamps[0]
        self._modified = places.get("LastModifiedDate", stamps[0])
        self._names = [name for name in self._fields if name in places]
        self._picked = [places[name] for name in self._names]
        types = {name: field.type for name, field in self._description.fields.items()}
        self._converted = [
            (place, _CONVERT[types[name]])
            for name, place in places.items()
            if name in self._names and types.get(name) in _CONVERT
        ]
        self._readers = {name: _CONVERT[types[name]] for name in self._names if types.get(name) in _CONVERT}

    def sheet(self, rows: Sequence[Sequence[str]], bookmark: str) -> Sheet:
        """The records that rows are, as columns. Raises MalformedCsvError."""
        if any(len(row) != self._width for row in rows):
            raise MalformedCsvError(f"a row has not as many cells as the header, which has {self._width}")
        columns = list(zip(*rows, strict=True))
        stamps = list(map(self._instants.__getitem__, columns[self._stamp]))
        modified = stamps
        if self._modified != self._stamp:
            cells = columns[self._modified]
            modified = [
                self._instants[cell] if cell else stamp for cell, stamp in zip(cells, stamps, strict=True)
            ]
        return Sheet(
            self._description.name,
            list(map(id18, columns[self._id])),
            stamps,
            modified,
            {name: columns[place] for name, place in zip(self._names, self._picked, strict=True)},
            self._readers,
            bookmark,
        )

    def record(self, row: Sequence[str]) -> Record:
        """The record that a row is. Raises MalformedCsvError."""
        if len(row) != self._width:
            raise MalformedCsvError(f"a row has {len(row)} cells and the header {self._width}")
        stamp = parse_instant(row[self._stamp])
        if stamp is None:
            raise MalformedCsvError("a row does not say when its record changed")
        same = row[self._modified] == row[self._stamp]
        modified = stamp if same else parse_instant(row[self._modified]) or stamp
        cells: list[Raw] = [cell or None for cell in row]
        for place, convert in self._converted:
            cell = row[place]
            if cell:
                cells[place] = convert(cell)
        values = dict(zip(self._names, [cells[place] for place in self._picked], strict=True))
        return Record(self._description.name, id18(row[self._id]), values, stamp, modified)


class _Instants(dict[str, datetime]):
    """Instants by their text: records that were saved together say the same."""

    def __missing__(self, text: str) -> datetime:
        instant = parse_instant(text)
        if instant is None:
            raise MalformedCsvError("a row does not say when its record changed")
        if len(self) >= _MOST_INSTANTS:
            self.clear()
        self[text] = instant
        return instant


_MOST_INSTANTS: Final = 10_000
_FLAGS: Final[dict[str, Raw]] = {"true": True, "false": False}


def _integer(cell: str) -> Raw:
    try:
        return int(cell)
    except ValueError:
        return _number(cell)


def _number(cell: str) -> Raw:
    try:
        return number(cell)
    except ValueError:
        return cell


def _instant(cell: str) -> Raw:
    return f"{cell[:-1]}+0000" if cell.endswith("Z") else cell


_CONVERT: Final[dict[str, Convert]] = {
    "boolean": _FLAGS.get,
    "int": _integer,
    "long": _integer,
    "double": _number,
    "currency": _number,
    "percent": _number,
    "datetime": _instant,
}
