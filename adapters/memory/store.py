"""The database as the flow needs it, in memory: transactions under the lease, and the queue."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

from adapters.memory.database import Load, MemoryDatabase, StoredGap, Transaction
from adapters.memory.lease import MemoryLease
from adapters.memory.turns import due_changes
from adapters.memory.unit import MemoryUnit, Statement, at_once
from daemon.domain.change import Change, ChangeKind, ChangeState, Source
from daemon.domain.link import UNKNOWN_OUTCOME, LinkState
from daemon.domain.mapping import Step
from daemon.domain.side import Side
from daemon.domain.value import Raw
from daemon.ports.store import ClosedGap, LeaseLostError, Position


class MemoryStore:
    """The port `Store`. `statement` is awaited before each one, and with `committed` after a commit took effect."""

    def __init__(self, database: MemoryDatabase, lease: MemoryLease, statement: Statement = at_once) -> None:
        self._database = database
        self._lease = lease
        self._statement = statement

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[MemoryUnit]:
        async with self._fenced() as transaction:
            yield MemoryUnit(transaction, self._statement)

    async def pending(self, limit: int) -> list[Change]:
        await self._statement("pending")
        database = self._database
        return due_changes(database.changes.values(), database.stored_by, database.now(), limit)

    async def mark_sent(self, sent: Mapping[int, Mapping[str, Raw]], links: Sequence[int]) -> None:
        async with self._fenced() as transaction:
            await self._statement("mark_sent")
            for number, values in sent.items():
                change = transaction.changes.get(number)
                if change is not None:
                    again = change.state is ChangeState.SENT and change.sent == values
                    since = change.since if again else self._database.now()
                    marked = replace(change, state=ChangeState.SENT, due=None, sent=dict(values), since=since)
                    transaction.changes.put(number, marked)
            for number in links:
                await transaction.lock(("link", number))
                link = transaction.links.get(number)
                if link is not None:
                    transaction.links.put(number, replace(link, own=UNKNOWN_OUTCOME))

    async def positions(self) -> dict[str, Position]:
        await self._statement("positions")
        return dict(self._database.positions)

    async def enqueue_unlinked(self, step: Step, limit: int) -> int:
        async with self._fenced() as transaction:
            await self._statement("enqueue_unlinked")
            name = step.table.qualified
            known = {link.key for link in transaction.links.values() if link.table == name}
            known |= {
                change.key
                for change in transaction.changes.values()
                if change.side is Side.POSTGRES and change.step == step.name and change.key is not None
            }
            found = [(key, row) for key, row in transaction.rows(name).items() if key not in known][:limit]
            for key, row in found:
                transaction.store_change(
                    Change(
                        step.name,
                        Side.POSTGRES,
                        ChangeKind.CREATE,
                        Source.LOAD,
                        self._database.now(),
                        key=key,
                        values={column: row[column] for column in step.columns},
                        complete=True,
                        external_id=self._database.new_id(),
                    )
                )
            return len(found)

    async def sweep(self, step: str, *, asked: bool) -> int:
        async with self._fenced() as transaction:
            await self._statement("sweep")
            source = Source.OPERATOR if asked else Source.SWEEP
            links = sorted(transaction.links.items())
            keys = [link.key for _, link in links if link.step == step and link.state is LinkState.LINKED]
            for key in keys:
                transaction.store_change(
                    Change(step, Side.POSTGRES, ChangeKind.UPDATE, source, self._database.now(), key=key)
                )
            transaction.answered_faults.add(step)
            transaction.rings = True
            return len(keys)

    async def look_anew(self, step: str, after: int, limit: int) -> tuple[int, int]:
        async with self._fenced() as transaction:
            await self._statement("look_anew")
            pairs = [
                (number, link)
                for number, link in sorted(transaction.links.items())
                if number > after and link.step == step and link.state is LinkState.LINKED
            ][:limit]
            for number, link in pairs:
                transaction.links.put(number, replace(link, seen=None))
                transaction.store_change(
                    Change(
                        step,
                        Side.POSTGRES,
                        ChangeKind.UPDATE,
                        Source.SWEEP,
                        self._database.now(),
                        key=link.key,
                    )
                )
            transaction.rings = True
            return len(pairs), pairs[-1][0] if pairs else after

    async def resume(self, step: str, code: str, reasons: Sequence[str]) -> int:
        async with self._fenced() as transaction:
            await self._statement("resume")
            kept = [
                change
                for _, change in sorted(transaction.changes.items())
                if change.step == step
                and (change.code == code or (change.reason or "").partition(": ")[0] in reasons)
                and (change.due is not None or change.state is ChangeState.PARKED)
            ]
            for change in kept:
                parked, waits = change.state is ChangeState.PARKED, change.state is ChangeState.HELD
                state = ChangeState.PENDING if parked else change.state
                resumed = replace(change, state=state, due=change.due if waits else None)
                transaction.changes.put(change.id, resumed)
            transaction.rings = True
            return len(kept)

    async def faulty_capture(self) -> frozenset[str]:
        await self._statement("faulty_capture")
        return frozenset(self._database.capture_faults)

    async def leaving_rows(self, step: Step, most: int) -> int:
        await self._statement("leaving_rows")
        if step.push_filter is None:
            return 0
        table = self._database.tables[step.table.qualified]
        meets = table.conditions[step.push_filter.condition]
        links = [link for link in self._database.links.values() if link.state is LinkState.LINKED]
        rows = [table.rows[link.key] for link in links if link.step == step.name and link.key in table.rows]
        return min(most, sum(not meets(row) for row in rows))

    async def forget_captured(self, step: str, code: str, limit: int) -> int:
        async with self._fenced() as transaction:
            await self._statement("forget_captured")
            found = [
                change.id
                for change in transaction.changes_in_order()
                if (change.step, change.side, change.code) == (step, Side.POSTGRES, code)
                and change.state is ChangeState.PENDING
                and change.kind is not ChangeKind.REKEY
            ][:limit]
            for number in found:
                transaction.changes.put(number, None)
        if found:
            self._database.capture_faults.add(step)
        return len(found)

    async def linked_records(self, step: str, after: int, limit: int) -> list[tuple[int, str]]:
        await self._statement("linked_records")
        links = sorted(self._database.links.items())
        found = [
            (number, link.sf_id)
            for number, link in links
            if link.step == step and link.state is LinkState.LINKED and number > after
        ]
        return found[:limit]

    async def close_gaps(self) -> list[ClosedGap]:
        async with self._fenced() as transaction:
            await self._statement("close_gaps")
            rereads = [change for change in transaction.changes.values() if _fills(change)]
            newest = max((number for number, _ in transaction.changes.items()), default=0)
            closed = []
            for number, stored in sorted(transaction.gaps.items()):
                mine = [change for change in rereads if change.step == stored.gap.step]
                after = _looked_at(stored, mine, newest)
                transaction.gaps.put(number, after)
                if after.closed and not stored.closed:
                    seconds = (self._database.now() - stored.opened_at).total_seconds()
                    closed.append(ClosedGap(stored.gap, seconds))
            return closed

    async def first_load(self, step: str) -> str | None:
        await self._statement("first_load")
        load = self._database.loads.get(step)
        return load.state if load is not None else None

    async def set_first_load(
        self, step: str, state: str, processed: int, expected: int, outcome: Mapping[str, Any] | None = None
    ) -> None:
        async with self._fenced() as transaction:
            await self._statement("set_first_load")
            transaction.loads.put(step, Load(state, processed, expected))

    async def hold_first_load(self, step: str, failure: Mapping[str, str]) -> None:
        async with self._fenced() as transaction:
            await self._statement("hold_first_load")
            load = transaction.loads.get(step) or Load("running")
            transaction.loads.put(step, replace(load, failure=dict(failure)))

    @asynccontextmanager
    async def _fenced(self) -> AsyncIterator[Transaction]:
        await self._statement("begin")
        lease = self._database.leases.get(self._lease.name)
        current = lease.epoch if lease is not None and lease.holder is not None else None
        if current is None or current != self._lease.epoch:
            raise LeaseLostError(f"epoch {self._lease.epoch} is over, {current or 'none'} is current")
        transaction = Transaction(self._database)
        self._lease.share(transaction)
        try:
            yield transaction
            await self._statement("commit")
        except BaseException:
            transaction.roll_back()
            raise
        finally:
            self._lease.unshare(transaction)
        transaction.commit()
        await self._statement("committed")


def _looked_at(stored: StoredGap, rereads: Sequence[Change], newest: int) -> StoredGap:
    """A gap as it is after a look at the re-reads of its step that are left."""
    if stored.last_change is None and all(change.sf_id is not None for change in rereads):
        stored = replace(stored, last_change=newest)
    if stored.last_change is None or any(change.id <= stored.last_change for change in rereads):
        return stored
    return replace(stored, closed=True)


def _fills(change: Change) -> bool:
    """Whether a stored change is a re-read that a gap may wait for."""
    return (
        change.kind is ChangeKind.REREAD
        and change.side is Side.SALESFORCE
        and change.state is not ChangeState.PARKED
    )
