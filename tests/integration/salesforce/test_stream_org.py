"""The change stream of an org."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from adapters.emulator import Emulator
from adapters.memory.meter import MemoryMeter
from adapters.salesforce import Salesforce
from daemon.domain.failure import FailureKind
from daemon.domain.plan import Operation
from daemon.ports.salesforce import (
    FROM_NOW,
    FROM_OLDEST,
    ChangeSource,
    Event,
    EventKind,
    PositionLostError,
    RecordWrite,
    StreamEndedError,
)
from tests.integration.salesforce.control import Control

CHANNEL = "/data/ChangeEvents"


@pytest.fixture
async def source(salesforce: Salesforce) -> AsyncIterator[ChangeSource]:
    source = salesforce.stream_factory()
    yield source
    async with asyncio.timeout(3):
        await source.close()


async def receive(source: ChangeSource, count: int) -> list[Event]:
    events: list[Event] = []
    async with asyncio.timeout(10):
        while len(events) < count:
            events.extend((await source.receive()).events)
    return events


async def drain(source: ChangeSource) -> None:
    async with asyncio.timeout(10):
        while True:
            await source.receive()


async def ended(source: ChangeSource) -> StreamEndedError:
    with pytest.raises(StreamEndedError) as end:
        await drain(source)
    return end.value


async def test_the_life_of_a_record(emulator: Emulator, salesforce: Salesforce, source: ChangeSource) -> None:
    await salesforce.catalogue.describe("Contact")
    await source.open(CHANNEL, FROM_NOW)
    record = str(emulator.org.create("Contact", {"LastName": "Okafor", "MailingCity": "Lagos"}))
    emulator.org.update("Contact", record, {"Email": "a@b.example", "MailingCity": None})
    emulator.org.delete("Contact", record)
    emulator.org.undelete(record)
    create, update, delete, undelete = await receive(source, 4)
    assert [event.kind for event in (create, update, delete, undelete)] == [
        EventKind.CREATE, EventKind.UPDATE, EventKind.DELETE, EventKind.UNDELETE,
    ]  # fmt: skip
    assert {event.id for event in (create, update, delete, undelete)} == {record}
    assert create.values["LastName"] == "Okafor"
    assert create.values["MailingCity"] == "Lagos"
    assert create.values["DoNotCall"] is False
    assert update.values["MailingCity"] is None
    assert set(update.values) == {"Email", "MailingCity", "LastModifiedDate"}
    assert delete.values == {}
    assert undelete.values["LastName"] == "Okafor"
    assert all(event.at.microsecond == 0 and event.transaction and event.user for event in (create, update))
    assert source.transport == "cometd"


async def test_a_session_begins_after_a_position(emulator: Emulator, source: ChangeSource) -> None:
    await source.open(CHANNEL, FROM_NOW)
    names = [f"A{n}" for n in range(6)]
    for name in names[:3]:
        emulator.org.create("Account", {"Name": name})
    first = await receive(source, 3)
    await source.close()
    for name in names[3:]:
        emulator.org.create("Account", {"Name": name})
    await source.open(CHANNEL, first[0].position)
    assert [event.values["Name"] for event in await receive(source, 5)] == names[1:]
    await source.open(CHANNEL, FROM_OLDEST)
    assert [event.values["Name"] for event in await receive(source, 6)] == names


async def test_a_lost_position_is_told_apart_from_other_refusals(
    emulator: Emulator, source: ChangeSource, control: Control
) -> None:
    await source.open(CHANNEL, FROM_NOW)
    emulator.org.create("Account", {"Name": "A"})
    (event,) = await receive(source, 1)
    await control.post("replay/expire", reset=True)
    with pytest.raises(PositionLostError):
        await source.open(CHANNEL, event.position)
    with pytest.raises(PositionLostError):
        await source.open(CHANNEL, "999999999999")
    with pytest.raises(StreamEndedError) as wrong:
        await source.open("/data/NoSuchChangeEvent", FROM_NOW)
    assert wrong.value.failure.kind is FailureKind.CONFIGURATION
    await source.open(CHANNEL, FROM_OLDEST)


async def test_a_forgotten_session_ends_and_the_next_one_loses_nothing(
    emulator: Emulator, source: ChangeSource, control: Control
) -> None:
    await source.open(CHANNEL, FROM_NOW)
    emulator.org.create("Account", {"Name": "before"})
    (before,) = await receive(source, 1)
    await control.post("stream/drop-sessions")
    emulator.org.create("Account", {"Name": "while away"})
    end = await ended(source)
    assert (end.reason, end.failure.kind) == ("unknown_client", FailureKind.TRANSIENT)
    await source.open(CHANNEL, before.position)
    assert [event.values["Name"] for event in await receive(source, 1)] == ["while away"]


async def test_a_refused_token_ends_the_session_and_the_next_one_has_a_new_token(
    salesforce: Salesforce, source: ChangeSource, control: Control, meter: MemoryMeter
) -> None:
    await source.open(CHANNEL, FROM_NOW)
    await control.post("tokens/expire")
    end = await ended(source)
    assert (end.reason, end.failure.kind) == ("authentication", FailureKind.AUTHENTICATION)
    await source.open(CHANNEL, FROM_NOW)
    assert meter.counted("isthmus_salesforce_token_refreshes_total") == 2


async def test_a_token_refused_at_the_handshake(
    source: ChangeSource, salesforce: Salesforce, control: Control
) -> None:
    await salesforce.tokens.token()
    await control.post("tokens/expire")
    with pytest.raises(StreamEndedError) as end:
        await source.open(CHANNEL, FROM_NOW)
    assert end.value.reason == "authentication"
    await source.open(CHANNEL, FROM_NOW)


async def test_gaps_and_whole_objects(emulator: Emulator, source: ChangeSource, control: Control) -> None:
    record = str(emulator.org.create("Account", {"Name": "A"}))
    await source.open(CHANNEL, FROM_NOW)
    await control.post("events/inject", object="Account", changeType="GAP_UPDATE", recordIds=[record])
    await control.post("events/inject", object="Account")
    await control.post("events/inject", object="Account", changeType="UPDATE", wildcard=True)
    events = await receive(source, 3)
    assert [(event.kind, event.id) for event in events] == [
        (EventKind.GAP_RECORD, record), (EventKind.GAP_OBJECT, ""), (EventKind.GAP_OBJECT, ""),
    ]  # fmt: skip


async def test_our_own_writes_come_back_marked(
    salesforce: Salesforce, source: ChangeSource, control: Control
) -> None:
    await source.open(CHANNEL, FROM_NOW)
    await salesforce.records.write("Account", [], [RecordWrite(Operation.CREATE, {"Name": "Ours"})])
    (event,) = await receive(source, 1)
    assert event.origin.startswith("com/salesforce/api/rest/67.0")


async def test_cancelling_a_receive_loses_nothing(emulator: Emulator, source: ChangeSource) -> None:
    await source.open(CHANNEL, FROM_NOW)
    for n in range(200):
        emulator.org.create("Account", {"Name": f"A{n}"})
    seen: list[object] = []
    async with asyncio.timeout(20):
        while len(seen) < 200:
            try:
                async with asyncio.timeout(0.001):
                    seen.extend(event.values["Name"] for event in (await source.receive()).events)
            except TimeoutError:
                continue
    assert seen == [f"A{n}" for n in range(200)]
