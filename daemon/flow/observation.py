"""What is known of one Salesforce record at the moment of settling, and what is settled with it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from daemon.domain.change import Change, Source
from daemon.domain.link import LinkOrigin, Window
from daemon.domain.mapping import Step
from daemon.domain.value import Raw, Values, no_values
from daemon.domain.view import Presence


@dataclass(frozen=True, slots=True)
class Observation:
    """One record, observed.

    `raw` are raw values under REST names; `complete` says they are the whole record, `absent_is_null` that a missing
    one is empty. `at` is the second as of which it holds. `times` gives the second of single fields.

    `confirmed` are canonical values that we sent and that Salesforce took: they join the base before anything is
    compared. `own` is the second of that write; None where nothing was written. `key` and `origin` name the row that
    an unlinked record is paired with. `changes` are the stored changes that are settled by this observation, `kept`
    those that go on waiting for another reason. `replaces` is the id of the record that this one was made in place of,
    because that one is gone. `moves_seen` is false where the record was not looked at, only written. `read` are the values that the record held when it was
    read, before any write of ours; `told` are the seconds and values of
    the events that this reading answers. `resolved` are values of a write in doubt that
    turned out to be done, `outside` says that the step's filter leaves the record out, `doubt` what that write may have replaced unseen, and `window` the same for a write just made.
    """

    step: Step
    sf_id: str
    source: Source
    at: datetime
    presence: Presence = Presence.PRESENT
    raw: Mapping[str, Raw] = field(default_factory=dict)
    complete: bool = False
    absent_is_null: bool = False
    times: Mapping[str, datetime] = field(default_factory=dict)
    merged_into: str | None = None
    confirmed: Values = field(default_factory=no_values)
    own: datetime | None = None
    key: str | None = None
    origin: LinkOrigin | None = None
    changes: tuple[Change, ...] = ()
    kept: tuple[Change, ...] = ()
    moves_seen: bool = True
    read: Mapping[str, Raw] = field(default_factory=dict)
    told: tuple[tuple[datetime, Mapping[str, Raw]], ...] = ()
    resolved: Values = field(default_factory=no_values)
    doubt: Window | None = None
    window: Window | None = None
    external_id: str | None = None
    outside: bool = False
    replaces: str | None = None
