"""Drift: what of either side's schema is not as the configuration was made for, and what stands still because of it.

A field, a column or a right that is gone never means "empty". The mapping that needs it is held: neither side's value is written until it is back.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import assert_never

from daemon.domain.side import Direction, Side


class DriftKind(StrEnum):
    """What happened to a field or a column since it was described last."""

    ADDED = "added"
    REMOVED = "removed"  # in Salesforce also: hidden from our user, which looks the same
    RETYPED = "retyped"
    PERMISSION = "permission"  # what may be done with it


@dataclass(frozen=True, slots=True)
class Difference:
    """One difference between two descriptions of an object or a table. `name` is empty for the object or table itself."""

    side: Side
    owner: str  # `Account`, or `app.company`
    name: str
    kind: DriftKind
    was: str = ""
    now: str = ""

    def __str__(self) -> str:
        """The difference in one line."""
        place = f"{self.owner}.{self.name}" if self.name else self.owner
        match self.kind:
            case DriftKind.ADDED:
                return f"{place} is new ({self.now})"
            case DriftKind.REMOVED:
                return f"{place} is gone (it was {self.was})" if self.was else f"{place} is gone"
            case DriftKind.RETYPED | DriftKind.PERMISSION:
                return f"{place} was {self.was} and is {self.now}"
            case never:
                assert_never(never)


@dataclass(frozen=True, slots=True)
class Drift:
    """One mapping, or one whole step, that is held: why, and what gives it back. `field` None means the whole step."""

    step: str
    field: str | None
    what: str
    fix: str

    def __str__(self) -> str:
        """What is held, why, and the cure, in one line."""
        held = "the whole step is held" if self.field is None else f"{self.field} is held"
        return f"{self.step}: {self.what}; {held}: {self.fix}"


@dataclass(frozen=True, slots=True)
class MappedTypes:
    """A mapping when it last worked: its column, both types as their side spells them, and the direction that both sides allowed."""

    column: str | None
    salesforce: str
    postgres: str
    direction: Direction


@dataclass(frozen=True, slots=True)
class KnownStep:
    """A step when it last worked: its table as `schema.name`, and its mappings by Salesforce field."""

    table: str
    fields: Mapping[str, MappedTypes] = field(default_factory=lambda: MappingProxyType({}))


KnownSteps = Mapping[str, KnownStep]
"""What worked, by the names of the steps. What never worked is a mistake in the configuration, and no drift."""
