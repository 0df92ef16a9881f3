"""Worlds for acceptance tests: real processes of the installed command, between a real database and an org."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.databases import Databases
from tests.support.world import World, world


@pytest.fixture
async def bare(databases: Databases, tmp_path: Path) -> AsyncIterator[World]:
    """A prepared world in which no daemon runs yet."""
    async with world(databases, tmp_path) as made:
        yield made
        print(made.tails())  # shown where the test failed


@pytest.fixture
async def running(bare: World) -> World:
    """A prepared world whose daemon has loaded both sides and rests."""
    await bare.start()
    await bare.quiescent()
    return bare
