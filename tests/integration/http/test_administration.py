"""Who may set up and change the sync: every route of the product, asked over HTTP."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, cast

import aiohttp
import pytest

from adapters.http.server import HttpServer
from adapters.http.tokens import Token
from adapters.memory.meter import MemoryMeter
from daemon.operations.endpoints import endpoints
from daemon.ports.api import ApiReply, ApiRequest, Role
from daemon.runtime.clock import SystemClock

if TYPE_CHECKING:
    from daemon.operations.office import Office

TOKENS = {Role.ADMIN: "admin-token-0123456789", Role.VIEWER: "viewer-token-0123456789"}
PATHS = {"id": "1", "step": "people", "key": "7", "code": "x", "job": "1", "name": "people", "sf_id": "1"}


async def _done(_: ApiRequest) -> ApiReply:
    return ApiReply({"done": True})


@asynccontextmanager
async def served() -> AsyncIterator[str]:
    """The product's own routes with their roles, over acts that do nothing."""
    routes = [replace(each, handle=_done) for each in endpoints(cast("Office", None))]
    tokens = [Token(role.name, role, lambda text=text: text) for role, text in TOKENS.items()]  # type: ignore[misc]
    server = HttpServer(routes, clock=SystemClock(), meter=MemoryMeter(), tokens=lambda: tokens)
    await server.start(("127.0.0.1", 0))
    try:
        assert server.api_address is not None
        yield f"http://127.0.0.1:{server.api_address[1]}"
    finally:
        await server.close()


@pytest.mark.requirement("S2-01")
async def test_an_administrator_may_do_everything_and_a_viewer_nothing_that_changes_something() -> None:
    everything = endpoints(cast("Office", None))
    changing = [each for each in everything if each.role is not Role.VIEWER]
    assert len(changing) > 5
    async with served() as base, aiohttp.ClientSession() as http:
        for role, routes, status in ((Role.ADMIN, everything, 200), (Role.VIEWER, changing, 403)):
            bearer = {"Authorization": f"Bearer {TOKENS[role]}"}
            for route in routes:
                url = base + route.path.format(**PATHS)
                body: dict[str, str] | None = None if route.method == "GET" else {}
                async with http.request(route.method, url, headers=bearer, json=body) as answer:
                    assert answer.status == status, (role, route.method, route.path, await answer.text())
