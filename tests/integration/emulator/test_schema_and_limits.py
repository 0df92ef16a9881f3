"""What the org says about itself: versions, describe, allowances, ids."""

from __future__ import annotations

from typing import Any

import pytest

from adapters.emulator import ids
from tests.support.plain_client import PlainClient


async def test_versions_need_no_session(client: PlainClient) -> None:
    answer = await client.send("GET", "/services/data/", auth="")
    versions = {item["version"]: item for item in answer.body}
    assert versions["67.0"] == {"label": "Summer '26", "url": "/services/data/v67.0", "version": "67.0"}
    assert list(versions) == sorted(versions, key=float)


async def test_describe_tells_what_a_sync_needs(client: PlainClient) -> None:
    answer = await client.rest("GET", "sobjects/Contact/describe")
    fields: dict[str, Any] = {field["name"]: field for field in answer.body["fields"]}
    assert (
        fields["Ext_Id__c"]["externalId"],
        fields["Ext_Id__c"]["unique"],
        fields["Ext_Id__c"]["idLookup"],
    ) == (True, True, True)
    assert (fields["LastName"]["nillable"], fields["LastName"]["compoundFieldName"]) == (False, "Name")
    assert (fields["Name"]["createable"], fields["Name"]["nameField"]) == (False, True)
    assert fields["MailingCity"]["compoundFieldName"] == "MailingAddress"
    assert (fields["AccountId"]["referenceTo"], fields["AccountId"]["relationshipName"]) == (
        ["Account"],
        "Account",
    )
    assert [value["value"] for value in fields["Tier__c"]["picklistValues"]] == ["Gold", "Silver"]
    assert fields["Tier__c"]["restrictedPicklist"] is True
    assert answer.body["keyPrefix"] == "003"
    required = {
        n for n, f in fields.items() if f["createable"] and not f["nillable"] and not f["defaultedOnCreate"]
    }
    assert required == {"LastName"}


async def test_describe_answers_304_until_the_schema_changes(client: PlainClient) -> None:
    seen = (await client.rest("GET", "sobjects/Account/describe")).headers["Last-Modified"]
    condition = {"If-Modified-Since": seen}
    assert (await client.rest("GET", "sobjects/Account/describe", headers=condition)).status == 304
    await client.control("POST", "clock", {"advance": 2})
    await client.control(
        "POST", "fields", {"object": "Account", "fields": {"New__c": {"type": "number", "scale": 2}}}
    )
    changed = await client.rest("GET", "sobjects/Account/describe", headers=condition)
    assert changed.status == 200
    assert "New__c" in {field["name"] for field in changed.body["fields"]}
    account = await client.create("Account", Name="A", New__c="1.005")
    assert (await client.rest("GET", f"sobjects/Account/{account}?fields=New__c")).body["New__c"] == 1.01


async def test_global_describe_and_event_schema(client: PlainClient) -> None:
    objects = {item["name"]: item for item in (await client.rest("GET", "sobjects")).body["sobjects"]}
    assert objects["Employee__c"]["custom"] is True
    assert objects["Employee__c"]["keyPrefix"].startswith("a")
    events = {name for name in objects if name.endswith("ChangeEvent")}
    assert {"AccountChangeEvent", "Employee__ChangeEvent"} <= events
    assert "EmailMessageRelationChangeEvent" not in events
    assert not objects["AccountChangeEvent"]["queryable"]
    schema = (
        await client.rest("GET", "sobjects/Employee__ChangeEvent/eventSchema?payloadFormat=COMPACT")
    ).body
    assert len(schema["uuid"]) == 22
    assert schema["fields"][0]["name"] == "ChangeEventHeader"


async def test_the_daily_allowance_is_counted_and_enforced(client: PlainClient) -> None:
    first = await client.rest("GET", "limits")
    assert first.headers["Sforce-Limit-Info"] == "api-usage=1/1000000"
    await client.control("POST", "switches", {"daily_api_limit": 2})
    assert (await client.rest("GET", "limits")).body["DailyApiRequests"] == {"Max": 2, "Remaining": 0}
    refused = await client.rest("GET", "limits")
    assert refused.status == 403
    assert refused.body == [
        {"message": "TotalRequests Limit exceeded.", "errorCode": "REQUEST_LIMIT_EXCEEDED"}
    ]


async def test_large_answers_are_compressed_for_those_who_accept_it(client: PlainClient) -> None:
    assert (await client.rest("GET", "sobjects/Account/describe")).headers["Content-Encoding"] == "gzip"
    plain = await client.rest("GET", "sobjects/Account/describe", headers={"Accept-Encoding": "identity"})
    assert "Content-Encoding" not in plain.headers


@pytest.mark.parametrize(
    ("short", "check"),
    [
        ("0015f00002JUZPD", "AA5"),
        ("0055f000005mc66", "AAA"),
        ("001ZM000001n4n5", "YAA"),
        ("00Q5f000005bwLF", "EAY"),
        ("50025000009vJE9", "AAM"),
        ("000000000000000", "AAA"),
    ],
)
def test_check_characters(short: str, check: str) -> None:
    assert ids.with_check_characters(short) == short + check
    assert ids.canonical(short) == short + check
    assert ids.canonical((short + check).upper()) == short + check
    assert ids.canonical(short[:-1]) is None
