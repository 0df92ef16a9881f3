"""The HTTP API over the operators' acts: parameters in, documents out, nothing else."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from daemon.domain.failure import UsageError
from daemon.operations import conflicts, linking, record, status
from daemon.operations.masking import masked
from daemon.operations.office import Office
from daemon.ports.api import ApiReply, ApiRequest, Endpoint, Role
from daemon.ports.database import Page

LIMIT_MOST = 500


def endpoints(office: Office) -> Sequence[Endpoint]:
    """Every route under /api/v1."""
    viewer, operator = Role.VIEWER, Role.OPERATOR
    page = frozenset({"limit", "cursor"})
    return (
        Endpoint("GET", "/api/v1/status", viewer, partial(_status, office)),
        Endpoint("GET", "/api/v1/leader", viewer, partial(_leader, office)),
        Endpoint("POST", "/api/v1/leader:step-down", operator, partial(_step_down, office)),
        Endpoint("GET", "/api/v1/steps", viewer, partial(_steps, office)),
        Endpoint("GET", "/api/v1/parked", viewer, partial(_parked, office), page | {"step", "code"}),
        Endpoint("GET", "/api/v1/parked/{id}", viewer, partial(_one_parked, office)),
        Endpoint("POST", "/api/v1/parked:retry", operator, partial(_retry, office)),
        Endpoint("GET", "/api/v1/links", viewer, partial(_links, office), page | {"step", "sf_id", "key"}),
        Endpoint("POST", "/api/v1/links", operator, partial(_link, office)),
        Endpoint("DELETE", "/api/v1/links/{id}", operator, partial(_unlink, office), frozenset({"block"})),
        Endpoint("GET", "/api/v1/conflicts", viewer, partial(_conflicts, office), page | {"step"}),
        Endpoint("GET", "/api/v1/conflicts/{id}", viewer, partial(_one_conflict, office)),
        Endpoint("POST", "/api/v1/conflicts/{id}/resolve", operator, partial(_resolve, office)),
        Endpoint("GET", "/api/v1/gaps", viewer, partial(_gaps, office), page | {"step", "open"}),
        Endpoint("GET", "/api/v1/log", viewer, partial(_log, office), page | {"step", "record"}),
        Endpoint("GET", "/api/v1/records/{step}/{key}", viewer, partial(_show, office)),
        Endpoint("POST", "/api/v1/records/{step}/{key}/explain", viewer, partial(_explain, office)),
    )


async def _status(office: Office, _: ApiRequest) -> ApiReply:
    return ApiReply(await status.status(office))


async def _leader(office: Office, _: ApiRequest) -> ApiReply:
    return ApiReply(await office.leadership.status())


async def _step_down(office: Office, request: ApiRequest) -> ApiReply:
    ended = await office.leadership.end()
    outcome = f"epoch {ended['epoch']} ends"
    await office.inspection.audit(operator=request.operator, action="step_down", request={}, outcome=outcome)
    office.parts.meter.count("isthmus_operator_actions_total", action="step_down", via="api", outcome="ok")
    return ApiReply(ended)


async def _steps(office: Office, _: ApiRequest) -> ApiReply:
    return ApiReply({"items": (await status.status(office))["steps"], "next": None})


async def _parked(office: Office, request: ApiRequest) -> ApiReply:
    query = request.query
    return _page(
        office,
        request,
        await office.inspection.parked(
            step=query.get("step"), code=query.get("code"), limit=_limit(query), cursor=query.get("cursor")
        ),
    )


async def _one_parked(office: Office, request: ApiRequest) -> ApiReply:
    return _page(office, request, await office.inspection.parked(ids=[_number(request.path["id"], "id")]))


async def _retry(office: Office, request: ApiRequest) -> ApiReply:
    ids = request.body.get("ids") or ()
    if not isinstance(ids, list | tuple) or not all(isinstance(item, int) for item in ids):
        raise UsageError("ids is not understood", "it is a list of numbers", 'write {"ids": [17, 18]}')
    step, code = _text(request.body, "step"), _text(request.body, "code")
    if not ids and step is None and code is None and request.body.get("all") is not True:
        raise UsageError(
            "nothing was named to retry", "it takes ids, step, code or all", 'write {"ids": [17]}'
        )
    count = await office.inspection.retry(ids=list(ids), step=step, code=code, operator=request.operator)
    office.parts.meter.count("isthmus_operator_actions_total", action="retry", via="api", outcome="ok")
    return ApiReply({"retried": count})


async def _links(office: Office, request: ApiRequest) -> ApiReply:
    query = request.query
    return _page(
        office,
        request,
        await office.inspection.links(
            step=query.get("step"),
            sf_id=query.get("sf_id"),
            key=query.get("key"),
            limit=_limit(query),
            cursor=query.get("cursor"),
        ),
    )


async def _link(office: Office, request: ApiRequest) -> ApiReply:
    wanted = {name: _text(request.body, name) for name in ("step", "key", "sf_id")}
    missing = [name for name, value in wanted.items() if value is None]
    if missing:
        raise UsageError(
            f"{', '.join(missing)} is missing",
            "a link names its step and both halves",
            'write {"step": …, "key": …, "sf_id": …}',
        )
    take = _text(request.body, "take") or "none"
    made = await linking.create(
        office, str(wanted["step"]), str(wanted["key"]), str(wanted["sf_id"]), take, request.operator
    )
    office.parts.meter.count("isthmus_operator_actions_total", action="link", via="api", outcome="ok")
    return ApiReply(made, 201)


async def _unlink(office: Office, request: ApiRequest) -> ApiReply:
    block = request.query.get("block", "false")
    if block not in ("true", "false"):
        raise UsageError(f"block={block} is not understood", "it is true or false", "write ?block=true")
    gone = await linking.remove(
        office, _number(request.path["id"], "id"), block=block == "true", operator=request.operator
    )
    office.parts.meter.count("isthmus_operator_actions_total", action="unlink", via="api", outcome="ok")
    return ApiReply(gone)


async def _conflicts(office: Office, request: ApiRequest) -> ApiReply:
    query = request.query
    return _page(
        office,
        request,
        await office.inspection.conflicts(
            step=query.get("step"), limit=_limit(query), cursor=query.get("cursor")
        ),
    )


async def _one_conflict(office: Office, request: ApiRequest) -> ApiReply:
    shown = await conflicts.show(office, _number(request.path["id"], "id"))
    return ApiReply(masked(office.parts.steps, request, shown))


async def _resolve(office: Office, request: ApiRequest) -> ApiReply:
    take = _text(request.body, "take") or ""
    number = _number(request.path["id"], "id")
    resolved = await conflicts.resolve(office, number, take, request.operator)
    office.parts.meter.count("isthmus_operator_actions_total", action="resolve", via="api", outcome="ok")
    return ApiReply(resolved)


async def _gaps(office: Office, request: ApiRequest) -> ApiReply:
    query = request.query
    only = query.get("open", "false")
    if only not in ("true", "false"):
        raise UsageError(f"open={only} is not understood", "it is true or false", "write ?open=true")
    return _page(
        office,
        request,
        await office.inspection.gaps(
            step=query.get("step"),
            open_only=only == "true",
            limit=_limit(query),
            cursor=query.get("cursor"),
        ),
    )


async def _log(office: Office, request: ApiRequest) -> ApiReply:
    query = request.query
    return _page(
        office,
        request,
        await office.inspection.log(
            step=query.get("step"),
            record=query.get("record"),
            limit=_limit(query),
            cursor=query.get("cursor"),
        ),
    )


async def _show(office: Office, request: ApiRequest) -> ApiReply:
    shown = await record.show(office, request.path["step"], request.path["key"])
    return ApiReply(masked(office.parts.steps, request, shown))


async def _explain(office: Office, request: ApiRequest) -> ApiReply:
    shown = await record.explain(office, request.path["step"], request.path["key"])
    return ApiReply(masked(office.parts.steps, request, shown))


def _page(office: Office, request: ApiRequest, page: Page) -> ApiReply:
    return ApiReply({"items": masked(office.parts.steps, request, list(page.items)), "next": page.next})


def _limit(query: Mapping[str, str]) -> int:
    return min(LIMIT_MOST, max(1, _number(query.get("limit", "100"), "limit")))


def _number(text: str, name: str) -> int:
    try:
        return int(text)
    except ValueError as error:
        raise UsageError(
            f"{name}={text[:40]} is not a number", "it takes a whole number", f"write {name}=17"
        ) from error


def _text(body: Mapping[str, Any], name: str) -> str | None:
    value = body.get(name)
    if value is None or isinstance(value, str):
        return value
    raise UsageError(f"{name} is not understood", "it is a text", f'write {{"{name}": "…"}}')
