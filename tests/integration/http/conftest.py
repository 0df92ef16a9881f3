"""A server on real sockets, with endpoints that show what they were asked."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import pytest

from adapters.http.server import HttpServer
from adapters.http.tokens import Token
from adapters.memory.meter import MemoryMeter
from daemon.domain.failure import CallFailedError, Failure, FailureKind, NotFoundError, Reason, RefusedError
from daemon.ports.api import ApiReply, ApiRequest, Endpoint, Role
from daemon.runtime.clock import SystemClock

VIEWER, OPERATOR, ADMIN = "viewer-token-0123456789", "operator-token-0123456789", "admin-token-0123456789"


def raising(error: Exception) -> Callable[[ApiRequest], Awaitable[ApiReply]]:
    async def handle(_: ApiRequest) -> ApiReply:
        raise error

    return handle


@dataclass
class Site:
    """The running server, what its endpoints have seen, and a client."""

    server: HttpServer
    meter: MemoryMeter
    session: aiohttp.ClientSession
    seen: list[ApiRequest]
    secrets: dict[str, str]
    hanging: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def base(self) -> str:
        assert self.server.api_address is not None
        return f"http://127.0.0.1:{self.server.api_address[1]}"

    @property
    def metrics(self) -> str:
        assert self.server.metrics_address is not None
        return f"http://127.0.0.1:{self.server.metrics_address[1]}"

    async def ask(
        self,
        method: str,
        path: str,
        *,
        token: str | None = ADMIN,
        headers: dict[str, str] | None = None,
        **options: Any,
    ) -> tuple[int, Any, aiohttp.ClientResponse]:
        own = {"Authorization": f"Bearer {token}"} if token is not None else {}
        url = path if path.startswith("http") else self.base + path
        async with self.session.request(
            method, url, headers={**own, **(headers or {})}, **options
        ) as response:
            is_json = response.content_type.endswith("json")
            return response.status, await (response.json() if is_json else response.text()), response


def endpoints(seen: list[ApiRequest], hanging: asyncio.Event) -> list[Endpoint]:
    async def echo(request: ApiRequest) -> ApiReply:
        seen.append(request)
        return ApiReply(
            {"path": dict(request.path), "query": dict(request.query), "body": dict(request.body)}
        )

    async def health(_: ApiRequest) -> ApiReply:
        return ApiReply({"status": "ok"})

    async def hang(_: ApiRequest) -> ApiReply:
        hanging.set()
        await asyncio.Event().wait()
        raise AssertionError

    async def file(_: ApiRequest) -> ApiReply:
        return ApiReply(b"a,b\n", content_type="text/csv; charset=utf-8")

    return [
        Endpoint("GET", "/healthz", Role.NONE, health, metrics=True),
        Endpoint("GET", "/api/v1/things", Role.VIEWER, echo, query=frozenset({"step", "limit"})),
        Endpoint("POST", "/api/v1/things", Role.OPERATOR, echo),
        Endpoint("POST", "/api/v1/things:retry", Role.OPERATOR, echo),
        Endpoint("DELETE", "/api/v1/things/{id}", Role.ADMIN, echo, query=frozenset({"block"})),
        Endpoint("GET", "/api/v1/records/{step}/{key}", Role.VIEWER, echo),
        Endpoint("GET", "/api/v1/file", Role.VIEWER, file),
        Endpoint("GET", "/api/v1/hang", Role.VIEWER, hang),
        Endpoint("GET", "/api/v1/missing", Role.VIEWER, raising(NotFoundError("no record 9", "it is not linked", "look"))),
        Endpoint("GET", "/api/v1/refused", Role.VIEWER, raising(RefusedError("no", "held", "wait"))),
        Endpoint("GET", "/api/v1/defect", Role.VIEWER, raising(KeyError("secret-value-of-a-row"))),
        Endpoint(
            "GET",
            "/api/v1/call",
            Role.VIEWER,
            raising(CallFailedError(Failure(FailureKind.LIMITED, Reason.LIMIT, "REQUEST_LIMIT_EXCEEDED", "spent", "wait"))),
        ),
    ]  # fmt: skip


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    meter, seen, hanging = MemoryMeter(), list[ApiRequest](), asyncio.Event()
    secrets = {"viewer": VIEWER, "operator": OPERATOR, "admin": ADMIN}

    def reader(name: str) -> Callable[[], str]:
        return lambda: secrets[name]

    server = HttpServer(
        endpoints(seen, hanging),
        clock=SystemClock(),
        meter=meter,
        tokens=lambda: [Token(name, Role[name.upper()], reader(name)) for name in secrets],
        hosts=["Isthmus.example"],
        render=lambda accept: (f"# for {accept}\n".encode(), "text/plain; version=0.0.4"),
    )
    await server.start(("127.0.0.1", 0), ("127.0.0.1", 0))
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10)) as session:
        yield Site(server, meter, session, seen, secrets, hanging)
    await server.close()
