"""Points 18 to 33: what change events say, when they come, and when they do not."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from typing import Any

import orjson
import pytest

from tests.support.plain_client import (
    ALL_EVENTS,
    PlainClient,
    PlainStream,
    body,
    collection,
    header,
    kinds,
    token_of,
)

HEADER = {
    "entityName", "recordIds", "changeType", "changeOrigin", "transactionKey", "sequenceNumber", "commitTimestamp",
    "commitNumber", "commitUser", "changedFields",
}  # fmt: skip
SYSTEM = {"OwnerId", "CreatedDate", "CreatedById", "LastModifiedDate", "LastModifiedById"}
NEVER = {"Id", "IsDeleted", "SystemModstamp"}
EVENT_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.000Z")
MARK = {"Sforce-Call-Options": "client=pgsync"}
REST = "com/salesforce/api/rest/67.0"
BULK = "com/salesforce/api/bulkapi/67.0"
BASE = "/services/data/v67.0"


def changed(event: dict[str, Any]) -> list[str]:
    """The names in changedFields, in an order of their own: Salesforce promises none."""
    return sorted(header(event)["changedFields"])


def leaves(value: object) -> Iterator[object]:
    """Every value of a body, also those inside compound fields."""
    if isinstance(value, dict):
        for item in value.values():
            yield from leaves(item)
    else:
        yield value


def origins(events: list[dict[str, Any]]) -> set[str]:
    return {header(event)["changeOrigin"] for event in events}


async def switch(client: PlainClient, **values: Any) -> None:
    await client.control("POST", "switches", values)


async def freeze(client: PlainClient) -> None:
    await client.control("POST", "clock", {"freeze": True})


async def write(
    client: PlainClient, method: str, path: str, sent: Any = None, **kwargs: Any
) -> dict[str, Any] | list[Any]:
    """A write that must succeed; its answer."""
    answer = await client.rest(method, path, json=sent, **kwargs)
    assert answer.status in {200, 201, 204}, answer.body
    return answer.body or {}


async def as_another_user(client: PlainClient) -> str:
    """The access token of a user who is not the integration user."""
    rows = await client.query(
        f"SELECT Username FROM User WHERE Username != '{client.announcement.username}' ORDER BY Username"
    )
    return str(
        (await client.control("POST", "tokens/issue", {"username": rows[0]["Username"]}))["access_token"]
    )


async def test_18a_update_holds_only_what_changed(client: PlainClient, stream: PlainStream) -> None:
    contact = await client.create(
        "Contact", FirstName="Ada", LastName="Sato", Title="CTO", MailingCity="Ghent", Phone="1"
    )
    await client.update(
        "Contact", contact, FirstName="Ada", LastName="Okafor", MailingStreet="12 Harbour Lane", Title="CEO"
    )
    _, event = await stream.events(2)
    assert changed(event) == ["LastModifiedDate", "MailingAddress.Street", "Name.LastName", "Title"]
    modified = body(event)["LastModifiedDate"]
    assert EVENT_TIME.fullmatch(modified)
    assert body(event) == {
        "Name": {"LastName": "Okafor"},
        "MailingAddress": {"Street": "12 Harbour Lane"},
        "Title": "CEO",
        "LastModifiedDate": modified,
    }


async def test_18b_components_of_every_compound_are_dotted(client: PlainClient, stream: PlainStream) -> None:
    account = await client.create("Account", Name="A")
    lead = await client.create("Lead", LastName="Vega", Company="Umbra")
    contact = await client.create("Contact", LastName="Sato")
    await stream.events(3)
    await client.update("Account", account, BillingPostalCode="9000", ShippingCountry="Belgium", Name="B")
    await client.update("Lead", lead, City="Leeds", FirstName="Ines", Salutation="Ms.")
    await client.update("Contact", contact, OtherState="Texas")
    accounts, leads, contacts = await stream.events(3)
    assert changed(accounts) == [
        "BillingAddress.PostalCode",
        "LastModifiedDate",
        "Name",
        "ShippingAddress.Country",
    ]
    assert body(accounts)["Name"] == "B"  # a text for a business account
    assert body(accounts)["BillingAddress"] == {"PostalCode": "9000"}
    assert body(accounts)["ShippingAddress"] == {"Country": "Belgium"}
    assert changed(leads) == ["Address.City", "LastModifiedDate", "Name.FirstName", "Name.Salutation"]
    assert body(leads)["Address"] == {"City": "Leeds"}
    assert body(leads)["Name"] == {"FirstName": "Ines", "Salutation": "Ms."}
    assert changed(contacts) == ["LastModifiedDate", "OtherAddress.State"]
    assert body(contacts)["OtherAddress"] == {"State": "Texas"}


async def test_18c_the_header_has_its_fields_and_no_others(client: PlainClient, stream: PlainStream) -> None:
    account = await client.create("Account", Name="A")
    await client.update("Account", account, Site="x")
    me = (await client.send("GET", "/services/oauth2/userinfo")).body["user_id"]
    events = await stream.events(2)
    for event in events:
        found = header(event)
        assert set(found) == HEADER
        assert found["entityName"] == "Account"
        assert found["recordIds"] == [account]
        assert found["sequenceNumber"] == 1
        assert found["commitUser"] == me
        assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", found["transactionKey"])
    first, second = map(header, events)
    assert first["transactionKey"] != second["transactionKey"]
    assert first["commitNumber"] < second["commitNumber"]


async def test_18d_the_modifier_is_told_only_when_it_is_another(
    client: PlainClient, stream: PlainStream
) -> None:
    account = await client.create("Account", Name="A")
    async with PlainClient(client.announcement, await as_another_user(client)) as other:
        await other.update("Account", account, Site="theirs")
        await other.update("Account", account, Site="theirs again")
    await client.update("Account", account, Site="ours")
    _, theirs, again, ours = await stream.events(4)
    assert changed(theirs) == changed(ours) == ["LastModifiedById", "LastModifiedDate", "Site"]
    assert body(theirs)["LastModifiedById"] == header(theirs)["commitUser"]
    assert body(ours)["LastModifiedById"] == header(ours)["commitUser"] != header(theirs)["commitUser"]
    assert changed(again) == ["LastModifiedDate", "Site"]
    assert set(body(again)) == {"LastModifiedDate", "Site"}


async def test_19_a_null_that_was_written_is_a_key_with_null(
    client: PlainClient, stream: PlainStream
) -> None:
    contact = await client.create(
        "Contact", FirstName="Ada", LastName="Sato", Email="a@example.com", Phone="1", MailingCity="Ghent"
    )
    await client.update("Contact", contact, Email=None, FirstName=None, MailingCity="", Title=None)
    _, event = await stream.events(2)
    shown = body(event)
    assert shown["Email"] is None
    assert shown["Name"] == {"FirstName": None}
    assert {"Phone", "Title"}.isdisjoint(shown)  # untouched, and null already
    assert shown["MailingAddress"] in (None, {"City": None})  # the last component: either form is seen
    expected = ["Email", "LastModifiedDate", "MailingAddress.City", "Name.FirstName"]
    assert changed(event) == expected


async def test_20_create_omits_nulls_and_lists_no_changed_fields(
    client: PlainClient, stream: PlainStream
) -> None:
    await client.create("Contact", LastName="Sato", Email="a@example.com", Phone=None, MailingCity="Ghent")
    await client.create("Account", Name="Cobalt", Site="", NumberOfEmployees=12)
    contact, account = await stream.events(2)
    for event in (contact, account):
        assert (header(event)["changeType"], header(event)["changedFields"]) == ("CREATE", [])
        assert None not in set(leaves(body(event)))
        assert set(body(event)) >= SYSTEM
    assert body(contact)["Name"] == {"LastName": "Sato"}
    assert body(contact)["MailingAddress"] == {"City": "Ghent"}
    assert body(contact)["Email"] == "a@example.com"
    assert {"Phone", "Title", "OtherAddress"}.isdisjoint(body(contact))
    assert (body(account)["Name"], body(account)["NumberOfEmployees"]) == ("Cobalt", 12)
    assert {"Site", "BillingAddress", "ShippingAddress"}.isdisjoint(body(account))


async def test_21_delete_has_an_empty_body(client: PlainClient, stream: PlainStream) -> None:
    lead = await client.create("Lead", LastName="Vega", Company="Umbra")
    await client.delete("Lead", lead)
    _, event = await stream.events(2)
    assert set(event["payload"]) == {"ChangeEventHeader"}
    assert set(header(event)) == HEADER
    assert (header(event)["changeType"], header(event)["recordIds"]) == ("DELETE", [lead])
    assert header(event)["changedFields"] == []


async def test_22_undelete_is_full(client: PlainClient, stream: PlainStream) -> None:
    lead = await client.create("Lead", LastName="Vega", Company="Umbra", City="Leeds", Email="v@example.com")
    await client.delete("Lead", lead)
    await client.control("POST", "undelete", {"id": lead})
    created, _, undeleted = await stream.events(3)
    assert (header(undeleted)["changeType"], header(undeleted)["recordIds"]) == ("UNDELETE", [lead])
    assert header(undeleted)["changedFields"] == []
    shown = body(undeleted)
    assert set(shown) >= SYSTEM
    assert None not in set(leaves(shown))
    for name in set(body(created)) - {"LastModifiedDate", "LastModifiedById"}:
        assert shown[name] == body(created)[name]
    assert set(shown) == set(body(created))


async def test_23_no_body_has_an_id_or_the_hidden_system_fields(
    client: PlainClient, stream: PlainStream
) -> None:
    account = await client.create("Account", Name="A")
    made = {
        "Contact": await client.create("Contact", LastName="Sato", AccountId=account),
        "Lead": await client.create("Lead", LastName="Vega", Company="Umbra"),
        "Opportunity": await client.create(
            "Opportunity", Name="O", StageName="Prospecting", CloseDate="2027-01-31", AccountId=account
        ),
        "Employee__c": await client.create("Employee__c", Name="E", Company__c=account),
        "Task": await client.create("Task", Subject="Call", WhatId=account),
    }
    for sobject, record in made.items():
        values = {"Description": "x"} if sobject != "Employee__c" else {"Badge__c": "b"}
        await client.update(sobject, record, **values)
        await client.delete(sobject, record)
        await client.control("POST", "undelete", {"id": record})
    events = await stream.up_to_marker()
    seen = {(entity, kind) for entity, kind in kinds(events) if entity in made}
    assert seen == {(entity, kind) for entity in made for kind in ("CREATE", "UPDATE", "DELETE", "UNDELETE")}
    for event in events:
        assert NEVER.isdisjoint(body(event))
        assert {"LastActivityDate", "PhotoUrl", "attributes"}.isdisjoint(body(event))


async def test_24a_equal_changes_of_one_transaction_merge(client: PlainClient, stream: PlainStream) -> None:
    await freeze(client)
    ids = [await client.create("Account", Name=name) for name in "ABC"]
    await stream.events(3)
    same = collection("Account", *({"id": i, "Industry": "Shipping"} for i in ids))
    await write(client, "PATCH", "composite/sobjects", same)
    await write(client, "DELETE", f"composite/sobjects?ids={','.join(ids)}")
    updated, deleted = await stream.up_to_marker()
    assert sorted(header(updated)["recordIds"]) == sorted(ids)
    assert changed(updated) == ["Industry", "LastModifiedDate"]
    assert body(updated)["Industry"] == "Shipping"
    assert (header(deleted)["changeType"], sorted(header(deleted)["recordIds"])) == ("DELETE", sorted(ids))


async def test_24b_merging_can_be_switched_off(client: PlainClient, stream: PlainStream) -> None:
    await freeze(client)
    await switch(client, merge_events=False)
    ids = [await client.create("Account", Name=name) for name in "ABC"]
    await stream.events(3)
    same = collection("Account", *({"id": i, "Industry": "Shipping"} for i in ids))
    await write(client, "PATCH", "composite/sobjects", same)
    events = await stream.up_to_marker()
    assert [header(event)["recordIds"] for event in events] == [[i] for i in ids]
    assert [header(event)["sequenceNumber"] for event in events] == [1, 2, 3]
    assert len({header(event)["transactionKey"] for event in events}) == 1


async def test_24c_different_values_from_collections_stay_apart(
    client: PlainClient, stream: PlainStream
) -> None:
    await freeze(client)
    rows = [{"Name": name} for name in "ABC"]
    made: Any = await write(client, "POST", "composite/sobjects", collection("Account", *rows))
    ids = [result["id"] for result in made]
    different = collection("Account", *({"id": i, "Site": f"site {i}"} for i in ids))
    await write(client, "PATCH", "composite/sobjects", different)
    events = await stream.up_to_marker()
    assert kinds(events) == [("Account", "CREATE")] * 3 + [("Account", "UPDATE")] * 3
    assert [header(event)["recordIds"] for event in events] == [[i] for i in ids] * 2
    assert [header(event)["sequenceNumber"] for event in events] == [1, 2, 3] * 2
    assert [body(event)["Site"] for event in events[3:]] == [f"site {i}" for i in ids]
    assert len({header(event)["transactionKey"] for event in events}) == 2


async def test_24d_equal_changes_of_two_transactions_do_not_merge(
    client: PlainClient, stream: PlainStream
) -> None:
    await freeze(client)
    ids = [await client.create("Account", Name=name) for name in "AB"]
    for record in ids:
        await client.update("Account", record, Rating="Hot")
    events = await stream.up_to_marker()
    assert [header(event)["recordIds"] for event in events[2:]] == [[i] for i in ids]
    assert len({header(event)["transactionKey"] for event in events}) == 4


async def test_25a_a_record_made_and_changed_in_one_transaction_is_one_create(
    client: PlainClient, stream: PlainStream
) -> None:
    parts = [
        {
            "method": "POST",
            "url": f"{BASE}/sobjects/Account",
            "referenceId": "a",
            "body": {"Name": "first", "Site": "x"},
        },
        {
            "method": "PATCH",
            "url": f"{BASE}/sobjects/Account/@{{a.id}}",
            "referenceId": "b",
            "body": {"Name": "last", "Site": None, "Rating": "Hot"},
        },
    ]
    await write(client, "POST", "composite", {"allOrNone": True, "compositeRequest": parts})
    [event] = await stream.up_to_marker()
    assert (header(event)["changeType"], header(event)["changedFields"]) == ("CREATE", [])
    assert (body(event)["Name"], body(event)["Rating"]) == ("last", "Hot")
    assert "Site" not in body(event)


async def test_25b_two_updates_of_one_transaction_are_one_update(
    client: PlainClient, stream: PlainStream
) -> None:
    account = await client.create("Account", Name="A")
    parts = [
        {
            "method": "PATCH",
            "url": f"{BASE}/sobjects/Account/{account}",
            "referenceId": f"p{number}",
            "body": values,
        }
        for number, values in enumerate(({"Site": "x", "Rating": "Hot"}, {"Site": "y", "Phone": "1"}))
    ]
    await write(client, "POST", "composite", {"allOrNone": True, "compositeRequest": parts})
    _, event = await stream.up_to_marker()
    assert header(event)["changeType"] == "UPDATE"
    assert changed(event) == ["LastModifiedDate", "Phone", "Rating", "Site"]
    assert (body(event)["Site"], body(event)["Rating"], body(event)["Phone"]) == ("y", "Hot", "1")


async def test_25c_what_automation_changes_is_folded_in(client: PlainClient, stream: PlainStream) -> None:
    rule = {"object": "Account", "field": "Site", "template": "{Name} ({Rating})"}
    await client.control("POST", "automation", rule)
    account = await client.create("Account", Name="Cobalt", Rating="Cold")
    await client.update("Account", account, Rating="Warm")
    created, updated = await stream.up_to_marker()
    assert (header(created)["changeType"], body(created)["Site"]) == ("CREATE", "Cobalt (Cold)")
    assert header(updated)["changeType"] == "UPDATE"
    assert changed(updated) == ["LastModifiedDate", "Rating", "Site"]
    assert (body(updated)["Rating"], body(updated)["Site"]) == ("Warm", "Cobalt (Warm)")


async def test_26a_side_changes_of_the_record_carry_the_client(
    client: PlainClient, stream: PlainStream
) -> None:
    account = await client.create("Account", Name="Cobalt")
    rule = {"object": "Account", "field": "Site", "template": "{Rating}"}
    await client.control("POST", "automation", rule)
    await write(client, "PATCH", f"sobjects/Account/{account}", {"Rating": "Hot"}, headers=MARK)
    _, updated = await stream.up_to_marker()
    assert changed(updated) == ["LastModifiedDate", "Rating", "Site"]
    assert header(updated)["changeOrigin"] == f"{REST};client=pgsync"


async def test_26b_side_changes_of_other_records_carry_the_client(
    client: PlainClient, stream: PlainStream
) -> None:
    account = await client.create("Account", Name="A")
    contacts = [await client.create("Contact", LastName=name, AccountId=account) for name in ("X", "Y")]
    opportunity = await client.create(
        "Opportunity", Name="O", StageName="Prospecting", CloseDate="2027-01-31", AccountId=account
    )
    first, second = [
        await client.create("OpportunityContactRole", OpportunityId=opportunity, ContactId=contact)
        for contact in contacts
    ]
    role = "sobjects/OpportunityContactRole"
    await write(client, "PATCH", f"{role}/{first}", {"IsPrimary": True})
    await stream.up_to_marker()
    await write(client, "PATCH", f"{role}/{second}", {"IsPrimary": True}, headers=MARK)
    events = await stream.up_to_marker()
    assert {i for event in events for i in header(event)["recordIds"]} == {first, second}
    assert origins(events) == {f"{REST};client=pgsync"}
    assert len({header(event)["transactionKey"] for event in events}) == 1
    await write(client, "DELETE", f"sobjects/Account/{account}", headers=MARK)
    events = await stream.up_to_marker()
    assert {("Account", "DELETE"), ("Contact", "DELETE")} <= set(kinds(events))
    assert origins(events) == {f"{REST};client=pgsync"}
    assert len({header(event)["transactionKey"] for event in events}) == 1


async def test_27a_rows_and_external_ids_carry_the_client(client: PlainClient, stream: PlainStream) -> None:
    made: Any = await write(client, "POST", "sobjects/Account", {"Name": "A"}, headers=MARK)
    await write(client, "PATCH", f"sobjects/Account/{made['id']}", {"Site": "x"}, headers=MARK)
    await write(client, "DELETE", f"sobjects/Account/{made['id']}", headers=MARK)
    key = "sobjects/Account/Ext_Id__c/k1"
    await write(client, "PATCH", key, {"Name": "B"}, headers=MARK)
    await write(client, "PATCH", key, {"Name": "C"}, headers=MARK)
    await write(client, "DELETE", key, headers=MARK)
    events = await stream.up_to_marker()
    assert len(events) == 6
    assert origins(events) == {f"{REST};client=pgsync"}


async def test_27b_bulk_carries_the_client(client: PlainClient, stream: PlainStream) -> None:
    request = {"object": "Account", "operation": "insert", "contentType": "CSV", "lineEnding": "LF"}
    for headers in (MARK, {}):
        job: Any = await write(client, "POST", "jobs/ingest", request, headers=headers)
        path = f"jobs/ingest/{job['id']}"
        csv = headers | {"Content-Type": "text/csv"}
        assert (await client.rest("PUT", f"{path}/batches", data="Name\nA\n", headers=csv)).status == 201
        await write(client, "PATCH", path, {"state": "UploadComplete"}, headers=headers)
        state = ""
        while state not in {"JobComplete", "Failed", "Aborted"}:
            state = (await client.rest("GET", path)).body["state"]
        assert state == "JobComplete"
    marked, plain = await stream.up_to_marker()
    assert header(marked)["changeOrigin"] == f"{BULK};client=pgsync"
    assert header(plain)["changeOrigin"] == BULK


async def test_27c_the_header_is_read_among_others_and_the_version_is_that_of_the_path(
    client: PlainClient, stream: PlainStream
) -> None:
    for options in ("client=one", "defaultNamespace=x; client=one", "defaultNamespace=x, client=one", ""):
        headers = {"Sforce-Call-Options": options} if options else {}
        await write(client, "POST", "sobjects/Account", {"Name": "A"}, headers=headers, version="v59.0")
    shown = [header(event)["changeOrigin"] for event in await stream.up_to_marker()]
    assert shown == ["com/salesforce/api/rest/59.0;client=one"] * 3 + ["com/salesforce/api/rest/59.0"]


@pytest.mark.parametrize("switched_on", [False, True])
async def test_27d_collections_and_composite_carry_it_only_when_switched_on(
    client: PlainClient, stream: PlainStream, *, switched_on: bool
) -> None:
    if switched_on:
        await switch(client, client_in_collections=True)
    made: Any = await write(
        client, "POST", "composite/sobjects", collection("Account", {"Name": "A"}), headers=MARK
    )
    record = made[0]["id"]
    update = collection("Account", {"id": record, "Site": "x"})
    await write(client, "PATCH", "composite/sobjects", update, headers=MARK)
    upsert = collection("Account", {"Ext_Id__c": "k", "Name": "B"})
    await write(client, "PATCH", "composite/sobjects/Account/Ext_Id__c", upsert, headers=MARK)
    await write(client, "DELETE", f"composite/sobjects?ids={record}", headers=MARK)
    part = {
        "method": "POST",
        "url": f"{BASE}/sobjects/Account",
        "referenceId": "a",
        "body": {"Name": "C"},
    }
    for whole in (False, True):
        parts = {"allOrNone": whole, "compositeRequest": [part]}
        await write(client, "POST", "composite", parts, headers=MARK)
    graphs = {"graphs": [{"graphId": "g", "compositeRequest": [part]}]}
    await write(client, "POST", "composite/graph", graphs, headers=MARK)
    events = await stream.up_to_marker()
    assert len(events) == 7
    assert origins(events) == {f"{REST};client=pgsync" if switched_on else REST}


async def test_28a_times_are_whole_seconds(client: PlainClient, stream: PlainStream) -> None:
    account = await client.create("Account", Name="A", Seen__c="2026-11-22T14:34:15.987+01:00")
    await client.update("Account", account, Seen__c="2026-11-22T13:34:16.001Z")
    await client.delete("Account", account)
    events = await stream.events(3)
    assert [body(event).get("Seen__c") for event in events] == [
        "2026-11-22T13:34:15.000Z",
        "2026-11-22T13:34:16.000Z",
        None,
    ]
    for event in events:
        assert isinstance(header(event)["commitTimestamp"], int)
        assert header(event)["commitTimestamp"] % 1000 == 0
        for name in ("CreatedDate", "LastModifiedDate"):
            assert EVENT_TIME.fullmatch(body(event).get(name, "2026-11-22T13:34:15.000Z"))
    assert EVENT_TIME.fullmatch(body(events[0])["CreatedDate"])
    assert EVENT_TIME.fullmatch(body(events[1])["LastModifiedDate"])


@pytest.mark.parametrize("split", [False, True])
async def test_28b_times_inside_a_transaction_may_differ_by_a_second(
    client: PlainClient, stream: PlainStream, *, split: bool
) -> None:
    await freeze(client)
    await switch(client, split_transaction_time=split)
    rows = collection("Account", {"Name": "A"}, {"Name": "B"})
    await write(client, "POST", "composite/sobjects", rows)
    first, second = map(header, await stream.events(2))
    assert first["transactionKey"] == second["transactionKey"]
    assert second["commitTimestamp"] - first["commitTimestamp"] == (1000 if split else 0)


@pytest.mark.parametrize("change", ["GAP_CREATE", "GAP_UPDATE", "GAP_DELETE", "GAP_UNDELETE"])
async def test_29a_gap_events_can_be_injected(client: PlainClient, stream: PlainStream, change: str) -> None:
    ids = [await client.create("Account", Name=name) for name in "AB"]
    await stream.events(2)
    request = {"object": "Account", "changeType": change, "recordIds": ids}
    await client.control("POST", "events/inject", request)
    [event] = await stream.events(1)
    assert set(event["payload"]) == {"ChangeEventHeader"}
    assert set(header(event)) == HEADER
    assert (header(event)["entityName"], header(event)["changeType"]) == ("Account", change)
    assert (header(event)["recordIds"], header(event)["changedFields"]) == (ids, [])


async def test_29b_an_overflow_can_be_injected(client: PlainClient, stream: PlainStream) -> None:
    await client.control("POST", "events/inject", {"object": "Contact"})
    [event] = await stream.events(1)
    assert set(event["payload"]) == {"ChangeEventHeader"}
    assert (header(event)["entityName"], header(event)["changeType"]) == ("Contact", "GAP_OVERFLOW")
    assert header(event)["recordIds"] == ["000000000000000AAA"]
    assert header(event)["changedFields"] == []


async def test_29c_a_large_transaction_ends_in_one_overflow_for_each_type(
    client: PlainClient, stream: PlainStream
) -> None:
    await switch(client, overflow_limit=3)
    rows = [{"attributes": {"type": "Account"}, "Name": f"A{number}"} for number in range(5)]
    rows += [
        {"attributes": {"type": "Lead"}, "LastName": f"V{number}", "Company": "U"} for number in range(3)
    ]
    await write(client, "POST", "composite/sobjects", {"allOrNone": True, "records": rows})
    events = await stream.up_to_marker()
    assert kinds(events[:3]) == [("Account", "CREATE")] * 3
    assert sorted(kinds(events[3:])) == [("Account", "GAP_OVERFLOW"), ("Lead", "GAP_OVERFLOW")]
    assert {tuple(header(event)["recordIds"]) for event in events[3:]} == {("000000000000000AAA",)}
    assert len({header(event)["transactionKey"] for event in events}) == 1


@pytest.mark.parametrize(("sobject", "prefix"), [("Account", "001"), ("Contact", "003")])
async def test_29d_a_wildcard_can_be_injected(
    client: PlainClient, stream: PlainStream, sobject: str, prefix: str
) -> None:
    request = {"object": sobject, "changeType": "UPDATE", "wildcard": True}
    await client.control("POST", "events/inject", request)
    [event] = await stream.events(1)
    assert (header(event)["entityName"], header(event)["recordIds"]) == (sobject, [f"{prefix}*"])


async def test_29e_large_text_can_arrive_as_a_difference(client: PlainClient, stream: PlainStream) -> None:
    await switch(client, large_text_diffs=True)
    lines = [f"line {number} of a long text" for number in range(60)]
    account = await client.create("Account", Name="A", Description="\n".join(lines))
    before = lines[7]
    lines[7] = "another line"
    await client.update("Account", account, Description="\n".join(lines))
    created, updated = await stream.events(2)
    assert isinstance(body(created)["Description"], str)
    digest = hashlib.sha256("\n".join(lines).encode()).hexdigest()
    assert body(updated)["Description"] == {
        "diff": f"--- \n+++ {digest}\n@@ -8,1 +8,1 @@\n-{before}\n+another line"
    }
    assert changed(updated) == ["Description", "LastModifiedDate"]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("\n".join(["short"] * 30), "\n".join(["short"] * 29 + ["end"])),
        ("\n".join(["a line of text"] * 100), "\n".join(["a line of text"] * 300)),
        ("\n".join(["a line of text"] * 100), "\n".join(["a line of text"] * 60 + ["another text"] * 40)),
        ("\n".join(["-"] * 100 + ["x" * 1500]), "\n".join(["-"] * 100 + ["y" + "x" * 1499])),
    ],
    ids=["below 1000 characters", "other length", "many lines", "longer than the value"],
)
async def test_29f_other_text_arrives_whole(
    client: PlainClient, stream: PlainStream, before: str, after: str
) -> None:
    await switch(client, large_text_diffs=True)
    account = await client.create("Account", Name="A", Description=before)
    await client.update("Account", account, Description=after)
    _, updated = await stream.events(2)
    assert body(updated)["Description"] == after


async def test_29g_a_difference_can_be_injected(client: PlainClient, stream: PlainStream) -> None:
    account = await client.create("Account", Name="A")
    difference = {"diff": f"--- \n+++ {'9f' * 32}\n@@ -2,1 +2,1 @@\n-old line\n+new line"}
    request = {
        "object": "Account",
        "changeType": "UPDATE",
        "recordIds": [account],
        "changedFields": ["Description"],
        "body": {"Description": difference},
    }
    await client.control("POST", "events/inject", request)
    _, event = await stream.events(2)
    assert body(event) == {"Description": difference}
    assert header(event)["changedFields"] == ["Description"]


async def test_30a_field_security_removes_a_field(client: PlainClient, stream: PlainStream) -> None:
    contact = await client.create("Contact", LastName="Sato", Email="a@example.com", MailingCity="Ghent")
    await stream.events(1)
    for field in ("Email", "MailingCity"):
        rule = {"object": "Contact", "field": field, "readable": False}
        await client.control("POST", "permissions", rule | {"user": client.announcement.username})
    async with PlainClient(client.announcement, await as_another_user(client)) as other:
        await other.create("Contact", LastName="Vega", Email="v@example.com", MailingCity="Leeds")
        await other.update("Contact", contact, Email=None, MailingCity="Lisbon", Title="CEO")
    created, updated = await stream.events(2)
    assert body(created)["Name"] == {"LastName": "Vega"}
    assert {"Email", "MailingAddress"}.isdisjoint(body(created))
    assert {"Email", "MailingAddress"}.isdisjoint(body(updated))
    assert body(updated)["Title"] == "CEO"
    assert {"Title", "LastModifiedDate"} <= set(changed(updated))
    assert {"Email", "MailingAddress.City"}.isdisjoint(changed(updated))
    described = (await client.rest("GET", "sobjects/Contact/describe")).body["fields"]
    assert {"Email", "MailingCity"}.isdisjoint(field["name"] for field in described)


async def test_30b_object_permission_silently_removes_events_of_the_common_channel(
    client: PlainClient,
) -> None:
    await client.control("POST", "permissions", {"object": "Lead", "view_all": False})
    stream = await PlainStream(client).open()
    for channel in (ALL_EVENTS, "/data/People__chn"):
        assert (await stream.subscribe(channel))["successful"] is True
    lead = await client.create("Lead", LastName="Vega", Company="Umbra")
    await client.delete("Lead", lead)
    await client.create("Account", Name="A")
    assert kinds(await stream.up_to_marker()) == [("Account", "CREATE")]


async def test_30c_object_permission_refuses_the_single_channel(client: PlainClient) -> None:
    await client.control("POST", "permissions", {"object": "Lead", "view_all": False})
    stream = await PlainStream(client).open()
    refused = await stream.subscribe("/data/LeadChangeEvent")
    assert refused["successful"] is False
    assert refused["subscription"] == "/data/LeadChangeEvent"
    assert refused["error"] in {
        "403::User not allowed to subscribe CDC without View All Data permissions",
        "403::User not allowed to subscribe CDC without required permissions",
    }
    assert (await stream.subscribe("/data/AccountChangeEvent"))["successful"] is True


async def person_account(client: PlainClient, **values: Any) -> tuple[str, str]:
    """A person account and its contact half, in an org that has such accounts."""
    await switch(client, person_accounts=True)
    account = await client.create("Account", FirstName="Ada", LastName="Sato", **values)
    [row] = await client.query(f"SELECT IsPersonAccount, PersonContactId FROM Account WHERE Id = '{account}'")
    assert row["IsPersonAccount"] is True
    return account, row["PersonContactId"]


def pair(events: list[dict[str, Any]]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The Account event and the Contact event of one change; the order of the two is not documented."""
    assert sorted(header(event)["entityName"] for event in events) == ["Account", "Contact"]
    first, second = events
    return (first, second) if header(first)["entityName"] == "Account" else (second, first)


