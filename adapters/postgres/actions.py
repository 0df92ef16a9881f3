"""Doing the actions of synchronised records, and the table of those that are still to be done, `isthmus.action`."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

from adapters.postgres.documents import encode, storable_text
from adapters.postgres.fence import leading
from adapters.postgres.identifiers import qualified, quoted
from adapters.postgres.inspection import LONGEST_PAGE, cursor_number
from adapters.postgres.lease import PostgresLease
from adapters.postgres.pool import Pool
from adapters.postgres.queries import QUERIES
from adapters.postgres.session import Purpose, Session
from daemon.domain.action import CallFunction, Event, InsertRow, PostWebhook, Run, Target, filled
from daemon.domain.failure import CallFailedError, Failure
from daemon.domain.mapping import Step
from daemon.domain.side import Direction
from daemon.ports.actions import Postponed, Waiting
from daemon.ports.database import Page

PATIENCE: Final = "SET LOCAL statement_timeout = '5s'; SET CONSTRAINTS ALL IMMEDIATE"
"""How long one statement may take; and what an action breaks is told under its savepoint, not when its record is committed."""
STUCK: Final = frozenset({"57014", "55P03"})
"""It took too long, or waited too long for a lock: nothing more is tried in this transaction, which holds rows meanwhile."""


async def act(session: Session, step: Step, runs: Sequence[Run]) -> dict[int, Failure]:
    """Do what is done in the database, store the rest; the failures by position."""
    origin = await session.value(Purpose.APPLY, QUERIES["record_urls"])
    documents = [run.document(f"{origin}/{run.sf_id}" if origin else None) for run in runs]
    groups: dict[tuple[str, str], list[int]] = defaultdict(list)
    for position, run in enumerate(runs):
        groups[run.step, run.action].append(position)
    failures: dict[int, Failure] = {}
    stored: list[int] = []
    for positions in groups.values():
        first = runs[positions[0]]
        target = step.action(first.step, first.action).target
        stuck = next((failure for failure in failures.values() if failure.code in STUCK), None)
        if stuck is not None:
            failures |= dict.fromkeys(positions, stuck) if not isinstance(target, PostWebhook) else {}
            stored += positions
        elif isinstance(target, CallFunction | InsertRow):
            failures |= await _as_far_as_possible(session, step, target, documents, positions)
        else:
            stored += positions
    await _store(session, runs, sorted({*stored, *failures}), failures)
    return failures


async def _as_far_as_possible(
    session: Session,
    step: Step,
    target: Target,
    documents: Sequence[Mapping[str, Any]],
    positions: Sequence[int],
) -> dict[int, Failure]:
    """Do the runs in one statement, or by halves until those that fail stand alone. One that takes too long is not tried again here."""
    failure = await _failure(session, step, target, [documents[position] for position in positions])
    if failure is None:
        return {}
    if len(positions) == 1 or failure.code in STUCK:
        return dict.fromkeys(positions, failure)
    middle = len(positions) // 2
    first = await _as_far_as_possible(session, step, target, documents, positions[:middle])
    return first | await _as_far_as_possible(session, step, target, documents, positions[middle:])


async def _failure(
    session: Session, step: Step, target: Target, documents: Sequence[Mapping[str, Any]]
) -> Failure | None:
    allowed = await session.value(Purpose.APPLY, "SHOW statement_timeout")
    try:
        async with session.transaction():
            await session.execute(Purpose.APPLY, PATIENCE)
            await _perform(session, step, target, documents)
    except CallFailedError as error:
        if session.connection.is_closed():
            raise
        return error.failure
    await session.value(Purpose.APPLY, "SELECT set_config('statement_timeout', $1, true)", allowed)
    return None


async def _perform(
    session: Session, step: Step, target: Target, documents: Sequence[Mapping[str, Any]]
) -> None:
    if isinstance(target, CallFunction):
        statement = f"SELECT {_named(target.function)}(i) FROM unnest($1::text[]::jsonb[]) AS i"  # noqa: S608 - quoted
        await session.fetch(Purpose.APPLY, statement, [encode(document) for document in documents])
    elif isinstance(target, InsertRow):
        table, columns = _named(target.table), ", ".join(map(quoted, target.columns))
        rows = [
            {column: filled(text, document, step.table.key) for column, text in target.columns.items()}
            for document in documents
        ]
        statement = f"INSERT INTO {table} ({columns}) SELECT {columns} FROM jsonb_populate_recordset(NULL::{table}, $1::jsonb)"  # noqa: S608 - quoted
        await session.execute(Purpose.APPLY, statement, encode(rows))


def _named(name: str) -> str:
    schema, dot, bare = name.partition(".")
    return qualified(schema, bare) if dot else quoted(name)


async def _store(
    session: Session, runs: Sequence[Run], positions: Sequence[int], failures: Mapping[int, Failure]
) -> None:
    if not positions:
        return
    chosen = [runs[position] for position in positions]
    why = [failures.get(position) for position in positions]
    await session.execute(
        Purpose.APPLY,
        QUERIES["store_actions"],
        [run.step for run in chosen],
        [run.action for run in chosen],
        [run.event.value for run in chosen],
        [run.direction.value for run in chosen],
        [run.at for run in chosen],
        [run.object for run in chosen],
        [run.sf_id for run in chosen],
        [run.table for run in chosen],
        [run.key for run in chosen],
        [0 if failure is None else 1 for failure in why],
        [failure and failure.code for failure in why],
        [failure and storable_text(failure.message) for failure in why],
        [failure and failure.advice for failure in why],
    )


class PostgresOutbox:
    """The port `Outbox`. What operators do may come from any process; all else is the leader's."""

    def __init__(self, pool: Pool, lease: PostgresLease) -> None:
        self._pool = pool
        self._lease = lease

    async def due(self, wanted: Collection[tuple[str, str]], limit: int) -> Sequence[Waiting]:
        steps, actions = [step for step, _ in wanted], [action for _, action in wanted]
        async with self._pool.session() as session:
            found = await session.fetch(Purpose.ADMIN, QUERIES["due_actions"], steps, actions, limit)
        return [_waiting(row) for row in found]

    async def retire(self, steps: Collection[str], wanted: Collection[tuple[str, str]]) -> int:
        owners, actions = [step for step, _ in wanted], [action for _, action in wanted]
        async with leading(self._pool, self._lease) as session:
            return await session.execute(
                Purpose.ADMIN, QUERIES["retire_actions"], list(steps), owners, actions
            )

    async def perform(self, step: Step, waiting: Waiting) -> Failure | None:
        target = step.action(waiting.run.step, waiting.run.action).target
        async with leading(self._pool, self._lease) as session:
            failure = await _failure(session, step, target, [waiting.run.document(waiting.url)])
            if failure is None:
                await session.execute(Purpose.APPLY, QUERIES["forget_actions"], [waiting.id])
            return failure

    async def forget(self, ids: Sequence[int]) -> None:
        async with leading(self._pool, self._lease) as session:
            await session.execute(Purpose.APPLY, QUERIES["forget_actions"], list(ids))

    async def postpone(self, postponed: Sequence[Postponed]) -> None:
        async with leading(self._pool, self._lease) as session:
            await session.execute(
                Purpose.APPLY,
                QUERIES["postpone_actions"],
                [item.id for item in postponed],
                [item.attempts for item in postponed],
                [item.due for item in postponed],
                [item.failure.code for item in postponed],
                [storable_text(item.failure.message) for item in postponed],
                [item.failure.advice for item in postponed],
            )

    async def list(
        self,
        *,
        step: str | None = None,
        action: str | None = None,
        limit: int = 100,
        cursor: str | None = None,
    ) -> Page:
        limit = max(1, min(limit, LONGEST_PAGE))
        async with self._pool.session() as session:
            rows = await session.fetch(
                Purpose.ADMIN, QUERIES["list_actions"], step, action, cursor_number(cursor), limit + 1
            )
        items = tuple(dict(row) for row in rows[:limit])
        return Page(items, str(items[-1]["id"]) if len(rows) > limit else None)

    async def retry(
        self, *, ids: Sequence[int] = (), step: str | None = None, action: str | None = None
    ) -> int:
        async with self._pool.session() as session:
            return await session.execute(Purpose.ADMIN, QUERIES["retry_actions"], list(ids), step, action)

    async def discard(self, ids: Sequence[int]) -> int:
        async with self._pool.session() as session:
            return await session.execute(Purpose.ADMIN, QUERIES["forget_actions"], list(ids))

    async def waiting(self) -> Mapping[tuple[str, str], int]:
        async with self._pool.session() as session:
            found = await session.fetch(Purpose.ADMIN, QUERIES["count_actions"])
        return {(row["step"], row["state"]): row["stored"] for row in found}


def _waiting(row: Mapping[str, Any]) -> Waiting:
    run = Run(
        row["step"],
        row["action"],
        Event(row["event"]),
        Direction(row["direction"]),
        row["at"],
        row["object"],
        row["sf_id"],
        row["table_name"],
        row["key"],
    )
    return Waiting(row["id"], run, row["attempts"], row["url"])
