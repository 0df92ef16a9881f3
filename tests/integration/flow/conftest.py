"""A road for each test: `make_road(step, ...)`."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from daemon.domain.mapping import Step
from tests.support.databases import Databases
from tests.support.road import Road, open_road

MakeRoad = Callable[..., Awaitable[Road]]


@pytest.fixture(scope="session")
def key_directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One key pair for all tests: making one takes longer than most of them."""
    return tmp_path_factory.mktemp("keys")


@pytest.fixture
async def make_road(databases: Databases, tmp_path: Path, key_directory: Path) -> AsyncIterator[MakeRoad]:
    async with AsyncExitStack() as stack:

        async def make(*steps: Step) -> Road:
            return await stack.enter_async_context(open_road(databases, tmp_path, key_directory, *steps))

        yield make
