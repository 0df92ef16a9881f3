"""The one door of the core: what is known of a pair in, a plan out.

Same inputs, same plan: no clock, no I/O, no exception. The dry run, the explanation and the real run call this.
"""

from dataclasses import replace
from typing import Final

from daemon.domain.failure import Reason
from daemon.domain.link import Link, LinkOrigin, LinkState
from daemon.domain.mapping import Step
from daemon.domain.plan import Hold, LinkAction, LinkChange, Operation, Outcome, Plan, Write
from daemon.domain.policy import Behaviour, ConvertedLead, DeleteConflict, OnDelete, Owned
from daemon.domain.side import Direction, Side
from daemon.domain.value import NO_VALUES
from daemon.domain.view import Presence, View
from daemon.reconcile.create import create_record, create_row
from daemon.reconcile.diff import as_agreed
from daemon.reconcile.filtering import acting, arriving, told
from daemon.reconcile.holds import skip
from daemon.reconcile.merge import merge
from daemon.reconcile.settle import settled

DELETE_CONFLICT: Final = "delete_conflict"
"""The code of what waits because one half was deleted while the other had edits."""
_PERSON = "The record is a person account, and the step maps companies or contacts: persons are left out."
_FROZEN = (
    "The lead has been converted, and Salesforce changes no converted lead: what the row holds is not sent."
)
_MOVED = (
    "The lead has been converted: its row goes on with what it became, and nothing more is sent to the lead."
)
_LEAD_TARGET = {ConvertedLead.FOLLOW_CONTACT: "Contact", ConvertedLead.FOLLOW_ACCOUNT: "Account"}


def decide(
    step: Step,
    link: Link | None,
    salesforce: View,
    postgres: View,
    *,
    origin: LinkOrigin | None = None,
    survivor_is_linked: bool = False,
) -> Plan:
    """Decide about one pair, or about one half that has no other yet.

    `origin` says how an unlinked pair was matched. `survivor_is_linked` says that the record into which this one was
    merged or converted is paired with another row already.
    """
    if link is not None and link.state is LinkState.BLOCKED:
        return _skipped("blocked", "An operator blocked this pair.")
    if link is not None and link.state is LinkState.UNLINKED:
        return _skipped("unlinked", "An operator parted this pair.")
    if step.deletes_by_row:
        return _ordered_away(salesforce, postgres)
    if salesforce.person:
        return _skipped("person_account", _PERSON)
    if salesforce.converted and step.converted_lead is ConvertedLead.IGNORE:
        return _read_only(step, link, salesforce, postgres, origin)
    if salesforce.converted:
        return _converted(step, link, salesforce, survivor_is_linked=survivor_is_linked)
    return _halves(step, link, salesforce, postgres, origin, survivor_is_linked=survivor_is_linked)


def _read_only(
    step: Step, link: Link | None, salesforce: View, postgres: View, origin: LinkOrigin | None
) -> Plan:
    """A converted lead whose row stays with it: it comes in, and what it would be sent is told and not tried."""
    coming, theirs, ours = arriving(step, salesforce, postgres)
    plan = _halves(coming, link, theirs, ours, origin, survivor_is_linked=False)
    if not step.direction.pushes or postgres.presence is Presence.MISSING:
        return plan
    out = [item for item in step.fields if item.direction.pushes]
    wanted = merge(replace(step, fields=tuple(out)), link.base if link else NO_VALUES, salesforce, postgres)
    if not wanted.to_salesforce:
        return plan
    return replace(plan, held={**plan.held, Side.SALESFORCE: skip("converted_lead", _FROZEN)})


def _halves(
    step: Step,
    link: Link | None,
    salesforce: View,
    postgres: View,
    origin: LinkOrigin | None,
    *,
    survivor_is_linked: bool,
) -> Plan:
    here, there = salesforce.presence is Presence.PRESENT, postgres.presence is Presence.PRESENT
    if here and there:
        return _both(step, link, salesforce, postgres, origin)
    if here:
        return _only_record(step, link, salesforce, postgres)
    if there:
        return _only_row(step, link, salesforce, postgres, survivor_is_linked=survivor_is_linked)
    return _neither(link)


