"""What the steps of the scenario work with: records that no other step has touched, and looks at either side."""

from collections.abc import Mapping
from itertools import count
from typing import Any

from daemon.compose.demo.moves import Company, Person, companies, people
from daemon.compose.demo.stage import Stage
from daemon.compose.demo.statements import STATEMENTS
from daemon.compose.demo.waiting import until


class Refuted(Exception):  # noqa: N818 - it is an answer
    """Something is not as it must be; the message says what was found instead."""


class World:
    """The stage, and who on it has not been used yet."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.org = stage.org
        self._people: list[Person] | None = None
        self._companies: list[Company] | None = None
        self._numbers = count(1)

    async def someone(self) -> Person:
        """A person on both sides, another one at each call."""
        if self._people is None:
            self._people = await people(self.stage)
        return self._people.pop()

    async def some_company(self) -> Company:
        """A company on both sides, another one at each call."""
        if self._companies is None:
            self._companies = await companies(self.stage)
        return self._companies.pop()

    def address(self) -> str:
        """An e-mail address that nobody has."""
        return f"person-{next(self._numbers)}@check.example"

    async def rows(self, statement: str, *arguments: object) -> list[Mapping[str, Any]]:
        """The rows of one of the demo's statements."""
        return await self.stage.console.rows(STATEMENTS[statement], *arguments)

    async def change(self, statement: str, *arguments: object) -> None:
        """Run one of the demo's statements as the application would."""
        await self.stage.console.execute(STATEMENTS[statement], *arguments)

    async def contacts(self, address: str) -> list[Mapping[str, Any]]:
        """The Contacts with this e-mail address."""
        return await self.org.query(
            f"SELECT Id, FirstName, LastName, Title, Phone, AccountId FROM Contact WHERE Email = '{address}'"  # noqa: S608 - SOQL
        )

    async def row_has(self, person: Person, **wanted: object) -> None:
        """Wait until the row has these values. Raises NotSeenError."""

        async def look() -> bool:
            found = await self.rows("person", person.key)
            return bool(found) and all(found[0][name] == value for name, value in wanted.items())

        await until(self.stage.clock, f"{person.name} in PostgreSQL with {wanted}", look)

    async def record_has(self, person: Person, **wanted: object) -> None:
        """Wait until the Contact has these values. Raises NotSeenError."""

        async def look() -> bool:
            found = await self.org.get("Contact", person.record)
            return all(found[name] == value for name, value in wanted.items())

        await until(self.stage.clock, f"{person.name} in Salesforce with {wanted}", look)

    async def one_row(self, address: str) -> Mapping[str, Any]:
        """Wait for a row with this e-mail address. Raises NotSeenError, and Refuted when there are several."""
        return _only(
            await until(
                self.stage.clock, f"{address} in PostgreSQL", lambda: self.rows("people_by_email", address)
            )
        )

    async def one_contact(self, address: str) -> Mapping[str, Any]:
        """Wait for a Contact with this e-mail address. Raises NotSeenError, and Refuted when there are several."""
        return _only(
            await until(self.stage.clock, f"{address} in Salesforce", lambda: self.contacts(address))
        )

    async def link_of(self, step: str, key: str) -> str:
        """Wait for the link of a row; the id of its record. Raises NotSeenError."""
        found = await until(self.stage.clock, f"a link of {key}", lambda: self.rows("record_of", step, key))
        return str(found[0]["sf_id"])

    async def settled(self) -> None:
        """Wait until nothing is under way. Raises NotSeenError."""
        await until(self.stage.clock, "nothing under way", self.stage.settled)


def expect(name: str, found: object, wanted: object) -> None:
    """Raises Refuted unless both are equal."""
    if found != wanted:
        raise Refuted(f"{name} is {found!r}, and must be {wanted!r}")


def _only(found: list[Mapping[str, Any]]) -> Mapping[str, Any]:
    expect("the number of records", len(found), 1)
    return found[0]
