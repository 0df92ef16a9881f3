"""One canonical form for each pair of types, and the way there and back.

The lens laws hold for every kind: reading what was written gives the value that was written, and a value that was
read is written back unchanged. They are why a round trip changes nothing, and so why nothing loops.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Final, assert_never

from daemon.domain.failure import Failure, FailureKind, Reason
from daemon.domain.ids import record_id
from daemon.domain.mapping import Field, Kind, OnUnmapped, Unmapped
from daemon.domain.value import Raw, Value, is_blank


@dataclass(frozen=True, slots=True)
class Reading:
    """What one raw value means: a value, or nothing said (`absent`), or why it has no canonical form.

    `waiting` names the record that a reference points to and that is not linked yet.
    """

    value: Value = None
    absent: bool = False
    failure: Failure | None = None
    waiting: str | None = None


ABSENT: Final = Reading(absent=True)


def from_salesforce(field: Field, raw: Raw) -> Reading:
    """A raw value of Salesforce in canonical form. A blank one becomes the field's default where it has one.

    Of a reference that Salesforce looks up by a value it tells the id, which says nothing about that value.
    """
    if field.parent is not None:
        return ABSENT
    try:
        value = _READ_SALESFORCE[field.kind](field, raw)
    except (ValueError, InvalidOperation, OverflowError, RecursionError) as error:
        return Reading(failure=_unreadable(field, raw, str(error)))
    if field.values is not None:
        return _translated(field, value, field.values.pull, field.values.on_pull)
    if is_blank(value) and not is_blank(field.default) and field.direction.pulls:
        value = field.default
    return Reading(value)


def from_postgres(field: Field, text: str | None, references: Mapping[str, str] | None = None) -> Reading:
    """A column's text in canonical form.

    Empty text says nothing: it leaves Salesforce alone, where NULL clears. `references` gives the Salesforce id of a
    referenced row by its key.
    """
    if field.lookup is not None and text is not None:
        found = (references or {}).get(text)
        if found is None:
            return Reading(absent=True, waiting=f"{field.lookup}:{text}")
        return Reading(found)
    try:
        value = _READ_POSTGRES[field.kind](field, text)
    except (ValueError, InvalidOperation, OverflowError, RecursionError) as error:
        return Reading(failure=_unreadable(field, text, str(error)))
    if is_blank(value) and not is_blank(field.default) and field.direction.pushes:
        value = field.default
    if value == "":
        return ABSENT
    if field.values is not None:
        return _pushable(field, value)
    return Reading(value)


def to_salesforce(field: Field, value: Value) -> Raw:
    """A canonical value as Salesforce takes it. None clears."""
    if field.values is not None:
        value = _pushed(field, value)
    if isinstance(value, tuple):
        return ";".join(value)
    if value is None:
        return False if field.kind is Kind.BOOLEAN else None
    if field.kind is Kind.NUMBER:
        return _json_number(str(value))
    if field.kind is Kind.TIME:
        return f"{value}Z"
    return value


def to_postgres(field: Field, value: Value, references: Mapping[str, str] | None = None) -> Reading:
    """A canonical value as a column's text, in `Reading.value`. A reference to a row that is not linked waits.

    `references` gives the key of a referenced row by its Salesforce id.
    """
    if value is None:
        return Reading(None)
    if field.lookup is not None:
        key = (references or {}).get(str(value))
        if key is None:
            return Reading(absent=True, waiting=str(value))
        return Reading(key)
    if isinstance(value, bool):
        return Reading("true" if value else "false")
    if isinstance(value, tuple):
        return Reading(json.dumps(list(value), ensure_ascii=False))
    return Reading(value)


def constant(field: Field) -> Value:
    """The canonical form of a field's configured constant."""
    return from_salesforce(field, _plain(field.constant)).value


def _plain(value: Value) -> Raw:
    return ";".join(value) if isinstance(value, tuple) else value


