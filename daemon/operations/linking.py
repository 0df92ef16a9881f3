"""Links made and removed by an operator. Each is checked against both sides first, and recorded with who did it."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from daemon.domain.canonical import from_salesforce
from daemon.domain.change import Change, ChangeKind, Source
from daemon.domain.failure import NotFoundError, RefusedError, UsageError
from daemon.domain.ids import record_id
from daemon.domain.link import Link, LinkOrigin, LinkState
from daemon.domain.mapping import Step
from daemon.domain.side import Side
from daemon.domain.value import Values
from daemon.flow.reading import read_fields
from daemon.flow.views import References, postgres_view
from daemon.operations.office import Office
from daemon.operations.record import link_shown
from daemon.ports.salesforce import Record
from daemon.ports.store import Row, Unit

TAKES = ("salesforce", "postgres", "none")


async def create(
    office: Office, step_name: str, key: str, sf_id: str, take: str, operator: str
) -> dict[str, Any]:
    """Pair a row with a record. `take` names the side whose values both get; with `none` the step's rules decide.

    Refused where either half belongs to another pair, naming that pair; nothing is changed then.
    """
    step = office.step(step_name)
    if take not in TAKES:
        raise UsageError(
            f"take {take!r} is not known", "it names the side whose values win", f"one of {TAKES}"
        )
    wanted = _checked_id(sf_id)
    record = (await office.parts.records.read(step.object, read_fields(step), [wanted])).get(wanted)
    if record is None:
        raise NotFoundError(
            f"there is no {step.object} {wanted}",
            "Salesforce does not have it, or the integration user may not see it",
            "check the id, or grant access to the record",
        )
    async with office.parts.writing, office.parts.store.begin() as unit:
        row = (await unit.rows(step, [key])).get(key)
        if row is None:
            raise NotFoundError(
                f"{step.table.qualified} has no row {key}",
                "no row has that key",
                "give the primary key as text",
            )
        former = await _free(unit, step, key, wanted)
        base = await _base(office, unit, step, row, record, take)
        link = Link(
            0,
            step.name,
            step.object,
            wanted,
            step.table.qualified,
            key,
            origin=LinkOrigin.OPERATOR,
            base=base,
        )
        await unit.remove_links([item.id for item in former])
        await unit.put_links([link])
        now = office.parts.clock.now()
        await unit.store_changes(
            [
                Change(step.name, Side.SALESFORCE, ChangeKind.REREAD, Source.OPERATOR, now, wanted, key),
                Change(step.name, Side.POSTGRES, ChangeKind.UPDATE, Source.OPERATOR, now, None, key),
            ]
        )
        await unit.release_waiting([wanted, f"{step.name}:{key}"])
        made = (await unit.links_of_rows(step.table.qualified, [key]))[key]
    request = {"step": step_name, "key": key, "sf_id": wanted, "take": take}
    await office.inspection.audit(operator=operator, action="link", request=request, outcome="created")
    office.parts.meter.count(
        "isthmus_link_changes_total", step=step.name, action="created", source="operator"
    )
    return {"step": step.name, "key": key, "sf_id": wanted, **(link_shown(made) or {})}


def _checked_id(text: str) -> str:
    try:
        return record_id(text)
    except ValueError as error:
        raise UsageError(
            "the Salesforce id is not one",
            str(error),
            "copy the 15 or 18 characters from the record's address",
        ) from error


async def _free(unit: Unit, step: Step, key: str, sf_id: str) -> list[Link]:
    """The ended links that stand in the way and may go; RefusedError for a living or blocked one."""
    found = [
        *(await unit.links_of_records([sf_id])).values(),
        *(await unit.links_of_rows(step.table.qualified, [key])).values(),
    ]
    for link in found:
        if link.state in (LinkState.LINKED, LinkState.BLOCKED):
            state = "blocked by an operator" if link.state is LinkState.BLOCKED else "linked"
            raise RefusedError(
                f"{key} cannot be linked to {sf_id}",
                f"row {link.key} and record {link.sf_id} are {state} (link {link.id}, step {link.step})",
                f"remove that link first: isthmus link remove {link.step} --pg {link.key}",
            )
    return list({link.id: link for link in found}.values())


async def _base(office: Office, unit: Unit, step: Step, row: Row, record: Record, take: str) -> Values:
    """A base that makes one side the only one that changed: the other side's own values."""
    if take == "none":
        return {}
    if take == "postgres":
        readings = {f.name: from_salesforce(f, record.values.get(f.name)) for f in step.fields}
        return {name: r.value for name, r in readings.items() if r.failure is None and not r.absent}
    references = await References.load(unit, office.parts.steps, step, [row], [])
    return dict(postgres_view(step, row, references, (), 0.0).values)


async def remove(office: Office, link_id: int, *, block: bool, operator: str) -> dict[str, Any]:
    """Unlink a pair; with `block` it is remembered, so that they are never paired again. Data stays on both sides."""
    async with office.parts.writing, office.parts.store.begin() as unit:
        link = (await unit.links_by_id([link_id])).get(link_id)
        if link is None:
            raise NotFoundError(
                f"there is no link {link_id}", "it may have been removed", "see: isthmus link list"
            )
        if block:
            await unit.put_links([replace(link, state=LinkState.BLOCKED, base={}, own=None)])
        else:
            await unit.remove_links([link_id])
    outcome = "blocked" if block else "removed"
    request: Mapping[str, Any] = {"link": link_id, "step": link.step, "key": link.key, "sf_id": link.sf_id}
    await office.inspection.audit(operator=operator, action="unlink", request=request, outcome=outcome)
    office.parts.meter.count(
        "isthmus_link_changes_total", step=link.step, action="removed", source="operator"
    )
    return {"id": link_id, "step": link.step, "key": link.key, "sf_id": link.sf_id, "state": outcome}
