"""Requests that no honest client sends: each is refused in the org's own words, at once, and nothing is written."""

from __future__ import annotations

import asyncio
from typing import Any
from urllib.parse import urlsplit

import pytest

from adapters.emulator import Emulator
from tests.support.plain_client import PlainClient

DEEP = "[" * 300 + "]" * 300


async def query(client: PlainClient, soql: str) -> Any:
    return await client.rest("GET", "query", params={"q": soql})


@pytest.mark.parametrize(
    "where",
    [
        "CreatedDate = LAST_N_DAYS:99999999999",
        "CreatedDate = LAST_N_YEARS:3000",
        "CreatedDate > 2026-13-45T00:00:00Z",
        "CreatedDate > 0001-01-01T00:00:00+14:00",
        f"{'NOT ' * 900} Name = 'x'",
        "Name = 'x' LIMIT -1",
        "Name = 'x' LIMIT 1e999",
        "Name = 'x' OFFSET 1.5",
        f"Name = 'x' LIMIT {'9' * 5000}",
    ],
)
async def test_a_query_out_of_all_range_is_malformed(client: PlainClient, where: str) -> None:
    answer = await query(client, f"SELECT Id FROM Account WHERE {where}")
    assert (answer.status, answer.body[0]["errorCode"]) == (400, "MALFORMED_QUERY")


async def test_like_answers_at_once_whatever_its_pattern(client: PlainClient) -> None:
    await client.create("Account", Name="a" * 250)
    assert (await query(client, f"SELECT Id FROM Account WHERE Name LIKE '%{'a%' * 20}b'")).body[
        "totalSize"
    ] == 0
    assert (await query(client, f"SELECT Id FROM Account WHERE Name LIKE '%{'a%' * 20}a'")).body[
        "totalSize"
    ] == 1


@pytest.mark.parametrize(
    ("pattern", "fits"),
    [
        ("a%a", False),
        ("%a", True),
        ("a%", True),
        ("a", True),
        ("_", True),
        ("%_%", True),
        ("__", False),
        ("%%", True),
    ],
)
async def test_like_on_a_single_letter(client: PlainClient, pattern: str, *, fits: bool) -> None:
    await client.create("Account", Name="A")
    found = await client.query(f"SELECT Id FROM Account WHERE Name LIKE '{pattern}'")
    assert bool(found) is fits


@pytest.mark.parametrize("reference", ["[]", "{}", DEEP])
async def test_a_reference_id_must_be_a_text(client: PlainClient, reference: str) -> None:
    part = f'{{"method": "GET", "url": "/services/data/v67.0/limits", "referenceId": {reference}}}'
    body = f'{{"compositeRequest": [{part}]}}'.encode()
    answer = await client.rest("POST", "composite", data=body, headers={"Content-Type": "application/json"})
    assert answer.status == 400


@pytest.mark.parametrize(
    ("url", "status"),
    [
        ("http://[", 400),
        ("/services/data/vfoo/sobjects/Account/Ext_Id__c/k", 404),
        ("/services/data/v67.0/composite", 400),
        ("/services/data/v67.0/jobs/query", 400),
    ],
)
async def test_a_part_of_a_composite_with_an_impossible_url(
    client: PlainClient, url: str, status: int
) -> None:
    part = {"method": "PATCH", "url": url, "referenceId": "a", "body": {"Name": "x"}}
    answer = await client.rest("POST", "composite", json={"compositeRequest": [part]})
    assert answer.body["compositeResponse"][0]["httpStatusCode"] == status
    assert await client.query("SELECT Id FROM Account") == []


@pytest.mark.parametrize(
    ("command", "body"),
    [
        ("clock", {"freeze": True, "at": 1e300}),
        ("clock", {"advance": 1e300}),
        ("clock", {"advance": "3600"}),
        ("clock", {"freeze": "yes"}),
        ("faults", {"status": "x"}),
        ("faults", {"times": "3"}),
        ("faults", {"path": "("}),
        ("faults", {"headers": {"X": 1}}),
    ],
)
async def test_a_control_command_that_makes_no_sense_changes_nothing(
    client: PlainClient, command: str, body: dict[str, Any]
) -> None:
    with pytest.raises(AssertionError):
        await client.control("POST", command, body)
    assert (await client.control("GET", "faults"))["faults"] == []
    assert (await client.rest("GET", "limits")).status == 200


