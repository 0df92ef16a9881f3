"""Points 34 to 47: REST, Bulk API 2.0 and OAuth."""

from __future__ import annotations

import asyncio
import csv
import io
import re
import string
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
import jwt
import pytest

from tests.support.plain_client import (
    Address,
    Answer,
    PlainClient,
    PlainStream,
    body,
    collection,
    header,
    kinds,
)

BASE = "/services/data/v67.0"
JSON = "application/json;charset=UTF-8"
REST_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.000\+0000")
NOON = 1_795_354_455  # 2026-11-22T13:34:15Z
ENDED = [{"message": "Session expired or invalid", "errorCode": "INVALID_SESSION_ID"}]


def node(reference: str, method: str, url: str, sent: Any = None, **more: Any) -> dict[str, Any]:
    """A part of a Composite or of a Graph."""
    part = {"method": method, "url": f"{BASE}/{url}", "referenceId": reference, **more}
    return part if sent is None else part | {"body": sent}


def codes(results: list[dict[str, Any]]) -> list[str | None]:
    """The status code of each result of a Collections call; None for a record that went well."""
    return [None if result["success"] else result["errors"][0]["statusCode"] for result in results]


def rows_of(answer: Answer) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(answer.raw.decode())))


async def names(client: PlainClient, sobject: str = "Account") -> list[str]:
    return [row["Name"] for row in await client.query(f"SELECT Name FROM {sobject} ORDER BY Name")]


async def ingest(
    client: PlainClient, upload: str, key: str | None = None, **request: str
) -> tuple[dict[str, Any], str]:
    """Run an ingest job about Accounts to its end; the job and its path."""
    asked = {"object": "Account", "contentType": "CSV", "lineEnding": "LF", **request}
    if key is not None:
        asked["externalIdFieldName"] = key
    job = (await client.rest("POST", "jobs/ingest", json=asked)).body
    path = f"jobs/ingest/{job['id']}"
    put = await client.rest("PUT", f"{path}/batches", data=upload, headers={"Content-Type": "text/csv"})
    assert (put.status, put.raw) == (201, b"")
    assert (await client.rest("PATCH", path, json={"state": "UploadComplete"})).status == 200
    async with asyncio.timeout(10):
        while job["state"] not in {"JobComplete", "Failed", "Aborted"}:
            job = (await client.rest("GET", path)).body
    return job, path


async def sign_in(client: PlainClient, **form: Any) -> Answer:
    return await client.send("POST", "/services/oauth2/token", auth="", data=form)


async def test_34a_a_request_that_failed_is_an_array_with_error_codes(client: PlainClient) -> None:
    refused = [
        await client.rest("POST", "sobjects/Contact", json={"FirstName": "Ada"}),
        await client.rest("GET", "query", params={"q": "SELECT Nope FROM Account"}),
        await client.rest("GET", "sobjects/Account/001000000000001AAA"),
        await client.rest("POST", "composite/sobjects", json={"records": "none"}),
        await client.rest("POST", "jobs/ingest", json={"object": "Nothing__c", "operation": "insert"}),
    ]
    for answer in refused:
        assert answer.status >= 400
        assert answer.headers["Content-Type"] == JSON
        assert isinstance(answer.body, list)
        assert answer.body
        for error in answer.body:
            assert {"message", "errorCode"} <= set(error) <= {"message", "errorCode", "fields"}
    assert refused[0].body == [
        {
            "message": "Required fields are missing: [LastName]",
            "errorCode": "REQUIRED_FIELD_MISSING",
            "fields": ["LastName"],
        }
    ]


async def test_34b_a_record_that_failed_among_others_has_status_codes(client: PlainClient) -> None:
    rows = collection("Contact", {"LastName": "X"}, {"FirstName": "Ada"})
    answer = await client.rest("POST", "composite/sobjects", json=rows)
    assert answer.status == 200
    good, bad = answer.body
    assert good == {"id": good["id"], "success": True, "errors": []}
    assert bad == {
        "success": False,
        "errors": [
            {
                "statusCode": "REQUIRED_FIELD_MISSING",
                "message": "Required fields are missing: [LastName]",
                "fields": ["LastName"],
            }
        ],
    }


async def test_34c_a_part_of_a_composite_has_the_array_inside_its_body(client: PlainClient) -> None:
    parts = [node("bad", "POST", "sobjects/Contact", {"FirstName": "Ada"})]
    answer = await client.rest("POST", "composite", json={"compositeRequest": parts})
    assert answer.status == 200
    [part] = answer.body["compositeResponse"]
    assert (part["httpStatusCode"], part["referenceId"]) == (400, "bad")
    [error] = part["body"]
    assert error["errorCode"] == "REQUIRED_FIELD_MISSING"
    assert "statusCode" not in error


async def test_34d_the_token_endpoint_answers_with_an_object(client: PlainClient) -> None:
    answer = await sign_in(
        client,
        grant_type="refresh_token",
        client_id=client.announcement.client_id,
        refresh_token="nonsense",
    )
    assert answer.status == 400
    assert answer.body == {
        "error": "invalid_grant",
        "error_description": "expired access/refresh token",
    }


async def test_35a_upsert_makes_with_201_and_changes_with_200(client: PlainClient) -> None:
    path = "sobjects/Account/Ext_Id__c/A%2F17%20x"
    made = await client.rest("PATCH", path, json={"Name": "A"})
    record = made.body["id"]
    assert made.status == 201
    assert made.body == {"id": record, "success": True, "errors": [], "created": True}
    for version in ("v67.0", "v46.0"):
        changed = await client.rest("PATCH", path, json={"Name": "B"}, version=version)
        assert changed.status == 200
        assert changed.body == {"id": record, "success": True, "errors": [], "created": False}
    [row] = await client.query("SELECT Id, Name, Ext_Id__c FROM Account")
    assert (row["Id"], row["Name"], row["Ext_Id__c"]) == (record, "B", "A/17 x")


