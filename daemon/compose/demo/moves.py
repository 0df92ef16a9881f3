"""Single changes of the show: what one person would do on one side, and how the other side shows it."""

import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from daemon.compose.demo.cast import FIRST_NAMES, LAST_NAMES, STATUSES, TITLES
from daemon.compose.demo.stage import Stage
from daemon.compose.demo.statements import STATEMENTS
from daemon.domain.side import Side

_REGIONS = ("Americas", "Asia", "EMEA", "Iberia", "Nordics")
"""They make a title that nobody had at the beginning: a change that changes nothing would be seen before it was made."""


@dataclass(frozen=True, slots=True)
class Person:
    """A linked pair of a Contact and a row of crm.people."""

    record: str
    key: str
    name: str


@dataclass(frozen=True, slots=True)
class Company:
    """A linked pair of an Account and a row of crm.companies."""

    record: str
    key: str
    name: str
    status: str | None


@dataclass(frozen=True, slots=True)
class Move:
    """A change: where it is made, how it reads, how it is made, and whether the other side has it by now."""

    source: Side
    text: str
    make: Callable[[], Awaitable[object]]
    arrived: Callable[[], Awaitable[bool]]


async def people(stage: Stage) -> list[Person]:
    """Everybody who is on both sides."""
    rows = await stage.console.rows(STATEMENTS["linked_people"])
    return [Person(row["sf_id"], row["key"], f"{row['first_name']} {row['last_name']}") for row in rows]


async def companies(stage: Stage) -> list[Company]:
    """Every company that is on both sides."""
    rows = await stage.console.rows(STATEMENTS["linked_companies"])
    return [Company(row["sf_id"], row["key"], row["name"], row["status"]) for row in rows]


class Moves:
    """Draws one change after the other."""

    def __init__(self, stage: Stage, dice: random.Random, who: list[Person], where: list[Company]) -> None:
        self._stage = stage
        self._dice = dice
        self._people = who
        self._companies = where
        self._statuses = {company.key: company.status for company in where}
        self._newcomers = 0

    def draw(self) -> Move:
        """A change on a side that is drawn by lot."""
        deck = [
            self._title_in_salesforce, self._title_in_salesforce, self._employees_in_salesforce,
            self._person_in_salesforce, self._title_in_postgres, self._title_in_postgres,
            self._status_in_postgres, self._person_in_postgres,
        ]  # fmt: skip
        return self._dice.choice(deck)()

    def person(self) -> Person:
        """Somebody."""
        return self._dice.choice(self._people)

    def two_titles(self) -> tuple[str, str]:
        """Two different job titles."""
        one, other = self._dice.sample(TITLES, 2)
        return f"{one}, {self._dice.choice(_REGIONS)}", f"{other}, {self._dice.choice(_REGIONS)}"

    def _title_in_salesforce(self) -> Move:
        stage, person, title = self._stage, self.person(), self.two_titles()[0]

        async def arrived() -> bool:
            rows = await stage.console.rows(STATEMENTS["person"], person.key)
            return bool(rows) and rows[0]["title"] == title

        return Move(
            Side.SALESFORCE,
            f'Contact {person.name}  title: "{title}"',
            lambda: stage.org.update("Contact", person.record, {"Title": title}),
            arrived,
        )

    def _employees_in_salesforce(self) -> Move:
        stage, company, count = self._stage, self._dice.choice(self._companies), self._dice.randrange(8, 9000)

        async def arrived() -> bool:
            rows = await stage.console.rows(STATEMENTS["company"], company.key)
            return bool(rows) and rows[0]["employees"] == count

        return Move(
            Side.SALESFORCE,
            f"Account {company.name}  employees: {count}",
            lambda: stage.org.update("Account", company.record, {"NumberOfEmployees": count}),
            arrived,
        )

    def _person_in_salesforce(self) -> Move:
        stage, (first, last, email) = self._stage, self._newcomer()
        account = self._dice.choice(self._companies).record
        values = {"FirstName": first, "LastName": last, "Email": email, "AccountId": account}

        async def arrived() -> bool:
            return bool(await stage.console.rows(STATEMENTS["people_by_email"], email))

        return Move(
            Side.SALESFORCE,
            f"Contact {first} {last}  is new",
            lambda: stage.org.create("Contact", values),
            arrived,
        )

    def _title_in_postgres(self) -> Move:
        stage, person, title = self._stage, self.person(), self.two_titles()[0]

        async def arrived() -> bool:
            return bool((await stage.org.get("Contact", person.record))["Title"] == title)

        return Move(
            Side.POSTGRES,
            f'Contact {person.name}  title: "{title}"',
            lambda: stage.console.execute(STATEMENTS["set_title"], person.key, title),
            arrived,
        )

    def _status_in_postgres(self) -> Move:
        stage, company = self._stage, self._dice.choice(self._companies)
        status = self._dice.choice([each for each in STATUSES if each != self._statuses[company.key]])
        self._statuses[company.key] = status

        async def arrived() -> bool:
            return bool((await stage.org.get("Account", company.record))["Type"] == STATUSES[status])

        return Move(
            Side.POSTGRES,
            f'Account {company.name}  status: "{status}" (Type "{STATUSES[status]}")',
            lambda: stage.console.execute(STATEMENTS["set_status"], company.key, status),
            arrived,
        )

    def _person_in_postgres(self) -> Move:
        stage, (first, last, email) = self._stage, self._newcomer()
        company = self._dice.choice(self._companies).key
        found = f"SELECT Id FROM Contact WHERE Email = '{email}'"  # noqa: S608 - SOQL over a name made here

        async def arrived() -> bool:
            return bool(await stage.org.query(found))

        return Move(
            Side.POSTGRES,
            f"Contact {first} {last}  is new",
            lambda: stage.console.execute(STATEMENTS["add_person"], first, last, email, "Trainee", company),
            arrived,
        )

    def _newcomer(self) -> tuple[str, str, str]:
        self._newcomers += 1
        first, last = self._dice.choice(FIRST_NAMES), self._dice.choice(LAST_NAMES)
        return first, last, f"{first}.{last}.{self._newcomers}@newcomers.example".lower()