async def test_31a_a_person_account_is_made_with_two_events(client: PlainClient, stream: PlainStream) -> None:
    record, half = await person_account(client, PersonEmail="a@example.com", Shoe_Size__pc="42", Rating="Hot")
    account, contact = pair(await stream.up_to_marker())
    assert (header(account)["changeType"], header(account)["recordIds"]) == ("CREATE", [record])
    assert (header(contact)["changeType"], header(contact)["recordIds"]) == ("CREATE", [half])
    assert body(account)["Name"] == {"FirstName": "Ada", "LastName": "Sato"}
    assert (body(account)["PersonEmail"], body(account)["Shoe_Size__pc"]) == ("a@example.com", "42")
    assert body(account)["Rating"] == "Hot"
    assert body(contact)["Name"] == {"FirstName": "Ada", "LastName": "Sato"}
    assert (body(contact)["Email"], body(contact)["Shoe_Size__c"]) == ("a@example.com", "42")
    assert "Rating" not in body(contact)


async def test_31b_an_update_of_a_person_account_always_moves_both(
    client: PlainClient, stream: PlainStream
) -> None:
    record, half = await person_account(client)
    await stream.up_to_marker()
    await client.update("Account", record, PersonEmail="b@example.com", Shoe_Size__pc="43")
    account, contact = pair(await stream.up_to_marker())
    assert (header(account)["recordIds"], header(contact)["recordIds"]) == ([record], [half])
    assert changed(account) == ["LastModifiedDate"]  # what a contact holds is only in the Contact event
    assert set(body(account)) == {"LastModifiedDate"}
    assert changed(contact) == ["Email", "LastModifiedDate", "Shoe_Size__c"]
    assert (body(contact)["Email"], body(contact)["Shoe_Size__c"]) == ("b@example.com", "43")
    await client.update("Account", record, Rating="Hot")
    account, contact = pair(await stream.up_to_marker())
    assert changed(account) == ["LastModifiedDate", "Rating"]
    assert changed(contact) == ["LastModifiedDate"]
    assert set(body(contact)) == {"LastModifiedDate"}


