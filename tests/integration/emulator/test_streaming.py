"""The Bayeux conversation: sessions, cookies, replay, and every refusal in its documented words."""

from __future__ import annotations

import asyncio
from itertools import pairwise

import pytest

from adapters.emulator import Emulator
from tests.integration.emulator.plain_client import PlainClient, PlainStream

ALL = "/data/ChangeEvents"


@pytest.mark.conformance(1)
@pytest.mark.conformance(14)
async def test_handshake_offers_long_polling_and_replay_and_sets_the_cookie(client: PlainClient) -> None:
    answer = await client.send(
        "POST", "/cometd/67.0/handshake/", json={"channel": "/meta/handshake", "id": "9"}
    )
    [shaken] = answer.body
    assert answer.headers["Content-Type"] == "application/json;charset=UTF-8"
    assert shaken["supportedConnectionTypes"] == ["long-polling"]
    assert shaken["ext"]["replay"] is True
    assert (shaken["id"], shaken["successful"]) == ("9", True)
    cookies = answer.headers.getall("Set-Cookie")
    cookie = next(text for text in cookies if text.startswith("BAYEUX_BROWSER="))
    assert "HttpOnly" in cookie
    assert "Secure" not in cookie


@pytest.mark.conformance(2)
async def test_a_client_without_the_cookie_is_refused(client: PlainClient) -> None:
    stream = await PlainStream(client).open()
    async with PlainClient(client.announcement) as stranger:
        message = {"channel": "/meta/connect", "clientId": stream.client_id, "connectionType": "long-polling"}
        [refused] = await stranger.bayeux(message)
    expected = (
        f"400::Client {stream.client_id} has established a session, but no BAYEUX_BROWSER cookie present"
    )
    assert refused["error"] == expected


@pytest.mark.conformance(3)
@pytest.mark.conformance(4)
async def test_first_connect_answers_at_once_and_later_ones_are_held(client: PlainClient) -> None:
    [shaken] = await client.bayeux({"channel": "/meta/handshake"})
    message = {"channel": "/meta/connect", "clientId": shaken["clientId"], "connectionType": "long-polling"}
    loop = asyncio.get_running_loop()
    [first] = await client.bayeux(dict(message))
    assert first["advice"] == {"reconnect": "retry", "interval": 0, "timeout": 400}
    started = loop.time()
    [held] = await client.bayeux(dict(message))
    assert held["successful"] is True
    assert loop.time() - started >= 0.35


@pytest.mark.conformance(5)
async def test_a_parked_connect_is_answered_by_an_event(client: PlainClient) -> None:
    stream = await PlainStream(client).open()
    await stream.subscribe(ALL)
    async with asyncio.TaskGroup() as group:
        parked = group.create_task(stream.connect())
        account = await client.create("Account", Name="Cobalt")
    *events, last = parked.result()
    assert last["channel"] == "/meta/connect"
    assert [event["data"]["payload"]["ChangeEventHeader"]["recordIds"] for event in events] == [[account]]


@pytest.mark.conformance(6)
@pytest.mark.conformance(17)
async def test_a_lost_session_must_shake_hands_again(client: PlainClient) -> None:
    stream = await PlainStream(client).open()
    await client.control("POST", "switches", {"session_seconds": -1})
    [gone] = await stream.connect()
    assert gone["error"] == "403::Unknown client"
    assert gone["advice"] == {"interval": 0, "reconnect": "handshake"}
    await client.control("POST", "switches", {"session_seconds": 40, "drop_sessions_ratio": 1})
    fresh = PlainStream(client)
    [shaken] = await client.bayeux({"channel": "/meta/handshake"})
    fresh.client_id = shaken["clientId"]
    [dropped] = await fresh.connect()
    assert dropped["error"] == "403::Unknown client"


@pytest.mark.conformance(7)
async def test_bad_tokens_at_handshake_and_at_connect(client: PlainClient) -> None:
    stream = await PlainStream(client).open()
    await client.control("POST", "tokens/expire")
    [connect] = await stream.connect()
    assert connect["error"] == "401::Authentication invalid"
    assert connect["advice"]["reconnect"] == "none"
    [denied] = await client.bayeux({"channel": "/meta/handshake"})
    assert denied["error"] == "403::Handshake denied"
    assert denied["ext"]["sfdc"]["failureReason"] == "401::Authentication invalid"


async def test_expiring_tokens_ends_a_parked_connect_at_once(client: PlainClient, emulator: Emulator) -> None:
    stream = await PlainStream(client).open()
    await stream.subscribe(ALL)
    async with asyncio.timeout(5), asyncio.TaskGroup() as group:
        parked = group.create_task(stream.connect())
        await client.control("POST", "tokens/expire")
    assert parked.result()[-1]["error"] == "401::Authentication invalid"


