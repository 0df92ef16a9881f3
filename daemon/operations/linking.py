"""Links made, changed and removed by a person. Each is checked against both sides first, and recorded with who did it."""

from collections.abc import Mapping
from dataclasses import replace
from enum import StrEnum
from typing import Any

from daemon.domain.change import Change, ChangeKind, ChangeState, Source
from daemon.domain.failure import NotFoundError, RefusedError, UsageError
from daemon.domain.link import Link, LinkOrigin, LinkState
from daemon.domain.mapping import Step
from daemon.domain.side import Side
from daemon.domain.value import Values
from daemon.operations import proposal
from daemon.operations.office import Office
from daemon.operations.proposal import Proposal
from daemon.operations.record import link_shown
from daemon.ports.store import Unit

TAKES = ("salesforce", "postgres", "none")


class Parting(StrEnum):
    """What is remembered of a pair that is unlinked."""

    UNLINK = "unlinked"  # nothing travels, and no rule pairs either half again; a person may
    BLOCK = "blocked"  # not even a person may, before the block is removed
    FORGET = "removed"  # as if they had never been paired: the step's rules may pair them again


async def preview(office: Office, step_name: str, key: str, pasted: str) -> dict[str, Any]:
    """The row and the record that a link would pair, beside each other. Raises what `create` would raise; stores nothing.

    `pasted` is a record's address in the browser, or its id. A row that is linked already is shown all the same, for `change`.
    """
    step = office.step(step_name)
    record = await proposal.fetch_record(office, step, pasted)
    async with office.parts.writing, office.parts.store.begin() as unit:
        living = await _living(unit, step, key)
        proposed = await proposal.propose(unit, step, key, record, leaving=living)
        return {
            **await proposal.shown(office, unit, proposed),
            "linked_to": living.sf_id if living is not None else None,
        }


async def create(
    office: Office, step_name: str, key: str, pasted: str, take: str, operator: str
) -> dict[str, Any]:
    """Pair a row with a record. `take` names the side whose values both get; with `none` the step's rules decide.

    Refused where either half belongs to another pair, naming that pair; nothing is changed then.
    """
    step = office.step(step_name)
    _check_take(take)
    record = await proposal.fetch_record(office, step, pasted)
    async with office.parts.writing, office.parts.store.begin() as unit:
        proposed = await proposal.propose(unit, step, key, record)
        made = await _store(office, unit, proposed, take)
    await _record_made(office, made, take, operator)
    return made


async def change(
    office: Office, step_name: str, key: str, pasted: str, take: str, operator: str
) -> dict[str, Any]:
    """Give a linked row another record: unlink and link in one transaction, each recorded as an act of its own."""
    step = office.step(step_name)
    _check_take(take)
    record = await proposal.fetch_record(office, step, pasted)
    async with office.parts.writing, office.parts.store.begin() as unit:
        living = await _living(unit, step, key)
        if living is None:
            raise RefusedError(
                f"row {key} of step {step.name} is not linked",
                "only the record of a linked row can be changed",
                f"link it: isthmus link create {step.name} --pg {key} --sf {record.id}",
            )
        if living.sf_id == record.id:
            raise RefusedError(
                f"row {key} is linked to {record.id} already",
                "it is the same record",
                "nothing has to be done",
            )
        proposed = await proposal.propose(unit, step, key, record, leaving=living)
        await _part(unit, living)
        made = await _store(office, unit, proposed, take)
    await _record_parted(office, living, Parting.FORGET, operator)
    await _record_made(office, made, take, operator)
    return {**made, "was": living.sf_id}


