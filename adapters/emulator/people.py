"""Invented people and companies: the users every org has, and rows in any number for `generate`."""

from __future__ import annotations

from collections.abc import Callable

from adapters.emulator.org import Org
from adapters.emulator.store.consequences import QUEUE_ALIAS
from adapters.emulator.store.values import Row

INTEGRATION_USERNAME = "integration@isthmus.example"
INTEGRATION_PROFILE = "Minimum Access - API Only Integrations"
ADMIN_PROFILE = "System Administrator"
ADMIN_USERNAME = "avery.admin@isthmus.example"

_FIRST = ("Ada", "Bruno", "Chidi", "Dalia", "Emil", "Farah", "Greta", "Hiro", "Ines", "Jonas", "Kaya", "Luis", "Mira",
          "Nils", "Oluwa", "Priya", "Quinn", "Rosa", "Sven", "Tuva")  # fmt: skip
_LAST = ("Okafor", "Lindqvist", "Moreau", "Tanaka", "Haddad", "Novak", "Silva", "Weber", "Castellanos", "Byrne", "Sato",
         "Kowalski", "Iyer", "Fontaine", "Vega", "Larsen", "Mbeki", "Petrov", "Quiroga")  # fmt: skip
_FIRMS = ("Harbour", "Northwind", "Cobalt", "Juniper", "Meridian", "Lantern", "Quarry", "Saffron", "Tidewater", "Umbra",
          "Vantage")  # fmt: skip
_TRADES = ("Logistics", "Foods", "Optics", "Textiles", "Robotics", "Insurance", "Media")
_CITIES = (
    ("Lisbon", "Portugal"),
    ("Ghent", "Belgium"),
    ("Leeds", "United Kingdom"),
    ("Austin", "United States"),
)


def settle_users(org: Org) -> None:
    """The organization's own row, an administrator, the integration user, and the user behind the lead queue."""
    with org.transaction() as transaction:
        row: Row = {
            "Name": "Isthmus Emulator",
            "OrganizationType": "Developer Edition",
            "InstanceName": "EMU1",
        }
        org.org_id = transaction.insert(org.records.sobject("Organization"), row)
    org.admin_user = org.load("User", [_user("Avery", "Admin", ADMIN_USERNAME, "aadmin")])[0]
    users = org.records.table(org.records.sobject("User"))
    own: Row = {"CreatedById": org.admin_user, "LastModifiedById": org.admin_user}
    users.put(users.live[org.admin_user] | own)
    organization = org.records.table(org.records.sobject("Organization"))
    organization.put(organization.live[org.org_id] | own)
    org.integration_user = org.load("User", [_user("Integration", "User", INTEGRATION_USERNAME, "integ")])[0]
    org.load("User", [_user("Lead", "Queue", "lead.queue@isthmus.example", QUEUE_ALIAS)])
    for user_id, name in ((org.admin_user, ADMIN_PROFILE), (org.integration_user, INTEGRATION_PROFILE)):
        with org.transaction() as transaction:
            profile: Row = {"Name": name}
            profile_id = transaction.insert(org.records.sobject("Profile"), profile)
        give: Row = {"ProfileId": profile_id}
        users.put(users.live[user_id] | give)


def generated(org: Org, sobject: str, count: int) -> list[dict[str, object]]:
    """Rows of an object, the same for the same numbers. Contacts are spread over the accounts that exist."""
    if sobject == "Contact":
        accounts = [str(row["Id"]) for row in org.records.table(org.records.sobject("Account")).live.values()]
        return [_contact(number, accounts) for number in range(count)]
    make: dict[str, Callable[[int], dict[str, object]]] = {"Account": _account, "Lead": _lead}
    return [
        make[sobject](number) if sobject in make else {"Name": f"{sobject} {number}"}
        for number in range(count)
    ]


def _user(first: str, last: str, username: str, alias: str) -> dict[str, object]:
    return {"FirstName": first, "LastName": last, "Username": username, "Email": username, "Alias": alias}


def _firm(number: int) -> str:
    return f"{_FIRMS[number % len(_FIRMS)]} {_TRADES[number % len(_TRADES)]} {number}"


def _person(number: int) -> dict[str, object]:
    first, last = _FIRST[number % len(_FIRST)], _LAST[number % len(_LAST)]
    email = f"{first}.{last}.{number}@example.com".lower()
    return {"FirstName": first, "LastName": last, "Email": email, "Phone": f"+49 30 {number:07d}"}


def _account(number: int) -> dict[str, object]:
    city, country = _CITIES[number % len(_CITIES)]
    return {
        "Name": _firm(number),
        "Website": f"https://firm{number}.example.com",
        "Phone": f"+44 20 {number:07d}",
        "BillingStreet": f"{number % 200 + 1} Quay Street",
        "BillingCity": city,
        "BillingCountry": country,
        "Industry": "Shipping",
        "NumberOfEmployees": number % 5000,
        "AnnualRevenue": number * 1000,
    }


def _contact(number: int, accounts: list[str]) -> dict[str, object]:
    city, country = _CITIES[number % len(_CITIES)]
    row = _person(number) | {
        "Title": "Buyer" if number % 3 else "Head of Operations",
        "MailingStreet": f"{number % 300 + 1} Mill Lane",
        "MailingCity": city,
        "MailingCountry": country,
        "LeadSource": "Web",
    }
    return row | {"AccountId": accounts[number % len(accounts)]} if accounts else row


def _lead(number: int) -> dict[str, object]:
    return _person(number) | {"Company": _firm(number), "LeadSource": "Web"}
