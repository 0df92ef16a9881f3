"""An org for each test, served over HTTP, and a plain HTTP client for it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from adapters.emulator import Emulator, EmulatorOptions
from tests.support.plain_client import ALL_EVENTS, PlainClient, PlainStream

_SEED = """
objects:
  Employee__c:
    label: Employee
    fields:
      Badge__c: {type: text, length: 20, external_id: true, unique: true}
      Company__c: {type: master_detail, to: Account, children: Employees__r}
      Skills__c: {type: multipicklist, values: [SQL, Python, Go], restricted: true}
fields:
  Account:
    Ext_Id__c: {type: text, length: 40, external_id: true, unique: true}
    Legacy__c: {type: text, length: 40, external_id: true}
  Contact:
    Ext_Id__c: {type: text, length: 40, external_id: true, unique: true}
    Tier__c: {type: picklist, values: [Gold, Silver], restricted: true}
channels:
  People__chn: {Contact: [Ext_Id__c], Lead: []}
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
async def client(emulator: Emulator) -> AsyncIterator[PlainClient]:
    async with PlainClient(emulator.announcement) as plain:
        yield plain


@pytest.fixture
async def stream(client: PlainClient) -> PlainStream:
    """A session that hears every new event of every selected object."""
    opened = await PlainStream(client).open()
    assert (await opened.subscribe(ALL_EVENTS))["successful"]
    return opened
