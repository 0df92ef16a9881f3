"""simple-salesforce over REST: logins, records, queries, schemas and refusals."""

from __future__ import annotations

import datetime as dt
import warnings
from collections.abc import Callable
from typing import Any

from simple_salesforce.exceptions import (
    SalesforceAuthenticationFailed,
    SalesforceError,
    SalesforceExpiredSession,
    SalesforceGeneralError,
    SalesforceMalformedRequest,
    SalesforceMoreThanOneRecord,
    SalesforceRefusedRequest,
    SalesforceResourceNotFound,
)
from simple_salesforce.login import SalesforceLogin

from tests.judges.programs.playing import Org, holds, main, refused, same
from tests.judges.programs.salesforce import MY_DOMAIN, salesforce


def _by_password(org: Org) -> dict[str, Any]:
    return {
        "username": org.facts["username"],
        "password": "<secret>&",
        "consumer_key": org.facts["client_id"],
        "consumer_secret": org.facts["client_secret"],
    }


def _by_assertion(org: Org) -> dict[str, Any]:
    return {
        "username": org.facts["username"],
        "consumer_key": org.facts["client_id"],
        "privatekey_file": org.facts["private_key_file"],
    }


def works_as(client: Any, username: str) -> None:
    """The session is that user's."""
    known = client.oauth2("userinfo")
    same(known["preferred_username"], username)
    found = client.query(f"SELECT Username FROM User WHERE Id = '{known['user_id']}'")
    same([user["Username"] for user in found["records"]], [username])


def logins(org: Org) -> None:
    credentials = {
        "consumer_key": org.facts["client_id"],
        "consumer_secret": org.facts["client_secret"],
        "domain": MY_DOMAIN,
    }
    ways: tuple[dict[str, Any], ...] = (
        {},
        _by_password(org),
        _by_password(org) | {"domain": "test"},
        _by_assertion(org),
        _by_assertion(org) | {"domain": "test"},
        credentials,
    )
    for way in ways:
        with salesforce(org, **way) as client:
            works_as(client, org.facts["username"])
            same(client.is_sandbox() in {True, False}, True)


def logins_refused(org: Org) -> None:
    cases = (
        (_by_password(org) | {"username": "nobody@example.com"}, "invalid_grant"),
        (_by_password(org) | {"consumer_secret": "guessed"}, "invalid_client"),
        (_by_password(org) | {"consumer_key": "another"}, "invalid_client_id"),
        (_by_assertion(org) | {"username": "nobody@example.com"}, "invalid_grant"),
        (_by_assertion(org) | {"consumer_key": "another"}, "invalid_client_id"),
    )
    for way, code in cases:

        def attempt(way: dict[str, Any] = way) -> None:
            with salesforce(org, **way):
                pass

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it warns of a user that has to approve the app first
            error = refused(SalesforceAuthenticationFailed, attempt)
        same(error.code, code, str(way.get("username")))


def login_alone(org: Org) -> None:
    with salesforce(org) as client:
        token, instance = SalesforceLogin(session=client.session, **_by_assertion(org))
    same(instance, org.url.removeprefix("http://"))
    with salesforce(org, session_id=token, instance_url=org.url) as client:
        works_as(client, org.facts["username"])


def records(org: Org) -> None:
    with salesforce(org) as client:
        made = client.Ledger__c.create({"Code__c": "r/1 ü", "Amount__c": 1.25, "Active__c": True})
        same(made, {"id": made["id"], "success": True, "errors": []})
        read = client.Ledger__c.get(made["id"])
        same(
            (read["Code__c"], read["Amount__c"], read["Active__c"], read["Note__c"]),
            ("r/1 ü", 1.25, True, None),
        )
        same(client.Ledger__c.update(made["id"], {"Amount__c": None, "Note__c": "two\nlines"}), 204)
        read = client.Ledger__c.get(made["id"], params={"fields": "Amount__c,Note__c"})
        same((read["Amount__c"], read["Note__c"], "Code__c" in read), (None, "two\nlines", False))
        same(client.Ledger__c.delete(made["id"]), 204)
        refused(SalesforceResourceNotFound, lambda: client.Ledger__c.get(made["id"]))


def upserts(org: Org) -> None:
    with salesforce(org) as client:
        same(client.Account.upsert("Ext_Id__c/s%2F1", {"Name": "Cobalt"}), 201)
        same(client.Account.upsert("Ext_Id__c/s%2F1", {"Site": "y"}), 200)
        found = client.Account.get_by_custom_id("Ext_Id__c", "s/1")
        same((found["Name"], found["Site"], found["Ext_Id__c"]), ("Cobalt", "y", "s/1"))
        answer = client.Account.upsert("Ext_Id__c/s-2", {"Name": "New"}, raw_response=True)
        same((answer.status_code, answer.json()["created"]), (201, True))
        same(client.Account.delete("Ext_Id__c/s-2"), 204)
        refused(SalesforceResourceNotFound, lambda: client.Account.get_by_custom_id("Ext_Id__c", "s-2"))
    with salesforce(org, version="45.0") as old:
        same(old.Account.upsert("Ext_Id__c/s%2F1", {"Site": "z"}), 204)


