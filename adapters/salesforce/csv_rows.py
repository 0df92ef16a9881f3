"""CSV as Bulk API 2.0 sends it, row by row, without holding more than it must.

Bytes come in pieces that end anywhere, and a quoted field may hold line breaks. A line break ends a record exactly
where the number of quotes before it is even, because a quote inside a field is doubled.
"""

import csv
import io
from collections.abc import AsyncIterator
from typing import Final

# A text field holds up to 131,072 characters, and the reader's own bound is just that. HTML may be longer.
csv.field_size_limit(1 << 22)

_PIECE_BYTES: Final = 256 * 1024


class MalformedCsvError(ValueError):
    """A result is not the CSV that it should be."""


async def csv_rows(pieces: AsyncIterator[bytes], max_record_bytes: int) -> AsyncIterator[list[list[str]]]:
    """The rows of a CSV document, the header first, some at a time. Raises MalformedCsvError."""
    buffer = bytearray()
    async for piece in pieces:
        buffer += piece
        if len(buffer) < _PIECE_BYTES:
            continue
        end = _end_of_records(buffer)
        if end:
            yield _parse(bytes(buffer[:end]))
            del buffer[:end]
        elif len(buffer) > max_record_bytes:
            raise MalformedCsvError(f"a record is longer than {max_record_bytes} bytes")
    if buffer:
        yield _parse(bytes(buffer))


def _end_of_records(buffer: bytearray) -> int:
    """Where the last whole record ends; 0 if none does."""
    end = buffer.rfind(b"\n")
    quotes = buffer.count(b'"', 0, end + 1)
    while end >= 0 and quotes % 2:
        before = buffer.rfind(b"\n", 0, end)
        quotes -= buffer.count(b'"', before + 1, end)
        end = before
    return end + 1


def _parse(text: bytes) -> list[list[str]]:
    try:
        document = text.replace(b"\0", b"").decode("utf-8")
    except UnicodeDecodeError as error:
        raise MalformedCsvError("it is not UTF-8") from error
    try:
        return [row for row in csv.reader(io.StringIO(document, newline=""), strict=True) if row]
    except csv.Error as error:
        raise MalformedCsvError(str(error)) from error
