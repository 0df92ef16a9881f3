"""aiosfstream-ng, which was written against real orgs, listens to the emulator."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from aiosfstream_ng.auth import AuthenticatorBase
from aiosfstream_ng.client import Client
from aiosfstream_ng.exceptions import ServerError
from aiosfstream_ng.replay import ReplayMarker, ReplayOption

from adapters.emulator import Announcement, Emulator
from tests.integration.emulator.plain_client import PlainClient

ALL = "/data/ChangeEvents"


class KnownToken(AuthenticatorBase):
    """Gives the token of the announcement instead of asking for one."""

    def __init__(self, announcement: Announcement) -> None:
        super().__init__()
        self._announcement = announcement

    async def _authenticate(self) -> tuple[int, dict[str, Any]]:
        known = self._announcement
        return 200, {"access_token": known.access_token, "token_type": "Bearer", "instance_url": known.url}


def listener(emulator: Emulator, **options: Any) -> Client:
    return Client(KnownToken(emulator.announcement), connection_timeout=0, **options)


async def test_it_connects_subscribes_and_receives(emulator: Emulator) -> None:
    async with asyncio.timeout(20), listener(emulator) as client:
        await client.subscribe(ALL)
        made = emulator.org.create("Account", {"Name": "Cobalt"})
        message = await client.receive()
        assert message["channel"] == ALL
        assert message["data"]["payload"]["ChangeEventHeader"]["recordIds"] == [made]


async def test_it_replays_everything_retained_on_one_object(emulator: Emulator) -> None:
    for number in range(30):
        emulator.org.create("Account", {"Name": f"A{number}"})
        emulator.org.create("Lead", {"LastName": "V", "Company": "U"})
    async with asyncio.timeout(20), listener(emulator, replay=ReplayOption.ALL_EVENTS) as client:
        await client.subscribe("/data/AccountChangeEvent")
        names = [(await client.receive())["data"]["payload"]["Name"] for _ in range(30)]
    assert names == [f"A{number}" for number in range(30)]


async def test_it_sees_an_expired_position_as_error_400(emulator: Emulator) -> None:
    emulator.org.create("Account", {"Name": "Cobalt"})
    [event] = emulator.org.log.since(0, 1)
    emulator.org.log.expire()
    marker = {ALL: ReplayMarker(date="0", replay_id=event.replay_id)}
    async with asyncio.timeout(20), listener(emulator, replay=marker) as client:
        with pytest.raises(ServerError) as refused:
            await client.subscribe(ALL)
        assert refused.value.error_code == 400
        assert str(refused.value.error_message).startswith("The replayId {")


async def test_it_comes_back_after_its_session_was_lost(emulator: Emulator, client: PlainClient) -> None:
    async with asyncio.timeout(20), listener(emulator, replay={}) as foreign:
        await foreign.subscribe(ALL)
        emulator.org.create("Account", {"Name": "before"})
        assert (await foreign.receive())["data"]["payload"]["Name"] == "before"
        await client.control("POST", "stream/drop-sessions")
        emulator.org.create("Account", {"Name": "after"})
        assert (await foreign.receive())["data"]["payload"]["Name"] == "after"