def refusals(org: Org) -> None:
    with salesforce(org) as client:
        for name in ("A", "B"):
            client.Account.create({"Name": name, "Legacy__c": "twice"})
        cases: tuple[tuple[type[SalesforceError], str, Callable[[], object]], ...] = (
            (
                SalesforceMalformedRequest,
                "REQUIRED_FIELD_MISSING",
                lambda: client.Contact.create({"FirstName": "A"}),
            ),
            (SalesforceMalformedRequest, "INVALID_FIELD", lambda: client.query("SELECT Nope FROM Account")),
            (SalesforceMalformedRequest, "MALFORMED_QUERY", lambda: client.query("SELECT FROM Account")),
            (
                SalesforceMalformedRequest,
                "INVALID_QUERY_LOCATOR",
                lambda: client.query_more("01g000000000001AAA-200"),
            ),
            (
                SalesforceMalformedRequest,
                "STRING_TOO_LONG",
                lambda: client.Ledger__c.create({"Code__c": "x" * 41}),
            ),
            (SalesforceResourceNotFound, "NOT_FOUND", lambda: client.Account.get("001000000000001AAA")),
            (SalesforceResourceNotFound, "NOT_FOUND", lambda: client.Nothing__c.create({"Name": "x"})),
            (SalesforceResourceNotFound, "NOT_FOUND", lambda: client.restful("no/such/resource")),
            (SalesforceGeneralError, "METHOD_NOT_ALLOWED", lambda: client.restful("limits", method="PUT")),
        )
        for kind, code, call in cases:
            error = refused(kind, call)
            same([item["errorCode"] for item in error.content], [code])
        several = refused(
            SalesforceMoreThanOneRecord, lambda: client.Account.upsert("Legacy__c/twice", {"Name": "C"})
        )
        same((several.status, len(several.content)), (300, 2))
        holds(all("/sobjects/Account/001" in url for url in several.content), "the addresses of both records")
        fault = {
            "action": "answer",
            "api": "limits",
            "times": 1,
            "status": 403,
            "code": "REQUEST_LIMIT_EXCEEDED",
        }
        org.control("POST", "faults", fault | {"message": "TotalRequests Limit exceeded."})
        same(
            refused(SalesforceRefusedRequest, client.limits).content[0]["errorCode"], "REQUEST_LIMIT_EXCEEDED"
        )
        page = {"action": "answer", "api": "limits", "times": 1, "status": 503, "body": "<html></html>"}
        org.control("POST", "faults", page | {"content_type": "text/html"})
        same(refused(SalesforceGeneralError, client.limits).content, "<html></html>")


def queries(org: Org) -> None:
    with salesforce(org) as client:
        first = client.query("SELECT Id, LastName FROM Lead")
        same((first["totalSize"], first["done"], len(first["records"])), (4100, False, 2000))
        by_url = client.query_more(first["nextRecordsUrl"], identifier_is_url=True)
        by_name = client.query_more(first["nextRecordsUrl"].rpartition("/")[2])
        same([row["Id"] for row in by_url["records"]], [row["Id"] for row in by_name["records"]])
        same(client.query_all("SELECT Id FROM Lead")["totalSize"], 4100)
        same(len({row["Id"] for row in client.query_all_iter("SELECT Id FROM Lead")}), 4100)
        small = client.query("SELECT Id FROM Lead", headers={"Sforce-Query-Options": "batchSize=200"})
        same(len(small["records"]), 200)
        same(
            client.query("SELECT Id FROM Lead WHERE LastName = 'nobody at all'"),
            {"totalSize": 0, "done": True, "records": []},
        )
        same(client.query("SELECT COUNT() FROM Lead")["totalSize"], 4100)
        gone = client.Ledger__c.create({"Code__c": "q-gone"})["id"]
        client.Ledger__c.delete(gone)
        soql = "SELECT Id, IsDeleted FROM Ledger__c WHERE Code__c = 'q-gone'"
        same(client.query_all(soql)["totalSize"], 0)
        same([row["IsDeleted"] for row in client.query_all(soql, include_deleted=True)["records"]], [True])
        deleted = client.query("SELECT Id FROM Lead", include_deleted=True)
        more = client.query_more(deleted["nextRecordsUrl"].rpartition("/")[2], include_deleted=True)
        same(len(more["records"]), 2000)


