"""Ids, SOQL text, JSON, CSV, hosts, headers, bodies and clocks: the pure parts."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from random import Random

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.memory.clock import VirtualClock
from adapters.salesforce import soql
from adapters.salesforce.allowance import parse_limit_info, parse_limits
from adapters.salesforce.backoff import FullJitter, RetryableError, retry_after
from adapters.salesforce.bulk_columns import Columns
from adapters.salesforce.catalogue import object_of_event
from adapters.salesforce.csv_rows import MalformedCsvError, csv_rows
from adapters.salesforce.decode import MalformedBodyError, loads
from adapters.salesforce.describe import parse_object
from adapters.salesforce.faults import no_answer
from adapters.salesforce.hosts import checked_origin
from adapters.salesforce.ids import id18, is_id
from adapters.salesforce.payload import payload, refusal
from adapters.salesforce.rows import parse_instant, record_of, values_of
from adapters.salesforce.server_clock import ServerClock, http_date, parse_http_date
from adapters.salesforce.settings import DOMAIN_SUFFIXES
from daemon.domain.failure import CallFailedError, FailureKind
from daemon.domain.plan import Operation
from daemon.ports.salesforce import FieldDescription, Limits, ObjectDescription, RecordWrite


def described(**types: str) -> ObjectDescription:
    fields = {name: FieldDescription(name, type_, name) for name, type_ in types.items()}
    return ObjectDescription("Account", "Account", "001", True, True, True, True, fields)


@pytest.mark.parametrize(
    ("short", "suffix"),
    [
        ("0015f00002JUZPD", "AA5"),
        ("0055f000005mc66", "AAA"),
        ("001ZM000001n4n5", "YAA"),
        ("00Q5f000005bwLF", "EAY"),
        ("50025000009vJE9", "AAM"),
        ("000000000000000", "AAA"),
    ],
)
def test_the_18_character_form(short: str, suffix: str) -> None:
    assert id18(short) == short + suffix
    assert id18(short + suffix) == short + suffix
    assert is_id(short)
    assert is_id(short + suffix)
    assert not is_id(short + "x")


@pytest.mark.parametrize("text", ["o'neil", "a\\b", 'say "x"', "line\nbreak\r\t", "%_", "' OR Id != '", ""])
def test_a_literal_can_be_read_back(text: str) -> None:
    quoted = soql.literal(text)
    assert _unquote(quoted) == text


@given(st.text())
def test_no_text_escapes_its_literal(text: str) -> None:
    assert _unquote(soql.literal(text)) == text


def _unquote(quoted: str) -> str:
    """What a reader of SOQL makes of a literal; it must end exactly at the last character."""
    assert quoted[0] == "'"
    result, index = "", 1
    while quoted[index] != "'":
        if quoted[index] == "\\":
            index += 1
            result += {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f"}.get(
                quoted[index], quoted[index]
            )
        else:
            result += quoted[index]
        index += 1
    assert index == len(quoted) - 1
    return result


@pytest.mark.parametrize("name", ["Id; DROP", "", "1Name", "Name)", "a b", "Ünicode", "a..b", "a." + "b-c"])
def test_a_name_is_a_name(name: str) -> None:
    with pytest.raises(ValueError, match="not a Salesforce API name"):
        soql.select([name], "Account")
    assert soql.select(["Owner.Name", "Plan__c"], "Account", "Id != null", "LIMIT 1") == (
        "SELECT Owner.Name,Plan__c FROM Account WHERE Id != null LIMIT 1"
    )


def test_literals_are_divided_by_the_length_of_the_request_line() -> None:
    values = [soql.literal(f"wert-ä-{n:05}") for n in range(3000)]
    chunks = list(soql.chunks_of_in("SELECT Id FROM Account WHERE X__c", values))
    assert [item for chunk in chunks for item in chunk] == values
    for chunk in chunks:
        line = soql.encoded(f"SELECT Id FROM Account WHERE X__c IN ({','.join(chunk)})")
        assert len(line) <= soql.URI_BYTES
    assert len(chunks) < 12
    assert [len(chunk) for chunk in soql.chunks_of_in("p", ["'" + "x" * 20_000 + "'"])] == [1]


def test_an_instant_is_a_bare_literal_in_utc() -> None:
    moment = datetime(2026, 11, 22, 14, 34, 15, 999, tzinfo=UTC) + timedelta(0)
    assert soql.instant(moment) == "2026-11-22T14:34:15Z"


@pytest.mark.parametrize(
    ("body", "value"),
    [
        (b'{"a": 12345678901234567.25}', "12345678901234567.25"),
        (b'{"a":0.1234567890123456789}', "0.1234567890123456789"),
        (b'{"a": -99999999999999.9999}', "-99999999999999.9999"),
        (b'{"a": 12000.5}', 12000.5),
        (b'{"a": 1.234567890123456789E3}', "1234.567890123456789"),
        (b'{"a": 123456789012345678}', 123456789012345678),
        (b'{"a": 123456789012345678901234567890}', 123456789012345678901234567890),
        (b'{"a": "12345678901234567.25"}', "12345678901234567.25"),
        (b'{"a": 1E400, "b": 1.0000000000000000001}', float("inf")),
    ],
)
def test_no_digit_of_a_number_is_lost(body: bytes, value: object) -> None:
    assert loads(body)["a"] == value


def test_a_lone_surrogate_is_read_and_nonsense_is_not() -> None:
    assert loads(b'{"a": "\\ud800"}') == {"a": "\ud800"}
    for body in (b"<html>", b"", b"{", b'{"a": NaN, "b": 1.0000000000000000001}', b"[" * 100_000):
        with pytest.raises(MalformedBodyError):
            loads(body)


async def _pieces(document: bytes, size: int) -> AsyncIterator[bytes]:
    for start in range(0, len(document), size):
        yield document[start : start + size]


@pytest.mark.parametrize("size", [1, 7, 100_000, 1_000_000])
async def test_csv_comes_whole_whatever_the_pieces(size: int) -> None:
    text = '"Id","Text"\n' + "".join(
        f'"{n}","line one\nsaid ""{n}"", then\r\n{"ä" * 40}"\n' for n in range(5000)
    )
    document = text.encode()[: 40_000 if size < 10 else None]
    whole = document[: document.rfind(b'"\n"') + 2]
    rows = [row async for batch in csv_rows(_pieces(whole, size), 1 << 20) for row in batch]
    assert rows[0] == ["Id", "Text"]
    assert [row[0] for row in rows[1:]] == [str(n) for n in range(len(rows) - 1)]
    assert all(row[1] == f'line one\nsaid "{n}", then\r\n{"ä" * 40}' for n, row in enumerate(rows[1:]))


async def test_csv_without_end_is_refused() -> None:
    endless = b'"Id"\n"' + b"x" * 2_000_000
    with pytest.raises(MalformedCsvError):
        [batch async for batch in csv_rows(_pieces(endless, 4096), 1 << 20)]
    with pytest.raises(MalformedCsvError):
        [batch async for batch in csv_rows(_pieces(b'"Id"\n"open', 4096), 1 << 20)]


def test_a_bulk_row_looks_as_rest_would_have_sent_it() -> None:
    description = described(
        Id="id", Name="string", IsActive="boolean", Count__c="int", Amount="currency", Big="double",
        Seen__c="datetime", Day="date", SystemModstamp="datetime", LastModifiedDate="datetime",
    )  # fmt: skip
    columns = Columns(
        description, ["Name", "IsActive", "Count__c", "Amount", "Big", "Seen__c", "Day", "Missing"]
    )
    columns.begin(
        [
            "Id",
            "SystemModstamp",
            "LastModifiedDate",
            "Name",
            "IsActive",
            "Count__c",
            "Amount",
            "Big",
            "Seen__c",
            "Day",
        ]
    )
    record = columns.record(
        ["0015f00002JUZPDAA5", "2026-11-22T13:34:16.000Z", "2026-11-22T13:34:15.000Z", "Acme", "true", "7", "12.5",
         "12345678901234567.25", "2026-11-22T13:34:15.000Z", ""]
    )  # fmt: skip
    assert record.values == {
        "Name": "Acme", "IsActive": True, "Count__c": 7, "Amount": 12.5, "Big": "12345678901234567.25",
        "Seen__c": "2026-11-22T13:34:15.000+0000", "Day": None,
    }  # fmt: skip
    assert (record.stamp.second, record.modified.second) == (16, 15)
    with pytest.raises(MalformedCsvError):
        columns.record(["0015f00002JUZPDAA5"])
    with pytest.raises(MalformedCsvError):
        columns.begin(["Id", "Name"])


@pytest.mark.parametrize(
    "url",
    [
        "https://acme.my.salesforce.com",
        "https://acme.my.salesforce.com/",
        "https://acme--uat.sandbox.my.salesforce.com:443",
        "https://ACME.my.salesforce.com",
        "https://acme.lightning.force.com",
    ],
)
def test_an_org_may_be_spoken_to(url: str) -> None:
    assert checked_origin(url, DOMAIN_SUFFIXES, ()).startswith("https://")
    assert not checked_origin(url, DOMAIN_SUFFIXES, ()).endswith("/")


@pytest.mark.parametrize(
    "url",
    [
        "http://acme.my.salesforce.com",
        "https://salesforce.com.evil.example",
        "https://evilsalesforce.com",
        "https://.salesforce.com",
        "https://acme.my.salesforce.com:8443",
        "https://acme.my.salesforce.com@evil.example",
        "https://evil.example#.salesforce.com",
        "https://evil.example?.salesforce.com",
        "https://evil.example/.salesforce.com",
        "https://evil.example\\.salesforce.com",
        "https://acme.my.salesforce.com/path",
        "https://user:pw@acme.my.salesforce.com",
        "https://127.0.0.1",
        "https://[::1]",
        "https://169.254.169.254",
        "https://localhost",
        "http://localhost:80",
        "https://acme.my.salesforce.com.",
        "https://ａcme.my.salesforce.com",
        "https://evil.example%2f.salesforce.com/",
        "https://a b.salesforce.com",
        "https://acme.my.salesforce.com:x",
        "ftp://acme.my.salesforce.com",
        "//acme.my.salesforce.com",
        "acme.my.salesforce.com",
        "file:///etc/passwd",
        "",
    ],
)
def test_nobody_else_may_be_spoken_to(url: str) -> None:
    with pytest.raises(ValueError):
        checked_origin(url, DOMAIN_SUFFIXES, ())


def test_an_emulator_may_be_spoken_to_only_if_it_is_allowed() -> None:
    assert checked_origin("http://localhost:8080/", DOMAIN_SUFFIXES, {"localhost"}) == "http://localhost:8080"
    with pytest.raises(ValueError):
        checked_origin("http://localhost.evil.example:8080", DOMAIN_SUFFIXES, {"localhost"})


@pytest.mark.parametrize(
    ("header", "limits"),
    [
        ("api-usage=18/15000", Limits(18, 15000)),
        ("api-usage=25/5000; per-app-api-usage=17/250(appName=sample-app)", Limits(25, 5000)),
        ("per-app-api-usage=17/250(appName=sample-app); api-usage=25/5000", Limits(25, 5000)),
        ("per-app-api-usage=17/250(appName=sample-app)", None),
        ("nonsense", None),
        (None, None),
    ],
)
def test_the_allowance(header: str | None, limits: Limits | None) -> None:
    assert parse_limit_info(header) == limits


def test_the_clocks_offset_is_bounded_by_every_answer_and_follows_a_jump() -> None:
    clock = VirtualClock(datetime(2026, 1, 1, 12, 0, 0, 300000, tzinfo=UTC))
    server = ServerClock(clock)
    assert server.offset is None
    server.observe(clock.now().replace(microsecond=0) + timedelta(seconds=60), 0.1)
    assert server.offset == pytest.approx(60.25, abs=0.5)
    server.observe(None, 0.1)
    server.observe(clock.now().replace(microsecond=0) + timedelta(seconds=3600), 0.1)
    assert server.offset == pytest.approx(3600.25, abs=0.5)
    assert (server.now() - clock.now()).total_seconds() == pytest.approx(3600.25, abs=0.5)


@given(st.floats(-100, 100), st.lists(st.tuples(st.floats(0, 2), st.floats(0, 1)), min_size=1, max_size=30))
def test_the_true_offset_stays_within_the_bounds(true: float, steps: list[tuple[float, float]]) -> None:
    start = datetime(2026, 1, 1, tzinfo=UTC)
    clock = VirtualClock(start)
    server = ServerClock(clock)
    for step, rtt in steps:
        clock.set_wall_clock(clock.now() - start + timedelta(seconds=step + rtt))
        made = clock.now() + timedelta(seconds=true - rtt / 2)
        server.observe(made.replace(microsecond=0), rtt)
    assert server.offset is not None
    assert abs(server.offset - true) <= 1.5


def test_http_dates() -> None:
    moment = datetime(2026, 11, 22, 13, 34, 15, tzinfo=UTC)
    assert http_date(moment.replace(microsecond=7)) == "Sun, 22 Nov 2026 13:34:15 GMT"
    assert parse_http_date("Sun, 22 Nov 2026 13:34:15 GMT") == moment
    assert parse_http_date("yesterday") is None
    assert parse_http_date(None) is None


def test_backoff_is_jittered_bounded_and_obeys_the_server() -> None:
    wait = FullJitter(Random(7))
    waits = [wait(RetryableError(no_answer("x"))) for _ in range(40)]
    assert all(not isinstance(w, bool) and 0 <= w <= 20 for w in waits)
    assert len(set(waits)) == 40
    asked = wait(RetryableError(no_answer("x"), after=30.0))
    assert not isinstance(asked, bool)
    assert asked >= 30
    assert wait(RetryableError(no_answer("x"), after=3600.0)) is False
    assert wait(CallFailedError(no_answer("x"))) is False
    clock = VirtualClock(datetime(2026, 11, 22, 13, 34, 15, tzinfo=UTC))
    assert retry_after("7", clock) == 7
    assert retry_after("Sun, 22 Nov 2026 13:34:25 GMT", clock) == 10
    assert retry_after("soon", clock) is None


def test_decimal_text_of_a_numeric_field_is_sent_as_a_number_with_every_digit() -> None:
    description = described(Amount="currency", Name="string")
    body = orjson.dumps(payload(description, {"Amount": "12345678901234567.25", "Name": "12", "Gone": None}))
    assert body == b'{"Amount":12345678901234567.25,"Name":"12","Gone":null}'
    assert orjson.dumps(payload(description, {"Amount": "1e5"})) == b'{"Amount":"1e5"}'


@pytest.mark.parametrize("value", [float("nan"), float("inf"), "\ud800", 1 << 70])
def test_a_value_that_cannot_be_sent_is_refused_alone(value: str | float) -> None:
    failure = refusal(RecordWrite(Operation.CREATE, {"Name": value}))
    assert failure is not None
    assert failure.kind is FailureKind.REJECTED
    assert refusal(RecordWrite(Operation.CREATE, {"Name": "ok"})) is None
    unnamed = refusal(RecordWrite(Operation.UPDATE, {"Name": "ok"}))
    assert unnamed is not None
    assert unnamed.kind is FailureKind.DEFECT


def test_a_record_holds_what_was_asked_for_and_found() -> None:
    row = {
        "Id": "0015f00002JUZPD", "Name": None, "Owner": {"Name": "Ada", "Manager": None}, "IsDeleted": False,
        "LastModifiedDate": "2026-11-22T13:34:15.000+0000", "SystemModstamp": "2026-11-22T13:34:16.000+0000",
    }  # fmt: skip
    record = record_of("Account", row, ["Name", "Hidden", "Owner.Name", "Owner.Manager.Name", "Owner.Hidden"])
    assert record is not None
    assert record.values == {"Name": None, "Owner.Name": "Ada", "Owner.Manager.Name": None}
    assert record.id == "0015f00002JUZPDAA5"
    assert (record.stamp.second, record.modified.second) == (16, 15)
    assert record_of("Account", {**row, "IsDeleted": True}, []) is None
    assert values_of({"A": 1}, ["A", "B"]) == {"A": 1}
    for broken in ({**row, "Id": 3}, {"Id": "0015f00002JUZPD"}):
        with pytest.raises(CallFailedError):
            record_of("Account", broken, [])


@pytest.mark.parametrize(
    "text", ["2026-11-22T13:34:15.000+0000", "2026-11-22T13:34:15.000Z", "2026-11-22T13:34:15Z"]
)
def test_every_spelling_of_an_instant_is_read(text: str) -> None:
    assert parse_instant(text) == datetime(2026, 11, 22, 13, 34, 15, tzinfo=UTC)


@pytest.mark.parametrize("text", ["2026-11-22", "", None, 5, "soon", "0001-01-01T00:00:00+14:00"])
def test_what_is_no_instant_is_none(text: object) -> None:
    assert parse_instant(text) is None


def test_a_describe_answer() -> None:
    document = {
        "name": "Account", "label": "Account", "keyPrefix": "001", "createable": True, "updateable": True,
        "deletable": False, "queryable": True,
        "fields": [
            {"name": "Ext__c", "type": "string", "label": "Ext", "length": 36, "externalId": True, "unique": True,
             "idLookup": True, "nillable": False, "createable": True, "referenceTo": [], "picklistValues": []},
            {"name": "Rating", "type": "picklist", "restrictedPicklist": True, "picklistValues": [
                {"value": "Hot", "active": True}, {"value": "Old", "active": False}]},
            {"name": "Gone", "deprecatedAndHidden": True}, {"type": "string"}, None,
        ],
    }  # fmt: skip
    description = parse_object(document)
    assert list(description.fields) == ["Ext__c", "Rating"]
    assert description.fields["Ext__c"].required_on_create
    assert description.fields["Rating"].picklist == ("Hot",)
    assert not description.deletable
    with pytest.raises(CallFailedError):
        parse_object([])


@pytest.mark.parametrize(
    ("event", "name"), [("AccountChangeEvent", "Account"), ("Plan__ChangeEvent", "Plan__c"), ("Odd", "Odd")]
)
def test_the_object_of_a_change_event(event: str, name: str) -> None:
    assert object_of_event(event) == name


@pytest.mark.parametrize(
    ("document", "limits"),
    [
        ({"DailyApiRequests": {"Max": 15000, "Remaining": 14998}, "DataStorageMB": {}}, Limits(2, 15000)),
        ({"DailyApiRequests": {"Max": "many"}}, None),
        ({"DailyApiRequests": None}, None),
        ([], None),
    ],
)
def test_the_resource_limits_tells_the_allowance(document: object, limits: Limits | None) -> None:
    assert parse_limits(document) == limits


@pytest.mark.requirement("S4-33")
@pytest.mark.parametrize("operation", [Operation.CREATE, Operation.UPDATE])
@pytest.mark.parametrize("name", ["Id", "id", "ID"])
def test_a_write_that_would_set_a_records_id_is_not_sent(operation: Operation, name: str) -> None:
    write = RecordWrite(operation, {"Name": "Acme", name: "001000000000001AAA"}, id="001000000000001AAA")
    refused = refusal(write)
    assert refused is not None
    assert (refused.kind, refused.code) == (FailureKind.DEFECT, "SETS_ID")
    assert refusal(RecordWrite(operation, {"Name": "Acme"}, id="001000000000001AAA")) is None
