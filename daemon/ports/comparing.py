"""Looking at a step's pairs as PostgreSQL has them, to compare them with Salesforce; and what a comparison leaves behind.

Nothing here locks a row, of ours or of the application's.
"""

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from daemon.domain.change import ChangeState
from daemon.domain.link import Link
from daemon.domain.mapping import Step
from daemon.domain.permit import Permit
from daemon.domain.value import Value
from daemon.ports.store import Row

PAGE_MOST = 2000
"""Pairs that are looked at together: as many records as one call to Salesforce reads."""


@dataclass(frozen=True, slots=True)
class Standing:
    """A pair as PostgreSQL has it: its link, its row if it is there, and what is known to be open about it.

    `waiting` are the states of the changes that are stored of it; `disputed` the values that stand in open entries of the ledger,
    Salesforce's and PostgreSQL's, by field.
    """

    link: Link
    row: Row | None
    waiting: frozenset[ChangeState] = frozenset()
    disputed: Mapping[str, tuple[Value, Value]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Lone:
    """A record or a row without a link. `why` explains it (`daemon.reconcile.compare.Why`); None: nobody knows of it. `code` is of what waits."""

    id: str
    why: str | None
    code: str | None


@dataclass(frozen=True, slots=True)
class LoneRows:
    """Rows without a link: how many there are by `why`, and some of them one by one."""

    counts: Mapping[str | None, int] = field(default_factory=dict)
    listed: Sequence[Lone] = ()


@dataclass(frozen=True, slots=True)
class Population:
    """A step in numbers, as PostgreSQL has it.

    `links` counts its links by state. `unsynced` counts the rows that are not linked by what is known of each: `outside_filter`, the state of
    an ended link, `parked`, `waiting`, the code under which the row was last left alone, or None. `stored` counts the records without any link of
    which something is stored, by its state.
    """

    rows: int
    links: Mapping[str, int] = field(default_factory=dict)
    unsynced: Mapping[str | None, int] = field(default_factory=dict)
    stored: Mapping[str, int] = field(default_factory=dict)


class LinkLookup(Protocol):
    """Links by either half."""

    async def links_of_records(self, ids: Sequence[str]) -> dict[str, Link]:
        """Links by Salesforce id, in any state."""
        ...

    async def links_of_rows(self, table: str, keys: Sequence[str]) -> dict[str, Link]:
        """Links by row key of one table (`schema.name`), in any state."""
        ...

    async def renamed(self, steps: Sequence[str], keys: Sequence[str]) -> frozenset[str]:
        """Those of these keys that a stored change of a key takes from a row or gives to one: a link there may be another row's."""
        ...


class Look(LinkLookup, Protocol):
    """One instant of the database: every call of it sees the same."""

    async def pairs(self, step: Step, after: int, limit: int, *, share: float = 1.0) -> list[Standing]:
        """Pairs that are linked or broken, in the order of their links' ids, from the one after `after` on. At most PAGE_MOST.

        With a `share` below 1 only so large a part of them, chosen by their ids, so that the same ones are chosen again.
        """
        ...

    async def pairs_of(self, step: Step, links: Sequence[int]) -> list[Standing]:
        """The same pairs by their links' ids; those that are gone are left out."""
        ...

    async def strangers(self, step: Step, ids: Sequence[str]) -> frozenset[str]:
        """Those of these records of which nothing is known: no link in any state, nothing stored, and never skipped with a reason."""
        ...

    async def count_rows(self, step: Step) -> int:
        """How many rows a step's table has."""
        ...

    async def lone_rows(self, step: Step, limit: int) -> list[str]:
        """Keys of rows of which nothing is known, in the same sense."""
        ...

    async def lone_records(self, step: Step, ids: Sequence[str]) -> list[Lone]:
        """Those of these records that have no link, each with what explains it."""
        ...

    async def weighed_rows(self, step: Step, limit: int) -> LoneRows:
        """Rows without a link: all counted by what explains it, and at most `limit` of each reason listed."""
        ...

    async def population(self, step: Step) -> Population:
        """A step's rows and links in numbers, and what is known of those that are not linked. Set-wise: no row is fetched."""
        ...

    async def repaired(self, step: Step, since: datetime, after: int, limit: int) -> list[Standing]:
        """Pairs whose difference was given to the road at `since` or later, in the order of their links' ids, from the one after `after` on."""
        ...


@dataclass(frozen=True, slots=True)
class AuditState:
    """How far the rolling audit of a step has come. `found` counts differences by kind; `last_…` is of the last complete cycle."""

    step: str
    cursor: int
    begun_at: datetime
    compared: int = 0
    found: Mapping[str, int] = field(default_factory=dict)
    ended_at: datetime | None = None
    last_compared: int = 0
    last_found: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Difference:
    """One record of a comparison's outcome. `kind` and `why` are those of `daemon.reconcile.compare`."""

    kind: str
    why: str | None
    sf_id: str | None
    key: str | None
    fields: tuple[str, ...] = ()
    id: int = 0


@dataclass(frozen=True, slots=True)
class Guard:
    """The delete guard of a step: how many deletes it holds back and since when, and whether a whole table waits to be emptied across."""

    step: str
    held: int
    since: datetime | None
    truncated: bool
    permit: Permit | None = None


class Comparisons(Protocol):
    """What comparisons read and store. Raises CallFailedError; writes of the leader check its lease (LeaseLostError)."""

    def look(self) -> AbstractAsyncContextManager[Look]:
        """A look at the database, for as long as the block lasts."""
        ...

    async def audits(self) -> dict[str, AuditState]:
        """How far the audit of each step has come."""
        ...

    async def keep_audit(self, state: AuditState) -> None:
        """Store how far the audit of a step has come."""
        ...

    async def begin_differences(self, job: int, step: str) -> None:
        """Forget what earlier jobs found of this step, and what this one has stored beyond what it knows of."""
        ...

    async def add_differences(self, job: int, step: str, found: Sequence[Difference]) -> None:
        """Store differences that a job has found."""
        ...

    async def differences(self, job: int, after: int, limit: int) -> list[Difference]:
        """Stored differences of a job in the order in which they were found, from the one after `after` on."""
        ...

    async def difference_counts(self, job: int) -> Mapping[tuple[str, str | None], int]:
        """How many differences of a job are stored, by kind and what explains them."""
        ...

    async def guards(self) -> dict[str, Guard]:
        """The guards that hold something back or have a permit in force or used up, by step."""
        ...

    async def permit(self, permit: Permit) -> int:
        """Store a permit in place of the step's former one, and take up again what its guard holds back; how many changes that were.

        They are taken up as what they are, so that the guard counts them: not as an operator's own deletes, which it lets pass.
        """
        ...
