"""Actions that are still to be done, as operators see them, and what they may do with them."""

from collections.abc import Sequence
from functools import partial
from typing import Any

from daemon.domain.failure import NotFoundError, UsageError
from daemon.operations.masking import masked
from daemon.operations.office import Office
from daemon.operations.parameters import PAGE, counted, limit, page, text
from daemon.ports.api import ApiReply, ApiRequest, Endpoint, Role


def action_routes(office: Office) -> Sequence[Endpoint]:
    """Every route under /api/v1/actions."""
    return (
        Endpoint("GET", "/api/v1/actions", Role.VIEWER, partial(_list, office), PAGE | {"step", "action"}),
        Endpoint("POST", "/api/v1/actions:retry", Role.OPERATOR, partial(_retry, office)),
        Endpoint("POST", "/api/v1/actions:discard", Role.OPERATOR, partial(_discard, office)),
    )


async def retry(
    office: Office, *, ids: Sequence[int], step: str | None, action: str | None, operator: str
) -> dict[str, Any]:
    """Make stored actions due at once, by their ids, or those of a step or an action."""
    if not ids and step is None and action is None:
        raise UsageError(
            "nothing was named to retry", "it takes ids, a step or an action", "see: isthmus action list"
        )
    count = await office.outbox.retry(ids=ids, step=step, action=action)
    request = {"ids": list(ids), "step": step, "action": action}
    await office.inspection.audit(
        operator=operator, action="retry_actions", request=request, outcome=f"{count} due"
    )
    return {"retried": count}


async def discard(office: Office, ids: Sequence[int], reason: str, operator: str) -> dict[str, Any]:
    """Forget stored actions undone, with the reason in the record of operators' acts. Raises NotFoundError where none of them is stored."""
    count = await office.outbox.discard(ids)
    if not count:
        raise NotFoundError(
            f"no action is stored under {', '.join(map(str, ids))}",
            "it was done, or discarded before",
            "see: isthmus action list",
        )
    request = {"ids": list(ids), "reason": reason}
    await office.inspection.audit(
        operator=operator, action="discard_actions", request=request, outcome=f"{count} discarded"
    )
    return {"discarded": count}


async def _list(office: Office, request: ApiRequest) -> ApiReply:
    query = request.query
    found = await office.outbox.list(
        step=query.get("step"), action=query.get("action"), limit=limit(query), cursor=query.get("cursor")
    )
    return page(office, request, found)


async def _retry(office: Office, request: ApiRequest) -> ApiReply:
    body = request.body
    done = await retry(
        office,
        ids=_ids(request),
        step=text(body, "step"),
        action=text(body, "action"),
        operator=request.operator,
    )
    counted(office, "retry_actions")
    return ApiReply(masked(office.parts.steps, request, done))


async def _discard(office: Office, request: ApiRequest) -> ApiReply:
    ids, reason = _ids(request), (text(request.body, "reason") or "").strip()
    if not ids or not reason:
        raise UsageError(
            "what to discard, and why, is not said",
            "it takes ids and a reason",
            'write {"ids": [17], "reason": "the receiver was retired"}',
        )
    done = await discard(office, ids, reason, request.operator)
    counted(office, "discard_actions")
    return ApiReply(done)


def _ids(request: ApiRequest) -> list[int]:
    ids = request.body.get("ids") or ()
    if not isinstance(ids, list | tuple) or not all(
        isinstance(item, int) and not isinstance(item, bool) and 0 < item < 2**63 for item in ids
    ):
        raise UsageError("ids is not understood", "it is a list of numbers", 'write {"ids": [17, 18]}')
    return list(ids)
