"""From the values a client sends to the values the org keeps.

Text is trimmed and an empty text is null; datetimes are UTC in whole seconds; numbers are rounded half up to the field's scale. A value
that does not fit is refused with the status code Salesforce gives for it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from datetime import UTC, date, datetime, time
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import TypeAlias

from adapters.emulator import ids
from adapters.emulator.clock import rest_datetime
from adapters.emulator.errors import RecordRefused, unwritable
from adapters.emulator.schema.field import Field, FieldType

Value: TypeAlias = str | int | float | bool | None
Row: TypeAlias = dict[str, Value]
"""A record: its non-null fields. A row is never changed in place; a save makes a new one, so old references stay true."""

_EMAIL = re.compile(r"[^@\s,;<>()\[\]]+@[^@\s,;<>()\[\].]+(\.[^@\s,;<>()\[\].]+)+\Z")
_MAX_INT = 2**31 - 1
_YEARS = range(1700, 4001)
"""The years of a datetime."""


def coerce(field: Field, value: object) -> Value:
    """The stored form of a value for this field. Raises RecordRefused."""
    if value is None:
        return False if field.type is FieldType.BOOLEAN else None
    return _COERCIONS[field.type](field, value)


def _text(field: Field, value: object) -> str | None:
    if not isinstance(value, str):
        raise _wrong_json("string", value, field)
    kept = value.strip().replace("\x00", "")
    if not kept:
        return None
    if len(kept) > field.length:
        shown = kept if len(kept) <= 255 else f"{kept[:255]}..."
        message = f"{field.label}: data value too large: {shown} (max length={field.length})"
        raise RecordRefused("STRING_TOO_LONG", message, (field.name,))
    return kept


def _email(field: Field, value: object) -> str | None:
    kept = _text(field, value)
    if kept is not None and not _EMAIL.match(kept):
        raise RecordRefused(
            "INVALID_EMAIL_ADDRESS", f"{field.label}: invalid email address: {kept}", (field.name,)
        )
    return kept


def _picklist(field: Field, value: object) -> str | None:
    kept = _text(field, value)
    if kept is not None:
        return _listed(field, kept)
    return None


def _multipicklist(field: Field, value: object) -> str | None:
    if isinstance(value, list):
        value = ";".join(str(item) for item in value)
    kept = _text(field, value)
    if kept is None:
        return None
    chosen = {_listed(field, part.strip()) for part in kept.split(";") if part.strip()}
    order = {item.value: index for index, item in enumerate(field.picklist)}
    return ";".join(sorted(chosen, key=lambda item: (order.get(item, len(order)), item))) or None


def _listed(field: Field, value: str) -> str:
    """The value in the spelling of the picklist. An unrestricted picklist takes any other value as it is."""
    lowered = value.lower()
    for item in field.picklist:
        if item.value == value or item.value.lower() == lowered:
            return item.value
    if field.restricted:
        message = f"{field.label}: bad value for restricted picklist field: {value}"
        raise RecordRefused("INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", message, (field.name,))
    return value


def _boolean(field: Field, value: object) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.strip().lower() in {"true", "false", "1", "0", ""}:
        return value.strip().lower() in {"true", "1"}
    raise _wrong_json("boolean", value, field)


def _decimal(field: Field, value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise _wrong_json("double", value, field)
    if isinstance(value, str) and not value.strip():
        return None
    try:
        exact = Decimal(str(value).strip())
    except InvalidOperation:
        raise _wrong_json("double", value, field) from None
    if not exact.is_finite() or abs(exact) >= Decimal(10) ** (field.precision - field.scale):
        raise _outside(field, value)
    return float(exact.quantize(Decimal(1).scaleb(-field.scale), ROUND_HALF_UP))


def _whole(field: Field, value: object) -> int | None:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise _wrong_json("int", value, field)
    if isinstance(value, str):
        if not value.strip():
            return None
        try:
            value = float(value) if "." in value else int(value)
        except ValueError:
            raise _wrong_json("int", value, field) from None
    if isinstance(value, float) and (not math.isfinite(value) or value != int(value)):
        raise _wrong_json("int", value, field)
    whole = int(value)
    if abs(whole) > _MAX_INT or len(str(abs(whole))) > (field.precision or 10):
        raise _outside(field, whole)
    return whole


def _date(field: Field, value: object) -> str | None:
    kept = _text_of_time(field, value, "date")
    if kept is None:
        return None
    try:
        parsed = date.fromisoformat(kept[:10])
        if len(kept) > 10:
            datetime.fromisoformat(kept)
    except ValueError:
        raise _wrong_json("date", value, field) from None
    return parsed.isoformat()


def _datetime(field: Field, value: object) -> str | None:
    kept = _text_of_time(field, value, "datetime")
    if kept is None:
        return None
    try:
        moment = datetime.fromisoformat(kept)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        if moment.year in _YEARS:
            return rest_datetime(moment.timestamp())
    except (ValueError, OverflowError):
        raise _wrong_json("datetime", value, field) from None
    raise _wrong_json("datetime", value, field)


def _time(field: Field, value: object) -> str | None:
    kept = _text_of_time(field, value, "time")
    if kept is None:
        return None
    try:
        parsed = time.fromisoformat(kept)
    except ValueError:
        raise _wrong_json("time", value, field) from None
    return parsed.replace(tzinfo=None).isoformat("milliseconds") + "Z"


def _text_of_time(field: Field, value: object, kind: str) -> str | None:
    if not isinstance(value, str):
        raise _wrong_json(kind, value, field)
    return value.strip() or None


def _reference(field: Field, value: object) -> str | None:
    if not isinstance(value, str):
        raise _wrong_json("ID", value, field)
    kept = value.strip()
    if not kept:
        return None
    record_id = ids.canonical(kept)
    if record_id is None:
        message = f"{field.label}: id value of incorrect type: {kept}"
        raise RecordRefused("MALFORMED_ID", message, (field.name,))
    return record_id


def _read_only(field: Field, _value: object) -> Value:
    raise unwritable(field.name)


def _outside(field: Field, value: object) -> RecordRefused:
    message = f"{field.label}: value outside of valid range on numeric field: {value}"
    return RecordRefused("NUMBER_OUTSIDE_VALID_RANGE", message, (field.name,))


def _wrong_json(kind: str, value: object, field: Field) -> RecordRefused:
    match value:
        case bool():
            token = f"VALUE_{str(value).upper()}"
        case int():
            token = "VALUE_NUMBER_INT"  # noqa: S105
        case float():
            token = "VALUE_NUMBER_FLOAT"  # noqa: S105
        case str():
            token = "VALUE_STRING"  # noqa: S105
        case list():
            token = "START_ARRAY"  # noqa: S105
        case _:
            token = "START_OBJECT"  # noqa: S105
    shown = value if isinstance(value, str | int | float) else ""
    message = f"Cannot deserialize instance of {kind} from {token} value {shown} or request may be missing a required field"
    return RecordRefused("JSON_PARSER_ERROR", message, (field.name,))


_COERCIONS: dict[FieldType, Callable[[Field, object], Value]] = {
    FieldType.ID: _read_only,
    FieldType.STRING: _text,
    FieldType.TEXTAREA: _text,
    FieldType.PICKLIST: _picklist,
    FieldType.MULTIPICKLIST: _multipicklist,
    FieldType.COMBOBOX: _text,
    FieldType.EMAIL: _email,
    FieldType.PHONE: _text,
    FieldType.URL: _text,
    FieldType.BOOLEAN: _boolean,
    FieldType.INT: _whole,
    FieldType.DOUBLE: _decimal,
    FieldType.CURRENCY: _decimal,
    FieldType.PERCENT: _decimal,
    FieldType.DATE: _date,
    FieldType.DATETIME: _datetime,
    FieldType.TIME: _time,
    FieldType.REFERENCE: _reference,
    FieldType.ADDRESS: _read_only,
}
