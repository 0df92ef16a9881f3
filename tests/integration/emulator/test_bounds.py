"""Whatever grows in an org has an end: by number, by age, or both."""

from __future__ import annotations

import random

import pytest

from adapters.emulator import Emulator
from adapters.emulator.bulk import ingest, jobs
from adapters.emulator.events import log
from adapters.emulator.journal import Entry, Journal
from adapters.emulator.oauth import sessions
from adapters.emulator.org import Org
from adapters.emulator.people import settle_users
from adapters.emulator.rest import queries
from adapters.emulator.switches import Switches
from tests.support.plain_client import ALL_EVENTS, PlainClient, PlainStream

_DAY = 86_400


async def _query_job(client: PlainClient, soql: str = "SELECT Id FROM Account") -> str:
    answer = await client.rest("POST", "jobs/query", json={"operation": "query", "query": soql})
    assert answer.status == 200, answer.body
    return str(answer.body["id"])


async def _ingest_job(client: PlainClient, rows: int) -> str:
    request = {"object": "Account", "operation": "insert", "contentType": "CSV", "lineEnding": "LF"}
    job = str((await client.rest("POST", "jobs/ingest", json=request)).body["id"])
    upload = "Name\n" + "".join(f"A{number}\n" for number in range(rows))
    path = f"jobs/ingest/{job}"
    headers = {"Content-Type": "text/csv"}
    assert (await client.rest("PUT", f"{path}/batches", data=upload, headers=headers)).status == 201
    assert (await client.rest("PATCH", path, json={"state": "UploadComplete"})).status == 200
    return job


async def test_the_stream_keeps_the_newest_events(
    client: PlainClient, emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log, "MOST_RETAINED", 10)
    monkeypatch.setattr(log, "_SLACK", 2)
    for number in range(13):
        emulator.org.create("Account", {"Name": f"A{number}"})
    stream = await PlainStream(client).open()
    await stream.subscribe(ALL_EVENTS, log.EARLIEST)
    told = [event["payload"]["Name"] for event in await stream.events(10)]
    assert told == [f"A{number}" for number in range(3, 13)]
    assert emulator.org.log.end == 13


async def test_an_event_is_kept_in_no_more_room_than_it_needs(emulator: Emulator) -> None:
    emulator.org.create("Account", {"Name": "One"})
    [event] = emulator.org.log.since(0, 10)
    assert event.data.__sizeof__() < len(event.data) + 64
    header, body = event.opened()
    assert (header["changeType"], body["Name"]) == ("CREATE", "One")


async def test_bulk_jobs_are_kept_for_seven_days(client: PlainClient) -> None:
    await client.control("POST", "switches", {"token_seconds": 30 * _DAY})
    job = await _query_job(client)
    await client.control("POST", "clock", {"advance": 7 * _DAY - 60})
    assert (await client.rest("GET", f"jobs/query/{job}")).status == 200
    await client.control("POST", "clock", {"advance": 120})
    assert (await client.rest("GET", f"jobs/query/{job}")).status == 404
    assert (await client.rest("GET", "jobs/query")).body["records"] == []


async def test_the_oldest_bulk_jobs_give_way(client: PlainClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "_MOST_JOBS", 2)
    made = [await _query_job(client) for _ in range(3)]
    listed = (await client.rest("GET", "jobs/query")).body["records"]
    assert [job["id"] for job in listed] == made[1:]


