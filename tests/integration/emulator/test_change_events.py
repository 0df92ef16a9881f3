"""What change events say about a change, and what they leave out."""

from __future__ import annotations

from adapters.emulator import Emulator
from tests.support.plain_client import PlainClient, PlainStream, header


async def test_changes_in_the_user_interface_have_its_origin(emulator: Emulator, stream: PlainStream) -> None:
    emulator.org.create("Account", {"Name": "A"})
    [event] = await stream.events(1)
    assert header(event)["changeOrigin"] == "com/salesforce/api/soap/67.0;client=SfdcInternalAPI/"
    assert header(event)["commitUser"] == emulator.org.admin_user


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


async def test_a_hidden_field_cannot_be_asked_for_or_written(client: PlainClient) -> None:
    rule = {"object": "Contact", "field": "Email", "user": client.announcement.username, "readable": False}
    await client.control("POST", "permissions", rule)
    asked = await client.rest("GET", "query", params={"q": "SELECT Email FROM Contact"})
    assert (asked.status, asked.body[0]["errorCode"]) == (400, "INVALID_FIELD")
    written = await client.rest("POST", "sobjects/Contact", json={"LastName": "S", "Email": "a@example.com"})
    assert (written.status, written.body[0]["errorCode"]) == (400, "INVALID_FIELD")


async def test_a_converted_lead_is_closed(client: PlainClient) -> None:
    lead = await client.create("Lead", LastName="Vega", Company="Umbra")
    await client.control("POST", "convert-lead", {"lead": lead})
    refused = await client.rest("PATCH", f"sobjects/Lead/{lead}", json={"Title": "x"})
    assert (refused.status, refused.body[0]["errorCode"]) == (400, "CANNOT_UPDATE_CONVERTED_LEAD")


async def test_a_merge_moves_the_children_to_the_winner(client: PlainClient) -> None:
    winner, loser = await client.create("Account", Name="A"), await client.create("Account", Name="B")
    contact = await client.create("Contact", LastName="Sato", AccountId=loser)
    await client.control("POST", "merge", {"winner": winner, "losers": [loser]})
    [row] = await client.query(f"SELECT AccountId FROM Contact WHERE Id = '{contact}'")
    assert row["AccountId"] == winner


async def test_a_lead_is_converted_into_records_that_exist(client: PlainClient) -> None:
    lead = await client.create("Lead", LastName="V", Company="U")
    campaign = await client.create("Campaign", Name="C")
    member = await client.create("CampaignMember", CampaignId=campaign, LeadId=lead)
    token = f"Bearer {client.announcement.control_token}"
    for place in ("account", "contact"):
        order = {"lead": lead, place: "001000000000000AAA"}
        refused = await client.send("POST", "/__control/convert-lead", auth=token, json=order)
        assert refused.status == 400
        assert "INVALID_CROSS_REFERENCE_KEY" in refused.body["error"]
    made = await client.control("POST", "convert-lead", {"lead": lead})
    [row] = await client.query(f"SELECT ContactId, LeadId FROM CampaignMember WHERE Id = '{member}'")
    assert row["ContactId"] == made["contact"]
