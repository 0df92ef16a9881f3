"""The daemon fails between a captured row and its record."""

import pytest

from tests.faults.cells import OUTBOUND, Cell
from tests.faults.playing import CELL_SECONDS, play
from tests.support.world import World

FAMILY = OUTBOUND


@pytest.mark.timeout(CELL_SECONDS + 60)
async def test_f1_the_daemon_fails_on_the_way_out(stage: World, cell: Cell) -> None:
    await play(stage, cell)
