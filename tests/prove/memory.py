"""How much memory the daemon takes at most: a transaction of a million rows on one side, a flood of events from the other."""

import asyncio
import re
import time
from collections.abc import Awaitable, Callable
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import asyncpg

from tests.prove.figure import Seen, Stage
from tests.support.world import World, world
from tests.support.world_program import until

ROWS, EVENTS = 1_000_000, 200_000
WATCHED_SECONDS = 60.0
CAP = 256.0
"""MiB that may be resident."""
FLAT = 1.25
"""How much more the second half of a watch may take than the first."""
SMALL_CHANGE_SECONDS = 5.0
_EVERY = 0.2
_PART = 200
_RECORDS = 500
_STATEMENT_SECONDS = 180.0
_MANY = """
    INSERT INTO crm.companies (name, marker)
    SELECT 'name ' || n, 'm' || n FROM generate_series(1, $1::int) AS n
"""


async def memory(stage: Stage) -> Seen:
    """Each load in a world of its own; the process is watched from outside."""
    rows, events, seconds = stage.size((ROWS, EVENTS, WATCHED_SECONDS), (5_000, 1_000, 2.0))
    async with world(stage.databases(), stage.room("rows")) as made:
        await made.start()
        await made.quiescent()
        idle = _resident(made, "VmRSS")
        transaction = partial(_large_transaction, made, rows)
        first, flat_first = await _watched(made, transaction, seconds)
        small = await _small_change(made)
    stage.progress(1, 2)
    async with world(stage.databases(), stage.room("events")) as made:
        second, flat_second = await _watched(made, partial(_flood, made, events), seconds)
    stage.progress(2, 2)
    figure = (
        f"idle {idle:.0f} MiB; at most {first:.0f} MiB with {rows:,} rows (second half {flat_first:.2f} of the first; a small "
        f"change meanwhile after {small:.1f} s), {second:.0f} MiB with {events:,} events ({flat_second:.2f})"
    )
    kept = max(first, second) <= CAP and max(flat_first, flat_second) <= FLAT
    return Seen(figure, kept and small <= SMALL_CHANGE_SECONDS)


def _resident(made: World, line: str) -> float:
    """MiB that are resident now (`VmRSS`) or were at most (`VmHWM`)."""
    assert made.daemon is not None
    status = Path(f"/proc/{made.daemon.pid}/status").read_text("ascii")
    found = re.search(rf"{line}:\s+(\d+) kB", status)
    assert found is not None
    return int(found.group(1)) / 1024


async def _watched(made: World, load: Callable[[], Awaitable[None]], seconds: float) -> tuple[float, float]:
    """The most that was resident from the load on, and the second half's most over the first's."""
    await load()
    until_then = time.monotonic() + seconds
    seen: list[float] = []
    while time.monotonic() < until_then:
        seen.append(_resident(made, "VmRSS"))
        await asyncio.sleep(_EVERY)
    half = len(seen) // 2
    return _resident(made, "VmHWM"), max(seen[half:]) / max(seen[:half])


async def _large_transaction(made: World, rows: int) -> None:
    connection = await asyncpg.connect(made.dsn, timeout=_STATEMENT_SECONDS)
    try:
        await connection.execute(_MANY, rows, timeout=_STATEMENT_SECONDS)
    finally:
        await connection.close(timeout=_STATEMENT_SECONDS)


async def _small_change(made: World) -> float:
    """Seconds that a new person takes while the million is under way."""
    started = time.monotonic()
    await made.execute("INSERT INTO crm.people (last_name, marker) VALUES ('small', 'small')")

    async def there() -> bool:
        return bool(await made.org.query("SELECT Id FROM Contact WHERE Department = 'small'"))

    try:
        await until(there, "a small change is across", SMALL_CHANGE_SECONDS * 6, every=0.1)
    except AssertionError:
        return float("inf")
    return time.monotonic() - started


async def _flood(made: World, events: int) -> None:
    """Records and their first load; then the daemon is stopped, the records change that often, and it starts."""
    await made.start()
    await made.org.talk(partial(_create, _RECORDS))
    await made.quiescent(90)
    made.kill()
    ids = [record["Id"] for record in await made.org.query("SELECT Id FROM Account")]
    for start in range(0, events, 10_000):
        await made.org.talk(partial(_update, ids, start, min(10_000, events - start)))
    await made.start()


def _create(number: int, client: Any) -> None:
    for start in range(0, number, _PART):
        rows = [{"Name": f"n{start + n}"} for n in range(min(_PART, number - start))]
        _collection(client, "POST", rows)


def _update(ids: list[str], start: int, number: int, client: Any) -> None:
    rows = iter([{"id": ids[n % len(ids)], "Site": f"s{n}"} for n in range(start, start + number)])
    while part := list(islice(rows, _PART)):
        _collection(client, "PATCH", part)


def _collection(client: Any, method: str, rows: list[dict[str, str]]) -> None:
    records = [{"attributes": {"type": "Account"}, **row} for row in rows]
    found = client.restful("composite/sobjects", method=method, json={"allOrNone": False, "records": records})
    assert all(result["success"] for result in found), found