async def test_a_child_query_does_not_show_what_the_user_may_not_read(client: PlainClient) -> None:
    account = await client.create("Account", Name="A")
    await client.create("Contact", LastName="Secret", AccountId=account)
    await client.control("POST", "permissions", {"object": "Contact", "readable": False})
    answer = await query(client, "SELECT Id, (SELECT LastName FROM Contacts) FROM Account")
    assert (answer.status, answer.body[0]["errorCode"]) == (400, "INVALID_TYPE")
    assert (await client.rest("GET", "sobjects/ContactChangeEvent/eventSchema")).status == 404


async def test_a_second_undelete_brings_back_only_what_the_second_delete_took(client: PlainClient) -> None:
    account = await client.create("Account", Name="A")
    contact = await client.create("Contact", LastName="C", AccountId=account)
    await client.rest("DELETE", f"sobjects/Account/{account}")
    await client.control("POST", "undelete", {"id": account})
    await client.rest("DELETE", f"sobjects/Contact/{contact}")
    await client.rest("DELETE", f"sobjects/Account/{account}")
    await client.control("POST", "undelete", {"id": account})
    assert await client.query("SELECT Id FROM Contact") == []


async def test_the_answer_to_a_large_count_is_complete(client: PlainClient, emulator: Emulator) -> None:
    emulator.org.load("Contact", [{"LastName": str(number)} for number in range(2001)])
    body = (await query(client, "SELECT COUNT() FROM Contact")).body
    assert body == {"totalSize": 2001, "done": True, "records": []}


async def test_a_callback_that_is_no_address_is_refused(client: PlainClient) -> None:
    form = {"response_type": "code", "client_id": client.announcement.client_id}
    for callback in ("http://[", "http://localhost/\r\nX: y"):
        given = form | {"redirect_uri": callback}
        answer = await client.send("GET", "/services/oauth2/authorize", params=given)
        assert answer.status == 400


async def test_a_header_that_is_no_text_is_refused_before_anything_is_written(
    client: PlainClient, emulator: Emulator
) -> None:
    account = await client.create("Account", Name="A")
    address = urlsplit(emulator.announcement.url)
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    body = b'{"Site": "x"}'
    lines = [
        f"PATCH /services/data/v67.0/sobjects/Account/{account} HTTP/1.1".encode(),
        b"Host: localhost",
        f"Authorization: Bearer {emulator.announcement.access_token}".encode(),
        b"Sforce-Call-Options: client=\xff",
        b"Content-Type: application/json",
        f"Content-Length: {len(body)}".encode(),
    ]
    writer.write(b"\r\n".join(lines) + b"\r\n\r\n" + body)
    assert b" 400 " in await reader.readline()
    writer.close()
    await writer.wait_closed()
    assert (await client.query("SELECT Site FROM Account"))[0]["Site"] is None


@pytest.mark.parametrize("start", ["0001-01-01T00:00:00Z", "9999-12-31T00:00:00Z"])
async def test_a_datetime_of_no_calendar_is_refused(client: PlainClient, start: str) -> None:
    given = {"Subject": "x", "StartDateTime": start, "DurationInMinutes": 99_999_999}
    answer = await client.rest("POST", "sobjects/Event", json=given)
    assert (answer.status, answer.body[0]["errorCode"]) == (400, "JSON_PARSER_ERROR")


async def test_the_control_api_takes_short_ids(client: PlainClient) -> None:
    winner, loser = [await client.create("Account", Name=name) for name in "AB"]
    await client.control("POST", "merge", {"winner": winner[:15], "losers": [loser[:15]]})
    await client.control("POST", "undelete", {"id": loser[:15]})
    assert len(await client.query("SELECT Id FROM Account")) == 2


@pytest.mark.parametrize(
    "body",
    [
        "",
        "not xml",
        "<a/>",
        '<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>',
        "<e:Envelope xmlns:e='http://schemas.xmlsoap.org/soap/envelope/'><e:Body/></e:Envelope>",
    ],
)
async def test_a_soap_message_that_is_none_gets_a_fault(client: PlainClient, body: str) -> None:
    answer = await client.send("POST", "/services/Soap/m/67.0", data=body)
    assert answer.status == 500
    assert "<faultcode>soapenv:Client</faultcode>" in answer.raw.decode()