async def test_31c_a_person_account_is_deleted_and_undeleted_with_two_events(
    client: PlainClient, stream: PlainStream
) -> None:
    record, half = await person_account(client, PersonEmail="a@example.com")
    await stream.up_to_marker()
    await client.delete("Account", record)
    account, contact = pair(await stream.up_to_marker())
    for event, expected in ((account, record), (contact, half)):
        assert set(event["payload"]) == {"ChangeEventHeader"}
        assert (header(event)["changeType"], header(event)["recordIds"]) == ("DELETE", [expected])
    await client.control("POST", "undelete", {"id": record})
    account, contact = pair(await stream.up_to_marker())
    assert header(account)["changeType"] == header(contact)["changeType"] == "UNDELETE"
    assert body(account)["PersonEmail"] == body(contact)["Email"] == "a@example.com"


async def test_31d_a_person_account_becomes_a_business_account_by_its_record_type(
    client: PlainClient, stream: PlainStream
) -> None:
    record, _ = await person_account(client)
    types = await client.query("SELECT Id, DeveloperName FROM RecordType WHERE SobjectType = 'Account'")
    business = next(row["Id"] for row in types if row["DeveloperName"] == "Business_Account")
    await stream.up_to_marker()
    await client.update("Account", record, RecordTypeId=business)
    events = [e for e in await stream.up_to_marker() if header(e)["entityName"] == "Account"]
    assert [header(event)["recordIds"] for event in events] == [[record]]
    assert "RecordTypeId" in changed(events[0])
    assert body(events[0])["RecordTypeId"] == business
    [row] = await client.query(f"SELECT IsPersonAccount FROM Account WHERE Id = '{record}'")
    assert row["IsPersonAccount"] is False


