"""Only an administrator has a changed configuration taken up, and what became of it is recorded."""

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import aiohttp
import pytest

from adapters.http.server import HttpServer
from adapters.http.tokens import Token
from adapters.memory.meter import MemoryMeter
from daemon.domain.failure import RefusedError
from daemon.operations.reloading import config_routes
from daemon.ports.api import Role
from daemon.runtime.clock import SystemClock

if TYPE_CHECKING:
    from daemon.operations.office import Office

CHANGED = {"added": ["leads"], "removed": [], "changed": {}, "restart": []}
TOKENS = {role: f"{role.name.lower()}-token-0123456789" for role in (Role.VIEWER, Role.OPERATOR, Role.ADMIN)}


class Files:
    def __init__(self) -> None:
        self.reloads = 0
        self.refusal: RefusedError | None = None

    def diff(self) -> dict[str, Any]:
        return CHANGED

    async def reload(self) -> dict[str, Any]:
        self.reloads += 1
        if self.refusal is not None:
            raise self.refusal
        return CHANGED


@pytest.mark.requirement("S2-02", "S2-03", "S2-04", "S2-05", "S2-06")
async def test_a_viewer_and_an_operator_change_nothing_and_an_administrator_does() -> None:
    files, audited = Files(), list[tuple[str, str]]()

    async def audit(*, operator: str, action: str, request: object, outcome: str) -> None:
        audited.append((operator, outcome))

    office = SimpleNamespace(
        configuration=lambda: files,
        inspection=SimpleNamespace(audit=audit),
        parts=SimpleNamespace(meter=MemoryMeter()),
    )
    tokens = [Token(role.name, role, lambda text=text: text) for role, text in TOKENS.items()]  # type: ignore[misc]
    server = HttpServer(
        config_routes(cast("Office", office)), clock=SystemClock(), meter=MemoryMeter(), tokens=lambda: tokens
    )
    await server.start(("127.0.0.1", 0))
    try:
        assert server.api_address is not None
        base = f"http://127.0.0.1:{server.api_address[1]}/api/v1"

        async def ask(http: aiohttp.ClientSession, act: str, role: Role) -> int:
            bearer = {"Authorization": f"Bearer {TOKENS[role]}"}
            method = "GET" if act == "diff" else "POST"
            body: dict[str, str] | None = None if act == "diff" else {}
            async with http.request(method, f"{base}/config:{act}", headers=bearer, json=body) as answer:
                await answer.read()
                return answer.status

        async with aiohttp.ClientSession() as http:
            assert [await ask(http, "diff", role) for role in TOKENS] == [200, 200, 200]
            assert [await ask(http, "reload", role) for role in TOKENS] == [403, 403, 200]
            assert files.reloads == 1
            files.refusal = RefusedError("http.listen cannot be changed", "it needs a restart", "restart")
            assert await ask(http, "reload", Role.ADMIN) == 409
    finally:
        await server.close()
    assert audited == [("ADMIN", "taken up"), ("ADMIN", "refused")]