def _ordered_away(salesforce: View, postgres: View) -> Plan:
    """A row of a step that only deletes: the record that it names goes, once; nothing is paired, made or changed."""
    if postgres.outside:
        return told(Plan(), salesforce, postgres)
    if salesforce.presence is Presence.PRESENT and postgres.presence is Presence.PRESENT:
        return Plan(salesforce=Write(Operation.DELETE))
    if salesforce.presence is Presence.GONE or postgres.presence is not Presence.PRESENT:
        return Plan()
    return _skipped("nothing_to_delete", "The row names no Salesforce record that is there.")


def _both(step: Step, link: Link | None, salesforce: View, postgres: View, origin: LinkOrigin | None) -> Plan:
    left = _left_the_source(step, link, salesforce, postgres)
    if left is not None:
        return left
    step, theirs, ours = acting(step, salesforce, postgres)
    if not step.fields:
        return told(Plan(), salesforce, postgres)
    base = link.base if link else NO_VALUES
    ours = as_agreed(base, theirs, ours)
    own = link.own if link is not None and not link.in_doubt else None
    found = merge(step, base, theirs, ours, own=own)
    if link is None:
        change = LinkChange(LinkAction.CREATE, origin=origin or LinkOrigin.OPERATOR)
    elif link.state is LinkState.LINKED:
        change = LinkChange(LinkAction.KEEP)
    else:
        change = LinkChange(LinkAction.REVIVE, origin=LinkOrigin.UNDELETE)
    return told(settled(step, found, change, theirs, ours), salesforce, postgres)


def _only_record(step: Step, link: Link | None, salesforce: View, postgres: View) -> Plan:
    """Salesforce has it, PostgreSQL does not: new there, undeleted there, or deleted here."""
    if link is not None and link.state is LinkState.BROKEN:
        return _skipped("broken", "The row is gone and the Salesforce record was kept.")
    if link is None or link.state is not LinkState.LINKED or postgres.presence is not Presence.GONE:
        return create_row(step, link, salesforce)
    edited = merge(step, link.base, salesforce, View(Presence.GONE, NO_VALUES))
    return _deleted(step, link, Side.POSTGRES, edited=bool(edited.to_postgres), values=salesforce)


def _only_row(
    step: Step, link: Link | None, salesforce: View, postgres: View, *, survivor_is_linked: bool
) -> Plan:
    """PostgreSQL has it, Salesforce does not: new here, or deleted, or merged into another record there."""
    if link is None or link.state is LinkState.TOMBSTONE:
        return create_record(step, link, postgres)
    if salesforce.merged_into is not None:
        return _merged(salesforce.merged_into, survivor_is_linked=survivor_is_linked)
    if link.state is LinkState.BROKEN:
        return _skipped("broken", "The Salesforce record is gone and the row was kept.")
    edited = merge(step, link.base, View(Presence.GONE, NO_VALUES), postgres)
    return _deleted(step, link, Side.SALESFORCE, edited=bool(edited.to_salesforce), values=postgres)


def _neither(link: Link | None) -> Plan:
    if link is None or link.state is LinkState.TOMBSTONE:
        return Plan()
    return Plan(link=LinkChange(LinkAction.END, LinkState.TOMBSTONE))


def _deleted(step: Step, link: Link, gone: Side, *, edited: bool, values: View) -> Plan:
    """One half of a linked pair was deleted; the other one is still there, perhaps with edits nobody has seen."""
    may_travel = (
        step.direction.pulls and step.pull.follows_deletes
        if gone is Side.SALESFORCE
        else step.direction.pushes and step.push.follows_deletes
    )
    if gone is Side.POSTGRES and not values.outside and _owns_rows(step):
        return create_row(step, link, values)
    if _mirrored(step, gone.other) and values.outside:
        return Plan(link=LinkChange(LinkAction.END, LinkState.TOMBSTONE))
    if _mirrored(step, gone.other):
        return (
            create_record(step, link, values) if gone is Side.SALESFORCE else create_row(step, link, values)
        )
    if step.on_deleted(gone) is OnDelete.KEEP or not may_travel:
        return Plan(
            link=LinkChange(LinkAction.END, LinkState.BROKEN),
            held={gone.other: skip("kept", "Deletes are kept back by the step's setting.")},
        )
    if edited and step.delete_conflict is DeleteConflict.PARK:
        return Plan(held={gone.other: _delete_conflict(gone)})
    if edited and step.delete_conflict is DeleteConflict.UPDATE_WINS:
        return (
            create_record(step, link, values) if gone is Side.SALESFORCE else create_row(step, link, values)
        )
    write = Write(Operation.DELETE)
    ended = LinkChange(LinkAction.END, LinkState.TOMBSTONE)
    return Plan(salesforce=write, link=ended) if gone is Side.POSTGRES else Plan(postgres=write, link=ended)


