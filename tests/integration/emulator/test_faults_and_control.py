"""The side door: faults, the journal, the clock, and the seed file."""

from __future__ import annotations

import asyncio
from pathlib import Path

import aiohttp
import pytest

from adapters.emulator import Emulator, EmulatorOptions, SeedRefused
from tests.support.plain_client import PlainClient, collection


async def test_faults_end_after_their_times_or_when_they_are_removed(client: PlainClient) -> None:
    await client.control("POST", "faults", {"api": "rows", "times": 2, "code": "UNABLE_TO_LOCK_ROW"})
    await client.control("POST", "faults", {"api": "query", "path": "/query$", "status": 503})
    for expected in (500, 500, 201):
        assert (await client.rest("POST", "sobjects/Account", json={"Name": "A"})).status == expected
    [left] = (await client.control("GET", "faults"))["faults"]
    assert (left["action"], left["api"], left["path"], left["matched"]) == ("answer", "query", "/query$", 0)
    asked = {"q": "SELECT Id FROM Account"}
    assert (await client.rest("GET", "query", params=asked)).status == 503
    await client.control("DELETE", "faults")
    assert (await client.rest("GET", "query", params=asked)).status == 200
    assert (await client.control("GET", "faults"))["faults"] == []


@pytest.mark.parametrize(
    "fault",
    [
        {"action": "answer", "status": 503},
        {"action": "refuse_records", "api": "collections", "code": "UNABLE_TO_LOCK_ROW"},
    ],
    ids=lambda fault: str(fault["action"]),
)
async def test_a_fault_hits_a_part_of_what_fits(client: PlainClient, fault: dict[str, object]) -> None:
    await client.control("POST", "faults", fault | {"rate": 0.5})
    request = collection("Account", {"Name": "A"})
    outcomes = []
    for _ in range(40):
        answer = await client.rest("POST", "composite/sobjects", json=request)
        outcomes.append(answer.status == 200 and answer.body[0]["success"])
    assert 5 < outcomes.count(False) < 35
    [shown] = (await client.control("GET", "faults"))["faults"]
    assert (shown["rate"], shown["matched"]) == (0.5, outcomes.count(False))


async def test_a_late_answer_with_a_rate_is_late_only_now_and_then(client: PlainClient) -> None:
    loop = asyncio.get_running_loop()
    await client.control("POST", "faults", {"action": "latency", "seconds": 0.1, "rate": 0.5})
    late = 0
    for _ in range(20):
        started = loop.time()
        await client.rest("GET", "limits")
        late += loop.time() - started >= 0.1
    assert 0 < late < 20


@pytest.mark.parametrize("rate", [-0.1, 1.5, "half", True])
async def test_a_rate_is_a_number_from_0_to_1(client: PlainClient, rate: object) -> None:
    token = f"Bearer {client.announcement.control_token}"
    answer = await client.send("POST", "/__control/faults", auth=token, json={"rate": rate})
    assert answer.status == 400
    assert "rate" in answer.body["error"]
    assert (await client.control("GET", "faults"))["faults"] == []


async def test_a_dropped_reply_leaves_the_work_done(client: PlainClient) -> None:
    await client.control("POST", "faults", {"action": "drop_reply", "api": "rows", "times": 1})
    with pytest.raises(aiohttp.ClientError):
        await client.rest("POST", "sobjects/Account", json={"Name": "A"})
    assert len(await client.query("SELECT Id FROM Account")) == 1


async def test_a_black_hole_answers_nothing(client: PlainClient) -> None:
    await client.control("POST", "faults", {"action": "hang", "api": "rows", "times": 1})
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2):
            await client.rest("POST", "sobjects/Account", json={"Name": "A"})
    assert await client.query("SELECT Id FROM Account") == []


async def test_a_black_hole_does_not_delay_the_end(client: PlainClient, emulator: Emulator) -> None:
    await client.control("POST", "faults", {"action": "hang", "api": "rows"})
    loop = asyncio.get_running_loop()
    hung = loop.create_task(client.rest("POST", "sobjects/Account", json={"Name": "A"}))
    await client.query("SELECT Id FROM Account")
    started = loop.time()
    await emulator.stop()
    assert loop.time() - started < 1
    with pytest.raises(aiohttp.ClientError):
        await hung


async def test_a_part_of_the_records_can_be_refused(client: PlainClient) -> None:
    fault = {
        "action": "refuse_records",
        "api": "collections",
        "times": 1,
        "code": "UNABLE_TO_LOCK_ROW",
        "message": "locked",
    }
    await client.control("POST", "faults", fault)
    request = {"records": [{"attributes": {"type": "Account"}, "Name": name} for name in "AB"]}
    bad, good = (await client.rest("POST", "composite/sobjects", json=request)).body
    assert (bad["errors"][0]["statusCode"], good["success"]) == ("UNABLE_TO_LOCK_ROW", True)


