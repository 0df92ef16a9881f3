"""The routes about campaigns. Looking is for viewers, linking for administrators: it brings in and sends whole lists of members."""

from collections.abc import Sequence
from functools import partial

from daemon.operations import campaigns
from daemon.operations.masking import masked
from daemon.operations.office import Office
from daemon.operations.parameters import PAGE, counted, flag, limit, text, texts
from daemon.ports.api import ApiReply, ApiRequest, Endpoint, Role


def campaign_routes(office: Office) -> Sequence[Endpoint]:
    """Every route under /api/v1/campaigns."""
    viewer, admin = Role.VIEWER, Role.ADMIN
    path = "/api/v1/campaigns"
    return (
        Endpoint("GET", path, viewer, partial(_list, office), PAGE),
        Endpoint("POST", path, admin, partial(_link, office)),
        Endpoint("POST", f"{path}:preview", viewer, partial(_preview, office)),
        Endpoint("POST", f"{path}:create", admin, partial(_create, office)),
        Endpoint("DELETE", f"{path}/{{key}}", admin, partial(_unlink, office), frozenset({"dry_run"})),
    )


async def _list(office: Office, request: ApiRequest) -> ApiReply:
    query = request.query
    found = await campaigns.listed(office, limit=limit(query), cursor=query.get("cursor"))
    return ApiReply(masked(office.parts.steps, request, found))


async def _preview(office: Office, request: ApiRequest) -> ApiReply:
    """What a link would join; without a record, what would be made."""
    [key] = texts(request.body, "key")
    sf_id = text(request.body, "sf_id")
    shown = (
        await campaigns.preview_create(office, key)
        if sf_id is None
        else await campaigns.preview_link(office, key, sf_id)
    )
    return ApiReply(masked(office.parts.steps, request, shown))


async def _link(office: Office, request: ApiRequest) -> ApiReply:
    key, sf_id = texts(request.body, "key", "sf_id")
    take = text(request.body, "take") or "salesforce"
    made = await campaigns.link(office, key, sf_id, request.operator, take=take)
    counted(office, "link")
    return ApiReply(made, 201)


async def _create(office: Office, request: ApiRequest) -> ApiReply:
    [key] = texts(request.body, "key")
    asked = await campaigns.create(office, key, request.operator)
    counted(office, "push")
    return ApiReply(asked, 202)


async def _unlink(office: Office, request: ApiRequest) -> ApiReply:
    dry_run = flag(request.query, "dry_run")
    gone = await campaigns.unlink(office, request.path["key"], request.operator, dry_run=dry_run)
    if not dry_run:
        counted(office, "unlink")
    return ApiReply(gone)
