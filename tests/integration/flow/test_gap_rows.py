"""Gaps as rows: why, from when to when, and closed only when everything that the reading found is settled."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from typing import Any

import pytest

from daemon.flow.gaps import close_filled
from daemon.flow.stream import KEPT, Stream
from daemon.flow.watermark import MOST, Watermark
from daemon.operations.status import status
from daemon.ports.store import Position
from tests.integration.flow.conftest import MakeRoad
from tests.integration.flow.scenes import paired_company, paired_person
from tests.integration.flow.test_gaps import behind_our_back
from tests.support.road import CHANNEL, Road, shift
from tests.support.road_steps import COMPANIES, PEOPLE

GRACE = 60.0


async def gaps(road: Road, *names: str) -> list[Any]:
    """The gaps so far, oldest first, as tuples of these columns."""
    page = await road.inspection.gaps()
    return [tuple(item[name] for name in names) for item in reversed(page.items)]


def by_salesforce(road: Road) -> None:
    """Let the daemon know the org's clock, which the tests move ahead."""
    now = datetime.now(UTC).timestamp()
    road.parts.skew.salesforce = road.org.clock.now() - now


def watch(road: Road) -> tuple[Watermark, list[str]]:
    by_salesforce(road)
    ended: list[str] = []
    return Watermark(road.parts, lambda: ended.append("session")), ended


async def held_rereads(road: Road) -> int:
    """How many whole objects wait for the stream's subscription; -1 before the loss was found."""
    rereads = [change["state"] for change in await road.changes() if change["kind"] == "reread"]
    return rereads.count("held") if rereads else -1


async def test_a_gap_event_is_a_row_that_closes_once_its_record_is_settled(make_road: MakeRoad) -> None:
    road = await make_road(COMPANIES)
    _, sf_id = await paired_company(road)
    await behind_our_back(road, sf_id, Phone="2")
    await road.control.post("events/inject", object="Account", changeType="GAP_UPDATE", recordIds=[sf_id])
    await road.listen()
    assert await gaps(road, "step", "cause", "records", "state", "remaining") == [
        ("companies", "event", 1, "reading", 1)
    ]
    assert await close_filled(road.parts) == 0
    assert await gaps(road, "state") == [("settling",)]
    await road.work()
    assert await close_filled(road.parts) == 1
    assert await gaps(road, "state", "remaining") == [("closed", 0)]
    assert await close_filled(road.parts) == 0
    await road.in_step()


async def test_an_overflow_stays_open_until_what_the_reading_found_is_settled(make_road: MakeRoad) -> None:
    road = await make_road(COMPANIES)
    _, sf_id = await paired_company(road)
    await road.listen()
    road.org.selection.select([])
    road.org.delete("Account", sf_id)
    road.org.selection.select(None)
    await road.control.post("events/inject", object="Account", changeType="GAP_OVERFLOW")
    await road.listen()
    assert await close_filled(road.parts) == 0
    assert await gaps(road, "cause", "records", "state") == [("overflow", None, "reading")]
    await road.worker.round()  # the object is read, and asks what became of the record that it did not find
    assert await close_filled(road.parts) == 0
    assert await gaps(road, "state", "remaining") == [("settling", 1)]
    await road.work()
    assert await close_filled(road.parts) == 1
    assert await road.rows("company") == []


async def test_a_parked_record_does_not_keep_a_gap_open(make_road: MakeRoad) -> None:
    road = await make_road(COMPANIES)
    _, sf_id = await paired_company(road)
    await behind_our_back(road, sf_id, Phone="2")
    await road.app.execute("ALTER TABLE app.company ADD CONSTRAINT short CHECK (phone <> '2')")
    await road.control.post("events/inject", object="Account", changeType="GAP_UPDATE", recordIds=[sf_id])
    await road.settle()
    assert [change["state"] for change in await road.changes()] == ["parked"]
    assert await close_filled(road.parts) == 1


async def test_a_lost_position_is_a_gap_of_every_step(make_road: MakeRoad) -> None:
    road = await make_road(COMPANIES, PEOPLE)
    key, sf_id = await paired_company(road)
    since = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    await road.hang_up()
    async with road.parts.store.begin() as unit:
        await unit.save_position(Position(CHANNEL, "cometd", "123", since))
    road.org.update("Account", sf_id, {"Phone": "2"})
    await road.control.post("replay/expire")
    async with running(road.stream()):
        await until(lambda: held_rereads(road), 0)
    assert await gaps(road, "step", "cause", "since", "state") == [
        ("companies", "position_lost", since, "reading"),
        ("people", "position_lost", since, "reading"),
    ]
    shown = await status(road.office)
    assert [gap["cause"] for gap in shown["gaps"]] == ["position_lost", "position_lost"]
    assert [step["gaps_open"] for step in shown["steps"]] == [1, 1]
    await road.work()
    assert await close_filled(road.parts) == 2
    assert (await road.row("company", key) or {})["phone"] == "2"


