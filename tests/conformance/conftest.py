"""An org for each test, and nothing but its addresses.

The suite runs against any emulator: start one with `isthmus emulator --seed tests/conformance/org.yaml --json`, keep the line that it prints
in a file, and give that to `pytest tests/conformance --org FILE`. Each test then begins with the org as it was before the first one.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from pathlib import Path

import orjson
import pytest

from adapters.emulator import Emulator, EmulatorOptions
from tests.support.plain_client import OrgAddress, PlainClient, PlainStream, token_of

_SEED = Path(__file__).with_name("org.yaml")
_HOLD_SECONDS = 0.4
_BEFORE = "before the suite"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--org", type=Path, help="what a running emulator printed at its start, in a file")


@pytest.fixture(scope="session")
def key_directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One key pair for all tests: making one takes longer than most of them."""
    return tmp_path_factory.mktemp("keys")


@pytest.fixture(scope="session")
def running(request: pytest.FixtureRequest) -> OrgAddress | None:
    """The address of an emulator that runs elsewhere; None when there is none."""
    file: Path | None = request.config.getoption("--org", default=None)
    return OrgAddress(**orjson.loads(file.read_bytes().splitlines()[0])) if file is not None else None


@pytest.fixture
async def address(running: OrgAddress | None, key_directory: Path) -> AsyncIterator[OrgAddress]:
    """An org of its own, or the one that runs elsewhere put back into its first state."""
    if running is not None:
        yield await _put_back(running)
        return
    emulator = Emulator(
        EmulatorOptions(
            seed_file=_SEED, key_directory=key_directory, hold_seconds=_HOLD_SECONDS, random_seed=7
        )
    )
    announcement = await emulator.start()
    try:
        yield OrgAddress(**announcement.as_json())
    finally:
        await emulator.stop()


@pytest.fixture
async def patient(running: OrgAddress | None, key_directory: Path) -> AsyncIterator[PlainClient]:
    """A user of an org that parks connects as long as a real one."""
    if running is not None:
        async with PlainClient(await _put_back(running)) as plain:
            yield plain
        return
    emulator = Emulator(EmulatorOptions(seed_file=_SEED, key_directory=key_directory, random_seed=7))
    announcement = await emulator.start()
    try:
        async with PlainClient(announcement) as plain:
            yield plain
    finally:
        await emulator.stop()


@pytest.fixture
async def client(address: OrgAddress) -> AsyncIterator[PlainClient]:
    async with PlainClient(address) as plain:
        yield plain


@pytest.fixture
async def stream(client: PlainClient) -> PlainStream:
    """A session that hears every new event of every selected object."""
    opened = await PlainStream(client).open()
    assert (await opened.subscribe("/data/ChangeEvents"))["successful"]
    return opened


async def _put_back(known: OrgAddress) -> OrgAddress:
    """Bring a running org into the state in which the suite found it, and sign in anew."""
    async with PlainClient(known) as plain:
        await plain.control("POST", "clock", {"freeze": True, "at": time.time()})
        await plain.control("POST", "clock", {"freeze": False})
        if _BEFORE not in (await plain.control("GET", "snapshots"))["snapshots"]:
            await plain.control("POST", "snapshots", {"name": _BEFORE})
        await plain.control("POST", "snapshots/restore", {"name": _BEFORE})
        for leftover in ("faults", "locks", "requests"):
            await plain.control("DELETE", leftover)
        await plain.control("POST", "stream/unmute")
        return known.with_token(await token_of(plain))
