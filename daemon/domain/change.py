"""A change: something that happened to one record on one side, before any decision.

A change-event of Salesforce, a row captured by a trigger, a finding of a sweep and an operator's retry are all
changes and take the same road.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from daemon.domain.side import Side
from daemon.domain.value import Raw


class ChangeKind(StrEnum):
    """What happened."""

    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"
    UNDELETE = "undelete"
    REKEY = "rekey"  # a row's primary key changed: `old_key` became `key`
    READ = "read"  # a whole record was read: a load, a sweep, a read-back
    REREAD = "reread"  # the record is to be read: a gap event, an undecidable order, an operator's wish


class Source(StrEnum):
    """Who noticed the change."""

    STREAM = "stream"
    TRIGGER = "trigger"
    LOAD = "load"
    SWEEP = "sweep"
    OPERATOR = "operator"
    ENGINE = "engine"  # a decision that left something to do


class ChangeState(StrEnum):
    """Where a stored change stands. A change that is settled is no longer stored; the journal knows it."""

    PENDING = "pending"  # set at capture; may be claimed when due
    SENT = "sent"  # set before the request to Salesforce; the outcome is unknown until it is settled
    HELD = "held"  # waits for something named in `reason` (a parent's link, an operator's word)
    PARKED = "parked"  # could not be applied; waits for a person or its next retry time


class Suspicion(StrEnum):
    """What a request that failed lets us fear of a change that it carried. It outlives whatever else happens to the change."""

    UNANSWERED = "unanswered"  # the whole request failed, and others did not: it may lie in this record
    ALONE = "unanswered_alone"  # the same, when it was alone in its request at last
    LOCKED = "locked"  # its record, or a parent, was locked by others


@dataclass(frozen=True, slots=True)
class Change:
    """One change of one record.

    `values` are raw values of the fields that changed: Salesforce field names on the Salesforce side, column names
    with PostgreSQL's own text on the PostgreSQL side. `complete` says that `values` is the whole record. `at` is the
    commit time at its source (whole seconds from Salesforce). `id` is 0 for a change that is not stored.
    `sent` are the canonical values of a write whose outcome is not known. `since` is the time at which a stored change
    came into its state, by the database's clock: for one that was sent, right before it left. `suspicion` says in what company it may be sent.
    `transaction` is the one that stored it, 0 where that is not known.
    """

    step: str
    side: Side
    kind: ChangeKind
    source: Source
    at: datetime
    sf_id: str | None = None
    key: str | None = None
    old_key: str | None = None
    values: Mapping[str, Raw] = field(default_factory=dict)
    old_values: Mapping[str, Raw] = field(default_factory=dict)
    complete: bool = False
    external_id: str | None = None
    id: int = 0
    state: ChangeState = ChangeState.PENDING
    attempts: int = 0
    sent: Mapping[str, Raw] | None = None
    due: datetime | None = None
    code: str | None = None
    reason: str | None = None
    advice: str | None = None
    waiting_for: str | None = None
    suspicion: Suspicion | None = None
    since: datetime | None = field(default=None, compare=False)
    transaction: int = field(default=0, compare=False)
