"""The state of the sync, and the user's tables, in one PostgreSQL database.

Everything that must be true together is written in one `Unit`: rows, links, bases, changes, journal, ledger and the
position of the stream commit at once or not at all. Every call is set-wise: a constant number of queries for a batch,
however many records it holds. Values of the user's columns cross this port as PostgreSQL's own text (`None` for NULL;
arrays as JSON text), so that nothing is lost to a driver's idea of a type.

Failures of the connection or of a whole statement raise `CallFailedError` with the SQLSTATE as its code, or
`LeaseLostError`; a row that cannot be written is a `RowResult` with a failure and harms no other row.
"""

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from daemon.domain.action import Run
from daemon.domain.change import Change, ChangeState, Suspicion
from daemon.domain.failure import Failure
from daemon.domain.gap import Gap
from daemon.domain.link import Link
from daemon.domain.mapping import Identify, Step
from daemon.domain.permit import Permit
from daemon.domain.plan import LedgerEntry, Operation
from daemon.domain.side import Side
from daemon.domain.value import Raw


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the user's: its key as text and its columns in PostgreSQL's text.

    `locked` says that another session holds it: these are its committed values, and it must not be written now.
    `eligible` is false where the step's filter on rows leaves it out, `routed` where another step of the family would make its record.
    """

    key: str
    values: Mapping[str, str | None]
    locked: bool = False
    eligible: bool = True
    routed: bool = True


@dataclass(frozen=True, slots=True)
class RowWrite:
    """One write to the user's table. An UPDATE or DELETE names `key`; a CREATE may leave the key to its default."""

    operation: Operation
    values: Mapping[str, str | None] = field(default_factory=dict)
    key: str | None = None


@dataclass(frozen=True, slots=True)
class RowResult:
    """What became of one row write: the row as it is stored now (None after a delete), or why not.

    An UPDATE of a row that is not there gives a failure of kind MISSING.
    """

    key: str | None = None
    row: Row | None = None
    failure: Failure | None = None


@dataclass(frozen=True, slots=True)
class Deferral:
    """What a stored change becomes when it could not be settled. `due` None means: until somebody asks.

    `external_id` is that of a create in whose place this change goes on; None leaves the change with its own. So does a `suspicion` of
    None: nothing but a later one takes its place.
    """

    id: int
    state: ChangeState
    due: datetime | None
    attempts: int
    code: str | None = None
    reason: str | None = None
    advice: str | None = None
    waiting_for: str | None = None
    external_id: str | None = None
    suspicion: Suspicion | None = None


@dataclass(frozen=True, slots=True)
class JournalEntry:
    """One decision and its outcome, append-only. `detail` holds inputs, verdicts and candidates as JSON."""

    at: datetime
    step: str
    sf_id: str | None
    key: str | None
    source: str
    direction: str
    operation: str
    outcome: str
    code: str | None
    detail: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class LedgerLine:
    """One ledger entry with the pair it belongs to. An open one with the same values is not written
    twice, nor is a decided one with the same values and known times: a decision made again after a crash tells nothing new.
    """

    step: str
    sf_id: str
    key: str
    at: datetime
    entry: LedgerEntry


@dataclass(frozen=True, slots=True)
class Position:
    """Where a channel stands: the opaque position, its transport, and the commit time of the last event before it."""

    channel: str
    transport: str
    position: str
    at: datetime | None


@dataclass(frozen=True, slots=True)
class ClosedGap:
    """A gap that was filled, and the seconds from its opening to its closing."""

    gap: Gap
    seconds: float


class LeaseLostError(Exception):
    """Another daemon has taken the lease: this transaction's epoch is stale and nothing was written."""


