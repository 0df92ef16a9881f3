"""Records as the CSV that Bulk API 2.0 takes, and its three result files as results.

Salesforce documents the form: a cell `#N/A` clears its field, an empty one leaves it alone, a column `Account.Ext_Id__c` names a parent by
its external id, and a datetime is ISO 8601. Results hold the columns of the upload after `sf__Id` and `sf__Created` or `sf__Error`, their rows in
an order of their own, so that a row is known again by its key alone.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Final

from adapters.salesforce.faults import ApiError
from adapters.salesforce.payload import refusal
from daemon.domain.plan import Operation
from daemon.domain.value import Raw
from daemon.ports.salesforce import RecordWrite

CLEARED: Final = "#N/A"
MOST_CELL: Final = 32_000
"""Characters of one field that a job takes."""

MOST_RECORD: Final = 400_000
"""Characters of one record that a job takes."""

_TO_QUOTE: Final = frozenset(',"\r\n')
_ONE_ERROR: Final = re.compile(
    r"(?P<code>[A-Z][A-Z0-9_]*):(?P<message>.*?):(?P<fields>[^:]*?) ?--", re.DOTALL
)
_MORE: Final = re.compile(r"(?<= --)\s*(?=[A-Z][A-Z0-9_]*:)")


def carried(write: RecordWrite) -> bool:
    """Whether a row of a sheet says the same as this write."""
    key = key_of(write)
    if key is None or key != key.strip() or not _says_itself(key) or refusal(write) is not None:
        return False
    cells = [value for _, value in _columns(write)]
    if not all(_has_cell(value) for value in cells):
        return False
    return sum(len(value) for value in cells if isinstance(value, str)) <= MOST_RECORD - MOST_CELL


def key_of(write: RecordWrite) -> str | None:
    """What a write's row is known again by; None for a write that has no such thing, or that depends on a condition."""
    if write.unmodified_since is not None:
        return None
    if write.operation is Operation.CREATE:
        return write.external_id[1] if write.external_id is not None else None
    return write.id


def key_column(write: RecordWrite) -> str:
    """The column of the keys."""
    return write.external_id[0] if write.external_id is not None else "Id"


def sheet(writes: Sequence[RecordWrite]) -> bytes:
    """Writes of one call as CSV, a row each. They must be `carried`."""
    key = key_column(writes[0])
    names = dict.fromkeys(name for write in writes for name, _ in _columns(write))
    lines = [_line([key, *names])]
    for write in writes:
        cells = {name: _cell(value) for name, value in _columns(write)}
        lines.append(_line([key_of(write) or "", *(cells.get(name, "") for name in names)]))
    return "".join(lines).encode()


def row_errors(text: str) -> list[ApiError]:
    """What `sf__Error` says, such as `REQUIRED_FIELD_MISSING:Required fields are missing: [LastName]:LastName --`."""
    found = [_row_error(part) for part in _MORE.split(text.strip()) if part.strip()]
    return found or [ApiError("UNKNOWN_EXCEPTION", "a row failed without saying why")]


def _row_error(text: str) -> ApiError:
    match = _ONE_ERROR.fullmatch(text.strip())
    if match is None:
        code, colon, message = text.partition(":")
        return (
            ApiError(code.strip(), message.strip()) if colon else ApiError("UNKNOWN_EXCEPTION", text.strip())
        )
    fields = tuple(name.strip() for name in match["fields"].split(",") if name.strip())
    return ApiError(match["code"], match["message"].strip(), fields)


def _columns(write: RecordWrite) -> Iterator[tuple[str, Raw]]:
    """The columns that a write fills beside its key, each with its value."""
    if write.operation is Operation.DELETE:
        return
    key = key_column(write)
    for name, value in write.values.items():
        if isinstance(value, Mapping):
            for field, named in value.items():
                yield f"{name}.{field}", named
        elif name != key:
            yield name, value


def _has_cell(value: Raw) -> bool:
    """Whether a value can be said by a cell. An empty text cannot, nor a blank one: their cells would leave the field alone."""
    if isinstance(value, str):
        return _says_itself(value)
    return value is None or isinstance(value, bool | int | float)


def _says_itself(text: str) -> bool:
    plain = text.strip()
    return bool(plain) and plain.upper() != CLEARED and len(text) <= MOST_CELL and "\0" not in text


def _line(cells: Sequence[str]) -> str:
    """A row. A lone carriage return is quoted too, which the library's writer leaves bare."""
    return ",".join(_quoted(cell) for cell in cells) + "\n"


def _quoted(cell: str) -> str:
    if not _TO_QUOTE.intersection(cell):
        return cell
    doubled = cell.replace('"', '""')
    return f'"{doubled}"'


def _cell(value: Raw) -> str:
    if value is None:
        return CLEARED
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return format(Decimal(repr(value)), "f")  # never with an exponent
    return str(value)
