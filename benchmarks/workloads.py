"""What is measured: each workload drives an emulator over its wire and says how much it moved in how many seconds."""

from __future__ import annotations

import gzip
import select
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import orjson

from benchmarks.wire import Answer, Wire

API = "/services/data/v67.0"
STREAM = "/cometd/67.0"
RECORDS_A_CALL = 200
ROWS_A_PAGE = 2000
ROWS_A_SHEET = 50_000
_FIELDS = "Id,FirstName,LastName,Email,Phone,Title,MailingCity,AccountId,LastModifiedDate,SystemModstamp"
_COLUMNS = "FirstName,LastName,Email,Phone,MailingCity"


@dataclass(frozen=True, slots=True)
class Amount:
    """How many units a workload moved, and the seconds it took."""

    count: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Plan:
    """How much a workload moves, the ids of records it may change, and a number that makes its values unlike all others."""

    records: int
    contacts: Sequence[str]
    mark: int


@dataclass(frozen=True, slots=True)
class Workload:
    """A measurement: `width` is how many requests are under way at a time."""

    name: str
    unit: str
    width: int
    run: Callable[[Wire, Plan], Amount]


def contact_ids(wire: Wire, count: int) -> list[str]:
    """Ids of contacts of the org, page after page."""
    found: list[str] = []
    path = f"{API}/query?q={quote('SELECT Id FROM Contact')}"
    while len(found) < count:
        page = _json(wire.ask(wire.request("GET", path)))
        found += [record["Id"] for record in page["records"]]
        path = page.get("nextRecordsUrl", "")
    return found[:count]


def flood(wire: Wire, plan: Plan) -> int:
    """Updates of contacts whose events nobody reads; gives how many there were."""
    return _write(wire, "PATCH", "", _updates(plan)).count


def _create(wire: Wire, plan: Plan) -> Amount:
    records = ({"attributes": {"type": "Contact"}, **_person(plan, number)} for number in range(plan.records))
    return _write(wire, "POST", "", records)


def _update(wire: Wire, plan: Plan) -> Amount:
    return _write(wire, "PATCH", "", _updates(plan))


def _upsert(wire: Wire, plan: Plan) -> Amount:
    """Half of the records are there already: they were put in by the first half of the call before."""
    records = (
        {
            "attributes": {"type": "Contact"},
            "Ext_Id__c": f"u-{plan.mark}-{number // 2}",
            **_person(plan, number),
        }
        for number in range(plan.records)
    )
    return _write(wire, "PATCH", "/Contact/Ext_Id__c", _apart(list(records)))


def _apart(records: Sequence[Mapping[str, object]]) -> Iterator[Mapping[str, object]]:
    """First the even ones, then the odd ones, so that equal keys never meet in one call."""
    yield from records[::2]
    yield from records[1::2]


def _updates(plan: Plan) -> Iterator[Mapping[str, object]]:
    for number in range(plan.records):
        record_id = plan.contacts[number % len(plan.contacts)]
        title = f"Title {plan.mark} {number}"
        yield {"attributes": {"type": "Contact"}, "id": record_id, "Title": title, "Phone": f"+1 {number}"}


def _person(plan: Plan, number: int) -> dict[str, object]:
    return {
        "FirstName": "Ada",
        "LastName": f"Okafor {plan.mark} {number}",
        "Email": f"ada.{plan.mark}.{number}@example.com",
        "Phone": f"+49 30 {number:07d}",
        "MailingCity": "Lisbon",
    }


def _write(wire: Wire, method: str, path: str, records: Iterator[Mapping[str, object]]) -> Amount:
    requests = [
        wire.request(
            method, f"{API}/composite/sobjects{path}", orjson.dumps({"allOrNone": False, "records": call})
        )
        for call in _batches(list(records), RECORDS_A_CALL)
    ]
    started = time.perf_counter()
    answers = list(wire.waves(requests))
    seconds = time.perf_counter() - started
    saved = 0
    for answer in answers:
        results = _json(answer)
        if not all(result["success"] for result in results):
            raise RuntimeError(f"a record was refused: {results}")
        saved += len(results)
    return Amount(saved, seconds)


def _batches(records: Sequence[Mapping[str, object]], size: int) -> Iterator[Sequence[Mapping[str, object]]]:
    for start in range(0, len(records), size):
        yield records[start : start + size]


