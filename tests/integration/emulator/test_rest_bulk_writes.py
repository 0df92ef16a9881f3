"""Many records in one request: Collections, Composite, Graph and Bulk API 2.0."""

from __future__ import annotations

import csv
import io

from adapters.emulator import Emulator
from tests.support.plain_client import PlainClient, collection


async def test_records_are_retrieved_in_order_with_null_for_the_missing(client: PlainClient) -> None:
    one, two = [await client.create("Contact", LastName=name) for name in ("A", "B")]
    asked = {"ids": [two, "003000000000001", one], "fields": ["LastName"]}
    found = await client.rest("POST", "composite/sobjects/Contact", json=asked)
    assert [row and row["LastName"] for row in found.body] == ["B", None, "A"]


async def test_collections_update_upsert_and_delete(client: PlainClient) -> None:
    upsert = collection(
        "Account", {"Ext_Id__c": "k1", "Name": "A"}, {"Ext_Id__c": "k2", "Name": "B"}, {"Name": "C"}
    )
    one, two, none = (await client.rest("PATCH", "composite/sobjects/Account/Ext_Id__c", json=upsert)).body
    assert (one["created"], two["created"], none["success"]) == (True, True, False)
    update = collection(
        "Account", {"id": one["id"], "Site": "x"}, {"id": one["id"], "Site": "y"}, {"id": "001000000000001"}
    )
    codes = [
        r["errors"][0]["statusCode"] if r["errors"] else None
        for r in (await client.rest("PATCH", "composite/sobjects", json=update)).body
    ]
    assert codes == [None, "DUPLICATE_VALUE", "INVALID_CROSS_REFERENCE_KEY"]
    gone = await client.rest(
        "DELETE", f"composite/sobjects?ids={one['id']},{two['id']},{one['id']}&allOrNone=false"
    )
    assert [result["success"] for result in gone.body] == [True, True, False]
    assert gone.body[2]["errors"][0]["statusCode"] == "ENTITY_IS_DELETED"


async def test_composite_refers_to_earlier_answers(client: PlainClient) -> None:
    base = "/services/data/v67.0"
    request = {
        "compositeRequest": [
            {"method": "POST", "url": f"{base}/sobjects/Account", "referenceId": "a", "body": {"Name": "A"}},
            {
                "method": "POST",
                "url": f"{base}/sobjects/Contact",
                "referenceId": "c",
                "body": {"LastName": "S", "AccountId": "@{a.id}"},
            },
            {"method": "GET", "url": f"{base}/sobjects/Account/@{{a.id}}?fields=Name", "referenceId": "g"},
        ]
    }
    answers = (await client.rest("POST", "composite", json=request)).body["compositeResponse"]
    assert [answer["httpStatusCode"] for answer in answers] == [201, 201, 200]
    assert answers[2]["body"]["Name"] == "A"


async def test_composite_conditions_and_rollback(client: PlainClient) -> None:
    account = await client.create("Account", Name="A")
    seen = (await client.rest("GET", f"sobjects/Account/{account}")).headers["Last-Modified"]
    await client.control("POST", "clock", {"advance": 5})
    await client.rest("PATCH", f"sobjects/Account/{account}", json={"Site": "theirs"})
    base = "/services/data/v67.0/sobjects/Account"
    guarded = {"method": "PATCH", "url": f"{base}/{account}", "referenceId": "p", "body": {"Site": "ours"}}
    guarded["httpHeaders"] = {"If-Unmodified-Since": seen}
    create = {"method": "POST", "url": base, "referenceId": "n", "body": {"Name": "New"}}
    request = {"allOrNone": True, "compositeRequest": [create, guarded]}
    answers = (await client.rest("POST", "composite", json=request)).body["compositeResponse"]
    assert [answer["httpStatusCode"] for answer in answers] == [400, 412]
    assert answers[0]["body"][0]["errorCode"] == "PROCESSING_HALTED"
    assert [row["Site"] for row in await client.query("SELECT Site FROM Account")] == ["theirs"]