async def _following(road: Road) -> bool:
    return road.parts.heard.following and bool(await road.parts.store.positions())


async def test_a_daemon_that_heard_nothing_and_was_away_for_longer_than_events_are_kept_reads_everything(
    make_road: MakeRoad,
) -> None:
    road = await make_road(COMPANIES)
    await road.hang_up()
    async with running(road.stream()):
        await until(lambda: _following(road), True)
    [begun] = (await road.parts.store.positions()).values()
    assert begun.at is not None, "from when on everything that is kept counts"
    road.org.load("Account", [{"Name": "Acme", "Phone": "2"}])
    road.parts.skew.salesforce = KEPT.total_seconds() + 60
    async with running(road.stream()):
        await until(lambda: gaps(road, "cause", "since"), [("position_lost", begun.at)])
        await until(lambda: held_rereads(road), 0)
    road.parts.skew.salesforce = 0.0
    await road.work()
    assert [row["phone"] for row in await road.rows("company")] == ["2"]
    async with running(road.stream()):
        await until(lambda: _following(road), True)
    assert len(await gaps(road, "cause")) == 1, "and only once"


async def test_positions_of_another_transport_are_a_gap(make_road: MakeRoad) -> None:
    road = await make_road(COMPANIES)
    key, sf_id = await paired_company(road)
    await behind_our_back(road, sf_id, Phone="2")
    await road.hang_up()
    async with road.parts.store.begin() as unit:
        await unit.save_position(Position(CHANNEL, "pubsub", "AAAB", None))
    async with running(road.stream()):
        await until(lambda: gaps(road, "cause"), [("transport",)])
        await until(lambda: held_rereads(road), 0)
    await road.work()
    assert (await road.row("company", key) or {})["phone"] == "2"


async def test_a_silent_stream_is_noticed_and_made_good(make_road: MakeRoad) -> None:
    road = await make_road(COMPANIES, PEOPLE)
    key, sf_id = await paired_company(road)
    person_key, person = await paired_person(road)
    await road.listen()
    road.org.selection.select([])  # a stream that is subscribed, and says nothing
    road.org.update("Account", sf_id, {"Phone": "2"})
    shift(road, 1)
    road.org.update("Contact", person, {"Email": "c@example.com"})
    new = road.org.create("Account", {"Name": "New"})
    looking, ended = watch(road)
    assert await looking.look() == 0, "events must have their time to arrive"
    shift(road, GRACE)
    by_salesforce(road)
    await road.control.delete("requests")
    assert await looking.look() == 3
    assert ended == ["session"]
    calls = await road.control.get("requests?summary=1")
    assert calls["by_kind"] == {"composite": 1, "query": 2}
    assert await gaps(road, "step", "cause", "records") == [
        ("companies", "silence", 2),
        ("people", "silence", 1),
    ]
    await road.work()
    assert await close_filled(road.parts) == 2
    assert (await road.row("company", key) or {})["phone"] == "2"
    assert (await road.row("person", person_key) or {})["email"] == "c@example.com"
    assert [row["name"] for row in await road.rows("company")] == ["Acme", "New"]
    assert await looking.look() == 0
    road.org.selection.select(None)
    assert new


async def test_what_the_stream_left_out_in_the_second_of_its_newest_event_is_found_once_it_has_passed(
    make_road: MakeRoad,
) -> None:
    road = await make_road(COMPANIES)
    await paired_company(road)
    other_key, other = await paired_company(road, name="Other")
    shift(road, 5)
    road.org.clock.freeze()
    road.org.create("Account", {"Name": "Told"})
    await road.listen()
    road.org.selection.select([])
    road.org.update("Account", other, {"Phone": "untold"})
    road.org.create("Account", {"Name": "Untold"})
    looking, ended = watch(road)
    assert await looking.look() == 0, "the second may not be over"
    shift(road, GRACE)
    by_salesforce(road)
    assert await looking.look() == 2
    assert ended == ["session"]
    await road.work()
    assert (await road.row("company", other_key) or {})["phone"] == "untold"
    assert "Untold" in [row["name"] for row in await road.rows("company")]
    await road.control.delete("requests")
    assert await looking.look() == 0
    calls = await road.control.get("requests?summary=1")
    assert calls["by_kind"].get("query", 0) == 0, "a second is looked at once"
    road.org.selection.select(None)


async def test_a_stream_that_tells_is_left_alone(make_road: MakeRoad) -> None:
    road = await make_road(COMPANIES)
    key, sf_id = await paired_company(road)
    road.org.update("Account", sf_id, {"Phone": "2"})
    await road.update("company", key, name="Acme Ltd")
    await road.settle()
    shift(road, GRACE)
    looking, ended = watch(road)
    assert (await looking.look(), ended, await gaps(road, "id")) == (0, [], [])


