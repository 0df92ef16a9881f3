"""Switches for what Salesforce leaves open, or says twice and differently: each shows both answers."""

from __future__ import annotations

from typing import Any

import pytest

from adapters.emulator import Emulator
from tests.support.plain_client import PlainClient, PlainStream, body, collection, header, kinds

BOTH = pytest.mark.parametrize("on", [False, True])


async def switch(client: PlainClient, **values: Any) -> None:
    await client.control("POST", "switches", values)


async def opportunity_with_roles(client: PlainClient) -> tuple[str, list[str]]:
    contacts = [await client.create("Contact", LastName=name) for name in "XY"]
    deal = await client.create("Opportunity", Name="O", StageName="Prospecting", CloseDate="2027-01-31")
    roles = [
        await client.create("OpportunityContactRole", OpportunityId=deal, ContactId=contact)
        for contact in contacts
    ]
    return deal, roles


async def test_the_defaults_are_those_of_the_page(client: PlainClient) -> None:
    found = await client.control("GET", "switches")
    expected = {
        "client_in_collections": False,
        "event_on_no_change": True,
        "cleared_compound_is_null": False,
        "interface_origin": "client",
        "reparent_events": False,
        "cleared_lookup_events": False,
        "refuse_unselected_channels": False,
        "primary_in_role_events": False,
        "event_for_made_and_deleted": False,
        "locator_seconds": 900,
        "upsert_200_from": 46,
        "event_milliseconds": True,
        "changed_fields_in_events": True,
        "conversion_event_modified_date": True,
        "person_accounts": False,
        "transaction_seconds": 0.0,
        "first_interval": 0,
    }
    assert {name: found[name] for name in expected} == expected


@pytest.mark.parametrize(
    "values",
    [
        {"no_such_switch": True},
        {"event_on_no_change": "yes"},
        {"locator_seconds": True},
        {"interface_origin": "sometimes"},
    ],
)
async def test_a_switch_that_makes_no_sense_is_refused(client: PlainClient, values: dict[str, Any]) -> None:
    before = await client.control("GET", "switches")
    token = f"Bearer {client.announcement.control_token}"
    answer = await client.send("POST", "/__control/switches", auth=token, json=values)
    assert (answer.status, set(answer.body)) == (400, {"error"})
    assert await client.control("GET", "switches") == before


@BOTH
async def test_event_on_no_change(client: PlainClient, stream: PlainStream, *, on: bool) -> None:
    account = await client.create("Account", Name="A", Site="x")
    await stream.events(1)
    await switch(client, event_on_no_change=on)
    await client.update("Account", account, Site="x")
    events = await stream.up_to_marker()
    assert kinds(events) == ([("Account", "UPDATE")] if on else [])
    if on:
        assert header(events[0])["changedFields"] == ["LastModifiedDate"]


@BOTH
async def test_cleared_compound_is_null(client: PlainClient, stream: PlainStream, *, on: bool) -> None:
    account = await client.create(
        "Account", Name="A", BillingCity="Ghent", BillingStreet="1", ShippingCity="X"
    )
    await switch(client, cleared_compound_is_null=on)
    await client.update("Account", account, BillingCity=None)
    await client.update("Account", account, BillingStreet=None)
    _, one_left, cleared = await stream.events(3)
    assert body(one_left)["BillingAddress"] == {"City": None}
    assert body(cleared)["BillingAddress"] == (None if on else {"Street": None})
    assert "ShippingAddress" not in body(cleared)


@pytest.mark.parametrize("form", ["client", "empty", "absent"])
async def test_interface_origin(
    client: PlainClient, emulator: Emulator, stream: PlainStream, form: str
) -> None:
    await switch(client, interface_origin=form)
    emulator.org.create("Account", {"Name": "by hand"})
    await client.create("Account", Name="by the API")
    by_hand, by_api = map(header, await stream.events(2))
    expected = {"client": "com/salesforce/api/soap/67.0;client=SfdcInternalAPI/", "empty": "", "absent": None}
    assert by_hand.get("changeOrigin") == expected[form]
    assert ("changeOrigin" in by_hand) == (form != "absent")
    assert by_api["changeOrigin"] == "com/salesforce/api/rest/67.0"


