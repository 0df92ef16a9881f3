"""Campaigns linked by a person: with none, with one that is there, or with a new one. Their members follow by themselves."""

from collections.abc import Sequence
from typing import Any

from daemon.domain.campaign import unknown_here
from daemon.domain.failure import NotFoundError, RefusedError
from daemon.domain.link import Link, LinkState
from daemon.domain.mapping import Step
from daemon.flow.campaigns import statuses_of
from daemon.operations import linking, loading, proposal, record_requests
from daemon.operations.linking import Parting
from daemon.operations.loading import Wish
from daemon.operations.office import Office
from daemon.ports.store import Unit

TITLE = "Name"


def campaigns_step(office: Office) -> Step:
    """The step of the campaigns. Raises NotFoundError where the configuration has none."""
    for step in office.parts.steps.ordered:
        if step.campaign is not None:
            return step
    raise NotFoundError(
        "no campaigns are configured",
        "the configuration has no section campaigns",
        "see docs/how-to/campaigns.md",
    )


async def listed(office: Office, *, limit: int, cursor: str | None) -> dict[str, Any]:
    """Campaigns that are or were linked, newest first; before the first page, those without a link, at most `limit` of them."""
    step = campaigns_step(office)
    found = await office.inspection.links(step=step.name, limit=limit, cursor=cursor)
    alone: list[str] = []
    if cursor is None:
        async with office.comparisons.look() as unit:
            lone = await unit.weighed_rows(step, limit)
        alone = [row.id for row in lone.listed]
    names = await _names(office, step, [*alone, *(str(item["key"]) for item in found.items)])
    unlinked = [{"key": key, "name": names.get(key), "state": "none", "sf_id": None} for key in alone]
    linked = [
        {
            "key": item["key"],
            "name": names.get(str(item["key"])),
            "state": item["state"],
            "sf_id": item["sf_id"],
            "origin": item["origin"],
            "salesforce_url": item["salesforce_url"],
        }
        for item in found.items
    ]
    return {"items": [*unlinked, *linked], "next": found.next}


async def _names(office: Office, step: Step, keys: Sequence[str]) -> dict[str, str | None]:
    column = step.by_name[TITLE].column or ""
    if not keys:
        return {}
    async with office.parts.writing, office.parts.store.begin() as unit:
        rows = await unit.rows(step, sorted(set(keys)))
    return {key: row.values.get(column) for key, row in rows.items()}


async def preview_link(office: Office, key: str, pasted: str) -> dict[str, Any]:
    """What a link would join: both halves, the statuses that the local type lacks, and the members in Salesforce. Stores nothing."""
    step = campaigns_step(office)
    shown = await linking.preview(office, step.name, key, pasted)
    sf_id = str(shown["sf_id"])
    found = await statuses_of(office.parts, [sf_id])
    labels = [str(record.values["Label"]) for record in found.get(sf_id, ())]
    async with office.parts.writing, office.parts.store.begin() as unit:
        row = (await unit.rows(step, [key])).get(key)
    kind = step.campaign.type_of(row.values) if step.campaign is not None and row is not None else None
    unknown = unknown_here(kind, labels) if kind is not None else []
    expected = await loading.estimate(office, _members_of(step, sf_id))
    return {
        **shown,
        "statuses": labels,
        "unknown_statuses": unknown,
        "warning": _warning(unknown, kind.default) if kind is not None and unknown else None,
        "members": expected["records"],
        "api_calls": expected["api_calls"],
    }


def _warning(unknown: Sequence[str], default: str) -> str:
    listed = ", ".join(unknown)
    return (
        f"the local type lacks these statuses of the campaign: {listed}; members with them become {default} here,"
        " and a status that the campaign lacks becomes its own default there"
    )


async def link(
    office: Office, key: str, pasted: str, operator: str, *, take: str = "salesforce"
) -> dict[str, Any]:
    """Join a campaign with one in Salesforce, active or not, and have its members brought in. Recorded.

    `take` is as in `linking.create`, for the campaign itself. Local members go out as soon as it is linked.
    """
    step = campaigns_step(office)
    preview = await preview_link(office, key, pasted)
    made = await linking.create(office, step.name, key, pasted, take, operator)
    job = await loading.order(office, _members_of(step, str(made["sf_id"])), operator)
    request = {"key": key, "sf_id": made["sf_id"]}
    await office.inspection.audit(
        operator=operator, action="campaign_link", request=request, outcome=f"job {job['id']}"
    )
    told = {name: preview[name] for name in ("statuses", "unknown_statuses", "warning", "members")}
    return {**made, **told, "job": job["id"]}


def _members_of(step: Step, sf_id: str) -> Wish:
    assert step.campaign is not None
    return Wish(step.campaign.members, where=f"CampaignId = '{sf_id}'")


async def preview_create(office: Office, key: str) -> dict[str, Any]:
    """What `create` would make. Raises what it would raise; stores nothing."""
    step = campaigns_step(office)
    async with office.parts.writing, office.parts.store.begin() as unit:
        await _check_unlinked(unit, step, key)
        row = (await unit.rows(step, [key])).get(key)
        if row is None:
            raise NotFoundError(
                f"{step.table.qualified} has no row {key}", "no row has that key", "give the primary key"
            )
        values = await proposal.row_values(office, unit, step, row)
    kind = step.campaign.type_of(row.values) if step.campaign is not None else None
    return {
        "step": step.name,
        "key": key,
        "name": values.get(TITLE),
        "fields": {name: value for name, value in values.items() if value is not None},
        "statuses": list(dict.fromkeys(kind.labels.values())) if kind is not None else [],
    }


async def create(office: Office, key: str, operator: str) -> dict[str, Any]:
    """Have the campaign made in Salesforce, active and under its name, with the statuses of its type; its members go out after it. Recorded."""
    planned = await preview_create(office, key)
    step = campaigns_step(office)
    asked = await record_requests.push(office, step.name, key, operator)
    await office.inspection.audit(
        operator=operator, action="campaign_create", request={"key": key}, outcome="asked"
    )
    return {**asked, "name": planned["name"], "statuses": planned["statuses"]}


async def unlink(office: Office, key: str, operator: str, *, dry_run: bool = False) -> dict[str, Any]:
    """Part a campaign: data stays on both sides, and neither it nor its members travel any more. Recorded, unless it is tried out."""
    step = campaigns_step(office)
    async with office.parts.writing, office.parts.store.begin() as unit:
        found = (await unit.links_of_rows(step.table.qualified, [key])).get(key)
    if found is None or found.state is not LinkState.LINKED:
        raise NotFoundError(
            f"campaign {key} is not linked", "it has no campaign in Salesforce", "see: isthmus campaign list"
        )
    if dry_run:
        return {"id": found.id, "step": step.name, "key": key, "sf_id": found.sf_id, "state": "linked"}
    gone = await linking.remove(office, found.id, parting=Parting.UNLINK, operator=operator)
    request = {"key": key, "sf_id": found.sf_id}
    await office.inspection.audit(
        operator=operator, action="campaign_unlink", request=request, outcome="unlinked"
    )
    return gone


async def _check_unlinked(unit: Unit, step: Step, key: str) -> None:
    link = (await unit.links_of_rows(step.table.qualified, [key])).get(key)
    if link is not None and link.state is not LinkState.TOMBSTONE:
        raise _linked_already(step, link)


def _linked_already(step: Step, link: Link) -> RefusedError:
    return RefusedError(
        f"campaign {link.key} is {link.state.value} already",
        f"it belongs to {link.object} {link.sf_id}",
        f"unlink it for good first: isthmus link remove {step.name} --pg {link.key} --forget",
    )
