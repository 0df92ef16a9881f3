"""Every place in the daemon's life times everything that can happen to it there, on a real database and a real process."""

import asyncio
import itertools
from collections.abc import Sequence

from adapters.memory.failpoints import Action
from tests.faults.cells import INBOUND, LONG_HANG, OUTBOUND, RE_SYNC, SET_UP, SHORT_HANG, Cell, Scene
from tests.faults.playing import play
from tests.prove.figure import Seen, Stage
from tests.support.world import world

PLACES = (*INBOUND, *OUTBOUND, *RE_SYNC, *SET_UP)
AT_A_TIME = 4
"""Many of them mostly wait for a process that hangs."""


async def kill_cells(stage: Stage) -> Seen:
    """Play each cell once, with a seed that no other cell has."""
    hang = stage.size(LONG_HANG, SHORT_HANG)
    cells = [
        Cell(place, action, stage.seed + number, hang)
        for number, (place, action) in enumerate(itertools.product(PLACES, Action))
    ][: stage.size(None, 1)]
    failed = await _play_all(stage, cells)
    return Seen(f"{len(cells) - len(failed)} of {len(cells)}", not failed, tuple(failed))


async def _play_all(stage: Stage, cells: Sequence[Cell]) -> list[str]:
    """What failed, by the names of the cells."""
    failed: list[str] = []
    numbered = iter(list(enumerate(cells)))
    databases = stage.databases()
    ended = itertools.count(1)
    for prepared in {cell.place.scene is not Scene.INSTALL for cell in cells}:
        async with world(databases, stage.room(f"template_{prepared}"), prepared=prepared):
            """The database that the others are copied from is made once, before many want it."""

    async def one_after_the_other() -> None:
        for number, cell in numbered:
            prepared = cell.place.scene is not Scene.INSTALL
            try:
                async with world(databases, stage.room(f"cell{number}"), prepared=prepared) as made:
                    await play(made, cell)
            except (AssertionError, TimeoutError) as error:
                failed.append(f"{cell}: {str(error)[:300]}")
            stage.progress(next(ended), len(cells))

    async with asyncio.TaskGroup() as group:
        for _ in range(min(AT_A_TIME, len(cells))):
            group.create_task(one_after_the_other())
    return failed