async def test_31e_an_unselected_half_is_invisible(client: PlainClient, stream: PlainStream) -> None:
    record, _ = await person_account(client)
    await client.control("POST", "selection", {"objects": ["Account", "Task"]})
    await stream.up_to_marker()
    await client.update("Account", record, PersonEmail="b@example.com")
    [event] = await stream.up_to_marker()
    assert (header(event)["entityName"], changed(event)) == ("Account", ["LastModifiedDate"])


@pytest.mark.parametrize("opportunity", ["Umbra deal", None])
async def test_31f_lead_conversion_is_one_transaction_in_its_order(
    client: PlainClient, stream: PlainStream, opportunity: str | None
) -> None:
    lead = await client.create("Lead", LastName="Vega", Company="Umbra")
    await stream.up_to_marker()
    request = {"lead": lead} | ({"opportunity": opportunity} if opportunity else {})
    made = await client.control("POST", "convert-lead", request)
    events = await stream.up_to_marker()
    order = ["Account", "Contact", *(["Opportunity"] if opportunity else [])]
    assert kinds(events) == [*((name, "CREATE") for name in order), ("Lead", "UPDATE")]
    assert [header(event)["sequenceNumber"] for event in events] == list(range(1, len(order) + 2))
    assert len({header(event)["transactionKey"] for event in events}) == 1
    assert [header(event)["recordIds"] for event in events[:-1]] == [[made[n.lower()]] for n in order]
    converted = {f"Converted{name}Id": made[name.lower()] for name in order}
    expected = {"Status", "IsConverted", "ConvertedDate", *converted}
    shown = body(events[-1])
    assert set(changed(events[-1])) - {"LastModifiedDate", "LastModifiedById"} == expected
    assert {name: shown[name] for name in converted} == converted
    assert shown["IsConverted"] is True
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", shown["ConvertedDate"])


