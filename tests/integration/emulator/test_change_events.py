"""What change events say about a change, and what they leave out."""

from __future__ import annotations

from typing import Any

import pytest

from adapters.emulator import Emulator
from tests.integration.emulator.plain_client import PlainClient, PlainStream

ALL = "/data/ChangeEvents"


@pytest.fixture
async def stream(client: PlainClient) -> PlainStream:
    opened = await PlainStream(client).open()
    assert (await opened.subscribe(ALL))["successful"]
    return opened


def header(event: dict[str, Any]) -> dict[str, Any]:
    return dict(event["payload"]["ChangeEventHeader"])


def body(event: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in event["payload"].items() if name != "ChangeEventHeader"}


@pytest.mark.conformance(18)
@pytest.mark.conformance(19)
async def test_an_update_holds_exactly_what_changed(client: PlainClient, stream: PlainStream) -> None:
    contact = await client.create("Contact", FirstName="Ada", LastName="Sato", Email="ada@example.com")
    patch = {"Email": None, "LastName": "Okafor", "FirstName": "Ada", "MailingStreet": "12 Harbour Lane"}
    await client.rest("PATCH", f"sobjects/Contact/{contact}", json=patch)
    _, event = await stream.events(2)
    assert header(event)["changedFields"] == [
        "Name.LastName",
        "MailingAddress.Street",
        "Email",
        "LastModifiedDate",
    ]
    moment = body(event).pop("LastModifiedDate")
    assert moment.endswith(".000Z")
    assert body(event) == {
        "Name": {"LastName": "Okafor"},
        "MailingAddress": {"Street": "12 Harbour Lane"},
        "Email": None,
        "LastModifiedDate": moment,
    }


@pytest.mark.conformance(20)
@pytest.mark.conformance(23)
@pytest.mark.conformance(28)
async def test_a_create_omits_nulls_and_system_fields(client: PlainClient, stream: PlainStream) -> None:
    account = await client.create("Account", Name="Cobalt", Phone=None, BillingCity="Ghent")
    [event] = await stream.events(1)
    found = header(event)
    assert (found["changeType"], found["recordIds"], found["changedFields"]) == ("CREATE", [account], [])
    assert found["commitTimestamp"] % 1000 == 0
    assert found["sequenceNumber"] == 1
    shown = body(event)
    assert shown["Name"] == "Cobalt"
    assert shown["BillingAddress"] == {"City": "Ghent"}
    assert {"Id", "IsDeleted", "SystemModstamp", "Phone", "LastActivityDate"}.isdisjoint(shown)
    assert {"CreatedDate", "CreatedById", "LastModifiedDate", "LastModifiedById", "OwnerId"} <= set(shown)


@pytest.mark.conformance(21)
@pytest.mark.conformance(22)
async def test_delete_is_empty_and_undelete_is_full(client: PlainClient, stream: PlainStream) -> None:
    lead = await client.create("Lead", LastName="Vega", Company="Umbra")
    await client.rest("DELETE", f"sobjects/Lead/{lead}")
    await client.control("POST", "undelete", {"id": lead})
    _, deleted, undeleted = await stream.events(3)
    assert (header(deleted)["changeType"], body(deleted)) == ("DELETE", {})
    assert header(undeleted)["changeType"] == "UNDELETE"
    assert body(undeleted)["Name"] == {"LastName": "Vega"}


@pytest.mark.conformance(24)
@pytest.mark.parametrize("merging", [True, False])
async def test_equal_changes_in_one_transaction_merge(
    client: PlainClient, stream: PlainStream, *, merging: bool
) -> None:
    await client.control("POST", "switches", {"merge_events": merging})
    await client.control("POST", "clock", {"freeze": True})
    ids = [await client.create("Account", Name=name) for name in ("A", "B", "C")]
    await stream.events(3)
    records = [{"attributes": {"type": "Account"}, "id": i, "Rating": "Hot"} for i in ids]
    await client.rest("PATCH", "composite/sobjects", json={"records": records})
    events = await stream.events(1 if merging else 3)
    assert [header(event)["recordIds"] for event in events] == ([ids] if merging else [[i] for i in ids])
    assert len({header(event)["transactionKey"] for event in events}) == 1
    different = [{"attributes": {"type": "Account"}, "id": i, "Site": i} for i in ids]
    await client.rest("PATCH", "composite/sobjects", json={"records": different})
    assert [header(event)["sequenceNumber"] for event in await stream.events(3)] == [1, 2, 3]


