"""The login service: flows, refusals, rotation, and the life of a session."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import aiohttp
import jwt
import pytest

from tests.support.plain_client import Answer, PlainClient

JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"


async def token(client: PlainClient, **form: Any) -> Answer:
    return await client.send("POST", "/services/oauth2/token", auth="", data=form)


def assertion(client: PlainClient, **changes: Any) -> str:
    known = client.announcement
    claims = {
        "iss": known.client_id,
        "sub": known.username,
        "aud": "https://login.salesforce.com",
        "exp": int(time.time()) + 180,
    }
    return jwt.encode(claims | changes, Path(known.private_key_file).read_text("ascii"), algorithm="RS256")


async def test_jwt_bearer(client: PlainClient) -> None:
    answer = await token(
        client, grant_type=JWT_BEARER, assertion=assertion(client, exp=str(int(time.time()) + 60))
    )
    assert answer.status == 200
    assert answer.body["instance_url"] == client.announcement.url
    org_id, user_id = answer.body["id"].rsplit("/", 2)[1:]
    assert org_id == client.announcement.org_id
    async with PlainClient(client.announcement, answer.body["access_token"]) as user:
        who = (await user.send("GET", "/services/oauth2/userinfo")).body
    assert (who["user_id"], who["preferred_username"]) == (user_id, client.announcement.username)


@pytest.mark.parametrize(
    ("changes", "error", "description"),
    [
        ({"aud": "https://example.com"}, "invalid_grant", "audience is invalid"),
        ({"iss": "another"}, "invalid_client_id", "client identifier invalid"),
        ({"sub": "nobody@example.com"}, "invalid_grant", "user hasn't approved this consumer"),
        ({"exp": 1_000_000}, "invalid_grant", "expired authorization code"),
        ({"exp": "soon"}, "invalid_grant", "invalid assertion"),
    ],
)
async def test_bad_assertions(
    client: PlainClient, changes: dict[str, Any], error: str, description: str
) -> None:
    answer = await token(client, grant_type=JWT_BEARER, assertion=assertion(client, **changes))
    assert (answer.status, answer.body) == (400, {"error": error, "error_description": description})


async def test_a_forged_signature_is_refused(client: PlainClient) -> None:
    forged = assertion(client)[:-12] + "AAAAAAAAAAAA"
    assert (await token(client, grant_type=JWT_BEARER, assertion=forged)).body["error"] == "invalid_grant"


async def test_client_credentials_in_the_body_and_by_basic(client: PlainClient) -> None:
    known = client.announcement
    secret = {"client_id": known.client_id, "client_secret": known.client_secret}
    assert (await token(client, grant_type="client_credentials", **secret)).status == 200
    basic = aiohttp.encode_basic_auth(known.client_id, known.client_secret)
    form = {"grant_type": "client_credentials"}
    assert (await client.send("POST", "/services/oauth2/token", auth=basic, data=form)).status == 200
    wrong = await token(client, grant_type="client_credentials", client_id=known.client_id, client_secret="x")
    assert (wrong.status, wrong.body["error"]) == (400, "invalid_client")
    assert (await token(client, grant_type="telepathy")).body["error"] == "unsupported_grant_type"


async def test_the_password_flow_for_old_clients_and_the_host_of_the_asker(client: PlainClient) -> None:
    known = client.announcement
    form = {"client_id": known.client_id, "client_secret": known.client_secret, "username": known.username}
    headers = {"Host": "org.example:8080"}
    answer = await client.send(
        "POST",
        "/services/oauth2/token",
        auth="",
        data=form | {"grant_type": "password", "password": "x"},
        headers=headers,
    )
    assert (answer.status, answer.body["instance_url"]) == (200, "http://org.example:8080")
    assert (await token(client, grant_type="password", **form)).body["error"] == "invalid_grant"


async def test_without_rotation_a_refresh_token_stays(client: PlainClient) -> None:
    await client.control("POST", "switches", {"refresh_rotation": False})
    kept = (await client.control("POST", "refresh/issue"))["refresh_token"]
    form = {"grant_type": "refresh_token", "client_id": client.announcement.client_id, "refresh_token": kept}
    for _ in range(2):
        assert "refresh_token" not in (await token(client, **form)).body
    await client.control("POST", "refresh/revoke")
    assert (await token(client, **form)).status == 400


async def test_an_ended_session_answers_401_with_an_array(client: PlainClient) -> None:
    known = client.announcement
    form = {"client_id": known.client_id, "client_secret": known.client_secret, "token": known.access_token}
    active = (await client.send("POST", "/services/oauth2/introspect", auth="", data=form)).body
    assert (active["active"], active["username"]) == (True, known.username)
    assert active["exp"] > active["iat"]
    assert (await client.send("POST", "/services/oauth2/revoke", auth="", data=form)).status == 200
    answer = await client.rest("GET", "limits")
    assert answer.status == 401
    assert answer.body == [{"message": "Session expired or invalid", "errorCode": "INVALID_SESSION_ID"}]
    assert (await client.send("POST", "/services/oauth2/introspect", auth="", data=form)).body == {
        "active": False
    }


async def test_reuse_of_a_refresh_token_ends_the_sessions_of_its_grant(client: PlainClient) -> None:
    first = (await client.control("POST", "refresh/issue"))["refresh_token"]
    form = {"grant_type": "refresh_token", "client_id": client.announcement.client_id, "refresh_token": first}
    turned = (await token(client, **form)).body
    await token(client, **form)
    dead = await client.rest("GET", "limits", auth=f"Bearer {turned['access_token']}")
    assert dead.status == 401