async def test_35b_below_version_46_a_change_answers_204(client: PlainClient) -> None:
    path = "sobjects/Account/Ext_Id__c/k"
    made = await client.rest("PATCH", path, json={"Name": "A"}, version="v45.0")
    assert made.status == 201
    for version in ("v45.0", "v37.0"):
        changed = await client.rest("PATCH", path, json={"Name": "B"}, version=version)
        assert (changed.status, changed.raw) == (204, b"")
    assert await names(client) == ["B"]


async def test_35c_several_matches_answer_300_and_write_nothing(client: PlainClient) -> None:
    ids = [await client.create("Account", Name="A", Legacy__c="L1") for _ in range(2)]
    answer = await client.rest("PATCH", "sobjects/Account/Legacy__c/L1", json={"Name": "B"})
    assert answer.status == 300
    assert sorted(answer.body) == sorted(f"{BASE}/sobjects/Account/{record}" for record in ids)
    assert await names(client) == ["A", "A"]


async def test_36a_collections_take_200_records_and_no_more(client: PlainClient) -> None:
    rows = [{"Name": f"A{number:03}"} for number in range(201)]
    refused = await client.rest("POST", "composite/sobjects", json=collection("Account", *rows))
    assert refused.status == 400
    assert refused.body[0]["errorCode"] == "EXCEEDED_MAX_SIZE_REQUEST"
    assert await names(client) == []
    taken = await client.rest("POST", "composite/sobjects", json=collection("Account", *rows[:200]))
    assert taken.status == 200
    assert codes(taken.body) == [None] * 200
    ids = [result["id"] for result in taken.body]
    update = collection("Account", *({"id": record, "Site": "x"} for record in [*ids, ids[0]]))
    assert (await client.rest("PATCH", "composite/sobjects", json=update)).status == 400
    too_many = ",".join([*ids, ids[0]])
    assert (await client.rest("DELETE", f"composite/sobjects?ids={too_many}")).status == 400
    assert len(await names(client)) == 200


async def test_36b_results_stand_in_the_order_of_the_request(client: PlainClient) -> None:
    rows = [{"LastName": f"L{number}"} if number % 3 else {"FirstName": "Ada"} for number in range(30)]
    made = (await client.rest("POST", "composite/sobjects", json=collection("Contact", *rows))).body
    assert codes(made) == [None if number % 3 else "REQUIRED_FIELD_MISSING" for number in range(30)]
    ids = [result["id"] for result in made if result["success"]]
    request = {"ids": ids[::-1], "fields": ["LastName"]}
    found = (await client.rest("POST", "composite/sobjects/Contact", json=request)).body
    assert [row["LastName"] for row in found] == [f"L{n}" for n in range(29, -1, -1) if n % 3]
    updated = collection("Contact", *({"id": record, "Title": "x"} for record in ids[::-1]))
    results = (await client.rest("PATCH", "composite/sobjects", json=updated)).body
    assert [result["id"] for result in results] == ids[::-1]
    gone = (await client.rest("DELETE", f"composite/sobjects?ids={','.join(ids)}")).body
    assert [result["id"] for result in gone] == ids


async def test_36c_some_may_fail_and_even_all_may(client: PlainClient) -> None:
    rows = collection("Contact", {"LastName": "A"}, {}, {"LastName": "B"})
    for request in (rows, rows | {"allOrNone": False}):
        answer = await client.rest("POST", "composite/sobjects", json=request)
        assert answer.status == 200
        assert codes(answer.body) == [None, "REQUIRED_FIELD_MISSING", None]
    assert len(await client.query("SELECT Id FROM Contact")) == 4
    none = await client.rest("POST", "composite/sobjects", json=collection("Contact", {}, {}))
    assert none.status == 200
    assert codes(none.body) == ["REQUIRED_FIELD_MISSING"] * 2


async def test_36d_all_or_none_takes_everything_back(client: PlainClient, stream: PlainStream) -> None:
    rows = collection("Contact", {"LastName": "A"}, {}, {"LastName": "B"}, allOrNone=True)
    answer = await client.rest("POST", "composite/sobjects", json=rows)
    assert answer.status == 200
    assert codes(answer.body) == [
        "ALL_OR_NONE_OPERATION_ROLLED_BACK",
        "REQUIRED_FIELD_MISSING",
        "ALL_OR_NONE_OPERATION_ROLLED_BACK",
    ]
    assert all("id" not in result for result in answer.body)
    account = await client.create("Account", Name="A")
    missing = "001000000000001AAA"
    gone = await client.rest("DELETE", f"composite/sobjects?ids={account},{missing}&allOrNone=true")
    assert codes(gone.body)[0] == "ALL_OR_NONE_OPERATION_ROLLED_BACK"
    assert await client.query("SELECT Id FROM Contact") == []
    assert await names(client) == ["A"]
    assert kinds(await stream.up_to_marker()) == [("Account", "CREATE")]


async def test_36e_types_may_change_so_often_that_there_are_ten_chunks(client: PlainClient) -> None:
    def mixed(*types: str) -> dict[str, Any]:
        return {"records": [{"attributes": {"type": name}, "Name": "x"} for name in types]}

    eleven = mixed(*("Account", "Campaign") * 5, "Account")
    refused = await client.rest("POST", "composite/sobjects", json=eleven)
    assert (refused.status, isinstance(refused.body, list)) == (400, True)
    assert await names(client) == []
    ten = mixed(*("Account", "Campaign") * 5)
    assert codes((await client.rest("POST", "composite/sobjects", json=ten)).body) == [None] * 10
    neighbours = mixed(*["Account"] * 15, *["Campaign"] * 15, *["Account"] * 15)  # three chunks, not 45
    answer = await client.rest("POST", "composite/sobjects", json=neighbours)
    assert codes(answer.body) == [None] * 45


async def test_37a_a_composite_takes_25_parts(client: PlainClient) -> None:
    def asked(count: int) -> dict[str, Any]:
        parts = [node(f"r{number}", "POST", "sobjects/Account", {"Name": "A"}) for number in range(count)]
        return {"compositeRequest": parts}

    refused = await client.rest("POST", "composite", json=asked(26))
    assert (refused.status, isinstance(refused.body, list)) == (400, True)
    assert await names(client) == []
    taken = await client.rest("POST", "composite", json=asked(25))
    assert taken.status == 200
    assert [part["httpStatusCode"] for part in taken.body["compositeResponse"]] == [201] * 25


