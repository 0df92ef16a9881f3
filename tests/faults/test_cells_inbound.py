"""The daemon fails between a change event and its effects."""

import pytest

from tests.faults.cells import INBOUND, Cell
from tests.faults.playing import CELL_SECONDS, play
from tests.support.world import World

FAMILY = INBOUND


@pytest.mark.timeout(CELL_SECONDS + 60)
async def test_f1_the_daemon_fails_on_the_way_in(stage: World, cell: Cell) -> None:
    await play(stage, cell)
