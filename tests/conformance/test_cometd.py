"""Points 1 to 17: the Bayeux conversation."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from typing import Any

import pytest

from tests.support.plain_client import (
    ALL_EVENTS,
    PlainClient,
    PlainStream,
    body,
    collection,
    header,
    token_of,
)

HANDSHAKE = {
    "channel": "/meta/handshake",
    "version": "1.0",
    "minimumVersion": "1.0",
    "supportedConnectionTypes": ["websocket", "in-process", "long-polling"],
}
JSON = "application/json;charset=UTF-8"
TO_HANDSHAKE = {"interval": 0, "reconnect": "handshake"}
REPLAY_INVALID = (
    "400::The replayId {%s} you provided was invalid.  Please provide a valid ID, -2 to replay all events, "
    "or -1 to replay only new events."
)


def connecting(client_id: str, **extra: Any) -> dict[str, Any]:
    return {"channel": "/meta/connect", "clientId": client_id, "connectionType": "long-polling", **extra}


def subscribing(client_id: str, channel: str, replay: dict[str, Any] | None = None) -> dict[str, Any]:
    message: dict[str, Any] = {
        "channel": "/meta/subscribe",
        "clientId": client_id,
        "subscription": channel,
    }
    return message if replay is None else message | {"ext": {"replay": replay}}


async def shake(client: PlainClient, **kwargs: Any) -> str:
    [shaken] = await client.bayeux(dict(HANDSHAKE), **kwargs)
    assert shaken["successful"] is True
    return str(shaken["clientId"])


async def retained(client: PlainClient, count: int) -> list[int]:
    """That many events on the stream, their replay ids in order; they are Accounts called A0, A1 …"""
    rows = [{"Name": f"A{number}"} for number in range(count)]
    await client.rest("POST", "composite/sobjects", json=collection("Account", *rows))
    stream = await PlainStream(client).open()
    await stream.subscribe(ALL_EVENTS, -2)
    ids = [event["event"]["replayId"] for event in await stream.events(count)]
    await client.bayeux({"channel": "/meta/disconnect", "clientId": stream.client_id})
    return ids


def names(events: list[dict[str, Any]]) -> list[str]:
    return [body(event)["Name"] for event in events]


async def test_01a_handshake_answers_with_replay_and_long_polling_only(client: PlainClient) -> None:
    [shaken] = await client.bayeux(HANDSHAKE | {"id": "h-1"})
    client_id = shaken.pop("clientId")
    assert isinstance(client_id, str)
    assert client_id
    assert shaken == {
        "channel": "/meta/handshake",
        "id": "h-1",
        "version": "1.0",
        "minimumVersion": "1.0",
        "successful": True,
        "supportedConnectionTypes": ["long-polling"],
        "ext": {"replay": True, "payload.format": True},
    }


async def test_01b_each_handshake_gives_a_new_client_id(client: PlainClient) -> None:
    assert len({await shake(client) for _ in range(5)}) == 5


async def test_01c_handshake_sets_the_browser_cookie(client: PlainClient) -> None:
    answer = await client.send("POST", "/cometd/67.0", json=[HANDSHAKE])
    [cookie] = [text for text in answer.headers.getall("Set-Cookie") if text.startswith("BAYEUX_BROWSER=")]
    value, *attributes = [part.strip() for part in cookie.split(";")]
    assert value.removeprefix("BAYEUX_BROWSER=")
    assert "HttpOnly" in attributes
    assert "Secure" not in attributes  # or no client would send it back over plain HTTP


@pytest.mark.parametrize(
    "message",
    [
        {"channel": "/meta/connect", "connectionType": "long-polling"},
        {"channel": "/meta/subscribe", "subscription": ALL_EVENTS},
        {"channel": "/meta/unsubscribe", "subscription": ALL_EVENTS},
        {"channel": "/meta/disconnect"},
    ],
    ids=lambda message: message["channel"],
)
async def test_02_a_request_without_the_cookie_gets_the_400_text(
    client: PlainClient, message: dict[str, Any]
) -> None:
    stream = await PlainStream(client).open()
    async with PlainClient(client.announcement) as without_cookie:
        [refused] = await without_cookie.bayeux(message | {"clientId": stream.client_id, "id": "7"})
    assert refused["error"] == (
        f"400::Client {stream.client_id} has established a session, but no BAYEUX_BROWSER cookie present"
    )
    assert (refused["channel"], refused["id"], refused["successful"]) == (message["channel"], "7", False)
    assert refused.get("subscription") == message.get("subscription")
    assert (await stream.subscribe(ALL_EVENTS))["successful"] is True  # who has the cookie goes on


async def test_03_first_connect_answers_at_once_with_the_advice(patient: PlainClient) -> None:
    client_id = await shake(patient)
    async with asyncio.timeout(5):
        [first] = await patient.bayeux(connecting(client_id, id="c-1"))
    assert first == {
        "channel": "/meta/connect",
        "id": "c-1",
        "clientId": client_id,
        "successful": True,
        "advice": {"reconnect": "retry", "interval": 0, "timeout": 110000},
    }


@pytest.mark.timeout(300)  # an org that runs elsewhere holds a connect for 110 s
async def test_04a_later_connects_are_parked_and_end_with_a_plain_success(client: PlainClient) -> None:
    client_id = await shake(client)
    [first] = await client.bayeux(connecting(client_id))
    await client.bayeux(subscribing(client_id, ALL_EVENTS))
    held = first["advice"]["timeout"] / 1000
    clock = asyncio.get_running_loop().time
    started = clock()
    [later] = await client.bayeux(connecting(client_id, id="2"))
    assert held * 0.9 <= clock() - started < held + 5
    assert later == {"channel": "/meta/connect", "id": "2", "clientId": client_id, "successful": True}


async def test_04b_a_connect_of_an_org_that_holds_longer_is_still_parked(patient: PlainClient) -> None:
    client_id = await shake(patient)
    [first] = await patient.bayeux(connecting(client_id))
    assert first["advice"]["timeout"] == 110000
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(1.2):
            await patient.bayeux(connecting(client_id))


async def test_05a_events_come_before_the_connect_reply(client: PlainClient) -> None:
    stream = await PlainStream(client).open()
    await stream.subscribe(ALL_EVENTS)
    rows = collection("Account", {"Name": "One"}, {"Name": "Two"})
    async with asyncio.TaskGroup() as group:
        parked = group.create_task(stream.connect(id="p"))
        await client.rest("POST", "composite/sobjects", json=rows)
    *events, last = parked.result()
    assert last == {"channel": "/meta/connect", "id": "p", "clientId": stream.client_id, "successful": True}
    assert [event["channel"] for event in events] == [ALL_EVENTS, ALL_EVENTS]
    assert names([event["data"] for event in events]) == ["One", "Two"]


async def test_05b_events_that_wait_already_come_before_the_reply_too(client: PlainClient) -> None:
    stream = await PlainStream(client).open()
    await stream.subscribe(ALL_EVENTS)
    await client.create("Account", Name="One")
    answers = await stream.connect()
    assert [answer["channel"] for answer in answers] == [ALL_EVENTS, "/meta/connect"]
    assert set(answers[0]) == {"channel", "data"}
    assert set(answers[0]["data"]) == {"schema", "payload", "event"}
    assert len(answers[0]["data"]["schema"]) == 22
    assert isinstance(answers[0]["data"]["event"]["replayId"], int)


async def test_06_a_client_that_stays_away_is_unknown(client: PlainClient) -> None:
    assert (await client.control("GET", "switches"))["session_seconds"] == 40
    await client.control("POST", "switches", {"session_seconds": 1})
    away, faithful = await PlainStream(client).open(), await PlainStream(client).open()
    clock = asyncio.get_running_loop().time
    started = clock()
    while clock() - started < 1.3:  # the one who comes back lives longer than a session that nobody uses
        assert (await faithful.connect(advice={"timeout": 0}))[-1]["successful"] is True
    [gone] = await away.connect(id="late")
    assert gone == {
        "channel": "/meta/connect",
        "id": "late",
        "clientId": away.client_id,
        "successful": False,
        "error": "403::Unknown client",
        "advice": TO_HANDSHAKE,
    }
    refused = await away.subscribe(ALL_EVENTS)
    assert (refused["error"], refused["subscription"]) == ("403::Unknown client", ALL_EVENTS)
    again = await PlainStream(client).open()
    assert again.client_id != away.client_id
    assert (await again.subscribe(ALL_EVENTS))["successful"] is True


async def test_07a_a_bad_token_at_connect_is_401(client: PlainClient) -> None:
    stream = await PlainStream(client).open()
    await client.control("POST", "tokens/expire")
    [refused] = await stream.connect(id="7")
    assert refused == {
        "channel": "/meta/connect",
        "id": "7",
        "clientId": stream.client_id,
        "successful": False,
        "error": "401::Authentication invalid",
        "advice": {"reconnect": "none", "interval": 0},
    }


async def test_07b_a_bad_token_at_handshake_is_403_with_the_reason_inside(client: PlainClient) -> None:
    await client.control("POST", "tokens/expire")
    for auth in (None, "Bearer nonsense", "OAuth nonsense"):
        [refused] = await client.bayeux(HANDSHAKE | {"id": "1"}, auth=auth)
        assert refused == {
            "channel": "/meta/handshake",
            "id": "1",
            "successful": False,
            "error": "403::Handshake denied",
            "ext": {
                "sfdc": {"failureReason": "401::Authentication invalid"},
                "replay": True,
                "payload.format": True,
            },
            "advice": {"reconnect": "none"},
        }


async def test_07c_a_connect_without_any_token_is_told_so(client: PlainClient) -> None:
    stream = await PlainStream(client).open()
    [refused] = await client.bayeux(connecting(stream.client_id), auth="")
    assert (refused["successful"], refused["error"]) == (False, "401::Request requires authentication")


async def test_08a_subscribe_uses_only_the_entry_of_its_own_channel(client: PlainClient) -> None:
    ids = await retained(client, 3)
    stream = await PlainStream(client).open()
    others = {"/data/ContactChangeEvent": 1, "/data/Unheard__chn": -2, ALL_EVENTS: -2}
    message = subscribing(stream.client_id, "/data/AccountChangeEvent", others)
    [subscribed] = await client.bayeux(message | {"id": "s"})
    assert subscribed == {
        "channel": "/meta/subscribe",
        "id": "s",
        "clientId": stream.client_id,
        "subscription": "/data/AccountChangeEvent",
        "successful": True,
    }
    await client.create("Account", Name="Fresh")
    assert names(await stream.events(1)) == ["Fresh"]
    own = {"/data/ContactChangeEvent": -1, ALL_EVENTS: -1, "/data/AccountChangeEvent": ids[0]}
    await client.bayeux(subscribing(stream.client_id, "/data/AccountChangeEvent", own))
    assert names(await stream.events(3)) == ["A1", "A2", "Fresh"]


@pytest.mark.parametrize("as_text", [False, True])
async def test_08b_a_replay_id_is_a_number_or_a_numeric_text(client: PlainClient, *, as_text: bool) -> None:
    ids = await retained(client, 3)
    expected = {-2: ["A0", "A1", "A2", "Fresh"], ids[1]: ["A2", "Fresh"], -1: ["Fresh"]}
    streams = {}
    for replay in expected:
        streams[replay] = await PlainStream(client).open()
        await streams[replay].subscribe(ALL_EVENTS, str(replay) if as_text else replay)
    await client.create("Account", Name="Fresh")
    for replay, wanted in expected.items():
        assert names(await streams[replay].events(len(wanted))) == wanted


@pytest.mark.parametrize("replay", [None, {}], ids=["no ext", "empty map"])
async def test_08c_no_entry_means_new_events_only(client: PlainClient, replay: dict[str, Any] | None) -> None:
    await retained(client, 3)
    stream = await PlainStream(client).open()
    [subscribed] = await client.bayeux(subscribing(stream.client_id, ALL_EVENTS, replay))
    assert subscribed["successful"] is True
    await client.create("Account", Name="Fresh")
    assert names(await stream.events(1)) == ["Fresh"]


async def test_09a_minus_two_replays_all_that_is_retained(client: PlainClient) -> None:
    ids = await retained(client, 7)
    stream = await PlainStream(client).open()
    await stream.subscribe(ALL_EVENTS, -2)
    events = await stream.events(7)
    assert names(events) == [f"A{number}" for number in range(7)]
    assert [event["event"]["replayId"] for event in events] == ids


async def test_09b_an_id_starts_after_its_event(client: PlainClient) -> None:
    ids = await retained(client, 4)
    stream = await PlainStream(client).open()
    await stream.subscribe(ALL_EVENTS, ids[1])
    assert [event["event"]["replayId"] for event in await stream.events(2)] == ids[2:]
    await stream.subscribe(ALL_EVENTS, ids[3])
    await client.create("Account", Name="Fresh")
    assert names(await stream.events(1)) == ["Fresh"]


async def test_10a_an_expired_id_fails_the_subscription(client: PlainClient) -> None:
    ids = await retained(client, 3)
    await client.control("POST", "replay/expire", {"keep": 1})
    stream = await PlainStream(client).open()
    for expired in ids[:2]:
        refused = await stream.subscribe(ALL_EVENTS, expired)
        assert refused == {
            "clientId": stream.client_id,
            "channel": "/meta/subscribe",
            "id": refused["id"],
            "subscription": ALL_EVENTS,
            "successful": False,
            "error": REPLAY_INVALID % expired,
        }
    assert (await stream.subscribe(ALL_EVENTS, ids[2]))["successful"] is True


async def test_10b_an_id_that_was_never_given_fails_and_nothing_is_repositioned(client: PlainClient) -> None:
    ids = await retained(client, 3)
    stream = await PlainStream(client).open()
    for unknown in (1, ids[0] - 1, ids[-1] + 1, 9_007_199_254_740_993):
        refused = await stream.subscribe("/data/AccountChangeEvent", unknown)
        assert (refused["successful"], refused["error"]) == (False, REPLAY_INVALID % unknown)
    await stream.subscribe("/data/TaskChangeEvent")
    await client.create("Account", Name="Unheard")
    assert await stream.up_to_marker() == []


async def test_11_replay_ids_grow_with_random_gaps(client: PlainClient) -> None:
    ids = await retained(client, 80)
    steps = [later - earlier for earlier, later in pairwise(ids)]
    assert min(steps) >= 1
    assert max(steps) > 1
    assert len(set(steps)) > 2
    middle = len(steps) // 2
    assert steps[:middle] != steps[middle : 2 * middle]  # no pattern that repeats


async def test_12a_the_first_connect_and_a_subscribe_in_one_post(client: PlainClient) -> None:
    await client.create("Account", Name="Old")
    client_id = await shake(client)
    async with asyncio.timeout(5):
        answers = await client.bayeux(
            connecting(client_id, id="1"), subscribing(client_id, ALL_EVENTS, {ALL_EVENTS: -2}) | {"id": "2"}
        )
    replies = [answer for answer in answers if answer["channel"].startswith("/meta/")]
    assert [(reply["channel"], reply["id"], reply["successful"]) for reply in replies] == [
        ("/meta/connect", "1", True),
        ("/meta/subscribe", "2", True),
    ]
    assert replies[0]["advice"]["reconnect"] == "retry"
    delivered = [answer["data"] for answer in answers if answer["channel"] == ALL_EVENTS]
    if not delivered:
        delivered = [answer["data"] for answer in (await client.bayeux(connecting(client_id)))[:-1]]
    assert names(delivered) == ["Old"]


async def test_12b_subscribe_and_connect_of_two_channels_in_one_post(client: PlainClient) -> None:
    client_id = await shake(client)
    channels = ["/data/AccountChangeEvent", "/data/LeadChangeEvent"]
    answers = await client.bayeux(
        *(subscribing(client_id, channel) for channel in channels), connecting(client_id)
    )
    assert [answer.get("subscription") for answer in answers] == [*channels, None]
    assert all(answer["successful"] for answer in answers)
    await client.create("Account", Name="One")
    await client.create("Lead", LastName="Vega", Company="Umbra")
    heard = await client.bayeux(connecting(client_id))
    assert [answer["channel"] for answer in heard] == [*channels, "/meta/connect"]


async def test_13_the_oauth_scheme_works_like_bearer(client: PlainClient) -> None:
    scheme = f"OAuth {client.token}"
    client_id = await shake(client, auth=scheme)
    await client.bayeux(connecting(client_id), auth=scheme)
    [subscribed] = await client.bayeux(subscribing(client_id, ALL_EVENTS), auth=scheme)
    assert subscribed["successful"] is True
    await client.create("Account", Name="One")
    *events, last = await client.bayeux(connecting(client_id), auth=scheme)
    assert (len(events), last["successful"]) == (1, True)


async def test_14_every_answer_is_application_json(client: PlainClient) -> None:
    stream = await PlainStream(client).open()
    await client.create("Account", Name="One")
    requests: list[tuple[str, Any]] = [
        ("/cometd/67.0", [HANDSHAKE]),
        ("/cometd/67.0", HANDSHAKE),
        ("/cometd/67.0", [subscribing(stream.client_id, ALL_EVENTS, {ALL_EVENTS: -2})]),
        ("/cometd/67.0", [connecting(stream.client_id)]),
        ("/cometd/67.0", [connecting("nobody")]),
        ("/cometd/67.0", [{"channel": "/meta/disconnect", "clientId": stream.client_id}]),
        ("/cometd/36.0", [HANDSHAKE]),
    ]
    for path, sent in requests:
        answer = await client.send("POST", path, json=sent)
        assert answer.headers["Content-Type"] == JSON
        assert isinstance(answer.body, list)


@pytest.mark.parametrize("path", ["/cometd", "/cometd/"])
async def test_15a_a_short_url_names_the_form_that_is_wanted(client: PlainClient, path: str) -> None:
    answer = await client.send("POST", path, json=[HANDSHAKE])
    [refused] = answer.body
    assert answer.status == 400
    assert refused["error"] == "400::API version in the URI is mandatory. URI format: '/cometd/67.0'"
    assert refused["successful"] is False


@pytest.mark.parametrize("version", ["36.0", "24.0"])
async def test_15b_an_old_version_is_unsupported(client: PlainClient, version: str) -> None:
    answer = await client.send("POST", f"/cometd/{version}", json=[HANDSHAKE])
    [refused] = answer.body
    assert answer.status == 400
    assert (
        refused["error"] == "400::Unsupported API version. Only API versions '37.0' and later are supported."
    )
    assert refused["successful"] is False


@pytest.mark.parametrize(
    "path", ["/cometd/37.0", "/cometd/43.0/", "/cometd/67.0/handshake", "/cometd/67.0/handshake/"]
)
async def test_15c_later_versions_and_longer_urls_are_taken(client: PlainClient, path: str) -> None:
    await shake(client, path=path)


async def used_up(client: PlainClient) -> tuple[PlainStream, int]:
    """A session that got its event, after which the org delivers no more today; with the event's replay id."""
    stream = await PlainStream(client).open()
    await stream.subscribe(ALL_EVENTS)
    await client.create("Account", Name="One")
    [event] = await stream.events(1)
    await client.control("POST", "switches", {"daily_event_limit": 1})
    return stream, event["event"]["replayId"]


