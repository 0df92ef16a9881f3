"""Reading, finding and writing the user's rows.

Writes go out set-wise. When a statement fails, it is undone to a savepoint and its halves are tried apart, until the bad
row stands alone with its own error; the others are written as if it had not been there.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from adapters.postgres.faults import is_the_rows_fault
from adapters.postgres.identifiers import key_parts, key_text
from adapters.postgres.session import Purpose, Session
from adapters.postgres.tables import TableSql
from daemon.domain.failure import CallFailedError, Failure, FailureKind, Reason
from daemon.domain.mapping import Identify
from daemon.domain.plan import Operation
from daemon.ports.store import Row, RowResult, RowWrite

BEGIN_OWN = "SELECT set_config('isthmus.applying', 'on', true); SET CONSTRAINTS ALL IMMEDIATE"
END_OWN = "SELECT set_config('isthmus.applying', 'off', true)"

_GONE = Failure(
    FailureKind.MISSING,
    Reason.DELETED,
    "02000",
    "The row is not there.",
    "Nothing: its delete is on its way.",
)
_SUPPRESSED = Failure(
    FailureKind.REJECTED,
    Reason.VALIDATION_RULE,
    "02000",
    "A trigger or rule of the table left the write undone without an error.",
    "See the table's BEFORE triggers, rules and row-level security policies.",
)

_NO_KEY = Failure(
    FailureKind.REJECTED,
    Reason.MAPPING,
    "22P02",
    "The key is not one of this table.",
    "The table's key has changed since: remove the link and load the step again.",
)


async def read_rows(session: Session, sql: TableSql, keys: Sequence[str]) -> dict[str, Row]:
    """Rows by key, locked where they can be. Text that is no key of this table has no row."""
    wanted = list(dict.fromkeys(key for key in keys if sql.is_key(key)))
    if not wanted:
        return {}
    found = await session.fetch(Purpose.APPLY, sql.select, *sql.key_arrays(wanted))
    rows = {row.key: row for row in map(sql.row, found)}
    missing = [key for key in wanted if key not in rows]
    if missing:  # not there, or held by another session: only a look without a lock can tell
        found = await session.fetch(Purpose.APPLY, sql.look, *sql.key_arrays(missing))
        rows |= {row.key: replace(row, locked=True) for row in map(sql.row, found)}
    return rows


async def match_rows(
    session: Session, sql: TableSql, rule: Identify, values: Sequence[str]
) -> dict[str, list[str]]:
    """The keys of rows by identifier; a value without a match is absent."""
    search = sql.search(rule, values)
    if not search.values:
        return {}
    matches: dict[str, list[str]] = defaultdict(list)
    for record in await session.fetch(Purpose.IDENTIFY, search.sql, search.values):
        matches[record["value"]].append(record["key"])
    return dict(matches)


async def write_rows(session: Session, sql: TableSql, writes: Sequence[RowWrite]) -> list[RowResult]:
    """Write rows as the daemon's own act, a result each, in order."""
    if not writes:
        return []
    writer = _Writer(session, sql, writes)
    await session.execute(Purpose.APPLY, BEGIN_OWN)
    for batch in writer.batches():
        await writer.write(batch)
    await session.execute(Purpose.APPLY, END_OWN)
    return [writer.results[n] for n in range(len(writes))]


@dataclass(frozen=True, slots=True)
class _Batch:
    """Writes that one statement can do: their positions, one operation, one set of columns, no key twice."""

    operation: Operation
    columns: tuple[str, ...]
    positions: tuple[int, ...]

    def halves(self) -> "tuple[_Batch, _Batch]":
        middle = len(self.positions) // 2
        first, second = self.positions[:middle], self.positions[middle:]
        return (
            _Batch(self.operation, self.columns, first),
            _Batch(self.operation, self.columns, second),
        )


