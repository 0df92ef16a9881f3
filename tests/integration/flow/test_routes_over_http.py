"""The routes of campaigns, steps and links over HTTP, on both real sides: who may ask, and that bad input changes nothing."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

import aiohttp

from adapters.http.server import HttpServer
from adapters.http.tokens import Token
from adapters.memory.meter import MemoryMeter
from daemon.operations.endpoints import endpoints
from daemon.ports.api import Role
from daemon.runtime.clock import SystemClock
from tests.integration.flow.conftest import MakeRoad
from tests.support.road import Road
from tests.support.road_campaigns import campaigning

TOKENS: Final[dict[Role, str]] = {
    role: f"{role.name.lower()}-token-0123456789" for role in Role if role is not Role.NONE
}
FAMILIES: Final = ("/api/v1/campaigns", "/api/v1/steps/", "/api/v1/links")
ABSENT: Final = {"id": "987654", "step": "nowhere", "key": "987654"}
TOO_LARGE: Final = str(2**63)

BAD_INPUT: Final[list[tuple[str, str, Any]]] = [
    ("GET", f"/api/v1/links?cursor={TOO_LARGE}", None),
    ("GET", "/api/v1/links?cursor=" + "9" * 5000, None),
    ("GET", "/api/v1/links?cursor=%D9%A3x", None),
    ("GET", f"/api/v1/links?limit={TOO_LARGE}", None),
    ("GET", f"/api/v1/campaigns?cursor={TOO_LARGE}", None),
    ("GET", f"/api/v1/jobs?cursor={TOO_LARGE}", None),
    ("GET", f"/api/v1/actions?cursor={TOO_LARGE}", None),
    ("GET", f"/api/v1/parked?cursor={TOO_LARGE}", None),
    ("GET", f"/api/v1/conflicts?cursor={TOO_LARGE}", None),
    ("GET", f"/api/v1/gaps?cursor={TOO_LARGE}", None),
    ("GET", f"/api/v1/log?cursor={TOO_LARGE}", None),
    ("DELETE", f"/api/v1/links/{TOO_LARGE}", None),
    ("DELETE", "/api/v1/links/one", None),
    ("DELETE", "/api/v1/links/1?block=true&forget=true", None),
    ("DELETE", "/api/v1/links/1?block=perhaps", None),
    ("POST", "/api/v1/links", {"step": "contacts", "key": 7, "sf_id": "003"}),
    ("POST", "/api/v1/links", {"step": "contacts", "key": "7", "sf_id": "no id"}),
    ("POST", "/api/v1/links", {"step": "contacts", "key": "x", "sf_id": "003000000000001AAA"}),
    ("POST", "/api/v1/links", {"step": "contacts", "key": "7", "sf_id": "003000000000001AAA", "take": "both"}),
    ("POST", "/api/v1/links:preview", {"step": "contacts", "key": "\u0000", "sf_id": "003000000000001AAA"}),
    ("POST", "/api/v1/links:change", {"step": "contacts", "key": "7", "sf_id": "003000000000001AAA"}),
    ("POST", "/api/v1/campaigns", {"key": "7"}),
    ("POST", "/api/v1/campaigns", {"key": "7", "sf_id": "701000000000001AAA", "take": "none"}),
    ("POST", "/api/v1/campaigns:create", {"key": ["7"]}),
    ("POST", "/api/v1/campaigns:preview", {"key": "abc"}),
    ("DELETE", "/api/v1/campaigns/abc?dry_run=1", None),
    ("POST", "/api/v1/steps/contacts/compare", {"where": ["key"]}),
    ("POST", "/api/v1/steps/contacts/compare", {"where": {"Nope__c": "1"}}),
    ("POST", "/api/v1/steps/contacts/compare", {"share": "all"}),
    ("POST", "/api/v1/steps/contacts/compare", {"share": -1}),
    ("POST", "/api/v1/steps/contacts/compare", {"show": 2**70}),
    ("POST", "/api/v1/steps/contacts/repair", {"from": "nobody"}),
    ("POST", "/api/v1/steps/contacts/repair:preview", {}),
    ("POST", "/api/v1/steps/contacts/allow-delete", {"count": -1}),
    ("POST", "/api/v1/steps/contacts/allow-delete", {"count": 1.5}),
    ("POST", "/api/v1/steps/contacts/allow-delete", {"count": 1, "seconds": 1e300}),
]  # fmt: skip

Answer = tuple[int, dict[str, Any]]


class Site:
    """The product's own API over a road."""

    def __init__(self, http: aiohttp.ClientSession, base: str, road: Road) -> None:
        self._http, self._base, self._road = http, base, road

    async def ask(self, method: str, path: str, role: Role | None, body: Any = None) -> Answer:
        headers = {"Authorization": f"Bearer {TOKENS[role]}"} if role is not None else {}
        json = None if method == "GET" else body if body is not None else {}
        async with self._http.request(method, self._base + path, headers=headers, json=json) as answer:
            return answer.status, await answer.json(content_type=None)

    async def state(self) -> list[Any]:
        """All that an act could have changed."""
        tables = ("link", "change", "job", "journal", "conflict", "setting", "command")
        counted = " UNION ALL ".join(
            f"SELECT '{name}', md5(coalesce(string_agg(t::text, ';' ORDER BY t::text), '')) FROM isthmus.{name} t"
            for name in tables
        )
        rows = await self._road.app.fetch(counted)
        return [tuple(row) for row in rows] + [self._road.org.log.end]


@asynccontextmanager
async def served(make_road: MakeRoad) -> AsyncIterator[tuple[Site, Road]]:
    scene = await campaigning(make_road)
    routes = endpoints(scene.road.office)
    tokens = [Token(role.name, role, lambda text=text: text) for role, text in TOKENS.items()]  # type: ignore[misc]
    server = HttpServer(routes, clock=SystemClock(), meter=MemoryMeter(), tokens=lambda: tokens)
    await server.start(("127.0.0.1", 0))
    try:
        assert server.api_address is not None
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=20)) as http:
            yield Site(http, f"http://127.0.0.1:{server.api_address[1]}", scene.road), scene.road
    finally:
        await server.close()


def told(answer: Answer) -> bool:
    """Whether an answer is a problem of the asker's, with what, why and what to do."""
    status, body = answer
    return 400 <= status < 500 and all(body.get(name) for name in ("title", "detail", "fix", "exit_status"))


async def test_each_role_may_do_what_is_its_own_and_no_more(make_road: MakeRoad) -> None:
    async with served(make_road) as (site, road):
        routes = [each for each in endpoints(road.office) if each.path.startswith(FAMILIES)]
        assert len(routes) > 12
        before = await site.state()
        for route in routes:
            path = route.path.format(**ABSENT)
            assert (await site.ask(route.method, path, None))[0] == 401, route.path
            for role in TOKENS:
                answer = await site.ask(route.method, path, role)
                if role < route.role:
                    assert answer[0] == 403, (route.path, role)
                elif route.method == "GET" and "{" not in route.path:
                    assert answer[0] == 200, (route.path, role)
                else:  # it names nothing that is there
                    assert answer[0] in (400, 404, 409), (route.path, role, answer)
                    assert told(answer), answer
        assert await site.state() == before


async def test_bad_input_is_told_and_changes_nothing(make_road: MakeRoad) -> None:
    async with served(make_road) as (site, _):
        before = await site.state()
        for method, path, body in BAD_INPUT:
            answer = await site.ask(method, path, Role.ADMIN, body)
            assert told(answer), (method, path, body, answer)
            assert await site.state() == before, (method, path, body)
