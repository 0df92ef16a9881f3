"""Who may ask: tokens, roles, host names, foreign pages, and where the server listens."""

import asyncio
import socket
import time

import pytest
import structlog

from adapters.http.server import HttpServer
from adapters.http.tokens import Token
from adapters.memory.meter import MemoryMeter
from daemon.domain.failure import AccessError, ConfigurationError, IsthmusError, RefusedError
from daemon.ports.api import Role
from daemon.runtime.clock import SystemClock
from tests.integration.http.conftest import ADMIN, OPERATOR, VIEWER, Site, endpoints

ROUTES = [
    pytest.param(
        each.method,
        each.path.format(id="1", step="people", key="7"),
        each.role,
        id=f"{each.method} {each.path}",
    )
    for each in endpoints([], asyncio.Event())
]
NEAR_MISSES = [None, "", "wrong", VIEWER[:-1], VIEWER + "x", VIEWER.upper(), "ä" * 20, "\0" * 16]


def a_server(*tokens: str) -> HttpServer:
    known = [Token(f"t{number}", Role.VIEWER, lambda text=text: text) for number, text in enumerate(tokens)]  # type: ignore[misc]
    return HttpServer([], clock=SystemClock(), meter=MemoryMeter(), tokens=lambda: known)


@pytest.mark.parametrize(("method", "path", "role"), ROUTES)
async def test_every_route_but_health_wants_a_token(site: Site, method: str, path: str, role: Role) -> None:
    status, body, response = await site.ask(method, path, token=None)
    if role is Role.NONE:
        assert status == 200
        return
    assert (status, response.content_type, body["status"]) == (401, "application/problem+json", 401)
    assert response.headers["WWW-Authenticate"] == 'Bearer realm="isthmus"'
    assert body["exit_status"] == 77
    assert not site.seen


@pytest.mark.parametrize("token", [each for each in NEAR_MISSES if each is None or each.isprintable()])
async def test_a_token_that_is_nearly_right_is_wrong(site: Site, token: str | None) -> None:
    status, _, _ = await site.ask("GET", "/api/v1/things", token=token)
    assert status == 401


@pytest.mark.parametrize("header", ["Basic dmlld2VyOng=", "Bearer", "Bearer ", VIEWER, f"Token {VIEWER}"])
async def test_other_schemes_are_refused(site: Site, header: str) -> None:
    status, _, _ = await site.ask("GET", "/api/v1/things", token=None, headers={"Authorization": header})
    assert status == 401


@pytest.mark.parametrize(
    ("token", "method", "path", "status"),
    [
        (VIEWER, "GET", "/api/v1/things", 200),
        (VIEWER, "POST", "/api/v1/things", 403),
        (OPERATOR, "POST", "/api/v1/things", 200),
        (OPERATOR, "DELETE", "/api/v1/things/1", 403),
        (ADMIN, "DELETE", "/api/v1/things/1", 200),
    ],
)
async def test_each_role_includes_those_before_it(
    site: Site, token: str, method: str, path: str, status: int
) -> None:
    got, body, _ = await site.ask(method, path, token=token)
    assert got == status
    if status == 403:
        assert body["exit_status"] == 77
        assert token not in str(body)


@pytest.mark.requirement("S0-14")
async def test_a_refusal_for_want_of_a_role_is_logged_without_the_token(site: Site) -> None:
    with structlog.testing.capture_logs() as logged:
        await site.ask("DELETE", "/api/v1/things/1", token=OPERATOR)
    (line,) = [entry for entry in logged if entry["event"] == "http.role_refused"]
    assert (line["token"], line["role"], line["needed"]) == ("operator", "operator", "admin")
    assert line["route"] == "/api/v1/things/{id}"
    assert OPERATOR not in str(line)


async def test_the_endpoint_learns_who_asks(site: Site) -> None:
    await site.ask("POST", "/api/v1/things", token=OPERATOR)
    assert site.seen[0].operator == "operator"


async def test_a_new_token_is_taken_up_at_once(site: Site) -> None:
    site.secrets["viewer"] = "another-viewer-token-01"
    assert (await site.ask("GET", "/api/v1/things", token=VIEWER))[0] == 401
    assert (await site.ask("GET", "/api/v1/things", token="another-viewer-token-01"))[0] == 200


async def test_an_unknown_path_tells_strangers_nothing(site: Site) -> None:
    assert (await site.ask("GET", "/api/v1/nothing", token=None))[0] == 401
    status, body, _ = await site.ask("GET", "/api/v1/nothing", token=VIEWER)
    assert (status, body["exit_status"]) == (404, 4)


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("evil.example", 421), ("localhost.evil.example", 421), ("evil.example:8470", 421), ("", 421), ("10.0.0.9", 421),
        ("localhost", 200), ("LOCALHOST:1", 200), ("127.0.0.1:99", 200), ("[::1]:8470", 200), ("isthmus.example", 200),
    ],
)  # fmt: skip
async def test_only_our_own_host_names_are_served(site: Site, host: str, status: int) -> None:
    got, _, _ = await site.ask("GET", "/healthz", headers={"Host": host})
    assert got == status


