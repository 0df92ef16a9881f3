"""Seeded changes on both sides of a world at once, with a record of what was written where and in which order.

Two writers, one a side, take turns by rounds: within a round they write at the same time, and half of what they touch is the
same pairs. Every written value is a token that occurs once. A pair is named by its marker, a mapped field that is never changed.
"""

import asyncio
import random
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from typing import Any

from simple_salesforce.exceptions import SalesforceError

from tests.support.world import World

SALESFORCE, POSTGRES = "salesforce", "postgres"
Token = str | int | None


@dataclass(frozen=True, slots=True)
class Kind:
    """One step as a writer sees it. `fields` pairs Salesforce's names with columns; `numbers` are those that hold integers."""

    step: str
    sobject: str
    table: str
    marker: tuple[str, str]
    name: tuple[str, str]
    fields: tuple[tuple[str, str], ...]
    numbers: frozenset[str] = frozenset()
    parent: tuple[str, str] | None = None

    @property
    def written(self) -> tuple[tuple[str, str], ...]:
        """Every field that is written with tokens."""
        return (self.name, *self.fields)


COMPANIES = Kind(
    "companies",
    "Account",
    "crm.companies",
    ("AccountNumber", "marker"),
    ("Name", "name"),
    (("Site", "site"), ("Phone", "phone"), ("NumberOfEmployees", "employees")),
    frozenset({"NumberOfEmployees"}),
)
PEOPLE = Kind(
    "people",
    "Contact",
    "crm.people",
    ("Department", "marker"),
    ("LastName", "last_name"),
    (("FirstName", "first_name"), ("Title", "title"), ("Email", "email")),
    parent=("AccountId", "company_id"),
)
VENTURES = Kind(
    "ventures",
    "Campaign",
    '"Ops"."Ventures"',
    ("Marker__c", "marker"),
    ("Name", '"Name"'),
    (("Description", "notes"),),
)
KINDS = (COMPANIES, PEOPLE, VENTURES)