def _translated(field: Field, value: Value, table: Mapping[str, str], unmapped: Unmapped) -> Reading:
    if value is None:
        return Reading(field.default if field.direction.pulls else None)
    if isinstance(value, tuple):
        readings = [_translated(field, item, table, unmapped) for item in value]
        for reading in readings:
            if reading.failure is not None or reading.absent:
                return reading
        return Reading(tuple(sorted({str(r.value) for r in readings if r.value is not None})) or None)
    text = str(value)
    if text in table:
        return Reading(table[text])
    match unmapped.action:
        case OnUnmapped.REJECT:
            return Reading(failure=_not_mapped(field, text))
        case OnUnmapped.KEEP:
            return ABSENT
        case OnUnmapped.NULL:
            return Reading(None)
        case OnUnmapped.VALUE:
            return Reading(unmapped.value)
        case OnUnmapped.PASS:
            return Reading(value)
        case never:
            assert_never(never)


def _pushable(field: Field, value: Value) -> Reading:
    """A local value that has a translation, or what the map says of one that has none."""
    assert field.values is not None
    items = value if isinstance(value, tuple) else () if value is None else (str(value),)
    for item in items:
        if item not in field.values.push:
            match field.values.on_push.action:
                case OnUnmapped.REJECT:
                    return Reading(value, failure=_not_mapped(field, item))
                case OnUnmapped.KEEP:
                    return ABSENT
                case OnUnmapped.NULL | OnUnmapped.VALUE | OnUnmapped.PASS:
                    pass
                case never:
                    assert_never(never)
    return Reading(value)


def _pushed(field: Field, value: Value) -> Value:
    assert field.values is not None
    if value is None:
        return None
    if isinstance(value, tuple):
        pushed = [_pushed(field, item) for item in value]
        return tuple(sorted({str(item) for item in pushed if item is not None})) or None
    text = str(value)
    if text in field.values.push:
        return field.values.push[text]
    match field.values.on_push.action:
        case OnUnmapped.VALUE:
            return field.values.on_push.value
        case OnUnmapped.PASS:
            return value
        case OnUnmapped.NULL | OnUnmapped.KEEP | OnUnmapped.REJECT:
            return None
        case never:
            assert_never(never)


def _not_mapped(field: Field, text: str) -> Failure:
    return Failure(
        FailureKind.REJECTED,
        Reason.MAPPING,
        "value_not_mapped",
        f"{field.name}: the value map does not name {text[:60]!r}",
        f"Add the value to the map of {field.name}, or give its `default` another choice than `reject`.",
        (field.name,),
    )


def _unreadable(field: Field, raw: Raw, why: str) -> Failure:
    return Failure(
        FailureKind.REJECTED,
        Reason.MAPPING,
        "value_not_readable",
        f"{field.name}: {str(raw)[:60]!r} is no {field.kind.value}: {why[:120]}",
        f"Correct the value of {field.name} at its source; the record is tried again when it changes.",
        (field.name,),
    )


