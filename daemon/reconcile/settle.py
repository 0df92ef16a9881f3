"""From the merge of a pair to its plan: what behaviours, permissions, mandatory fields and references leave of it."""

from collections.abc import Mapping

from daemon.domain.canonical import constant
from daemon.domain.failure import Failure
from daemon.domain.mapping import Field, Step
from daemon.domain.plan import Hold, LinkChange, Operation, Plan, Rule, Verdict, Write
from daemon.domain.side import Side
from daemon.domain.value import Value, Values
from daemon.domain.view import View
from daemon.reconcile.either import not_linked
from daemon.reconcile.holds import mandatory, parked, skip, waits
from daemon.reconcile.merge import Merge


def settled(step: Step, found: Merge, link: LinkChange, salesforce: View, postgres: View) -> Plan:
    """The plan of a pair whose halves both exist."""
    read_only = [name for name in found.to_salesforce if not step.by_name[name].updateable]
    outgoing = {name: value for name, value in found.to_salesforce.items() if name not in read_only}
    late = {name: salesforce.waiting[name] for name in found.to_postgres if name in salesforce.waiting}
    incoming = {name: value for name, value in found.to_postgres.items() if name not in late}

    out_hold = _hold_outgoing(step, outgoing, postgres)
    in_hold = _hold_incoming(step, incoming, salesforce, postgres)
    if out_hold is not None:
        outgoing = {}
    if in_hold is not None:
        incoming = {}
    pushing = {name: ref for name, ref in postgres.waiting.items() if step.by_name[name].direction.pushes}
    if out_hold is None and pushing:
        out_hold = waits(pushing)
    if in_hold is None and late:
        in_hold = waits(late)

    unsettled = found.to_postgres.keys() - incoming.keys()
    return Plan(
        salesforce=Write(Operation.UPDATE, outgoing) if outgoing else None,
        postgres=Write(Operation.UPDATE, incoming) if incoming else None,
        base={name: value for name, value in found.base.items() if name not in unsettled},
        link=link,
        verdicts=_verdicts(found, read_only, late),
        ledger=tuple(found.ledger),
        held=_held(out_hold, in_hold),
    )


def _held(out_hold: Hold | None, in_hold: Hold | None) -> dict[Side, Hold]:
    held = {}
    if out_hold is not None:
        held[Side.SALESFORCE] = out_hold
    if in_hold is not None:
        held[Side.POSTGRES] = in_hold
    return held


def _verdicts(found: Merge, read_only: list[str], late: Mapping[str, str]) -> tuple[Verdict, ...]:
    changed = dict.fromkeys(read_only, Rule.READ_ONLY) | dict.fromkeys(late, Rule.WAITING)
    return tuple(
        Verdict(v.field, changed[v.field], None, v.base, v.salesforce, v.postgres, v.policy)
        if v.field in changed
        else v
        for v in found.verdicts
    )


def _hold_outgoing(step: Step, outgoing: Values, postgres: View) -> Hold | None:
    failure = _failure(step, outgoing, postgres, Side.SALESFORCE)
    if failure is not None:
        return parked(failure)
    blocking = {
        n: ref
        for n, ref in postgres.waiting.items()
        if step.by_name[n].mandatory and step.by_name[n].direction.pushes
    }
    if blocking:
        return waits(blocking)
    if not outgoing:
        return None
    if step.adds_once:
        return skip("added_once", "The step adds records and never changes them; this one was added.")
    if not step.push.updates:
        return skip("create_only", "The step only creates in Salesforce; what exists there is left alone.")
    return mandatory((f for f in step.fields if f.direction.pushes and not f.is_constant), postgres.values)


def _hold_incoming(step: Step, incoming: Values, salesforce: View, postgres: View) -> Hold | None:
    failure = _failure(step, incoming, salesforce, Side.POSTGRES)
    if failure is not None:
        return parked(failure)
    if not incoming:
        return None
    still = not_linked(step.fields, {**postgres.waiting, **salesforce.waiting})
    if still is not None:
        return still
    if not step.pull.updates:
        return skip("create_only", "The step only creates in PostgreSQL; what exists there is left alone.")
    spoken = (f for f in step.fields if f.direction.pulls and f.name in salesforce.values)
    return mandatory(spoken, salesforce.values)


def _failure(step: Step, wanted: Values, giver: View, taker: Side) -> Failure | None:
    """The first value that the giver holds and the taker cannot be given.

    One that could be read (it lacks a translation) matters only if it is to travel; one that could not, always.
    """
    for name, failure in giver.failures.items():
        travels = _travels(step.by_name[name], taker)
        if travels and (name in wanted or name not in giver.values):
            return failure
    return None


def _travels(field: Field, taker: Side) -> bool:
    return field.direction.pulls if taker is Side.POSTGRES else field.direction.pushes


def with_constants(step: Step, values: Values) -> dict[str, Value]:
    """Local values with the configured constants among them."""
    return {**values, **{field.name: constant(field) for field in step.fields if field.is_constant}}