@pytest.mark.parametrize(
    ("method", "url", "sent"),
    [
        ("GET", "query?q=SELECT+Id+FROM+Account", None),
        ("GET", "queryAll?q=SELECT+Id+FROM+Account", None),
        ("POST", "composite/sobjects", collection("Account", {"Name": "A"})),
        ("PATCH", "composite/sobjects/Account/Ext_Id__c", collection("Account", {"Ext_Id__c": "k"})),
    ],
    ids=["query", "queryAll", "create", "upsert"],
)
async def test_37b_five_of_them_may_be_queries_or_collections(
    client: PlainClient, method: str, url: str, sent: Any
) -> None:
    def asked(count: int) -> dict[str, Any]:
        costly = [node(f"r{number}", method, url, sent) for number in range(count)]
        cheap = [node(f"c{number}", "GET", "sobjects") for number in range(10)]
        return {"compositeRequest": [*costly, *cheap]}

    refused = await client.rest("POST", "composite", json=asked(6))
    assert (refused.status, isinstance(refused.body, list)) == (400, True)
    taken = await client.rest("POST", "composite", json=asked(5))
    assert taken.status == 200
    assert [part["httpStatusCode"] for part in taken.body["compositeResponse"]] == [200] * 15


async def test_37c_graphs_take_500_nodes_together(client: PlainClient) -> None:
    def asked(count: int) -> dict[str, Any]:
        nodes = [node(f"n{number}", "POST", "sobjects/Account", {"Name": "A"}) for number in range(count)]
        half = len(nodes) // 2
        parts = (nodes[:half], nodes[half:])
        return {"graphs": [{"graphId": str(i), "compositeRequest": part} for i, part in enumerate(parts)]}

    refused = await client.rest("POST", "composite/graph", json=asked(501))
    assert (refused.status, isinstance(refused.body, list)) == (400, True)
    assert await names(client) == []
    taken = await client.rest("POST", "composite/graph", json=asked(500))
    assert taken.status == 200
    assert [graph["isSuccessful"] for graph in taken.body["graphs"]] == [True, True]
    assert len(await names(client)) == 500


async def test_37d_there_may_be_75_graphs(client: PlainClient) -> None:
    def asked(count: int) -> dict[str, Any]:
        part = node("n", "POST", "sobjects/Account", {"Name": "A"})
        return {"graphs": [{"graphId": str(number), "compositeRequest": [part]} for number in range(count)]}

    refused = await client.rest("POST", "composite/graph", json=asked(76))
    assert (refused.status, isinstance(refused.body, list)) == (400, True)
    assert await names(client) == []
    assert (await client.rest("POST", "composite/graph", json=asked(75))).status == 200
    assert len(await names(client)) == 75


async def replicated(client: PlainClient, what: str, start: str, end: str) -> Answer:
    return await client.rest("GET", f"sobjects/Account/{what}/", params={"start": start, "end": end})


async def test_38a_replication_cuts_off_the_seconds_of_its_window(client: PlainClient) -> None:
    await client.control("POST", "clock", {"freeze": True, "at": NOON})
    kept, gone = await client.create("Account", Name="A"), await client.create("Account", Name="B")
    await client.delete("Account", gone)
    await client.control("POST", "clock", {"advance": 600})
    late = ("2026-11-22T13:34:59Z", "2026-11-22T13:40:59+00:00")  # 13:34:00 to 13:40:00
    assert (await replicated(client, "updated", *late)).body["ids"] == [kept]
    deleted = (await replicated(client, "deleted", *late)).body
    assert deleted["deletedRecords"] == [{"id": gone, "deletedDate": "2026-11-22T13:34:15.000+0000"}]
    early = ("2026-11-22T13:30:00Z", "2026-11-22T13:34:59Z")  # ends at 13:34:00, before the changes
    assert (await replicated(client, "updated", *early)).body["ids"] == []
    assert (await replicated(client, "deleted", *early)).body["deletedRecords"] == []
    for what in ("updated", "deleted"):
        empty = await replicated(client, what, "2026-11-22T13:34:05Z", "2026-11-22T13:34:50Z")
        assert (empty.status, empty.body[0]["errorCode"]) == (400, "INVALID_REPLICATION_DATE")


async def test_38b_what_is_covered_may_end_before_the_window(client: PlainClient) -> None:
    await client.control("POST", "clock", {"freeze": True, "at": NOON})
    record = await client.create("Account", Name="A")
    window = ("2026-11-22T13:00:00Z", "2026-11-22T15:00:00Z")
    first = (await replicated(client, "updated", *window)).body
    assert set(first) == {"ids", "latestDateCovered"}
    assert first["latestDateCovered"] < "2026-11-22T15:00:00.000+0000"
    deleted = (await replicated(client, "deleted", *window)).body
    assert set(deleted) == {"deletedRecords", "earliestDateAvailable", "latestDateCovered"}
    assert deleted["latestDateCovered"] < "2026-11-22T15:00:00.000+0000"
    for value in (first["latestDateCovered"], *deleted.values()):
        assert value == [] or REST_TIME.fullmatch(value)
    await client.control("POST", "clock", {"advance": 3600})
    going_on = await replicated(client, "updated", first["latestDateCovered"], "2026-11-22T15:00:00Z")
    assert record in {*first["ids"], *going_on.body["ids"]}  # who goes on from there misses nothing