class _Writer:
    def __init__(self, session: Session, sql: TableSql, writes: Sequence[RowWrite]) -> None:
        self._session = session
        self._sql = sql
        self.results: dict[int, RowResult] = {
            position: RowResult(write.key, failure=_NO_KEY)
            for position, write in enumerate(writes)
            if write.key is not None and not sql.is_key(write.key)
        }
        self._operations = [write.operation for write in writes]
        self._keys = [write.key for write in writes]
        self._values = [
            {} if position in self.results else _values(sql, write) for position, write in enumerate(writes)
        ]

    def batches(self) -> Iterator[_Batch]:
        """The writes in as few statements as keep their meaning: what concerns one key stays in order."""
        waves: dict[int, dict[tuple[Operation, tuple[str, ...]], list[int]]] = {}
        met: dict[str, int] = defaultdict(int)
        for position, operation in enumerate(self._operations):
            if position in self.results:
                continue
            key = self._keys[position] or _key_in(self._sql, self._values[position])
            wave = 0 if key is None else met[key]
            if key is not None:
                met[key] += 1
            columns = () if operation is Operation.DELETE else tuple(self._values[position])
            waves.setdefault(wave, {}).setdefault((operation, columns), []).append(position)
        for wave in sorted(waves):
            for (operation, columns), positions in waves[wave].items():
                yield _Batch(operation, columns, tuple(positions))

    async def write(self, batch: _Batch) -> None:
        """Do a batch, or as much of it as can be done."""
        try:
            async with self._session.transaction():
                await self._statement(batch)
        except CallFailedError as error:
            if not is_the_rows_fault(error.failure):
                raise
            await self._apart(batch, error.failure)
        except _UncertainOrderError:
            await self._apart(batch, _SUPPRESSED)

    async def _apart(self, batch: _Batch, failure: Failure) -> None:
        if len(batch.positions) == 1:
            self.results[batch.positions[0]] = RowResult(self._keys[batch.positions[0]], failure=failure)
            return
        for half in batch.halves():
            await self.write(half)

    async def _statement(self, batch: _Batch) -> None:
        match batch.operation:
            case Operation.CREATE:
                await self._insert(batch)
            case Operation.UPDATE if not batch.columns:
                await self._read(batch)
            case Operation.UPDATE:
                await self._change(batch, self._sql.update(batch.columns), columns=True)
            case Operation.DELETE:
                await self._change(batch, self._sql.delete, columns=False)

    async def _insert(self, batch: _Batch) -> None:
        if not batch.columns and len(batch.positions) > 1:
            raise _UncertainOrderError  # each row of defaults is a statement of its own
        records = await self._session.fetch(
            Purpose.APPLY, self._sql.insert(batch.columns), *self._arrays(batch)
        )
        if len(records) != len(batch.positions):
            raise _UncertainOrderError  # a trigger left some out: nothing says which
        for position, record in zip(batch.positions, records, strict=True):
            row = self._sql.row(record)
            self.results[position] = RowResult(row.key, row)

    async def _change(self, batch: _Batch, statement: str, *, columns: bool) -> None:
        records = await self._session.fetch(
            Purpose.APPLY, statement, *self._sql.key_arrays(self._batch_keys(batch)), *self._arrays(batch)
        )
        for record in records:
            row = self._sql.row(record, first=1) if columns else None
            self.results[batch.positions[record["position"] - 1]] = RowResult(record["key"], row)
        await self._explain_missing(batch)

    async def _read(self, batch: _Batch) -> None:
        found = await read_rows(self._session, self._sql, self._batch_keys(batch))
        for position, key in zip(batch.positions, self._batch_keys(batch), strict=True):
            row = found.get(key)
            self.results[position] = RowResult(key, row, None if row else _GONE)

    async def _explain_missing(self, batch: _Batch) -> None:
        missing = [position for position in batch.positions if position not in self.results]
        if not missing:
            return
        keys = [str(self._keys[position]) for position in missing]
        there = await read_rows(self._session, self._sql, keys)
        for position, key in zip(missing, keys, strict=True):
            self.results[position] = RowResult(key, failure=_SUPPRESSED if key in there else _GONE)

    def _batch_keys(self, batch: _Batch) -> list[str]:
        return [str(self._keys[position]) for position in batch.positions]

    def _arrays(self, batch: _Batch) -> Iterator[list[str | None]]:
        for column in batch.columns:
            yield [self._values[position][column] for position in batch.positions]


class _UncertainOrderError(Exception):
    """The answer does not say which row of the batch is which: the rows are to be written apart."""


def _values(sql: TableSql, write: RowWrite) -> dict[str, str | None]:
    """What is written into columns: generated ones left out, the key of a new row put in, in one order."""
    table = sql.step.table
    values = {name: value for name, value in write.values.items() if name not in table.generated}
    if write.operation is Operation.CREATE and write.key is not None:
        values |= dict(zip(table.key, key_parts(write.key, len(table.key)), strict=True))
    return dict(sorted(values.items()))


def _key_in(sql: TableSql, values: dict[str, str | None]) -> str | None:
    parts = [values.get(column) for column in sql.step.table.key]
    given = [part for part in parts if part is not None]
    return key_text(given) if len(given) == len(parts) else None
