"""Moments of the org that a test can come back to."""

from __future__ import annotations

from adapters.emulator import Emulator
from tests.support.plain_client import ALL_EVENTS, PlainClient, PlainStream, body, kinds


async def take(client: PlainClient, name: str = "before") -> None:
    await client.control("POST", "snapshots", {"name": name})


async def restore(client: PlainClient, name: str = "before") -> None:
    await client.control("POST", "snapshots/restore", {"name": name})


async def test_records_come_back_as_they_were(client: PlainClient) -> None:
    kept = await client.create("Account", Name="Kept", Ext_Id__c="k")
    binned = await client.create("Account", Name="Binned")
    await client.delete("Account", binned)
    await take(client)
    before = (await client.control("GET", "state"))["records"]
    await client.update("Account", kept, Name="Changed", Ext_Id__c="other")
    await client.create("Account", Name="New", Ext_Id__c="k")
    await client.delete("Account", kept)
    await client.control("POST", "purge")
    for _ in range(2):  # as often as wanted
        await restore(client)
        assert (await client.control("GET", "state"))["records"] == before
        found = await client.rest("GET", "sobjects/Account/Ext_Id__c/k")
        assert (found.status, found.body["Id"]) == (200, kept)
        gone = await client.query("SELECT Id FROM Account WHERE IsDeleted = true", deleted=True)
        assert [row["Id"] for row in gone] == [binned]
        await client.update("Account", kept, Name="Changed again")


async def test_ids_are_never_given_twice(client: PlainClient) -> None:
    await take(client)
    first = await client.create("Account", Name="A")
    await restore(client)
    assert await client.create("Account", Name="A") != first


async def test_the_schema_comes_back(client: PlainClient) -> None:
    await take(client)
    spec = {"object": "Account", "fields": {"New__c": {"type": "text", "length": 10}}}
    await client.control("POST", "fields", spec)
    await client.control("POST", "switches", {"person_accounts": True})
    await client.create("Account", Name="A", New__c="x")
    await restore(client)
    fields = (await client.rest("GET", "sobjects/Account/describe")).body["fields"]
    assert not {"New__c", "IsPersonAccount"} & {field["name"] for field in fields}
    refused = await client.rest("POST", "sobjects/Account", json={"Name": "A", "New__c": "x"})
    assert refused.body[0]["errorCode"] == "INVALID_FIELD"
    assert (await client.control("GET", "switches"))["person_accounts"] is False


async def test_rules_permissions_and_selection_come_back(client: PlainClient) -> None:
    rule = {"object": "Account", "field": "Name", "value": "Bad", "message": "No"}
    await client.control("POST", "validation-rules", rule)
    await take(client)
    await client.control("DELETE", "rules")
    await client.control("POST", "validation-rules", rule | {"value": "Good"})
    await client.control("POST", "permissions", {"object": "Account", "field": "Site", "readable": False})
    await client.control("POST", "selection", {"objects": ["Lead"]})
    await restore(client)
    assert (await client.rest("POST", "sobjects/Account", json={"Name": "Bad"})).status == 400
    account = await client.create("Account", Name="Good", Site="x")
    assert (await client.rest("GET", f"sobjects/Account/{account}")).body["Site"] == "x"
    stream = await PlainStream(client).open()
    await stream.subscribe(ALL_EVENTS, -2)
    assert kinds(await stream.events(1)) == [("Account", "CREATE")]


async def test_the_stream_forgets_what_came_after(client: PlainClient, stream: PlainStream) -> None:
    await client.create("Account", Name="Old")
    [old] = await stream.events(1)
    await take(client)
    await client.create("Account", Name="Undone")
    [undone] = await stream.events(1)
    await restore(client)
    [ended] = await stream.connect()
    assert ended["error"] == "403::Unknown client"
    again = await PlainStream(client).open()
    refused = await again.subscribe(ALL_EVENTS, undone["event"]["replayId"])
    assert (refused["successful"], refused["error"][:19]) == (False, "400::The replayId {")
    assert (await again.subscribe(ALL_EVENTS, old["event"]["replayId"]))["successful"] is True
    await client.create("Account", Name="Fresh")
    [fresh] = await again.events(1)
    assert body(fresh)["Name"] == "Fresh"
    assert fresh["event"]["replayId"] > undone["event"]["replayId"]


async def test_they_are_listed_and_an_unknown_one_is_refused(client: PlainClient) -> None:
    assert (await client.control("GET", "snapshots"))["snapshots"] == []
    for name in ("one", "two", "one"):
        await take(client, name)
    assert (await client.control("GET", "snapshots"))["snapshots"] == ["one", "two"]
    token = f"Bearer {client.announcement.control_token}"
    for path, sent in (("snapshots/restore", {"name": "three"}), ("snapshots", {})):
        answer = await client.send("POST", f"/__control/{path}", auth=token, json=sent)
        assert (answer.status, set(answer.body)) == (400, {"error"})


async def test_a_purge_empties_the_bin_without_a_word(client: PlainClient, stream: PlainStream) -> None:
    one, two, three = [await client.create("Account", Name=name) for name in "ABC"]
    for record in (one, two, three):
        await client.delete("Account", record)
    await stream.up_to_marker()
    await client.control("POST", "purge", {"id": one})
    everything = "SELECT Id FROM Account"
    assert {row["Id"] for row in await client.query(everything, deleted=True)} == {two, three}
    await client.control("POST", "purge")
    assert await client.query(everything, deleted=True) == []
    assert await stream.up_to_marker() == []


async def test_the_lead_field_mapping_comes_back(client: PlainClient, emulator: Emulator) -> None:
    key = {"Ext_Id__c": {"type": "text", "external_id": True}}
    await client.control("POST", "fields", {"object": "Lead", "fields": key})
    mapped = {"Contact": {"Ext_Id__c": "Ext_Id__c"}}
    await client.control("POST", "lead-mapping", mapped)
    await take(client)
    await client.control("POST", "lead-mapping", {})
    assert emulator.org.lead_mapping == {}
    await restore(client)
    assert emulator.org.lead_mapping == mapped