async def test_bulk_jobs_give_way_to_the_rows_of_newer_ones(
    client: PlainClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(3):
        await client.create("Account", Name=f"A{number}")
    monkeypatch.setattr(jobs, "_MOST_ROWS", 7)
    made = [await _query_job(client) for _ in range(3)]
    listed = (await client.rest("GET", "jobs/query")).body["records"]
    assert [job["id"] for job in listed] == made[1:]
    monkeypatch.setattr(jobs, "_MOST_ROWS", 1)
    newest = await _query_job(client)
    listed = (await client.rest("GET", "jobs/query")).body["records"]
    assert [job["id"] for job in listed] == [newest]


async def test_a_look_at_a_large_ingest_job_saves_a_part_of_it(
    client: PlainClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ingest, "_ROWS_A_LOOK", 4)
    path = f"jobs/ingest/{await _ingest_job(client, 10)}"
    looks = [(await client.rest("GET", path)).body for _ in range(3)]
    assert [(job["state"], job["numberRecordsProcessed"]) for job in looks] == [
        ("InProgress", 4),
        ("InProgress", 8),
        ("JobComplete", 10),
    ]
    assert (await client.rest("GET", f"{path}/successfulResults")).raw.count(b"\n") == 11
    assert len(await client.query("SELECT Id FROM Account")) == 10


async def test_an_ingest_job_aborted_half_way_tells_what_it_did_not_reach(
    client: PlainClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ingest, "_ROWS_A_LOOK", 4)
    path = f"jobs/ingest/{await _ingest_job(client, 10)}"
    assert (await client.rest("GET", path)).body["state"] == "InProgress"
    assert (await client.rest("PATCH", path, json={"state": "Aborted"})).body["state"] == "Aborted"
    assert (await client.rest("GET", f"{path}/successfulResults")).raw.count(b"\n") == 5
    assert (await client.rest("GET", f"{path}/unprocessedrecords")).raw.count(b"\n") == 7
    assert len(await client.query("SELECT Id FROM Account")) == 4


async def test_the_cursor_that_was_used_longest_ago_gives_way(
    client: PlainClient, emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queries, "_MOST_CURSORS", 2)
    emulator.org.load("Account", [{"Name": f"A{number}"} for number in range(201)])
    small = {"Sforce-Query-Options": "batchSize=200"}

    async def first_page() -> str:
        answer = await client.rest("GET", "query", params={"q": "SELECT Id FROM Account"}, headers=small)
        return str(answer.body["nextRecordsUrl"])

    used, unused = await first_page(), await first_page()
    assert (await client.send("GET", used)).status == 200
    newest = await first_page()
    assert (await client.send("GET", unused)).body[0]["errorCode"] == "INVALID_QUERY_LOCATOR"
    assert [(await client.send("GET", url)).status for url in (used, newest)] == [200, 200]


def _sessions() -> sessions.Sessions:
    org = Org(rng=random.Random(3))
    settle_users(org)
    return sessions.Sessions(org.org_id, org.clock, random.Random(5), Switches())


def test_the_access_token_that_was_used_longest_ago_gives_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sessions, "_MOST_SESSIONS", 2)
    kept = _sessions()
    used, unused = kept.issue("005", "app").token, kept.issue("005", "app").token
    assert kept.find(used) is not None
    newest = kept.issue("005", "app").token
    assert kept.find(unused) is None
    assert kept.find(used) is not None
    assert kept.find(newest) is not None


def test_refresh_tokens_are_remembered_in_a_bounded_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sessions, "_MOST_REFRESH_TOKENS", 3)
    kept = _sessions()
    grant = kept.grant("005", "app")
    given = [grant.current]
    for _ in range(5):
        assert kept.refresh(given[-1]) is grant
        given.append(grant.current)
    assert kept.refresh(given[0]) is None  # forgotten: as good as never given
    assert not grant.revoked
    assert kept.refresh(given[-2]) is None  # known as spent
    assert grant.revoked


def test_the_journal_keeps_the_beginning_of_long_paths_and_counts_strange_methods_together() -> None:
    journal = Journal()
    for number in range(3):
        journal.add(Entry(0.0, f"M{number}", "/" + "x" * 50_000, "rows", 404, 0.0))
    assert {len(str(entry["path"])) for entry in journal.entries()} == {2_000}
    assert journal.summary()["counts"] == [{"kind": "rows", "method": "other", "status": 404, "count": 3}]
