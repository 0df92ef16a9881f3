"""The small types that settings are written in: text, durations, addresses, and the base of every section."""

import re
from datetime import timedelta
from typing import Annotated, Any, ClassVar, Final

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, PlainSerializer, WithJsonSchema
from pydantic_core import PydanticCustomError

from daemon.settings.source import SpelledFloat, SpelledInt


class Section(BaseModel):
    """A map of the configuration. Unknown keys are refused; `tag` tells apart what may stand in one place."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, hide_input_in_errors=True, use_attribute_docstrings=True
    )
    tag: ClassVar[str] = ""


def refuse(what: str, fix: str = "") -> PydanticCustomError:
    """An error that a validator raises: what is wrong, and what to write instead. Braces in either stay as they are."""
    return PydanticCustomError("refused", "{what}", {"what": what, "fix": fix})


def as_written(raw: Any) -> Any:
    """A number or a flag as the text it was written as; anything else as it is."""
    if isinstance(raw, SpelledInt | SpelledFloat):
        return raw.spelling
    if isinstance(raw, bool):
        return "true" if raw else "false"
    return str(raw) if isinstance(raw, int | float) else raw


Text = Annotated[str, BeforeValidator(as_written)]
"""Text; a number or a flag is taken as the text it was written as."""

_UNITS: Final = {"ms": "milliseconds", "s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_DURATION: Final = re.compile(r"(\d{1,6})(ms|s|m|h|d)")
_LONGEST: Final = timedelta(days=3650)


def _duration(raw: Any) -> timedelta:
    if isinstance(raw, timedelta):
        return raw
    match = _DURATION.fullmatch(raw) if isinstance(raw, str) else None
    if match is None:
        raise refuse("is no duration", "write a number and ms, s, m, h or d, such as 30s, 5m, 2h or 90d")
    length = timedelta(**{_UNITS[match[2]]: int(match[1])})
    if length > _LONGEST:
        raise refuse("is longer than ten years", "write at most 3650d")
    return length


def spoken(length: timedelta) -> str:
    """A duration as the configuration writes it."""
    for unit, name in reversed(_UNITS.items()):
        one = timedelta(**{name: 1})
        if length >= one and length % one == timedelta(0):
            return f"{length // one}{unit}"
    return "0s"


Duration = Annotated[
    timedelta,
    BeforeValidator(_duration),
    PlainSerializer(spoken, return_type=str),
    WithJsonSchema(
        {"type": "string", "pattern": r"^[0-9]{1,6}(ms|s|m|h|d)$", "examples": ["30s", "5m", "90d"]}
    ),
]


def split_address(address: str) -> tuple[str, int]:
    """Host and port of `host:port` or `[::1]:port`. Raises ValueError."""
    host, colon, port = address.rpartition(":")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host:
        raise ValueError(address)
    if not colon or not host or not re.fullmatch(r"[0-9]{1,5}", port) or int(port) > 65_535:
        raise ValueError(address)
    return host, int(port)


def _address(address: str) -> str:
    try:
        split_address(address)
    except ValueError:
        raise refuse("is no address", "write HOST:PORT, such as 127.0.0.1:8470 or [::1]:8470") from None
    return address


Address = Annotated[Text, AfterValidator(_address)]
"""`host:port`; port 0 picks a free one."""


def _identifier(name: str) -> str:
    if not re.fullmatch(r"[a-z][a-z0-9_]{0,39}", name):
        raise refuse("is no usable name", "use a to z, 0 to 9 and _, a letter first, at most 40 characters")
    return name


Identifier = Annotated[
    Text, AfterValidator(_identifier), WithJsonSchema({"type": "string", "pattern": "^[a-z][a-z0-9_]{0,39}$"})
]
"""A name that also becomes a metric's label and a part of a trigger's name."""


def _api_name(name: str) -> str:
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]{0,79}", name):
        fix = "write the API name of Setup > Object Manager, such as Account or Plan__c"
        raise refuse("is no Salesforce API name", fix)
    return name


ApiName = Annotated[
    Text,
    AfterValidator(_api_name),
    WithJsonSchema({"type": "string", "pattern": "^[A-Za-z][A-Za-z0-9_]{0,79}$"}),
]
"""The API name of a Salesforce object or field."""


def _name(name: str) -> str:
    if not name or len(name.encode()) > 63 or "\x00" in name:
        raise refuse("is no PostgreSQL name", "write 1 to 63 bytes, as the catalogue spells it")
    return name


ColumnName = Annotated[Text, AfterValidator(_name)]
"""The name of a column as the catalogue spells it, without quotes."""


def _table_name(name: str) -> str:
    parts = name.split(".")
    if len(parts) > 2 or not all(parts) or "\x00" in name or any(len(part.encode()) > 63 for part in parts):
        raise refuse("is no table name", "write SCHEMA.TABLE, as the catalogue spells it")
    return name


TableName = Annotated[Text, AfterValidator(_table_name)]
"""The name of a table or view as `schema.name`, as the catalogue spells it, without quotes."""