@pytest.mark.parametrize(("what", "days"), [("updated", 30), ("deleted", 15)])
async def test_38c_replication_looks_back_so_many_days(client: PlainClient, what: str, days: int) -> None:
    await client.control("POST", "clock", {"freeze": True, "at": NOON})

    def before(number: float) -> str:
        return datetime.fromtimestamp(NOON - number * 86_400, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

    assert (await replicated(client, what, before(days - 0.1), before(0))).status == 200
    refused = await replicated(client, what, before(days + 0.1), before(0))
    assert (refused.status, refused.body[0]["errorCode"]) == (400, "INVALID_REPLICATION_DATE")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "limits"),
        ("GET", "sobjects"),
        ("POST", "sobjects/Account"),
        ("PATCH", "sobjects/Account/Ext_Id__c/k"),
        ("GET", "query?q=SELECT+Id+FROM+Account"),
        ("POST", "composite/sobjects"),
        ("POST", "composite"),
        ("POST", "jobs/ingest"),
        ("GET", "sobjects/Account/updated/"),
    ],
)
async def test_39_the_body_of_a_401_is_an_array(client: PlainClient, method: str, path: str) -> None:
    sent = None if method == "GET" else {"Name": "A"}
    await client.control("POST", "tokens/expire")
    for auth in (None, "Bearer nonsense", "OAuth nonsense"):
        answer = await client.rest(method, path, json=sent, auth=auth)
        assert (answer.status, answer.body) == (401, ENDED)
        assert answer.headers["Content-Type"] == JSON


async def changed_since(client: PlainClient, sobject: str, **values: Any) -> tuple[str, str]:
    """A record, and the date from which on it was changed once more, a few seconds later."""
    record = await client.create(sobject, **values)
    seen = (await client.rest("GET", f"sobjects/{sobject}/{record}")).headers["Last-Modified"]
    await client.control("POST", "clock", {"advance": 5})
    await client.update(sobject, record, Description="theirs")
    return record, seen


@pytest.mark.parametrize(
    ("sobject", "values"),
    [("Account", {"Name": "A"}), ("Contact", {"LastName": "S"}), ("Lead", {"LastName": "V", "Company": "U"})],
)
async def test_40a_a_record_that_changed_since_is_not_written(
    client: PlainClient, sobject: str, values: dict[str, Any]
) -> None:
    record, seen = await changed_since(client, sobject, **values)
    path = f"sobjects/{sobject}/{record}"
    for method in ("PATCH", "GET"):
        sent = {"Description": "ours"} if method == "PATCH" else None
        refused = await client.rest(method, path, json=sent, headers={"If-Unmodified-Since": seen})
        assert refused.status == 412
    [row] = await client.query(f"SELECT Description FROM {sobject}")
    assert row["Description"] == "theirs"
    now = (await client.rest("GET", path)).headers["Last-Modified"]
    assert re.fullmatch(r"[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT", now)
    sent = {"Description": "ours"}
    taken = await client.rest("PATCH", path, json=sent, headers={"If-Unmodified-Since": now})
    assert (taken.status, taken.raw) == (204, b"")


async def test_40b_the_condition_works_for_external_ids_and_must_be_a_date(client: PlainClient) -> None:
    _, seen = await changed_since(client, "Account", Name="A", Ext_Id__c="k")
    path = "sobjects/Account/Ext_Id__c/k"
    refused = await client.rest("PATCH", path, json={"Name": "B"}, headers={"If-Unmodified-Since": seen})
    assert refused.status == 412
    nonsense = {"If-Unmodified-Since": "yesterday"}
    assert (await client.rest("PATCH", path, json={"Name": "B"}, headers=nonsense)).status == 400
    assert await names(client) == ["A"]


async def test_40c_a_read_may_be_answered_with_304(client: PlainClient) -> None:
    contact = await client.create("Contact", LastName="S")
    path = f"sobjects/Contact/{contact}"
    seen = (await client.rest("GET", path)).headers["Last-Modified"]
    unchanged = await client.rest("GET", path, headers={"If-Modified-Since": seen})
    assert (unchanged.status, unchanged.raw) == (304, b"")
    await client.control("POST", "clock", {"advance": 5})
    await client.update("Contact", contact, Title="x")
    assert (await client.rest("GET", path, headers={"If-Modified-Since": seen})).status == 200


async def test_40d_nothing_is_conditional_but_single_rows(client: PlainClient) -> None:
    record, seen = await changed_since(client, "Account", Name="A", Ext_Id__c="k")
    condition = {"If-Unmodified-Since": seen}
    many = collection("Account", {"id": record, "Site": "collections"})
    answer = await client.rest("PATCH", "composite/sobjects", json=many, headers=condition)
    assert (answer.status, codes(answer.body)) == (200, [None])
    parts = [node("p", "PATCH", f"sobjects/Account/{record}", {"Site": "composite"})]
    answer = await client.rest("POST", "composite", json={"compositeRequest": parts}, headers=condition)
    assert answer.status == 200
    assert [part["httpStatusCode"] for part in answer.body["compositeResponse"]] == [204]
    gone = await client.rest("DELETE", f"sobjects/Account/{record}", headers=condition)
    assert gone.status == 204


async def test_40e_only_accounts_have_an_etag(client: PlainClient) -> None:
    account = await client.create("Account", Name="A")
    path = f"sobjects/Account/{account}"
    tag = (await client.rest("GET", path)).headers["ETag"]
    assert (await client.rest("GET", path, headers={"If-None-Match": tag})).status == 304
    taken = await client.rest("PATCH", path, json={"Site": "a"}, headers={"If-Match": tag})
    assert taken.status == 204
    await client.control("POST", "clock", {"advance": 5})
    await client.update("Account", account, Site="b")
    refused = await client.rest("PATCH", path, json={"Site": "c"}, headers={"If-Match": tag})
    assert refused.status == 412
    assert (await client.rest("GET", path)).headers["ETag"] != tag
    made = {
        "Contact": await client.create("Contact", LastName="S"),
        "Lead": await client.create("Lead", LastName="V", Company="U"),
        "Campaign": await client.create("Campaign", Name="C"),
    }
    for sobject, record in made.items():
        other = f"sobjects/{sobject}/{record}"
        assert "ETag" not in (await client.rest("GET", other)).headers
        ignored = await client.rest(
            "PATCH", other, json={"Description": "x"}, headers={"If-Match": '"nonsense"'}
        )
        assert ignored.status == 204


