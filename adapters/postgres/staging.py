"""A portion of a load, staged in a temporary table and settled by few statements however large it is.

The table has the portion's base as `jsonb` and a column of the right type for each column that a new row gets, so that nothing is cast or
taken apart a second time. Nothing is known of its size, so the planner would compare every row with every other one: its statements run
without nested loops, and look up what is stored by arrays of ids. The table lives for one transaction. What crosses is COPY's text, made here from canonical values.
"""

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, cast

import orjson

from adapters.postgres.changes import ring
from adapters.postgres.columns import staging_type
from adapters.postgres.documents import decode, encode
from adapters.postgres.faults import is_the_rows_fault
from adapters.postgres.queries import QUERIES
from adapters.postgres.rows import BEGIN_OWN, END_OWN
from adapters.postgres.session import Purpose, Session
from adapters.postgres.tables import TableSql
from daemon.domain.change import Source
from daemon.domain.failure import CallFailedError
from daemon.domain.link import UNKNOWN_OUTCOME
from daemon.domain.mapping import Step
from daemon.domain.value import Value
from daemon.ports.loads import LoadState, Portion, Staged

_TABLE = "isthmus_staged"
_LINES_AT_ONCE = 500
"""Lines that are made between two looks of the event loop at anything else."""

_NULL = "\\N"
_FLAGS = {None: _NULL, True: "true", False: "false"}
_ESCAPES = str.maketrans({"\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"})


class _UnequalError(Exception):
    """The table made more or fewer rows than it was given."""


async def unfinished(session: Session, kind: str, step: str) -> LoadState | None:
    """A read that can be gone on with."""
    found = await session.fetch(Purpose.ADMIN, QUERIES["unfinished_load"], kind, step)
    if not found:
        return None
    row = found[0]
    answers = frozenset(decode(row["place"])["answers"]) if row["place"] is not None else frozenset()
    return LoadState(
        row["processed"], row["expected"], row["low"], row["bookmark"], answers, decode(row["outcome"])
    )


async def begin(
    session: Session, kind: str, step: str, expected: int, low: datetime, answers: Collection[int]
) -> None:
    """A read begins: in the job that an operator ordered, or in the one row of its kind and step."""
    await session.execute(Purpose.ADMIN, QUERIES["forget_read"], kind, step)
    place = encode({"answers": sorted(answers)})
    for query in ("begin_ordered_load", "begin_load"):
        if await session.execute(Purpose.ADMIN, QUERIES[query], kind, step, expected, low, place):
            break


async def ask_after_missing(session: Session, kind: str, step: str, source: Source, at: datetime) -> int:
    """Store a REREAD for every linked record that was not read."""
    await session.value(Purpose.APPLY, QUERIES["without_nested_loops"])
    asked = await session.execute(Purpose.CAPTURE, QUERIES["ask_after_missing"], kind, step, source.value, at)
    await session.value(Purpose.APPLY, QUERIES["with_nested_loops"])
    if asked:
        await ring(session)
    return asked


async def keep(
    session: Session,
    kind: str,
    step: str,
    processed: int,
    expected: int,
    bookmark: str,
    outcome: Mapping[str, Any],
) -> None:
    """Store how far a read has come."""
    await session.execute(
        Purpose.ADMIN, QUERIES["keep_load"], kind, step, processed, expected, bookmark, encode(dict(outcome))
    )


async def end(session: Session, kind: str, step: str, *, done: bool, outcome: Mapping[str, Any]) -> None:
    """A read has come to its end."""
    await session.execute(Purpose.ADMIN, QUERIES["end_load"], kind, step, done, encode(dict(outcome)))
    await session.execute(Purpose.ADMIN, QUERIES["forget_read"], kind, step)


async def takes_sets(session: Session, step: Step) -> bool:
    """Whether the table stores what it is given."""
    plain: bool | None = await session.value(
        Purpose.ADMIN, QUERIES["takes_sets"], step.table.schema, step.table.name
    )
    return plain is True


