"""Cases, calendar events and email: the objects around a sale that sync tools meet."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.plain_client import PlainClient, PlainStream, body, header, kinds


async def email(client: PlainClient, **values: Any) -> str:
    return await client.create("EmailMessage", Subject="Hello", FromAddress="a@example.com", **values)


@pytest.mark.parametrize(
    ("sobject", "prefix"),
    [("Case", "500"), ("Event", "00U"), ("EmailMessage", "02s"), ("RecordType", "012")],
)
async def test_they_have_their_key_prefix(client: PlainClient, sobject: str, prefix: str) -> None:
    described = (await client.rest("GET", f"sobjects/{sobject}/describe")).body
    assert (described["name"], described["keyPrefix"]) == (sobject, prefix)


async def test_a_case_is_numbered_and_closed(client: PlainClient, stream: PlainStream) -> None:
    one, two = [await client.create("Case", Subject=subject) for subject in ("One", "Two")]
    rows = await client.query("SELECT Id, CaseNumber, Status, IsClosed FROM Case ORDER BY CaseNumber")
    assert [row["Id"] for row in rows] == [one, two]
    assert [row["IsClosed"] for row in rows] == [False, False]
    await client.update("Case", one, Status="Closed")
    [row] = await client.query(f"SELECT IsClosed, ClosedDate FROM Case WHERE Id = '{one}'")
    assert row["IsClosed"] is True
    assert row["ClosedDate"].endswith(".000+0000")
    events = await stream.events(3)
    assert kinds(events) == [("Case", "CREATE"), ("Case", "CREATE"), ("Case", "UPDATE")]
    assert {"Status", "IsClosed"} <= set(header(events[2])["changedFields"])
    read_only = await client.rest("PATCH", f"sobjects/Case/{two}", json={"CaseNumber": "7"})
    assert read_only.body[0]["errorCode"] == "INVALID_FIELD_FOR_INSERT_UPDATE"


async def test_an_event_names_its_people_and_its_subject(client: PlainClient, stream: PlainStream) -> None:
    account = await client.create("Account", Name="A")
    contact = await client.create("Contact", LastName="S", AccountId=account)
    times = {"StartDateTime": "2027-01-31T09:00:00Z", "EndDateTime": "2027-01-31T10:00:00Z"}
    meeting = await client.create("Event", Subject="Talk", WhoId=contact, WhatId=account, **times)
    made = (await stream.events(3))[2]
    assert (header(made)["entityName"], header(made)["recordIds"]) == ("Event", [meeting])
    assert (body(made)["WhoId"], body(made)["WhatId"]) == (contact, account)
    assert body(made)["StartDateTime"] == "2027-01-31T09:00:00.000Z"
    described = (await client.rest("GET", "sobjects/Event/describe")).body["fields"]
    targets = {field["name"]: field["referenceTo"] for field in described}
    assert set(targets["WhoId"]) == {"Contact", "Lead"}
    assert "Account" in targets["WhatId"]


async def test_an_email_tells_of_itself_and_its_relations_do_not(
    client: PlainClient, stream: PlainStream
) -> None:
    contact = await client.create("Contact", LastName="S", Email="s@example.com")
    message = await email(client)
    relation = await client.create(
        "EmailMessageRelation",
        EmailMessageId=message,
        RelationId=contact,
        RelationType="ToAddress",
        RelationAddress="s@example.com",
    )
    await client.update("EmailMessageRelation", relation, RelationId=None)
    events = await stream.up_to_marker()
    assert kinds(events) == [("Contact", "CREATE"), ("EmailMessage", "CREATE")]
    refused = await stream.subscribe("/data/EmailMessageRelationChangeEvent")
    assert refused["error"].startswith("400::The channel you requested to subscribe to doesn't exist")
    objects = {item["name"] for item in (await client.rest("GET", "sobjects")).body["sobjects"]}
    assert "EmailMessageRelation" in objects


async def test_relations_can_be_polled(client: PlainClient) -> None:
    await client.control("POST", "clock", {"freeze": True, "at": 1_795_354_455})
    contact = await client.create("Contact", LastName="S")
    made = {"EmailMessageId": await email(client), "RelationId": contact, "RelationType": "CcAddress"}
    relation = await client.create("EmailMessageRelation", **made)
    [row] = await client.query("SELECT Id, RelationObjectType FROM EmailMessageRelation")
    assert (row["Id"], row["RelationObjectType"]) == (relation, "Contact")
    await client.control("POST", "clock", {"advance": 120})
    window = {"start": "2026-11-22T13:34:00Z", "end": "2026-11-22T13:36:00Z"}
    base = "sobjects/EmailMessageRelation"
    assert (await client.rest("GET", f"{base}/updated/", params=window)).body["ids"] == [relation]
    await client.delete("EmailMessageRelation", relation)
    await client.control("POST", "clock", {"advance": 120})
    later = {"start": "2026-11-22T13:36:00Z", "end": "2026-11-22T13:38:00Z"}
    gone = (await client.rest("GET", f"{base}/deleted/", params=later)).body["deletedRecords"]
    assert [item["id"] for item in gone] == [relation]


@pytest.mark.parametrize(
    ("field", "value"), [("EmailMessageId", None), ("RelationAddress", "other@example.com")]
)
async def test_what_a_relation_is_about_never_changes(
    client: PlainClient, field: str, value: str | None
) -> None:
    made = {
        "EmailMessageId": await email(client),
        "RelationType": "ToAddress",
        "RelationAddress": "s@example.com",
    }
    relation = await client.create("EmailMessageRelation", **made)
    path = f"sobjects/EmailMessageRelation/{relation}"
    answer = await client.rest("PATCH", path, json={field: value or await email(client)})
    assert (answer.status, answer.body[0]["errorCode"]) == (400, "INVALID_FIELD_FOR_INSERT_UPDATE")
    typed = await client.rest(
        "POST", "sobjects/EmailMessageRelation", json=made | {"RelationType": "Nonsense"}
    )
    assert typed.body[0]["errorCode"] == "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST"


async def test_relations_go_with_their_email(client: PlainClient) -> None:
    message = await email(client)
    await client.create("EmailMessageRelation", EmailMessageId=message, RelationType="ToAddress")
    await client.delete("EmailMessage", message)
    assert await client.query("SELECT Id FROM EmailMessageRelation") == []
