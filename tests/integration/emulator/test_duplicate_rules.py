"""Duplicate rules: saves that look like records that are there already."""

from __future__ import annotations

import pytest

from tests.support.plain_client import PlainClient, collection

ALLOW = {"Sforce-Duplicate-Rule-Header": "allowSave=true"}


async def rule(client: PlainClient, action: str) -> str:
    """A contact, and a rule against others with its address; the contact's id."""
    request = {
        "object": "Contact",
        "fields": ["Email"],
        "action": action,
        "message": "Use one of these records?",
    }
    await client.control("POST", "duplicate-rules", request)
    return await client.create("Contact", LastName="Sato", Email="ada@example.com")


SAME = {"LastName": "Other", "Email": "ADA@example.com"}


@pytest.mark.parametrize("action", ["alert", "block"])
async def test_a_duplicate_is_refused_with_what_it_matches(client: PlainClient, action: str) -> None:
    there = await rule(client, action)
    answer = await client.rest("POST", "sobjects/Contact", json=SAME)
    assert answer.status == 400
    [error] = answer.body
    assert (error["errorCode"], error["message"]) == ("DUPLICATES_DETECTED", "Use one of these records?")
    [result] = error["duplicateResult"]["matchResults"]
    assert {"matchEngine", "rule", "matchRecords"} <= set(result)
    [match] = result["matchRecords"]
    assert match["record"]["attributes"]["type"] == "Contact"
    assert match["record"]["Id"] == there
    assert isinstance(match["matchConfidence"], float)
    assert len(await client.query("SELECT Id FROM Contact")) == 1


async def test_an_alert_lets_a_save_pass_that_insists(client: PlainClient) -> None:
    await rule(client, "alert")
    no = {"Sforce-Duplicate-Rule-Header": "allowSave=false"}
    assert (await client.rest("POST", "sobjects/Contact", json=SAME, headers=no)).status == 400
    assert (await client.rest("POST", "sobjects/Contact", json=SAME, headers=ALLOW)).status == 201
    many = await client.rest("POST", "composite/sobjects", json=collection("Contact", SAME), headers=ALLOW)
    assert many.body[0]["success"] is True


async def test_a_block_stops_even_a_save_that_insists(client: PlainClient) -> None:
    await rule(client, "block")
    answer = await client.rest("POST", "sobjects/Contact", json=SAME, headers=ALLOW)
    assert (answer.status, answer.body[0]["errorCode"]) == (400, "DUPLICATES_DETECTED")


async def test_an_update_into_a_duplicate_is_refused_and_another_is_not(client: PlainClient) -> None:
    await rule(client, "alert")
    other = await client.create("Contact", LastName="Vega", Email="vega@example.com")
    path = f"sobjects/Contact/{other}"
    refused = await client.rest("PATCH", path, json={"Email": "ada@example.com"})
    assert refused.body[0]["errorCode"] == "DUPLICATES_DETECTED"
    await client.update("Contact", other, Title="CEO")
    await client.update("Contact", other, Email="vega2@example.com")
    await client.create("Contact", LastName="No address")
    await client.create("Contact", LastName="No address either")


async def test_in_collections_only_the_duplicate_fails(client: PlainClient) -> None:
    await rule(client, "alert")
    rows = collection("Contact", SAME, {"LastName": "Vega", "Email": "vega@example.com"})
    answer = await client.rest("POST", "composite/sobjects", json=rows)
    bad, good = answer.body
    assert (answer.status, good["success"]) == (200, True)
    assert bad["errors"][0]["statusCode"] == "DUPLICATES_DETECTED"


async def test_rules_are_removed_together(client: PlainClient) -> None:
    await rule(client, "block")
    await client.control("DELETE", "rules")
    assert (await client.rest("POST", "sobjects/Contact", json=SAME)).status == 201


@pytest.mark.parametrize(
    "request_body",
    [
        {"object": "Contact", "fields": ["Nope"], "action": "alert"},
        {"object": "Contact", "fields": ["Email"], "action": "wave"},
        {"object": "Nothing", "fields": ["Email"], "action": "alert"},
        {"object": "Contact", "action": "alert"},
    ],
)
async def test_a_rule_that_makes_no_sense_is_refused(
    client: PlainClient, request_body: dict[str, object]
) -> None:
    token = f"Bearer {client.announcement.control_token}"
    answer = await client.send("POST", "/__control/duplicate-rules", auth=token, json=request_body)
    assert (answer.status, set(answer.body)) == (400, {"error"})
