"""The login of a person in a browser: what is asked, which answer counts, and what a refusal says."""

import asyncio
import base64
import hashlib
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

import aiohttp
import pytest

from adapters.emulator import Emulator
from adapters.memory.meter import MemoryMeter
from adapters.salesforce import RefreshTokenLogin, SalesforceSettings, connect
from adapters.salesforce.authorize import log_in
from daemon.domain.failure import CallFailedError, FailureKind, RefusedError, TryLaterError
from daemon.runtime.clock import SystemClock
from tests.integration.salesforce.connecting import settings_for
from tests.integration.salesforce.test_login import TokenEndpoint, endpoint
from tests.support.browsing import Page, asked, browse
from tests.support.ports import free_port

__all__ = ["endpoint"]


async def forget(_: str) -> None:
    """Keep nothing."""


def person(emulator: Emulator, **changes: str) -> SalesforceSettings:
    """Settings whose app is the emulated org's own."""
    announced = emulator.announcement
    client = changes.get("client_id", announced.client_id)
    login = RefreshTokenLogin(client, lambda: "none yet", forget, lambda: announced.client_secret)
    return settings_for(announced, login=login)


@dataclass
class Trial:
    """A login under way."""

    settings: SalesforceSettings
    port: int = field(default_factory=free_port)
    address: "asyncio.Future[str]" = field(default_factory=lambda: asyncio.get_running_loop().create_future())

    async def run(self, seconds: float = 20.0) -> str:
        return await log_in(self.settings, port=self.port, seconds=seconds, show=self.address.set_result)


@asynccontextmanager
async def begun(settings: SalesforceSettings) -> AsyncIterator[tuple[Trial, "asyncio.Task[str]"]]:
    trial = Trial(settings)
    task = asyncio.get_running_loop().create_task(trial.run())
    try:
        async with asyncio.timeout(10):
            await trial.address
        yield trial, task
    finally:
        task.cancel()
        await asyncio.wait({task})


async def refusal(settings: SalesforceSettings, act: Callable[[Trial], Awaitable[object]]) -> CallFailedError:
    async with begun(settings) as (trial, task):
        await act(trial)
        with pytest.raises(CallFailedError) as failed:
            await task
        return failed.value


async def visit(trial: Trial, query: str) -> Page:
    return await browse(f"http://127.0.0.1:{trial.port}/callback?{query}")


@pytest.mark.requirement("S1-03")
async def test_a_login_in_a_browser_gives_a_refresh_token_that_works(
    emulator: Emulator, meter: MemoryMeter
) -> None:
    settings = person(emulator)
    async with begun(settings) as (trial, task):
        page = await browse(trial.address.result())
        assert (page.status, "can be closed" in page.text) == (200, True)
        token = await task
    assert isinstance(settings.login, RefreshTokenLogin)
    connected = replace(settings, login=replace(settings.login, refresh_token=lambda: token))
    async with connect(connected, SystemClock(), meter) as org:
        assert (await org.catalogue.organisation())["username"] == emulator.announcement.username


async def test_what_is_asked_carries_no_secret_and_proves_the_code_to_be_ours(emulator: Emulator) -> None:
    async with begun(person(emulator)) as (trial, _):
        query = asked(trial.address.result())
    assert query["redirect_uri"] == f"http://localhost:{trial.port}/callback"
    assert (query["response_type"], query["scope"]) == ("code", "api refresh_token")
    assert query["code_challenge_method"] == "S256"
    assert emulator.announcement.client_secret not in trial.address.result()
    assert len(query["state"]) >= 32