async def test_31g_merge_is_a_delete_and_an_update_without_a_link(
    client: PlainClient, stream: PlainStream
) -> None:
    winner, loser = await client.create("Account", Name="A"), await client.create("Account", Name="B")
    await stream.up_to_marker()
    request = {"winner": winner, "losers": [loser], "values": {"Site": "merged"}}
    await client.control("POST", "merge", request)
    events = await stream.up_to_marker()
    assert sorted(kinds(events)) == [("Account", "DELETE"), ("Account", "UPDATE")]
    deleted, updated = sorted(events, key=lambda event: str(header(event)["changeType"]))
    assert (header(deleted)["recordIds"], body(deleted)) == ([loser], {})
    assert header(updated)["recordIds"] == [winner]
    assert body(updated)["Site"] == "merged"
    assert b"MasterRecordId" not in orjson.dumps(events)
    assert winner.encode() not in orjson.dumps(deleted)
    assert loser.encode() not in orjson.dumps(updated)
    [row] = await client.query(f"SELECT MasterRecordId FROM Account WHERE Id = '{loser}'", deleted=True)
    assert row["MasterRecordId"] == winner


async def enriched(client: PlainClient) -> tuple[PlainStream, list[str]]:
    """Two contacts with keys, and a session on the channel that sends the key along."""
    await freeze(client)
    ids = [await client.create("Contact", LastName="Sato", Ext_Id__c=key) for key in ("k1", "k2")]
    stream = await PlainStream(client).open()
    assert (await stream.subscribe("/data/People__chn"))["successful"] is True
    return stream, ids