async def test_an_unknown_fault_is_refused(client: PlainClient) -> None:
    token = f"Bearer {client.announcement.control_token}"
    answer = await client.send("POST", "/__control/faults", auth=token, json={"colour": "red"})
    assert answer.status == 400
    assert answer.body["error"].startswith("unknown key colour; known are action, method, path, api, ")
    assert (await client.send("GET", "/__control/state")).status == 401
    assert (await client.send("GET", "/__control/nothing", auth=token)).status == 404


async def test_the_journal_counts_by_kind(client: PlainClient) -> None:
    await client.create("Account", Name="A")
    await client.query("SELECT Id FROM Account")
    await client.rest("GET", "nowhere/at/all")
    summary = await client.control("GET", "requests?summary=1")
    assert summary["by_kind"] == {"rows": 1, "query": 1, "unknown": 1}
    entry = (await client.control("GET", "requests"))["requests"][0]
    assert (entry["method"], entry["path"], entry["status"]) == (
        "POST",
        "/services/data/v67.0/sobjects/Account",
        201,
    )
    await client.control("DELETE", "requests")
    assert (await client.control("GET", "requests?summary=1"))["total"] == 0


async def test_the_clock_shows_in_dates_and_in_the_date_header(client: PlainClient) -> None:
    await client.control("POST", "clock", {"freeze": True, "at": 1_795_354_455})
    account = await client.create("Account", Name="A")
    answer = await client.rest("GET", f"sobjects/Account/{account}?fields=CreatedDate")
    assert answer.body["CreatedDate"] == "2026-11-22T13:34:15.000+0000"
    assert answer.headers["Date"] == "Sun, 22 Nov 2026 13:34:15 GMT"


async def test_a_seed_file_fills_the_org(tmp_path: Path, key_directory: Path) -> None:
    seed = tmp_path / "seed.yaml"
    seed.write_text(
        "fields: {Contact: {Since__c: {type: date}}}\n"
        "records:\n"
        "  Account: [{_ref: acme, Name: Acme}]\n"
        "  Contact: [{LastName: Sato, AccountId: '@acme', Since__c: 2026-01-02, CreatedDate: '2020-01-01T00:00:00.000+0000'}]\n"
        "generate: {Account: 3, Contact: 5, Lead: 2}\n"
        "switches: {merge_events: false}\n",
        "utf-8",
    )
    emulator = Emulator(EmulatorOptions(seed_file=seed, key_directory=key_directory))
    await emulator.start()
    try:
        [row] = emulator.org.query(
            "SELECT Since__c, CreatedDate, Account.Name FROM Contact WHERE LastName = 'Sato' AND Since__c != null"
        )
        assert (row["Since__c"], row["CreatedDate"]) == ("2026-01-02", "2020-01-01T00:00:00.000+0000")
        assert len(emulator.org.rows("Contact")) == 6
        assert emulator.org.log.retained == 0
        assert emulator.org.switches.merge_events is False
        assert set(emulator.announcement.as_json()) == {
            "url", "org_id", "client_id", "client_secret", "username", "private_key_file", "access_token", "control_url",
            "control_token",
        }  # fmt: skip
    finally:
        await emulator.stop()


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("colours: {}", "unknown key colours"),
        ("records: {Account: [{Site: x}]}", r"records\.Account\[1\]: REQUIRED_FIELD_MISSING"),
        (
            "fields: {Account: {Bad: {type: text}}}",
            r"fields\.Account\.Bad: the name of a custom field ends in __c",
        ),
        ("fields: {Account: {Bad__c: {type: colour}}}", "unknown type colour"),
        ("switches: {nonsense: 1}", r"switches\.nonsense"),
        ("[1, 2", "cannot be read"),
    ],
)
async def test_a_bad_seed_file_is_refused_with_its_place(
    tmp_path: Path, key_directory: Path, text: str, complaint: str
) -> None:
    seed = tmp_path / "seed.yaml"
    seed.write_text(text, "utf-8")
    emulator = Emulator(EmulatorOptions(seed_file=seed, key_directory=key_directory))
    with pytest.raises(SeedRefused, match=complaint):
        await emulator.start()
    await emulator.stop()


async def test_a_port_in_use_is_an_os_error(emulator: Emulator, key_directory: Path) -> None:
    port = int(emulator.announcement.url.rsplit(":", 1)[1])
    second = Emulator(EmulatorOptions(port=port, key_directory=key_directory))
    with pytest.raises(OSError, match="address already in use"):
        await second.start()