def _read_rows(wire: Wire, plan: Plan) -> Amount:
    requests = [
        wire.request("GET", f"{API}/sobjects/Contact/{record_id}") for record_id in _some(plan, plan.records)
    ]
    return _timed(wire, requests, 200)


def _change_rows(wire: Wire, plan: Plan) -> Amount:
    requests = [
        wire.request(
            "PATCH",
            f"{API}/sobjects/Contact/{record_id}",
            orjson.dumps({"Title": f"Row {plan.mark} {number}"}),
        )
        for number, record_id in enumerate(_some(plan, plan.records))
    ]
    return _timed(wire, requests, 204)


def _some(plan: Plan, count: int) -> list[str]:
    return [plan.contacts[number % len(plan.contacts)] for number in range(count // 5)]


def _timed(wire: Wire, requests: Sequence[bytes], status: int) -> Amount:
    started = time.perf_counter()
    count = sum(1 for _ in wire.waves(requests, status=status))
    return Amount(count, time.perf_counter() - started)


def _pages(wire: Wire, _plan: Plan) -> Amount:
    """All contacts by a query whose pages are asked for as fast as they come."""
    query = quote(f"SELECT {_FIELDS} FROM Contact")
    started = time.perf_counter()
    first = _json(wire.ask(wire.request("GET", f"{API}/query?q={query}")))
    locator = str(first["nextRecordsUrl"]).rpartition("-")[0]
    starts = range(ROWS_A_PAGE, int(first["totalSize"]), ROWS_A_PAGE)
    count = 1 + sum(1 for _ in wire.waves(wire.request("GET", f"{locator}-{start}") for start in starts))
    return Amount(count, time.perf_counter() - started)


def _bulk_query(wire: Wire, _plan: Plan) -> Amount:
    """All contacts, in sheets of CSV, from the making of the job to its last sheet."""
    started = time.perf_counter()
    asked = orjson.dumps({"operation": "query", "query": f"SELECT {_FIELDS} FROM Contact"})
    job = _json(wire.ask(wire.request("POST", f"{API}/jobs/query", asked)))["id"]
    _until_ended(wire, f"{API}/jobs/query/{job}")
    rows, locator = 0, ""
    while locator != "null":
        path = f"{API}/jobs/query/{job}/results?maxRecords={ROWS_A_SHEET}&locator={locator}"
        answer = wire.ask(wire.request("GET", path, headers={"Accept": "text/csv"}))
        locator = answer.header("Sforce-Locator") or "null"
        rows += int(answer.header("Sforce-NumberOfRecords") or 0)
    return Amount(rows, time.perf_counter() - started)


def _bulk_ingest(wire: Wire, plan: Plan) -> Amount:
    """An insert job from its making to its end, its results included."""
    lines = [
        ",".join(str(value) for value in _person(plan, number).values()) for number in range(plan.records)
    ]
    content = "\n".join((_COLUMNS, *lines)).encode()
    started = time.perf_counter()
    asked = orjson.dumps(
        {"object": "Contact", "operation": "insert", "contentType": "CSV", "lineEnding": "LF"}
    )
    job = _json(wire.ask(wire.request("POST", f"{API}/jobs/ingest", asked)))["id"]
    path = f"{API}/jobs/ingest/{job}"
    wire.ask(wire.request("PUT", f"{path}/batches", content, {"Content-Type": "text/csv"}), status=201)
    wire.ask(wire.request("PATCH", path, orjson.dumps({"state": "UploadComplete"})))
    ended = _until_ended(wire, path)
    wire.ask(wire.request("GET", f"{path}/successfulResults"))
    if ended["numberRecordsFailed"]:
        raise RuntimeError(f"rows were refused: {ended}")
    return Amount(int(str(ended["numberRecordsProcessed"])), time.perf_counter() - started)


def _until_ended(wire: Wire, path: str) -> dict[str, object]:
    while True:
        job: dict[str, object] = _json(wire.ask(wire.request("GET", path)))
        if job["state"] == "JobComplete":
            return job
        if job["state"] in {"Failed", "Aborted"}:
            raise RuntimeError(f"the job ended as {job}")


def _replayed(wire: Wire, plan: Plan) -> Amount:
    """A backlog: the newest events of the stream, which were made before, to a subscriber that comes late."""
    subscriber = _Subscriber(wire)
    subscriber.subscribe(-1)
    _write(wire, "PATCH", "", _updates(plan))
    first = _first_replay_id(subscriber.connect())
    late = _Subscriber(wire)
    late.subscribe(first)
    wire.exchanges.clear()
    count, started = 0, time.perf_counter()
    while count < plan.records - 1:
        count += _events(late.connect())
    return Amount(count, time.perf_counter() - started)


def _live(wire: Wire, plan: Plan) -> Amount:
    """Events to a parked subscriber while another connection writes the records that they tell of: both share the core."""
    subscriber = _Subscriber(wire)
    subscriber.subscribe(-1)
    writer, reader = wire.connections[1], wire.connections[0]
    writes = iter(
        [
            wire.request("PATCH", f"{API}/composite/sobjects", orjson.dumps({"records": call}))
            for call in _batches(list(_updates(plan)), RECORDS_A_CALL)
        ]
    )
    wire.exchanges.clear()
    count, started = 0, time.perf_counter()
    under_way = {writer.socket: next(writes), reader.socket: subscriber.ask_connect()}
    for connection in (reader, writer):
        connection.send(under_way[connection.socket])
    while count < plan.records:
        for ready in select.select([reader.socket, writer.socket], [], [])[0]:
            connection = reader if ready is reader.socket else writer
            answer = wire.took(under_way[ready], connection.receive())
            if connection is reader:
                count += _events(answer.body)
            following = subscriber.ask_connect() if connection is reader else next(writes, None)
            if following is not None:
                under_way[ready] = following
                connection.send(following)
    return Amount(count, time.perf_counter() - started)


def _events(body: bytes) -> int:
    """How many events an answer brings. Raises RuntimeError for none: every wait here is for some."""
    count = body.count(b'"replayId"')
    if not count:
        raise RuntimeError(f"no event came: {body[:500]!r}")
    return count


class _Subscriber:
    """A client of the stream on the first connection of a wire."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._cookie: dict[str, str] = {}
        answer = self._say("/meta/handshake", version="1.0", supportedConnectionTypes=["long-polling"])
        self._client_id = str(orjson.loads(answer.body)[0]["clientId"])
        cookies = [line for line in answer.head.split(b"\r\n") if line.lower().startswith(b"set-cookie:")]
        self._cookie = {
            "Cookie": "; ".join(line[11:].partition(b";")[0].strip().decode() for line in cookies)
        }
        self.connect()

    def subscribe(self, replay_id: int) -> None:
        """Subscribe to all changes from a place on the stream."""
        channel = "/data/ChangeEvents"
        self._say("/meta/subscribe", subscription=channel, ext={"replay": {channel: replay_id}})

    def connect(self) -> bytes:
        """One connect; gives the body of its answer."""
        return self._wire.ask(self.ask_connect()).body

    def ask_connect(self) -> bytes:
        """The request of a connect."""
        return self._request("/meta/connect", connectionType="long-polling")

    def _say(self, channel: str, **members: object) -> Answer:
        return self._wire.ask(self._request(channel, **members))

    def _request(self, channel: str, **members: object) -> bytes:
        message = {"channel": channel, "id": "1", **members}
        if self._cookie:
            message["clientId"] = self._client_id
        return self._wire.request("POST", STREAM, orjson.dumps([message]), self._cookie)


def _first_replay_id(body: bytes) -> int:
    events = [message for message in orjson.loads(body) if "data" in message]
    return int(events[0]["data"]["event"]["replayId"])


def _json(answer: Answer) -> Any:
    content = gzip.decompress(answer.body) if answer.header("Content-Encoding") == "gzip" else answer.body
    return orjson.loads(content)


WORKLOADS = (
    Workload("Collections, create", "records/s", 4, _create),
    Workload("Collections, update", "records/s", 4, _update),
    Workload("Collections, upsert", "records/s", 4, _upsert),
    Workload("events out, replayed", "events/s", 1, _replayed),
    Workload("events out, live", "events/s", 2, _live),
    Workload("Bulk query", "rows/s", 1, _bulk_query),
    Workload("Bulk ingest, insert", "rows/s", 1, _bulk_ingest),
    Workload("single row, read", "requests/s", 16, _read_rows),
    Workload("single row, update", "requests/s", 16, _change_rows),
    Workload("SOQL, 2,000 rows a page", "pages/s", 4, _pages),
)
