"""Sheets of one step, gathered until they make a portion."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from daemon.domain.mapping import PERSON_FIELD, Identify, IdentifyKind, Step
from daemon.domain.value import Raw, Value
from daemon.flow.loading.lens import Lens
from daemon.flow.pairing import identifier_text
from daemon.ports.loads import Portion, Sheet
from daemon.ports.salesforce import Record

RECORDS = 5000
"""Records to a portion: COPY and set-wise SQL pay from here on, and a transaction of so many lasts a tenth of a second."""


@dataclass(slots=True)
class Batch:
    """A portion, and what its records are besides.

    `portion` is None where the step is not settled set-wise. `places` are the positions of the portion's records among all; `apart` those of
    the records that are not in it. `lacking` are the portion's records that have no row's worth of values: they may be equal, not new.
    """

    sheets: list[Sheet]
    portion: Portion | None
    places: Sequence[int]
    apart: list[int]
    lacking: frozenset[int]
    identifiers: dict[Identify, Sequence[str | None]] = field(default_factory=dict)

    @property
    def bookmark(self) -> str:
        """Where the read stands after these records."""
        return self.sheets[-1].bookmark

    def __len__(self) -> int:
        return sum(len(sheet) for sheet in self.sheets)

    def ids(self) -> list[str]:
        """The ids of all records."""
        return [sf_id for sheet in self.sheets for sf_id in sheet.ids]

    def records(self, wanted: Sequence[int]) -> Iterator[Record]:
        """The records at these positions, which ascend."""
        start, sheets = 0, iter(self.sheets)
        sheet = next(sheets)
        for position in wanted:
            while position >= start + len(sheet):
                start += len(sheet)
                sheet = next(sheets)
            yield sheet.record(position - start)


class Gatherer:
    """Makes batches of the sheets of one read. Each sheet is read as it comes, so that no batch is much work at once."""

    def __init__(self, step: Step, *, plain: bool) -> None:
        self._step = step
        self._plain = plain
        self._lenses: dict[str, Lens] | None = None
        self._mandatory = [item for item in step.fields if item.mandatory]
        self._begin()

    def _begin(self) -> None:
        self._sheets: list[Sheet] = []
        self._values: dict[str, list[Value]] = {item.name: [] for item in self._step.fields}
        self._apart: list[int] = []
        self._identifiers: dict[Identify, list[str | None]] = {rule: [] for rule in self._step.identify}
        self._count = 0

    def add(self, sheet: Sheet) -> Batch | None:
        """Take in a sheet; a batch, once enough have come."""
        if self._lenses is None:
            readable = all(item.name in sheet.cells for item in self._step.fields)
            self._plain = self._plain and readable
            self._lenses = {item.name: Lens(item, sheet.readers.get(item.name)) for item in self._step.fields}
        if self._plain:
            self._read(sheet, self._lenses)
        self._sheets.append(sheet)
        self._count += len(sheet)
        return self.rest() if self._count >= RECORDS else None

    def rest(self) -> Batch | None:
        """What has come since the last batch."""
        if not self._sheets:
            return None
        batch = (
            self._made()
            if self._plain
            else Batch(self._sheets, None, (), list(range(self._count)), frozenset())
        )
        self._begin()
        return batch

    def _read(self, sheet: Sheet, lenses: dict[str, Lens]) -> None:
        apart: set[int] = set()
        for name, lens in lenses.items():
            cells = sheet.cells[name]
            self._values[name] += lens.values(cells)
            if lens.odd:
                apart |= {index for index, cell in enumerate(cells) if cell in lens.odd}
        for mark in {"IsConverted", PERSON_FIELD} & sheet.cells.keys():
            apart |= {index for index, cell in enumerate(sheet.cells[mark]) if cell == "true"}
        for rule in self._step.identify:
            self._identifiers[rule] += _identifiers(rule, sheet)
        self._apart += [self._count + index for index in sorted(apart)]

    def _made(self) -> Batch:
        ids = [sf_id for sheet in self._sheets for sf_id in sheet.ids]
        stamps = [stamp for sheet in self._sheets for stamp in sheet.stamps]
        places: Sequence[int] = range(self._count)
        values: dict[str, list[Value]] = self._values
        identifiers: dict[Identify, list[str | None]] = self._identifiers
        if self._apart:
            without = set(self._apart)
            places = [place for place in places if place not in without]
            ids, stamps = [ids[place] for place in places], [stamps[place] for place in places]
            values = {name: [column[place] for place in places] for name, column in values.items()}
            identifiers = {rule: [texts[place] for place in places] for rule, texts in identifiers.items()}
        columns = self._columns(values, identifiers)
        return Batch(
            self._sheets,
            Portion(ids, stamps, values, columns),
            places,
            self._apart,
            self._lacking(values, columns),
            dict(identifiers),
        )

    def _columns(
        self, values: dict[str, list[Value]], identifiers: dict[Identify, list[str | None]]
    ) -> dict[str, Sequence[Value]]:
        """What a new row gets: identifiers, and over them the values of fields that have one."""
        columns: dict[str, Sequence[Value]] = {
            rule.column: texts for rule, texts in identifiers.items() if rule.kind is not IdentifyKind.FIELD
        }
        for item in self._step.fields:
            assert item.column is not None
            mine = values[item.name]
            below = columns.get(item.column)
            columns[item.column] = (
                mine
                if below is None
                else [text if value is None else value for value, text in zip(mine, below, strict=True)]
            )
        return columns

    def _lacking(self, values: dict[str, list[Value]], columns: dict[str, Sequence[Value]]) -> frozenset[int]:
        """Records without a mandatory value, or with nothing for a column that would then fill itself."""
        looked_at = [values[item.name] for item in self._mandatory]
        looked_at += [column for name, column in columns.items() if name in self._step.table.defaulted]  # type: ignore[misc]
        return frozenset(index for column in looked_at for index, value in enumerate(column) if value is None)


def _identifiers(rule: Identify, sheet: Sheet) -> list[str | None]:
    if rule.kind is IdentifyKind.SALESFORCE_ID:
        return list(sheet.ids)
    read: Callable[[str], Raw] = sheet.readers.get(rule.salesforce) or str
    cells = sheet.cells.get(rule.salesforce) or [""] * len(sheet)
    return [identifier_text(rule, read(cell)) if cell else None for cell in cells]