async def test_16a_the_daily_limit_ends_a_subscription_and_nothing_is_lost(client: PlainClient) -> None:
    await client.control("POST", "switches", {"daily_event_limit": 1_000_000})
    stream, replay_id = await used_up(client)
    await client.create("Account", Name="Two")
    [refused] = await stream.connect(id="9")
    assert (refused["channel"], refused["id"], refused["successful"], refused["error"]) == (
        "/meta/connect",
        "9",
        False,
        "403::Organization total events daily limit exceeded",
    )
    await client.control("POST", "switches", {"daily_event_limit": 0})
    later = await PlainStream(client).open()
    await later.subscribe(ALL_EVENTS, replay_id)
    assert names(await later.events(1)) == ["Two"]


async def test_16b_the_daily_limit_is_looked_at_when_a_client_connects_first(client: PlainClient) -> None:
    await used_up(client)
    [refused] = await client.bayeux(connecting(await shake(client)))
    assert (refused["successful"], refused["error"]) == (
        False,
        "403::Organization total events daily limit exceeded",
    )


async def test_16c_only_so_many_clients_at_a_time(client: PlainClient) -> None:
    stream = await PlainStream(client).open()
    await client.control("POST", "switches", {"concurrent_clients": 1})
    [refused] = await client.bayeux(dict(HANDSHAKE))
    assert refused["successful"] is False
    assert refused["error"].startswith("403::")
    reason = refused.get("ext", {}).get("sfdc", {}).get("failureReason") or refused["error"]
    assert reason == "403::Organization concurrent user limit exceeded"
    assert "clientId" not in refused
    await client.bayeux({"channel": "/meta/disconnect", "clientId": stream.client_id})
    await shake(client)


