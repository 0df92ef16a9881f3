"""The routes of comparisons, repairs and the delete guard of a step."""

import math
from collections.abc import Mapping, Sequence
from datetime import timedelta
from functools import partial
from typing import Any

from daemon.domain.failure import UsageError
from daemon.domain.permit import LONGEST
from daemon.operations import comparing, expectations, guard
from daemon.operations.comparing import Wish
from daemon.operations.office import Office
from daemon.operations.parameters import MOST, counted, text, texts
from daemon.ports.api import ApiReply, ApiRequest, Endpoint, Role


def step_routes(office: Office) -> Sequence[Endpoint]:
    """Looking is for viewers; a comparison costs API calls, and the rest changes data."""
    path = "/api/v1/steps/{step}"
    return (
        Endpoint("POST", f"{path}/compare", Role.OPERATOR, partial(_compare, office)),
        Endpoint("POST", f"{path}/repair:preview", Role.VIEWER, partial(_preview, office)),
        Endpoint("POST", f"{path}/repair", Role.OPERATOR, partial(_repair, office)),
        Endpoint("GET", f"{path}/guard", Role.VIEWER, partial(_guard, office)),
        Endpoint("POST", f"{path}/expectations", Role.OPERATOR, partial(_expectations, office)),
        Endpoint("POST", f"{path}/allow-delete", Role.OPERATOR, partial(_allow, office)),
    )


async def _compare(office: Office, request: ApiRequest) -> ApiReply:
    body = request.body
    where = body.get("where") or {}
    if not isinstance(where, Mapping) or not all(isinstance(value, str) for value in where.values()):
        raise UsageError(
            "where is not understood", "it gives texts by name", 'write {"where": {"key": "17"}}'
        )
    job = await comparing.compare(
        office,
        request.path["step"],
        where=where,
        share=_number(body, "share", 1.0),
        show=_whole(body, "show", 0),
        operator=request.operator,
    )
    counted(office, "compare")
    return ApiReply(job, 202)


async def _preview(office: Office, request: ApiRequest) -> ApiReply:
    return ApiReply(await comparing.preview(office, _wish(request)))


async def _repair(office: Office, request: ApiRequest) -> ApiReply:
    job = await comparing.repair(office, _wish(request), request.operator)
    counted(office, "repair")
    return ApiReply(job, 202)


def _wish(request: ApiRequest) -> Wish:
    body = request.body
    (take,) = texts(body, "from")
    return Wish(request.path["step"], take, text(body, "only"), _whole(body, "confirm", 0))


async def _guard(office: Office, request: ApiRequest) -> ApiReply:
    return ApiReply(await guard.show(office, request.path["step"]))


async def _expectations(office: Office, request: ApiRequest) -> ApiReply:
    found = await expectations.expectations(office, request.path["step"])
    counted(office, "expectations")
    return ApiReply(found)


async def _allow(office: Office, request: ApiRequest) -> ApiReply:
    amount, lasting = _whole(request.body, "count", 0), _number(request.body, "seconds", 3600)
    lasting = min(lasting, 10 * LONGEST.total_seconds())
    allowed = await guard.allow(
        office, request.path["step"], amount, timedelta(seconds=lasting), request.operator
    )
    counted(office, "allow_delete")
    return ApiReply(allowed)


def _number(body: Mapping[str, Any], name: str, otherwise: float) -> float:
    value = body.get(name, otherwise)
    if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
        return value
    raise UsageError(f"{name} is not understood", "it is a number", f'write {{"{name}": 10}}')


def _whole(body: Mapping[str, Any], name: str, otherwise: int) -> int:
    value = body.get(name, otherwise)
    if isinstance(value, int) and not isinstance(value, bool) and value <= MOST:
        return value
    raise UsageError(f"{name} is not understood", "it is a whole number", f'write {{"{name}": 10}}')