async def bulk_query(client: PlainClient, soql: str) -> str:
    """The path of the results of a query job that has ended."""
    request = {"operation": "query", "query": soql, "contentType": "CSV"}
    job = (await client.rest("POST", "jobs/query", json=request)).body
    async with asyncio.timeout(10):
        while job["state"] != "JobComplete":
            job = (await client.rest("GET", f"jobs/query/{job['id']}")).body
    return f"jobs/query/{job['id']}/results"


async def test_41a_bulk_results_come_in_pages_with_two_headers(client: PlainClient) -> None:
    made = collection("Account", *({"Name": f"A{number}"} for number in range(5)))
    await client.rest("POST", "composite/sobjects", json=made)
    path = await bulk_query(client, "SELECT Id, Name, Site FROM Account")
    found: list[dict[str, str]] = []
    locators: list[str] = []
    while "null" not in locators:
        params = {"maxRecords": "2"} | ({"locator": locators[-1]} if locators else {})
        page = await client.rest("GET", path, params=params, headers={"Accept": "text/csv"})
        assert page.status == 200
        assert page.headers["Content-Type"].startswith("text/csv")
        assert next(csv.reader(io.StringIO(page.raw.decode()))) == ["Id", "Name", "Site"]
        rows = rows_of(page)
        assert page.headers["Sforce-NumberOfRecords"] == str(len(rows))
        locators.append(page.headers["Sforce-Locator"])
        found += rows
    assert [len(locators), locators[-1]] == [3, "null"]
    assert "null" not in locators[:-1]
    assert sorted(row["Name"] for row in found) == [f"A{number}" for number in range(5)]
    assert {row["Site"] for row in found} == {""}  # an empty text is null
    whole = await client.rest("GET", path)
    assert whole.headers["Sforce-Locator"] == "null"
    assert whole.headers["Sforce-NumberOfRecords"] == "5"


async def test_41b_an_empty_result_has_the_headers_too(client: PlainClient) -> None:
    page = await client.rest("GET", await bulk_query(client, "SELECT Id FROM Account"))
    assert page.headers["Sforce-Locator"] == "null"
    assert page.headers["Sforce-NumberOfRecords"] == "0"
    assert rows_of(page) == []


async def test_41c_result_rows_are_not_in_the_order_of_the_upload(client: PlainClient) -> None:
    upload = "Name,Ext_Id__c\n" + "".join(f"{'A' if number % 2 else ''},k{number}\n" for number in range(60))
    job, path = await ingest(client, upload, operation="insert")
    assert (job["state"], job["numberRecordsProcessed"], job["numberRecordsFailed"]) == (
        "JobComplete",
        60,
        30,
    )
    good = rows_of(await client.rest("GET", f"{path}/successfulResults/"))
    bad = rows_of(await client.rest("GET", f"{path}/failedResults/"))
    for rows, rest in ((good, 1), (bad, 0)):
        keys = [row["Ext_Id__c"] for row in rows]
        sent = [f"k{number}" for number in range(60) if number % 2 == rest]
        assert keys != sent
        assert sorted(keys) == sorted(sent)
    assert list(good[0]) == ["sf__Id", "sf__Created", "Name", "Ext_Id__c"]
    assert list(bad[0]) == ["sf__Id", "sf__Error", "Name", "Ext_Id__c"]
    found = {row["Id"]: row["Ext_Id__c"] for row in await client.query("SELECT Id, Ext_Id__c FROM Account")}
    assert {row["sf__Id"]: row["Ext_Id__c"] for row in good} == found
    assert {row["sf__Created"] for row in good} == {"true"}
    expected = "REQUIRED_FIELD_MISSING:Required fields are missing: [Name]:Name --"
    assert {row["sf__Error"] for row in bad} == {expected}
    for path_of_rest in ("unprocessedrecords", "unprocessedRecords"):
        rest_of_it = await client.rest("GET", f"{path}/{path_of_rest}/")
        assert (rest_of_it.status, rows_of(rest_of_it)) == (200, [])


@pytest.mark.parametrize("operation", ["update", "upsert"])
async def test_41d_an_empty_cell_leaves_a_field_and_a_mark_clears_it(
    client: PlainClient, operation: str
) -> None:
    record = await client.create("Account", Name="A", Ext_Id__c="k1", Site="s", Rating="Hot", Phone="1")
    name, value = ("Id", record) if operation == "update" else ("Ext_Id__c", "k1")
    key = "Ext_Id__c" if operation == "upsert" else None
    upload = f"{name},Name,Site,Rating,Phone\n{value},,#N/A,,2\n"
    job, path = await ingest(client, upload, key, operation=operation)
    assert (job["state"], job["numberRecordsFailed"]) == ("JobComplete", 0)
    [row] = await client.query("SELECT Name, Site, Rating, Phone FROM Account")
    assert (row["Name"], row["Site"], row["Rating"], row["Phone"]) == ("A", None, "Hot", "2")
    [result] = rows_of(await client.rest("GET", f"{path}/successfulResults/"))
    assert (result["sf__Id"], result["sf__Created"]) == (record, "false")


async def test_41e_an_empty_cell_of_a_new_record_takes_the_default(client: PlainClient) -> None:
    job, _ = await ingest(client, "Name,Site,Rating\nA,,#N/A\n", operation="insert")
    assert job["numberRecordsFailed"] == 0
    [row] = await client.query("SELECT Site, Rating FROM Account")
    assert (row["Site"], row["Rating"]) == (None, None)


ASSIGNED: dict[str, dict[str, Any]] = {
    "Lead": {"LastName": "Vega", "Company": "Umbra"},
    "Case": {"Subject": "A question"},
}


async def owner(client: PlainClient, sobject: str, record: str) -> str:
    [row] = await client.query(f"SELECT OwnerId FROM {sobject} WHERE Id = '{record}'")
    return str(row["OwnerId"])


