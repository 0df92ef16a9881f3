"""Sensitive values, hidden from everyone below admin wherever an answer holds them."""

from collections.abc import Mapping
from typing import Any, Final

from daemon.domain.mapping import Steps
from daemon.flow.refused import MASK
from daemon.ports.api import ApiRequest, Role

_TOLD: Final = frozenset({"message", "where"})
"""Texts that may quote a value of the fields that they name: what Salesforce said, and a condition in SOQL."""
_VALUES: Final = frozenset({"base", "salesforce", "postgres"})


def masked(steps: Steps, request: ApiRequest, document: Any) -> Any:
    """The document with sensitive fields' and columns' values masked, unless an administrator asks. None stays None."""
    if request.role >= Role.ADMIN:
        return document
    names: set[str] = set()
    for step in steps.ordered:
        for name, column in (
            *((field.name, field.column) for field in step.fields if field.sensitive),
            *((field.name, field.column) for field in step.held if field.sensitive),
        ):
            names |= {name} if column is None else {name, column}
    if not names:
        return document
    return _walked(document, frozenset(names))


def _walked(item: Any, names: frozenset[str]) -> Any:
    if isinstance(item, list | tuple):
        return [_walked(part, names) for part in item]
    if not isinstance(item, Mapping):
        return item
    hidden = names | _VALUES if item.get("field") in names else names
    for told in _TOLD & item.keys():
        text = item[told]
        if isinstance(text, str) and any(name.casefold() in text.casefold() for name in names):
            hidden |= {told}
    return {
        name: MASK
        if name in hidden and not isinstance(value, Mapping) and value is not None
        else _walked(value, names)
        for name, value in item.items()
    }