@pytest.mark.conformance(25)
@pytest.mark.conformance(26)
async def test_automation_is_folded_into_the_event_of_the_caller(
    client: PlainClient, stream: PlainStream
) -> None:
    rule = {"object": "Account", "field": "Site", "template": "{Name} ({Rating})"}
    await client.control("POST", "automation", rule)
    account = await client.create("Account", Name="Cobalt")
    patch = {"Rating": "Warm"}
    options = {"Sforce-Call-Options": "defaultNamespace=x, client=pgsync"}
    await client.rest("PATCH", f"sobjects/Account/{account}", json=patch, headers=options)
    created, updated = await stream.events(2)
    assert (header(created)["changeType"], body(created)["Site"]) == ("CREATE", "Cobalt ()")
    assert header(updated)["changedFields"] == ["Rating", "Site", "LastModifiedDate"]
    assert header(updated)["changeOrigin"] == "com/salesforce/api/rest/67.0;client=pgsync"


@pytest.mark.conformance(27)
async def test_the_client_mark_reaches_collections_only_when_switched_on(
    client: PlainClient, stream: PlainStream
) -> None:
    options = {"Sforce-Call-Options": "client=pgsync"}
    request = {"records": [{"attributes": {"type": "Account"}, "Name": "A"}]}
    await client.rest("POST", "composite/sobjects", json=request, headers=options)
    await client.control("POST", "switches", {"client_in_collections": True})
    await client.rest("POST", "composite/sobjects", json=request, headers=options)
    origins = [header(event)["changeOrigin"] for event in await stream.events(2)]
    assert origins == ["com/salesforce/api/rest/67.0", "com/salesforce/api/rest/67.0;client=pgsync"]


async def test_changes_in_the_user_interface_have_its_origin(emulator: Emulator, stream: PlainStream) -> None:
    emulator.org.create("Account", {"Name": "A"})
    [event] = await stream.events(1)
    assert header(event)["changeOrigin"] == "com/salesforce/api/soap/67.0;client=SfdcInternalAPI/"
    assert header(event)["commitUser"] == emulator.org.admin_user


@pytest.mark.conformance(29)
async def test_gaps_overflow_and_wildcards_can_be_injected(client: PlainClient, stream: PlainStream) -> None:
    account = await client.create("Account", Name="A")
    await client.control(
        "POST", "events/inject", {"object": "Account", "changeType": "GAP_UPDATE", "recordIds": [account]}
    )
    await client.control("POST", "events/inject", {"object": "Account"})
    await client.control(
        "POST", "events/inject", {"object": "Account", "changeType": "UPDATE", "wildcard": True}
    )
    _, gap, overflow, wildcard = await stream.events(4)
    assert (header(gap)["changeType"], body(gap)) == ("GAP_UPDATE", {})
    assert header(overflow)["recordIds"] == ["000000000000000AAA"]
    assert header(wildcard)["recordIds"] == ["001*"]


async def test_a_large_transaction_ends_in_an_overflow(client: PlainClient, stream: PlainStream) -> None:
    await client.control("POST", "switches", {"overflow_limit": 3})
    records = [{"attributes": {"type": "Account"}, "Name": f"A{n}"} for n in range(5)]
    await client.rest("POST", "composite/sobjects", json={"records": records})
    events = await stream.events(4)
    assert [header(event)["changeType"] for event in events] == ["CREATE"] * 3 + ["GAP_OVERFLOW"]


@pytest.mark.conformance(29)
async def test_large_text_arrives_as_a_difference(client: PlainClient, stream: PlainStream) -> None:
    lines = [f"line {number} of a long text" for number in range(60)]
    account = await client.create("Account", Name="A", Description="\n".join(lines))
    await client.control("POST", "switches", {"large_text_diffs": True})
    lines[7] = "another line"
    await client.rest("PATCH", f"sobjects/Account/{account}", json={"Description": "\n".join(lines)})
    _, event = await stream.events(2)
    assert "+another line" in body(event)["Description"]["diff"]


@pytest.mark.conformance(30)
async def test_field_security_removes_a_field_everywhere(
    client: PlainClient, emulator: Emulator, stream: PlainStream
) -> None:
    for field in ("LastName", "Email"):
        rule = {"object": "Contact", "field": field, "user": client.announcement.username, "readable": False}
        await client.control("POST", "permissions", rule)
    contact = emulator.org.create(
        "Contact", {"FirstName": "Ada", "LastName": "Sato", "Email": "ada@example.com"}
    )
    emulator.org.update("Contact", contact, {"LastName": "Vega", "Email": None, "Title": "CEO"})
    created, updated = await stream.events(2)
    assert "Email" not in body(created)
    assert body(created)["Name"] == {"FirstName": "Ada"}
    assert header(updated)["changedFields"] == ["Title", "LastModifiedDate"]
    assert set(body(updated)) == {"Title", "LastModifiedDate"}
    described = await client.rest("GET", "sobjects/Contact/describe")
    assert "Email" not in {field["name"] for field in described.body["fields"]}
    refused = await client.rest("GET", "query", params={"q": "SELECT Email FROM Contact"})
    assert refused.body[0]["errorCode"] == "INVALID_FIELD"


