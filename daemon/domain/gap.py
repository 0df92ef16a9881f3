"""A gap: a stretch of time in which changes of Salesforce may have been missed, and what became of it.

A gap has bounds, is filled by reading, and is closed when everything that the reading found has been settled. It is a row that can be read
in SQL (`isthmus.gap`), not a line in a log.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class GapCause(StrEnum):
    """Why changes may have been missed."""

    EVENT = "event"  # Salesforce says that records changed, and not how: GAP_CREATE and its kind
    OVERFLOW = (
        "overflow"  # too many changes in one transaction, or a field was converted: the object is to be read
    )
    POSITION_LOST = "position_lost"  # the stored position is older than what Salesforce keeps, or unknown
    TRANSPORT = "transport"  # positions of another transport mean nothing to this one
    SILENCE = "silence"  # records changed, and a stream that seemed well did not tell
    SCHEMA = "schema"  # a step stood still, because an object, a table or a key was not as it was
    TIMELINE = (
        "timeline"  # the database was restored, or a standby took over: its newest transactions may be gone
    )


@dataclass(frozen=True, slots=True)
class Gap:
    """A gap of one step. `since` and `until` bound the commit times of what may be missing; `since` None means: since ever.

    `records` is how many records are known to be concerned; None means the whole object.
    """

    step: str
    cause: GapCause
    since: datetime | None
    until: datetime
    records: int | None = None
