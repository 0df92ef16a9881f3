"""A pair that a person proposes: found on both sides, checked, and shown before anything is stored."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from daemon.domain.canonical import from_salesforce
from daemon.domain.failure import NotFoundError, RefusedError, TryLaterError, UsageError
from daemon.domain.link import Link, LinkState
from daemon.domain.mapping import Step
from daemon.domain.record_address import RecordAddress, parse_record_address, same_org
from daemon.domain.value import Value, Values
from daemon.flow.reading import read_fields
from daemon.flow.views import References, postgres_view
from daemon.operations.office import Office
from daemon.ports.salesforce import Record
from daemon.ports.store import Row, Unit


@dataclass(frozen=True, slots=True)
class Proposal:
    """A row and a record that may be paired. `former` are ended links that go when they are."""

    step: Step
    key: str
    record: Record
    row: Row
    former: Sequence[Link] = field(default_factory=tuple)


async def fetch_record(office: Office, step: Step, pasted: str) -> Record:
    """The record that was pasted, as an address or an id.

    Raises UsageError for what names no record, RefusedError for another org's or another object's, NotFoundError.
    """
    address = _read(pasted)
    await _check_org(office, address)
    _check_object(office, step, address)
    found = await office.parts.records.read(step.object, read_fields(step), [address.sf_id])
    if address.sf_id not in found:
        raise NotFoundError(
            f"there is no {step.object} {address.sf_id}",
            "Salesforce does not have it as that object, or the integration user may not see it",
            "check the address, or grant access to the record",
        )
    return found[address.sf_id]


async def propose(
    unit: Unit, step: Step, key: str, record: Record, *, leaving: Link | None = None
) -> Proposal:
    """Check both halves: the row is there, and neither belongs to another pair. `leaving` is a link that is about to go."""
    row = (await unit.rows(step, [key])).get(key)
    if row is None:
        raise NotFoundError(
            f"{step.table.qualified} has no row {key}", "no row has that key", "give the primary key as text"
        )
    if await unit.renamed([step.name], [key]):
        raise TryLaterError(
            f"row {key} of {step.table.qualified} cannot be linked now",
            "its key has changed, or another row has taken its key, and that is not settled yet",
            "try again in a few seconds; isthmus parked list shows what may keep it back",
        )
    found = [
        *(await unit.links_of_records([record.id])).values(),
        *(await unit.links_of_rows(step.table.qualified, [key])).values(),
    ]
    former = {link.id: link for link in found if leaving is None or link.id != leaving.id}
    for link in former.values():
        _check_free(key, record.id, link)
    return Proposal(step, key, record, row, tuple(former.values()))


async def shown(office: Office, unit: Unit, proposal: Proposal) -> dict[str, Any]:
    """Both halves beside each other, field by field."""
    theirs = record_values(proposal.step, proposal.record)
    ours = await row_values(office, unit, proposal.step, proposal.row)
    url = await office.inspection.instance_url()
    return {
        "step": proposal.step.name,
        "key": proposal.key,
        "object": proposal.step.object,
        "sf_id": proposal.record.id,
        "salesforce_url": f"{url}/{proposal.record.id}" if url else None,
        "fields": [_field(item.name, item.column, theirs, ours) for item in proposal.step.fields],
    }


def record_values(step: Step, record: Record) -> Values:
    """What a record holds, in canonical values; without what has no canonical form."""
    readings = {item.name: from_salesforce(item, record.values.get(item.name)) for item in step.fields}
    return {name: r.value for name, r in readings.items() if r.failure is None and not r.absent}


async def row_values(office: Office, unit: Unit, step: Step, row: Row) -> Values:
    """What a row holds, in canonical values."""
    references = await References.load(unit, office.parts.steps, step, [row], [])
    return dict(postgres_view(step, row, references, (), 0.0).values)


def _field(name: str, column: str | None, theirs: Values, ours: Values) -> dict[str, Any]:
    return {
        "field": name,
        "column": column,
        "salesforce": _plain(theirs.get(name)),
        "postgres": _plain(ours.get(name)),
        "same": theirs.get(name) == ours.get(name),
    }


def _plain(value: Value) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _read(pasted: str) -> RecordAddress:
    try:
        return parse_record_address(pasted)
    except ValueError as error:
        raise UsageError(
            "this names no Salesforce record",
            str(error),
            "paste the record's address from the browser, or its id of 15 or 18 characters",
        ) from error


async def _check_org(office: Office, address: RecordAddress) -> None:
    if address.host is None:
        return
    instance = urlsplit(await office.inspection.instance_url() or "").netloc.lower()
    if not same_org(address.host, instance):
        raise RefusedError(
            f"{address.host} is not the org that is connected",
            f"the org here is {instance or 'not known yet: the daemon has not reached it'}",
            "paste an address of that org, or the record's id alone",
        )


def _check_object(office: Office, step: Step, address: RecordAddress) -> None:
    if address.object is None or address.object == step.object:
        return
    other = office.parts.steps.of_table_and_object(step.table.qualified, address.object)
    raise RefusedError(
        f"{address.object} {address.sf_id} cannot be linked by step {step.name}",
        f"the step pairs rows of {step.table.qualified} with {step.object}",
        f"use step {other.name}, which pairs them with {address.object}"
        if other is not None
        else f"paste the address of a record of {step.object}",
    )


def _check_free(key: str, sf_id: str, link: Link) -> None:
    """RefusedError where a living or blocked pair is in the way."""
    if link.state not in (LinkState.LINKED, LinkState.BLOCKED):
        return
    state = "blocked by an operator" if link.state is LinkState.BLOCKED else "linked"
    raise RefusedError(
        f"{key} cannot be linked to {sf_id}",
        f"row {link.key} and record {link.sf_id} are {state} (link {link.id}, step {link.step})",
        f"remove that link first: isthmus link remove {link.step} --pg {link.key}"
        + (
            f"; or do both at once: isthmus link change {link.step} --pg {link.key}"
            if link.key == key
            else ""
        ),
    )
