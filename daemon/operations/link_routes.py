"""The routes about links. Looking is for viewers, changing for administrators: a wrong pair overwrites real data."""

from collections.abc import Sequence
from functools import partial

from daemon.domain.failure import UsageError
from daemon.operations import linking
from daemon.operations.linking import Parting
from daemon.operations.masking import masked
from daemon.operations.office import Office
from daemon.operations.parameters import PAGE, asked, counted, flag, limit, number, page, text, texts
from daemon.ports.api import ApiReply, ApiRequest, Endpoint, Role


def link_routes(office: Office) -> Sequence[Endpoint]:
    """Every route under /api/v1/links."""
    viewer, admin = Role.VIEWER, Role.ADMIN
    listed = PAGE | {"step", "sf_id", "key", "state"}
    return (
        Endpoint("GET", "/api/v1/links", viewer, partial(_list, office), listed),
        Endpoint("POST", "/api/v1/links", admin, partial(_create, office)),
        Endpoint("POST", "/api/v1/links:preview", viewer, partial(_preview, office)),
        Endpoint("POST", "/api/v1/links:change", admin, partial(_change, office)),
        Endpoint(
            "DELETE", "/api/v1/links/{id}", admin, partial(_remove, office), frozenset({"block", "forget"})
        ),
    )


async def _list(office: Office, request: ApiRequest) -> ApiReply:
    query = request.query
    found = await office.inspection.links(
        step=asked(office, query),
        sf_id=query.get("sf_id"),
        key=query.get("key"),
        state=query.get("state"),
        limit=limit(query),
        cursor=query.get("cursor"),
    )
    if not found.items and "step" in query:
        office.step(query["step"])  # one that was removed may have links still; a name that never was is told
    return page(office, request, found)


async def _preview(office: Office, request: ApiRequest) -> ApiReply:
    step, key, sf_id = texts(request.body, "step", "key", "sf_id")
    shown = await linking.preview(office, step, key, sf_id)
    return ApiReply(masked(office.parts.steps, request, shown))


async def _create(office: Office, request: ApiRequest) -> ApiReply:
    step, key, sf_id = texts(request.body, "step", "key", "sf_id")
    take = text(request.body, "take") or "none"
    made = await linking.create(office, step, key, sf_id, take, request.operator)
    counted(office, "link")
    return ApiReply(made, 201)


async def _change(office: Office, request: ApiRequest) -> ApiReply:
    step, key, sf_id = texts(request.body, "step", "key", "sf_id")
    take = text(request.body, "take") or "none"
    made = await linking.change(office, step, key, sf_id, take, request.operator)
    counted(office, "relink")
    return ApiReply(made)


async def _remove(office: Office, request: ApiRequest) -> ApiReply:
    block, forget = flag(request.query, "block"), flag(request.query, "forget")
    if block and forget:
        raise UsageError(
            "block and forget exclude each other",
            "a blocked pair is remembered for good, a forgotten one not at all",
            "leave one of them out",
        )
    parting = Parting.BLOCK if block else Parting.FORGET if forget else Parting.UNLINK
    gone = await linking.remove(
        office, number(request.path["id"], "id"), parting=parting, operator=request.operator
    )
    counted(office, "unlink")
    return ApiReply(gone)