async def test_what_a_former_process_was_told_is_read_again_and_is_no_silence(make_road: MakeRoad) -> None:
    road = await make_road(COMPANIES)
    key, sf_id = await paired_company(road)
    road.parts.heard.following = False  # it is read, and written by Collections
    await road.update("company", key, phone="2")
    await road.settle()
    newest = road.parts.heard.newest("Account")
    assert newest is not None
    assert road.record("Account", sf_id)["Phone"] == "2"
    road.reborn()
    road.parts.heard.begin(newest)
    shift(road, GRACE)
    by_salesforce(road)
    looking, ended = watch(road)
    assert (await looking.look(), ended, await gaps(road, "id")) == (0, [], [])
    assert [change["kind"] for change in await road.changes()] == ["reread"]
    await road.settle()
    await road.quiet()


async def test_stamps_that_move_without_an_event_change_nothing(make_road: MakeRoad) -> None:
    road = await make_road(COMPANIES)
    _, sf_id = await paired_company(road)
    await road.listen()
    with road.org.transaction() as transaction:  # as when a lookup is cleared, or a system process passes by
        transaction.relink(road.org.records.sobject("Account"), sf_id, "ParentId", None)
    shift(road, GRACE)
    looking, _ = watch(road)
    assert await looking.look() == 1
    await road.settle()
    assert await close_filled(road.parts) == 1
    assert await looking.look() == 0
    await road.in_step()
    await road.quiet()


async def test_too_many_changes_to_look_up_have_the_object_read_whole(
    make_road: MakeRoad, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("daemon.flow.watermark.MOST", 3)
    road = await make_road(COMPANIES)
    await paired_company(road)
    await road.listen()
    shift(road, 2)
    road.org.selection.select([])
    for number in range(5):
        road.org.create("Account", {"Name": f"N{number}"})
    road.org.selection.select(None)
    shift(road, GRACE)
    looking, ended = watch(road)
    assert await looking.look() == 3
    assert ended == ["session"]
    assert await gaps(road, "cause", "records") == [("silence", None)]
    await road.settle()
    assert len(await road.rows("company")) == 6
    assert MOST > 3


async def test_a_crowd_in_the_newest_second_does_not_hide_what_nobody_told_of_since(
    make_road: MakeRoad, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("daemon.flow.watermark.MOST", 3)
    road = await make_road(COMPANIES)
    for number in range(4):
        road.org.create("Account", {"Name": f"N{number}"})
    await road.settle()
    await road.listen()
    shift(road, 5)
    road.org.selection.select([])
    road.org.create("Account", {"Name": "Untold"})
    road.org.selection.select(None)
    shift(road, GRACE)
    looking, ended = watch(road)
    assert await looking.look() == 1
    assert ended == ["session"]
    await road.settle()
    assert len(await road.rows("company")) == 5
    assert await looking.look() == 0


async def test_a_session_that_is_not_trusted_gives_way_to_a_new_one(make_road: MakeRoad) -> None:
    road = await make_road(COMPANIES)
    await paired_company(road)
    await road.hang_up()
    stream = road.stream()
    async with running(stream):
        await until(lambda: _clients(road), 1)
        stream.resubscribe()
        name = "isthmus_salesforce_stream_reconnects_total"
        await until(lambda: _counted(road, name), 1)
        road.org.create("Account", {"Name": "New"})
        await until(lambda: _names(road), ["Acme", "New"])


async def test_a_session_that_has_ended_already_is_not_ended_again(make_road: MakeRoad) -> None:
    """The watch may find the stream silent while it pauses between two sessions."""
    road = await make_road(COMPANIES)
    await road.hang_up()
    streams: list[Stream] = []

    def health(up: bool, reason: str) -> None:
        if not up:
            streams[0].resubscribe()

    streams.append(Stream(road.parts, CHANNEL, road.salesforce.stream_factory, health))
    async with running(streams[0]):
        await until(lambda: _begun(road), True)
        streams[0].resubscribe()
        streams[0].resubscribe()
        name = "isthmus_salesforce_stream_reconnects_total"
        await until(lambda: _counted(road, name), 1)
        shift(road, 5)  # beyond what the new session counts as told
        road.org.create("Account", {"Name": "New"})
        await until(lambda: _names(road), ["New"])


async def _clients(road: Road) -> int:
    return int((await road.control.get("state?objects=User"))["clients"])


async def _begun(road: Road) -> bool:
    """Whether a session has stored where it began: the next one goes on from there."""
    return CHANNEL in await road.parts.store.positions()


async def _counted(road: Road, name: str) -> float:
    return road.meter.counted(name, channel=CHANNEL, reason="silent")


async def _names(road: Road) -> list[Any]:
    return [row["name"] for row in await road.rows("company")]


async def until(look: Any, wanted: Any) -> None:
    """Wait until a look shows what is wanted."""
    async with asyncio.timeout(10):
        while await look() != wanted:  # noqa: ASYNC110
            await asyncio.sleep(0.01)


@asynccontextmanager
async def running(stream: Stream) -> AsyncIterator[None]:
    task = asyncio.create_task(stream.run())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
