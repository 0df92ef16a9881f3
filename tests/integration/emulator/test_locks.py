"""Saves that collide: locked rows, and two upserts of one new key."""

from __future__ import annotations

import asyncio
from typing import Any

from tests.support.plain_client import Answer, PlainClient, collection


def locked(answer: Answer) -> bool:
    """Whether the request was refused because of a lock; anything else must have gone well."""
    if answer.status < 300:
        return False
    assert (answer.status, answer.body[0]["errorCode"]) == (400, "UNABLE_TO_LOCK_ROW")
    return True


async def test_a_record_locked_by_hand_is_written_by_nobody(client: PlainClient) -> None:
    account = await client.create("Account", Name="A")
    other = await client.create("Account", Name="B")
    await client.control("POST", "locks", {"id": account, "seconds": 60})
    path = f"sobjects/Account/{account}"
    assert locked(await client.rest("PATCH", path, json={"Site": "x"}))
    assert locked(await client.rest("DELETE", path))
    rows = collection("Account", {"id": account, "Site": "x"}, {"id": other, "Site": "x"})
    bad, good = (await client.rest("PATCH", "composite/sobjects", json=rows)).body
    assert (bad["errors"][0]["statusCode"], good["success"]) == ("UNABLE_TO_LOCK_ROW", True)
    assert (await client.rest("GET", path)).status == 200
    await client.control("DELETE", "locks")
    await client.update("Account", account, Site="x")


async def test_a_locked_parent_stops_its_children(client: PlainClient) -> None:
    account = await client.create("Account", Name="A")
    contact = await client.create("Contact", LastName="S", AccountId=account)
    await client.control("POST", "locks", {"id": account[:15], "seconds": 60})
    child = {"Name": "E-1", "Company__c": account}
    assert locked(await client.rest("POST", "sobjects/Employee__c", json=child))
    assert locked(await client.rest("PATCH", f"sobjects/Contact/{contact}", json={"Title": "x"}))
    await client.create("Contact", LastName="Free")


async def test_a_lock_ends_after_its_time(client: PlainClient) -> None:
    account = await client.create("Account", Name="A")
    await client.control("POST", "locks", {"id": account, "seconds": 0.2})
    path = f"sobjects/Account/{account}"
    assert locked(await client.rest("PATCH", path, json={"Site": "x"}))
    async with asyncio.timeout(5):
        while locked(await client.rest("PATCH", path, json={"Site": "x"})):
            pass


async def test_a_slow_save_locks_its_record_and_its_parent(client: PlainClient) -> None:
    account = await client.create("Account", Name="A")
    contacts = [await client.create("Contact", LastName=name, AccountId=account) for name in "XY"]
    await client.control("POST", "switches", {"transaction_seconds": 0.3})
    loop = asyncio.get_running_loop()
    started = loop.time()
    answers = await asyncio.gather(
        *(client.rest("PATCH", f"sobjects/Contact/{record}", json={"Title": "x"}) for record in contacts)
    )
    assert loop.time() - started >= 0.3
    assert sorted(locked(answer) for answer in answers) == [False, True]
    free = await client.rest("PATCH", f"sobjects/Account/{account}", json={"Site": "x"})
    assert not locked(free)
    titles = [row["Title"] for row in await client.query("SELECT Title FROM Contact")]
    assert sorted(titles, key=str) == [None, "x"]


async def race(client: PlainClient, field: str) -> list[Answer]:
    await client.control("POST", "switches", {"transaction_seconds": 0.3})
    calls = [
        client.rest("PATCH", f"sobjects/Account/{field}/race", json={"Name": f"A{number}"})
        for number in range(2)
    ]
    return sorted(await asyncio.gather(*calls), key=lambda answer: answer.status)


async def test_two_upserts_of_a_new_unique_key_end_in_a_duplicate(client: PlainClient) -> None:
    made, refused = await race(client, "Ext_Id__c")
    assert (made.status, made.body["created"]) == (201, True)
    assert (refused.status, refused.body[0]["errorCode"]) == (400, "DUPLICATE_VALUE")
    assert made.body["id"] in refused.body[0]["message"]
    [row] = await client.query("SELECT Id FROM Account")
    assert row["Id"] == made.body["id"]
    again = await client.rest("PATCH", "sobjects/Account/Ext_Id__c/race", json={"Name": "later"})
    assert (again.status, again.body["id"]) == (200, made.body["id"])


async def test_two_upserts_of_a_new_key_that_is_not_unique_make_two_records(client: PlainClient) -> None:
    answers = await race(client, "Legacy__c")
    assert [answer.status for answer in answers] == [201, 201]
    assert len({answer.body["id"] for answer in answers}) == 2
    third = await client.rest("PATCH", "sobjects/Account/Legacy__c/race", json={"Name": "later"})
    assert third.status == 300


async def test_a_lock_that_makes_no_sense_is_refused(client: PlainClient) -> None:
    token = f"Bearer {client.announcement.control_token}"
    bodies: list[Any] = [{}, {"id": "nonsense"}, {"id": "001000000000001AAA", "seconds": -1}]
    for request in bodies:
        answer = await client.send("POST", "/__control/locks", auth=token, json=request)
        assert (answer.status, set(answer.body)) == (400, {"error"})


async def test_a_request_does_not_shut_itself_out(client: PlainClient) -> None:
    await client.control("POST", "switches", {"transaction_seconds": 0.05})
    base = "/services/data/v67.0/sobjects"
    parts = [
        {"method": "POST", "url": f"{base}/Account", "referenceId": "a", "body": {"Name": "A"}},
        {
            "method": "POST",
            "url": f"{base}/Contact",
            "referenceId": "c",
            "body": {"LastName": "S", "AccountId": "@{a.id}"},
        },
    ]
    answer = await client.rest("POST", "composite", json={"compositeRequest": parts})
    assert [part["httpStatusCode"] for part in answer.body["compositeResponse"]] == [201, 201]
    account = answer.body["compositeResponse"][0]["body"]["id"]
    await client.update("Account", account, Site="after the answer")


async def test_a_testers_act_keeps_no_lock(client: PlainClient) -> None:
    await client.control("POST", "switches", {"transaction_seconds": 0.2})
    lead = await client.create("Lead", LastName="V", Company="U")
    made = await client.control("POST", "convert-lead", {"lead": lead})
    await client.update("Account", made["account"], Site="x")