async def test_32a_enriched_copies_share_one_replay_id(client: PlainClient) -> None:
    stream, ids = await enriched(client)
    same = collection("Contact", *({"id": i, "Title": "CEO"} for i in ids))
    await write(client, "PATCH", "composite/sobjects", same)
    copies = await stream.events(2)
    assert [header(copy)["recordIds"] for copy in copies] == [[i] for i in ids]
    assert len({copy["event"]["replayId"] for copy in copies}) == 1
    assert [body(copy)["Ext_Id__c"] for copy in copies] == ["k1", "k2"]
    for copy in copies:
        assert changed(copy) == ["LastModifiedDate", "Title"]  # what enriches did not change
        assert set(body(copy)) == {"Ext_Id__c", "LastModifiedDate", "Title"}
    await client.delete("Contact", ids[0])
    [deleted] = await stream.events(1)
    assert (header(deleted)["changeType"], body(deleted)) == ("DELETE", {"Ext_Id__c": "k1"})


async def test_32b_enrichment_is_read_when_it_is_delivered_and_left_out_when_empty(
    client: PlainClient,
) -> None:
    stream, ids = await enriched(client)
    await client.update("Contact", ids[0], Title="CEO")
    [event] = await stream.events(1)
    assert body(event)["Ext_Id__c"] == "k1"
    for key in ("k3", "k4"):
        await client.update("Contact", ids[0], Ext_Id__c=key)
    await stream.events(2)
    await stream.subscribe("/data/People__chn", -2)
    events = await stream.events(5)
    assert kinds(events) == [("Contact", "CREATE")] * 2 + [("Contact", "UPDATE")] * 3
    assert [body(event)["Ext_Id__c"] for event in events] == ["k1", "k2", "k4", "k3", "k4"]
    assert changed(events[2]) == ["LastModifiedDate", "Title"]
    assert changed(events[3]) == ["Ext_Id__c", "LastModifiedDate"]  # what changed keeps the value of its time
    await client.update("Contact", ids[1], Ext_Id__c=None)
    await client.update("Contact", ids[1], Title="CTO")
    cleared, empty = await stream.events(2)
    assert body(cleared)["Ext_Id__c"] is None
    assert set(body(empty)) == {"LastModifiedDate", "Title"}


