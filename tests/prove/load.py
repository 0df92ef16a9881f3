"""Changes on both sides for as long as a block runs."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tests.support.world_traffic import Traffic

_BREATH_SECONDS = 0.02


@asynccontextmanager
async def under_load(traffic: Traffic) -> AsyncIterator[None]:
    """Both sides are written to while the block runs, and what the writers meet is raised at its end."""
    over = asyncio.Event()

    async def write() -> None:
        while not over.is_set():
            await traffic.both(6, 6)
            await asyncio.sleep(_BREATH_SECONDS)

    async with asyncio.TaskGroup() as group:
        group.create_task(write())
        try:
            yield
        finally:
            over.set()