async def test_the_code_is_redeemed_with_the_secret_behind_the_challenge(endpoint: TokenEndpoint) -> None:
    endpoint.answer = {"refresh_token": "the first"}
    login = RefreshTokenLogin("client", lambda: "none yet", forget)
    settings = SalesforceSettings(
        login_url=endpoint.url, login=login, insecure_hosts=frozenset({"127.0.0.1"})
    )
    async with begun(settings) as (trial, task):
        query = asked(trial.address.result())
        await visit(trial, f"code=abc&state={query['state']}")
        assert await task == "the first"
    [form] = endpoint.forms
    digest = hashlib.sha256(form["code_verifier"].encode()).digest()
    assert base64.urlsafe_b64encode(digest).decode().rstrip("=") == query["code_challenge"]
    assert (form["grant_type"], form["code"], form["client_id"]) == ("authorization_code", "abc", "client")
    assert form["redirect_uri"] == query["redirect_uri"]
    assert "client_secret" not in form


@pytest.mark.parametrize("query", ["code=stolen", "code=stolen&state=another", "state={state}", ""])
async def test_an_answer_that_is_not_ours_is_turned_away_and_the_login_still_waits(
    emulator: Emulator, query: str
) -> None:
    async with begun(person(emulator)) as (trial, task):
        state = asked(trial.address.result())["state"]
        assert (await visit(trial, query.format(state=state))).status == 400
        assert not task.done()
        await browse(trial.address.result())
        assert await task


async def test_a_person_who_denies_is_told_so(emulator: Emulator) -> None:
    async def deny(trial: Trial) -> None:
        state = asked(trial.address.result())["state"]
        await visit(trial, f"error=access_denied&error_description=end-user+denied&state={state}")

    failure = (await refusal(person(emulator), deny)).failure
    assert (failure.kind, failure.code) == (FailureKind.AUTHENTICATION, "access_denied")
    assert "end-user denied" in failure.message
    assert "Allow" in failure.advice


async def test_a_code_that_is_not_of_this_login_is_refused_by_its_cause(emulator: Emulator) -> None:
    async def forge(trial: Trial) -> None:
        await visit(trial, f"code=forged&state={asked(trial.address.result())['state']}")

    failure = (await refusal(person(emulator), forge)).failure
    assert (failure.code, failure.message) == ("invalid_grant", "expired authorization code")


async def test_an_app_without_the_scope_for_coming_back_is_told(endpoint: TokenEndpoint) -> None:
    async def approve(trial: Trial) -> None:
        await visit(trial, f"code=abc&state={asked(trial.address.result())['state']}")

    login = RefreshTokenLogin("client", lambda: "none yet", forget)
    settings = SalesforceSettings(
        login_url=endpoint.url, login=login, insecure_hosts=frozenset({"127.0.0.1"})
    )
    failure = (await refusal(settings, approve)).failure
    assert (failure.code, "offline_access" in failure.advice) == ("NO_REFRESH_TOKEN", True)


async def test_an_app_that_is_not_known_shows_its_error_in_the_browser_and_the_login_ends_in_time(
    emulator: Emulator,
) -> None:
    trial = Trial(person(emulator, client_id="another app"))
    async with asyncio.timeout(10), asyncio.TaskGroup() as group:
        run = group.create_task(_late(trial, 0.5))
        page = await browse(await trial.address)
        assert (page.status, "invalid_client_id" in page.text) == (400, True)
    assert "invalid_client_id" in run.result().fix


async def _late(trial: Trial, seconds: float) -> TryLaterError:
    with pytest.raises(TryLaterError) as late:
        await trial.run(seconds)
    return late.value


async def test_a_taken_port_is_said_before_anybody_logs_in(emulator: Emulator) -> None:
    trial = Trial(person(emulator))
    with socket.create_server(("127.0.0.1", trial.port)), pytest.raises(RefusedError) as refused:
        await trial.run()
    assert str(trial.port) in refused.value.what
    assert not trial.address.done()


async def test_nothing_listens_any_more_after_the_login(emulator: Emulator) -> None:
    async with begun(person(emulator)) as (trial, task):
        await browse(trial.address.result())
        await task
        with pytest.raises(aiohttp.ClientConnectorError):
            await visit(trial, "code=late")
