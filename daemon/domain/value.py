"""One notion of a field's value for both systems.

A canonical value is text (or a flag, or a set of texts) in one agreed spelling, so that equality of two values is
equality of two Python objects, whatever system each came from. Numbers are decimal text and never a float; instants
are UTC and whole seconds, because Salesforce stores no finer; a multi-select picklist is a sorted tuple, because its
order means nothing.

`None` is an explicit null. A field that a side did not speak of at all has no entry in that side's values: absent is
not null.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

Value = None | bool | str | tuple[str, ...]
Values = Mapping[str, Value]

Raw = None | bool | int | float | str | list["Raw"] | dict[str, "Raw"]
"""A value as a wire holds it: JSON from Salesforce, PostgreSQL's own text from the database."""

NO_VALUES: Final[Values] = MappingProxyType({})


def no_values() -> Values:
    """No values: the default of a dataclass's field."""
    return NO_VALUES


def is_blank(value: Value) -> bool:
    """Whether a value says nothing: null, empty text or an empty set. False is not blank."""
    return value is None or value == "" or value == ()


def from_json(raw: object) -> Value:
    """A canonical value as it was stored in JSON: a list stands for a set."""
    if isinstance(raw, list):
        return tuple(str(item) for item in raw)
    if raw is None or isinstance(raw, bool | str):
        return raw
    return str(raw)


def values_from_json(raw: Mapping[str, object]) -> dict[str, Value]:
    """Canonical values by field, as they were stored in JSON."""
    return {name: from_json(value) for name, value in raw.items()}
