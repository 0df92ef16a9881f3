"""Clocks that are an hour off: the same histories with the daemon's and the server's clock right, ahead and behind."""

import asyncio

from tests.prove.anomalies import instants
from tests.prove.figure import Seen, Stage
from tests.simulation.history import Play, played

HOUR = 3600.0
SEEDS = 300
_SHOWN = 10


async def skewed_clocks(stage: Stage) -> Seen:
    """Every history with four pairs of clocks, held against itself with clocks that are right; and the tests of instants."""
    seeds = stage.size(SEEDS, 3)
    different, broken = await asyncio.to_thread(_compared, stage, seeds)
    tables = await instants(stage) if stage.full else Seen("", True)
    figure = f"{seeds} histories × 4 clocks: {len(different)} detect otherwise, {len(broken)} break a promise; {tables.figure}"
    return Seen(
        figure, not different and not broken and tables.kept, (*different, *broken, *tables.notes)[:_SHOWN]
    )


def _compared(stage: Stage, seeds: int) -> tuple[list[str], list[str]]:
    different: list[str] = []
    broken: list[str] = []
    for number, seed in enumerate(range(stage.seed, stage.seed + seeds), 1):
        right = _play(seed, 0.0, 0.0)
        for machine, server in ((HOUR, 0.0), (-HOUR, 0.0), (0.0, HOUR), (0.0, -HOUR)):
            wrong = _play(seed, machine, server)
            name = f"seed {seed}, machine {machine:+g} s, server {server:+g} s"
            if _detected(wrong) != _detected(right):
                different.append(f"{name}: {_detected(wrong) ^ _detected(right)}")
            if wrong.broken and not right.broken:
                broken.append(f"{name}: {wrong.broken[0]}")
        stage.progress(number, seeds)
    return different, broken


def _detected(history: Play) -> frozenset[tuple[str, ...]]:
    """Every disagreement that was found: of which pair, in which field, between which values. Who won is another question."""
    lines = [stored.line for stored in history.database.ledger.values()]
    return frozenset(
        (line.sf_id, line.entry.field, str(line.entry.salesforce), str(line.entry.postgres)) for line in lines
    )


def _play(seed: int, machine: float, server: float) -> Play:
    return played(lambda loop: Play(seed, loop, ahead=(machine, server)))
