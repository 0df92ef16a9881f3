"""The Bayeux conversation: sessions, cookies, replay, and every refusal in its documented words."""

from __future__ import annotations

import asyncio

from adapters.emulator import Emulator
from tests.support.plain_client import ALL_EVENTS, PlainClient, PlainStream, token_of

ALL = "/data/ChangeEvents"


async def test_expiring_tokens_ends_a_parked_connect_at_once(client: PlainClient, emulator: Emulator) -> None:
    stream = await PlainStream(client).open()
    await stream.subscribe(ALL)
    async with asyncio.timeout(5), asyncio.TaskGroup() as group:
        parked = group.create_task(stream.connect())
        await client.control("POST", "tokens/expire")
    assert parked.result()[-1]["error"] == "401::Authentication invalid"


async def test_a_muted_stream_stays_connected_and_catches_up(client: PlainClient, emulator: Emulator) -> None:
    stream = await PlainStream(client).open()
    await stream.subscribe(ALL)
    await client.control("POST", "stream/mute")
    emulator.org.create("Account", {"Name": "One"})
    [quiet] = await stream.connect()
    assert quiet["successful"] is True
    await client.control("POST", "stream/unmute")
    assert len(await stream.events(1)) == 1


async def test_stop_releases_parked_connects_in_less_than_a_second(
    client: PlainClient, emulator: Emulator
) -> None:
    stream = await PlainStream(client).open()
    loop = asyncio.get_running_loop()
    async with asyncio.TaskGroup() as group:
        parked = group.create_task(stream.connect())
        async with asyncio.timeout(5):
            while (await client.control("GET", "state?objects=User"))["parked"] == 0:
                pass
        started = loop.time()
        await emulator.stop()
        assert loop.time() - started < 1
    assert parked.result()[-1]["channel"] == "/meta/connect"


async def test_unsubscribe_and_disconnect(client: PlainClient, emulator: Emulator) -> None:
    stream = await PlainStream(client).open()
    await stream.subscribe(ALL)
    [left] = await client.bayeux(
        {"channel": "/meta/unsubscribe", "clientId": stream.client_id, "subscription": ALL}
    )
    assert left["successful"] is True
    emulator.org.create("Account", {"Name": "One"})
    assert len(await stream.connect()) == 1
    [ended] = await client.bayeux({"channel": "/meta/disconnect", "clientId": stream.client_id})
    assert ended["successful"] is True
    assert (await stream.connect())[0]["error"] == "403::Unknown client"


async def test_a_day_has_so_many_deliveries_and_the_next_day_has_them_again(client: PlainClient) -> None:
    await client.control("POST", "switches", {"daily_event_limit": 2})
    stream = await PlainStream(client).open()
    await stream.subscribe(ALL)
    for _ in range(2):
        await client.create("Account", Name="A")
        await stream.events(1)
    assert (await stream.connect())[-1]["error"] == "403::Organization total events daily limit exceeded"
    await client.control("POST", "clock", {"advance": 25 * 3600})
    client.token = await token_of(client)
    later = await PlainStream(client).open()
    await later.subscribe(ALL)
    await client.create("Account", Name="A")
    assert len(await later.events(1)) == 1


async def test_a_reader_whom_the_purge_overtakes_learns_of_it(client: PlainClient) -> None:
    stream = await PlainStream(client).open()
    await stream.subscribe(ALL_EVENTS)
    await client.create("Account", Name="One")
    [event] = await stream.events(1)
    await client.create("Account", Name="Two")
    await client.create("Account", Name="Three")
    await client.control("POST", "replay/expire", {"keep": 1})
    assert (await stream.connect())[-1]["error"] == "403::Unknown client"
    again = await PlainStream(client).open()
    refused = await again.subscribe(ALL_EVENTS, event["event"]["replayId"])
    assert refused["error"].startswith("400::The replayId")
