"""What is remembered of the schema from one process to the next: what worked, and what is held or still to be compared."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from daemon.domain.drift import Drift, KnownStep, KnownSteps, MappedTypes
from daemon.domain.side import Direction

NAME = "schema"
"""The name under which it is kept."""

HeldSince = Mapping[str, Mapping[str, datetime]]
"""Since when a mapping is held, by step and field; an empty field's name stands for the whole step."""


@dataclass(frozen=True, slots=True)
class Memory:
    """`owed` is what was held and is to be compared when it is not any more. What is held stands in it from its first moment."""

    known: KnownSteps = field(default_factory=dict)
    owed: HeldSince = field(default_factory=dict)


def written(memory: Memory) -> str:
    """The memory as text."""
    known = {
        name: {
            "table": step.table,
            "fields": {
                field_: [types.column, types.salesforce, types.postgres, types.direction.value]
                for field_, types in step.fields.items()
            },
        }
        for name, step in memory.known.items()
    }
    owed = {
        step: {field_: at.isoformat() for field_, at in fields.items()}
        for step, fields in memory.owed.items()
    }
    return json.dumps({"known": known, "owed": owed}, sort_keys=True)


def read(text: str | None) -> Memory:
    """The memory that a text holds; an empty one where there is none."""
    if text is None:
        return Memory()
    document = json.loads(text)
    known = {
        name: KnownStep(
            step["table"],
            {
                field_: MappedTypes(column, salesforce, postgres, Direction(direction))
                for field_, (column, salesforce, postgres, direction) in step["fields"].items()
            },
        )
        for name, step in document["known"].items()
    }
    owed = {
        step: {field_: datetime.fromisoformat(at) for field_, at in fields.items()}
        for step, fields in document["owed"].items()
    }
    return Memory(known, owed)


def held_since(drifts: tuple[Drift, ...], before: HeldSince, now: datetime) -> dict[str, dict[str, datetime]]:
    """Since when each of these is held: what was held before keeps its time."""
    found: dict[str, dict[str, datetime]] = {}
    for drift in drifts:
        name = drift.field or ""
        found.setdefault(drift.step, {})[name] = before.get(drift.step, {}).get(name, now)
    return found
