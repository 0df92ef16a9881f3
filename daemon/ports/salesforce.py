"""Salesforce, as the daemon needs it: records, a catalogue and a stream of change events.

Records cross this port in raw values under REST field names (`BillingCity`, not `BillingAddress.City`), ids always in
their 18-character form, instants aware and in UTC. Failures of a whole call raise `CallFailedError`; where the API
gives a result per record, so does the port, in the order of the request.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final, Protocol

from daemon.domain.failure import Failure
from daemon.domain.plan import Operation
from daemon.domain.value import Raw


@dataclass(frozen=True, slots=True)
class Record:
    """One record as it was read.

    `modified` is LastModifiedDate and `stamp` is SystemModstamp, both whole seconds. A field that the user may not
    read is absent from `values`; an empty one is None.
    """

    object: str
    id: str
    values: Mapping[str, Raw]
    stamp: datetime
    modified: datetime


@dataclass(frozen=True, slots=True)
class Deleted:
    """A record that a plain query does not find. `merged_into` is MasterRecordId; `hard` says that the bin is empty of it."""

    id: str
    merged_into: str | None = None
    hard: bool = False


@dataclass(frozen=True, slots=True)
class RecordWrite:
    """One write. Values are raw, under REST field names; None clears.

    CREATE with `external_id` is an upsert on that field, which makes it idempotent. UPDATE and DELETE name `id`.
    `unmodified_since`, where given, makes an UPDATE fail with kind CONFLICT if the record changed later than that.
    """

    operation: Operation
    values: Mapping[str, Raw] = field(default_factory=dict)
    id: str | None = None
    external_id: tuple[str, str] | None = None
    unmodified_since: datetime | None = None

    @property
    def call(self) -> tuple[str, str]:
        """What writes must have in common to go out in one call: the operation, and the external id's field of an upsert."""
        if self.operation is Operation.UPDATE and self.unmodified_since is not None:
            return CONDITIONAL, ""
        if self.operation is Operation.CREATE and self.external_id is not None:
            return "upsert", self.external_id[0]
        return self.operation.value, ""


CONDITIONAL: Final = "conditional"
CONDITIONAL_MOST: Final = 12
"""So many conditional updates fit into one call: each takes two of the 25 parts of a Composite request."""


@dataclass(frozen=True, slots=True)
class WriteResult:
    """What became of one write.

    On success `id` is the record and `record` what Salesforce holds afterwards, where the call could tell; `at` is an
    upper estimate of the second of the write by Salesforce's own clock. `created` tells an upsert's two outcomes
    apart. With a failure of kind UNKNOWN_OUTCOME it may or may not have been done. `shared` says that the failure is that
    of the whole call: it may lie in one record of many, and says nothing of this one alone. `untried` says that the call never left:
    what it needs to know of the object could not be read.
    """

    id: str | None = None
    created: bool = False
    record: Record | None = None
    at: datetime | None = None
    failure: Failure | None = None
    shared: bool = False
    untried: bool = False


@dataclass(frozen=True, slots=True)
class FieldDescription:
    """One field of an object, as far as a sync needs it. Attribute names follow the describe call."""

    name: str
    type: str
    label: str
    length: int = 0
    precision: int = 0
    scale: int = 0
    digits: int = 0
    nillable: bool = True
    defaulted_on_create: bool = False
    createable: bool = True
    updateable: bool = True
    calculated: bool = False
    external_id: bool = False
    unique: bool = False
    id_lookup: bool = False
    case_sensitive: bool = False
    filterable: bool = True
    reference_to: tuple[str, ...] = ()
    relationship: str | None = None
    picklist: tuple[str, ...] = ()
    restricted_picklist: bool = False
    compound: str | None = None

    @property
    def required_on_create(self) -> bool:
        """Whether a create without this field fails."""
        return self.createable and not self.nillable and not self.defaulted_on_create


@dataclass(frozen=True, slots=True)
class ObjectDescription:
    """One object and what this user may do with it."""

    name: str
    label: str
    key_prefix: str | None
    createable: bool
    updateable: bool
    deletable: bool
    queryable: bool
    fields: Mapping[str, FieldDescription]


class Catalogue(Protocol):
    """What the org says of itself. Called at start, by `config check` and by `doctor`; never on the hot path."""

    async def describe(self, name: str) -> ObjectDescription | None:
        """One object, or None if it does not exist or this user may not see it."""
        ...

    async def versions(self) -> Sequence[str]:
        """The API versions that the org serves, oldest first, such as `67.0`. Needs no authentication."""
        ...

    async def organisation(self) -> Mapping[str, str]:
        """The org: `id`, `name`, `instance_url`, `user_id`, `username`, `is_sandbox`."""
        ...

    async def condition_fault(self, name: str, condition: str) -> str | None:
        """What the org says is wrong with a condition in SOQL on an object, in one sentence. None if nothing is."""
        ...

    async def objects_with_events(self) -> frozenset[str] | None:
        """The objects of which Salesforce can send change events, as far as this user sees them; None if the org lists none. Every custom object can be one."""
        ...

    async def captured_objects(self) -> frozenset[str] | None:
        """The objects selected for Change Data Capture; None if this user may not ask."""
        ...


@dataclass(frozen=True, slots=True)
class Limits:
    """The org's API allowance in the running 24 hours, from the last answer that told."""

    used: int
    limit: int


