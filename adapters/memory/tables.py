"""The user's tables in memory: their columns, what each takes, and what a trigger of the user's makes of a row."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation

from adapters.memory.failures import missing, no_column, too_large, too_long, unreadable
from daemon.domain.failure import Failure
from daemon.domain.ids import key_parts
from daemon.domain.mapping import Identify, Normalise, Table

Cells = Mapping[str, str | None]
"""A row's columns in PostgreSQL's text."""

Trigger = Callable[[dict[str, str | None]], dict[str, str | None]]
"""The user's own BEFORE trigger: the row as it is to be stored."""

_WHOLE_BITS = {"smallint": 15, "integer": 31, "bigint": 63}
_SIZED = re.compile(r"(?P<bare>[a-z ]+)\((?P<size>\d+)(?:,(?P<scale>\d+))?\)")
_FLAGS = {"true": "true", "t": "true", "false": "false", "f": "false"}


class CellRefusedError(Exception):
    """A row is not taken as it is."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message)
        self.failure = failure


@dataclass(slots=True)
class MemoryTable:
    """One table. `columns` gives every column its type, mapped or not.

    A key of one whole-number column numbers itself where it is left out. `unique` are single columns.
    `conditions` say what the filters of steps, by their text, say of a row: SQL is not judged here.
    """

    table: Table
    columns: Mapping[str, str]
    defaults: Cells = field(default_factory=dict)
    required: frozenset[str] = frozenset()
    unique: frozenset[str] = frozenset()
    before_write: Trigger | None = None
    conditions: Mapping[str, Callable[[Cells], bool]] = field(default_factory=dict)
    rows: dict[str, Cells] = field(default_factory=dict)
    numbered: int = 0

    def is_key(self, key: str) -> bool:
        """Whether a text can be the key of a row."""
        try:
            parts = key_parts(key, len(self.table.key))
            for column, part in zip(self.table.key, parts, strict=True):
                self._taken(column, part)
        except (ValueError, CellRefusedError):
            return False
        return True

    def check_columns(self, columns: Sequence[str]) -> Failure | None:
        """What is wrong with a statement that names these columns."""
        return next((no_column(name) for name in columns if name not in self.columns), None)

    def new(self, values: Cells) -> dict[str, str | None]:
        """A row of these values, with its defaults. Raises CellRefusedError."""
        row: dict[str, str | None] = {**dict.fromkeys(self.columns), **self.defaults, **values}
        (first, *others) = self.table.key
        if row[first] is None and not others and self.columns[first] in _WHOLE_BITS:
            self.numbered += 1
            row[first] = str(self.numbered)
        return self._stored(row)

    def changed(self, before: Cells, values: Cells) -> dict[str, str | None]:
        """A row with these values in it. Raises CellRefusedError."""
        return self._stored({**before, **values})

    def _stored(self, row: dict[str, str | None]) -> dict[str, str | None]:
        row = {column: None if text is None else self._taken(column, text) for column, text in row.items()}
        if self.before_write is not None:
            row = self.before_write(row)
        for column in (*self.table.key, *sorted(self.required)):
            if row[column] is None:
                raise CellRefusedError(missing(column))
        return row

    def _taken(self, column: str, text: str) -> str:
        """A text as the column's type gives it back. Types that are not named here take any text."""
        type_name = self.columns[column]
        sized = _SIZED.fullmatch(type_name)
        bare = sized["bare"] if sized else type_name
        if "\0" in text or any("\ud800" <= letter <= "\udfff" for letter in text):
            raise CellRefusedError(unreadable(column, type_name))
        if bare == "boolean":
            flag = _FLAGS.get(text.strip().lower())
            if flag is None:
                raise CellRefusedError(unreadable(column, type_name))
            return flag
        if bare in _WHOLE_BITS:
            return _whole(column, text, bare)
        if bare == "numeric" and sized is not None:
            return _number(column, text, int(sized["size"]), int(sized["scale"] or 0))
        if bare == "character varying" and sized is not None and len(text) > int(sized["size"]):
            raise CellRefusedError(too_long(column, type_name))
        return text


def _whole(column: str, text: str, type_name: str) -> str:
    try:
        number = int(text)
    except ValueError:
        raise CellRefusedError(unreadable(column, type_name)) from None
    limit = 2 ** _WHOLE_BITS[type_name]
    if not -limit <= number < limit:
        raise CellRefusedError(too_large(column))
    return str(number)


def _number(column: str, text: str, precision: int, scale: int) -> str:
    try:
        number = round(Decimal(text), scale)
    except (InvalidOperation, ValueError):
        raise CellRefusedError(unreadable(column, "numeric")) from None
    if abs(number) >= 10 ** (precision - scale):
        raise CellRefusedError(too_large(column))
    return f"{number:.{scale}f}"


def comparable(text: str, rule: Identify) -> str:
    """An identifier as it is compared."""
    for normalise in rule.normalise:
        text = _NORMALISED[normalise](text)
    return text


def _host(text: str) -> str:
    """The host of a URL or of an e-mail address, without a leading www."""
    text = re.sub(r"^[a-z][a-z0-9+.-]*://", "", text.strip().lower())
    text = re.split(r"[/?#]", text, maxsplit=1)[0].rpartition("@")[2]
    return re.sub(r":[0-9]*$", "", text).removeprefix("www.")


_NORMALISED: Mapping[Normalise, Callable[[str], str]] = {
    Normalise.TRIM: str.strip,
    Normalise.LOWER: str.lower,
    Normalise.DIGITS: lambda text: re.sub(r"[^0-9]", "", text),
    Normalise.DOMAIN: _host,
}
