"""A PostgreSQL that lives in this process, as far as the daemon's ports let anybody see it.

What is committed is here; a `Transaction` lies over it and is put into it at once, or thrown away. Isolation is READ
COMMITTED: each statement sees what is committed when it runs, and what its own transaction did. Rows and links are locked as
the port says. Nothing is stored outside this object, so that a daemon that dies leaves exactly what it had committed.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Hashable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Generic, TypeVar

from adapters.memory.capture import captured
from adapters.memory.failures import taken
from adapters.memory.locks import Locks
from adapters.memory.tables import CellRefusedError, Cells, MemoryTable
from daemon.domain.action import Run
from daemon.domain.change import Change, ChangeKind
from daemon.domain.gap import Gap
from daemon.domain.ids import row_key
from daemon.domain.link import Link
from daemon.domain.mapping import Step
from daemon.domain.permit import Permit
from daemon.ports.clock import Clock
from daemon.ports.store import JournalEntry, LedgerLine, Position

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


@dataclass(frozen=True, slots=True)
class Written:
    """One row as a commit changed it: None before a row is made, and after it is deleted.

    `at` is the statement's time by the server's clock; `own` says that the daemon did it.
    """

    at: datetime
    table: str
    key: str
    before: Cells | None
    after: Cells | None
    own: bool


@dataclass(frozen=True, slots=True)
class Load:
    """The state and progress of a step's first load."""

    state: str
    processed: int = 0
    expected: int = 0
    failure: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class StoredEntry:
    """A ledger entry as the database has it; `resolved_by` is the operator who dealt with it."""

    line: LedgerLine
    resolved_by: str | None = None


@dataclass(frozen=True, slots=True)
class StoredGap:
    """A gap as the database has it: read up to a change when `last_change` is known, filled when it is closed."""

    gap: Gap
    opened_at: datetime
    last_change: int | None = None
    closed: bool = False


@dataclass(slots=True)
class LeaseRow:
    """The lease as the database has it. `alive` is the sign that its holder's connection gives.

    `open` are the daemon's transactions that hold the row, `idle` is set when the last of them ends.
    """

    holder: str | None = None
    epoch: int = 0
    acquired_at: datetime | None = None
    expires_at: datetime | None = None
    alive: Callable[[], bool] = lambda: False
    open: "dict[Transaction, None]" = field(default_factory=dict)
    idle: asyncio.Event = field(default_factory=asyncio.Event)


class Overlay(Generic[K, V]):
    """One table as a transaction sees it: what is committed, and over it what the transaction did."""

    def __init__(self, committed: dict[K, V]) -> None:
        self._committed = committed
        self._own: dict[K, V | None] = {}

    def get(self, key: K) -> V | None:
        """One entry, or None."""
        return self._own[key] if key in self._own else self._committed.get(key)

    def put(self, key: K, value: V | None) -> None:
        """Store an entry; None removes it."""
        self._own[key] = value

    def items(self) -> list[tuple[K, V]]:
        """Every entry."""
        merged = {**self._committed, **self._own} if self._own else self._committed
        return [(key, value) for key, value in merged.items() if value is not None]

    def values(self) -> list[V]:
        """What every entry holds."""
        return [value for _, value in self.items()]

    def commit(self) -> None:
        """Put what was done into what is committed."""
        for key, value in self._own.items():
            if value is None:
                self._committed.pop(key, None)
            else:
                self._committed[key] = value