class Records(Protocol):
    """Reading and writing records. Safe to call from several tasks; each call bounds its own concurrency and time."""

    @property
    def limits(self) -> Limits | None:
        """The allowance as last reported; None before the first answer."""
        ...

    @property
    def clock_offset(self) -> float | None:
        """Seconds by which Salesforce's clock is ahead of ours, from Date headers; None before the first answer."""
        ...

    async def read(
        self, name: str, fields: Sequence[str], ids: Sequence[str], purpose: str = "fetch"
    ) -> dict[str, Record]:
        """The records that exist among these ids, by id. One call for up to 2,000 ids, several in turn above that.

        `purpose` is what the calls are counted as (`daemon.ports.allowance.Gate`).
        """
        ...

    async def read_deleted(self, name: str, ids: Sequence[str]) -> dict[str, Deleted]:
        """What became of ids that `read` did not find: an entry for each, found through queryAll."""
        ...

    async def find_deleted(self, name: str, by: str, values: Sequence[str]) -> dict[str, Deleted]:
        """Records in the Recycle Bin whose field `by` has one of these values, by the value: the last deleted one of each.

        A value that none has gets no entry, nor one whose record was purged.
        """
        ...

    async def find(
        self, name: str, fields: Sequence[str], by: str, values: Sequence[str]
    ) -> dict[str, list[Record]]:
        """The records whose field `by` has one of these values, by the value that was asked for.

        Text is compared as Salesforce compares it: case does not matter unless the field is case-sensitive.
        """
        ...

    async def write(
        self, name: str, fields: Sequence[str], writes: Sequence[RecordWrite]
    ) -> list[WriteResult]:
        """Write records of one object, a result each, in order.

        Writes that carry `unmodified_since` go out as conditional updates with a read-back, a few to a call; the
        others through Collections, up to 200 to a call. `fields` are what a read-back reads. Never raises for a
        record; a call that got no answer gives UNKNOWN_OUTCOME to each of its records.
        """
        ...

    async def meeting(self, name: str, condition: str, ids: Sequence[str]) -> frozenset[str]:
        """Those of these records that meet a condition in SOQL, as Salesforce judges it. One call for about 500 ids."""
        ...

    async def count(self, name: str, condition: str = "") -> int:
        """How many records of an object, or of those that meet a condition, this user can see."""
        ...

    def scan(
        self, name: str, fields: Sequence[str], *, bulk: bool, condition: str = ""
    ) -> AsyncIterator[Sequence[Record]]:
        """Every record of an object (that meets a condition), in pages, through Bulk API 2.0 or REST queries. Order is not promised."""
        ...

    async def newest(self, names: Sequence[str]) -> dict[str, datetime]:
        """The newest SystemModstamp of each of these objects, in as few calls as it takes; one without records is absent."""
        ...

    async def changed_since(self, name: str, since: datetime, limit: int) -> list["Stamp"]:
        """The records with a SystemModstamp later than `since`, at most `limit`, oldest first."""
        ...


@dataclass(frozen=True, slots=True)
class Stamp:
    """A record and its SystemModstamp."""

    id: str
    at: datetime


class EventKind(StrEnum):
    """What a change event says."""

    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"
    UNDELETE = "undelete"
    GAP_RECORD = "gap_record"  # one record changed, nobody says how: read it
    GAP_OBJECT = "gap_object"  # an object changed, nobody says which records: read it all


@dataclass(frozen=True, slots=True)
class Event:
    """One change of one record; an event that names several records becomes several of these.

    `values` are the raw values of the changed fields, flattened to REST names. `reread` names fields whose new value
    the event does not carry (a large-text difference). `position` is opaque. `id` is empty for GAP_OBJECT.
    """

    object: str
    id: str
    kind: EventKind
    at: datetime
    position: str
    values: Mapping[str, Raw]
    origin: str
    user: str
    transaction: str
    sequence: int
    reread: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class EventBatch:
    """What one answer of the stream held. `position` is the position after it; None if the answer held no event."""

    channel: str
    events: tuple[Event, ...]
    position: str | None
    malformed: int = 0


class StreamEndedError(Exception):
    """A session of the stream ended; `reason` is one of a short fixed list fit for a metric's label."""

    def __init__(self, reason: str, failure: Failure) -> None:
        super().__init__(f"{reason}: {failure.message}")
        self.reason = reason
        self.failure = failure


class PositionLostError(Exception):
    """The stored position is too old or unknown: events were lost, and the stream must be taken up elsewhere."""


FROM_NOW = "-1"
FROM_OLDEST = "-2"


class ChangeSource(Protocol):
    """One channel of change events, one session at a time.

    The life of sessions (backing off, choosing the position, what to do about loss) belongs to the caller. Nothing
    is acknowledged: a position counts when the caller has committed it.
    """

    @property
    def transport(self) -> str:
        """The name that is stored with positions: they mean nothing to another transport."""
        ...

    async def open(self, channel: str, position: str) -> None:
        """Begin a session after `position`. Raises StreamEndedError or PositionLostError."""
        ...

    async def receive(self) -> EventBatch:
        """The next batch, at most a bounded number of events. Raises StreamEndedError when the session is over.

        Also raises it when no answer came for longer than the server may hold a request: a silent stream is dead.
        Cancelling loses nothing. While the caller does not call, at most a bounded number of events is buffered.
        """
        ...

    async def close(self) -> None:
        """End the session within a second or two, whatever its state. May be called at any time, any number of times."""
        ...
