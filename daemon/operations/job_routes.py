"""The routes about long works."""

from collections.abc import Sequence
from functools import partial

from daemon.operations import jobs
from daemon.operations.masking import masked
from daemon.operations.office import Office
from daemon.operations.parameters import PAGE, asked, counted, limit, number
from daemon.ports.api import ApiReply, ApiRequest, Endpoint, Role


def job_routes(office: Office) -> Sequence[Endpoint]:
    """Every route under /api/v1/jobs."""
    listed = PAGE | {"step", "kind", "state"}
    return (
        Endpoint("GET", "/api/v1/jobs", Role.VIEWER, partial(_list, office), listed),
        Endpoint("GET", "/api/v1/jobs/{id}", Role.VIEWER, partial(_show, office)),
        Endpoint("POST", "/api/v1/jobs/{id}:cancel", Role.OPERATOR, partial(_cancel, office)),
    )


async def _list(office: Office, request: ApiRequest) -> ApiReply:
    query = request.query
    found = await jobs.listed(
        office,
        step=asked(office, query),
        kind=query.get("kind"),
        state=query.get("state"),
        limit=limit(query),
        cursor=query.get("cursor"),
    )
    return ApiReply(masked(office.parts.steps, request, found))


async def _show(office: Office, request: ApiRequest) -> ApiReply:
    found = await jobs.show(office, number(request.path["id"], "id"))
    return ApiReply(masked(office.parts.steps, request, found))


async def _cancel(office: Office, request: ApiRequest) -> ApiReply:
    ended = await jobs.cancel(office, number(request.path["id"], "id"), request.operator)
    counted(office, "cancel_job")
    return ApiReply(masked(office.parts.steps, request, ended))
