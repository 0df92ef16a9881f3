"""Actions: what a step does beside the sync, once for each record that it has synchronised.

A function of the database, or a row in another table, is done in the transaction that settles the record. A webhook is stored there and
delivered afterwards. An action that fails keeps no record back: it is stored, and tried again by itself.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from daemon.domain.ids import key_parts
from daemon.domain.side import Direction


class Event(StrEnum):
    """What the sync did to the record's counterpart."""

    CREATED = "created"
    UPDATED = "updated"  # an existing counterpart was changed, or was found and linked


@dataclass(frozen=True, slots=True)
class CallFunction:
    """Call a function of one `jsonb` argument, the run's document, by its name as it is written in SQL."""

    function: str


@dataclass(frozen=True, slots=True)
class InsertRow:
    """Insert a row into another table (`schema.name`); each column's value is a `template`."""

    table: str
    columns: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class PostWebhook:
    """Send the run's document to an address, signed if there is a secret."""

    url: str


Target = CallFunction | InsertRow | PostWebhook


@dataclass(frozen=True, slots=True)
class Action:
    """One action of a step: what is done, for records that went in which direction, and whether mere updates count."""

    name: str
    target: Target
    direction: Direction
    exclude_updated: bool = False

    def wanted(self, event: Event, direction: Direction) -> bool:
        """Whether a record that the sync created or updated in this direction (pull or push) calls for the action."""
        runs = self.direction.pulls if direction is Direction.PULL else self.direction.pushes
        return runs and not (self.exclude_updated and event is Event.UPDATED)


@dataclass(frozen=True, slots=True)
class Run:
    """One action for one record."""

    step: str
    action: str
    event: Event
    direction: Direction
    at: datetime
    object: str
    sf_id: str
    table: str
    key: str

    def document(self, url: str | None = None) -> dict[str, Any]:
        """What a function or a receiver is told. `url` opens the record; it holds no value of any field."""
        return {
            "step": self.step,
            "action": self.action,
            "event": self.event.value,
            "direction": self.direction.value,
            "at": self.at.isoformat(),
            "object": self.object,
            "sf_id": self.sf_id,
            "table": self.table,
            "key": self.key,
            "url": url,
        }


PLACEHOLDERS: Final = ("$key", "$sf_id", "$url", "$event", "$direction", "$at", "$object", "$step")


def unknown_placeholder(template: str, key: tuple[str, ...]) -> str | None:
    """The placeholder of a template that nothing fills; None if the template is sound. `key` are the key's columns."""
    if not template.startswith("$") or template.startswith("$$"):
        return None
    if template == "$key":
        return None if len(key) == 1 else template
    if template.startswith("$key."):
        return None if template.removeprefix("$key.") in key else template
    return None if template in PLACEHOLDERS else template


def filled(template: str, document: Mapping[str, Any], key: tuple[str, ...]) -> str | None:
    """A template's value for one run: a placeholder's, or the text itself, with `$$` for a leading `$`."""
    if template.startswith("$$"):
        return template[1:]
    if not template.startswith("$"):
        return template
    if template.startswith("$key"):
        parts = dict(zip(key, key_parts(document["key"], len(key)), strict=True))
        return parts[template.removeprefix("$key.")] if "." in template else next(iter(parts.values()))
    value = document[template[1:]]
    return None if value is None else str(value)
