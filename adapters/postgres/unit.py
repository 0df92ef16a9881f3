"""One open transaction of the daemon."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from adapters.postgres import actions, permits, staging
from adapters.postgres import changes as queue
from adapters.postgres import gaps as gap_rows
from adapters.postgres import journal as log
from adapters.postgres import links as pairs
from adapters.postgres import rows as user_rows
from adapters.postgres.queries import QUERIES
from adapters.postgres.session import Purpose, Session
from adapters.postgres.tables import Tables
from daemon.domain.action import Run
from daemon.domain.change import Change, Source
from daemon.domain.failure import Failure
from daemon.domain.gap import Gap
from daemon.domain.link import Link
from daemon.domain.mapping import Identify, Step
from daemon.domain.permit import Permit
from daemon.domain.side import Side
from daemon.ports.loads import Portion, Staged
from daemon.ports.store import Deferral, JournalEntry, LedgerLine, Position, Row, RowResult, RowWrite


class PostgresUnit:
    """The ports `Unit` and `LoadUnit` over one connection inside a transaction."""

    def __init__(self, session: Session, tables: Tables) -> None:
        self._session = session
        self._tables = tables
        self._staged: tuple[str, ...] = ()  # the columns of the portion that was staged

    async def links_of_records(self, ids: Sequence[str]) -> dict[str, Link]:
        return await pairs.of_records(self._session, ids) if ids else {}

    async def links_of_rows(self, table: str, keys: Sequence[str]) -> dict[str, Link]:
        return await pairs.of_rows(self._session, table, keys) if keys else {}

    async def links_by_id(self, ids: Sequence[int]) -> dict[int, Link]:
        return await pairs.by_id(self._session, ids) if ids else {}

    async def put_links(self, links: Sequence[Link]) -> None:
        await pairs.put(self._session, links)

    async def remove_links(self, ids: Sequence[int]) -> None:
        await pairs.remove(self._session, ids)

    async def rows(self, step: Step, keys: Sequence[str]) -> dict[str, Row]:
        return await user_rows.read_rows(self._session, await self._tables.of(self._session, step), keys)

    async def match(self, step: Step, rule: Identify, values: Sequence[str]) -> dict[str, list[str]]:
        return await user_rows.match_rows(
            self._session, await self._tables.of(self._session, step), rule, values
        )

    async def write_rows(self, step: Step, writes: Sequence[RowWrite]) -> list[RowResult]:
        return await user_rows.write_rows(self._session, await self._tables.of(self._session, step), writes)

    async def act(self, step: Step, runs: Sequence[Run]) -> dict[int, Failure]:
        return await actions.act(self._session, step, runs)

    async def local_changes(self, step: str, keys: Sequence[str]) -> dict[str, list[Change]]:
        return await queue.of_rows(self._session, step, keys) if keys else {}

    async def renames(self, steps: Sequence[str], keys: Sequence[str], most: int) -> list[Change]:
        return await queue.renames(self._session, steps, keys, most) if keys else []

    async def renamed(self, steps: Sequence[str], keys: Sequence[str]) -> frozenset[str]:
        return await queue.renamed(self._session, steps, keys) if keys else frozenset()

    async def oldest_renames(self, steps: Sequence[str], most: int) -> list[Change]:
        return await queue.oldest_renames(self._session, steps, most)

    async def call_anew(self, changes: Sequence[Change]) -> None:
        await queue.call_anew(self._session, changes)

    async def keys_of_changes(self, ids: Sequence[int]) -> dict[int, str]:
        return await queue.keys_of(self._session, ids) if ids else {}

    async def record_changes(self, step: str, ids: Sequence[str]) -> dict[str, list[Change]]:
        return await queue.of_records(self._session, step, ids) if ids else {}

    async def unsettled_records(self, ids: Sequence[str]) -> frozenset[str]:
        return await queue.unsettled_records(self._session, ids) if ids else frozenset()

    async def unread_records(self, step: str, ids: Sequence[str]) -> frozenset[str]:
        return await queue.unread_records(self._session, step, ids) if ids else frozenset()

    async def creates_in_doubt(self, step: str, field: str) -> frozenset[str]:
        return await queue.creates_in_doubt(self._session, step, field)

    async def store_changes(self, changes: Sequence[Change]) -> None:
        await queue.store(self._session, changes)

    async def settle(self, ids: Sequence[int]) -> None:
        await queue.settle(self._session, ids)

    async def settle_rows(self, step: str, keys: Sequence[str], up_to: int) -> None:
        await self._session.execute(Purpose.CAPTURE, QUERIES["settle_rows"], step, keys, up_to)

    async def settle_records(self, up_to: Mapping[str, int]) -> None:
        ids, last = list(up_to), list(up_to.values())
        await self._session.execute(Purpose.CAPTURE, QUERIES["settle_records"], ids, last)

    async def defer(self, deferrals: Sequence[Deferral]) -> None:
        await queue.defer(self._session, deferrals)

    async def release_waiting(self, references: Sequence[str]) -> int:
        return await queue.release_waiting(self._session, references)

    async def journal(self, entries: Sequence[JournalEntry]) -> None:
        await log.append(self._session, entries)

    async def ledger(self, lines: Sequence[LedgerLine]) -> None:
        await log.append_ledger(self._session, lines)

    async def decide_conflicts(self, sf_id: str, fields: Sequence[str], side: Side, operator: str) -> None:
        await self._session.execute(
            Purpose.LOG, QUERIES["decide_conflicts"], sf_id, fields, side.value, operator
        )

    async def note_given_back(self, entry: int, operator: str) -> None:
        await self._session.execute(Purpose.LOG, QUERIES["note_given_back"], entry, operator)

    async def open_gaps(self, gaps: Sequence[Gap]) -> None:
        await gap_rows.open_all(self._session, gaps)

    async def begin_load(
        self, kind: str, step: str, expected: int, low: datetime, answers: Collection[int] = ()
    ) -> None:
        await staging.begin(self._session, kind, step, expected, low, answers)

    async def keep_load(
        self,
        kind: str,
        step: str,
        processed: int,
        expected: int,
        bookmark: str,
        outcome: Mapping[str, Any],
    ) -> None:
        await staging.keep(self._session, kind, step, processed, expected, bookmark, outcome)

    async def parked_records(self, ids: Sequence[str]) -> dict[str, str | None]:
        return await queue.parked_records(self._session, ids)

    async def note_read(self, kind: str, step: str, ids: Sequence[str]) -> None:
        await self._session.execute(Purpose.ADMIN, QUERIES["note_read"], kind, step, ids)

    async def ask_after_missing(self, kind: str, step: str, source: Source, at: datetime) -> int:
        return await staging.ask_after_missing(self._session, kind, step, source, at)

    async def end_load(self, kind: str, step: str, *, done: bool, outcome: Mapping[str, Any]) -> None:
        await staging.end(self._session, kind, step, done=done, outcome=outcome)

    async def stage(self, step: Step, portion: Portion) -> Staged:
        self._staged = tuple(portion.columns)
        return await staging.stage(self._session, step, portion)

    async def insert_staged(
        self, step: Step, chosen: Sequence[int], source: Source, at: datetime
    ) -> int | None:
        table = await self._tables.of(self._session, step)
        return await staging.insert(self._session, table, self._staged, chosen, source, at)

    async def save_position(self, position: Position) -> None:
        await log.save_position(self._session, position)

    async def deletes_since(self, step: str, since: datetime) -> int:
        return await log.deletes_since(self._session, step, since)

    async def deletes_waiting(self, step: Step, besides: Sequence[int], most: int) -> tuple[int, int]:
        return await permits.waiting(self._session, step, besides, most)

    async def delete_permit(self, step: str) -> Permit | None:
        return await permits.of_step(self._session, step)

    async def count_links(self, step: str) -> int:
        return int(await self._session.value(Purpose.LOG, QUERIES["count_links"], step))
