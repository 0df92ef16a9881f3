"""A link: the pair of one Salesforce record and one row, with the values on which both last agreed."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final

from daemon.domain.value import Values, no_values

UNKNOWN_OUTCOME: Final = datetime(9999, 12, 31, tzinfo=UTC)
"""The value of `Link.own` while a write of ours is on its way and nobody knows whether it was done."""


class LinkState(StrEnum):
    """What a link is good for. Every state is stored."""

    LINKED = "linked"  # set when a pair is made; values travel
    BROKEN = "broken"  # one half is gone or was merged away, the other was kept; set by a plan
    BLOCKED = "blocked"  # an operator said: never pair these
    UNLINKED = "unlinked"  # an operator parted them: nothing travels, and no rule pairs either half again, but a person may
    TOMBSTONE = "tombstone"  # both halves are gone; kept 30 days so that an undelete finds its row again


class LinkOrigin(StrEnum):
    """How a link came to be."""

    EXTERNAL_ID = "external_id"
    SALESFORCE_ID = "salesforce_id"
    FIELD = "field"
    CREATED = "created"
    OPERATOR = "operator"
    CONVERSION = "conversion"
    MERGE = "merge"
    UNDELETE = "undelete"


@dataclass(frozen=True, slots=True)
class Window:
    """Seconds of Salesforce's time in which a write of ours may have replaced a value that nobody had seen.

    `before` are the values of the written fields as we knew them, `sent` what we wrote into them. An event from inside the
    window is never skipped as old news: it may tell of the value that was replaced. One without `before` is no write's: its `sent` are
    values of an event of its first second that a reading has answered.
    """

    start: datetime
    end: datetime
    before: Values
    sent: Values = field(default_factory=no_values)


WINDOWS_MOST: Final = 8
"""Windows that are kept with a link; the oldest go first."""


@dataclass(frozen=True, slots=True)
class Link:
    """One pair.

    `base` holds canonical values by field name. `seen` is the Salesforce second up to which the base is known to be
    complete. `own` is the second of our last acknowledged write (or an upper estimate of it), and `UNKNOWN_OUTCOME`
    while a write is in doubt. `windows` are the seconds in which our writes may have replaced something unseen. `outside` says that a filter
    of the step leaves one half out. `id` is 0 for a link that is not stored yet. `key` is the row's key as text: the
    column's own text, or a JSON array of texts for a key of several columns.
    """

    id: int
    step: str
    object: str
    sf_id: str
    table: str
    key: str
    state: LinkState = LinkState.LINKED
    origin: LinkOrigin = LinkOrigin.CREATED
    base: Values = field(default_factory=no_values)
    seen: datetime | None = None
    own: datetime | None = None
    merged_into: str | None = None
    windows: tuple[Window, ...] = ()
    outside: bool = False

    def windows_at(self, at: datetime) -> tuple[Window, ...]:
        """The windows that a second lies in."""
        return tuple(window for window in self.windows if window.start <= at <= window.end)

    @property
    def ended(self) -> bool:
        """Whether it pairs nothing any more and forbids nothing either: it gives way to a new pair of one of its halves."""
        return self.state in (LinkState.BROKEN, LinkState.TOMBSTONE)

    @property
    def in_doubt(self) -> bool:
        """Whether a write of ours is on its way with no known outcome."""
        return self.own == UNKNOWN_OUTCOME
