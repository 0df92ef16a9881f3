"""Which database this is: a restored backup, a copy or a standby that took over is not the one whose state we keep.

Links, bases and the position of the stream live in the database. A copy of it would write to the same org under the same links, and a backup knows
less than Salesforce has been told since. Nobody but a person can say whether that is meant.
"""

from dataclasses import dataclass
from enum import Enum, auto


@dataclass(frozen=True, slots=True)
class Identity:
    """A database. `system` is the cluster's own number, `database` the database's number in it, `timeline` the branch of its history.

    None stands for what the server does not tell, and is equal to anything.
    """

    system: str | None
    database: str | None
    timeline: str | None


class Verdict(Enum):
    """What became of the database that was known."""

    SAME = auto()
    BRANCHED = auto()
    """The same one on another timeline: a standby took over, or it was restored to a point in time. Its newest transactions may be gone."""
    OTHER = auto()
    """Another one: a copy, a dump that was loaded elsewhere, or an upgraded cluster."""


def compare(known: Identity, found: Identity) -> Verdict:
    """What the found database is to the known one."""
    if _differ(known.system, found.system) or _differ(known.database, found.database):
        return Verdict.OTHER
    return Verdict.BRANCHED if _differ(known.timeline, found.timeline) else Verdict.SAME


def _differ(known: str | None, found: str | None) -> bool:
    return known is not None and found is not None and known != found
