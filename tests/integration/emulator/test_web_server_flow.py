"""The login of a person in a browser: authorization code with PKCE."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from adapters.emulator import Emulator, EmulatorOptions
from tests.support.plain_client import Answer, PlainClient

CALLBACK = "http://localhost:1717/OauthRedirect"
VERIFIER = "correct-horse-battery-staple-correct-horse-battery"
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).decode().rstrip("=")


async def authorize(client: PlainClient, **changes: str) -> Answer:
    """Open the authorization page; an empty value leaves a parameter out."""
    query = {
        "response_type": "code",
        "client_id": client.announcement.client_id,
        "redirect_uri": CALLBACK,
        "scope": "api refresh_token",
        "state": "a state & more",
        "code_challenge": CHALLENGE,
        "code_challenge_method": "S256",
    }
    sent = {name: value for name, value in (query | changes).items() if value}
    return await client.send("GET", "/services/oauth2/authorize", auth="", params=sent)


def sent_back(answer: Answer, callback: str = CALLBACK) -> dict[str, str]:
    """What the browser carries back to the app."""
    assert answer.status == 302
    where = urlsplit(answer.headers["Location"])
    assert f"{where.scheme}://{where.netloc}{where.path}" == callback
    return {name: values[0] for name, values in parse_qs(where.query, strict_parsing=True).items()}


async def redeem(client: PlainClient, code: str, **changes: str) -> Answer:
    """Change a code into tokens; an empty value leaves a parameter out."""
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": CALLBACK,
        "client_id": client.announcement.client_id,
        "client_secret": client.announcement.client_secret,
        "code_verifier": VERIFIER,
    }
    sent = {name: value for name, value in (form | changes).items() if value}
    return await client.send("POST", "/services/oauth2/token", auth="", data=sent)


async def code_for(client: PlainClient, **changes: str) -> str:
    return sent_back(await authorize(client, **changes))["code"]


async def username(client: PlainClient, access_token: str) -> str:
    answer = await client.send("GET", "/services/oauth2/userinfo", auth=f"Bearer {access_token}")
    assert answer.status == 200
    return str(answer.body["preferred_username"])


async def test_a_code_becomes_tokens_that_work(client: PlainClient) -> None:
    back = sent_back(await authorize(client))
    assert set(back) == {"code", "state"}
    assert back["state"] == "a state & more"
    answer = await redeem(client, back["code"])
    assert answer.status == 200
    assert {"access_token", "refresh_token", "instance_url", "id", "issued_at"} <= set(answer.body)
    assert "expires_in" not in answer.body
    assert await username(client, answer.body["access_token"]) == client.announcement.username
    form = {
        "grant_type": "refresh_token",
        "client_id": client.announcement.client_id,
        "refresh_token": answer.body["refresh_token"],
    }
    refreshed = await client.send("POST", "/services/oauth2/token", auth="", data=form)
    assert refreshed.status == 200


async def test_a_refresh_token_needs_its_scope(client: PlainClient) -> None:
    answer = await redeem(client, await code_for(client, scope="api"))
    assert answer.status == 200
    assert "refresh_token" not in answer.body


async def test_the_user_can_be_named(client: PlainClient) -> None:
    rows = await client.query(
        f"SELECT Username FROM User WHERE Username != '{client.announcement.username}' ORDER BY Username"
    )
    wanted = str(rows[0]["Username"])
    answer = await redeem(client, await code_for(client, login_hint=wanted))
    assert await username(client, answer.body["access_token"]) == wanted


@pytest.mark.parametrize("verifier", ["", "another-verifier-of-good-length-0123456789abcdef", CHALLENGE])
async def test_a_wrong_verifier_is_refused(client: PlainClient, verifier: str) -> None:
    code = await code_for(client)
    answer = await redeem(client, code, code_verifier=verifier)
    assert (answer.status, answer.body["error"]) == (400, "invalid_grant")


async def test_a_code_works_once(client: PlainClient) -> None:
    code = await code_for(client)
    assert (await redeem(client, code)).status == 200
    again = await redeem(client, code)
    assert (again.status, again.body["error"]) == (400, "invalid_grant")


@pytest.mark.parametrize(
    "other", ["http://localhost:1717/OauthRedirect/", "http://localhost:1717/oauthredirect", ""]
)
async def test_another_redirect_uri_at_the_token_endpoint_is_refused(client: PlainClient, other: str) -> None:
    code = await code_for(client)
    answer = await redeem(client, code, redirect_uri=other)
    assert (answer.status, answer.body["error"]) == (400, "redirect_uri_mismatch")


@pytest.mark.parametrize(
    "other", ["https://example.com/callback", "http://localhost.example.com:1717/", "nonsense", ""]
)
async def test_a_browser_is_not_sent_to_strangers(client: PlainClient, other: str) -> None:
    answer = await authorize(client, redirect_uri=other)
    assert answer.status == 400
    assert "Location" not in answer.headers


async def test_an_unknown_app_is_told_to_the_user(client: PlainClient) -> None:
    answer = await authorize(client, client_id="another")
    assert answer.status == 400
    assert "Location" not in answer.headers


async def test_a_code_is_for_its_app_and_its_secret(client: PlainClient) -> None:
    for changes in ({"client_id": "another"}, {"client_secret": "wrong"}):
        answer = await redeem(client, await code_for(client), **changes)
        assert answer.status in {400, 401}
        assert answer.body["error"] in {"invalid_client", "invalid_client_id"}


async def test_a_flow_without_a_challenge_needs_the_secret(client: PlainClient) -> None:
    plain = {"code_challenge": "", "code_challenge_method": ""}
    assert (await redeem(client, await code_for(client, **plain), code_verifier="")).status == 200
    bare = await redeem(client, await code_for(client, **plain), code_verifier="", client_secret="")
    assert (bare.status, bare.body["error"]) == (400, "invalid_client")


async def test_what_is_wrong_with_the_request_goes_back_to_the_app(client: PlainClient) -> None:
    changes: list[dict[str, Any]] = [
        {"response_type": "token"},
        {"code_challenge_method": "plain"},
        {"login_hint": "nobody@example.com"},
    ]
    for change in changes:
        back = sent_back(await authorize(client, **change))
        assert "code" not in back
        assert back["error"]
        assert back["state"] == "a state & more"


async def test_a_code_grows_old(client: PlainClient) -> None:
    code = await code_for(client)
    await client.control("POST", "clock", {"advance": 3600})
    answer = await redeem(client, code)
    assert (answer.status, answer.body["error"]) == (400, "invalid_grant")


async def test_registered_callbacks_are_compared_letter_by_letter(
    tmp_path: Path, key_directory: Path
) -> None:
    seed = tmp_path / "seed.yaml"
    seed.write_text("redirect_uris: ['https://app.example.com/callback']\n", "utf-8")
    emulator = Emulator(EmulatorOptions(seed_file=seed, key_directory=key_directory, random_seed=7))
    try:
        async with PlainClient(await emulator.start()) as client:
            there = "https://app.example.com/callback"
            back = sent_back(await authorize(client, redirect_uri=there), there)
            assert (await redeem(client, back["code"], redirect_uri=there)).status == 200
            for other in (CALLBACK, f"{there}/", "https://app.example.com/Callback"):
                assert (await authorize(client, redirect_uri=other)).status == 400
    finally:
        await emulator.stop()
