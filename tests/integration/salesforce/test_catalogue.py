"""What the org says of itself."""

from adapters.emulator import Emulator
from adapters.salesforce import Salesforce
from tests.integration.salesforce.control import Control


async def test_an_object_is_described(salesforce: Salesforce) -> None:
    account = await salesforce.catalogue.describe("Account")
    assert account is not None
    assert (account.name, account.key_prefix, account.createable) == ("Account", "001", True)
    ext = account.fields["Ext_Id__c"]
    assert (ext.external_id, ext.unique, ext.length) == (True, True, 40)
    assert account.fields["Name"].required_on_create
    assert account.fields["ParentId"].reference_to == ("Account",)
    contact = await salesforce.catalogue.describe("Contact")
    assert contact is not None
    assert contact.fields["Tier__c"].picklist == ("Gold", "Silver")
    assert contact.fields["LastName"].compound == "Name"


async def test_an_unknown_object_is_none(salesforce: Salesforce) -> None:
    assert await salesforce.catalogue.describe("Nothing__c") is None


async def test_versions_need_no_login(salesforce: Salesforce, control: Control) -> None:
    versions = await salesforce.catalogue.versions()
    assert "67.0" in versions
    assert list(versions) == sorted(versions, key=float)
    assert await control.requests("/oauth2/token") == []


async def test_the_org_and_who_we_are_there(emulator: Emulator, salesforce: Salesforce) -> None:
    org = await salesforce.catalogue.organisation()
    assert org["id"] == emulator.announcement.org_id
    assert org["username"] == emulator.announcement.username
    assert org["is_sandbox"] in {"true", "false"}
    assert org["instance_url"] == emulator.announcement.url.rstrip("/")


async def test_the_objects_that_have_change_events(salesforce: Salesforce, control: Control) -> None:
    offered = await salesforce.catalogue.objects_with_events()
    assert offered is not None
    assert {"Account", "Contact", "CampaignMember", "OpportunityContactRole"} <= offered
    assert "EmailMessageRelation" not in offered
    assert "Profile" not in offered
    await control.fault(path="/sobjects$", action="answer", status=200, body='{"sobjects": []}')
    assert await salesforce.catalogue.objects_with_events() is None


async def test_the_captured_objects(salesforce: Salesforce, control: Control) -> None:
    await control.post("selection", objects=["Account", "Contact"])
    assert await salesforce.catalogue.captured_objects() == frozenset({"Account", "Contact"})
    await control.fault(path="/tooling/", status=403, code="INSUFFICIENT_ACCESS")
    assert await salesforce.catalogue.captured_objects() is None


async def test_a_condition_is_tried_and_the_org_says_what_is_wrong_with_it(salesforce: Salesforce) -> None:
    assert await salesforce.catalogue.condition_fault("Account", "Name LIKE 'A%' OR Phone = null") is None
    fault = await salesforce.catalogue.condition_fault("Account", "Nope__c = 1")
    assert fault is not None
    assert fault.startswith("INVALID_FIELD")
    fault = await salesforce.catalogue.condition_fault("Account", "Name = ")
    assert fault is not None
    assert fault.startswith("MALFORMED_QUERY")
