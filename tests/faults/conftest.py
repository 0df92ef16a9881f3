"""Worlds for the tests of faults, and the draw of the cells that are played.

A module of cells names its `FAMILY`, and its test takes a `cell`.
"""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.faults.between import Between, between
from tests.faults.cells import Scene, chosen
from tests.support.databases import Databases
from tests.support.fault_proxy import FAIR
from tests.support.world import World, world


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Draw with the seed of this run, which the suite prints."""
    if "cell" in metafunc.fixturenames:
        given = metafunc.config.getoption("randomly_seed", default=0)
        seed = given if isinstance(given, int) else 0
        metafunc.parametrize("cell", chosen(metafunc.module.FAMILY, seed), ids=str)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def network(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Between]:
    """One world behind proxies for all tests of a module: each of them leaves it at rest."""
    async with between(databases, tmp_path_factory.mktemp("world")) as made:
        yield made


@pytest.fixture
def net(network: Between) -> Iterator[Between]:
    """That world, in fair weather."""
    yield network
    network.postgres.weather = network.salesforce.weather = FAIR


@pytest.fixture
async def stage(request: pytest.FixtureRequest, databases: Databases, tmp_path: Path) -> AsyncIterator[World]:
    """The world in which the test's cell is played: with our schema, or without it if the cell is about making it."""
    prepared = request.getfixturevalue("cell").place.scene is not Scene.INSTALL
    async with world(databases, tmp_path, prepared=prepared) as made:
        yield made