async def test_the_metrics_listener_takes_any_name_and_shows_only_metrics_and_probes(site: Site) -> None:
    elsewhere = {"Host": "isthmus.monitoring.svc:9470", "Accept": "application/openmetrics-text"}
    assert (await site.ask("GET", f"{site.metrics}/metrics", token=None, headers=elsewhere))[:2] == (
        200,
        "# for application/openmetrics-text\n",
    )
    assert (await site.ask("GET", f"{site.metrics}/healthz", token=None, headers=elsewhere))[0] == 200
    assert (await site.ask("GET", f"{site.metrics}/api/v1/things", token=ADMIN))[0] == 404
    assert (await site.ask("GET", "/metrics"))[0] == 404


@pytest.mark.parametrize(
    ("origin", "status"), [("cross-site", 403), ("same-site", 403), ("same-origin", 200), ("none", 200)]
)
async def test_a_page_of_another_site_cannot_write(site: Site, origin: str, status: int) -> None:
    assert (await site.ask("POST", "/api/v1/things", headers={"Sec-Fetch-Site": origin}))[0] == status
    assert (await site.ask("GET", "/api/v1/things", headers={"Sec-Fetch-Site": origin}))[0] == 200


async def test_without_tokens_nobody_gets_in_and_the_fix_says_why() -> None:
    server = HttpServer(endpoints([], asyncio.Event()), clock=SystemClock(), meter=MemoryMeter())
    await server.start(("127.0.0.1", 0))
    assert server.api_address is not None
    reader, writer = await asyncio.open_connection(*server.api_address)
    writer.write(b"GET /api/v1/things HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    answer = (await reader.read()).decode()
    writer.close()
    await server.close()
    assert answer.startswith("HTTP/1.1 401")
    assert "http.auth.tokens" in answer


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "isthmus.example"])
async def test_an_open_listener_without_tokens_is_refused(host: str) -> None:
    with pytest.raises(RefusedError) as caught:
        await a_server().start((host, 0))
    assert caught.value.exit_status == 5
    assert "http.auth.tokens" in caught.value.fix


async def test_an_open_listener_with_tokens_serves_the_address_it_was_called_by() -> None:
    server = a_server("long-enough-token-1")
    await server.start(("0.0.0.0", 0))
    assert server.api_address is not None
    await server.close()


async def test_a_short_token_is_refused_without_being_repeated() -> None:
    with pytest.raises(AccessError) as caught:
        await a_server("hunter2").start(("127.0.0.1", 0))
    assert "hunter2" not in " ".join(caught.value.lines())


async def test_a_token_that_cannot_be_read_stops_the_start_and_later_matches_nothing() -> None:
    readable = True

    def read() -> str:
        if not readable:
            raise ConfigurationError("no file", "it is gone", "put it back")
        return "long-enough-token-1"

    tokens = [Token("ops", Role.ADMIN, read)]
    server = HttpServer(
        endpoints([], asyncio.Event()), clock=SystemClock(), meter=MemoryMeter(), tokens=lambda: tokens
    )
    await server.start(("127.0.0.1", 0))
    readable = False
    assert server.api_address is not None
    reader, writer = await asyncio.open_connection(*server.api_address)
    writer.write(
        b"GET /api/v1/things HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer long-enough-token-1\r\n"
    )
    writer.write(b"Connection: close\r\n\r\n")
    assert (await reader.readline()).startswith(b"HTTP/1.1 401")
    writer.close()
    await server.close()
    with pytest.raises(IsthmusError, match="no file"):
        await a_server_of(tokens).start(("127.0.0.1", 0))


def a_server_of(tokens: list[Token]) -> HttpServer:
    return HttpServer([], clock=SystemClock(), meter=MemoryMeter(), tokens=lambda: tokens)


@pytest.mark.parametrize("which", ["http.listen", "http.metrics_listen"])
async def test_a_port_in_use_is_explained_and_nothing_is_left_listening(which: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        busy = ("127.0.0.1", taken.getsockname()[1])
        free = ("127.0.0.1", 0)
        server = a_server()
        with pytest.raises(RefusedError) as caught:
            await server.start(*((busy, free) if which == "http.listen" else (free, busy)))
    assert caught.value.exit_status == 5
    assert f"127.0.0.1:{busy[1]}" in caught.value.what
    assert which in caught.value.fix
    if server.api_address is not None:
        with pytest.raises(OSError, match=str(server.api_address[1])):
            await asyncio.open_connection(*server.api_address)


async def test_an_address_of_another_machine_is_a_configuration_error() -> None:
    with pytest.raises(ConfigurationError, match=r"192\.0\.2\.1:0"):
        await a_server("long-enough-token-1").start(("192.0.2.1", 0))


async def test_open_requests_do_not_hold_up_the_end(site: Site) -> None:
    async with asyncio.TaskGroup() as group:
        asking = group.create_task(asyncio.wait_for(_hang(site), 10))
        await asyncio.wait_for(site.hanging.wait(), 5)
        started = time.monotonic()
        await site.server.close()
        assert time.monotonic() - started < 4
        await asking


async def _hang(site: Site) -> None:
    import aiohttp

    with pytest.raises(aiohttp.ClientError):
        await site.ask("GET", "/api/v1/hang")
