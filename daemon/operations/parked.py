"""What a person may do with a parked record besides trying it again: say that it is not wanted."""

from collections.abc import Sequence
from functools import partial
from typing import Any

from daemon.domain.failure import NotFoundError, UsageError
from daemon.operations.office import Office
from daemon.operations.parameters import counted, text
from daemon.ports.api import ApiReply, ApiRequest, Endpoint, Role

MOST = 1000
"""So many at once: a person gives a reason for what they have looked at."""


def parked_routes(office: Office) -> Sequence[Endpoint]:
    """Discarding, for operators."""
    return (Endpoint("POST", "/api/v1/parked:discard", Role.OPERATOR, partial(_discard, office)),)


async def discard(office: Office, ids: Sequence[int], reason: str, operator: str) -> dict[str, Any]:
    """Forget parked changes. Raises NotFoundError where none of them is parked.

    Nothing is written to either side: the record stays as it is, until one of its halves changes again or a comparison asks about it.
    """
    async with office.parts.writing:
        count = await office.inspection.discard(ids, reason=reason, operator=operator)
    if not count:
        raise NotFoundError(
            f"nothing is parked under {', '.join(map(str, ids[:10]))}",
            "it was applied, or discarded before",
            "see: isthmus parked list",
        )
    return {"discarded": count}


async def _discard(office: Office, request: ApiRequest) -> ApiReply:
    ids, reason = request.body.get("ids") or (), (text(request.body, "reason") or "").strip()
    numbers = isinstance(ids, list | tuple) and all(
        isinstance(item, int) and not isinstance(item, bool) and 0 < item < 2**63 for item in ids
    )
    if not (numbers and 0 < len(ids) <= MOST and reason):
        raise UsageError(
            "what to discard, and why, is not said",
            f"it takes 1 to {MOST} ids and a reason",
            'write {"ids": [17], "reason": "a test record"}',
        )
    done = await discard(office, list(ids), reason, request.operator)
    counted(office, "discard")
    return ApiReply(done)