def _owns_rows(step: Step) -> bool:
    """Whether a row that somebody else deleted is made again: it was not theirs."""
    return step.direction is Direction.PULL and step.owned is Owned.OVERWRITE


def _mirrored(step: Step, source: Side) -> bool:
    """Whether the half that is left is the source of a mirror: then the other half is made again, for it has no say."""
    if source is Side.POSTGRES:
        return step.direction is Direction.PUSH and step.push is Behaviour.MIRROR
    return step.direction is Direction.PULL and step.pull is Behaviour.MIRROR


def _left_the_source(step: Step, link: Link | None, salesforce: View, postgres: View) -> Plan | None:
    """What a mirror does when the half that it shows has left the filter: the other half goes. None where this is not so."""
    if link is None or link.state is not LinkState.LINKED:
        return None
    ended = LinkChange(LinkAction.END, LinkState.TOMBSTONE)
    if postgres.outside and _mirrored(step, Side.POSTGRES):
        return Plan(salesforce=Write(Operation.DELETE), link=ended)
    if salesforce.outside and _mirrored(step, Side.SALESFORCE):
        return Plan(postgres=Write(Operation.DELETE), link=ended)
    return None


def _delete_conflict(gone: Side) -> Hold:
    kept = "PostgreSQL row" if gone is Side.SALESFORCE else "Salesforce record"
    return Hold(
        Outcome.PARK,
        DELETE_CONFLICT,
        f"It was deleted in {gone.value}, and the {kept} has changes since both last agreed.",
        "Set `delete_conflict` to delete_wins or update_wins, or change the record by hand and retry.",
        Reason.DELETED,
    )


def _merged(survivor: str, *, survivor_is_linked: bool) -> Plan:
    if survivor_is_linked:
        return _left_behind(LinkOrigin.MERGE, "merged", survivor)
    return Plan(link=LinkChange(LinkAction.MOVE, origin=LinkOrigin.MERGE, sf_id=survivor))


def _left_behind(origin: LinkOrigin, what: str, survivor: str) -> Plan:
    """The record became one that another row is linked to: one row must stay without a record."""
    explanation = f"The record was {what} into {survivor}, which is linked to another row; this row was kept."
    return Plan(
        link=LinkChange(LinkAction.END, LinkState.BROKEN, origin=origin, sf_id=survivor),
        held={Side.SALESFORCE: skip(what, explanation)},
    )


def _converted(step: Step, link: Link | None, salesforce: View, *, survivor_is_linked: bool) -> Plan:
    """A lead became a contact and an account: it can no longer be written, and its link goes where the step says."""
    if link is None:
        return _skipped("converted_lead", "The lead has been converted, so it can no longer be paired.")
    if step.converted_lead is ConvertedLead.UNLINK:
        return Plan(link=LinkChange(LinkAction.END, LinkState.BROKEN, origin=LinkOrigin.CONVERSION))
    target = _LEAD_TARGET.get(step.converted_lead)
    found = salesforce.converted.get(target) if target else None
    if target is not None and found is not None:
        if survivor_is_linked:
            return _left_behind(LinkOrigin.CONVERSION, "converted", found)
        return Plan(
            link=LinkChange(LinkAction.MOVE, origin=LinkOrigin.CONVERSION, object=target, sf_id=found),
            held={Side.SALESFORCE: skip("converted_lead", _MOVED)},
        )
    hold = Hold(
        Outcome.PARK,
        "converted_lead",
        "The lead has been converted, and the step does not say which record its row follows.",
        "Set `converted_lead` to follow_contact, follow_account, unlink or ignore, or link the row by hand.",
        Reason.CONVERTED_LEAD,
    )
    return Plan(held={Side.SALESFORCE: hold, Side.POSTGRES: hold})


def _skipped(code: str, explanation: str) -> Plan:
    hold = skip(code, explanation)
    return Plan(held={Side.SALESFORCE: hold, Side.POSTGRES: hold})
