"""An operator asks for one record: to be sent, or to be looked at on both sides, now."""

from typing import Any

from daemon.domain.change import Change, ChangeKind, Source
from daemon.domain.failure import NotFoundError, RefusedError
from daemon.domain.link import Link, LinkState
from daemon.domain.mapping import Step
from daemon.domain.side import Side
from daemon.operations.office import Office
from daemon.ports.store import Unit


async def push(office: Office, step_name: str, key: str, operator: str) -> dict[str, Any]:
    """Send a row as it is now, and make its record if it has none: what a step with `create: on_request` waits for.

    What was held back or parked of the row is tried again with it. Refused for a step that does not push, for a row that an
    operator has parted from its record, and where no row has that key.
    """
    step = office.step(step_name)
    if not step.direction.pushes:
        raise RefusedError(
            f"step {step.name} does not push",
            f"its direction is {step.direction.value}",
            "change the row's record in Salesforce, or let the step be direction: two_way",
        )
    async with office.parts.writing, office.parts.store.begin() as unit:
        await _existing_row(unit, step, key)
        link = (await unit.links_of_rows(step.table.qualified, [key])).get(key)
        _check_may_travel(step, key, link)
        waiting = (await unit.local_changes(step.name, [key])).get(key, [])
        if any(change.code == "create_in_doubt" for change in waiting):
            raise RefusedError(
                f"row {key} of step {step.name} may have a record already",
                "a create was sent, no answer came, and without an external id nobody can say whether it was done",
                f"look in Salesforce, then link it (isthmus link create {step.name} --pg {key}) or retry (isthmus parked retry)",
            )
        await unit.store_changes([_of_row(office, step, key, link)])
    return await _asked(office, "push", step, key, link, operator)


async def sync(office: Office, step_name: str, key: str, operator: str) -> dict[str, Any]:
    """Read both halves of a linked row and settle what differs, by the step's rules."""
    step = office.step(step_name)
    async with office.parts.writing, office.parts.store.begin() as unit:
        link = (await unit.links_of_rows(step.table.qualified, [key])).get(key)
        if link is None:
            await _existing_row(unit, step, key)
            raise RefusedError(
                f"row {key} of step {step.name} is not linked",
                "there is no record that it could be compared with",
                f"send it: isthmus record push {step.name} {key}",
            )
        _check_may_travel(step, key, link)
        now = office.parts.clock.now()
        await unit.store_changes(
            [Change(step.name, Side.SALESFORCE, ChangeKind.REREAD, Source.OPERATOR, now, link.sf_id, key)]
        )
    return await _asked(office, "sync", step, key, link, operator)


async def _existing_row(unit: Unit, step: Step, key: str) -> None:
    if key not in await unit.rows(step, [key]):
        raise NotFoundError(
            f"{step.table.qualified} has no row {key}", "no row has that key", "give the primary key as text"
        )


def _check_may_travel(step: Step, key: str, link: Link | None) -> None:
    if link is not None and link.step != step.name:
        raise RefusedError(
            f"row {key} belongs to step {link.step}",
            f"it is linked to {link.object} {link.sf_id}",
            f"name that step, or unlink it first: isthmus link remove {link.step} --pg {key}",
        )
    if link is not None and link.state in (LinkState.BLOCKED, LinkState.UNLINKED):
        raise RefusedError(
            f"row {key} of step {step.name} stands apart",
            f"an operator has {link.state.value} it from {link.sf_id}",
            f"link it again: isthmus link create {step.name} --pg {key} --sf {link.sf_id}",
        )


def _of_row(office: Office, step: Step, key: str, link: Link | None) -> Change:
    living = link is not None and link.state is LinkState.LINKED
    return Change(
        step.name,
        Side.POSTGRES,
        ChangeKind.UPDATE if living else ChangeKind.CREATE,
        Source.OPERATOR,
        office.parts.clock.now(),
        key=key,
        external_id=None if living else office.parts.new_id(),
    )


async def _asked(
    office: Office, action: str, step: Step, key: str, link: Link | None, operator: str
) -> dict[str, Any]:
    request = {"step": step.name, "key": key}
    await office.inspection.audit(operator=operator, action=action, request=request, outcome="asked")
    sf_id = link.sf_id if link is not None and link.state is LinkState.LINKED else None
    return {"step": step.name, "key": key, "sf_id": sf_id, "state": "asked"}
