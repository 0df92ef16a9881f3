"""Rules that an administrator adds to the org: validation rules, duplicate rules, and automation that works like a flow.

All run inside the caller's transaction. What automation changes is therefore folded into the same event as the caller's change, and carries
the caller's mark: that is why a client must not drop events by origin.
"""

from __future__ import annotations

import re
from copy import deepcopy
from dataclasses import dataclass, field
from string import Formatter

from adapters.emulator.errors import RecordRefused
from adapters.emulator.schema.sobject import SObject
from adapters.emulator.store.table import Table
from adapters.emulator.store.values import Row, Value, coerce


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


@dataclass(frozen=True, slots=True)
class DuplicateRule:
    """Finds other records with the same values in all of `fields`, whatever their letter case.

    A rule that blocks refuses the save. One that alerts refuses it too, unless the caller sends `Sforce-Duplicate-Rule-Header: allowSave=true`.
    """

    sobject: str
    fields: tuple[str, ...]
    blocks: bool
    message: str

    def check(self, table: Table, row: Row, before: Row | None, *, allowed: bool) -> None:
        """Raises RecordRefused when the row is new or changed in these fields, and matches another."""
        wanted = self._key(row)
        if None in wanted or (before is not None and self._key(before) == wanted):
            return
        if allowed and not self.blocks:
            return
        found = [
            str(other["Id"])
            for other in table.live.values()
            if other["Id"] != row["Id"] and self._key(other) == wanted
        ]
        if found:
            raise RecordRefused(
                "DUPLICATES_DETECTED", self.message, details={"duplicateResult": self._result(found)}
            )

    def _key(self, row: Row) -> tuple[Value, ...]:
        return tuple(
            value.casefold() if isinstance(value := row.get(name), str) else value for name in self.fields
        )

    def _result(self, found: list[str]) -> dict[str, object]:
        matches = [
            {
                "additionalInformation": [],
                "fieldDiffs": [],
                "matchConfidence": 100.0,
                "record": {"attributes": {"type": self.sobject}, "Id": record_id},
            }
            for record_id in found
        ]
        name = f"{self.sobject}_{'_'.join(self.fields)}"
        return {
            "allowSave": not self.blocks,
            "duplicateRule": name,
            "duplicateRuleEntityType": self.sobject,
            "errorMessage": self.message,
            "matchResults": [
                {
                    "entityType": self.sobject,
                    "errors": [],
                    "matchEngine": "ExactMatchEngine",
                    "matchRecords": matches,
                    "rule": name,
                    "size": len(matches),
                    "success": True,
                }
            ],
        }


@dataclass(slots=True)
class Rules:
    """All rules of the org, by object."""

    validation: dict[str, list[ValidationRule]] = field(default_factory=dict)
    automation: dict[str, list[AutomationRule]] = field(default_factory=dict)
    duplicates: dict[str, list[DuplicateRule]] = field(default_factory=dict)

    def add_validation(self, rule: ValidationRule) -> None:
        """Add a validation rule."""
        self.validation.setdefault(rule.sobject, []).append(rule)

    def add_automation(self, rule: AutomationRule) -> None:
        """Add a piece of automation; rules of one object run in the order they were added."""
        self.automation.setdefault(rule.sobject, []).append(rule)

    def add_duplicates(self, rule: DuplicateRule) -> None:
        """Add a duplicate rule."""
        self.duplicates.setdefault(rule.sobject, []).append(rule)

    def clear(self) -> None:
        """Remove all rules."""
        self.validation.clear()
        self.automation.clear()
        self.duplicates.clear()

    def snapshot(self) -> Rules:
        """A copy that later changes leave alone."""
        return deepcopy(self)


def _render(template: str, row: Row) -> str:
    parts = []
    for literal, name, _spec, _conversion in Formatter().parse(template):
        parts.append(literal)
        if name:
            value = row.get(name)
            parts.append("" if value is None else str(value))
    return "".join(parts)
