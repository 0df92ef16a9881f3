"""Who plays in the demo: invented companies and people, the same in every run.

Salesforce knows all of them. The application's tables know a third already, some with a value of their own, which is how
two systems look on the day before they are first kept in step. Two rows cannot be written to Salesforce as they are.
"""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

COMPANIES = 60
PEOPLE = 320
_KNOWN = 3
"""Every third of them is in PostgreSQL already."""

FIRST_NAMES = (
    "Ada", "Amara", "Anneke", "Arjun", "Beatriz", "Bo", "Cai", "Camille", "Cyrus", "Dagny", "Dario", "Deniz", "Edda",
    "Elio", "Esi", "Fadil", "Fenna", "Gideon", "Hana", "Henrike", "Ibrahim", "Ilse", "Ivo", "Jada", "Joaquim", "Kalle",
    "Keiko", "Lamia", "Leandro", "Lotte", "Maren", "Mateus", "Nadia", "Noor", "Odalys", "Otto", "Paloma", "Radek",
    "Rania", "Sefa", "Selma", "Tariq", "Thora", "Umar", "Vesna", "Wanda", "Xenia", "Yael", "Zoltan",
)  # fmt: skip
LAST_NAMES = (
    "Abiodun", "Achterberg", "Aldana", "Bakke", "Belmonte", "Brandao", "Cordeiro", "Dahl", "Dubois", "Eklund", "Farsi",
    "Feld", "Gallo", "Gruber", "Hadley", "Hashimoto", "Ibarra", "Jansen", "Kaplan", "Kessler", "Laurent", "Lindgren",
    "Mahfouz", "Marchetti", "Nakagawa", "Nkemelu", "Okafor", "Olsson", "Pacheco", "Pereira", "Quist", "Rahimi", "Rosner",
    "Sandoval", "Sarkis", "Tanneberg", "Thorne", "Ueda", "Valente", "Visser", "Whitlock", "Yilmaz", "Zanetti",
)  # fmt: skip
_FIRMS = (
    "Alder", "Anchor", "Basalt", "Beacon", "Birchwood", "Cinder", "Clover", "Compass", "Copper", "Dovetail", "Drift",
    "Ember", "Fathom", "Foundry", "Granite", "Halyard", "Heron", "Ironwood", "Kestrel", "Larkspur",
)  # fmt: skip
_TRADES = ("Analytics", "Brewing", "Cartography", "Freight", "Instruments", "Mills", "Software")
TITLES = (
    "Account Executive", "Buyer", "CFO", "CTO", "Head of Operations", "Head of Sales", "Legal Counsel", "Office Manager",
    "Plant Manager", "Procurement Lead", "Product Owner", "Regional Director", "Research Lead", "VP Marketing",
)  # fmt: skip
STATUSES: Mapping[str, str] = {
    "lead": "Prospect",
    "customer": "Customer - Direct",
    "partner": "Technology Partner",
    "other": "Other",
}
"""The application's word: Salesforce's. The same pairs stand in the configuration."""

UNKNOWN_STATUS = "archived"
BAD_EMAIL = "zoltan(at)ember.example"

SEED_FIELDS: Mapping[str, object] = {
    "Account": {"Company_Key__c": {"type": "text", "length": 40, "external_id": True, "unique": True}},
    "Contact": {"Person_Key__c": {"type": "text", "length": 40, "external_id": True, "unique": True}},
}

Row = dict[str, object]


@dataclass(frozen=True, slots=True)
class Cast:
    """What stands on each side before the daemon is started: records of the org, rows of the tables."""

    accounts: Sequence[Row]
    contacts: Sequence[Row]
    companies: Sequence[Row]
    people: Sequence[Row]

    def seed(self) -> dict[str, object]:
        """The org, as the emulator's seed file has it."""
        return {"fields": SEED_FIELDS, "records": {"Account": self.accounts, "Contact": self.contacts}}


