"""The HTTP API over the operators' acts: parameters in, documents out, nothing else."""

from collections.abc import Sequence
from functools import partial

from daemon.domain.failure import UsageError
from daemon.operations import conflicts, record, record_requests, status
from daemon.operations.actions import action_routes
from daemon.operations.campaign_routes import campaign_routes
from daemon.operations.job_routes import job_routes
from daemon.operations.link_routes import link_routes
from daemon.operations.loading_routes import loading_routes
from daemon.operations.masking import masked
from daemon.operations.naming import stored_name, told, way_of
from daemon.operations.office import Office
from daemon.operations.parameters import PAGE, asked, counted, flag, limit, number, page, text
from daemon.operations.parked import parked_routes
from daemon.operations.reloading import config_routes
from daemon.operations.step_routes import step_routes
from daemon.ports.api import ApiReply, ApiRequest, Endpoint, Role


def endpoints(office: Office) -> Sequence[Endpoint]:
    """Every route under /api/v1."""
    viewer, operator = Role.VIEWER, Role.OPERATOR
    return (
        Endpoint("GET", "/api/v1/status", viewer, partial(_status, office)),
        Endpoint("GET", "/api/v1/leader", viewer, partial(_leader, office)),
        Endpoint("POST", "/api/v1/leader:step-down", operator, partial(_step_down, office)),
        Endpoint("GET", "/api/v1/steps", viewer, partial(_steps, office)),
        Endpoint("GET", "/api/v1/parked", viewer, partial(_parked, office), PAGE | {"step", "code"}),
        Endpoint("GET", "/api/v1/parked/{id}", viewer, partial(_one_parked, office)),
        Endpoint("POST", "/api/v1/parked:retry", operator, partial(_retry, office)),
        *parked_routes(office),
        *link_routes(office),
        *action_routes(office),
        *campaign_routes(office),
        *job_routes(office),
        *loading_routes(office),
        *step_routes(office),
        *config_routes(office),
        Endpoint("GET", "/api/v1/conflicts", viewer, partial(_conflicts, office), PAGE | {"step"}),
        Endpoint("GET", "/api/v1/conflicts/{id}", viewer, partial(_one_conflict, office)),
        Endpoint("POST", "/api/v1/conflicts/{id}/resolve", operator, partial(_resolve, office)),
        Endpoint("GET", "/api/v1/gaps", viewer, partial(_gaps, office), PAGE | {"step", "open"}),
        Endpoint("GET", "/api/v1/log", viewer, partial(_log, office), PAGE | {"step", "record"}),
        Endpoint("GET", "/api/v1/records/{step}/{key}", viewer, partial(_show, office)),
        Endpoint(
            "POST",
            "/api/v1/records/{step}/{key}/explain",
            viewer,
            partial(_explain, office),
            frozenset({"asked"}),
        ),
        Endpoint("POST", "/api/v1/records/{step}/{key}/push", operator, partial(_push, office)),
        Endpoint("POST", "/api/v1/records/{step}/{key}/sync", operator, partial(_sync, office)),
    )


async def _status(office: Office, _: ApiRequest) -> ApiReply:
    return ApiReply(await status.status(office))


async def _leader(office: Office, _: ApiRequest) -> ApiReply:
    return ApiReply(await office.leadership.status())


async def _step_down(office: Office, request: ApiRequest) -> ApiReply:
    ended = await office.leadership.end()
    outcome = f"epoch {ended['epoch']} ends"
    await office.inspection.audit(operator=request.operator, action="step_down", request={}, outcome=outcome)
    counted(office, "step_down")
    return ApiReply(ended)


async def _steps(office: Office, _: ApiRequest) -> ApiReply:
    return ApiReply({"items": (await status.status(office))["steps"], "next": None})


async def _parked(office: Office, request: ApiRequest) -> ApiReply:
    query = request.query
    return page(
        office,
        request,
        told(
            office.parts.steps,
            await office.inspection.parked(
                step=asked(office, query),
                way=way_of(office.parts.steps, query.get("step")),
                code=query.get("code"),
                limit=limit(query),
                cursor=query.get("cursor"),
            ),
        ),
    )


async def _one_parked(office: Office, request: ApiRequest) -> ApiReply:
    found = await office.inspection.parked(ids=[number(request.path["id"], "id")])
    return page(office, request, told(office.parts.steps, found))


async def _retry(office: Office, request: ApiRequest) -> ApiReply:
    ids = request.body.get("ids") or ()
    if not isinstance(ids, list | tuple) or not all(isinstance(item, int) for item in ids):
        raise UsageError("ids is not understood", "it is a list of numbers", 'write {"ids": [17, 18]}')
    named, code = text(request.body, "step"), text(request.body, "code")
    step, way = stored_name(office.parts.steps, named), way_of(office.parts.steps, named)
    if not ids and step is None and code is None and request.body.get("all") is not True:
        raise UsageError(
            "nothing was named to retry", "it takes ids, step, code or all", 'write {"ids": [17]}'
        )
    count = await office.inspection.retry(
        ids=list(ids), step=step, way=way, code=code, operator=request.operator
    )
    counted(office, "retry")
    return ApiReply({"retried": count})


async def _conflicts(office: Office, request: ApiRequest) -> ApiReply:
    query = request.query
    return page(
        office,
        request,
        await office.inspection.conflicts(
            step=asked(office, query), limit=limit(query), cursor=query.get("cursor")
        ),
    )


async def _one_conflict(office: Office, request: ApiRequest) -> ApiReply:
    shown = await conflicts.show(office, number(request.path["id"], "id"))
    return ApiReply(masked(office.parts.steps, request, shown))


async def _resolve(office: Office, request: ApiRequest) -> ApiReply:
    take = text(request.body, "take") or ""
    entry = number(request.path["id"], "id")
    resolved = await conflicts.resolve(office, entry, take, request.operator)
    counted(office, "resolve")
    return ApiReply(resolved)


async def _gaps(office: Office, request: ApiRequest) -> ApiReply:
    query = request.query
    return page(
        office,
        request,
        await office.inspection.gaps(
            step=asked(office, query),
            open_only=flag(query, "open"),
            limit=limit(query),
            cursor=query.get("cursor"),
        ),
    )


async def _log(office: Office, request: ApiRequest) -> ApiReply:
    query = request.query
    return page(
        office,
        request,
        told(
            office.parts.steps,
            await office.inspection.log(
                step=asked(office, query),
                way=way_of(office.parts.steps, query.get("step")),
                record=query.get("record"),
                limit=limit(query),
                cursor=query.get("cursor"),
            ),
        ),
    )


async def _show(office: Office, request: ApiRequest) -> ApiReply:
    shown = await record.show(office, request.path["step"], request.path["key"])
    return ApiReply(masked(office.parts.steps, request, shown))


async def _push(office: Office, request: ApiRequest) -> ApiReply:
    path = request.path
    asked = await record_requests.push(office, path["step"], path["key"], request.operator)
    counted(office, "push")
    return ApiReply(asked, 202)


async def _sync(office: Office, request: ApiRequest) -> ApiReply:
    path = request.path
    asked = await record_requests.sync(office, path["step"], path["key"], request.operator)
    counted(office, "sync")
    return ApiReply(asked, 202)


async def _explain(office: Office, request: ApiRequest) -> ApiReply:
    asked = flag(request.query, "asked")
    shown = await record.explain(office, request.path["step"], request.path["key"], asked=asked)
    return ApiReply(masked(office.parts.steps, request, shown))