async def test_17a_a_deployment_drops_every_session(client: PlainClient) -> None:
    parked, idle = await PlainStream(client).open(), await PlainStream(client).open()
    await parked.subscribe(ALL_EVENTS)
    async with asyncio.timeout(5), asyncio.TaskGroup() as group:
        waiting = group.create_task(parked.connect())
        while (await client.control("GET", "state?objects=User"))["parked"] == 0:
            pass
        dropped = await client.control("POST", "stream/drop-sessions")
    assert dropped["dropped"] == 2
    for [answer] in (waiting.result(), await idle.connect(), await parked.connect()):
        assert (answer["error"], answer["advice"]) == ("403::Unknown client", TO_HANDSHAKE)


async def test_17b_sessions_can_be_dropped_at_random(client: PlainClient) -> None:
    await client.control("POST", "switches", {"drop_sessions_ratio": 0.5})
    outcomes = []
    for _ in range(40):
        [answer] = await client.bayeux(connecting(await shake(client)))
        outcomes.append(answer["successful"])
        if not answer["successful"]:
            assert (answer["error"], answer["advice"]) == ("403::Unknown client", TO_HANDSHAKE)
    assert 0 < outcomes.count(False) < 40


async def test_17c_a_dropped_client_comes_back_and_misses_nothing(client: PlainClient) -> None:
    stream = await PlainStream(client).open()
    await stream.subscribe(ALL_EVENTS)
    await client.create("Account", Name="One")
    [seen] = await stream.events(1)
    await client.control("POST", "stream/drop-sessions")
    await client.create("Account", Name="Two")
    again = await PlainStream(client).open()
    await again.subscribe(ALL_EVENTS, seen["event"]["replayId"])
    [event] = await again.events(1)
    assert header(event)["changeType"] == "CREATE"
    assert names([event]) == ["Two"]


async def test_17d_a_new_token_does_not_save_a_dropped_session(client: PlainClient) -> None:
    stream = await PlainStream(client).open()
    await client.control("POST", "stream/drop-sessions")
    client.token = await token_of(client)
    [answer] = await stream.connect()
    assert (answer["error"], answer["advice"]) == ("403::Unknown client", TO_HANDSHAKE)