async def remove(
    office: Office, link_id: int, *, parting: Parting = Parting.UNLINK, operator: str
) -> dict[str, Any]:
    """Unlink a pair. Data stays on both sides, and nothing travels between them any more; see `Parting`."""
    async with office.parts.writing, office.parts.store.begin() as unit:
        link = (await unit.links_by_id([link_id])).get(link_id)
        if link is None:
            raise NotFoundError(
                f"there is no link {link_id}", "it may have been removed", "see: isthmus link list"
            )
        if link.state is LinkState.UNLINKED and parting is Parting.UNLINK:
            raise NotFoundError(
                f"link {link_id} is not linked",
                f"row {link.key} and record {link.sf_id} were unlinked before",
                "to let the step's rules pair them again: add --forget",
            )
        if parting is Parting.FORGET:
            await _part(unit, link)
        else:
            await unit.put_links([replace(link, state=LinkState(parting.value), base={}, own=None)])
    await _record_parted(office, link, parting, operator)
    return {"id": link_id, "step": link.step, "key": link.key, "sf_id": link.sf_id, "state": parting.value}


async def _living(unit: Unit, step: Step, key: str) -> Link | None:
    link = (await unit.links_of_rows(step.table.qualified, [key])).get(key)
    return link if link is not None and link.state is LinkState.LINKED else None


async def _part(unit: Unit, link: Link) -> None:
    """Remove a link, and the orders to look at its pair: taken up without it, they would ask for a record that nobody asked for."""
    ours = (await unit.local_changes(link.step, [link.key])).get(link.key, [])
    theirs = (await unit.record_changes(link.step, [link.sf_id])).get(link.sf_id, [])
    await unit.settle([change.id for change in (*ours, *theirs) if _looks(change)])
    await unit.remove_links([link.id])


def _looks(change: Change) -> bool:
    """Whether a stored change is an order to look at a pair. What was captured or told, and is tried again, has values; a push is a create."""
    kinds = (ChangeKind.UPDATE, ChangeKind.REREAD)
    ordered = change.source is Source.OPERATOR and change.kind in kinds and not change.values
    return ordered and change.state is not ChangeState.SENT


async def _store(office: Office, unit: Unit, proposed: Proposal, take: str) -> dict[str, Any]:
    """Store the pair, and have both halves looked at."""
    step, key, sf_id = proposed.step, proposed.key, proposed.record.id
    link = Link(
        0,
        step.name,
        step.object,
        sf_id,
        step.table.qualified,
        key,
        origin=LinkOrigin.OPERATOR,
        base=await _base(office, unit, proposed, take),
    )
    for former in proposed.former:
        await _part(unit, former)
    await unit.put_links([link])
    now = office.parts.clock.now()
    await unit.store_changes(
        [
            Change(step.name, Side.SALESFORCE, ChangeKind.REREAD, Source.OPERATOR, now, sf_id, key),
            Change(step.name, Side.POSTGRES, ChangeKind.UPDATE, Source.OPERATOR, now, None, key),
        ]
    )
    await unit.release_waiting([sf_id, f"{step.name}:{key}", f"{step.table.qualified}:{key}"])
    made = (await unit.links_of_rows(step.table.qualified, [key]))[key]
    return {"step": step.name, "key": key, "sf_id": sf_id, **(link_shown(made) or {})}


async def _base(office: Office, unit: Unit, proposed: Proposal, take: str) -> Values:
    """A base that makes one side the only one that changed: the other side's own values."""
    match take:
        case "postgres":
            return proposal.record_values(proposed.step, proposed.record)
        case "salesforce":
            return await proposal.row_values(office, unit, proposed.step, proposed.row)
        case _:
            return {}


def _check_take(take: str) -> None:
    if take not in TAKES:
        raise UsageError(
            f"take {take!r} is not known", "it names the side whose values win", f"one of {TAKES}"
        )


async def _record_made(office: Office, made: Mapping[str, Any], take: str, operator: str) -> None:
    request = {name: made[name] for name in ("step", "key", "sf_id")} | {"take": take}
    await office.inspection.audit(operator=operator, action="link", request=request, outcome="created")
    office.parts.meter.count(
        "isthmus_link_changes_total", step=str(made["step"]), action="created", source="operator"
    )


async def _record_parted(office: Office, link: Link, parting: Parting, operator: str) -> None:
    request = {"link": link.id, "step": link.step, "key": link.key, "sf_id": link.sf_id}
    await office.inspection.audit(operator=operator, action="unlink", request=request, outcome=parting.value)
    office.parts.meter.count(
        "isthmus_link_changes_total", step=link.step, action="removed", source="operator"
    )
