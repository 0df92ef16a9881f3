"""Conflict rules as data: who wins, when, per field."""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from daemon.domain.side import Side


class Policy(StrEnum):
    """Who wins when both sides changed one field differently since they last agreed."""

    NEWEST = "newest"  # by corrected time of the change; within the window a tie
    RECORD_NEWEST = "record_newest"  # the record whose change is newest wins whole, disjoint edits included
    SALESFORCE = "salesforce"
    POSTGRES = "postgres"
    SALESFORCE_UNLESS_BLANK = "salesforce_unless_blank"
    POSTGRES_UNLESS_BLANK = "postgres_unless_blank"
    TRUE_WINS = "true_wins"  # for flags: an opt-out is never lost
    MANUAL = "manual"  # nobody: the field waits for an operator
    PUSH_ALWAYS = "push_always"  # a local change always goes out; Salesforce's comes in only when it is newer


@dataclass(frozen=True, slots=True)
class ConflictRule:
    """A policy, which side a tie goes to, and how near two instants must be to be a tie."""

    policy: Policy = Policy.NEWEST
    tie: Side = Side.SALESFORCE
    window: timedelta = timedelta(seconds=2)


class Create(StrEnum):
    """What makes a record for a row that has none."""

    AUTOMATIC = "automatic"  # the row itself, as soon as it is there
    ON_REQUEST = "on_request"  # an operator, row by row


class OnDelete(StrEnum):
    """What a delete on one side does to the other."""

    PROPAGATE = "propagate"
    KEEP = "keep"


class DeleteConflict(StrEnum):
    """What happens when one side deletes what the other has changed since they last agreed."""

    PARK = "park"
    DELETE_WINS = "delete_wins"
    UPDATE_WINS = "update_wins"


class Owned(StrEnum):
    """What becomes of a local edit of what Salesforce alone gives."""

    OFF = "off"  # it is noted as drift and stays, until Salesforce changes the field
    REFUSE = "refuse"  # it fails, in the statement that makes it
    OVERWRITE = "overwrite"  # it is noted as drift and put back at once


class ConvertedLead(StrEnum):
    """Where the link of a converted lead goes."""

    FOLLOW_CONTACT = "follow_contact"
    FOLLOW_ACCOUNT = "follow_account"
    UNLINK = "unlink"
    PARK = "park"
    IGNORE = "ignore"


class Behaviour(StrEnum):
    """What a step does in one direction with a linked, a matched and an unmatched record."""

    UPDATE_OR_CREATE = "update_or_create"
    UPDATE_ONLY = "update_only"
    CREATE_ONLY = "create_only"
    MIRROR = "mirror"  # update_or_create, and what is gone at the source goes at the target
    DELETE = "delete"  # rows name records that are to be deleted; push only
    ADD = "add"  # made once under the value of a tracking field, and never touched again; push only

    @property
    def updates(self) -> bool:
        """Whether a record that exists on the other side is updated."""
        return self in (Behaviour.UPDATE_OR_CREATE, Behaviour.UPDATE_ONLY, Behaviour.MIRROR)

    @property
    def creates(self) -> bool:
        """Whether a record that has no match on the other side is created there."""
        return self not in (Behaviour.UPDATE_ONLY, Behaviour.DELETE)

    @property
    def follows_deletes(self) -> bool:
        """Whether the other side's half of a pair may be deleted when this side's is gone."""
        return self in (Behaviour.UPDATE_OR_CREATE, Behaviour.CREATE_ONLY, Behaviour.MIRROR)
