"""Person accounts: one record for the client, an account and a contact in the org."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.plain_client import Answer, PlainClient, PlainStream, body, header


@pytest.fixture
async def persons(client: PlainClient) -> PlainClient:
    await client.control("POST", "switches", {"person_accounts": True})
    return client


async def person(client: PlainClient, **values: Any) -> dict[str, Any]:
    """A new person account as a query shows it."""
    record = await client.create("Account", FirstName="Ada", LastName="Sato", **values)
    [row] = await client.query(
        "SELECT Id, Name, IsPersonAccount, PersonContactId, RecordTypeId, PersonEmail, Tier__pc FROM Account "
        f"WHERE Id = '{record}'"
    )
    return row


async def record_types(client: PlainClient) -> dict[str, str]:
    rows = await client.query("SELECT Id, DeveloperName FROM RecordType WHERE SobjectType = 'Account'")
    return {row["DeveloperName"]: row["Id"] for row in rows}


def refused(answer: Answer, code: str) -> None:
    assert (answer.status, answer.body[0]["errorCode"]) == (400, code)


async def test_an_org_without_them_has_none_of_their_fields(client: PlainClient) -> None:
    fields = (await client.rest("GET", "sobjects/Account/describe")).body["fields"]
    assert not {"IsPersonAccount", "PersonEmail", "LastName"} & {field["name"] for field in fields}
    answer = await client.rest("POST", "sobjects/Account", json={"LastName": "Sato"})
    refused(answer, "INVALID_FIELD")


async def test_a_last_name_makes_a_person_and_a_name_makes_a_business(persons: PlainClient) -> None:
    types = await record_types(persons)
    assert set(types) == {"PersonAccount", "Business_Account"}
    row = await person(persons, PersonEmail="a@example.com", Tier__pc="Gold")
    assert (row["Name"], row["IsPersonAccount"], row["RecordTypeId"]) == (
        "Ada Sato",
        True,
        types["PersonAccount"],
    )
    [half] = await persons.query("SELECT Id, Name, Email, Tier__c, AccountId, IsPersonAccount FROM Contact")
    assert (half["Id"], half["AccountId"]) == (row["PersonContactId"], row["Id"])
    assert (half["Name"], half["Email"], half["Tier__c"]) == ("Ada Sato", "a@example.com", "Gold")
    assert half["IsPersonAccount"] is True
    business = await persons.create("Account", Name="Cobalt")
    [row] = await persons.query(
        f"SELECT IsPersonAccount, PersonContactId FROM Account WHERE Id = '{business}'"
    )
    assert (row["IsPersonAccount"], row["PersonContactId"]) == (False, None)


async def test_describe_shows_the_fields_of_the_person(persons: PlainClient) -> None:
    described = (await persons.rest("GET", "sobjects/Account/describe")).body["fields"]
    fields = {field["name"]: field for field in described}
    assert {
        "PersonContactId", "RecordTypeId", "FirstName", "LastName", "Salutation", "MiddleName", "Suffix", "PersonEmail",
        "PersonTitle", "PersonMobilePhone", "PersonMailingStreet", "PersonMailingCity", "Tier__pc", "Ext_Id__pc",
    } <= set(fields)  # fmt: skip
    assert (fields["IsPersonAccount"]["createable"], fields["IsPersonAccount"]["updateable"]) == (
        False,
        False,
    )
    contact = (await persons.rest("GET", "sobjects/Contact/describe")).body["fields"]
    assert "IsPersonAccount" in {field["name"] for field in contact}


async def test_what_is_written_to_the_account_is_read_from_its_contact(persons: PlainClient) -> None:
    row = await person(persons)
    values = {"LastName": "Okafor", "PersonMailingCity": "Ghent", "PersonTitle": "CEO", "Tier__pc": "Silver"}
    await persons.update("Account", row["Id"], **values)
    [half] = await persons.query("SELECT Name, MailingCity, Title, Tier__c FROM Contact")
    assert (half["Name"], half["MailingCity"], half["Title"], half["Tier__c"]) == (
        "Ada Okafor",
        "Ghent",
        "CEO",
        "Silver",
    )


async def test_the_name_of_a_person_is_made_of_its_parts_only(persons: PlainClient) -> None:
    row = await person(persons)
    answer = await persons.rest("PATCH", f"sobjects/Account/{row['Id']}", json={"Name": "Another"})
    refused(answer, "INVALID_FIELD_FOR_INSERT_UPDATE")


async def test_the_contact_half_cannot_be_deleted_by_itself(persons: PlainClient) -> None:
    row = await person(persons)
    gone = await persons.rest("DELETE", f"sobjects/Contact/{row['PersonContactId']}")
    refused(gone, "INVALID_PERSON_ACCOUNT_OPERATION")
    assert len(await persons.query("SELECT Id FROM Contact")) == 1
    await persons.delete("Account", row["Id"])
    assert await persons.query("SELECT Id FROM Contact") == []


async def test_the_record_type_changes_by_itself_only(persons: PlainClient) -> None:
    types = await record_types(persons)
    row = await person(persons)
    path = f"sobjects/Account/{row['Id']}"
    both = await persons.rest("PATCH", path, json={"RecordTypeId": types["Business_Account"], "Site": "x"})
    refused(both, "INVALID_FIELD_FOR_INSERT_UPDATE")
    await persons.update("Account", row["Id"], RecordTypeId=types["Business_Account"])
    [now] = await persons.query("SELECT IsPersonAccount, PersonContactId, Name FROM Account")
    assert (now["IsPersonAccount"], now["PersonContactId"], now["Name"]) == (False, None, "Ada Sato")
    await persons.update("Account", row["Id"], RecordTypeId=types["PersonAccount"])
    [back] = await persons.query("SELECT IsPersonAccount, PersonContactId FROM Account")
    assert (back["IsPersonAccount"], back["PersonContactId"]) == (True, row["PersonContactId"])


async def test_a_business_has_none_of_a_persons_values(persons: PlainClient) -> None:
    values = {"Name": "Cobalt", "PersonEmail": "a@example.com"}
    refused(await persons.rest("POST", "sobjects/Account", json=values), "INVALID_FIELD_FOR_INSERT_UPDATE")
    assert await persons.query("SELECT Id FROM Account") == []


async def test_they_cannot_be_turned_off_again(persons: PlainClient) -> None:
    token = f"Bearer {persons.announcement.control_token}"
    answer = await persons.send("POST", "/__control/switches", auth=token, json={"person_accounts": False})
    assert answer.status == 400
    assert (await persons.control("GET", "switches"))["person_accounts"] is True


async def test_a_contact_field_made_later_is_there_for_persons_too(
    persons: PlainClient, stream: PlainStream
) -> None:
    spec = {"object": "Contact", "fields": {"Shoe__c": {"type": "text", "length": 10}}}
    await persons.control("POST", "fields", spec)
    record = await persons.create("Account", LastName="Sato", Shoe__pc="42")
    events = {header(event)["entityName"]: event for event in await stream.events(2)}
    assert body(events["Account"])["Shoe__pc"] == body(events["Contact"])["Shoe__c"] == "42"
    assert header(events["Account"])["recordIds"] == [record]


async def test_a_merge_takes_the_contact_half_along(persons: PlainClient) -> None:
    winner, loser = await person(persons), await person(persons)
    task = await persons.create("Task", Subject="Call", WhoId=loser["PersonContactId"])
    await persons.control("POST", "merge", {"winner": winner["Id"], "losers": [loser["Id"]]})
    contacts = await persons.query("SELECT Id FROM Contact")
    assert [row["Id"] for row in contacts] == [winner["PersonContactId"]]
    [row] = await persons.query(f"SELECT WhoId FROM Task WHERE Id = '{task}'")
    assert row["WhoId"] == winner["PersonContactId"]
    where = f"WHERE Id = '{loser['PersonContactId']}'"
    [gone] = await persons.query(f"SELECT MasterRecordId FROM Contact {where}", deleted=True)
    assert gone["MasterRecordId"] == winner["PersonContactId"]


async def test_a_person_merges_with_persons_only(persons: PlainClient) -> None:
    one, business = await person(persons), await persons.create("Account", Name="Acme")
    token = f"Bearer {persons.announcement.control_token}"
    order = {"winner": business, "losers": [one["Id"]]}
    refusal = await persons.send("POST", "/__control/merge", auth=token, json=order)
    assert refusal.status == 400
    assert "INVALID_PERSON_ACCOUNT_OPERATION" in refusal.body["error"]
    assert len(await persons.query("SELECT Id FROM Account")) == 2


async def test_automation_works_on_new_persons(persons: PlainClient) -> None:
    rule = {"object": "Account", "field": "Site", "template": "{PersonEmail}"}
    await persons.control("POST", "automation", rule)
    made = await person(persons, PersonEmail="a@example.com")
    [row] = await persons.query(f"SELECT Site, Name FROM Account WHERE Id = '{made['Id']}'")
    assert (row["Site"], row["Name"]) == ("a@example.com", "Ada Sato")
    assert len(await persons.query("SELECT Id FROM Contact")) == 1