async def stage(session: Session, step: Step, portion: Portion) -> Staged:
    """Copy a portion into the temporary table, move `seen` of what is equal, and sort the rest."""
    types = step.table.types
    columns = "".join(f", c{n} {staging_type(types[column])}" for n, column in enumerate(portion.columns))
    await session.execute(
        Purpose.APPLY,
        f"CREATE TEMPORARY TABLE {_TABLE} (place integer, sf_id text, stamp timestamptz, base jsonb{columns}) ON COMMIT DROP",
    )
    await session.copy_in(Purpose.APPLY, _TABLE, _lines(portion))
    await session.value(Purpose.APPLY, QUERIES["without_nested_loops"])
    (found,) = await session.fetch(Purpose.IDENTIFY, QUERIES["sort_staged"], step.name, UNKNOWN_OUTCOME)
    await session.value(Purpose.APPLY, QUERIES["with_nested_loops"])
    return Staged(found["new"], found["open"], found["behind"], found["equal"], found["elsewhere"])


async def insert(
    session: Session,
    sql: TableSql,
    columns: Sequence[str],
    chosen: Sequence[int],
    source: Source,
    at: datetime,
) -> int | None:
    """Insert the rows of the chosen records, with all that belongs to them; None if that cannot be done."""
    try:
        async with session.transaction():
            released = await _insert(session, sql, tuple(columns), chosen, source, at)
    except _UnequalError:
        return None
    except CallFailedError as error:
        if not is_the_rows_fault(error.failure):
            raise
        return None
    if released:
        await ring(session)
    return len(chosen)


async def _insert(
    session: Session,
    sql: TableSql,
    columns: tuple[str, ...],
    chosen: Sequence[int],
    source: Source,
    at: datetime,
) -> int:
    """Insert, and say how many changes had waited for it. Raises _UnequalError."""
    step = sql.step
    await session.value(Purpose.APPLY, QUERIES["without_nested_loops"])
    await session.execute(Purpose.APPLY, BEGIN_OWN)
    (counted,) = await session.fetch(
        Purpose.APPLY,
        sql.insert_staged(columns),
        step.name,
        step.object,
        step.table.qualified,
        at,
        source.value,
        chosen,
    )
    await session.execute(Purpose.APPLY, END_OWN)
    await session.value(Purpose.APPLY, QUERIES["with_nested_loops"])
    if counted["written"] != len(chosen):
        raise _UnequalError
    return int(counted["released"])


async def _lines(portion: Portion) -> AsyncIterator[bytes]:
    """The portion as COPY reads it. The base's keys come in the order in which `jsonb` keeps them: it need not sort them then."""
    names = sorted(portion.base, key=lambda name: (len(name.encode()), name.encode()))
    stamps = {stamp: stamp.isoformat() for stamp in set(portion.stamps)}
    for start in range(0, len(portion.ids), _LINES_AT_ONCE):
        part = slice(start, start + _LINES_AT_ONCE)
        ids = portion.ids[part]
        bases = zip(*(portion.base[name][part] for name in names), strict=True)
        cells = [
            map(str, range(start, start + len(ids))),
            ids,
            [stamps[stamp] for stamp in portion.stamps[part]],
            [_document(dict(zip(names, row, strict=True))) for row in bases],
            *(_texts(values[part]) for values in portion.columns.values()),
        ]
        lines = map("\t".join, zip(*cells, strict=True))
        yield ("\n".join(lines) + "\n").encode()


def _document(base: Mapping[str, Value]) -> str:
    text = encode(base)
    return text.replace("\\", "\\\\") if "\\" in text else text


def _texts(values: Sequence[Value]) -> Sequence[str]:
    """Cells of one column, whose values are all of one type. Nearly all need no escape, which one look at them together tells."""
    kind = type(next((value for value in values if value is not None), None))
    if kind is bool:
        return list(map(_FLAGS.__getitem__, cast("Sequence[bool | None]", values)))
    texts: Sequence[str | None]
    if kind is str:
        texts = cast("Sequence[str | None]", values)
    else:
        texts = [None if value is None else orjson.dumps(value).decode() for value in values]
    whole = "".join(filter(None, texts))
    if "\\" in whole or "\n" in whole or "\t" in whole or "\r" in whole:
        return [_NULL if text is None else text.translate(_ESCAPES) for text in texts]
    return [_NULL if text is None else text for text in texts]
