"""Single records over REST: values in and out, refusals with their codes, upsert, conditions."""

from __future__ import annotations

import asyncio
import gzip
from typing import Any

import pytest

from tests.integration.emulator.plain_client import PlainClient


@pytest.mark.conformance(43)
@pytest.mark.conformance(47)
async def test_a_record_comes_back_as_it_is_kept(client: PlainClient) -> None:
    account = await client.create(
        "Account",
        Name="  Cobalt Foods ",
        Site="",
        AnnualRevenue=1234.5,
        NumberOfEmployees="12",
        BillingCity="Ghent",
    )
    assert len(account) == 18
    answer = await client.rest(
        "GET", f"sobjects/account/{account[:15]}?fields=Name,Site,AnnualRevenue,NumberOfEmployees"
    )
    assert answer.status == 200
    assert answer.body == {
        "attributes": {"type": "Account", "url": f"/services/data/v67.0/sobjects/Account/{account}"},
        "Name": "Cobalt Foods",
        "Site": None,
        "AnnualRevenue": 1235.0,
        "NumberOfEmployees": 12,
    }
    whole = (await client.rest("GET", f"sobjects/Account/{account}")).body
    assert whole["CreatedDate"].endswith(".000+0000")
    assert whole["BillingAddress"]["city"] == "Ghent"
    assert whole["Id"] == account


@pytest.mark.conformance(34)
@pytest.mark.parametrize(
    ("sobject", "values", "code", "fields"),
    [
        ("Contact", {"FirstName": "Ada"}, "REQUIRED_FIELD_MISSING", ["LastName"]),
        ("Account", {"Name": "x" * 256}, "STRING_TOO_LONG", ["Name"]),
        (
            "Contact",
            {"LastName": "S", "Tier__c": "Bronze"},
            "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST",
            ["Tier__c"],
        ),
        ("Account", {"Name": "A", "Nope__c": 1}, "INVALID_FIELD", None),
        (
            "Account",
            {"Name": "A", "CreatedDate": "2026-01-01T00:00:00Z"},
            "INVALID_FIELD_FOR_INSERT_UPDATE",
            ["CreatedDate"],
        ),
        ("Contact", {"LastName": "S", "AccountId": "nonsense"}, "MALFORMED_ID", ["AccountId"]),
        ("Contact", {"LastName": "S", "AccountId": "003000000000001"}, "MALFORMED_ID", ["AccountId"]),
        (
            "Contact",
            {"LastName": "S", "AccountId": "001000000000001"},
            "INVALID_CROSS_REFERENCE_KEY",
            ["AccountId"],
        ),
        ("Contact", {"LastName": "S", "Email": "not an address"}, "INVALID_EMAIL_ADDRESS", ["Email"]),
        (
            "Account",
            {"Name": "A", "NumberOfEmployees": 10**9},
            "NUMBER_OUTSIDE_VALID_RANGE",
            ["NumberOfEmployees"],
        ),
        ("Account", {"Name": 5}, "JSON_PARSER_ERROR", ["Name"]),
        (
            "Opportunity",
            {"Name": "O", "StageName": "Prospecting", "CloseDate": "soon"},
            "JSON_PARSER_ERROR",
            ["CloseDate"],
        ),
    ],
)
async def test_refusals(
    client: PlainClient, sobject: str, values: dict[str, Any], code: str, fields: list[str] | None
) -> None:
    answer = await client.rest("POST", f"sobjects/{sobject}", json=values)
    assert answer.status == 400
    [error] = answer.body
    assert (error["errorCode"], error.get("fields")) == (code, fields)


async def test_broken_json_and_unknown_resources(client: PlainClient) -> None:
    broken = await client.rest("POST", "sobjects/Account", data=b"{")
    assert (broken.status, broken.body[0]["errorCode"]) == (400, "JSON_PARSER_ERROR")
    assert (await client.rest("POST", "sobjects/Nothing__c", json={})).status == 404
    assert (await client.rest("PUT", "sobjects/Account", json={})).status == 405
    assert (await client.rest("GET", "sobjects", version="v36.0")).status == 404
    assert (await client.send("GET", "//services//data/v60.0/sobjects/")).status == 200


async def test_a_missing_record_and_a_deleted_one(client: PlainClient) -> None:
    account = await client.create("Account", Name="A")
    assert (await client.rest("DELETE", f"sobjects/Account/{account}")).status == 204
    deleted = await client.rest("PATCH", f"sobjects/Account/{account}", json={"Site": "x"})
    assert (deleted.status, deleted.body[0]["errorCode"]) == (404, "ENTITY_IS_DELETED")
    missing = await client.rest("GET", "sobjects/Account/001000000000001AAA")
    assert (missing.status, missing.body[0]["errorCode"]) == (404, "NOT_FOUND")


