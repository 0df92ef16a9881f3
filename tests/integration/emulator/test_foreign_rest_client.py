"""simple-salesforce, which was written against real orgs, uses the emulator without knowing it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import pytest
import requests
from simple_salesforce.api import Salesforce
from simple_salesforce.exceptions import (
    SalesforceError,
    SalesforceMalformedRequest,
    SalesforceMoreThanOneRecord,
    SalesforceResourceNotFound,
)

from adapters.emulator import Announcement, Emulator

T = TypeVar("T")


class LoopbackSession(requests.Session):
    """The client insists on https and on Salesforce's login host; both lead to the emulator here."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self._url = url
        self._host = url.removeprefix("http://")

    def request(self, method: Any, url: Any, *args: Any, **kwargs: Any) -> requests.Response:
        text = str(url)
        for host in (self._host, "login.salesforce.com", "emulator.my.salesforce.com"):
            text = text.replace(f"https://{host}/", f"{self._url}/")
        return super().request(method, text, *args, **kwargs)


async def run_with(announcement: Announcement, work: Callable[[Any], T], **login: Any) -> T:
    """Run blocking work with a client in a thread, and close what it opened."""

    def inside() -> T:
        with LoopbackSession(announcement.url) as session:
            return work(Salesforce(session=session, version="59.0", **login))

    return await asyncio.to_thread(inside)


def by_token(announcement: Announcement) -> dict[str, str]:
    return {"session_id": announcement.access_token, "instance_url": announcement.url}


async def test_records(emulator: Emulator) -> None:
    def work(org: Any) -> None:
        made = org.Account.create({"Name": "Cobalt", "Ext_Id__c": "k/1"})
        assert made["success"] is True
        assert org.Account.get(made["id"])["Name"] == "Cobalt"
        assert org.Account.update(made["id"], {"Site": "x"}) == 204
        assert org.Account.upsert("Ext_Id__c/k%2F1", {"Site": "y"}) == 200
        assert org.Account.upsert("Ext_Id__c/new", {"Name": "New"}) == 201
        assert org.Account.get_by_custom_id("Ext_Id__c", "new")["Name"] == "New"
        assert org.Account.delete(made["id"]) == 204
        assert org.Account.describe()["name"] == "Account"
        assert org.describe() is not None
        assert org.limits()["DailyApiRequests"]["Max"] > 0
        assert org.api_usage["api-usage"].used > 0

    await run_with(emulator.announcement, work, **by_token(emulator.announcement))


async def test_refusals_become_its_exceptions(emulator: Emulator) -> None:
    emulator.org.load("Account", [{"Name": "A", "Legacy__c": "L"}, {"Name": "B", "Legacy__c": "L"}])

    def work(org: Any) -> None:
        cases: tuple[tuple[Callable[[], object], type[SalesforceError]], ...] = (
            (lambda: org.Contact.create({"FirstName": "Ada"}), SalesforceMalformedRequest),
            (lambda: org.Account.upsert("Legacy__c/L", {"Name": "C"}), SalesforceMoreThanOneRecord),
            (lambda: org.Account.get("001000000000001AAA"), SalesforceResourceNotFound),
            (lambda: org.query("SELECT Nope FROM Account"), SalesforceMalformedRequest),
        )
        for call, kind in cases:
            with pytest.raises(kind) as refused:
                call()
            assert refused.value.content

    await run_with(emulator.announcement, work, **by_token(emulator.announcement))


async def test_queries_and_their_pages(emulator: Emulator) -> None:
    emulator.org.load("Account", [{"Name": f"A{number}"} for number in range(4500)])

    def work(org: Any) -> None:
        assert org.query_all("SELECT Id, Name FROM Account")["totalSize"] == 4500
        assert len({row["Id"] for row in org.query_all_iter("SELECT Id FROM Account")}) == 4500

    await run_with(emulator.announcement, work, **by_token(emulator.announcement))


async def test_collections_by_its_restful_method(emulator: Emulator) -> None:
    def work(org: Any) -> None:
        body = {
            "allOrNone": False,
            "records": [
                {"attributes": {"type": "Lead"}, "LastName": "V", "Company": "U"},
                {"attributes": {"type": "Lead"}},
            ],
        }
        good, bad = org.restful("composite/sobjects", method="POST", json=body)
        assert (good["success"], bad["errors"][0]["statusCode"]) == (True, "REQUIRED_FIELD_MISSING")

    await run_with(emulator.announcement, work, **by_token(emulator.announcement))


async def test_bulk_ingest_and_query(emulator: Emulator, tmp_path: Path) -> None:
    def work(org: Any) -> None:
        rows = [
            {"LastName": f"L{n}", "Ext_Id__c": f"k{n}", "Description": 'several\nlines, "quoted"'}
            for n in range(250)
        ]
        [outcome] = org.bulk2.Contact.upsert(records=rows, external_id_field="Ext_Id__c", wait=0.01)
        assert (outcome["numberRecordsProcessed"], outcome["numberRecordsFailed"]) == (250, 0)
        results = org.bulk2.Contact.get_successful_records(outcome["job_id"])
        assert results.count("\n") >= 250
        pages = list(org.bulk2.Contact.query("SELECT Id, LastName, Ext_Id__c FROM Contact", max_records=100))
        assert len(pages) == 3
        assert sum(page.count("\n") - 1 for page in pages) in {250, 247}
        [refused] = org.bulk2.Contact.insert(records=[{"FirstName": "Ada"}], wait=0.01)
        assert refused["numberRecordsFailed"] == 1
        assert "REQUIRED_FIELD_MISSING" in org.bulk2.Contact.get_failed_records(refused["job_id"])

    await run_with(emulator.announcement, work, **by_token(emulator.announcement))
    assert len(emulator.org.rows("Contact")) == 250


async def test_its_jwt_and_client_credentials_logins(emulator: Emulator) -> None:
    known = emulator.announcement

    def work(org: Any) -> int:
        return int(org.query("SELECT COUNT() FROM User")["totalSize"])

    jwt_login = {
        "username": known.username,
        "consumer_key": known.client_id,
        "privatekey_file": known.private_key_file,
    }
    assert await run_with(known, work, domain="login", **jwt_login) == 3
    credentials = {"consumer_key": known.client_id, "consumer_secret": known.client_secret}
    assert await run_with(known, work, domain="emulator.my", **credentials) == 3