class MemoryDatabase:
    """One database. `skew` is how far its server's clock is ahead of `clock`."""

    def __init__(self, clock: Clock, *, skew: timedelta = timedelta(), new_id: Callable[[], str]) -> None:
        self._clock = clock
        self.skew = skew
        self.new_id = new_id
        self.tables: dict[str, MemoryTable] = {}
        self.steps: dict[str, Step] = {}
        self.links: dict[int, Link] = {}
        self.changes: dict[int, Change] = {}
        self.stored_by: dict[int, int] = {}
        self.journal: list[JournalEntry] = []
        self.acted: list[Run] = []
        self.ledger: dict[int, StoredEntry] = {}
        self.positions: dict[str, Position] = {}
        self.loads: dict[str, Load] = {}
        self.gaps: dict[int, StoredGap] = {}
        self.capture_faults: set[str] = set()
        self.permits: dict[str, Permit] = {}
        self.leases: dict[str, LeaseRow] = {}
        self.locks = Locks()
        self.rung: list[Callable[[], None]] = []
        self.watchers: list[Callable[[Written], None]] = []
        self._numbers = 0
        self._transactions = 0

    def now(self) -> datetime:
        """The server's `clock_timestamp()`."""
        return self._clock.now() + self.skew

    def next_number(self) -> int:
        """The next number of any identity column; one is never given twice, not even after a roll-back."""
        self._numbers += 1
        return self._numbers

    def next_transaction(self) -> int:
        """The next number of a transaction."""
        self._transactions += 1
        return self._transactions

    def create_table(self, table: MemoryTable) -> None:
        """Make a table of the user's."""
        self.tables[table.table.qualified] = table

    def install_capture(self, steps: Sequence[Step]) -> None:
        """Capture the changes of these steps' tables from now on."""
        self.steps |= {step.name: step for step in steps}

    def ring(self) -> None:
        """Ring every doorbell."""
        for bell in self.rung:
            bell()

    @asynccontextmanager
    async def application(self) -> AsyncIterator["Application"]:
        """A transaction of the user's application."""
        transaction = Transaction(self)
        try:
            yield Application(transaction)
        except BaseException:
            transaction.roll_back()
            raise
        transaction.commit()


