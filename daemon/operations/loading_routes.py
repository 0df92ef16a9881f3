"""The routes of loads that an operator orders."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from daemon.domain.failure import UsageError
from daemon.operations import loading
from daemon.operations.loading import Wish
from daemon.operations.office import Office
from daemon.operations.parameters import counted, text
from daemon.ports.api import ApiReply, ApiRequest, Endpoint, Role

_KNOWN = frozenset({"where", "since", "limit", "rate", "dry_run"})


def loading_routes(office: Office) -> Sequence[Endpoint]:
    """Estimate and order. The estimate makes one API call, so it is not for viewers."""
    path = "/api/v1/steps/{step}"
    return (
        Endpoint("POST", f"{path}/load:estimate", Role.OPERATOR, partial(_estimate, office)),
        Endpoint("POST", f"{path}/load", Role.OPERATOR, partial(_order, office)),
    )


async def _estimate(office: Office, request: ApiRequest) -> ApiReply:
    return ApiReply(await loading.estimate(office, _wish(request)))


async def _order(office: Office, request: ApiRequest) -> ApiReply:
    job = await loading.order(office, _wish(request), request.operator)
    counted(office, "load")
    return ApiReply(job, 202)


def _wish(request: ApiRequest) -> Wish:
    body = request.body
    unknown = sorted(body.keys() - _KNOWN)
    if unknown:
        raise UsageError(
            f"{', '.join(unknown)} is not known",
            "a load takes other names",
            f"one of: {', '.join(sorted(_KNOWN))}",
        )
    limit = _number(body, "limit")
    dry_run = body.get("dry_run", False)
    if not isinstance(dry_run, bool):
        raise UsageError("dry_run is not understood", "it is true or false", 'write {"dry_run": true}')
    return Wish(
        request.path["step"],
        text(body, "where"),
        text(body, "since"),
        None if limit is None else int(limit),
        _number(body, "rate"),
        dry_run,
    )


def _number(body: Mapping[str, Any], name: str) -> float | None:
    value = body.get(name)
    if value is None or (isinstance(value, int | float) and not isinstance(value, bool)):
        return value
    raise UsageError(f"{name} is not understood", "it is a number", f'write {{"{name}": 10}}')