@pytest.mark.conformance(30)
async def test_object_permission_is_silent_on_the_common_channel(
    client: PlainClient, emulator: Emulator, stream: PlainStream
) -> None:
    await client.control("POST", "permissions", {"object": "Lead", "view_all": False})
    emulator.org.create("Lead", {"LastName": "Vega", "Company": "Umbra"})
    emulator.org.create("Account", {"Name": "A"})
    [event] = await stream.events(1)
    assert header(event)["entityName"] == "Account"
    refused = await stream.subscribe("/data/LeadChangeEvent")
    assert refused["error"].startswith("403::User not allowed to subscribe CDC")


@pytest.mark.conformance(31)
async def test_lead_conversion_is_one_transaction_in_the_documented_order(
    client: PlainClient, stream: PlainStream
) -> None:
    lead = await client.create("Lead", LastName="Vega", Company="Umbra")
    made = await client.control("POST", "convert-lead", {"lead": lead, "opportunity": "Umbra deal"})
    _, *events = await stream.events(5)
    shown = [(header(e)["entityName"], header(e)["changeType"], header(e)["sequenceNumber"]) for e in events]
    assert shown == [
        ("Account", "CREATE", 1),
        ("Contact", "CREATE", 2),
        ("Opportunity", "CREATE", 3),
        ("Lead", "UPDATE", 4),
    ]
    assert len({header(e)["transactionKey"] for e in events}) == 1
    assert body(events[3])["ConvertedContactId"] == made["contact"]
    refused = await client.rest("PATCH", f"sobjects/Lead/{lead}", json={"Title": "x"})
    assert refused.body[0]["errorCode"] == "CANNOT_UPDATE_CONVERTED_LEAD"


@pytest.mark.conformance(31)
async def test_merge_is_a_delete_and_an_update_without_a_link(
    client: PlainClient, stream: PlainStream
) -> None:
    winner, loser = await client.create("Account", Name="A"), await client.create("Account", Name="B")
    contact = await client.create("Contact", LastName="Sato", AccountId=loser)
    await stream.events(3)
    await client.control("POST", "merge", {"winner": winner, "losers": [loser], "values": {"Site": "merged"}})
    deleted, updated = await stream.events(2)
    assert (header(deleted)["changeType"], header(deleted)["recordIds"], body(deleted)) == (
        "DELETE",
        [loser],
        {},
    )
    assert (header(updated)["changeType"], header(updated)["recordIds"]) == ("UPDATE", [winner])
    assert (await client.query(f"SELECT AccountId FROM Contact WHERE Id = '{contact}'"))[0][
        "AccountId"
    ] == winner
    gone = await client.rest(
        "GET", "queryAll", params={"q": f"SELECT MasterRecordId FROM Account WHERE Id = '{loser}'"}
    )
    assert gone.body["records"][0]["MasterRecordId"] == winner


@pytest.mark.conformance(32)
async def test_enrichment_unmerges_into_copies_with_one_replay_id(
    client: PlainClient, stream: PlainStream
) -> None:
    await client.control("POST", "clock", {"freeze": True})
    ids = [await client.create("Contact", LastName="Sato", Ext_Id__c=key) for key in ("k1", "k2")]
    await stream.events(2)
    channel = "/data/People__chn"
    assert (await stream.subscribe(channel))["successful"]
    records = [{"attributes": {"type": "Contact"}, "id": i, "Title": "CEO"} for i in ids]
    await client.rest("PATCH", "composite/sobjects", json={"records": records})
    answers = await stream.connect()
    copies = [answer["data"] for answer in answers if answer["channel"] == channel]
    assert {copy["event"]["replayId"] for copy in copies} == {copies[0]["event"]["replayId"]}
    assert [(header(c)["recordIds"], body(c)["Ext_Id__c"]) for c in copies] == [
        ([ids[0]], "k1"),
        ([ids[1]], "k2"),
    ]
    assert header(copies[0])["changedFields"] == ["Title", "LastModifiedDate"]


async def test_unselected_objects_are_silent(client: PlainClient, stream: PlainStream) -> None:
    await client.control("POST", "selection", {"objects": ["Account"]})
    await client.create("Lead", LastName="Vega", Company="Umbra")
    await client.create("Campaign", Name="Spring")
    await client.create("Account", Name="A")
    assert header((await stream.events(1))[0])["entityName"] == "Account"


async def test_cascades_announce_every_child(client: PlainClient, stream: PlainStream) -> None:
    account = await client.create("Account", Name="A")
    contact = await client.create("Contact", LastName="Sato", AccountId=account)
    employee = await client.create("Employee__c", Name="E-1", Badge__c="b1", Company__c=account)
    await stream.events(3)
    await client.rest("DELETE", f"sobjects/Account/{account}")
    events = await stream.events(3)
    gone = {header(event)["recordIds"][0] for event in events}
    assert gone == {account, contact, employee}
    assert {header(event)["entityName"] for event in events} == {"Account", "Contact", "Employee__c"}
