"""What a user may do with an object, user by user."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.support.plain_client import Answer, PlainClient, collection

REFUSALS = {"INSUFFICIENT_ACCESS", "INSUFFICIENT_ACCESS_OR_READONLY"}


@pytest.fixture
async def other(client: PlainClient) -> AsyncIterator[PlainClient]:
    """Another user of the org, from whom nothing was taken."""
    rows = await client.query(
        f"SELECT Username FROM User WHERE Username != '{client.announcement.username}' ORDER BY Username"
    )
    issued = await client.control("POST", "tokens/issue", {"username": rows[0]["Username"]})
    async with PlainClient(client.announcement, issued["access_token"]) as plain:
        who = (await plain.send("GET", "/services/oauth2/userinfo")).body
        assert (who["user_id"], who["preferred_username"]) == (issued["user_id"], rows[0]["Username"])
        yield plain


async def take_away(client: PlainClient, **abilities: bool) -> None:
    rule = {"object": "Account", "user": client.announcement.username, **abilities}
    await client.control("POST", "permissions", rule)


def refused(answer: Answer) -> None:
    assert answer.status in {400, 403}
    assert answer.body[0]["errorCode"] in REFUSALS


async def everything(client: PlainClient, account: str) -> dict[str, Answer]:
    """One try of each act; the deletion of a record comes last."""
    path = f"sobjects/Account/{account}"
    return {
        "create": await client.rest("POST", "sobjects/Account", json={"Name": "New"}),
        "read": await client.rest("GET", path),
        "edit": await client.rest("PATCH", path, json={"Site": "x"}),
        "delete": await client.rest("DELETE", path),
    }


@pytest.mark.parametrize(
    ("abilities", "lost"),
    [
        ({"createable": False}, {"create"}),
        ({"editable": False}, {"edit"}),
        ({"deletable": False}, {"delete"}),
        ({"createable": False, "editable": False, "deletable": False}, {"create", "edit", "delete"}),
    ],
    ids=["create", "edit", "delete", "read only"],
)
async def test_each_ability_can_be_taken_from_one_user(
    client: PlainClient, other: PlainClient, abilities: dict[str, bool], lost: set[str]
) -> None:
    mine, theirs = [await client.create("Account", Name=name) for name in ("Mine", "Theirs")]
    await take_away(client, **abilities)
    answers = await everything(client, mine)
    for act, answer in answers.items():
        if act in lost:
            refused(answer)
        else:
            assert answer.status < 300, (act, answer.body)
    assert all(answer.status < 300 for answer in (await everything(other, theirs)).values())


async def test_an_object_that_cannot_be_read_is_not_there(client: PlainClient, other: PlainClient) -> None:
    account = await client.create("Account", Name="A")
    await take_away(client, readable=False)
    assert all(answer.status == 404 for answer in (await everything(client, account)).values())
    asked = await client.rest("GET", "query", params={"q": "SELECT Id FROM Account"})
    assert (asked.status, asked.body[0]["errorCode"]) == (400, "INVALID_TYPE")
    names = {item["name"] for item in (await client.rest("GET", "sobjects")).body["sobjects"]}
    assert "Account" not in names
    assert (await other.rest("GET", f"sobjects/Account/{account}")).status == 200


async def test_describe_tells_what_is_left(client: PlainClient, other: PlainClient) -> None:
    await take_away(client, createable=False, editable=False)

    async def told(user: PlainClient) -> tuple[Any, ...]:
        described = (await user.rest("GET", "sobjects/Account/describe")).body
        return tuple(described[name] for name in ("createable", "updateable", "deletable", "queryable"))

    assert await told(client) == (False, False, True, True)
    assert await told(other) == (True, True, True, True)


async def test_in_collections_each_record_is_refused(client: PlainClient) -> None:
    await take_away(client, createable=False)
    rows = collection("Account", {"Name": "A"}, {"Name": "B"})
    answer = await client.rest("POST", "composite/sobjects", json=rows)
    assert answer.status == 200
    assert {result["errors"][0]["statusCode"] for result in answer.body} <= REFUSALS


async def test_what_was_taken_can_be_given_back(client: PlainClient) -> None:
    await take_away(client, createable=False)
    await take_away(client, createable=True)
    await client.create("Account", Name="A")


async def test_a_field_can_be_read_only_for_one_user(client: PlainClient, other: PlainClient) -> None:
    account = await client.create("Account", Name="A", Site="x")
    rule = {"object": "Account", "field": "Site", "editable": False, "user": client.announcement.username}
    await client.control("POST", "permissions", rule)
    path = f"sobjects/Account/{account}"
    assert (await client.rest("GET", path)).body["Site"] == "x"
    answer = await client.rest("PATCH", path, json={"Site": "y"})
    assert (answer.status, answer.body[0]["errorCode"]) == (400, "INVALID_FIELD_FOR_INSERT_UPDATE")
    await other.update("Account", account, Site="z")


async def test_a_token_is_for_a_user_that_exists(client: PlainClient) -> None:
    token = f"Bearer {client.announcement.control_token}"
    answer = await client.send("POST", "/__control/tokens/issue", auth=token, json={"username": "nobody"})
    assert (answer.status, set(answer.body)) == (400, {"error"})
    own = await client.control("POST", "tokens/issue")
    who = await client.send("GET", "/services/oauth2/userinfo", auth=f"Bearer {own['access_token']}")
    assert who.body["preferred_username"] == client.announcement.username


async def test_a_hidden_key_cannot_be_probed(client: PlainClient) -> None:
    await client.create("Account", Name="A", Ext_Id__c="k-1")
    rule = {
        "object": "Account",
        "field": "Ext_Id__c",
        "readable": False,
        "user": client.announcement.username,
    }
    await client.control("POST", "permissions", rule)
    for method in ("GET", "PATCH"):
        body = {"Site": "x"} if method == "PATCH" else None
        answer = await client.rest(method, "sobjects/Account/Ext_Id__c/k-1", json=body)
        assert (answer.status, answer.body[0]["errorCode"]) == (400, "INVALID_FIELD")


async def test_a_bulk_job_is_its_makers(client: PlainClient, other: PlainClient) -> None:
    job = {"operation": "query", "query": "SELECT Id FROM Account"}
    made = (await client.rest("POST", "jobs/query", json=job)).body["id"]
    assert (await client.rest("GET", f"jobs/query/{made}")).status == 200
    assert (await other.rest("GET", f"jobs/query/{made}")).status == 404


async def test_a_rule_for_nobody_is_refused(client: PlainClient) -> None:
    token = f"Bearer {client.announcement.control_token}"
    rule = {"object": "Account", "user": "nobody@example.com", "createable": False}
    answer = await client.send("POST", "/__control/permissions", auth=token, json=rule)
    assert (answer.status, answer.body["error"]) == (400, "there is no user nobody@example.com")