@BOTH
async def test_reparent_events(client: PlainClient, stream: PlainStream, *, on: bool) -> None:
    winner, loser = [await client.create("Account", Name=name) for name in "AB"]
    contact = await client.create("Contact", LastName="S", AccountId=loser)
    await stream.events(3)
    await switch(client, reparent_events=on)
    await client.control("POST", "merge", {"winner": winner, "losers": [loser]})
    moved = [e for e in await stream.up_to_marker() if header(e)["entityName"] == "Contact"]
    assert [header(event)["recordIds"] for event in moved] == ([[contact]] if on else [])
    if on:
        assert body(moved[0])["AccountId"] == winner


@BOTH
async def test_cleared_lookup_events(client: PlainClient, stream: PlainStream, *, on: bool) -> None:
    parent = await client.create("Account", Name="Parent")
    child = await client.create("Account", Name="Child", ParentId=parent)
    await stream.events(2)
    await switch(client, cleared_lookup_events=on)
    await client.delete("Account", parent)
    events = await stream.up_to_marker()
    assert ("Account", "DELETE") in kinds(events)
    cleared = [event for event in events if header(event)["recordIds"] == [child]]
    assert len(cleared) == (1 if on else 0)
    if on:
        assert body(cleared[0])["ParentId"] is None
    [row] = await client.query("SELECT ParentId FROM Account")
    assert row["ParentId"] is None


@BOTH
async def test_refuse_unselected_channels(client: PlainClient, *, on: bool) -> None:
    await switch(client, refuse_unselected_channels=on)
    await client.control("POST", "selection", {"objects": ["Account", "Task"]})
    stream = await PlainStream(client).open()
    answer = await stream.subscribe("/data/LeadChangeEvent")
    assert answer["successful"] is not on
    assert answer["subscription"] == "/data/LeadChangeEvent"
    assert ("error" in answer) is on
    assert (await stream.subscribe("/data/AccountChangeEvent"))["successful"] is True


@BOTH
async def test_primary_in_role_events(client: PlainClient, stream: PlainStream, *, on: bool) -> None:
    await switch(client, primary_in_role_events=on)
    _, roles = await opportunity_with_roles(client)
    await client.update("OpportunityContactRole", roles[0], IsPrimary=True)
    events = await stream.up_to_marker()
    updated = [event for event in events if header(event)["recordIds"] == [roles[0]]][-1]
    assert header(updated)["changeType"] == "UPDATE"
    assert ("IsPrimary" in body(updated)) is on
    assert ("IsPrimary" in header(updated)["changedFields"]) is on


@BOTH
async def test_event_for_made_and_deleted(client: PlainClient, stream: PlainStream, *, on: bool) -> None:
    await switch(client, event_for_made_and_deleted=on)
    base = "/services/data/v67.0/sobjects/Account"
    parts = [
        {"method": "POST", "url": base, "referenceId": "a", "body": {"Name": "A"}},
        {"method": "DELETE", "url": f"{base}/@{{a.id}}", "referenceId": "b"},
    ]
    answer = await client.rest("POST", "composite", json={"allOrNone": True, "compositeRequest": parts})
    assert [part["httpStatusCode"] for part in answer.body["compositeResponse"]] == [201, 204]
    assert kinds(await stream.up_to_marker()) == ([("Account", "DELETE")] if on else [])