async def test_each_graph_is_all_or_nothing(client: PlainClient) -> None:
    good = {
        "method": "POST",
        "url": "/services/data/v67.0/sobjects/Account",
        "referenceId": "a",
        "body": {"Name": "A"},
    }
    bad = good | {"referenceId": "b", "body": {}}
    graphs = {
        "graphs": [
            {"graphId": "1", "compositeRequest": [good]},
            {"graphId": "2", "compositeRequest": [good, bad]},
        ]
    }
    first, second = (await client.rest("POST", "composite/graph", json=graphs)).body["graphs"]
    assert (first["isSuccessful"], second["isSuccessful"]) == (True, False)
    assert len(await client.query("SELECT Id FROM Account")) == 1


async def test_bulk_query_pages(client: PlainClient, emulator: Emulator) -> None:
    emulator.org.load("Account", [{"Name": f'A "{n}", B', "Site": "" if n % 2 else "s"} for n in range(5)])
    job = (
        await client.rest(
            "POST",
            "jobs/query",
            json={
                "operation": "query",
                "query": "SELECT Id, Name, Site, CreatedDate, Owner.Alias FROM Account",
            },
        )
    ).body
    assert job["state"] == "UploadComplete"
    assert (await client.rest("GET", f"jobs/query/{job['id']}")).body["state"] == "JobComplete"
    rows: list[dict[str, str]] = []
    locator = ""
    while locator != "null":
        page = await client.rest("GET", f"jobs/query/{job['id']}/results?maxRecords=2&locator={locator}")
        locator = page.headers["Sforce-Locator"]
        found = list(csv.DictReader(io.StringIO(page.raw.decode())))
        assert page.headers["Sforce-NumberOfRecords"] == str(len(found))
        rows += found
    assert [row["Name"] for row in rows] == [f'A "{n}", B' for n in range(5)]
    assert rows[1]["Site"] == ""
    assert rows[0]["CreatedDate"].endswith(".000Z")
    assert rows[0]["Owner.Alias"] == "aadmin"
    compound = {"operation": "query", "query": "SELECT BillingAddress FROM Account"}
    assert (await client.rest("POST", "jobs/query", json=compound)).body[0]["errorCode"] == "INVALID_FIELD"


async def test_bulk_ingest_clears_only_what_it_names(client: PlainClient, emulator: Emulator) -> None:
    await client.create("Account", Name="A", Ext_Id__c="k1", Site="s", Rating="Hot")
    mark = {"Sforce-Call-Options": "client=pgsync"}
    request = {
        "object": "Account",
        "operation": "upsert",
        "externalIdFieldName": "Ext_Id__c",
        "contentType": "CSV",
        "lineEnding": "LF",
    }
    job = (await client.rest("POST", "jobs/ingest", json=request, headers=mark)).body
    assert (job["state"], job["contentUrl"]) == (
        "Open",
        f"services/data/v67.0/jobs/ingest/{job['id']}/batches",
    )
    upload = "Ext_Id__c,Name,Site,Rating\nk1,,#N/A,\nk2,B,x,Cold\nk3,,x,Cold\n"
    path = f"jobs/ingest/{job['id']}"
    put = await client.rest("PUT", f"{path}/batches", data=upload, headers={"Content-Type": "text/csv"})
    assert (put.status, put.raw) == (201, b"")
    await client.rest("PATCH", path, json={"state": "UploadComplete"})
    done = (await client.rest("GET", path)).body
    assert (done["state"], done["numberRecordsProcessed"], done["numberRecordsFailed"]) == (
        "JobComplete",
        3,
        1,
    )
    good = list(
        csv.DictReader(io.StringIO((await client.rest("GET", f"{path}/successfulResults/")).raw.decode()))
    )
    assert {(row["Ext_Id__c"], row["sf__Created"]) for row in good} == {("k1", "false"), ("k2", "true")}
    [bad] = csv.DictReader(io.StringIO((await client.rest("GET", f"{path}/failedResults/")).raw.decode()))
    assert bad["sf__Error"] == "REQUIRED_FIELD_MISSING:Required fields are missing: [Name]:Name --"
    assert (await client.rest("GET", f"{path}/unprocessedRecords/")).status == 200
    [row] = await client.query("SELECT Name, Site, Rating FROM Account WHERE Ext_Id__c = 'k1'")
    assert (row["Name"], row["Site"], row["Rating"]) == ("A", None, "Hot")
    origins = {event.opened()[0]["changeOrigin"] for event in emulator.org.log.since(1, 10)}
    assert origins == {"com/salesforce/api/bulkapi/67.0;client=pgsync"}