def schemas(org: Org) -> None:
    with salesforce(org) as client:
        names = {entry["name"] for entry in client.describe()["sobjects"]}
        holds({"Account", "Contact", "Lead", "Ledger__c"} <= names, "the objects of the org")
        described = client.Ledger__c.describe()
        fields = {field["name"]: field for field in described["fields"]}
        same(
            (fields["Code__c"]["type"], fields["Code__c"]["externalId"], fields["Code__c"]["length"]),
            ("string", True, 40),
        )
        same(client.Ledger__c.metadata()["objectDescribe"]["name"], "Ledger__c")
        limits = client.limits()
        holds(
            limits["DailyApiRequests"]["Max"] >= limits["DailyApiRequests"]["Remaining"] > 0, "calls are left"
        )
        used = client.api_usage["api-usage"]
        holds(0 < used.used <= used.total, "the header of the usage was read")
        org.control("POST", "switches", {"limit_info_per_app": True})
        client.limits()
        org.control("POST", "switches", {"limit_info_per_app": False})
        holds(client.api_usage["per-app-api-usage"].name, "the long form of the header was read")
        selected = client.toolingexecute("query/?q=SELECT+SelectedEntity+FROM+PlatformEventChannelMember")
        holds(
            "AccountChangeEvent" in {row["SelectedEntity"] for row in selected["records"]},
            "accounts are selected",
        )


def collections_and_composite(org: Org) -> None:
    base = "/services/data/v67.0"
    with salesforce(org) as client:
        ledger = {"attributes": {"type": "Ledger__c"}}
        body = {"allOrNone": False, "records": [ledger | {"Code__c": "c-1"}, ledger | {"Kind__c": "Tin"}]}
        good, bad = client.restful("composite/sobjects", method="POST", json=body)
        same((good["success"], bad["success"]), (True, False))
        same(bad["errors"][0]["statusCode"], "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST")
        body = {"records": [ledger | {"id": good["id"], "Amount__c": 5}]}
        same(
            [one["id"] for one in client.restful("composite/sobjects", method="PATCH", json=body)],
            [good["id"]],
        )
        wanted = {"ids": [good["id"], "a00000000000001AAA"], "fields": ["Amount__c"]}
        read, missing = client.restful("composite/sobjects/Ledger__c", method="POST", json=wanted)
        same((read["Amount__c"], missing), (5, None))
        parts = [
            {
                "method": "POST",
                "url": f"{base}/sobjects/Account",
                "referenceId": "a",
                "body": {"Name": "Whole"},
            },
            {"method": "GET", "url": f"{base}/sobjects/Account/@{{a.id}}?fields=Name", "referenceId": "b"},
        ]
        answers = client.restful("composite", method="POST", json={"compositeRequest": parts})[
            "compositeResponse"
        ]
        same([answer["httpStatusCode"] for answer in answers], [201, 200])
        same(answers[1]["body"]["Name"], "Whole")
        gone = client.restful(
            "composite/sobjects", params={"ids": good["id"], "allOrNone": "false"}, method="DELETE"
        )
        same([one["success"] for one in gone], [True])


def replication(org: Org) -> None:
    with salesforce(org) as client:
        stays = client.Ledger__c.create({"Code__c": "rep-1"})["id"]
        gone = client.Ledger__c.create({"Code__c": "rep-2"})["id"]
        client.Ledger__c.delete(gone)
        now = dt.datetime.fromisoformat(org.control("POST", "clock", {"advance": 120})["now"])
        since = now - dt.timedelta(hours=1)
        updated = client.Ledger__c.updated(since, now)
        holds(stays in updated["ids"] and gone not in updated["ids"], "what lives and changed")
        deleted = client.Ledger__c.deleted(since, now)
        holds(gone in {entry["id"] for entry in deleted["deletedRecords"]}, "what was deleted")
        holds(dt.datetime.fromisoformat(updated["latestDateCovered"]) <= now, "covered up to now at most")
        reverse = refused(SalesforceMalformedRequest, lambda: client.Ledger__c.updated(now, since))
        same(reverse.content[0]["errorCode"], "INVALID_REPLICATION_DATE")


def headers_of_a_request(org: Org) -> None:
    with salesforce(org) as client:
        made = client.Account.create({"Name": "Headed"}, headers={"Sforce-Call-Options": "client=judge"})[
            "id"
        ]
        past = {"If-Unmodified-Since": "Sun, 22 Nov 2020 13:34:15 GMT"}
        late = refused(
            SalesforceGeneralError, lambda: client.Account.update(made, {"Site": "x"}, headers=past)
        )
        same((late.status, late.content[0]["errorCode"]), (412, "ENTITY_FAILED_IFLASTMODIFIED_ON_UPDATE"))
        same(client.Account.get(made)["Site"], None)


def ended_session(org: Org) -> None:
    with (
        salesforce(org) as given,
        salesforce(org, **_by_assertion(org)) as able,
        salesforce(org, **_by_password(org)) as also,
    ):
        org.control("POST", "tokens/expire")
        error = refused(SalesforceExpiredSession, lambda: given.query("SELECT Id FROM Organization"))
        same(error.content, [{"message": "Session expired or invalid", "errorCode": "INVALID_SESSION_ID"}])
        for client in (able, also):  # who logged in does so again
            same(client.query("SELECT Id FROM Organization")["totalSize"], 1)
            same(client.Account.create({"Name": "Later"})["success"], True)


if __name__ == "__main__":
    main(globals())
