"""One open transaction of the daemon, in memory."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from adapters.memory.database import StoredEntry, StoredGap, Transaction
from adapters.memory.failures import GONE, NO_KEY, failed, taken
from adapters.memory.tables import CellRefusedError, Cells, MemoryTable, comparable
from daemon.domain.action import Run
from daemon.domain.change import Change, ChangeKind, ChangeState, Source
from daemon.domain.failure import Failure
from daemon.domain.gap import Gap
from daemon.domain.ids import key_parts
from daemon.domain.link import Link, LinkState
from daemon.domain.mapping import Identify, Step
from daemon.domain.permit import Permit
from daemon.domain.plan import Operation
from daemon.domain.side import Side
from daemon.ports.store import Deferral, JournalEntry, LedgerLine, Position, Row, RowResult, RowWrite

Statement = Callable[[str], Awaitable[None]]
"""Awaited before each statement with its name: time passes, or the statement fails."""

MATCHES_MOST = 5


async def at_once(_statement: str) -> None:
    """A server that answers at once and never fails."""


class MemoryUnit:
    """The port `Unit` over one transaction of a `MemoryDatabase`."""

    def __init__(self, transaction: Transaction, statement: Statement) -> None:
        self._transaction = transaction
        self._statement = statement

    async def links_of_records(self, ids: Sequence[str]) -> dict[str, Link]:
        return {link.sf_id: link for link in await self._links("links_of_records", _by_record(ids))}

    async def links_of_rows(self, table: str, keys: Sequence[str]) -> dict[str, Link]:
        return {link.key: link for link in await self._links("links_of_rows", _by_row(table, keys))}

    async def links_by_id(self, ids: Sequence[int]) -> dict[int, Link]:
        wanted = frozenset(ids)
        return {link.id: link for link in await self._links("links_by_id", lambda link: link.id in wanted)}

    async def _links(self, statement: str, wanted: Callable[[Link], bool]) -> list[Link]:
        await self._statement(statement)
        links = self._transaction.links
        found = sorted(number for number, link in links.items() if wanted(link))
        for number in found:
            await self._transaction.lock(("link", number))
        locked = [links.get(number) for number in found]  # as they are now that nobody else can change them
        return [link for link in locked if link is not None and wanted(link)]

    async def put_links(self, links: Sequence[Link]) -> None:
        if not links:
            return
        await self._statement("put_links")
        stored = self._transaction.links
        for link in links:
            number = link.id or self._transaction.database.next_number()
            await self._transaction.lock(("link", number))
            if link.id == 0 or stored.get(number) is not None:
                stored.put(number, replace(link, id=number))
        self._refuse_doubles()

    def _refuse_doubles(self) -> None:
        records: set[str] = set()
        rows: set[tuple[str, str]] = set()
        for link in self._transaction.links.values():
            if link.sf_id in records or (link.table, link.key) in rows:
                raise failed(taken("isthmus.link"))
            records.add(link.sf_id)
            rows.add((link.table, link.key))

    async def remove_links(self, ids: Sequence[int]) -> None:
        await self._statement("remove_links")
        for number in ids:
            self._transaction.links.put(number, None)

    async def rows(self, step: Step, keys: Sequence[str]) -> dict[str, Row]:
        await self._statement("rows")
        table, rows = self._table(step), self._transaction.rows(step.table.qualified)
        found: dict[str, Row] = {}
        for key in dict.fromkeys(keys):
            row = rows.get(key) if table.is_key(key) else None
            if row is not None:
                held = not self._transaction.try_lock((step.table.qualified, key))
                eligible = step.push_filter is None or table.conditions[step.push_filter.condition](row)
                routed = step.routed_by is None or table.conditions[step.routed_by.condition](row)
                values = {column: row[column] for column in step.columns}
                found[key] = Row(key, values, locked=held, eligible=eligible, routed=routed)
        return found

    def _table(self, step: Step) -> MemoryTable:
        table = self._transaction.table(step.table.qualified)
        wrong = table.check_columns(step.columns)
        if wrong is not None:
            raise failed(wrong)
        return table

    async def match(self, step: Step, rule: Identify, values: Sequence[str]) -> dict[str, list[str]]:
        await self._statement("match")
        self._table(step)
        by_text: dict[str, list[str]] = {}
        for key, row in sorted(self._transaction.rows(step.table.qualified).items()):
            text = row[rule.column]
            if text is not None:
                by_text.setdefault(comparable(text, rule), []).append(key)
        wanted = {value: comparable(value, rule) for value in values}
        return {
            value: by_text[text][:MATCHES_MOST] for value, text in wanted.items() if text and text in by_text
        }

    async def write_rows(self, step: Step, writes: Sequence[RowWrite]) -> list[RowResult]:
        if not writes:
            return []
        await self._statement("write_rows")
        return [await self._written(step, self._transaction.table(step.table.qualified), w) for w in writes]

    async def _written(self, step: Step, table: MemoryTable, write: RowWrite) -> RowResult:
        if write.key is not None and not table.is_key(write.key):
            return RowResult(write.key, failure=NO_KEY)
        values = {name: text for name, text in write.values.items() if name not in step.table.generated}
        wrong = table.check_columns([*values, *step.columns])
        if wrong is not None:
            return RowResult(write.key, failure=wrong)
        try:
            return await self._done(step, write, values)
        except CellRefusedError as refused:
            return RowResult(write.key, failure=refused.failure)

    async def _done(self, step: Step, write: RowWrite, values: Cells) -> RowResult:
        transaction, name = self._transaction, step.table.qualified
        match write.operation:
            case Operation.CREATE:
                if write.key is not None:
                    parts = key_parts(write.key, len(step.table.key))
                    values = {**values, **dict(zip(step.table.key, parts, strict=True))}
                key = await transaction.insert(name, values, own=True)
                return RowResult(key, self._row(step, key))
            case Operation.UPDATE:
                assert write.key is not None
                if not await transaction.update(name, write.key, values, own=True):
                    return RowResult(write.key, failure=GONE)
                return RowResult(write.key, self._row(step, write.key))
            case Operation.DELETE:
                assert write.key is not None
                if not await transaction.delete(name, write.key, own=True):
                    return RowResult(write.key, failure=GONE)
                return RowResult(write.key)

    def _row(self, step: Step, key: str) -> Row:
        row = self._transaction.rows(step.table.qualified).get(key)
        assert row is not None
        return Row(key, {column: row[column] for column in step.columns})

    async def act(self, step: Step, runs: Sequence[Run]) -> dict[int, Failure]:
        """Functions and other tables are not played here: that an action was called for is what is kept."""
        await self._statement("act")
        self._transaction.acted += runs
        return {}

    async def local_changes(self, step: str, keys: Sequence[str]) -> dict[str, list[Change]]:
        await self._statement("local_changes")
        wanted, found = frozenset(keys), dict[str, list[Change]]()
        for change in self._transaction.changes_in_order():
            if change.side is Side.POSTGRES and change.step == step and change.key in wanted:
                found.setdefault(change.key or "", []).append(change)
        return found

    async def renames(self, steps: Sequence[str], keys: Sequence[str], most: int) -> list[Change]:
        stored, reached, before = await self._rekeys("renames", steps), set(keys), 0
        while len(reached) > before:
            before = len(reached)
            for change in stored:
                ends = {change.old_key or "", change.key or ""}
                reached |= ends if ends & reached else set()
        return [change for change in stored if change.old_key in reached][:most]

    async def renamed(self, steps: Sequence[str], keys: Sequence[str]) -> frozenset[str]:
        ends = {
            key for change in await self._rekeys("renamed", steps) for key in (change.old_key, change.key)
        }
        return frozenset(key for key in keys if key in ends)

    async def oldest_renames(self, steps: Sequence[str], most: int) -> list[Change]:
        return (await self._rekeys("oldest_renames", steps))[:most]

    async def _rekeys(self, statement: str, steps: Sequence[str]) -> list[Change]:
        """Their index is empty nearly always: a look at it takes no time then, and a history without renames is as it was."""
        changes = self._transaction.changes_in_order()
        found = [change for change in changes if change.kind is ChangeKind.REKEY and change.step in steps]
        if found:
            await self._statement(statement)
        return found

    async def call_anew(self, changes: Sequence[Change]) -> None:
        if not changes:
            return
        await self._statement("call_anew")
        for change in changes:
            stored = self._transaction.changes.get(change.id)
            if stored is not None:
                called = replace(stored, kind=change.kind, key=change.key, old_key=change.old_key)
                self._transaction.changes.put(change.id, called)

    async def keys_of_changes(self, ids: Sequence[int]) -> dict[int, str]:
        if not ids:
            return {}
        await self._statement("keys_of_changes")
        stored = [change for number in ids if (change := self._transaction.changes.get(number)) is not None]
        return {change.id: change.key for change in stored if change.key is not None}

    async def record_changes(self, step: str, ids: Sequence[str]) -> dict[str, list[Change]]:
        await self._statement("record_changes")
        found: dict[str, list[Change]] = {}
        for change in self._transaction.changes_in_order():
            mine = change.side is Side.SALESFORCE and change.step == step and change.sf_id in ids
            if mine and change.state is ChangeState.PENDING:
                found.setdefault(change.sf_id or "", []).append(change)
        return found

    async def unsettled_records(self, ids: Sequence[str]) -> frozenset[str]:
        await self._statement("unsettled_records")
        stored = {c.sf_id for c in self._transaction.changes.values() if c.side is Side.SALESFORCE}
        return frozenset(item for item in ids if item in stored)

    async def parked_records(self, ids: Sequence[str]) -> dict[str, str | None]:
        await self._statement("parked_records")
        stored = sorted(self._transaction.changes.values(), key=lambda change: change.id)
        parked = [c for c in stored if c.side is Side.SALESFORCE and c.state is ChangeState.PARKED]
        return {change.sf_id: change.code for change in parked if change.sf_id in ids and change.sf_id}

    async def unread_records(self, step: str, ids: Sequence[str]) -> frozenset[str]:
        await self._statement("unread_records")
        stored = [c for c in self._transaction.changes.values() if c.side is Side.SALESFORCE]
        whole = any(
            c.sf_id is None
            and c.step == step
            and c.kind is ChangeKind.REREAD
            and c.state is not ChangeState.PARKED
            for c in stored
        )
        named = {c.sf_id for c in stored}
        return frozenset(item for item in ids if whole or item in named)

    async def creates_in_doubt(self, step: str, field: str) -> frozenset[str]:
        await self._statement("creates_in_doubt")
        return frozenset(
            str(change.sent[field])
            for change in self._transaction.changes.values()
            if change.state is ChangeState.SENT
            and change.step == step
            and change.side is Side.POSTGRES
            and change.sent is not None
            and change.sent.get(field) is not None
        )

    async def store_changes(self, changes: Sequence[Change]) -> None:
        if not changes:
            return
        await self._statement("store_changes")
        for change in changes:
            self._put(replace(change, id=self._transaction.database.next_number()))

    async def settle(self, ids: Sequence[int]) -> None:
        if not ids:
            return
        await self._statement("settle")
        for number in ids:
            self._transaction.changes.put(number, None)

    async def settle_rows(self, step: str, keys: Sequence[str], up_to: int) -> None:
        await self._statement("settle_rows")
        self._forget(lambda c: c.side is Side.POSTGRES and c.step == step and c.key in keys and c.id <= up_to)

    async def settle_records(self, up_to: Mapping[str, int]) -> None:
        await self._statement("settle_records")
        self._forget(lambda c: c.side is Side.SALESFORCE and c.id <= up_to.get(c.sf_id or "", 0))

    def _forget(self, over: Callable[[Change], bool]) -> None:
        for number, change in self._transaction.changes.items():
            if over(change):
                self._transaction.changes.put(number, None)

    async def defer(self, deferrals: Sequence[Deferral]) -> None:
        if not deferrals:
            return
        await self._statement("defer")
        for item in deferrals:
            change = self._transaction.changes.get(item.id)
            if change is not None:
                self._put(
                    replace(
                        change,
                        state=item.state,
                        due=item.due,
                        attempts=item.attempts,
                        code=item.code,
                        reason=item.reason,
                        advice=item.advice,
                        waiting_for=item.waiting_for,
                        external_id=item.external_id or change.external_id,
                        suspicion=item.suspicion or change.suspicion,
                    )
                )

    async def release_waiting(self, references: Sequence[str]) -> int:
        await self._statement("release_waiting")
        released = [
            change
            for change in self._transaction.changes.values()
            if change.state is ChangeState.HELD and change.waiting_for in references
        ]
        for change in released:
            self._put(replace(change, state=ChangeState.PENDING, due=None, waiting_for=None))
        return len(released)

    def _put(self, change: Change) -> None:
        before = self._transaction.changes.get(change.id)
        if before is None or before.state is not change.state:
            change = replace(change, since=self._transaction.database.now())
        self._transaction.changes.put(change.id, change)
        if change.state is ChangeState.PENDING and change.due is None:
            self._transaction.rings = True

    async def journal(self, entries: Sequence[JournalEntry]) -> None:
        if entries:
            await self._statement("journal")
            self._transaction.journal += entries

    async def ledger(self, lines: Sequence[LedgerLine]) -> None:
        if not lines:
            return
        await self._statement("ledger")
        ledger = self._transaction.ledger
        for line in lines:
            if not any(_told(line, other) for other in ledger.values()):
                ledger.put(self._transaction.database.next_number(), StoredEntry(line))

    async def decide_conflicts(self, sf_id: str, fields: Sequence[str], side: Side, operator: str) -> None:
        await self._statement("decide_conflicts")
        for number, stored in self._transaction.ledger.items():
            line = stored.line
            open_entry = line.entry.winner is None and stored.resolved_by is None
            if open_entry and line.sf_id == sf_id and line.entry.field in fields:
                decided = replace(line, entry=replace(line.entry, winner=side))
                self._transaction.ledger.put(number, StoredEntry(decided, operator))

    async def note_given_back(self, entry: int, operator: str) -> None:
        await self._statement("note_given_back")
        stored = self._transaction.ledger.get(entry)
        if stored is not None:
            self._transaction.ledger.put(entry, replace(stored, resolved_by=operator))

    async def open_gaps(self, gaps: Sequence[Gap]) -> None:
        if not gaps:
            return
        await self._statement("open_gaps")
        database = self._transaction.database
        for gap in gaps:
            self._transaction.gaps.put(database.next_number(), StoredGap(gap, database.now()))

    async def save_position(self, position: Position) -> None:
        await self._statement("save_position")
        positions = self._transaction.positions
        before = positions.get(position.channel)
        if position.at is None and before is not None:
            position = replace(position, at=before.at)
        positions.put(position.channel, position)

    async def deletes_since(self, step: str, since: datetime) -> int:
        await self._statement("deletes_since")
        entries = (*self._transaction.database.journal, *self._transaction.journal)
        return sum(
            entry.step == step
            and entry.at >= since
            and (entry.operation, entry.outcome) == ("delete", "apply")
            for entry in entries
        )

    async def deletes_waiting(self, step: Step, besides: Sequence[int], most: int) -> tuple[int, int]:
        await self._statement("deletes_waiting")
        links = [link for link in self._transaction.links.values() if link.state is LinkState.LINKED]
        records = {link.sf_id for link in links}
        rows = {link.key for link in links if link.table == step.table.qualified}
        others = [
            change
            for change in self._transaction.changes.values()
            if change.step == step.name and change.id not in besides
        ]
        waiting = [
            change
            for change in others
            if change.kind is ChangeKind.DELETE
            and change.state in (ChangeState.PENDING, ChangeState.SENT)
            and change.source is not Source.OPERATOR
            and (change.key in rows if change.side is Side.POSTGRES else change.sf_id in records)
        ]
        held = [c for c in others if c.state is ChangeState.PARKED and c.code == "delete_guard"]
        return min(len(waiting), most), min(len(held), most)

    async def delete_permit(self, step: str) -> Permit | None:
        await self._statement("delete_permit")
        permit = self._transaction.database.permits.get(step)
        if permit is None:
            return None
        return replace(permit, used=await self.deletes_since(step, permit.at))

    async def count_links(self, step: str) -> int:
        await self._statement("count_links")
        links = self._transaction.links.values()
        return sum(link.step == step and link.state is LinkState.LINKED for link in links)


def _by_record(ids: Sequence[str]) -> Callable[[Link], bool]:
    wanted = frozenset(ids)
    return lambda link: link.sf_id in wanted


def _by_row(table: str, keys: Sequence[str]) -> Callable[[Link], bool]:
    wanted = frozenset(keys)
    return lambda link: link.table == table and link.key in wanted


def _told(line: LedgerLine, stored: StoredEntry) -> bool:
    """Whether a line says nothing that another did not: the same open values, or the same decided ones at known times."""
    other = stored.line
    mine, theirs = line.entry, other.entry
    if (line.step, line.sf_id, line.key) != (other.step, other.sf_id, other.key) or (
        mine.kind,
        mine.field,
        mine.winner,
        mine.base,
        mine.salesforce,
        mine.postgres,
    ) != (theirs.kind, theirs.field, theirs.winner, theirs.base, theirs.salesforce, theirs.postgres):
        return False
    if mine.winner is None:
        return stored.resolved_by is None
    times = (mine.salesforce_at, mine.postgres_at)
    return None not in times and times == (theirs.salesforce_at, theirs.postgres_at)
