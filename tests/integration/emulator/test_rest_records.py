"""Single records over REST: values in and out, refusals with their codes, upsert, conditions."""

from __future__ import annotations

import asyncio
import gzip
from typing import Any

import pytest

from tests.support.plain_client import PlainClient, collection


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


@pytest.mark.parametrize(
    ("sobject", "values", "code", "field"),
    [
        (
            "Contact",
            {"LastName": "S", "Tier__c": "Bronze"},
            "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST",
            "Tier__c",
        ),
        (
            "Opportunity",
            {"Name": "O", "StageName": "Prospecting", "CloseDate": "soon"},
            "JSON_PARSER_ERROR",
            "CloseDate",
        ),
        (
            "Account",
            {"Name": "A", "CreatedDate": "2026-01-01T00:00:00Z"},
            "INVALID_FIELD_FOR_INSERT_UPDATE",
            "CreatedDate",
        ),
    ],
)
async def test_refusals(
    client: PlainClient, sobject: str, values: dict[str, Any], code: str, field: str
) -> None:
    answer = await client.rest("POST", f"sobjects/{sobject}", json=values)
    assert answer.status == 400
    [error] = answer.body
    assert (error["errorCode"], error["fields"]) == (code, [field])


async def test_doubled_and_trailing_slashes_mean_nothing(client: PlainClient) -> None:
    assert (await client.send("GET", "//services//data/v60.0/sobjects/")).status == 200


async def test_a_missing_record_and_a_deleted_one(client: PlainClient) -> None:
    account = await client.create("Account", Name="A")
    await client.delete("Account", account)
    deleted = await client.rest("PATCH", f"sobjects/Account/{account}", json={"Site": "x"})
    assert (deleted.status, deleted.body[0]["errorCode"]) == (404, "ENTITY_IS_DELETED")
    missing = await client.rest("GET", "sobjects/Account/001000000000001AAA")
    assert (missing.status, missing.body[0]["errorCode"]) == (404, "NOT_FOUND")


async def test_an_external_id_has_no_letter_case_and_an_upsert_can_be_kept_from_making(
    client: PlainClient,
) -> None:
    account = await client.create("Account", Name="A", Ext_Id__c="Key")
    same = await client.rest("PATCH", "sobjects/Account/Ext_Id__c/kEY", json={"Name": "B"})
    assert (same.status, same.body["id"]) == (200, account)
    absent = await client.rest("PATCH", "sobjects/Account/Ext_Id__c/none?updateOnly=true", json={"Name": "D"})
    assert absent.status == 404
    assert [row["Name"] for row in await client.query("SELECT Name FROM Account")] == ["B"]


async def test_several_matches_are_an_error_of_their_record_in_collections(client: PlainClient) -> None:
    for _ in range(2):
        await client.create("Account", Name="A", Legacy__c="L1")
    batch = collection("Account", {"Legacy__c": "L1", "Name": "B"})
    [result] = (await client.rest("PATCH", "composite/sobjects/Account/Legacy__c", json=batch)).body
    assert result["errors"][0]["statusCode"] == "DUPLICATE_EXTERNAL_ID"
    assert (await client.rest("GET", "sobjects/Account/Legacy__c/L1")).status == 300


async def test_a_campaign_has_a_person_once_and_keeps_the_contact_of_two(client: PlainClient) -> None:
    campaign = await client.create("Campaign", Name="Spring")
    lead = await client.create("Lead", LastName="V", Company="U")
    contact = await client.create("Contact", LastName="S")
    member = await client.create("CampaignMember", CampaignId=campaign, LeadId=lead, ContactId=contact)
    [row] = await client.query("SELECT LeadId, ContactId FROM CampaignMember")
    assert (row["LeadId"], row["ContactId"]) == (None, contact)
    second = {"CampaignId": campaign, "ContactId": contact}
    again = await client.rest("POST", "sobjects/CampaignMember", json=second)
    assert again.body[0]["errorCode"] == "DUPLICATE_VALUE"
    moved = await client.rest("PATCH", f"sobjects/CampaignMember/{member}", json={"CampaignId": campaign})
    assert moved.body[0]["errorCode"] == "INVALID_FIELD_FOR_INSERT_UPDATE"