class Transaction:
    """One open transaction: nothing of it is seen by others before `commit`."""

    def __init__(self, database: MemoryDatabase) -> None:
        self.database = database
        self.number = database.next_transaction()
        self.links: Overlay[int, Link] = Overlay(database.links)
        self.changes: Overlay[int, Change] = Overlay(database.changes)
        self.positions: Overlay[str, Position] = Overlay(database.positions)
        self.loads: Overlay[str, Load] = Overlay(database.loads)
        self.gaps: Overlay[int, StoredGap] = Overlay(database.gaps)
        self.journal: list[JournalEntry] = []
        self.acted: list[Run] = []
        self.ledger: Overlay[int, StoredEntry] = Overlay(database.ledger)
        self.answered_faults: set[str] = set()
        self.rings = False
        self._rows: dict[str, Overlay[str, Cells]] = {}
        self._written: list[Written] = []
        self._locks: dict[Hashable, None] = {}

    def commit(self) -> None:
        """Make everything of it true at once."""
        database = self.database
        for commit in (
            self.links.commit,
            self.changes.commit,
            self.positions.commit,
            self.loads.commit,
            self.gaps.commit,
            self.ledger.commit,
            *(rows.commit for rows in self._rows.values()),
        ):
            commit()
        database.stored_by = {
            change: database.stored_by.get(change, self.number) for change in database.changes
        }
        database.journal += self.journal
        database.acted += self.acted
        database.capture_faults -= self.answered_faults
        self._end()
        for written in self._written:
            for watch in database.watchers:
                watch(written)
        if self.rings:
            database.ring()

    def roll_back(self) -> None:
        """Make nothing of it true."""
        self._end()

    def _end(self) -> None:
        self.database.locks.release(self._locks)
        self._locks = {}

    def try_lock(self, name: Hashable) -> bool:
        """Take a lock until the end, if it is free."""
        if name in self._locks:
            return True
        if not self.database.locks.take(name, self):
            return False
        self._locks[name] = None
        return True

    async def lock(self, name: Hashable) -> None:
        """Take a lock until the end, as soon as it is free. Raises DatabaseFailedError after the lock time-out."""
        if not self.try_lock(name):
            await self.database.locks.wait(name, self)
            self._locks[name] = None

    def table(self, name: str) -> MemoryTable:
        """A table by its qualified name."""
        return self.database.tables[name]

    def rows(self, name: str) -> Overlay[str, Cells]:
        """The rows of a table as they are for this transaction."""
        if name not in self._rows:
            self._rows[name] = Overlay(self.table(name).rows)
        return self._rows[name]

    async def insert(self, name: str, values: Cells, *, own: bool = False) -> str:
        """Make a row; its key. Raises CellRefusedError."""
        table = self.table(name)
        row = table.new(values)
        key = _key(table, row)
        await self.lock((name, key))
        if self.rows(name).get(key) is not None:
            raise CellRefusedError(taken(f"{name} ({', '.join(table.table.key)})"))
        await self._claim(table, key, row, {})
        self._store(name, key, None, row, own=own)
        return key

    async def update(self, name: str, key: str, values: Cells, *, own: bool = False) -> bool:
        """Change a row, waiting for whoever holds it; False if there is none. Raises CellRefusedError."""
        await self.lock((name, key))
        before = self.rows(name).get(key)
        if before is None:
            return False
        table = self.table(name)
        row = table.changed(before, values)
        await self._claim(table, key, row, before)
        after = _key(table, row)
        if after != key:
            await self.lock((name, after))
            self.rows(name).put(key, None)
        self._store(name, after, before, row, own=own, old_key=key)
        return True

    async def delete(self, name: str, key: str, *, own: bool = False) -> bool:
        """Delete a row, waiting for whoever holds it; False if there is none."""
        await self.lock((name, key))
        before = self.rows(name).get(key)
        if before is None:
            return False
        self.rows(name).put(key, None)
        self._written.append(Written(self.database.now(), name, key, before, None, own))
        if not own:
            self.capture(name, ChangeKind.DELETE, key, before, None)
        return True

    async def truncate(self, name: str) -> None:
        """Remove every row; nobody is told which."""
        for key, before in self.rows(name).items():
            await self.lock((name, key))
            self.rows(name).put(key, None)
            self._written.append(Written(self.database.now(), name, key, before, None, own=False))
        self.capture(name, ChangeKind.DELETE, None, None, None)

    def _store(
        self, name: str, key: str, before: Cells | None, row: Cells, *, own: bool, old_key: str | None = None
    ) -> None:
        self.rows(name).put(key, row)
        self._written.append(Written(self.database.now(), name, key, before, row, own))
        if own:
            return
        if before is None:
            self.capture(name, ChangeKind.CREATE, key, None, row)
        elif old_key != key:
            self.capture(name, ChangeKind.REKEY, key, before, row, old_key=old_key)
        else:
            self.capture(name, ChangeKind.UPDATE, key, before, row)

    async def _claim(self, table: MemoryTable, key: str, row: Cells, before: Cells) -> None:
        """Values of unique columns, waiting for whoever is about to take one. Raises CellRefusedError."""
        name = table.table.qualified
        for column in sorted(table.unique):
            value = row[column]
            if value is None or before.get(column) == value:
                continue
            await self.lock((name, column, value))
            if any(other[column] == value for found, other in self.rows(name).items() if found != key):
                raise CellRefusedError(taken(f"{name} ({column})"))

    def capture(
        self,
        name: str,
        kind: ChangeKind,
        key: str | None,
        before: Cells | None,
        after: Cells | None,
        *,
        old_key: str | None = None,
    ) -> None:
        """Write down a change of the user's, as the steps' triggers do."""
        database = self.database
        for step in database.steps.values():
            if step.table.qualified != name or not step.is_captured:
                continue
            change = captured(step, kind, key, before, after, database.now(), database.new_id, old_key)
            if change is not None:
                self.store_change(change)

    def store_change(self, change: Change) -> None:
        """Store a change under the next id, and ring at the end if it may be taken up at once."""
        number = self.database.next_number()
        self.changes.put(number, replace(change, id=number))
        self.rings = True

    def changes_in_order(self) -> Iterator[Change]:
        """Stored changes, oldest first."""
        return (change for _, change in sorted(self.changes.items()))


class Application:
    """What the user's application does in one transaction. Values are PostgreSQL's text."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    async def insert(self, table: str, **values: str | None) -> str:
        """Make a row; its key. Raises CellRefusedError."""
        return await self._transaction.insert(table, values)

    async def update(self, table: str, key: str, **values: str | None) -> bool:
        """Change a row; False if there is none. Raises CellRefusedError."""
        return await self._transaction.update(table, key, values)

    async def delete(self, table: str, key: str) -> bool:
        """Delete a row; False if there is none."""
        return await self._transaction.delete(table, key)

    async def truncate(self, table: str) -> None:
        """Remove every row."""
        await self._transaction.truncate(table)

    def row(self, table: str, key: str) -> Cells | None:
        """A row as this transaction sees it."""
        return self._transaction.rows(table).get(key)


def _key(table: MemoryTable, row: Cells) -> str:
    return row_key(tuple(str(row[column]) for column in table.table.key))
