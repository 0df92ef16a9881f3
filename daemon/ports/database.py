"""The database as an operator sees it: its catalogue, our schema in it, capture, and what can be looked up."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from daemon.domain.identity import Identity
from daemon.domain.mapping import Step
from daemon.domain.side import Direction


@dataclass(frozen=True, slots=True)
class Column:
    """One column: PostgreSQL's own spelling of its type, and what may be done with it."""

    name: str
    type: str  # format_type: `numeric(12,2)`, `text[]`, `timestamp with time zone`
    nullable: bool
    default: bool
    generated: bool
    selectable: bool = True
    updateable: bool = True


@dataclass(frozen=True, slots=True)
class TableDescription:
    """One table or view, its columns and its primary key in order (empty if it has none)."""

    schema: str
    name: str
    kind: str  # table | partitioned | view | other
    columns: Mapping[str, Column]
    key: tuple[str, ...]
    unique: frozenset[tuple[str, ...]] = frozenset()
    insertable: bool = True
    deletable: bool = True


@dataclass(frozen=True, slots=True)
class CaptureProblem:
    """One thing that is wrong with the capture of a step: what, and the command or statement that mends it."""

    step: str
    table: str
    what: str
    fix: str


@dataclass(frozen=True, slots=True)
class StrayLinks:
    """Linked pairs of a step that are of another object or table than the step names: which, and how many they are."""

    step: str
    object: str
    table: str
    links: int


@dataclass(frozen=True, slots=True)
class ServerFacts:
    """The server as it answered."""

    version: str
    user: str
    database: str
    now: datetime
    round_trip: float
    tls: bool


class Database(Protocol):
    """Schema, capture and catalogue. Called at start and by operators, never on the hot path."""

    async def facts(self) -> ServerFacts:
        """The server as it answers now. Raises UnreachableError or AccessError."""
        ...

    async def identity(self) -> Identity:
        """Which database this is, as far as the server tells."""
        ...

    async def known_identity(self) -> Identity | None:
        """Which database it was when the state in it was last held to be its own; None before the first time."""
        ...

    async def know(self, identity: Identity) -> None:
        """Remember which database this is."""
        ...

    async def table(self, qualified: str) -> TableDescription | None:
        """One table or view by `schema.name` (or a name on the search path), or None."""
        ...

    async def condition_fault(self, step: Step) -> str | None:
        """What is wrong with a step's filter on rows, in one sentence: PostgreSQL tries it and keeps nothing. None if nothing is."""
        ...

    async def schema_version(self) -> tuple[int, int]:
        """The applied and the newest migration. Applied is 0 where our schema does not exist."""
        ...

    async def migration_plan(self) -> Sequence[tuple[int, str, str]]:
        """Migrations that are not applied yet: number, name and SQL."""
        ...

    async def migrate(self) -> Sequence[int]:
        """Apply what is missing, each in its own transaction under a lock time-out; the numbers applied."""
        ...

    async def make_tables(self, statements: Sequence[str]) -> None:
        """Run the statements that make a profile's tables, all or none."""
        ...

    async def capture_plan(self, steps: Sequence[Step]) -> Sequence[str]:
        """The statements that would bring capture to what the steps need; empty if nothing is missing."""
        ...

    async def capture_install(self, steps: Sequence[Step]) -> Sequence[str]:
        """Run the plan in one transaction; the statements that were run."""
        ...

    async def capture_check(self, steps: Sequence[Step]) -> Sequence[CaptureProblem]:
        """What is missing, disabled, or not as we would make it now."""
        ...

    async def captured_steps(self) -> frozenset[str]:
        """The names of the steps whose capture is installed, configured or not."""
        ...

    async def capture_remove(self, steps: Sequence[str]) -> Sequence[str]:
        """Remove the capture of these steps (all, if empty); the statements that were run."""
        ...


@dataclass(frozen=True, slots=True)
class StepCounts:
    """One step in numbers, as of one query."""

    links: int = 0
    pending: Mapping[str, int] = field(default_factory=dict)  # by direction: pull, push
    oldest_pending: Mapping[str, datetime] = field(default_factory=dict)
    parked: Mapping[tuple[str, str], int] = field(default_factory=dict)  # by direction and reason
    oldest_parked: datetime | None = None
    held: int = 0
    conflicts_open: int = 0
    gaps_open: int = 0
    first_load: str | None = None
    processed: int = 0
    expected: int = 0
    load_held_up: str | None = None  # the code of what keeps the first load from going on
    load_seconds: float = 0.0  # from the beginning of the first load to its last stored progress


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a list, newest first; `next` is the cursor of the following one."""

    items: tuple[Mapping[str, Any], ...]
    next: str | None = None


class Inspection(Protocol):
    """What operators look up. Reads only, each bounded in rows and time."""

    async def counts(self) -> Mapping[str, StepCounts]:
        """Every step that has anything stored, in numbers."""
        ...

    async def parked(
        self,
        *,
        step: str | None = None,
        way: Direction | None = None,
        code: str | None = None,
        ids: Sequence[int] = (),
        limit: int = 100,
        cursor: str | None = None,
    ) -> Page:
        """Parked changes: id, step, direction, sf_id, key, code, reason, message, advice, attempts, since, due. `way` leaves out the other one."""
        ...

    async def links(
        self,
        *,
        step: str | None = None,
        sf_id: str | None = None,
        key: str | None = None,
        state: str | None = None,
        limit: int = 100,
        cursor: str | None = None,
    ) -> Page:
        """Links: id, step, object, sf_id, table, key, state, origin, created_at, seen, merged_into, salesforce_url."""
        ...

    async def conflicts(
        self,
        *,
        step: str | None = None,
        ids: Sequence[int] = (),
        limit: int = 100,
        cursor: str | None = None,
    ) -> Page:
        """Ledger entries: id, step, sf_id, key, field, kind, rule, winner, base, salesforce, postgres, at, salesforce_at, postgres_at,
        resolved_at, resolved_by.
        """
        ...

    async def gaps(
        self, *, step: str | None = None, open_only: bool = False, limit: int = 100, cursor: str | None = None
    ) -> Page:
        """Gaps: id, step, cause, since, until, records, state (reading, settling, closed), remaining, opened_at, swept_at, closed_at."""
        ...

    async def log(
        self,
        *,
        step: str | None = None,
        way: Direction | None = None,
        record: str | None = None,
        limit: int = 100,
        cursor: str | None = None,
    ) -> Page:
        """The journal: at, step, direction, sf_id, key, operation, outcome, code, detail. `record` is a key or an id.

        `way` (pull or push) leaves out what went the other one; what went neither concerns both.
        """
        ...

    async def history(self, step: str, *, sf_id: str | None, key: str | None, limit: int = 50) -> Page:
        """The journal of one pair."""
        ...

    async def retry(
        self,
        *,
        ids: Sequence[int] = (),
        step: str | None = None,
        way: Direction | None = None,
        code: str | None = None,
        operator: str,
    ) -> int:
        """Make parked changes pending again, at once; how many they were. `way` leaves out the other one. Recorded as an operator's act."""
        ...

    async def discard(self, ids: Sequence[int], *, reason: str, operator: str) -> int:
        """Forget parked changes; how many they were. The journal tells of each record, and the act is recorded with its reason."""
        ...

    async def instance_url(self) -> str | None:
        """The address of the org that this database's state belongs to, without a slash at its end; None before the first start."""
        ...

    async def audit(self, *, operator: str, action: str, request: Mapping[str, Any], outcome: str) -> None:
        """Record an operator's act."""
        ...
