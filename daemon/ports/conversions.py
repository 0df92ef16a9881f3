"""What the org does with a lead's custom fields when the lead is converted: as its settings say, and as converted leads show.

Asked by `config check` and `doctor`; never on the hot path. Reads only.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from daemon.domain.value import Raw


@dataclass(frozen=True, slots=True)
class HandedOn:
    """A custom field of Lead, and the field of what a lead becomes that gets its value."""

    lead_field: str
    object: str
    field: str


@dataclass(frozen=True, slots=True)
class Converted:
    """A converted lead that has a value, the record that it became, and what that holds in the field of the same name."""

    lead: str
    record: str
    value: Raw
    held: Raw


class Conversions(Protocol):
    """The conversion of leads, as this user may see it. Every method raises CallFailedError."""

    async def mapping(self) -> frozenset[HandedOn] | None:
        """The org's lead field mapping, of custom fields alone: what becomes of standard ones is fixed. None where this user may not read it. One call."""
        ...

    async def newest(self, becomes: str, field: str, most: int) -> Sequence[Converted]:
        """The leads that were converted last and have a value in a field, the newest first, with the Account or Contact that each became.

        A lead whose record is not there any more, or not to be seen, is left out. Two calls, for at most 200.
        """
        ...
