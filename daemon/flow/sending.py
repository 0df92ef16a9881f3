"""The worker's writes to Salesforce: marked before they are sent, told apart afterwards."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from daemon.domain.canonical import from_salesforce, to_salesforce
from daemon.domain.mapping import Kind, Step
from daemon.domain.plan import Operation, Write
from daemon.domain.value import Raw, Values, no_values
from daemon.flow.cases import Case, look_back
from daemon.flow.delivery import Delivery
from daemon.flow.parts import Parts
from daemon.flow.planning import confirmed
from daemon.ports.failpoints import Failpoint
from daemon.ports.salesforce import RecordWrite
from daemon.ports.store import Unit
from daemon.reconcile.batching import lockable
from daemon.reconcile.pace import blamed, company, tries

ANSWERED_SECONDS: Final = 300.0
"""For so long an answer to some write shows that Salesforce does answer writes."""


async def send(parts: Parts, step: Step, cases: Sequence[Case]) -> None:
    """Write the cases whose plan asks for it. Only a case with a stored local change is sent: that is what is marked.

    Marked means: the values are stored with the change and the link is in doubt, in a committed transaction, before
    the first byte leaves. Whatever happens then, the record is read before anything else is decided about it.
    """
    wanted = [case for case in cases if case.plan.salesforce is not None and case.ours]
    if not wanted:
        return
    async with parts.flight.holding({case.sf_id or step.object for case in wanted}):
        outgoing = await marked(parts, wanted)
        if not outgoing:
            return
        await parts.failpoints.reach(Failpoint.WRITES_MARKED)
        parts.meter.gauge(
            "isthmus_in_flight_records", len(outgoing), step=step.called("push"), direction="push"
        )
        await deliver(parts, step, outgoing)
        await parts.failpoints.reach(Failpoint.REPLY_PARSED)
    parts.meter.gauge("isthmus_in_flight_records", 0, step=step.called("push"), direction="push")


async def deliver(parts: Parts, step: Step, outgoing: Sequence[Case]) -> None:
    """Give each case the result of its write."""
    delivery = Delivery(parts, step, [record_write(step, case) for case in outgoing])
    companies = [company(case.ours) for case in outgoing]
    results = await delivery.run(companies, [locks(step, case) for case in outgoing])
    answered = parts.sizes.answered_within(ANSWERED_SECONDS, parts.clock.monotonic())
    for index, (case, result) in enumerate(zip(outgoing, results, strict=True)):
        case.result = result
        alone = index in delivery.alone
        case.blamed = alone and blamed(tries(case.ours), step.retry, others_answered=answered)


async def marked(parts: Parts, wanted: Sequence[Case]) -> list[Case]:
    """Mark what may go out: a case whose link has learned something since it was read goes round again instead."""
    async with parts.writing:
        async with parts.store.begin() as unit:
            await look_back(unit, wanted)
            outgoing = [case for case in wanted if not case.overtaken]
            await _keep_confirmed(unit, outgoing)
        for case in outgoing:
            assert case.plan.salesforce is not None
            case.sent = case.plan.salesforce.values
        if outgoing:
            marks = {change.id: _stored(case) for case in outgoing for change in case.ours}
            links = [case.link.id for case in outgoing if case.link is not None]
            try:
                await parts.store.mark_sent(marks, links)
            except BaseException:
                for case in outgoing:
                    case.sent = no_values()  # nothing leaves that is not marked, so nothing is in doubt
                raise
    return outgoing


async def _keep_confirmed(unit: Unit, outgoing: Sequence[Case]) -> None:
    """What earlier writes in doubt turned out to have done is agreed: the marks of the next ones would hide it."""
    links = []
    for case in outgoing:
        known = confirmed(case)
        if case.link is not None and known:
            case.link = replace(case.link, base={**case.link.base, **known})
            links.append(case.link)
    await unit.put_links(links)


def locks(step: Step, case: Case) -> frozenset[str]:
    """The records that the write may lock, as far as they are known: its own, and its parents before and after."""
    parents = [mapped.name for mapped in step.fields if mapped.kind is Kind.REFERENCE]
    known: list[Mapping[str, object]] = [case.sent]
    if case.record is not None:
        known.append(case.record.values)
    elif case.link is not None:
        known.append(case.link.base)
    return lockable([case.sf_id, *(values.get(name) for values in known for name in parents)])


def _stored(case: Case) -> Mapping[str, Raw]:
    """What is stored of a write in doubt: its values, and the external id under which a create would be found.

    A create that is sent again may yet be done by its first request: only what all of them say is known to have been sent.
    """
    earlier = [change.sent or {} for change in case.doubted] if case.external_id is not None else []
    values: dict[str, Raw] = {}
    for name, value in case.sent.items():
        raw: Raw = list(value) if isinstance(value, tuple) else value
        if all(name in sent and sent[name] == raw for sent in earlier):
            values[name] = raw
    if case.external_id is not None:
        field, text = case.external_id
        values[field] = text
    return values


def record_write(step: Step, case: Case) -> RecordWrite:
    """The write that a case's plan asks for."""
    write = case.plan.salesforce
    assert write is not None
    match write.operation:
        case Operation.CREATE:
            return RecordWrite(Operation.CREATE, raw_values(step, write), external_id=case.external_id)
        case Operation.DELETE:
            return RecordWrite(Operation.DELETE, id=case.sf_id)
        case Operation.UPDATE:
            since = case.link.seen if case.blind and case.link is not None else None
            return RecordWrite(
                Operation.UPDATE, raw_values(step, write), id=case.sf_id, unmodified_since=since
            )


def raw_values(step: Step, write: Write) -> dict[str, Raw]:
    """A write's values as Salesforce takes them. A record that Salesforce looks up itself is named by its value, in an object of its own."""
    raw: dict[str, Raw] = {}
    for name, value in write.values.items():
        field = step.by_name[name]
        given = to_salesforce(field, value)
        if field.parent is None or given is None:
            raw[name] = given
        else:
            raw[field.parent.relationship] = {field.parent.field: given}
    return raw


def taken(step: Step, sent: Values) -> Values:
    """What was sent, as it reads when it comes back: what a value map or a default turns it into included."""
    values = {}
    for name, value in sent.items():
        field = step.by_name[name]
        reading = from_salesforce(field, to_salesforce(field, value))
        values[name] = value if reading.failure is not None or reading.absent else reading.value
    return values