@pytest.mark.conformance(35)
async def test_upsert_by_external_id(client: PlainClient) -> None:
    path = "sobjects/Account/Ext_Id__c/A%2F17%20x"
    made = await client.rest("PATCH", path, json={"Name": "A"})
    assert (made.status, made.body["created"]) == (201, True)
    again = await client.rest("PATCH", path, json={"Name": "B"})
    assert (again.status, again.body) == (200, made.body | {"created": False})
    old = await client.rest("PATCH", path, json={"Name": "C"}, version="v45.0")
    assert (old.status, old.raw) == (204, b"")
    [row] = await client.query("SELECT Name FROM Account WHERE Ext_Id__c = 'a/17 X'")
    assert row["Name"] == "C"
    assert (await client.rest("PATCH", path, json={"Ext_Id__c": "A/17 x"})).body[0][
        "errorCode"
    ] == "INVALID_FIELD"
    absent = await client.rest("PATCH", "sobjects/Account/Ext_Id__c/none?updateOnly=true", json={"Name": "D"})
    assert absent.status == 404


@pytest.mark.conformance(35)
async def test_several_matches_answer_300_and_write_nothing(client: PlainClient) -> None:
    ids = [await client.create("Account", Name="A", Legacy__c="L1") for _ in range(2)]
    answer = await client.rest("PATCH", "sobjects/Account/Legacy__c/L1", json={"Name": "B"})
    assert answer.status == 300
    assert answer.body == [f"/services/data/v67.0/sobjects/Account/{i}" for i in ids]
    assert {row["Name"] for row in await client.query("SELECT Name FROM Account")} == {"A"}
    batch = {"records": [{"attributes": {"type": "Account"}, "Legacy__c": "L1", "Name": "B"}]}
    [result] = (await client.rest("PATCH", "composite/sobjects/Account/Legacy__c", json=batch)).body
    assert result["errors"][0]["statusCode"] == "DUPLICATE_EXTERNAL_ID"


async def test_racing_upserts_make_one_record(client: PlainClient) -> None:
    calls = [
        client.rest("PATCH", "sobjects/Account/Ext_Id__c/race", json={"Name": f"A{n}"}) for n in range(12)
    ]
    answers = await asyncio.gather(*calls)
    assert sorted(answer.status for answer in answers) == [200] * 11 + [201]
    assert len({answer.body["id"] for answer in answers}) == 1


async def test_a_compressed_request_body(client: PlainClient) -> None:
    body = gzip.compress(b'{"Name": "A"}')
    headers = {"Content-Encoding": "gzip", "Content-Type": "application/json"}
    assert (await client.rest("POST", "sobjects/Account", data=body, headers=headers)).status == 201


async def test_unique_values_and_parents_by_external_id(client: PlainClient) -> None:
    first = await client.create("Account", Name="A", Ext_Id__c="k")
    clash = await client.rest("POST", "sobjects/Account", json={"Name": "B", "Ext_Id__c": "K"})
    assert clash.body[0]["errorCode"] == "DUPLICATE_VALUE"
    assert clash.body[0]["message"].endswith(f"duplicates value on record with id: {first}")
    contact = await client.create("Contact", LastName="S", Account={"Ext_Id__c": "k"})
    [row] = await client.query(f"SELECT AccountId FROM Contact WHERE Id = '{contact}'")
    assert row["AccountId"] == first


@pytest.mark.conformance(40)
async def test_conditional_requests(client: PlainClient) -> None:
    account = await client.create("Account", Name="A")
    read = await client.rest("GET", f"sobjects/Account/{account}")
    seen = read.headers["Last-Modified"]
    unchanged = await client.rest("GET", f"sobjects/Account/{account}", headers={"If-Modified-Since": seen})
    assert (unchanged.status, unchanged.raw) == (304, b"")
    condition = {"If-Unmodified-Since": seen}
    assert (
        await client.rest("PATCH", f"sobjects/Account/{account}", json={"Site": "a"}, headers=condition)
    ).status == 204
    await client.control("POST", "clock", {"advance": 5})
    await client.rest("PATCH", f"sobjects/Account/{account}", json={"Site": "b"})
    refused = await client.rest("PATCH", f"sobjects/Account/{account}", json={"Site": "c"}, headers=condition)
    assert refused.status == 412
    wrong = {"If-Unmodified-Since": "yesterday"}
    assert (await client.rest("PATCH", f"sobjects/Account/{account}", json={}, headers=wrong)).status == 400
    stale = {"If-Match": read.headers["ETag"]}
    assert (await client.rest("PATCH", f"sobjects/Account/{account}", json={}, headers=stale)).status == 412
    contact = await client.create("Contact", LastName="S")
    assert "ETag" not in (await client.rest("GET", f"sobjects/Contact/{contact}")).headers


