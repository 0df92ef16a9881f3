"""Each contract is kept by the real adapter and by its twin in memory: every test here runs over both."""

from collections.abc import AsyncIterator

import pytest

from tests.contract.arena import Arena, memory_arena, postgres_arena


@pytest.fixture(params=["memory", "postgres"])
async def arena(request: pytest.FixtureRequest) -> AsyncIterator[Arena]:
    if request.param == "memory":
        yield await memory_arena()
        return
    async with postgres_arena(request.getfixturevalue("databases")) as real:
        yield real