@pytest.mark.conformance(8)
@pytest.mark.conformance(9)
async def test_replay_starts_where_it_is_told(client: PlainClient, emulator: Emulator) -> None:
    for name in ("One", "Two", "Three"):
        emulator.org.create("Account", {"Name": name})
    stream = await PlainStream(client).open()
    await stream.subscribe(ALL, -2)
    seen = await stream.events(3)
    ids = [event["event"]["replayId"] for event in seen]
    assert ids == sorted(set(ids))
    await stream.subscribe(ALL, str(ids[0]))
    assert [event["event"]["replayId"] for event in await stream.events(2)] == ids[1:]
    await stream.subscribe(ALL)
    emulator.org.create("Account", {"Name": "Four"})
    [fresh] = await stream.events(1)
    assert fresh["payload"]["Name"] == "Four"


@pytest.mark.conformance(10)
@pytest.mark.conformance(33)
async def test_an_id_that_is_not_on_the_stream_fails_the_subscription(
    client: PlainClient, emulator: Emulator
) -> None:
    emulator.org.create("Account", {"Name": "One"})
    stream = await PlainStream(client).open()
    await stream.subscribe(ALL, -2)
    [event] = await stream.events(1)
    replay_id = event["event"]["replayId"]
    await client.control("POST", "clock", {"advance": 73 * 3600})
    async with PlainClient(client.announcement, await _fresh_token(client)) as later:
        late = await PlainStream(later).open()
        refused = await late.subscribe(ALL, replay_id)
    assert refused["error"] == (
        f"400::The replayId {{{replay_id}}} you provided was invalid.  Please provide a valid ID, -2 to replay all "
        "events, or -1 to replay only new events."
    )
    assert refused["subscription"] == ALL
    assert refused["successful"] is False


@pytest.mark.conformance(11)
async def test_replay_ids_grow_with_gaps(client: PlainClient, emulator: Emulator) -> None:
    for number in range(40):
        emulator.org.create("Account", {"Name": f"A{number}"})
    stream = await PlainStream(client).open()
    await stream.subscribe(ALL, -2)
    ids = [event["event"]["replayId"] for event in await stream.events(40)]
    steps = {later - earlier for earlier, later in pairwise(ids)}
    assert min(steps) >= 1
    assert len(steps) > 1


@pytest.mark.conformance(12)
@pytest.mark.conformance(13)
async def test_connect_and_subscribe_in_one_request_with_the_oauth_scheme(client: PlainClient) -> None:
    scheme = f"OAuth {client.token}"
    [shaken] = await client.bayeux({"channel": "/meta/handshake"}, auth=scheme)
    client_id = shaken["clientId"]
    answers = await client.bayeux(
        {"channel": "/meta/connect", "clientId": client_id, "connectionType": "long-polling"},
        {"channel": "/meta/subscribe", "clientId": client_id, "subscription": ALL},
        auth=scheme,
    )
    assert [(answer["channel"], answer["successful"]) for answer in answers] == [
        ("/meta/connect", True),
        ("/meta/subscribe", True),
    ]


@pytest.mark.conformance(15)
@pytest.mark.parametrize(
    ("path", "error"),
    [
        ("/cometd", "400::API version in the URI is mandatory. URI format: '/cometd/67.0'"),
        ("/cometd/36.0", "400::Unsupported API version. Only API versions '37.0' and later are supported."),
    ],
)
async def test_version_errors(client: PlainClient, path: str, error: str) -> None:
    answer = await client.send("POST", path, json=[{"channel": "/meta/handshake"}])
    assert (answer.status, answer.body[0]["error"]) == (400, error)


@pytest.mark.conformance(16)
async def test_limits_of_clients_and_deliveries(client: PlainClient, emulator: Emulator) -> None:
    stream = await PlainStream(client).open()
    await stream.subscribe(ALL)
    await client.control("POST", "switches", {"concurrent_clients": 1, "daily_event_limit": 1})
    [denied] = await client.bayeux({"channel": "/meta/handshake"})
    assert "concurrent user limit exceeded" in denied["ext"]["sfdc"]["failureReason"]
    emulator.org.create("Account", {"Name": "One"})
    await stream.events(1)
    assert (await stream.connect())[-1]["error"] == "403::Organization total events daily limit exceeded"


@pytest.mark.parametrize(
    ("channel", "error"),
    [
        (
            "/data/NoSuchChangeEvent",
            "400::The channel you requested to subscribe to doesn't exist {/data/NoSuchChangeEvent}",
        ),
        (
            "/data/changeevents",
            "400::The channel you requested to subscribe to doesn't exist {/data/changeevents}",
        ),
        ("data/ChangeEvents", "400::Channel subscriptions must start with a leading '/'"),
        ("", "400::Channel name not specified"),
    ],
)
async def test_channels_that_cannot_be_subscribed(client: PlainClient, channel: str, error: str) -> None:
    stream = await PlainStream(client).open()
    assert (await stream.subscribe(channel))["error"] == error


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


async def _fresh_token(client: PlainClient) -> str:
    form = {
        "grant_type": "client_credentials",
        "client_id": client.announcement.client_id,
        "client_secret": client.announcement.client_secret,
    }
    answer = await client.send("POST", "/services/oauth2/token", auth="", data=form)
    return str(answer.body["access_token"])