def assemble(now: datetime) -> Cast:
    """The cast, with its last changes in the months before `now`."""
    dice = random.Random(20)  # noqa: S311 - invented people
    accounts = [_account(number, dice, now) for number in range(COMPANIES)]
    contacts = [_contact(number, accounts, dice, now) for number in range(PEOPLE)]
    companies = [_company(account, dice, now) for account in accounts[::_KNOWN]]
    known = {company["name"] for company in companies}
    names = {account["_ref"]: account["Name"] for account in accounts}
    people = [_person(contact, str(names[_ref(contact)]), dice, now) for contact in contacts[::_KNOWN]]
    people = [person if person["company"] in known else person | {"company": None} for person in people]
    return Cast(
        accounts, contacts, [*companies, _unwritable_company(now)], [*people, _unwritable_person(now)]
    )


def _ref(contact: Row) -> str:
    return str(contact["AccountId"]).removeprefix("@")


def _account(number: int, dice: random.Random, now: datetime) -> Row:
    name = f"{_FIRMS[number % len(_FIRMS)]} {_TRADES[number // len(_FIRMS) + number % 5]}"
    staff = dice.randrange(8, 4000)
    return {
        "_ref": f"account-{number}",
        "Name": name,
        "Website": f"https://www.{name.lower().replace(' ', '-')}.example",
        "Type": dice.choice(list(STATUSES.values())),
        "NumberOfEmployees": staff,
        "AnnualRevenue": staff * dice.randrange(40, 220) * 1000,
        "SystemModstamp": _before(now, dice),
    }


def _contact(number: int, accounts: Sequence[Row], dice: random.Random, now: datetime) -> Row:
    # Two lengths without a common divisor: no name comes twice before both lists are through.
    first, last = FIRST_NAMES[number % len(FIRST_NAMES)], LAST_NAMES[number % len(LAST_NAMES)]
    account = accounts[dice.randrange(len(accounts))]
    domain = str(account["Website"]).removeprefix("https://www.")
    return {
        "FirstName": first,
        "LastName": last,
        "Email": f"{first}.{last}@{domain}".lower(),
        "Title": dice.choice(TITLES),
        "Phone": f"+44 20 7946 {number:04d}",
        "AccountId": f"@{account['_ref']}",
        "SystemModstamp": _before(now, dice),
    }


def _company(account: Row, dice: random.Random, now: datetime) -> Row:
    words = {salesforce: own for own, salesforce in STATUSES.items()}
    return {
        "name": account["Name"],
        "website": account["Website"],
        "status": words[str(account["Type"])],
        "employees": dice.choice([account["NumberOfEmployees"], None, dice.randrange(8, 4000)]),
        "revenue": account["AnnualRevenue"],
        "updated_at": _before(now, dice),
    }


def _person(contact: Row, company: str, dice: random.Random, now: datetime) -> Row:
    return {
        "first_name": contact["FirstName"],
        "last_name": contact["LastName"],
        "email": dice.choice([str(contact["Email"]), str(contact["Email"]).title()]),
        "title": dice.choice([contact["Title"], contact["Title"], dice.choice(TITLES)]),
        "phone": dice.choice([contact["Phone"], None]),
        "company": company,
        "updated_at": _before(now, dice),
    }


def _unwritable_company(now: datetime) -> Row:
    row: Row = {"name": "Dormant Holdings", "website": "https://www.dormant-holdings.example", "employees": 3}
    return row | {"status": UNKNOWN_STATUS, "revenue": 0, "updated_at": now.isoformat()}


def _unwritable_person(now: datetime) -> Row:
    row: Row = {"first_name": "Zoltan", "last_name": "Quist", "email": BAD_EMAIL, "title": "Buyer"}
    return row | {"phone": None, "company": None, "updated_at": now.isoformat()}


def _before(now: datetime, dice: random.Random) -> str:
    moment = now - timedelta(minutes=dice.randrange(60, 200 * 24 * 60))
    return moment.strftime("%Y-%m-%dT%H:%M:%S.000Z")
