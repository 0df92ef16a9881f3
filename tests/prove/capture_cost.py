"""What the doorbell of capture costs the application: its own writes, with it and with the same trigger that rings nothing."""

import asyncio
import re
import statistics
import subprocess
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import asyncpg

from adapters.postgres.embedded import DURABLE, EmbeddedPostgres
from tests.prove.figure import Seen, Stage
from tests.support.databases import Databases
from tests.support.world import World, world

CLIENTS = 32
ROUNDS, ROUND_SECONDS = 7, 4
LEAST = 0.80
_DEADLINE = 60.0
_RING = "PERFORM pg_notify('isthmus', '');"
_SCRIPT = """\\set row random(1, 1000)
UPDATE crm.companies SET phone = :row::text || clock_timestamp()::text WHERE id = :row;
"""


async def capture_cost(stage: Stage) -> Seen:
    """Interleaved rounds of both, on a server that waits for its disk as one in production does, with somebody listening."""
    rounds, seconds = stage.size(ROUNDS, 2), stage.size(ROUND_SECONDS, 1)
    with ExitStack() as stack:
        server = stack.enter_context(EmbeddedPostgres(settings=DURABLE))
        async with world(Databases(server), stage.room("world")) as made:
            return await _measured(stage, made, server, rounds, seconds)


async def _measured(stage: Stage, made: World, server: EmbeddedPostgres, rounds: int, seconds: int) -> Seen:
    await made.execute("INSERT INTO crm.companies (name) SELECT 'n' FROM generate_series(1, 1000)")
    source, function = await _capture_of_updates(made)
    assert _RING in source
    silent = source.replace(_RING, "NULL;")
    script = stage.folder / "update.sql"
    script.write_text(_SCRIPT, "utf-8")
    listener = await asyncpg.connect(made.dsn, timeout=_DEADLINE)
    await listener.add_listener("isthmus", lambda *_: None)
    with_it: list[float] = []
    without: list[float] = []
    try:
        for number in range(rounds):
            for text, found in _in_turn(number, (source, with_it), (silent, without)):
                await made.execute(text)
                await made.execute("TRUNCATE isthmus.change")
                found.append(await asyncio.to_thread(_throughput, server, made.dsn, script, seconds))
            stage.progress(number + 1, rounds)
    finally:
        await listener.close(timeout=_DEADLINE)
    ratio = statistics.median(one / other for one, other in zip(with_it, without, strict=True))
    figure = (
        f"{ratio:.0%}: {statistics.median(with_it):,.0f} transactions a second with the doorbell, "
        f"{statistics.median(without):,.0f} without, medians of {rounds} rounds ({function})"
    )
    return Seen(figure, ratio >= LEAST)


def _in_turn(
    number: int, first: tuple[str, list[float]], second: tuple[str, list[float]]
) -> Sequence[tuple[str, list[float]]]:
    """Each of both comes first in every other round, so that what a round leaves behind favours neither."""
    return (first, second) if number % 2 == 0 else (second, first)


async def _capture_of_updates(made: World) -> tuple[str, str]:
    """The definition of the function that captures updates of companies, and its name."""
    found = await made.fetch("""
        SELECT pg_get_functiondef(tgfoid) AS source, tgfoid::regproc::text AS name FROM pg_trigger
        WHERE tgrelid = 'crm.companies'::regclass AND NOT tgisinternal AND tgfoid::regproc::text LIKE 'isthmus.%'
        GROUP BY tgfoid
    """)
    assert len(found) == 1, found
    return found[0]["source"], found[0]["name"]


def _throughput(server: EmbeddedPostgres, dsn: str, script: Path, seconds: int) -> float:
    """Transactions a second of that many clients that each update one row at a time."""
    command = [
        str(server.binaries / "pgbench"),
        *("--no-vacuum", "--client", str(CLIENTS), "--jobs", "1", "--time", str(seconds)),
        *("--protocol", "prepared", "--file", str(script), dsn),
    ]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=_DEADLINE, check=False)
    assert ended.returncode == 0, ended.stderr
    found = re.search(r"tps = ([0-9.]+)", ended.stdout)
    assert found is not None, ended.stdout
    return float(found.group(1))