@dataclass(slots=True)
class Traffic:
    """What was written. `tokens` has, for each side, pair and field, the accepted tokens in order; `made` and `deleted` name
    markers by the side that made or deleted them."""

    world: World
    rng: random.Random
    tokens: dict[tuple[str, str, str], list[Token]] = field(default_factory=lambda: defaultdict(list))
    kinds: dict[str, Kind] = field(default_factory=dict)
    ids: dict[str, str] = field(default_factory=dict)
    deleted: set[str] = field(default_factory=set)
    undeleted: set[str] = field(default_factory=set)
    changes: dict[str, int] = field(default_factory=lambda: {SALESFORCE: 0, POSTGRES: 0})
    _numbers: Iterator[int] = field(default_factory=lambda: count(1))

    async def populate(self, companies: int = 25, people: int = 50, ventures: int = 15) -> None:
        """Rows and records, so many of each, that are there before the daemon first runs."""
        for kind, number in ((COMPANIES, companies), (PEOPLE, people), (VENTURES, ventures)):
            for _ in range(number):
                await self._insert(kind)
            await self.world.org.talk(partial(self._create_many, kind, number))

    async def meet(self) -> None:
        """Learn the Salesforce ids of all records that there are now, so that both writers can touch the same pairs."""
        for kind in KINDS:
            for record in await self.world.org.query(f"SELECT Id, {kind.marker[0]} FROM {kind.sobject}"):
                self.ids[record[kind.marker[0]]] = record["Id"]

    async def both(self, here: int, there: int) -> None:
        """Changes of both sides at the same time."""
        await asyncio.gather(self.here(here), self.there(there))

    async def here(self, changes: int) -> None:
        """Changes of the PostgreSQL side."""
        for _ in range(changes):
            chance = self.rng.random()
            if chance < 0.08:
                await self._insert(self.rng.choice(KINDS))
            elif chance < 0.10:
                await self._delete_row()
            elif chance < 0.13:
                await self._relink_row()
            else:
                await self._update_row(self._some(POSTGRES))

    async def there(self, changes: int) -> None:
        """Changes of the Salesforce side, through simple-salesforce."""

        def work(client: Any) -> None:
            for _ in range(changes):
                self._change_record(client)

        await self.world.org.talk(work)

    def _change_record(self, client: Any) -> None:
        chance = self._there.random()
        try:
            if chance < 0.08:
                self._create(client, self._there.choice(KINDS))
            elif chance < 0.10:
                self._delete_record(client)
            elif chance < 0.13:
                self._relink_record(client)
            else:
                self._update_record(client, self._some(SALESFORCE))
        except SalesforceError as error:
            if error.status not in (400, 404):  # the other side has deleted it
                raise

    # -- PostgreSQL

    async def _insert(self, kind: Kind) -> None:
        marker = self._mark(kind)
        values = {column: self._token(kind, name) for name, column in kind.written}
        columns = [kind.marker[1], *values]
        holes = ", ".join(f"${index}" for index in range(1, len(columns) + 1))
        statement = f"INSERT INTO {kind.table} ({', '.join(columns)}) VALUES ({holes})"
        await self.world.execute(statement, marker, *values.values())
        self._wrote(POSTGRES, marker, {name: values[column] for name, column in kind.written})

    async def _update_row(self, marker: str) -> None:
        kind = self.kinds[marker]
        chosen = self._chosen(self.rng, kind)
        values = {
            name: self._token(kind, name, self.rng, nullable=name != kind.name[0]) for name, _ in chosen
        }
        sets = ", ".join(f"{column} = ${index}" for index, (_, column) in enumerate(chosen, 2))
        statement = f"UPDATE {kind.table} SET {sets} WHERE {kind.marker[1]} = $1"
        if await self.world.execute(statement, marker, *values.values()):
            self._wrote(POSTGRES, marker, values)

    async def _delete_row(self) -> None:
        marker = self._some(POSTGRES, (PEOPLE, VENTURES))
        kind = self.kinds[marker]
        if await self.world.execute(f"DELETE FROM {kind.table} WHERE {kind.marker[1]} = $1", marker):
            self.deleted.add(marker)
            self.changes[POSTGRES] += 1

    async def _relink_row(self) -> None:
        marker, company = self._some(POSTGRES, (PEOPLE,)), self._some(POSTGRES, (COMPANIES,))
        statement = """
            UPDATE crm.people SET company_id = (SELECT id FROM crm.companies WHERE marker = $2) WHERE marker = $1
        """
        self.changes[POSTGRES] += await self.world.execute(statement, marker, company)

    # -- Salesforce

    def _create_many(self, kind: Kind, number: int, client: Any) -> None:
        for _ in range(number):
            self._create(client, kind)

    def _create(self, client: Any, kind: Kind) -> None:
        marker = self._mark(kind)
        values = {name: self._token(kind, name) for name, _ in kind.written}
        made = getattr(client, kind.sobject).create({kind.marker[0]: marker, **values})
        self.ids[marker] = made["id"]
        self._wrote(SALESFORCE, marker, values)

    def _update_record(self, client: Any, marker: str) -> None:
        kind = self.kinds[marker]
        chosen = self._chosen(self._there, kind)
        values = {
            name: self._token(kind, name, self._there, nullable=name != kind.name[0]) for name, _ in chosen
        }
        getattr(client, kind.sobject).update(self.ids[marker], values)
        self._wrote(SALESFORCE, marker, values)

    def _delete_record(self, client: Any) -> None:
        marker = self._some(SALESFORCE, (PEOPLE, VENTURES))
        getattr(client, self.kinds[marker].sobject).delete(self.ids[marker])
        self.deleted.add(marker)
        self.changes[SALESFORCE] += 1

    def _relink_record(self, client: Any) -> None:
        marker, company = self._some(SALESFORCE, (PEOPLE,)), self._some(SALESFORCE, (COMPANIES,))
        client.Contact.update(self.ids[marker], {"AccountId": self.ids[company]})
        self.changes[SALESFORCE] += 1

    async def delete_records(self, number: int) -> None:
        """Delete as many records as this, as `there` does now and then: each draw that is deleted already is drawn again."""

        def work(client: Any) -> None:
            left = number
            while left:
                try:
                    self._delete_record(client)
                except SalesforceError as error:
                    if error.status != 404:
                        raise
                else:
                    left -= 1

        await self.world.org.talk(work)

    async def undelete(self, most: int) -> None:
        """Take some of the deleted records out of the Recycle Bin again; a new record of the same pair may stand there."""
        for marker in sorted(self.deleted)[:most]:
            if marker in self.ids:
                try:
                    await self.world.org.control("POST", "undelete", {"id": self.ids[marker]})
                except AssertionError:
                    continue  # it is not in the bin
                self.undeleted.add(marker)
                self.changes[SALESFORCE] += 1

    # -- what both need

    _there: random.Random = field(default_factory=random.Random)

    def __post_init__(self) -> None:
        self._there = random.Random(self.rng.random())

    def _mark(self, kind: Kind) -> str:
        marker = f"m{next(self._numbers)}"
        self.kinds[marker] = kind
        return marker

    def _some(self, side: str, kinds: tuple[Kind, ...] = KINDS) -> str:
        """A marker; often one of a few, so that both sides meet on the same pairs."""
        rng = self._there if side == SALESFORCE else self.rng
        known = [
            marker
            for marker, kind in list(self.kinds.items())
            if kind in kinds and (side == POSTGRES or marker in self.ids)
        ]
        return rng.choice(known[:40]) if rng.random() < 0.5 else rng.choice(known)

    @staticmethod
    def _chosen(rng: random.Random, kind: Kind) -> list[tuple[str, str]]:
        return rng.sample(kind.written, k=rng.randint(1, min(2, len(kind.written))))

    def _token(
        self, kind: Kind, name: str, rng: random.Random | None = None, *, nullable: bool = False
    ) -> Token:
        if nullable and rng is not None and rng.random() < 0.1:
            return None
        number = next(self._numbers)
        if name in kind.numbers:
            return number
        return f"t{number}@example.com" if name == "Email" else f"t{number}"

    def _wrote(self, side: str, marker: str, values: dict[str, Token]) -> None:
        for name, token in values.items():
            self.tokens[side, marker, name].append(token)
        self.changes[side] += 1