class Unit(Protocol):
    """One open transaction. Commits when its block ends, rolls back when it raises."""

    async def links_of_records(self, ids: Sequence[str]) -> dict[str, Link]:
        """Links by Salesforce id, in any state, locked until the end."""
        ...

    async def links_of_rows(self, table: str, keys: Sequence[str]) -> dict[str, Link]:
        """Links by row key of one table (`schema.name`), in any state, locked until the end."""
        ...

    async def links_by_id(self, ids: Sequence[int]) -> dict[int, Link]:
        """Links by their own id, in any state, locked until the end."""
        ...

    async def put_links(self, links: Sequence[Link]) -> None:
        """Store links: those with id 0 are new, the others replace the stored one."""
        ...

    async def remove_links(self, ids: Sequence[int]) -> None:
        """Forget links by their id."""
        ...

    async def rows(self, step: Step, keys: Sequence[str]) -> dict[str, Row]:
        """Rows by key with `step.columns`, locked until the end. A key that has no row is absent.

        Never waits for a row: one that another session holds comes back unlocked by us and marked as `locked`.
        """
        ...

    async def match(self, step: Step, rule: Identify, values: Sequence[str]) -> dict[str, list[str]]:
        """The keys of rows whose identifier has one of these values after normalising, by value. At most 5 keys each."""
        ...

    async def write_rows(self, step: Step, writes: Sequence[RowWrite]) -> list[RowResult]:
        """Write rows as the daemon's own act (not captured again), a result each, in order.

        A row that fails is undone alone. What comes back is the row as stored, the user's own triggers included.
        """
        ...

    async def act(self, step: Step, runs: Sequence[Run]) -> dict[int, Failure]:
        """Do the actions of these runs that are done in the database, not as the daemon's own act; store webhooks to be delivered.

        What cannot be done is undone alone and stored to be tried again; the failures by position among the runs.
        """
        ...

    async def local_changes(self, step: str, keys: Sequence[str]) -> dict[str, list[Change]]:
        """The unsettled captured changes of these rows, oldest first, in any state."""
        ...

    async def renames(self, steps: Sequence[str], keys: Sequence[str], most: int) -> list[Change]:
        """Stored changes of a key (kind REKEY) of these steps, in any state, that reach one of these keys from either end, themselves
        or by others that hang together with them; by their ids. As many as `most` says: there may be more, or earlier ones.
        """
        ...

    async def renamed(self, steps: Sequence[str], keys: Sequence[str]) -> frozenset[str]:
        """Those of these keys that a stored change of a key of one of these steps, in any state, takes from a row or gives to one.

        Until that is followed, a link under such a key may be another row's.
        """
        ...

    async def oldest_renames(self, steps: Sequence[str], most: int) -> list[Change]:
        """The oldest stored changes of a key of these steps, in any state."""
        ...

    async def call_anew(self, changes: Sequence[Change]) -> None:
        """Give stored changes the kind, the key and the old key that they carry. The rest of them stays as it is."""
        ...

    async def keys_of_changes(self, ids: Sequence[int]) -> dict[int, str]:
        """The keys by which these changes are stored now, by their ids; without those that are not stored any more, or name no row."""
        ...

    async def record_changes(self, step: str, ids: Sequence[str]) -> dict[str, list[Change]]:
        """What is pending of these Salesforce records, by their ids, oldest first."""
        ...

    async def unsettled_records(self, ids: Sequence[str]) -> frozenset[str]:
        """Those of these Salesforce ids for which a Salesforce-side change is stored: later ones go behind it."""
        ...

    async def parked_records(self, ids: Sequence[str]) -> dict[str, str | None]:
        """Those of these records of which a change of the Salesforce side is parked, with the code of the newest."""
        ...

    async def unread_records(self, step: str, ids: Sequence[str]) -> frozenset[str]:
        """Those of these Salesforce ids that are not known as they are: a Salesforce-side change of theirs is stored, or
        their step's object is to be read whole, and then it is all of them.
        """
        ...

    async def creates_in_doubt(self, step: str, field: str) -> frozenset[str]:
        """The external ids, as they were sent in `field`, of creates whose outcome is not known yet."""
        ...

    async def store_changes(self, changes: Sequence[Change]) -> None:
        """Store changes as pending (or in the state and with the due time that they carry) and ring the doorbell."""
        ...

    async def settle(self, ids: Sequence[int]) -> None:
        """Forget changes: their outcome is in the journal."""
        ...

    async def settle_rows(self, step: str, keys: Sequence[str], up_to: int) -> None:
        """Forget every PostgreSQL-side change of these rows up to this id: a newer state has been settled."""
        ...

    async def settle_records(self, up_to: Mapping[str, int]) -> None:
        """Forget every Salesforce-side change of these records up to the id that is given for each."""
        ...

    async def defer(self, deferrals: Sequence[Deferral]) -> None:
        """Keep changes for later, for another record, or for a person."""
        ...

    async def release_waiting(self, references: Sequence[str]) -> int:
        """Make held changes pending that wait for one of these (`step:key` or `Object:id`); how many they were."""
        ...

    async def journal(self, entries: Sequence[JournalEntry]) -> None:
        """Append decisions."""
        ...

    async def ledger(self, lines: Sequence[LedgerLine]) -> None:
        """Append ledger entries."""
        ...

    async def decide_conflicts(self, sf_id: str, fields: Sequence[str], side: Side, operator: str) -> None:
        """Note in the open ledger entries of these fields of a record that an operator let this side win."""
        ...

    async def note_given_back(self, entry: int, operator: str) -> None:
        """Note in a decided ledger entry that an operator gave the losing value back."""
        ...

    async def open_gaps(self, gaps: Sequence[Gap]) -> None:
        """Note gaps. The changes that fill them (kind REREAD) are stored in the same unit."""
        ...

    async def save_position(self, position: Position) -> None:
        """Store where a channel stands."""
        ...

    async def deletes_since(self, step: str, since: datetime) -> int:
        """How many deletes of this step were propagated since then, by the journal: the delete guard's count."""
        ...

    async def deletes_waiting(self, step: Step, besides: Sequence[int], most: int) -> tuple[int, int]:
        """Stored deletes of linked pairs of a step, besides these changes and those of an operator; and how many the delete guard holds.

        Each is counted up to `most`.
        """
        ...

    async def delete_permit(self, step: str) -> Permit | None:
        """The last permit of a step's delete guard, in force or not."""
        ...

    async def count_links(self, step: str) -> int:
        """How many linked pairs a step has."""
        ...