def _text(raw: Raw) -> str | None:
    if raw is None:
        return None
    if isinstance(raw, bool):
        return "true" if raw else "false"
    if isinstance(raw, dict | list):
        return json.dumps(raw, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return str(raw)


def _read_text(_: Field, raw: Raw) -> Value:
    """Text as Salesforce keeps it: ends trimmed, one kind of line end, empty is null."""
    text = _text(raw)
    if text is None:
        return None
    return _storable(text).replace("\r\n", "\n").replace("\r", "\n").strip() or None


def _storable(text: str) -> str:
    """The text itself; ValueError if no database could hold it."""
    if "\x00" in text:
        message = "it holds a NUL character, which PostgreSQL cannot store"
        raise ValueError(message)
    if not text.isascii():
        text.encode()
    return text


def _read_local_text(field: Field, raw: Raw) -> Value:
    value = _read_text(field, raw)
    return "" if value is None and raw is not None else value


def _read_boolean(_: Field, raw: Raw) -> Value:
    """A flag. Salesforce has no null for one: nothing means false."""
    if raw is None or isinstance(raw, bool):
        return bool(raw)
    text = str(raw).lower()
    if text not in ("true", "false", "t", "f"):
        message = "neither true nor false"
        raise ValueError(message)
    return text.startswith("t")


def _read_number(field: Field, raw: Raw) -> Value:
    """Decimal text without exponent or trailing zeros, rounded to the decimals that both sides keep."""
    if raw is None or raw == "":
        return None
    if isinstance(raw, bool | list | dict):
        message = "not a number"
        raise ValueError(message)  # noqa: TRY004 - every unreadable value is a ValueError to the caller
    number = Decimal(repr(raw) if isinstance(raw, float) else str(raw))
    if not number.is_finite() or abs(number.adjusted()) > 60:
        message = "not a number that both sides can hold"
        raise ValueError(message)
    if field.scale is not None:
        number = number.quantize(Decimal(1).scaleb(-field.scale), ROUND_HALF_UP)
    text = f"{number:f}"
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def _read_date(_: Field, raw: Raw) -> Value:
    if raw is None or raw == "":
        return None
    return date.fromisoformat(str(raw)).isoformat()


def _read_datetime(_: Field, raw: Raw) -> Value:
    """An instant in UTC, cut to the whole second that Salesforce stores."""
    if raw is None or raw == "":
        return None
    instant = datetime.fromisoformat(str(raw))
    if instant.tzinfo is None:
        message = "it names no time zone"
        raise ValueError(message)
    return instant.astimezone(UTC).replace(microsecond=0, tzinfo=None).isoformat() + "Z"


def _read_time(_: Field, raw: Raw) -> Value:
    if raw is None or raw == "":
        return None
    moment = time.fromisoformat(str(raw).removesuffix("Z"))
    if moment.tzinfo is not None:
        message = "it names a time zone, and Salesforce's times of day have none"
        raise ValueError(message)
    return moment.isoformat("milliseconds")


def _read_set(_: Field, raw: Raw) -> Value:
    """A set of texts: `A;B` from Salesforce, a JSON array from PostgreSQL. An empty one is null."""
    if raw is None:
        return None
    items = [str(item) for item in raw if item is not None] if isinstance(raw, list) else str(raw).split(";")
    if any(";" in item for item in items):
        message = "an item holds a semicolon, which separates items in Salesforce"
        raise ValueError(message)
    return tuple(sorted({_storable(item.strip()) for item in items if item.strip()})) or None


def _read_local_set(field: Field, raw: Raw) -> Value:
    if raw is None:
        return None
    text = str(raw)
    return _read_set(field, json.loads(text) if text.startswith("[") else text)


def _read_reference(_: Field, raw: Raw) -> Value:
    if raw is None or raw == "":
        return None
    return record_id(str(raw))


def _read_json(_: Field, raw: Raw) -> Value:
    if raw is None or raw == "":
        return None
    document = json.loads(raw) if isinstance(raw, str) else raw
    return _storable(
        json.dumps(document, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False)
    )


def _json_number(text: str) -> Raw:
    """A number that JSON carries without loss: an int, a float that prints the same, else its text."""
    if "." not in text:
        return int(text)
    number = float(text)
    return number if Decimal(repr(number)) == Decimal(text) else text


_Reader = Callable[[Field, Raw], Value]

_READ_SALESFORCE: Final[Mapping[Kind, _Reader]] = {
    Kind.TEXT: _read_text,
    Kind.BOOLEAN: _read_boolean,
    Kind.NUMBER: _read_number,
    Kind.DATE: _read_date,
    Kind.DATETIME: _read_datetime,
    Kind.TIME: _read_time,
    Kind.SET: _read_set,
    Kind.REFERENCE: _read_reference,
    Kind.JSON: _read_json,
}

_READ_POSTGRES: Final[Mapping[Kind, _Reader]] = {
    **_READ_SALESFORCE,
    Kind.TEXT: _read_local_text,
    Kind.SET: _read_local_set,
}
