"""The probes that service managers, load balancers and scripts ask: routes that need no token and touch no database."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from daemon.ports.api import ApiReply, ApiRequest, Endpoint, Role
from daemon.runtime.health import Health

Leader = Callable[[], Mapping[str, Any] | None]


def probe_endpoints(
    health: Health, *, leader: Leader, version: Callable[[], Mapping[str, Any]]
) -> Sequence[Endpoint]:
    """`/healthz`, `/readyz`, `/leaderz` and `/version`, on both listeners.

    `leader` gives holder, epoch and since while this process holds the lease, else None.
    """

    async def healthz(_: ApiRequest) -> ApiReply:
        alive = health.alive()
        return ApiReply({"status": "ok" if alive else "stuck"}, 200 if alive else 503)

    async def readyz(_: ApiRequest) -> ApiReply:
        return ApiReply(health.report(), 200 if health.ready() else 503)

    async def leaderz(_: ApiRequest) -> ApiReply:
        held = leader()
        return ApiReply({"leader": False}, 503) if held is None else ApiReply({"leader": True, **held})

    async def version_of(_: ApiRequest) -> ApiReply:
        return ApiReply(version())

    routes = {"/healthz": healthz, "/readyz": readyz, "/leaderz": leaderz, "/version": version_of}
    return tuple(Endpoint("GET", path, Role.NONE, handle, metrics=True) for path, handle in routes.items())