class Store(Protocol):
    """The database as the flow needs it."""

    def begin(self) -> AbstractAsyncContextManager[Unit]:
        """A transaction of the daemon. Entering it checks the lease's epoch: LeaseLostError if it is stale.

        Bounded in time by a statement time-out and a lock time-out; deadlocks and serialization failures surface as
        CallFailedError of kind TRANSIENT and the caller repeats the whole block.
        """
        ...

    async def pending(self, limit: int) -> list[Change]:
        """Changes that are due, oldest first: pending ones (no due time means now), ones left `sent` by a crash or an
        unknown outcome, and held and parked ones whose next try has come.

        If more are due than `limit`, each transaction that stored some gives a few first, so that a large one does not keep
        the others waiting; the rest are the oldest. None is taken this way before an older one of its own record.
        """
        ...

    async def mark_sent(self, sent: Mapping[int, Mapping[str, Raw]], links: Sequence[int]) -> None:
        """In a transaction of its own: these changes are `sent` with these values, these links are in doubt."""
        ...

    async def positions(self) -> dict[str, Position]:
        """Stored positions by channel."""
        ...

    async def enqueue_unlinked(self, step: Step, limit: int) -> int:
        """Store a CREATE for up to `limit` rows that have no link and no stored change; how many they were."""
        ...

    async def sweep(self, step: str, *, asked: bool) -> int:
        """Store an update of every linked row of a step, so that each is compared with what was agreed.

        How many they were. `asked`: an operator wants it, and what is missing may be deleted across. Also forgets the
        faults of the step's capture, which this answers.
        """
        ...

    async def look_anew(self, step: str, after: int, limit: int) -> tuple[int, int]:
        """Hold linked pairs of a step for unread, in the order of their links' ids from the one after `after` on: the record of each is
        read and compared before anything else is decided about it.

        How many they were, at most `limit`, and the id of the last link. The bases stay, so that what changed on either side since they were agreed stands out.
        """
        ...

    async def resume(self, step: str, code: str, reasons: Sequence[str]) -> int:
        """Make due at once what is kept back under this code, and what is parked or put off for one of these reasons."""
        ...

    async def faulty_capture(self) -> frozenset[str]:
        """The steps whose capture missed something: an error inside a trigger, or a trigger that was put back."""
        ...

    async def leaving_rows(self, step: Step, most: int) -> int:
        """How many linked rows of a step do not meet its condition on rows, counted up to `most`. Locks nothing."""
        ...

    async def forget_captured(self, step: str, code: str, limit: int) -> int:
        """Forget local changes of a step that are kept back under this code, at most so many; how many they were.

        The note that capture missed something is left in the same transaction, so that the step is compared whole when it is back. What
        was sent, what is held or parked for a reason of its own, and renames are never forgotten: no comparison could find those.
        """
        ...

    async def linked_records(self, step: str, after: int, limit: int) -> list[tuple[int, str]]:
        """Linked pairs of a step in the order of their ids, from the one after `after` on: link id and Salesforce id."""
        ...

    async def close_gaps(self) -> list[ClosedGap]:
        """Close the gaps that are filled: first those are noted of whose step no whole-object re-read is left, then, of the noted ones,
        those are closed of which no re-read from before that note is left. What is parked does not count. The closed ones.
        """
        ...

    async def first_load(self, step: str) -> str | None:
        """The state of a step's first load: None (never begun), `running` or `done`."""
        ...

    async def set_first_load(
        self, step: str, state: str, processed: int, expected: int, outcome: Mapping[str, Any] | None = None
    ) -> None:
        """Store the state and progress of a step's first load, and what became of its records (JSON; None: as it is stored). It is not held up any more."""
        ...

    async def hold_first_load(self, step: str, failure: Mapping[str, str]) -> None:
        """Note why a step's first load is held up: code, message and advice."""
        ...


class Lease(Protocol):
    """Only one daemon writes. A lease row with an epoch: who holds it may write, and each transaction checks it."""

    @property
    def epoch(self) -> int:
        """The epoch under which this process writes; 0 before the lease was taken."""
        ...

    async def acquire(self) -> bool:
        """Take the lease if it is free, expired, or its holder's connection is gone; False if another one lives."""
        ...

    async def renew(self) -> bool:
        """Prolong it; False if it was lost."""
        ...

    async def release(self) -> None:
        """Give it up."""
        ...

    async def holder(self) -> tuple[str, int, datetime] | None:
        """Who holds it, under which epoch, since when."""
        ...


class Doorbell(Protocol):
    """A hint that something was captured. A poll is the truth: a ring may be lost, and is never needed."""

    async def wait(self, timeout: float) -> bool:
        """Wait for a ring for at most that many seconds; whether one came. Rings while nobody waits are kept as one."""
        ...

    async def run(self) -> None:
        """Listen for ever on a connection of its own, prove it alive by pings, and connect again when it is not."""
        ...