async def test_32c_a_channel_without_enrichment_keeps_one_merged_event(client: PlainClient) -> None:
    stream, ids = await enriched(client)
    await stream.subscribe("/data/ContactChangeEvent")
    same = collection("Contact", *({"id": i, "Title": "CEO"} for i in ids))
    await write(client, "PATCH", "composite/sobjects", same)
    answers = (await stream.connect())[:-1]
    [merged] = [a["data"] for a in answers if a["channel"] == "/data/ContactChangeEvent"]
    copies = [a["data"] for a in answers if a["channel"] == "/data/People__chn"]
    assert header(merged)["recordIds"] == ids
    assert "Ext_Id__c" not in body(merged)
    assert [copy["event"] for copy in copies] == [merged["event"]] * 2


async def replayed(client: PlainClient) -> tuple[PlainStream, list[dict[str, Any]]]:
    """A new session with a new token, and everything that the stream retains; there must be something."""
    client.token = await token_of(client)
    stream = await PlainStream(client).open()
    await stream.subscribe(ALL_EVENTS, -2)
    return stream, await stream.up_to_marker()


async def test_33a_events_are_kept_for_three_days(client: PlainClient) -> None:
    await client.create("Account", Name="Old")
    _, [old] = await replayed(client)
    await client.control("POST", "clock", {"advance": 71 * 3600})
    stream, events = await replayed(client)
    assert events[0]["event"] == old["event"]
    assert (await stream.subscribe(ALL_EVENTS, old["event"]["replayId"]))["successful"] is True
    await client.create("Account", Name="New")
    await client.control("POST", "clock", {"advance": 2 * 3600})
    stream, events = await replayed(client)
    assert old["event"] not in [event["event"] for event in events]
    assert "New" in [body(event).get("Name") for event in events]
    refused = await stream.subscribe(ALL_EVENTS, old["event"]["replayId"])
    assert refused["successful"] is False
    assert refused["error"].startswith(
        f"400::The replayId {{{old['event']['replayId']}}} you provided was invalid.  Please provide"
    )


async def test_33b_a_reset_stream_knows_none_of_its_ids(client: PlainClient) -> None:
    for name in "ABC":
        await client.create("Account", Name=name)
    stream, events = await replayed(client)
    await client.control("POST", "replay/expire", {"reset": True})
    for event in events:
        refused = await stream.subscribe(ALL_EVENTS, event["event"]["replayId"])
        assert (refused["successful"], refused["error"][:19]) == (False, "400::The replayId {")
    assert (await stream.subscribe(ALL_EVENTS, -2))["successful"] is True
    await client.create("Account", Name="Fresh")
    [fresh] = await stream.up_to_marker()
    assert body(fresh)["Name"] == "Fresh"
    await stream.subscribe(ALL_EVENTS, fresh["event"]["replayId"])
    assert kinds(await stream.events(1)) == [("Task", "CREATE")]
