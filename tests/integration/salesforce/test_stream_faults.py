"""A session of the stream under every fault that has been seen: it ends, says why, and the next one loses nothing."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime

import aiohttp
import pytest

from adapters.memory.meter import MemoryMeter
from adapters.salesforce import ClientCredentialsLogin, SalesforceSettings
from adapters.salesforce.server_clock import ServerClock
from adapters.salesforce.stream import CometdSource
from adapters.salesforce.tokens import TokenProvider
from daemon.domain.failure import FailureKind
from daemon.ports.salesforce import FROM_NOW, EventBatch, PositionLostError, StreamEndedError
from daemon.runtime.clock import SystemClock
from tests.support.scripted_cometd import (
    CONNECT,
    DISCONNECT,
    HANDSHAKE,
    SUBSCRIBE,
    Scripted,
    ScriptedCometd,
    change,
)

CHANNEL = "/data/ChangeEvents"
REFUSED = {"successful": False, "advice": {"reconnect": "none", "interval": 0}}


@pytest.fixture
async def server() -> AsyncIterator[ScriptedCometd]:
    async with ScriptedCometd() as scripted:
        yield scripted


@pytest.fixture
def settings(server: ScriptedCometd) -> SalesforceSettings:
    return SalesforceSettings(
        login_url=server.url,
        login=ClientCredentialsLogin("id", lambda: "secret"),
        insecure_hosts=frozenset({"127.0.0.1"}),
        connect_seconds=2.0,
        stream_request_seconds=1.0,
        stream_margin_seconds=1.5,
        stream_high_water=500,
        stream_batch_events=100,
    )


@pytest.fixture
async def source(settings: SalesforceSettings) -> AsyncIterator[CometdSource]:
    """A source that leaves neither task nor connection behind."""
    tasks = asyncio.all_tasks()
    clock = SystemClock()
    async with aiohttp.ClientSession() as http:
        tokens = TokenProvider(settings, http, clock, ServerClock(clock), MemoryMeter())
        source = CometdSource(settings, tokens, clock, MemoryMeter())
        yield source
        async with asyncio.timeout(3):
            await source.close()
    ours = ("Transport", "StreamSession", "aiocometd")
    assert not [task for task in asyncio.all_tasks() - tasks if any(word in repr(task) for word in ours)]


async def receive(source: CometdSource, count: int) -> list[str]:
    """The replay ids of the next events."""
    positions: list[str] = []
    async with asyncio.timeout(20):
        while len(positions) < count:
            batch = await source.receive()
            positions.extend(event.position for event in batch.events)
    return positions


async def drain(call: Callable[[], Awaitable[EventBatch]]) -> None:
    async with asyncio.timeout(10):
        while True:
            await call()


async def ended(source: CometdSource) -> StreamEndedError:
    with pytest.raises(StreamEndedError) as end:
        await drain(source.receive)
    return end.value


async def refused(source: CometdSource) -> StreamEndedError:
    with pytest.raises(StreamEndedError) as end:
        await source.open(CHANNEL, FROM_NOW)
    return end.value


async def test_a_restart(server: ScriptedCometd, source: CometdSource) -> None:
    await source.open(CHANNEL, FROM_NOW)
    await server.send(change(1))
    assert await receive(source, 1) == ["1"]
    await server.until_asked(CONNECT, 3)
    await server.stop()
    assert (await ended(source)).reason == "transport"
    assert (await refused(source)).reason == "transport"
    await server.start()
    await server.send(change(2))
    await source.open(CHANNEL, "1")
    assert await receive(source, 1) == ["2"]
    assert server.asked(SUBSCRIBE)[-1]["ext"] == {"replay": {CHANNEL: 1}}


async def test_a_reset_in_the_middle_of_a_hold(server: ScriptedCometd, source: CometdSource) -> None:
    server.script(CONNECT, Scripted(), Scripted(reset=True))
    await source.open(CHANNEL, FROM_NOW)
    end = await ended(source)
    assert (end.reason, end.failure.kind) == ("transport", FailureKind.TRANSIENT)
    assert len(server.asked(CONNECT)) == 2


@pytest.mark.parametrize(
    ("message", "reason", "kind"),
    [
        ({"error": "403::Unknown client", "advice": {"reconnect": "handshake", "interval": 0}}, "unknown_client", FailureKind.TRANSIENT),
        ({"error": "401::Authentication invalid"}, "authentication", FailureKind.AUTHENTICATION),
        ({"error": "503::Server is too busy.", "advice": {"reconnect": "retry", "interval": 0}}, "busy", FailureKind.LIMITED),
        ({"error": "403::Organization total events daily limit exceeded"}, "limit", FailureKind.LIMITED),
        ({"error": "403::Organization concurrent user limit exceeded"}, "limit", FailureKind.LIMITED),
        ({"error": "400::Client x has established a session, but no BAYEUX_BROWSER cookie present"}, "unknown_client", FailureKind.TRANSIENT),
        ({"error": "413::Maximum Request Size Exceeded"}, "protocol", FailureKind.DEFECT),
        ({"error": "nonsense"}, "protocol", FailureKind.DEFECT),
        ({}, "protocol", FailureKind.DEFECT),
    ],
)  # fmt: skip
@pytest.mark.parametrize("bare", [False, True])
async def test_a_refused_connect_ends_the_session_without_another_request(
    server: ScriptedCometd,
    source: CometdSource,
    message: dict[str, object],
    reason: str,
    kind: FailureKind,
    bare: bool,
) -> None:
    server.script(
        CONNECT, Scripted(), Scripted(message={**REFUSED, **message}, bare=bare, events=[change(5)])
    )
    await source.open(CHANNEL, FROM_NOW)
    assert await receive(source, 1) == ["5"]
    end = await ended(source)
    assert (end.reason, end.failure.kind) == (reason, kind)
    assert len(server.asked(CONNECT)) == 2
    assert len(server.asked(HANDSHAKE)) == 1


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        ({"error": "403::Handshake denied", "ext": {"sfdc": {"failureReason": "401::Authentication invalid"}}}, "authentication"),
        ({"error": "401::Authentication invalid", "ext": {"sfdc": {"failureReason": "503::Server is too busy."}}}, "busy"),
        ({"error": "403::Handshake denied", "ext": {"sfdc": {"failureReason": "403::To protect all customers from excessive use"}}}, "limit"),
        ({"error": "403::Handshake denied"}, "authentication"),
        ({"error": "400::Unsupported API version. Only API versions '37.0' and later are supported."}, "protocol"),
    ],
)  # fmt: skip
async def test_a_denied_handshake_tells_its_reason(
    server: ScriptedCometd, source: CometdSource, message: dict[str, object], reason: str
) -> None:
    server.script(HANDSHAKE, Scripted(message={**REFUSED, **message}))
    assert (await refused(source)).reason == reason
    await source.open(CHANNEL, FROM_NOW)
    assert server.logins == (2 if reason == "authentication" else 1)
    assert len(server.asked(HANDSHAKE)) == 2


async def test_a_login_that_is_refused_for_a_while(server: ScriptedCometd, source: CometdSource) -> None:
    server.refuse_logins = True
    for _ in range(3):
        end = await refused(source)
        assert (end.reason, end.failure.kind) == ("authentication", FailureKind.AUTHENTICATION)
    assert (server.logins, server.seen) == (3, [])
    server.refuse_logins = False
    await source.open(CHANNEL, FROM_NOW)
    assert server.logins == 4


async def test_a_lost_position_and_a_wrong_channel(server: ScriptedCometd, source: CometdSource) -> None:
    text = (
        "400::The replayId {1} you provided was invalid.  Please provide a valid ID, -2 to replay all events"
    )
    server.script(SUBSCRIBE, Scripted(message={**REFUSED, "error": text}))
    with pytest.raises(PositionLostError):
        await source.open(CHANNEL, "1")
    server.script(
        SUBSCRIBE,
        Scripted(
            message={
                **REFUSED,
                "error": "400::The channel you requested to subscribe to doesn't exist {/data/X}",
            }
        ),
    )
    end = await refused(source)
    assert (end.reason, end.failure.kind) == ("protocol", FailureKind.CONFIGURATION)
    server.script(
        SUBSCRIBE,
        Scripted(
            message={
                **REFUSED,
                "error": "403::User not allowed to subscribe CDC without required permissions",
            }
        ),
    )
    end = await refused(source)
    assert (end.reason, end.failure.kind) == ("permission", FailureKind.PERMISSION)


@pytest.mark.parametrize(
    ("body", "status", "reason"),
    [
        (b"<html>maintenance</html>", 503, "busy"),
        (b"", 502, "busy"),
        (
            b'[{"message":"Session expired or invalid","errorCode":"INVALID_SESSION_ID"}]',
            401,
            "authentication",
        ),
        (b"", 401, "authentication"),
        (b"<html>", 200, "protocol"),
        (b"{}", 200, "protocol"),
        (b"[]", 200, "protocol"),
        (b"[1]", 200, "protocol"),
        (b'[{"channel":"/meta/other","successful":true}]', 200, "protocol"),
        (b"moved", 302, "protocol"),
    ],
)
async def test_an_answer_that_is_not_bayeux(
    server: ScriptedCometd, source: CometdSource, body: bytes, status: int, reason: str
) -> None:
    server.script(CONNECT, Scripted(), Scripted(body=body, status=status))
    await source.open(CHANNEL, FROM_NOW)
    assert (await ended(source)).reason == reason
    server.script(HANDSHAKE, Scripted(body=body, status=status))
    assert (await refused(source)).reason == reason


async def test_the_interval_is_milliseconds(server: ScriptedCometd, source: CometdSource) -> None:
    advice = {"reconnect": "retry", "interval": 200}
    server.script(CONNECT, Scripted(message={"successful": True, "advice": advice}))
    started = asyncio.get_running_loop().time()
    await source.open(CHANNEL, FROM_NOW)
    await server.send(change(1))
    assert await receive(source, 1) == ["1"]
    assert 0.2 <= asyncio.get_running_loop().time() - started < 1.5


async def test_many_events_in_the_answer_to_the_subscription(
    server: ScriptedCometd, source: CometdSource
) -> None:
    server.script(SUBSCRIBE, Scripted(events=[change(n) for n in range(1, 3001)]))
    async with asyncio.timeout(5):
        await source.open(CHANNEL, "-2")
    connects = len(server.asked(CONNECT))
    assert connects <= 2
    first = await source.receive()
    assert len(first.events) == 100
    assert first.position == "100"
    assert await receive(source, 2900) == [str(n) for n in range(101, 3001)]
    await server.until_asked(CONNECT, connects + 1)


async def test_nobody_reading_stops_the_next_connect(server: ScriptedCometd, source: CometdSource) -> None:
    await source.open(CHANNEL, FROM_NOW)
    await server.send(*(change(n) for n in range(1, 601)))
    await server.until_asked(CONNECT, 2)
    await server.send(change(601))
    with pytest.raises(TimeoutError):
        await server.until_asked(CONNECT, 3, deadline=0.5)
    assert await receive(source, 601) == [str(n) for n in range(1, 602)]


async def test_a_burst(server: ScriptedCometd, source: CometdSource) -> None:
    await source.open(CHANNEL, FROM_NOW)
    for start in range(1, 20_001, 2000):
        await server.send(*(change(n) for n in range(start, start + 2000)))
    assert await receive(source, 20_000) == [str(n) for n in range(1, 20_001)]


async def test_silence_ends_the_session(server: ScriptedCometd, source: CometdSource) -> None:
    server.script(CONNECT, Scripted(), Scripted(hang=True))
    await source.open(CHANNEL, FROM_NOW)
    assert (await ended(source)).reason == "silent"
    server.script(HANDSHAKE, Scripted(hang=True))
    assert (await refused(source)).reason == "silent"


async def test_a_quiet_channel_is_not_silence(server: ScriptedCometd, source: CometdSource) -> None:
    await source.open(CHANNEL, FROM_NOW)
    await server.until_asked(CONNECT, 5)
    await server.send(change(1))
    assert await receive(source, 1) == ["1"]
    assert len(server.asked(HANDSHAKE)) == 1


async def test_closing_is_quick_even_if_nobody_answers(server: ScriptedCometd, source: CometdSource) -> None:
    server.script(DISCONNECT, Scripted(hang=True))
    await source.open(CHANNEL, FROM_NOW)
    async with asyncio.timeout(2):
        await source.close()
        await source.close()
    with pytest.raises(StreamEndedError) as closed:
        await source.receive()
    assert closed.value.reason == "closed"


async def test_closing_wakes_whoever_receives(server: ScriptedCometd, source: CometdSource) -> None:
    await source.open(CHANNEL, FROM_NOW)
    async with asyncio.timeout(5), asyncio.TaskGroup() as group:
        receiving = group.create_task(ended(source))
        await server.until_asked(CONNECT, 2)
        await source.close()
    assert receiving.result().reason == "closed"


async def test_cancelling_an_opening_leaves_nothing_behind(
    server: ScriptedCometd, source: CometdSource
) -> None:
    server.script(HANDSHAKE, Scripted(hang=True))
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1):
            await source.open(CHANNEL, FROM_NOW)
    await source.open(CHANNEL, FROM_NOW)


async def test_what_makes_no_sense_is_counted_and_passed(
    server: ScriptedCometd, source: CometdSource
) -> None:
    await source.open(CHANNEL, FROM_NOW)
    nameless = {"channel": CHANNEL, "data": {"payload": {"Name": "?"}, "event": {"replayId": 2}}}
    await server.send(change(1), nameless, change(3, changeType="SNAPSHOT"))
    async with asyncio.timeout(5):
        batch = await source.receive()
    assert batch.malformed == 2
    assert batch.position == "3"
    assert [event.kind.value for event in batch.events] == ["update", "gap_object"]
    assert batch.events[0].at == datetime(2026, 11, 22, 13, 34, 15, tzinfo=UTC)


async def test_no_secret_is_printed(
    server: ScriptedCometd, source: CometdSource, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    await source.open(CHANNEL, FROM_NOW)
    token = server.asked(CONNECT)[0]["authorization"].removeprefix("Bearer ")
    assert "!" in token
    assert token not in caplog.text
    assert "secret" not in caplog.text
