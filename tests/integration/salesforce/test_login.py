"""Logging in: the three flows, one login at a time, and nobody else is given a token."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import aiohttp
import jwt
import pytest
from aiohttp import web

from adapters.emulator import Emulator
from adapters.memory.meter import MemoryMeter
from adapters.salesforce import (
    ClientCredentialsLogin,
    JwtLogin,
    RefreshTokenLogin,
    SalesforceSettings,
    connect,
)
from adapters.salesforce.server_clock import ServerClock
from adapters.salesforce.tokens import TokenProvider
from daemon.domain.failure import CallFailedError, ConfigurationError, FailureKind
from daemon.runtime.clock import SystemClock
from tests.integration.salesforce.connecting import jwt_login, settings_for
from tests.integration.salesforce.control import Control

ORG, USER = "00D7R000001QrStUAK", "0057R000009wXyZQAU"


class SkewedClock(SystemClock):
    """A clock that is an hour slow."""

    def now(self) -> datetime:
        return super().now() - timedelta(hours=1)


class TokenEndpoint:
    """Answers token requests as it is told."""

    def __init__(self) -> None:
        self.url = ""
        self.forms: list[dict[str, str]] = []
        self.answer: dict[str, Any] = {}
        self.status = 200
        self.arrived = asyncio.Event()
        self.gate = asyncio.Event()
        self.gate.set()

    async def handle(self, request: web.Request) -> web.Response:
        self.forms.append({str(key): str(value) for key, value in (await request.post()).items()})
        self.arrived.set()
        await self.gate.wait()
        good = {
            "access_token": f"{ORG}!{len(self.forms)}",
            "instance_url": self.url,
            "id": f"{self.url}/id/{ORG}/{USER}",
        }
        answer = {**good, **self.answer} if self.status == 200 else self.answer
        return web.json_response(answer, status=self.status, headers={"Location": "https://evil.example/"})


@pytest.fixture
async def endpoint() -> AsyncIterator[TokenEndpoint]:
    served = TokenEndpoint()
    app = web.Application()
    app.router.add_post("/services/oauth2/token", served.handle)
    runner = web.AppRunner(app, shutdown_timeout=0.05)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    served.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield served
    finally:
        await runner.cleanup()


@asynccontextmanager
async def provider(
    settings: SalesforceSettings, meter: MemoryMeter | None = None
) -> AsyncIterator[TokenProvider]:
    clock = SystemClock()
    async with aiohttp.ClientSession() as http:
        yield TokenProvider(settings, http, clock, ServerClock(clock), meter or MemoryMeter())


def settings_at(url: str, **changes: Any) -> SalesforceSettings:
    settings = SalesforceSettings(
        login_url=url,
        login=ClientCredentialsLogin("client", lambda: "hunter2"),
        insecure_hosts=frozenset({"127.0.0.1"}),
    )
    return replace(settings, **changes)


async def failure_of(call: Callable[[], Awaitable[object]]) -> CallFailedError:
    with pytest.raises(CallFailedError) as failed:
        await call()
    return failed.value


@pytest.mark.requirement("S4-01", "S4-11")
async def test_the_jwt_flow(emulator: Emulator, meter: MemoryMeter) -> None:
    settings = settings_for(emulator.announcement, login=jwt_login(emulator.announcement))
    async with connect(settings, SystemClock(), meter) as org:
        assert await org.records.count("Account") == 0
        token = await org.tokens.token()
    assert token.org_id == emulator.announcement.org_id
    assert token.access_token not in repr(token)


async def test_a_slow_clock_is_corrected_at_the_second_try(
    emulator: Emulator, control: Control, meter: MemoryMeter
) -> None:
    settings = settings_for(emulator.announcement, login=jwt_login(emulator.announcement))
    async with connect(settings, SkewedClock(), meter) as org:
        await org.tokens.token()
        assert org.records.clock_offset == pytest.approx(3600, abs=2)
    assert len(await control.requests("/oauth2/token")) == 2


@pytest.mark.parametrize(
    "audience",
    [
        "https://login.salesforce.com",
        pytest.param("https://test.salesforce.com", marks=pytest.mark.requirement("S4-12")),
    ],
)
async def test_the_assertion_names_the_audience_and_lives_for_minutes(
    emulator: Emulator, endpoint: TokenEndpoint, audience: str
) -> None:
    login = replace(jwt_login(emulator.announcement), audience=audience)
    async with provider(settings_at(endpoint.url, login=login)) as tokens:
        await tokens.token()
    claims = jwt.decode(endpoint.forms[0]["assertion"], options={"verify_signature": False})
    assert (claims["iss"], claims["sub"], claims["aud"]) == (
        login.client_id, login.username, audience,
    )  # fmt: skip
    assert 100 < claims["exp"] - SystemClock().now().timestamp() <= 180


async def test_rotated_refresh_tokens_are_stored_before_they_are_used(
    emulator: Emulator, control: Control, meter: MemoryMeter
) -> None:
    await control.post("switches", refresh_rotation=True)
    stored = [(await control.post("refresh/issue"))["refresh_token"]]

    async def store(token: str) -> None:
        stored.append(token)

    first = stored[0]
    login = RefreshTokenLogin(
        emulator.announcement.client_id, lambda: first, store, lambda: emulator.announcement.client_secret
    )
    async with connect(settings_for(emulator.announcement, login=login), SystemClock(), meter) as org:
        for _ in range(3):
            await org.records.count("Account")
            await control.post("tokens/expire")
        await org.records.count("Account")
    assert len(stored) == len(set(stored)) >= 4


async def test_a_new_refresh_token_is_stored_even_if_the_caller_is_cancelled(endpoint: TokenEndpoint) -> None:
    stored: list[str] = []

    async def store(token: str) -> None:
        stored.append(token)

    login = RefreshTokenLogin("client", lambda: "old", store)
    endpoint.answer = {"refresh_token": "new"}
    endpoint.gate.clear()
    async with provider(settings_at(endpoint.url, login=login)) as tokens:
        async with asyncio.timeout(5), asyncio.TaskGroup() as group:
            caller = group.create_task(tokens.token())
            await endpoint.arrived.wait()
            caller.cancel()
            endpoint.gate.set()
        assert caller.cancelled()
        assert stored == ["new"]
        await tokens.token()
    assert [form["refresh_token"] for form in endpoint.forms] == ["old", "new"]


async def test_a_token_is_not_used_unless_its_refresh_token_was_stored(endpoint: TokenEndpoint) -> None:
    async def refuse(token: str) -> None:
        raise ConfigurationError("what", "why", "fix")

    login = RefreshTokenLogin("client", lambda: "old", refuse)
    endpoint.answer = {"refresh_token": "new"}
    async with provider(settings_at(endpoint.url, login=login)) as tokens:
        with pytest.raises(ConfigurationError):
            await tokens.token()
        assert tokens.current is None


async def test_fifty_callers_share_one_login_and_one_failure(endpoint: TokenEndpoint) -> None:
    meter = MemoryMeter()
    async with provider(settings_at(endpoint.url), meter) as tokens:
        first = await tokens.token()
        renewed = await asyncio.gather(*(tokens.renew(first) for _ in range(50)))
        assert len(endpoint.forms) == 2
        assert set(renewed) == {await tokens.token()}
        endpoint.status, endpoint.answer = 400, {"error": "invalid_grant"}
        endpoint.gate.clear()
        endpoint.arrived.clear()
        asking = asyncio.gather(*(tokens.renew(renewed[0]) for _ in range(50)), return_exceptions=True)
        await endpoint.arrived.wait()
        endpoint.gate.set()
        async with asyncio.timeout(5):
            failed = await asking
    assert len(endpoint.forms) == 3
    assert all(isinstance(error, CallFailedError) for error in failed)
    assert meter.counted("isthmus_salesforce_token_refreshes_total", outcome="failed") == 1


async def test_a_failure_does_not_lock_out(endpoint: TokenEndpoint) -> None:
    async with provider(settings_at(endpoint.url)) as tokens:
        endpoint.status, endpoint.answer = 503, {}
        assert (await failure_of(tokens.token)).failure.kind is FailureKind.TRANSIENT
        endpoint.status, endpoint.answer = 400, {"error": "invalid_client"}
        assert (await failure_of(tokens.token)).failure.kind is FailureKind.AUTHENTICATION
        endpoint.status, endpoint.answer = 200, {}
        assert (await tokens.token()).user_id == USER


@pytest.mark.parametrize(
    "instance_url",
    [
        "https://evil.example",
        "http://acme.my.salesforce.com",
        "https://acme.my.salesforce.com.evil.example",
        "",
        "x",
    ],
)
async def test_a_foreign_instance_is_given_nothing(endpoint: TokenEndpoint, instance_url: str) -> None:
    endpoint.answer = {"instance_url": instance_url}
    async with provider(settings_at(endpoint.url)) as tokens:
        error = await failure_of(tokens.token)
        assert error.failure.code == "FOREIGN_INSTANCE"
        assert tokens.current is None


@pytest.mark.parametrize("answer", [{"access_token": None}, {"access_token": 3}, {"instance_url": None}])
async def test_an_answer_without_a_token_makes_no_sense(
    endpoint: TokenEndpoint, answer: dict[str, Any]
) -> None:
    endpoint.answer = answer
    async with provider(settings_at(endpoint.url)) as tokens:
        assert (await failure_of(tokens.token)).failure.kind is FailureKind.DEFECT


async def test_each_token_is_told_before_it_is_used(endpoint: TokenEndpoint) -> None:
    learnt: list[str] = []
    async with provider(settings_at(endpoint.url, learn=learnt.append)) as tokens:
        token = await tokens.token()
    assert learnt == [token.access_token]


async def test_a_redirect_is_not_followed(endpoint: TokenEndpoint) -> None:
    endpoint.status = 307
    async with provider(settings_at(endpoint.url)) as tokens:
        assert (await failure_of(tokens.token)).failure.code == "HTTP_307"
    assert len(endpoint.forms) == 1


async def test_secrets_are_read_anew_and_never_shown(endpoint: TokenEndpoint) -> None:
    secrets = ["hunter1", "hunter2"]
    settings = settings_at(endpoint.url, login=ClientCredentialsLogin("client", lambda: secrets[0]))
    async with provider(settings) as tokens:
        first = await tokens.token()
        secrets.pop(0)
        await tokens.renew(first)
    assert [form["client_secret"] for form in endpoint.forms] == ["hunter1", "hunter2"]
    assert "hunter" not in repr(settings)


def _unreadable() -> str:
    raise PermissionError(13, "Permission denied")


@pytest.mark.parametrize(
    ("login", "code"),
    [
        (ClientCredentialsLogin("client", _unreadable), "SECRET_UNREADABLE"),
        (ClientCredentialsLogin("client", lambda: " \n"), "SECRET_EMPTY"),
        (JwtLogin("client", "user", lambda: "not a key"), "PRIVATE_KEY_INVALID"),
    ],
)
async def test_a_secret_that_cannot_be_used_is_named(endpoint: TokenEndpoint, login: Any, code: str) -> None:
    async with provider(settings_at(endpoint.url, login=login)) as tokens:
        error = await failure_of(tokens.token)
    assert (error.failure.kind, error.failure.code) == (FailureKind.CONFIGURATION, code)
    assert endpoint.forms == []


async def test_a_login_host_that_is_not_salesforces_is_refused() -> None:
    settings = SalesforceSettings("https://evil.example", ClientCredentialsLogin("c", lambda: "s"))
    with pytest.raises(ConfigurationError) as refused:
        async with connect(settings, SystemClock(), MemoryMeter()):
            pass
    assert all(refused.value.lines())


async def test_nobody_there(endpoint: TokenEndpoint) -> None:
    async with provider(settings_at("http://127.0.0.1:1")) as tokens:
        assert (await failure_of(tokens.token)).failure.code == "CONNECTION_FAILED"
