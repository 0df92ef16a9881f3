"""An org, the adapter connected to it, and the org's control API."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from adapters.emulator import Emulator, EmulatorOptions
from adapters.memory.meter import MemoryMeter
from adapters.salesforce import Salesforce, connect
from daemon.runtime.clock import SystemClock
from tests.integration.salesforce.connecting import settings_for
from tests.integration.salesforce.control import Control

_SEED = """
fields:
  Account:
    Ext_Id__c: {type: text, length: 40, external_id: true, unique: true}
    Legacy__c: {type: text, length: 40, external_id: true}
  Contact:
    Ext_Id__c: {type: text, length: 40, external_id: true, unique: true}
    Tier__c: {type: picklist, values: [Gold, Silver], restricted: true}
"""


@pytest.fixture(scope="session")
def key_directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One key pair for all tests: making one takes longer than most of them."""
    return tmp_path_factory.mktemp("keys")


@pytest.fixture
async def emulator(tmp_path: Path, key_directory: Path) -> AsyncIterator[Emulator]:
    seed = tmp_path / "seed.yaml"
    seed.write_text(_SEED, "utf-8")
    org = Emulator(
        EmulatorOptions(seed_file=seed, key_directory=key_directory, hold_seconds=0.4, random_seed=7)
    )
    await org.start()
    try:
        yield org
    finally:
        await org.stop()


@pytest.fixture
async def control(emulator: Emulator) -> AsyncIterator[Control]:
    async with Control(emulator.announcement) as side_door:
        yield side_door


@pytest.fixture
def meter() -> MemoryMeter:
    return MemoryMeter()


@pytest.fixture
async def salesforce(emulator: Emulator, meter: MemoryMeter) -> AsyncIterator[Salesforce]:
    async with connect(settings_for(emulator.announcement), SystemClock(), meter) as connected:
        yield connected
