"""What a record gets that is made on the other side."""

from daemon.domain.link import Link, LinkOrigin, LinkState
from daemon.domain.mapping import Field, Step
from daemon.domain.plan import Hold, LinkAction, LinkChange, Operation, Plan, Rule, Verdict, Write
from daemon.domain.side import Side
from daemon.domain.value import NO_VALUES, Value, Values, is_blank
from daemon.domain.view import View
from daemon.reconcile.either import nobody, not_linked
from daemon.reconcile.filtering import left_out
from daemon.reconcile.holds import mandatory, parked, skip, waits


def create_record(step: Step, link: Link | None, postgres: View) -> Plan:
    """A row that Salesforce does not have (any more)."""
    if not step.direction.pushes or not step.push.creates:
        return _nothing(
            Side.SALESFORCE, "no_match", "No Salesforce record matches, and the step does not create one."
        )
    if step.on_request and (link is None or link.state is LinkState.TOMBSTONE):
        return _nothing(
            Side.SALESFORCE, "on_request", "The step makes records only when an operator asks for one."
        )
    if postgres.outside:
        return Plan(held={Side.SALESFORCE: left_out(Side.POSTGRES)})
    if postgres.elsewhere and (link is None or link.state is LinkState.TOMBSTONE):
        return _nothing(
            Side.SALESFORCE,
            "other_destination",
            f"By the step's `when`, the row's record is no {step.object}.",
        )
    fields = [f for f in step.fields if f.direction.pushes and f.createable]
    hold = _hold(fields, postgres)
    if hold is not None and not _may_come_later(fields, postgres, hold):
        return Plan(held={Side.SALESFORCE: hold})
    values = _filled(fields, postgres.values)
    return Plan(
        salesforce=Write(Operation.CREATE, values),
        link=LinkChange(LinkAction.CREATE if link is None else LinkAction.MOVE, origin=LinkOrigin.CREATED),
        verdicts=_verdicts(fields, NO_VALUES, postgres.values, Side.POSTGRES),
        held={Side.SALESFORCE: hold} if hold is not None else {},
    )


def create_row(step: Step, link: Link | None, salesforce: View) -> Plan:
    """A record that PostgreSQL does not have (any more). An undeleted one gets its old key back."""
    if not step.direction.pulls or not step.pull.creates:
        return _nothing(Side.POSTGRES, "no_match", "No row matches, and the step does not create one.")
    if salesforce.outside:
        return Plan(held={Side.POSTGRES: left_out(Side.SALESFORCE)})
    fields = [f for f in step.fields if f.direction.pulls and not f.is_constant]
    hold = not_linked(fields, salesforce.waiting) or _hold(fields, salesforce)
    if hold is not None and not _may_come_later(fields, salesforce, hold):
        return Plan(held={Side.POSTGRES: hold})
    values = {
        name: v for name, v in _filled(fields, salesforce.values).items() if name not in salesforce.waiting
    }
    change = LinkChange(LinkAction.CREATE, origin=LinkOrigin.CREATED)
    if link is not None:
        change = LinkChange(LinkAction.REVIVE, LinkState.LINKED, LinkOrigin.UNDELETE, key=link.key)
    return Plan(
        postgres=Write(Operation.CREATE, values),
        base={f.name: values.get(f.name) for f in step.fields if f.name in salesforce.values},
        link=change,
        verdicts=_verdicts(fields, salesforce.values, NO_VALUES, Side.SALESFORCE),
        held={Side.POSTGRES: hold} if hold is not None else {},
    )


def _nothing(side: Side, code: str, explanation: str) -> Plan:
    return Plan(held={side: skip(code, explanation)})


def _hold(fields: list[Field], giver: View) -> Hold | None:
    for field in fields:
        if field.name in giver.failures:
            return parked(giver.failures[field.name])
    lacking = mandatory(
        (f for f in fields if not f.is_constant and f.name not in giver.waiting), giver.values
    )
    lacking = lacking or nobody(fields, giver.values, giver.waiting)
    if lacking is not None:
        return lacking
    waiting = {field.name: giver.waiting[field.name] for field in fields if field.name in giver.waiting}
    return waits(waiting) if waiting else None


def _may_come_later(fields: list[Field], giver: View, hold: Hold) -> bool:
    """Whether the record can be made now and its references set afterwards: so a circle of references is written."""
    needed = [f for f in fields if f.mandatory or f.either is not None]
    return hold.waiting_for is not None and not any(f.name in giver.waiting for f in needed)


def _filled(fields: list[Field], values: Values) -> dict[str, Value]:
    """The fields that have a value: what is left out takes the other side's own default."""
    return {field.name: values[field.name] for field in fields if not is_blank(values.get(field.name))}


def _verdicts(fields: list[Field], salesforce: Values, postgres: Values, winner: Side) -> tuple[Verdict, ...]:
    rule = Rule.ONLY_SALESFORCE if winner is Side.SALESFORCE else Rule.ONLY_POSTGRES
    return tuple(
        Verdict(field.name, rule, winner, None, salesforce.get(field.name), postgres.get(field.name))
        for field in fields
    )
