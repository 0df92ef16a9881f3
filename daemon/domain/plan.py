"""The decision about one record, as a value: what to write where, or why nothing.

The dry run prints it, the log names it, the journal stores it and the real run performs it: the same object.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType

from daemon.domain.failure import Reason
from daemon.domain.link import LinkOrigin, LinkState
from daemon.domain.side import Side
from daemon.domain.value import Value, Values, no_values


class Operation(StrEnum):
    """What is done to one half."""

    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"


@dataclass(frozen=True, slots=True)
class Write:
    """One write to one side, in canonical values by field name."""

    operation: Operation
    values: Values = field(default_factory=no_values)


class Outcome(StrEnum):
    """How a decision ends, as it is counted and stored."""

    APPLY = "apply"  # something is written, linked or moved
    UNCHANGED = "unchanged"  # nothing to do
    ECHO = "echo"  # our own write, confirmed
    SKIP = "skip"  # left alone on purpose: behaviour, mandatory field, no match
    WAIT = "wait"  # waits for another record
    PARK = "park"  # waits for a person


@dataclass(frozen=True, slots=True)
class Hold:
    """Why a side is not written, or not wholly: a SKIP, WAIT or PARK with its reason.

    `waiting_for` names what a WAIT waits for: `step:key` or a Salesforce id. `candidates` are the records that an
    identifier matched.
    """

    outcome: Outcome
    code: str
    explanation: str
    advice: str = ""
    reason: Reason = Reason.OTHER
    waiting_for: str | None = None
    candidates: tuple[str, ...] = ()


class Rule(StrEnum):
    """Why a field's value is what it is."""

    SAME = "same"  # neither side differs from the base
    AGREED = "agreed"  # both changed to the same value
    ONLY_SALESFORCE = "only_salesforce"  # only Salesforce changed
    ONLY_POSTGRES = "only_postgres"  # only PostgreSQL changed
    CONFLICT = "conflict"  # both changed differently; `policy` decided
    RECORD = "record"  # the newest record wins whole
    DRIFT = "drift"  # changed on the side that may not give it
    WAITING = "waiting"  # points to a record that is not linked yet
    READ_ONLY = "read_only"  # Salesforce does not let this user write it
    CONSTANT = "constant"
    UNKNOWN = "unknown"  # nobody has seen Salesforce's value yet: the record is to be read


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was decided for one field, with its inputs. `winner` is None where nothing travels or nobody won."""

    field: str
    rule: Rule
    winner: Side | None
    base: Value = None
    salesforce: Value = None
    postgres: Value = None
    policy: str | None = None


class LedgerKind(StrEnum):
    """Outcomes that are not plain success."""

    CONFLICT = "conflict"
    DRIFT = "drift"
    UNSEEN = "unseen"  # a value we overwrote in the same second, without having seen it
    SUPERSEDED = "superseded"


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """One losing value, kept so that it can be taken again. `winner` None means: open, nobody has decided."""

    kind: LedgerKind
    field: str
    rule: str
    winner: Side | None
    base: Value
    salesforce: Value
    postgres: Value
    salesforce_at: datetime | None = None
    postgres_at: datetime | None = None


class LinkAction(StrEnum):
    """What happens to the link."""

    KEEP = "keep"
    CREATE = "create"
    MOVE = "move"  # to another Salesforce record: conversion or merge
    END = "end"  # becomes `state`
    REVIVE = "revive"


@dataclass(frozen=True, slots=True)
class LinkChange:
    """What happens to the link, and with what."""

    action: LinkAction
    state: LinkState = LinkState.LINKED
    origin: LinkOrigin | None = None
    object: str | None = None
    sf_id: str | None = None
    key: str | None = None


KEEP_LINK = LinkChange(LinkAction.KEEP)


@dataclass(frozen=True, slots=True)
class Plan:
    """The whole decision.

    `base` are the fields on which both sides agree once the PostgreSQL write is done. What is sent to Salesforce joins
    the base only when Salesforce has confirmed it. `held` says for a side that is not written, or only in part, why.
    """

    salesforce: Write | None = None
    postgres: Write | None = None
    base: Values = field(default_factory=no_values)
    link: LinkChange = KEEP_LINK
    verdicts: tuple[Verdict, ...] = ()
    ledger: tuple[LedgerEntry, ...] = ()
    held: Mapping[Side, Hold] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def outcome(self) -> Outcome:
        """The decision in one word: what is applied, else why not."""
        if self.salesforce or self.postgres or self.link.action is not LinkAction.KEEP:
            return Outcome.APPLY
        for outcome in (Outcome.PARK, Outcome.WAIT, Outcome.SKIP):
            if any(hold.outcome is outcome for hold in self.held.values()):
                return outcome
        return Outcome.UNCHANGED