@pytest.mark.parametrize("sobject", list(ASSIGNED))
async def test_42a_a_save_changes_the_owner_unless_assignment_is_turned_off(
    client: PlainClient, sobject: str
) -> None:
    me = (await client.send("GET", "/services/oauth2/userinfo")).body["user_id"]
    await client.control("POST", "switches", {"auto_assign": True})
    assigned = await client.create(sobject, **ASSIGNED[sobject])
    assert await owner(client, sobject, assigned) != me
    off = {"Sforce-Auto-Assign": "FALSE"}
    made = await client.rest("POST", f"sobjects/{sobject}", json=ASSIGNED[sobject], headers=off)
    kept = made.body["id"]
    assert await owner(client, sobject, kept) == me
    path = f"sobjects/{sobject}/{kept}"
    assert (await client.rest("PATCH", path, json={"Description": "x"}, headers=off)).status == 204
    assert await owner(client, sobject, kept) == me
    assert (await client.rest("PATCH", path, json={"Description": "y"})).status == 204
    assert await owner(client, sobject, kept) != me


@pytest.mark.parametrize("sobject", list(ASSIGNED))
async def test_42b_an_org_without_the_rule_keeps_the_owner(client: PlainClient, sobject: str) -> None:
    me = (await client.send("GET", "/services/oauth2/userinfo")).body["user_id"]
    record = await client.create(sobject, **ASSIGNED[sobject])
    await client.update(sobject, record, Description="x")
    assert await owner(client, sobject, record) == me


def with_suffix(short: str) -> str:
    """The 18 characters of an id, worked out from its 15."""
    alphabet = string.ascii_uppercase + "012345"
    groups = (short[start : start + 5] for start in (0, 5, 10))
    return short + "".join(
        alphabet[sum(1 << place for place, character in enumerate(group) if character.isupper())]
        for group in groups
    )


async def test_43a_ids_have_18_characters_everywhere(client: PlainClient, stream: PlainStream) -> None:
    assert with_suffix("0015f00002JUZPD") == "0015f00002JUZPDAA5"  # a vendor's sample
    account = await client.create("Account", Name="A", Ext_Id__c="k")
    made = collection("Contact", {"LastName": "S", "AccountId": account[:15]})
    [contact] = (await client.rest("POST", "composite/sobjects", json=made)).body
    upserted = (await client.rest("PATCH", "sobjects/Account/Ext_Id__c/k", json={"Site": "x"})).body
    [row] = await client.query("SELECT Id, AccountId, OwnerId, CreatedById, LastModifiedById FROM Contact")
    url = row.pop("attributes")["url"]
    assert url == f"{BASE}/sobjects/Contact/{row['Id']}"
    job, path = await ingest(client, "Name\nB\n", operation="insert")
    [result] = rows_of(await client.rest("GET", f"{path}/successfulResults/"))
    events = await stream.events(4)
    shown = [header(event)["commitUser"] for event in events]
    shown += [record for event in events for record in header(event)["recordIds"]]
    shown += [body(events[1])["AccountId"], body(events[1])["OwnerId"]]
    shown += [account, contact["id"], upserted["id"], *row.values(), job["id"], result["sf__Id"]]
    for record in shown:
        assert len(record) == 18
        assert record == with_suffix(record[:15])
    assert (upserted["id"], row["AccountId"], body(events[1])["AccountId"]) == (account, account, account)


@pytest.mark.parametrize("length", [15, 18])
async def test_43b_ids_of_15_and_18_characters_are_taken(client: PlainClient, length: int) -> None:
    account = await client.create("Account", Name="A")
    given = account[:length]
    contact = await client.create("Contact", LastName="S", AccountId=given)
    found = (await client.rest("GET", f"sobjects/Account/{given}?fields=Name")).body
    assert found["attributes"]["url"].endswith(account)
    await client.update("Account", given, Site="x")
    for where in (f"Id = '{given}'", f"Id IN ('{given}')"):
        assert [row["Id"] for row in await client.query(f"SELECT Id FROM Account WHERE {where}")] == [account]
    [row] = await client.query(f"SELECT Id, AccountId FROM Contact WHERE AccountId = '{given}'")
    assert (row["Id"], row["AccountId"]) == (contact, account)
    changed = collection("Account", {"id": given, "Site": "y"})
    [result] = (await client.rest("PATCH", "composite/sobjects", json=changed)).body
    assert result == {"id": account, "success": True, "errors": []}
    job, _ = await ingest(client, f"Id,Site\n{given},z\n", operation="update")
    assert job["numberRecordsFailed"] == 0
    [result] = (await client.rest("DELETE", f"composite/sobjects?ids={contact[:length]}")).body
    assert result["id"] == contact
    await client.delete("Account", given)


async def test_43c_case_matters_in_15_characters_and_not_in_18(client: PlainClient) -> None:
    made = collection("Account", *({"Name": f"A{number}"} for number in range(80)))
    ids = [result["id"] for result in (await client.rest("POST", "composite/sobjects", json=made)).body]
    record = next(i for i in ids if i[:15] != i[:15].lower())
    found = await client.rest("GET", f"sobjects/Account/{record.upper()}?fields=Id")
    assert (found.status, found.body["Id"]) == (200, record)
    other = await client.rest("GET", f"sobjects/Account/{record[:15].lower()}?fields=Id")
    assert other.status == 404 or other.body["Id"] != record


async def test_44a_a_locked_row_can_be_injected(client: PlainClient) -> None:
    fault = {"api": "rows", "method": "POST", "times": 1, "status": 400, "code": "UNABLE_TO_LOCK_ROW"}
    await client.control("POST", "faults", fault | {"message": "unable to obtain exclusive access"})
    refused = await client.rest("POST", "sobjects/Account", json={"Name": "A"})
    assert refused.status == 400
    assert refused.body == [
        {"message": "unable to obtain exclusive access", "errorCode": "UNABLE_TO_LOCK_ROW"}
    ]
    await client.create("Account", Name="A")
    fault = {"action": "refuse_records", "api": "collections", "times": 1, "code": "UNABLE_TO_LOCK_ROW"}
    await client.control("POST", "faults", fault)
    rows = collection("Account", {"Name": "B"}, {"Name": "C"})
    answer = await client.rest("POST", "composite/sobjects", json=rows)
    assert (answer.status, codes(answer.body)) == (200, ["UNABLE_TO_LOCK_ROW", None])
    assert await names(client) == ["A", "C"]


