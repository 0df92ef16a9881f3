"""The daemon fails as it begins, logs in, makes its schema or stops."""

import pytest

from tests.faults.cells import SET_UP, Cell
from tests.faults.playing import CELL_SECONDS, play
from tests.support.world import World

FAMILY = SET_UP


@pytest.mark.timeout(CELL_SECONDS + 60)
async def test_f1_the_daemon_fails_at_the_edges_of_its_life(stage: World, cell: Cell) -> None:
    await play(stage, cell)
