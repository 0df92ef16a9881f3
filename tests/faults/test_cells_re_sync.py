"""The daemon fails while it reads an object whole."""

import pytest

from tests.faults.cells import RE_SYNC, Cell
from tests.faults.playing import CELL_SECONDS, play
from tests.support.world import World

FAMILY = RE_SYNC


@pytest.mark.timeout(CELL_SECONDS + 60)
async def test_f1_the_daemon_fails_while_it_loads(stage: World, cell: Cell) -> None:
    await play(stage, cell)
