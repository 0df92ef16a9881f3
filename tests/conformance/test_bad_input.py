"""What a client may send that is wrong: each is refused in Salesforce's way, and changes nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import orjson
import pytest

from tests.support.plain_client import ALL_EVENTS, Answer, PlainClient, PlainStream, collection

BASE = "/services/data/v67.0"
JSON = "application/json"
BAYEUX = "/cometd/67.0"
HANDSHAKE = {"channel": "/meta/handshake", "version": "1.0", "supportedConnectionTypes": ["long-polling"]}
MOST_BAYEUX_BYTES = 32_768


@asynccontextmanager
async def nothing_changes(client: PlainClient) -> AsyncIterator[None]:
    """The org holds the same records, events and sessions afterwards."""
    before = await state(client)
    yield
    assert await state(client) == before


async def state(client: PlainClient) -> dict[str, Any]:
    """What the org holds, without the time that it shows."""
    found: dict[str, Any] = await client.control("GET", "state")
    return {name: value for name, value in found.items() if name not in {"now", "parked"}}


@pytest.fixture
async def account(client: PlainClient) -> str:
    return await client.create("Account", Name="Cobalt", Ext_Id__c="k", Site="x")


def refused(answer: Answer, status: int, code: str) -> dict[str, Any]:
    """The one error of a request that failed as it should."""
    assert answer.status == status, answer.raw
    assert answer.headers["Content-Type"] == f"{JSON};charset=UTF-8"
    assert isinstance(answer.body, list)
    [error] = answer.body
    assert {"message", "errorCode"} <= set(error) <= {"message", "errorCode", "fields"}
    assert error["errorCode"] == code
    assert isinstance(error["message"], str)
    assert error["message"]
    return dict(error)


WRITES = [
    ("POST", "sobjects/Account"),
    ("PATCH", "sobjects/Account/{account}"),
    ("PATCH", "sobjects/Account/Ext_Id__c/new"),
    ("POST", "composite/sobjects"),
    ("PATCH", "composite/sobjects"),
    ("PATCH", "composite/sobjects/Account/Ext_Id__c"),
    ("POST", "composite/sobjects/Account"),
    ("POST", "composite"),
    ("POST", "composite/graph"),
    ("POST", "jobs/query"),
    ("POST", "jobs/ingest"),
]
BROKEN = {
    "malformed": b'{"Name": "A"',
    "trailing": b'{"Name": "A"} {}',
    "words": b"Name=A",
    "empty": b"",
    "blank": b"  \n",
    "not UTF-8": b'{"Name": "A\xff\xfe"}',
    "UTF-16": '{"Name": "A"}'.encode("utf-16"),
    "endless": b'{"Name": ' + b"[" * 5000,
}
MISSHAPEN: dict[str, Any] = {
    "array": [{"Name": "A"}],
    "text": "Name",
    "number": 5,
    "null": None,
    "true": True,
}


@pytest.mark.parametrize("sent", list(BROKEN.values()), ids=list(BROKEN))
async def test_what_is_no_json_is_refused(client: PlainClient, account: str, sent: bytes) -> None:
    async with nothing_changes(client):
        for method, path in WRITES:
            headers = {"Content-Type": JSON}
            answer = await client.rest(method, path.format(account=account), data=sent, headers=headers)
            refused(answer, 400, "JSON_PARSER_ERROR")


@pytest.mark.parametrize("sent", list(MISSHAPEN.values()), ids=list(MISSHAPEN))
async def test_json_of_another_shape_is_refused(client: PlainClient, account: str, sent: Any) -> None:
    async with nothing_changes(client):
        for method, path in WRITES:
            headers = {"Content-Type": JSON}
            data = orjson.dumps(sent)
            answer = await client.rest(method, path.format(account=account), data=data, headers=headers)
            refused(answer, 400, "JSON_PARSER_ERROR")


@pytest.mark.parametrize(
    ("path", "sent"),
    [
        ("composite/sobjects", {"records": {}}),
        ("composite/sobjects", {"records": "all"}),
        ("composite/sobjects", {"records": ["Name"]}),
        ("composite/sobjects", {}),
        ("composite/sobjects/Account", {"ids": "all", "fields": ["Name"]}),
        ("composite/sobjects/Account", {"ids": []}),
        ("composite", {"compositeRequest": {}}),
        ("composite", {"compositeRequest": ["GET"]}),
        ("composite", {}),
        ("composite/graph", {"graphs": {}}),
        ("composite/graph", {"graphs": ["g"]}),
        ("composite/graph", {}),
    ],
)
async def test_lists_of_another_shape_are_refused(client: PlainClient, path: str, sent: Any) -> None:
    async with nothing_changes(client):
        refused(await client.rest("POST", path, json=sent), 400, "JSON_PARSER_ERROR")


@pytest.mark.parametrize(
    "content_type", ["text/plain", "text/csv", "application/xml", "application/x-www-form-urlencoded"]
)
async def test_another_content_type_is_unsupported(
    client: PlainClient, account: str, content_type: str
) -> None:
    async with nothing_changes(client):
        for method, path in WRITES:
            headers = {"Content-Type": content_type}
            data = b'{"Name": "A"}'
            answer = await client.rest(method, path.format(account=account), data=data, headers=headers)
            refused(answer, 415, "UNSUPPORTED_MEDIA_TYPE")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "sobjects/Account"),
        ("PATCH", "sobjects/Account/{account}"),
        ("PATCH", "sobjects/Account/Ext_Id__c/new"),
    ],
)
async def test_an_unknown_field_is_named(client: PlainClient, account: str, method: str, path: str) -> None:
    async with nothing_changes(client):
        sent = {"Name": "A", "Nope__c": "x"}
        answer = await client.rest(method, path.format(account=account), json=sent)
        error = refused(answer, 400, "INVALID_FIELD")
        assert error["message"] == "No such column 'Nope__c' on sobject of type Account"


async def test_an_unknown_field_in_collections_and_bulk_is_an_error_of_its_record(
    client: PlainClient,
) -> None:
    async with nothing_changes(client):
        rows = collection("Account", {"Name": "A", "Nope__c": "x"})
        answer = await client.rest("POST", "composite/sobjects", json=rows)
        assert answer.status == 200
        [error] = answer.body[0]["errors"]
        assert error["statusCode"] == "INVALID_FIELD"
        assert error["message"] == "No such column 'Nope__c' on sobject of type Account"


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"Name": 5}, "Name"),
        ({"Name": ["A"]}, "Name"),
        ({"Name": {"first": "A"}}, "Name"),
        ({"Name": "A", "NumberOfEmployees": "many"}, "NumberOfEmployees"),
        ({"Name": "A", "NumberOfEmployees": True}, "NumberOfEmployees"),
        ({"Name": "A", "AnnualRevenue": {}}, "AnnualRevenue"),
        ({"Name": "A", "Seen__c": "yesterday"}, "Seen__c"),
        ({"Name": "A", "Seen__c": 1_795_354_455}, "Seen__c"),
        ({"Name": "A", "ParentId": 1}, "ParentId"),
    ],
)
async def test_a_value_of_the_wrong_type_is_refused(
    client: PlainClient, account: str, values: dict[str, Any], field: str
) -> None:
    async with nothing_changes(client):
        for method, path in (("POST", "sobjects/Account"), ("PATCH", f"sobjects/Account/{account}")):
            refused(await client.rest(method, path, json=values), 400, "JSON_PARSER_ERROR")
        answer = await client.rest("POST", "composite/sobjects", json=collection("Account", values))
        assert answer.status == 200
        [result] = answer.body
        assert (result["success"], result["errors"][0]["statusCode"]) == (False, "JSON_PARSER_ERROR")
        assert "errorCode" not in result["errors"][0]
    described = (await client.rest("GET", "sobjects/Account/describe")).body["fields"]
    assert field in {item["name"] for item in described}


@pytest.mark.parametrize(
    ("sobject", "values", "code", "field"),
    [
        ("Contact", {"FirstName": "Ada"}, "REQUIRED_FIELD_MISSING", "LastName"),
        ("Account", {"Name": "x" * 256}, "STRING_TOO_LONG", "Name"),
        ("Contact", {"LastName": "S", "Email": "nowhere"}, "INVALID_EMAIL_ADDRESS", "Email"),
        ("Account", {"Name": "A", "NumberOfEmployees": 10**9}, "NUMBER_OUTSIDE_VALID_RANGE", "NumberOfEmployees"),
        ("Account", {"Name": "A", "SystemModstamp": "2026-11-22T13:34:15Z"}, "INVALID_FIELD_FOR_INSERT_UPDATE",
         "SystemModstamp"),
        ("Contact", {"LastName": "S", "AccountId": "nonsense"}, "MALFORMED_ID", "AccountId"),
        ("Contact", {"LastName": "S", "AccountId": "003000000000001"}, "MALFORMED_ID", "AccountId"),
        ("Contact", {"LastName": "S", "AccountId": "001000000000001"}, "INVALID_CROSS_REFERENCE_KEY", "AccountId"),
    ],
)  # fmt: skip
async def test_a_value_that_does_not_fit_is_refused_with_its_code(
    client: PlainClient, sobject: str, values: dict[str, Any], code: str, field: str
) -> None:
    async with nothing_changes(client):
        answer = await client.rest("POST", f"sobjects/{sobject}", json=values)
        assert refused(answer, 400, code)["fields"] == [field]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "sobjects/Nothing__c/describe"),
        ("POST", "sobjects/Nothing__c"),
        ("PATCH", "sobjects/Nothing__c/001000000000001AAA"),
        ("PATCH", "sobjects/Nothing__c/Ext_Id__c/k"),
        ("GET", "sobjects/Nothing__c/updated/?start=2026-11-22T12:00:00Z&end=2026-11-22T13:00:00Z"),
        ("GET", "nowhere/at/all"),
    ],
)
async def test_an_unknown_object_or_resource_is_not_found(
    client: PlainClient, method: str, path: str
) -> None:
    async with nothing_changes(client):
        sent = None if method == "GET" else {"Name": "A"}
        answer = await client.rest(method, path, json=sent)
        refused(answer, 404, "NOT_FOUND")


async def test_an_unknown_object_inside_a_request_is_an_invalid_type(client: PlainClient) -> None:
    async with nothing_changes(client):
        query = await client.rest("GET", "query", params={"q": "SELECT Id FROM Nothing__c"})
        refused(query, 400, "INVALID_TYPE")
        job = {"object": "Nothing__c", "operation": "insert", "contentType": "CSV"}
        assert (await client.rest("POST", "jobs/ingest", json=job)).status == 400
        rows = collection("Nothing__c", {"Name": "A"})
        answer = await client.rest("POST", "composite/sobjects", json=rows)
        assert (answer.status, answer.body[0]["errors"][0]["statusCode"]) == (200, "INVALID_TYPE")


@pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE"])
@pytest.mark.parametrize("record", ["nonsense", "001", "003000000000001AAA", "0010000000000O1AA!"])
async def test_a_malformed_id_in_the_path_leads_nowhere(
    client: PlainClient, account: str, method: str, record: str
) -> None:
    async with nothing_changes(client):
        sent = {"Site": "y"} if method == "PATCH" else None
        answer = await client.rest(method, f"sobjects/Account/{record}", json=sent)
        code = "NOT_FOUND" if answer.status == 404 else "MALFORMED_ID"  # either is said of real orgs
        refused(answer, 404 if code == "NOT_FOUND" else 400, code)


async def test_a_malformed_id_in_a_body_is_named_so(client: PlainClient, account: str) -> None:
    async with nothing_changes(client):
        rows = collection("Account", *({"id": i, "Site": "y"} for i in ("nonsense", "003000000000001AAA")))
        answer = await client.rest("PATCH", "composite/sobjects", json=rows)
        assert answer.status == 200
        assert [result["errors"][0]["statusCode"] for result in answer.body] == ["MALFORMED_ID"] * 2


@pytest.mark.parametrize("field", ["Nope__c", "Site"])
async def test_a_field_that_is_no_key_cannot_be_one(client: PlainClient, field: str) -> None:
    async with nothing_changes(client):
        answer = await client.rest("PATCH", f"sobjects/Account/{field}/k", json={"Name": "A"})
        code = "NOT_FOUND" if answer.status == 404 else "INVALID_FIELD"
        refused(answer, 404 if code == "NOT_FOUND" else 400, code)


@pytest.mark.parametrize("key", ["Id", "Ext_Id__c"])
async def test_the_key_does_not_belong_into_the_body_of_an_upsert(
    client: PlainClient, account: str, key: str
) -> None:
    async with nothing_changes(client):
        sent = {"Name": "B", key: account if key == "Id" else "k"}
        answer = await client.rest("PATCH", "sobjects/Account/Ext_Id__c/k", json=sent)
        assert (answer.status, isinstance(answer.body, list)) == (400, True)


@pytest.mark.parametrize("count", [201, 1000])
async def test_a_collections_call_that_is_too_large_is_refused_whole(client: PlainClient, count: int) -> None:
    async with nothing_changes(client):
        rows = collection("Account", *({"Name": "A"} for _ in range(count)))
        answer = await client.rest("POST", "composite/sobjects", json=rows)
        refused(answer, 400, "EXCEEDED_MAX_SIZE_REQUEST")


async def test_a_uri_that_is_too_long_is_refused(client: PlainClient) -> None:
    async with nothing_changes(client):
        for length in (17_000, 40_000):
            answer = await client.rest("GET", f"query?q=SELECT+Id+FROM+Account{'+' * length}")
            assert answer.status in {414, 431}
    fits = await client.rest("GET", f"query?q=SELECT+Id+FROM+Account{'+' * 14_000}")
    assert fits.status == 200


async def test_headers_that_are_too_long_are_refused(client: PlainClient) -> None:
    async with nothing_changes(client):
        long = {"X-Note": "n" * 9_000, "X-Other": "n" * 9_000}
        answer = await client.rest("POST", "sobjects/Account", json={"Name": "A"}, headers=long)
        assert answer.status in {414, 431}


@pytest.mark.parametrize(
    ("soql", "code"),
    [
        ("SELECT Id FRM Account", "MALFORMED_QUERY"),
        ("", "MALFORMED_QUERY"),
        ("SELECT Id FROM Account WHERE Name = 'open", "MALFORMED_QUERY"),
        ("SELECT Nope FROM Account", "INVALID_FIELD"),
    ],
)
async def test_a_bad_query_is_refused(client: PlainClient, soql: str, code: str) -> None:
    async with nothing_changes(client):
        for resource in ("query", "queryAll"):
            refused(await client.rest("GET", resource, params={"q": soql}), 400, code)
        answer = await client.rest("POST", "jobs/query", json={"operation": "query", "query": soql})
        assert (answer.status, isinstance(answer.body, list)) == (400, True)


@pytest.mark.parametrize("locator", ["01g000000000001AAA-200", "nonsense"])
async def test_an_unknown_locator_is_refused(client: PlainClient, locator: str) -> None:
    async with nothing_changes(client):
        refused(await client.rest("GET", f"query/{locator}"), 400, "INVALID_QUERY_LOCATOR")


@pytest.mark.parametrize(
    "window",
    [
        {},
        {"start": "yesterday", "end": "today"},
        {"start": "2026-11-22T13:00:00Z", "end": "2026-11-22T12:00:00Z"},
        {"start": "1999-01-01T00:00:00Z", "end": "2026-11-22T12:00:00Z"},
    ],
)
async def test_a_bad_replication_window_is_refused(client: PlainClient, window: dict[str, str]) -> None:
    async with nothing_changes(client):
        for what in ("updated", "deleted"):
            answer = await client.rest("GET", f"sobjects/Account/{what}/", params=window)
            refused(answer, 400, "INVALID_REPLICATION_DATE")


@pytest.mark.parametrize(
    ("method", "path"),
    [("PUT", "sobjects/Account"), ("DELETE", "limits"), ("POST", "query"), ("PUT", "composite/sobjects")],
)
async def test_another_method_is_not_allowed(client: PlainClient, method: str, path: str) -> None:
    async with nothing_changes(client):
        answer = await client.rest(method, path, json={"Name": "A"})
        assert (answer.status, isinstance(answer.body, list)) == (405, True)


@pytest.mark.parametrize("version", ["v20.0", "v36.0", "67.0", "latest"])
async def test_a_version_that_is_not_served_leads_nowhere(client: PlainClient, version: str) -> None:
    async with nothing_changes(client):
        answer = await client.rest("POST", "sobjects/Account", json={"Name": "A"}, version=version)
        assert answer.status in {404, 410}
        assert isinstance(answer.body, list)


JOB = "7500000000000AbAAK"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", f"jobs/ingest/{JOB}"),
        ("PATCH", f"jobs/ingest/{JOB}"),
        ("PUT", f"jobs/ingest/{JOB}/batches"),
        ("GET", f"jobs/ingest/{JOB}/successfulResults/"),
        ("GET", f"jobs/query/{JOB}"),
        ("GET", f"jobs/query/{JOB}/results"),
        ("DELETE", f"jobs/query/{JOB}"),
        ("GET", "jobs/ingest/nonsense"),
    ],
)
async def test_an_unknown_job_is_not_found(client: PlainClient, method: str, path: str) -> None:
    async with nothing_changes(client):
        if method == "PUT":
            answer = await client.rest(method, path, data="Name\nA\n", headers={"Content-Type": "text/csv"})
        else:
            sent = {"state": "UploadComplete"} if method == "PATCH" else None
            answer = await client.rest(method, path, json=sent)
        refused(answer, 404, "NOT_FOUND")


@pytest.mark.parametrize(
    "request_body",
    [
        {},
        {"object": "Account", "operation": "explode"},
        {"operation": "insert"},
        {"object": "Account", "operation": "upsert"},
        {"object": "Account", "operation": "upsert", "externalIdFieldName": "Site"},
        {"object": "Account", "operation": "insert", "contentType": "XML"},
        {"object": "Account", "operation": "insert", "columnDelimiter": "DOT"},
        {"object": "Account", "operation": "insert", "lineEnding": "CR"},
    ],
)
async def test_a_bad_ingest_job_is_not_made(client: PlainClient, request_body: dict[str, str]) -> None:
    before = (await client.rest("GET", "jobs/ingest")).body["records"]
    async with nothing_changes(client):
        answer = await client.rest("POST", "jobs/ingest", json=request_body)
        assert (answer.status, isinstance(answer.body, list)) == (400, True)
        assert answer.body[0]["errorCode"]
    assert (await client.rest("GET", "jobs/ingest")).body["records"] == before


async def upload(client: PlainClient, data: bytes, content_type: str = "text/csv") -> tuple[Answer, str]:
    """Put an upload into a new job that would insert Accounts; the answer and the path of the job."""
    asked = {"object": "Account", "operation": "insert", "contentType": "CSV", "lineEnding": "LF"}
    job = (await client.rest("POST", "jobs/ingest", json=asked)).body
    path = f"jobs/ingest/{job['id']}"
    headers = {"Content-Type": content_type}
    return await client.rest("PUT", f"{path}/batches", data=data, headers=headers), path


@pytest.mark.parametrize("content_type", ["application/json", "application/xml", "text/plain"])
async def test_an_upload_of_another_content_type_is_unsupported(
    client: PlainClient, content_type: str
) -> None:
    async with nothing_changes(client):
        answer, _ = await upload(client, b"Name\nA\n", content_type)
        refused(answer, 415, "UNSUPPORTED_MEDIA_TYPE")


@pytest.mark.parametrize(
    "data",
    [
        b"Name,Site\nA,x\nB\n",
        b"Name,Site\nA,x\nB,y,z\n",
        b'Name,Site\nA,"open\n',
        b'Name,Site\nA, "x"\n',
        b"Name,Site\nA,\xff\xfe\n",
        b"",
    ],
    ids=["too short", "too long", "open quote", "space beside a quote", "not UTF-8", "nothing"],
)
async def test_a_ragged_upload_fails_its_job(client: PlainClient, data: bytes) -> None:
    async with nothing_changes(client):
        put, path = await upload(client, data)
        if put.status == 201:
            done = await client.rest("PATCH", path, json={"state": "UploadComplete"})
            assert done.status == 200
            job = done.body
            while job["state"] not in {"JobComplete", "Failed", "Aborted"}:
                job = (await client.rest("GET", path)).body
            assert job["state"] == "Failed"
            assert job["errorMessage"]
            assert job["numberRecordsProcessed"] == 0
        else:
            assert (put.status, isinstance(put.body, list)) == (400, True)


async def test_an_unknown_column_of_an_upload_writes_nothing(client: PlainClient) -> None:
    async with nothing_changes(client):
        _, path = await upload(client, b"Name,Nope__c\nA,x\n")
        await client.rest("PATCH", path, json={"state": "UploadComplete"})
        job = (await client.rest("GET", path)).body
        while job["state"] not in {"JobComplete", "Failed", "Aborted"}:
            job = (await client.rest("GET", path)).body
        assert job["state"] == "Failed" or job["numberRecordsFailed"] == 1


async def test_a_job_takes_one_upload_and_no_state_but_its_own(client: PlainClient) -> None:
    async with nothing_changes(client):
        first, path = await upload(client, b"Name\nA\n")
        assert first.status == 201
        csv = {"Content-Type": "text/csv"}
        second = await client.rest("PUT", f"{path}/batches", data="Name\nB\n", headers=csv)
        assert (second.status, isinstance(second.body, list)) == (400, True)
        nonsense = await client.rest("PATCH", path, json={"state": "JobComplete"})
        assert (nonsense.status, isinstance(nonsense.body, list)) == (400, True)
        assert (await client.rest("GET", path)).body["state"] == "Open"


@pytest.mark.parametrize("auth", ["Bearer nonsense", "OAuth 00D!x", "Basic eDp5", "Bearer"])
async def test_a_bad_token_is_refused_by_rest(client: PlainClient, account: str, auth: str) -> None:
    async with nothing_changes(client):
        for method, path in WRITES:
            answer = await client.rest(method, path.format(account=account), json={"Name": "B"}, auth=auth)
            assert answer.status == 401
            assert answer.body == [
                {"message": "Session expired or invalid", "errorCode": "INVALID_SESSION_ID"}
            ]


async def test_a_bad_token_is_refused_by_the_stream(client: PlainClient) -> None:
    stream = await PlainStream(client).open()
    async with nothing_changes(client):
        [shaken] = await client.bayeux(dict(HANDSHAKE), auth="Bearer nonsense")
        assert shaken["error"] == "403::Handshake denied"
        assert shaken["ext"]["sfdc"]["failureReason"] == "401::Authentication invalid"
        assert shaken["advice"] == {"reconnect": "none"}
        assert "clientId" not in shaken
        for message in (
            {"channel": "/meta/connect", "connectionType": "long-polling"},
            {"channel": "/meta/subscribe", "subscription": ALL_EVENTS},
        ):
            [answer] = await client.bayeux(message | {"clientId": stream.client_id}, auth="Bearer nonsense")
            assert (answer["successful"], answer["error"]) == (False, "401::Authentication invalid")
            assert answer["advice"] == {"reconnect": "none", "interval": 0}
    assert (await stream.connect(advice={"timeout": 0}))[-1]["successful"] is True


async def test_a_bad_token_is_refused_by_the_login_service(client: PlainClient) -> None:
    known = client.announcement
    own = {"client_id": known.client_id, "client_secret": known.client_secret}
    async with nothing_changes(client):

        async def post(action: str, **form: str) -> Answer:
            return await client.send("POST", f"/services/oauth2/{action}", auth="", data=form)

        refreshed = await post("token", grant_type="refresh_token", refresh_token="nonsense", **own)
        assert (refreshed.status, refreshed.body) == (
            400,
            {"error": "invalid_grant", "error_description": "expired access/refresh token"},
        )
        asserted = await post(
            "token", grant_type="urn:ietf:params:oauth:grant-type:jwt-bearer", assertion="a.b.c"
        )
        assert (asserted.status, asserted.body["error"]) == (400, "invalid_grant")
        looked_at = await post("introspect", token="nonsense", **own)
        assert (looked_at.status, looked_at.body) == (200, {"active": False})
        revoked = await post("revoke", token="nonsense")
        assert (revoked.status, set(revoked.body)) == (400, {"error", "error_description"})
        who = await client.send("GET", "/services/oauth2/userinfo", auth="Bearer nonsense")
        assert who.status in {401, 403}
    assert (await client.rest("GET", "limits")).status == 200


@pytest.mark.parametrize(
    ("form", "error"),
    [
        ({}, "unsupported_grant_type"),
        ({"grant_type": "telepathy"}, "unsupported_grant_type"),
        ({"grant_type": "client_credentials"}, "invalid_client_id"),
        ({"grant_type": "client_credentials", "client_id": "another", "client_secret": "x"}, "invalid_client_id"),
        ({"grant_type": "client_credentials", "client_id": "own", "client_secret": "x"}, "invalid_client"),
        ({"grant_type": "password", "client_id": "own", "client_secret": "own", "username": "nobody",
          "password": "x"}, "invalid_grant"),
        ({"grant_type": "authorization_code", "client_id": "own", "client_secret": "own", "code": "nonsense",
          "redirect_uri": "http://localhost:1717/OauthRedirect", "code_verifier": "v"}, "invalid_grant"),
    ],
)  # fmt: skip
async def test_a_bad_login_is_refused_with_an_object(
    client: PlainClient, form: dict[str, str], error: str
) -> None:
    known = client.announcement
    own = {"client_id": known.client_id, "client_secret": known.client_secret}
    sent = {name: own[name] if value == "own" else value for name, value in form.items()}
    async with nothing_changes(client):
        answer = await client.send("POST", "/services/oauth2/token", auth="", data=sent)
        assert answer.status in {400, 401}
        assert answer.headers["Content-Type"] == f"{JSON};charset=UTF-8"
        assert {"error"} <= set(answer.body) <= {"error", "error_description"}
        assert answer.body["error"] == error


@pytest.mark.parametrize("sent", [b"{", b"\xff\xfe", b'{"grant_type": "client_credentials"}', b""])
async def test_a_login_that_is_no_form_is_refused(client: PlainClient, sent: bytes) -> None:
    async with nothing_changes(client):
        for content_type in ("application/x-www-form-urlencoded", JSON):
            answer = await client.send(
                "POST",
                "/services/oauth2/token",
                auth="",
                data=sent,
                headers={"Content-Type": content_type},
            )
            assert answer.status in {400, 401, 415}
            assert "access_token" not in (answer.body or {})


def padded(length: int) -> bytes:
    """A good handshake of exactly that many bytes."""
    bare = orjson.dumps([HANDSHAKE | {"id": ""}])
    return orjson.dumps([HANDSHAKE | {"id": "x" * (length - len(bare))}])


async def test_a_bayeux_request_that_is_too_large_is_refused(client: PlainClient) -> None:
    headers = {"Content-Type": JSON}
    async with nothing_changes(client):
        for length in (MOST_BAYEUX_BYTES + 1, 33_000, 200_000):
            answer = await client.send("POST", BAYEUX, data=padded(length), headers=headers)
            assert answer.status == 413
            assert b"Maximum Request Size Exceeded" in answer.raw
    taken = await client.send("POST", BAYEUX, data=padded(MOST_BAYEUX_BYTES), headers=headers)
    assert (taken.status, taken.body[0]["successful"]) == (200, True)


@pytest.mark.parametrize(
    "sent",
    [b"{", b"", b"message=1", b"\xff\xfe", b"5", b"null", b'"text"', b"[1, 2]", b'["/meta/handshake"]', b"[[]]"],
)  # fmt: skip
async def test_a_bayeux_request_that_is_no_array_of_objects_is_refused(
    client: PlainClient, sent: bytes
) -> None:
    async with nothing_changes(client):
        answer = await client.send("POST", BAYEUX, data=sent, headers={"Content-Type": JSON})
        assert answer.status == 400


async def test_bayeux_messages_that_make_no_sense_are_refused_by_name(client: PlainClient) -> None:
    stream = await PlainStream(client).open()
    own = {"clientId": stream.client_id}
    told: list[tuple[dict[str, Any], str]] = [
        ({"channel": "/meta/connect", "connectionType": "long-polling"}, "403::Client has not completed handshake"),
        ({"channel": "/meta/subscribe", "subscription": ALL_EVENTS}, "403::Client has not completed handshake"),
        ({"channel": "/meta/connect", "connectionType": "long-polling", "clientId": "nobody"}, "403::Unknown client"),
        ({"channel": "/meta/connect", "connectionType": "websocket", **own}, "400::Invalid connection type {websocket}"),
        ({"channel": "/meta/subscribe", **own}, "400::Channel name not specified"),
        ({"channel": "/meta/subscribe", "subscription": "", **own}, "400::Channel name not specified"),
        ({"channel": "/meta/subscribe", "subscription": "data/ChangeEvents", **own},
         "400::Channel subscriptions must start with a leading '/'"),
        ({"channel": "/meta/subscribe", "subscription": "/data/NoSuchChangeEvent", **own},
         "400::The channel you requested to subscribe to doesn't exist {/data/NoSuchChangeEvent}"),
        ({"channel": "/meta/subscribe", "subscription": "/data/accountchangeevent", **own},
         "400::The channel you requested to subscribe to doesn't exist {/data/accountchangeevent}"),
        ({"channel": ALL_EVENTS, "data": {}, **own}, f"403::Cannot create channel {{{ALL_EVENTS}}}"),
    ]  # fmt: skip
    async with nothing_changes(client):
        for message, error in told:
            [answer] = await client.bayeux({"id": "m", **message})
            assert (answer["channel"], answer["id"], answer["successful"]) == (message["channel"], "m", False)
            assert answer["error"] == error
            assert answer.get("subscription") == message.get("subscription")
    assert (await stream.subscribe(ALL_EVENTS))["successful"] is True


async def test_another_user_cannot_take_over_a_session(client: PlainClient) -> None:
    stream = await PlainStream(client).open()
    rows = await client.query(
        f"SELECT Username FROM User WHERE Username != '{client.announcement.username}' ORDER BY Username"
    )
    other = await client.control("POST", "tokens/issue", {"username": rows[0]["Username"]})
    async with nothing_changes(client):
        message = {"channel": "/meta/connect", "connectionType": "long-polling"}
        [answer] = await client.bayeux(
            message | {"clientId": stream.client_id}, auth=f"Bearer {other['access_token']}"
        )
        assert answer["error"] == "400::Authenticated user id does not match the session's user id"
        assert answer["successful"] is False


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
async def test_the_stream_is_spoken_to_by_post(client: PlainClient, method: str) -> None:
    async with nothing_changes(client):
        answer = await client.send(method, BAYEUX, json=[HANDSHAKE])
        assert answer.status in {400, 405}