async def test_44b_the_edge_without_a_route_can_be_injected(client: PlainClient) -> None:
    await client.control("POST", "faults", {"status": 420, "times": 2, "body": "<html>420</html>"})
    for path in ("limits", "query?q=SELECT+Id+FROM+Account"):
        assert (await client.rest("GET", path)).status == 420
    assert (await client.rest("GET", "limits")).status == 200


async def test_44c_maintenance_in_html_can_be_injected(client: PlainClient) -> None:
    page = "<html><body>We are down for maintenance.</body></html>"
    await client.control("POST", "faults", {"status": 503, "times": 1, "body": page})
    answer = await client.rest("POST", "sobjects/Account", json={"Name": "A"})
    assert answer.status == 503
    assert answer.headers["Content-Type"].startswith("text/html")
    assert answer.raw.decode() == page
    assert await names(client) == []


async def test_44d_the_daily_allowance_of_calls_can_be_used_up(client: PlainClient) -> None:
    used = (await client.rest("GET", "limits")).headers["Sforce-Limit-Info"]
    count = int(re.fullmatch(r"api-usage=(\d+)/\d+", used)[1])  # type: ignore[index]  # no match is a failure
    await client.control("POST", "switches", {"daily_api_limit": count + 1})
    assert (await client.rest("GET", "limits")).status == 200
    for _ in range(2):
        refused = await client.rest("POST", "sobjects/Account", json={"Name": "A"})
        assert refused.status == 403
        assert refused.body == [
            {"message": "TotalRequests Limit exceeded.", "errorCode": "REQUEST_LIMIT_EXCEEDED"}
        ]
    await client.control("POST", "switches", {"daily_api_limit": 1_000_000})
    assert await names(client) == []


async def test_44e_too_many_calls_at_a_time_can_be_injected(client: PlainClient) -> None:
    message = "ConcurrentRequests (Concurrent API Requests) Limit exceeded."
    fault = {"status": 403, "code": "REQUEST_LIMIT_EXCEEDED", "message": message, "times": 1}
    await client.control("POST", "faults", fault)
    refused = await client.rest("GET", "limits")
    assert (refused.status, refused.body) == (
        403,
        [{"message": message, "errorCode": "REQUEST_LIMIT_EXCEEDED"}],
    )


async def member_of_a_campaign(client: PlainClient, **values: Any) -> tuple[str, str]:
    """A campaign and its one member."""
    campaign = await client.create("Campaign", Name="Spring")
    lead = await client.create("Lead", LastName="Vega", Company="Umbra")
    member = await client.create("CampaignMember", CampaignId=campaign, LeadId=lead, **values)
    return campaign, member


async def status_of(client: PlainClient) -> tuple[str, bool]:
    [row] = await client.query("SELECT Status, HasResponded FROM CampaignMember")
    return row["Status"], row["HasResponded"]


async def test_45a_an_unknown_status_becomes_the_default_of_the_campaign(client: PlainClient) -> None:
    campaign, member = await member_of_a_campaign(client, Status="Nonsense")
    assert await status_of(client) == ("Sent", False)
    await client.update("CampaignMember", member, Status="Responded")
    assert await status_of(client) == ("Responded", True)
    await client.update("CampaignMember", member, Status="More nonsense")
    assert await status_of(client) == ("Sent", False)
    await client.create("CampaignMemberStatus", CampaignId=campaign, Label="Came", HasResponded=True)
    await client.update("CampaignMember", member, Status="Came")
    assert await status_of(client) == ("Came", True)


async def test_45b_without_a_default_the_given_text_is_kept(client: PlainClient) -> None:
    _, member = await member_of_a_campaign(client)
    for row in await client.query("SELECT Id FROM CampaignMemberStatus WHERE IsDefault = true"):
        await client.update("CampaignMemberStatus", row["Id"], IsDefault=False)
    await client.update("CampaignMember", member, Status="Nonsense")
    assert await status_of(client) == ("Nonsense", False)


async def test_45c_a_member_is_deleted_for_good(client: PlainClient, stream: PlainStream) -> None:
    _, member = await member_of_a_campaign(client)
    await stream.up_to_marker()
    await client.delete("CampaignMember", member)
    assert await client.query("SELECT Id FROM CampaignMember", deleted=True) == []
    [event] = await stream.up_to_marker()
    assert kinds([event]) == [("CampaignMember", "DELETE")]
    assert header(event)["recordIds"] == [member]


async def test_45d_with_its_campaign_a_member_goes_to_the_bin(client: PlainClient) -> None:
    campaign, member = await member_of_a_campaign(client)
    await client.delete("Campaign", campaign)
    assert await client.query("SELECT Id FROM CampaignMember") == []
    [row] = await client.query("SELECT Id, IsDeleted FROM CampaignMember", deleted=True)
    assert (row["Id"], row["IsDeleted"]) == (member, True)


async def contact_role(client: PlainClient) -> tuple[str, str]:
    """An opportunity and its one contact role."""
    contact = await client.create("Contact", LastName="Sato")
    opportunity = await client.create(
        "Opportunity", Name="O", StageName="Prospecting", CloseDate="2027-01-31"
    )
    role = await client.create("OpportunityContactRole", OpportunityId=opportunity, ContactId=contact)
    return opportunity, role


async def test_45e_a_contact_role_is_deleted_for_good(client: PlainClient, stream: PlainStream) -> None:
    _, role = await contact_role(client)
    await stream.up_to_marker()
    await client.delete("OpportunityContactRole", role)
    assert await client.query("SELECT Id FROM OpportunityContactRole", deleted=True) == []
    [event] = await stream.up_to_marker()
    assert kinds([event]) == [("OpportunityContactRole", "DELETE")]
    assert header(event)["recordIds"] == [role]