async def test_locator_seconds(client: PlainClient) -> None:
    rows = [{"Name": f"A{number}"} for number in range(200)]
    for _ in range(3):
        await client.rest("POST", "composite/sobjects", json=collection("Account", *rows))
    options = {"Sforce-Query-Options": "batchSize=200"}
    asked = {"q": "SELECT Id FROM Account"}
    await switch(client, locator_seconds=60)
    first = (await client.rest("GET", "query", params=asked, headers=options)).body
    await client.control("POST", "clock", {"advance": 50})
    second = await client.send("GET", first["nextRecordsUrl"])
    assert second.status == 200
    await client.control("POST", "clock", {"advance": 50})  # each use begins the time anew
    third = await client.send("GET", second.body["nextRecordsUrl"])
    assert (third.status, third.body["done"]) == (200, True)
    await client.control("POST", "clock", {"advance": 61})
    late = await client.send("GET", first["nextRecordsUrl"])
    assert (late.status, late.body[0]["errorCode"]) == (400, "INVALID_QUERY_LOCATOR")


async def test_upsert_200_from(client: PlainClient) -> None:
    path = "sobjects/Account/Ext_Id__c/k"
    await client.rest("PATCH", path, json={"Name": "A"})
    await switch(client, upsert_200_from=50)
    for version, expected in (("v46.0", 204), ("v49.0", 204), ("v50.0", 200), ("v67.0", 200)):
        assert (await client.rest("PATCH", path, json={"Name": "B"}, version=version)).status == expected


@BOTH
async def test_event_milliseconds(client: PlainClient, stream: PlainStream, *, on: bool) -> None:
    await switch(client, event_milliseconds=on)
    await client.create("Account", Name="A")
    [event] = await stream.events(1)
    for name in ("CreatedDate", "LastModifiedDate"):
        assert body(event)[name].endswith("Z")
        assert body(event)[name].endswith(".000Z") is on


@BOTH
async def test_changed_fields_in_events(client: PlainClient, stream: PlainStream, *, on: bool) -> None:
    account = await client.create("Account", Name="A")
    await switch(client, changed_fields_in_events=on)
    await client.update("Account", account, Site="x")
    _, updated = await stream.events(2)
    assert ("changedFields" in header(updated)) is on
    assert body(updated)["Site"] == "x"


@BOTH
async def test_conversion_event_modified_date(client: PlainClient, stream: PlainStream, *, on: bool) -> None:
    lead = await client.create("Lead", LastName="Vega", Company="Umbra")
    await switch(client, conversion_event_modified_date=on)
    await client.control("POST", "convert-lead", {"lead": lead})
    events = await stream.up_to_marker()
    converted = next(e for e in events if kinds([e]) == [("Lead", "UPDATE")])
    assert ("LastModifiedDate" in body(converted)) is on
    assert ("LastModifiedDate" in header(converted)["changedFields"]) is on


@BOTH
async def test_false_in_create_events(client: PlainClient, stream: PlainStream, *, on: bool) -> None:
    await switch(client, false_in_create_events=on)
    await client.create("Contact", LastName="S", DoNotCall=False)
    [event] = await stream.events(1)
    assert body(event).get("DoNotCall") is (False if on else None)
    assert ("DoNotCall" in body(event)) is on


async def test_first_interval(client: PlainClient) -> None:
    await switch(client, first_interval=2000)
    [shaken] = await client.bayeux({"channel": "/meta/handshake", "version": "1.0"})
    message = {"channel": "/meta/connect", "clientId": shaken["clientId"], "connectionType": "long-polling"}
    [first] = await client.bayeux(message)
    assert first["advice"]["interval"] == 2000
    assert (first["successful"], first["advice"]["reconnect"]) == (True, "retry")


@BOTH
async def test_limit_info_per_app(client: PlainClient, *, on: bool) -> None:
    await switch(client, limit_info_per_app=on)
    shown = (await client.rest("GET", "limits")).headers["Sforce-Limit-Info"]
    assert shown.startswith("api-usage=1/")
    assert ("; per-app-api-usage=1/" in shown) is on
