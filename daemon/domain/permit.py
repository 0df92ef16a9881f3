"""Deletes that an operator lets pass the delete guard of a step."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

LONGEST: Final = timedelta(days=7)
"""For how long deletes may be let pass, at most."""


@dataclass(frozen=True, slots=True)
class Permit:
    """At most `amount` deletes of a step from `at` to `until`, both by the daemon's clock. `used` are those done since `at`."""

    step: str
    amount: int
    at: datetime
    until: datetime
    operator: str
    used: int = 0

    @property
    def left(self) -> int:
        """How many more may pass, while it is in force."""
        return max(0, self.amount - self.used)

    def in_force(self, now: datetime) -> bool:
        """Whether it lets anything pass at this time."""
        return self.at <= now < self.until and self.left > 0
