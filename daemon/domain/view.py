"""What is known of one half of a pair when a decision is made."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from daemon.domain.failure import Failure
from daemon.domain.value import NO_VALUES, Values


class Presence(StrEnum):
    """Whether the half is there."""

    PRESENT = "present"
    GONE = "gone"  # deleted, or merged away
    MISSING = "missing"  # there was none yet


@dataclass(frozen=True, slots=True)
class View:
    """One half of a pair.

    `values` are canonical values by field name; a field that is absent was not spoken of and counts as unchanged.
    `complete` says that every readable field was looked at. `changed` gives the corrected instant of the last change
    of a field where it is known, `changed_at` that of the record. `failures` are the fields whose raw value has no
    canonical form. `waiting` are the fields that point to a record which is not linked yet, with what they point to; `former`
    are those of them that point to one half of a pair which is no more, with the value that stood for it.
    """

    presence: Presence
    values: Values = field(default_factory=dict)
    complete: bool = True
    changed: Mapping[str, datetime] = field(default_factory=dict)
    changed_at: datetime | None = None
    failures: Mapping[str, Failure] = field(default_factory=dict)
    waiting: Mapping[str, str] = field(default_factory=dict)
    former: Values = field(default_factory=dict)
    merged_into: str | None = None
    converted: Mapping[str, str] = field(default_factory=dict)  # object to id: what a lead became
    outside: bool = False  # the step's filter on this side leaves it out
    elsewhere: bool = False  # another step of the family makes the record of the row, while it has none
    person: bool = False  # the record is a person account, or the contact half of one

    def when(self, name: str) -> datetime | None:
        """The instant of the last change of a field, as well as it is known."""
        return self.changed.get(name, self.changed_at)


MISSING = View(Presence.MISSING, NO_VALUES)
"""The half that was never there."""
