"""Rules that an administrator adds to the org: validation rules, and automation that works like a flow.

Both run inside the caller's transaction. What automation changes is therefore folded into the same event as the caller's change, and carries
the caller's mark: that is why a client must not drop events by origin.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from string import Formatter

from adapters.emulator.errors import RecordRefused
from adapters.emulator.schema.sobject import SObject
from adapters.emulator.store.values import Row, coerce


@dataclass(frozen=True, slots=True)
class ValidationRule:
    """Refuses a save when the field's text matches `pattern` (searched anywhere), with the administrator's message."""

    sobject: str
    field: str
    pattern: re.Pattern[str]
    message: str

    def check(self, row: Row) -> None:
        """Raises RecordRefused when the row breaks the rule."""
        value = row.get(self.field)
        if value is not None and self.pattern.search(str(value)):
            raise RecordRefused("FIELD_CUSTOM_VALIDATION_EXCEPTION", self.message, (self.field,))


@dataclass(frozen=True, slots=True)
class AutomationRule:
    """After a save sets `field` from `template`, in which `{Name}` stands for another field of the row."""

    sobject: str
    field: str
    template: str

    def apply(self, sobject: SObject, row: Row) -> Row | None:
        """The row as the rule leaves it, or None when nothing changes."""
        target = sobject.field(self.field)
        if target is None:
            return None
        value = coerce(target, _render(self.template, row))
        if row.get(target.name) == value:
            return None
        changed = dict(row)
        if value is None:
            changed.pop(target.name, None)
        else:
            changed[target.name] = value
        return changed


@dataclass(slots=True)
class Rules:
    """All rules of the org, by object."""

    validation: dict[str, list[ValidationRule]] = field(default_factory=dict)
    automation: dict[str, list[AutomationRule]] = field(default_factory=dict)

    def add_validation(self, rule: ValidationRule) -> None:
        """Add a validation rule."""
        self.validation.setdefault(rule.sobject, []).append(rule)

    def add_automation(self, rule: AutomationRule) -> None:
        """Add a piece of automation; rules of one object run in the order they were added."""
        self.automation.setdefault(rule.sobject, []).append(rule)

    def clear(self) -> None:
        """Remove all rules."""
        self.validation.clear()
        self.automation.clear()


def _render(template: str, row: Row) -> str:
    parts = []
    for literal, name, _spec, _conversion in Formatter().parse(template):
        parts.append(literal)
        if name:
            value = row.get(name)
            parts.append("" if value is None else str(value))
    return "".join(parts)