async def test_45f_with_its_opportunity_a_contact_role_goes_to_the_bin(client: PlainClient) -> None:
    opportunity, role = await contact_role(client)
    await client.delete("Opportunity", opportunity)
    [row] = await client.query("SELECT Id, IsDeleted FROM OpportunityContactRole", deleted=True)
    assert (row["Id"], row["IsDeleted"]) == (role, True)


def assertion(known: Address) -> str:
    """What the JWT bearer flow sends: signed with the key of the connected app, good for three minutes."""
    claims = {
        "iss": known.client_id,
        "sub": known.username,
        "aud": "https://login.salesforce.com",
        "exp": int(time.time()) + 180,
    }
    return jwt.encode(claims, Path(known.private_key_file).read_text("ascii"), algorithm="RS256")


@pytest.fixture
def credentials(client: PlainClient) -> dict[str, str]:
    known = client.announcement
    return {"client_id": known.client_id, "client_secret": known.client_secret}


async def test_46a_no_flow_tells_when_a_session_ends(
    client: PlainClient, credentials: dict[str, str]
) -> None:
    known = client.announcement
    issued = (await client.control("POST", "refresh/issue"))["refresh_token"]
    flows: list[dict[str, str]] = [
        {
            "grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer",
            "assertion": assertion(known),
        },
        {"grant_type": "client_credentials", **credentials},
        {"grant_type": "refresh_token", "refresh_token": issued, **credentials},
        {"grant_type": "password", "username": known.username, "password": "x", **credentials},
    ]
    for form in flows:
        answer = await sign_in(client, **form)
        assert answer.status == 200
        given = answer.body
        assert "expires_in" not in given
        assert {"access_token", "instance_url", "id", "token_type", "issued_at", "signature"} <= set(given)
        assert given["token_type"] == "Bearer"
        assert isinstance(given["issued_at"], str)
        assert re.fullmatch(r"\d{13}", given["issued_at"])
        assert given["access_token"].partition("!")[0] == known.org_id
        assert given["id"].rsplit("/", 3)[1:3] == ["id", known.org_id]
        assert ("refresh_token" in given) == (form["grant_type"] == "refresh_token")
        async with PlainClient(known, given["access_token"]) as user:
            assert (await user.rest("GET", "limits")).status == 200


async def test_46b_each_refresh_token_works_once_and_reuse_ends_the_grant(
    client: PlainClient, credentials: dict[str, str]
) -> None:
    form = {"grant_type": "refresh_token", **credentials}
    first = (await client.control("POST", "refresh/issue"))["refresh_token"]
    second = (await sign_in(client, **form, refresh_token=first)).body
    third = (await sign_in(client, **form, refresh_token=second["refresh_token"])).body
    assert len({first, second["refresh_token"], third["refresh_token"]}) == 3
    reused = await sign_in(client, **form, refresh_token=first)
    assert (reused.status, reused.body["error"]) == (400, "invalid_grant")
    newest = await sign_in(client, **form, refresh_token=third["refresh_token"])
    assert (newest.status, newest.body["error"]) == (400, "invalid_grant")


async def test_46c_a_refresh_may_name_another_instance(
    client: PlainClient, credentials: dict[str, str]
) -> None:
    known = client.announcement
    form = {"grant_type": "refresh_token", **credentials}
    refresh = (await client.control("POST", "refresh/issue"))["refresh_token"]
    before = (await sign_in(client, **form, refresh_token=refresh)).body
    assert before["instance_url"] == known.url
    moved_to = known.url.replace("localhost", "127.0.0.1")
    assert moved_to != known.url
    async with aiohttp.ClientSession() as session:
        sent = form | {"refresh_token": before["refresh_token"]}
        async with session.post(f"{moved_to}/services/oauth2/token", data=sent) as response:
            after = await response.json()
        assert after["instance_url"] == moved_to
        headers = {"Authorization": f"Bearer {after['access_token']}"}
        async with session.get(f"{moved_to}{BASE}/limits", headers=headers) as response:
            assert response.status == 200


async def test_47_datetimes_end_in_an_offset_in_rest_and_in_z_in_events(
    client: PlainClient, stream: PlainStream
) -> None:
    given = "2026-11-22T14:34:15.000+01:00"
    record = await client.create("Account", Name="A", Seen__c=given)
    fields = ("CreatedDate", "LastModifiedDate", "SystemModstamp", "Seen__c")
    wanted = ",".join(fields)
    read = (await client.rest("GET", f"sobjects/Account/{record}")).body
    chosen = (await client.rest("GET", f"sobjects/Account/{record}?fields={wanted}")).body
    [queried] = await client.query(f"SELECT {wanted} FROM Account")
    several = {"ids": [record], "fields": list(fields)}
    [retrieved] = (await client.rest("POST", "composite/sobjects/Account", json=several)).body
    for row in (read, chosen, queried, retrieved):
        assert all(REST_TIME.fullmatch(row[name]) for name in fields)
        assert row["Seen__c"] == "2026-11-22T13:34:15.000+0000"
    job = (
        await client.rest(
            "POST", "jobs/query", json={"operation": "query", "query": "SELECT Id FROM Account"}
        )
    ).body
    assert REST_TIME.fullmatch(job["createdDate"])
    assert REST_TIME.fullmatch(job["systemModstamp"])
    [event] = await stream.events(1)
    for name in ("CreatedDate", "LastModifiedDate", "Seen__c"):
        assert body(event)[name] == read[name].replace("+0000", "Z")
    page = await client.rest("GET", await bulk_query(client, "SELECT CreatedDate, Seen__c FROM Account"))
    [cells] = rows_of(page)
    assert cells["Seen__c"] == "2026-11-22T13:34:15.000Z"
    assert cells["CreatedDate"] == read["CreatedDate"].replace("+0000", "Z")
    when = {"q": "SELECT Id FROM Account WHERE Seen__c = 2026-11-22T13:34:15+00:00"}
    assert (await client.rest("GET", "query", params=when)).body["totalSize"] == 1