@pytest.mark.conformance(38)
async def test_replication_works_by_the_minute(client: PlainClient) -> None:
    await client.control("POST", "clock", {"freeze": True, "at": 1_795_354_455})
    kept, gone = await client.create("Account", Name="A"), await client.create("Account", Name="B")
    await client.rest("DELETE", f"sobjects/Account/{gone}")
    await client.control("POST", "clock", {"advance": 60})
    window = {"start": "2026-11-22T13:34:59+00:00", "end": "2026-11-22T15:00:00Z"}
    updated = (await client.rest("GET", "sobjects/Account/updated/", params=window)).body
    assert updated == {"ids": [kept], "latestDateCovered": "2026-11-22T13:35:00.000+0000"}
    deleted = (await client.rest("GET", "sobjects/Account/deleted/", params=window)).body
    assert deleted["deletedRecords"] == [{"id": gone, "deletedDate": "2026-11-22T13:34:15.000+0000"}]
    old = window | {"start": "2026-11-01T00:00:00Z"}
    refused = await client.rest("GET", "sobjects/Account/deleted", params=old)
    assert refused.body[0]["errorCode"] == "INVALID_REPLICATION_DATE"
    assert (await client.rest("GET", "sobjects/Account/updated", params=old)).status == 200


@pytest.mark.conformance(45)
async def test_campaign_members_take_the_default_status_and_are_deleted_for_good(client: PlainClient) -> None:
    campaign, lead = (
        await client.create("Campaign", Name="Spring"),
        await client.create("Lead", LastName="V", Company="U"),
    )
    contact = await client.create("Contact", LastName="S")
    member = await client.create(
        "CampaignMember", CampaignId=campaign, LeadId=lead, ContactId=contact, Status="Nonsense"
    )
    [row] = await client.query("SELECT Status, HasResponded, LeadId, ContactId FROM CampaignMember")
    assert (row["Status"], row["HasResponded"], row["LeadId"], row["ContactId"]) == (
        "Sent",
        False,
        None,
        contact,
    )
    again = await client.rest(
        "POST", "sobjects/CampaignMember", json={"CampaignId": campaign, "ContactId": contact}
    )
    assert again.body[0]["errorCode"] == "DUPLICATE_VALUE"
    moved = await client.rest("PATCH", f"sobjects/CampaignMember/{member}", json={"CampaignId": campaign})
    assert moved.body[0]["errorCode"] == "INVALID_FIELD_FOR_INSERT_UPDATE"
    await client.rest("PATCH", f"sobjects/CampaignMember/{member}", json={"Status": "responded"})
    [row] = await client.query("SELECT Status, HasResponded FROM CampaignMember")
    assert (row["Status"], row["HasResponded"]) == ("Responded", True)
    await client.rest("DELETE", f"sobjects/CampaignMember/{member}")
    everything = await client.rest("GET", "queryAll", params={"q": "SELECT COUNT() FROM CampaignMember"})
    assert everything.body["totalSize"] == 0


@pytest.mark.conformance(42)
async def test_lead_assignment_changes_the_owner_unless_it_is_turned_off(client: PlainClient) -> None:
    await client.control("POST", "switches", {"auto_assign": True})
    lead = await client.create("Lead", LastName="V", Company="U")
    [row] = await client.query(f"SELECT Owner.Alias FROM Lead WHERE Id = '{lead}'")
    assert row["Owner"]["Alias"] == "queue"
    kept = await client.rest(
        "POST",
        "sobjects/Lead",
        json={"LastName": "W", "Company": "U"},
        headers={"Sforce-Auto-Assign": "FALSE"},
    )
    [row] = await client.query(f"SELECT Owner.Username FROM Lead WHERE Id = '{kept.body['id']}'")
    assert row["Owner"]["Username"] == client.announcement.username


async def test_undelete_brings_back_children_and_lookups(client: PlainClient) -> None:
    account = await client.create("Account", Name="A")
    child = await client.create("Account", Name="B", ParentId=account)
    contact = await client.create("Contact", LastName="S", AccountId=account)
    await client.rest("DELETE", f"sobjects/Account/{account}")
    assert await client.query("SELECT Id FROM Contact") == []
    assert (await client.query(f"SELECT ParentId FROM Account WHERE Id = '{child}'"))[0]["ParentId"] is None
    await client.control("POST", "undelete", {"id": account})
    assert [row["Id"] for row in await client.query("SELECT Id FROM Contact")] == [contact]
    assert (await client.query(f"SELECT ParentId FROM Account WHERE Id = '{child}'"))[0][
        "ParentId"
    ] == account


async def test_validation_rules(client: PlainClient) -> None:
    rule = {"object": "Account", "field": "Name", "pattern": "(?i)test", "message": "No test data, please"}
    await client.control("POST", "validation-rules", rule)
    refused = await client.rest("POST", "sobjects/Account", json={"Name": "A Test"})
    assert refused.body == [
        {
            "message": "No test data, please",
            "errorCode": "FIELD_CUSTOM_VALIDATION_EXCEPTION",
            "fields": ["Name"],
        }
    ]
