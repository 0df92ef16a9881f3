"""Reading and writing records of an org."""

import asyncio
from contextlib import aclosing
from datetime import UTC, datetime, timedelta

import pytest

from adapters.emulator import Emulator
from adapters.memory.failpoints import Action, ArmedFailpoints, Trap
from adapters.memory.meter import MemoryMeter
from adapters.salesforce import Salesforce, connect, soql
from daemon.domain.failure import CallFailedError, FailureKind, Reason
from daemon.domain.plan import Operation
from daemon.ports.failpoints import Failpoint
from daemon.ports.salesforce import Record, RecordWrite, Stamp
from daemon.runtime.clock import SystemClock
from tests.integration.salesforce.connecting import settings_for
from tests.integration.salesforce.control import Control

FIELDS = ["Name", "Industry", "AnnualRevenue", "BillingCity", "Ext_Id__c"]


def account(emulator: Emulator, name: str, **values: object) -> str:
    return str(emulator.org.create("Account", {"Name": name, **values}))


def held(emulator: Emulator, record_id: str) -> dict[str, object]:
    """What the org holds of an account."""
    row = emulator.org.get("Account", record_id)
    assert row is not None
    return dict(row)


def create(name: str, ext: str | None = None, **values: str | float | None) -> RecordWrite:
    external_id = ("Ext_Id__c", ext) if ext is not None else None
    return RecordWrite(Operation.CREATE, {"Name": name, **values}, external_id=external_id)


async def test_records_are_read_by_id_under_rest_names(emulator: Emulator, salesforce: Salesforce) -> None:
    first = account(emulator, "Acme", Industry="Energy", AnnualRevenue=12000, BillingCity="Oslo")
    second = account(emulator, "Beta")
    missing = "001000000000000AAA"
    found = await salesforce.records.read(
        "Account", FIELDS, [first[:15], second, missing, first, "not an id"]
    )
    assert set(found) == {first, second}
    assert found[first].values == {
        "Name": "Acme", "Industry": "Energy", "AnnualRevenue": 12000, "BillingCity": "Oslo", "Ext_Id__c": None,
    }  # fmt: skip
    assert found[first].stamp.tzinfo is not None
    assert found[first].modified <= found[first].stamp


async def test_a_field_that_the_user_may_not_read_is_absent(
    emulator: Emulator, salesforce: Salesforce, control: Control
) -> None:
    record = account(emulator, "Acme", Industry="Energy")
    before = await salesforce.records.read("Account", FIELDS, [record])
    assert "Industry" in before[record].values
    await control.post("permissions", object="Account", field="Industry", readable=False)
    after = await salesforce.records.read("Account", FIELDS, [record])
    assert "Industry" not in after[record].values
    assert after[record].values["Name"] == "Acme"


async def test_records_are_found_by_a_field(emulator: Emulator, salesforce: Salesforce) -> None:
    first = account(emulator, "Acme", Ext_Id__c="A-1")
    twins = {account(emulator, "O'Neil \\ Sons") for _ in range(2)}
    found = await salesforce.records.find("Account", ["Name"], "Ext_Id__c", ["a-1", "A-1", "nobody"])
    assert {value: [record.id for record in records] for value, records in found.items()} == {
        "a-1": [first], "A-1": [first],
    }  # fmt: skip
    found = await salesforce.records.find("Account", ["Industry"], "Name", ["O'Neil \\ Sons"])
    assert {record.id for record in found["O'Neil \\ Sons"]} == twins
    by_id = await salesforce.records.find("Account", ["Name"], "Id", [first[:15]])
    assert by_id[first[:15]][0].id == first
    assert await salesforce.records.find("Account", ["Name"], "Name", []) == {}
    with pytest.raises(CallFailedError) as refused:
        await salesforce.records.find("Account", ["Name"], "Nope__c", ["x"])
    assert refused.value.failure.kind is FailureKind.CONFIGURATION


async def test_many_values_take_several_requests(
    emulator: Emulator, salesforce: Salesforce, control: Control, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(soql, "URI_BYTES", 7_500)
    emulator.org.load("Account", [{"Name": f"A{n}", "Ext_Id__c": f"value-{n:05}"} for n in range(1500)])
    wanted = [f"value-{n:05}" for n in range(1500)]
    found = await salesforce.records.find("Account", ["Name"], "Ext_Id__c", wanted)
    assert set(found) == set(wanted)
    assert 2 <= len(await control.requests("/query")) <= 10


async def test_deleted_records_say_what_became_of_them(
    emulator: Emulator, salesforce: Salesforce, control: Control
) -> None:
    winner, loser, binned, there = (account(emulator, name) for name in ("W", "L", "B", "T"))
    await control.post("merge", winner=winner, losers=[loser])
    emulator.org.delete("Account", binned)
    gone = "001000000000000AAA"
    found = await salesforce.records.read_deleted("Account", [loser, binned, gone, there])
    assert set(found) == {loser, binned, gone}
    assert found[loser].merged_into == winner
    assert not found[loser].hard
    assert (found[binned].merged_into, found[binned].hard) == (None, False)
    assert found[gone].hard
    task = str(emulator.org.create("Task", {"Subject": "Call"}))
    emulator.org.delete("Task", task)
    assert (await salesforce.records.read_deleted("Task", [task]))[task].hard is False


async def test_counting(emulator: Emulator, salesforce: Salesforce) -> None:
    emulator.org.load("Account", [{"Name": f"A{n}"} for n in range(7)])
    assert await salesforce.records.count("Account") == 7


async def test_the_newest_change_of_many_objects_costs_a_call_for_five(
    emulator: Emulator, salesforce: Salesforce, control: Control
) -> None:
    at = datetime(2026, 11, 22, 13, 34, 15, tzinfo=UTC)
    await control.post("clock", freeze=True, at=at.timestamp())
    emulator.org.create("Account", {"Name": "A"})
    await control.post("clock", advance=60)
    emulator.org.create("Lead", {"LastName": "V", "Company": "U"})
    await control.delete("requests")
    names = ["Account", "Contact", "Lead", "Campaign", "Opportunity", "Case", "Task"]
    assert await salesforce.records.newest(names) == {"Account": at, "Lead": at + timedelta(minutes=1)}
    assert (await control.get("requests?summary=1"))["by_kind"]["composite"] == 2


async def test_what_changed_since_comes_oldest_first_and_not_without_end(
    emulator: Emulator, salesforce: Salesforce, control: Control
) -> None:
    at = datetime(2026, 11, 22, 13, 34, 15, tzinfo=UTC)
    await control.post("clock", freeze=True, at=at.timestamp())
    made = []
    for _ in range(4):
        made.append(emulator.org.create("Account", {"Name": "A"}))
        await control.post("clock", advance=1)
    found = await salesforce.records.changed_since("Account", at, 2)
    assert found == [Stamp(made[1], at + timedelta(seconds=1)), Stamp(made[2], at + timedelta(seconds=2))]


async def test_an_object_that_cannot_be_asked_for_is_a_failure(salesforce: Salesforce) -> None:
    with pytest.raises(CallFailedError) as failed:
        await salesforce.records.newest(["Account", "Nothing__c"])
    assert failed.value.failure.code == "INVALID_TYPE"


@pytest.mark.parametrize("bulk", [False, True])
async def test_a_scan_gives_every_record_once_and_both_ways_alike(
    emulator: Emulator, meter: MemoryMeter, bulk: bool
) -> None:
    emulator.org.load(
        "Account",
        [
            {"Name": f'Ä "{n}",\nline', "AnnualRevenue": n * 3, "Industry": "Energy" if n % 2 else None,
             "NumberOfEmployees": n, "Ext_Id__c": f"{n}"}
            for n in range(4500)
        ],
    )  # fmt: skip
    fields = [
        "Name",
        "AnnualRevenue",
        "Industry",
        "NumberOfEmployees",
        "IsDeleted",
        "CreatedDate",
        "Ext_Id__c",
    ]
    seen: dict[str, Record] = {}
    async with connect(
        settings_for(emulator.announcement, bulk_page_records=1000), SystemClock(), meter
    ) as org:
        pages = 0
        async for page in org.records.scan("Account", fields, bulk=bulk):
            pages += 1
            for record in page:
                assert record.id not in seen
                seen[record.id] = record
        sample = sorted(seen)[:50]
        read = await org.records.read("Account", fields, sample)
    assert len(seen) == 4500
    assert pages >= 3
    assert {record_id: seen[record_id] for record_id in sample} == read


async def test_an_object_with_more_fields_than_a_request_line_holds(
    emulator: Emulator, salesforce: Salesforce, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(soql, "URI_BYTES", 160)
    first, second = account(emulator, "Acme", Ext_Id__c="1"), account(emulator, "Beta", Ext_Id__c="2")
    scanned = [r async for page in salesforce.records.scan("Account", FIELDS, bulk=False) for r in page]
    assert [(record.id, record.values["Name"]) for record in scanned] == [(first, "Acme"), (second, "Beta")]
    found = await salesforce.records.find("Account", FIELDS, "Ext_Id__c", ["1", "2", "3"])
    assert {value: [r.values["Name"] for r in records] for value, records in found.items()} == {
        "1": ["Acme"], "2": ["Beta"],
    }  # fmt: skip


async def test_a_scan_goes_on_after_its_cursor_has_expired(
    emulator: Emulator, salesforce: Salesforce, control: Control
) -> None:
    emulator.org.load("Account", [{"Name": f"A{n}"} for n in range(2500)])
    seen: list[str] = []
    async for page in salesforce.records.scan("Account", ["Name"], bulk=False):
        if not seen:
            await control.fault(
                path="/query/", status=400, code="INVALID_QUERY_LOCATOR", message="invalid query locator"
            )
        seen.extend(record.id for record in page)
    assert len(set(seen)) == len(emulator.org.rows("Account"))


@pytest.mark.parametrize("bulk", [False, True])
async def test_an_empty_object_and_a_left_scan(
    emulator: Emulator, salesforce: Salesforce, bulk: bool
) -> None:
    assert [page async for page in salesforce.records.scan("Lead", ["Company"], bulk=bulk) if page] == []
    emulator.org.load("Account", [{"Name": f"A{n}"} for n in range(3)])
    scan = salesforce.records.scan("Account", ["Name"], bulk=bulk)
    async with aclosing(scan) as pages:  # type: ignore[type-var]
        async for page in pages:
            assert len(page) == 3
            break


async def test_writes_of_every_kind_come_back_in_order(emulator: Emulator, salesforce: Salesforce) -> None:
    updated, deleted, upserted = (
        account(emulator, "U"),
        account(emulator, "D"),
        account(emulator, "E", Ext_Id__c="E-1"),
    )
    results = await salesforce.records.write(
        "Account",
        FIELDS,
        [
            RecordWrite(Operation.DELETE, id=deleted),
            create("New", "N-1"),
            RecordWrite(Operation.UPDATE, {"Name": "U2", "Industry": None}, id=updated),
            create("E2", "E-1"),
            create("Plain"),
            create("", "N-2"),
            RecordWrite(Operation.UPDATE, {"Name": "X"}, id="001000000000000AAA"),
        ],
    )
    assert [result.created for result in results] == [False, True, False, False, True, False, False]
    assert [result.failure is None for result in results] == [True, True, True, True, True, False, False]
    assert [results[index].id for index in (0, 2, 3)] == [deleted, updated, upserted]
    assert all(result.at is not None for result in results[:5])
    empty, missing = results[5].failure, results[6].failure
    assert empty is not None
    assert (empty.kind, empty.reason, empty.fields) == (
        FailureKind.REJECTED,
        Reason.REQUIRED_MISSING,
        ("Name",),
    )
    assert missing is not None
    assert missing.kind in {FailureKind.MISSING, FailureKind.REFERENCE}
    names = {row["Name"] for row in emulator.org.rows("Account") if not row.get("IsDeleted")}
    assert names == {"U2", "New", "E2", "Plain"}


async def test_a_batch_is_divided_and_its_failures_stay_where_they_belong(
    emulator: Emulator, salesforce: Salesforce, control: Control
) -> None:
    await control.post(
        "validation-rules", object="Account", field="Name", value="bad", message="Not that one"
    )
    writes = [create("bad" if n % 7 == 3 else f"A{n}", f"K-{n}") for n in range(450)]
    results = await salesforce.records.write("Account", [], writes)
    assert len(await control.requests("/composite/sobjects/Account/Ext_Id__c")) == 3
    for n, result in enumerate(results):
        if n % 7 == 3:
            assert result.failure is not None
            assert (result.failure.reason, result.failure.message) == (Reason.VALIDATION_RULE, "Not that one")
        else:
            assert result.failure is None, result
            assert result.id is not None
            assert held(emulator, result.id)["Ext_Id__c"] == f"K-{n}"


async def test_a_conditional_update_reads_back_what_automation_made_of_it(
    emulator: Emulator, salesforce: Salesforce, control: Control
) -> None:
    await control.post("automation", object="Account", field="Description", template="seen {Name}")
    ids = [account(emulator, f"A{n}") for n in range(30)]
    read = await salesforce.records.read("Account", FIELDS, ids)
    writes = [
        RecordWrite(Operation.UPDATE, {"Name": f"B{n}"}, id=record_id, unmodified_since=read[record_id].stamp)
        for n, record_id in enumerate(ids)
    ]
    results = await salesforce.records.write("Account", ["Name", "Description"], writes)
    assert [result.failure for result in results] == [None] * 30
    for n, result in enumerate(results):
        assert result.record is not None
        assert result.record.values["Name"] == f"B{n}"
        assert str(result.record.values["Description"]).startswith("seen")
        assert result.at is not None
        assert result.at >= result.record.stamp
    assert len([r for r in await control.requests("/composite") if r["path"].endswith("/composite")]) == 3


async def test_a_record_that_changed_meanwhile_is_a_conflict_and_is_shown(
    emulator: Emulator, salesforce: Salesforce
) -> None:
    record = account(emulator, "Theirs")
    stale = (await salesforce.records.read("Account", FIELDS, [record]))[record].stamp - timedelta(seconds=10)
    gone = account(emulator, "Gone")
    emulator.org.delete("Account", gone)
    results = await salesforce.records.write(
        "Account",
        FIELDS,
        [
            RecordWrite(Operation.UPDATE, {"Name": "Ours"}, id=record, unmodified_since=stale),
            RecordWrite(Operation.UPDATE, {"Name": "Ours"}, id=gone, unmodified_since=datetime.now(UTC)),
        ],
    )
    conflict, missing = results[0].failure, results[1].failure
    assert conflict is not None
    assert conflict.kind is FailureKind.CONFLICT
    assert results[0].record is not None
    assert results[0].record.values["Name"] == "Theirs"
    assert missing is not None
    assert missing.kind is FailureKind.MISSING
    assert results[1].record is None
    assert held(emulator, record)["Name"] == "Theirs"


async def test_an_expired_session_is_renewed_once_for_fifty_calls(
    emulator: Emulator, salesforce: Salesforce, control: Control, meter: MemoryMeter
) -> None:
    await salesforce.records.count("Account")
    await control.post("tokens/expire")
    results = await asyncio.gather(
        *(salesforce.records.write("Account", [], [create(f"A{n}", f"K-{n}")]) for n in range(50))
    )
    assert all(result.failure is None for (result,) in results)
    assert len(await control.requests("/oauth2/token")) == 2
    assert meter.counted("isthmus_salesforce_token_refreshes_total", outcome="ok") == 2
    assert len(emulator.org.rows("Account")) == 50


@pytest.mark.parametrize(
    "fault", [{"action": "drop_reply"}, {"action": "answer", "status": 502, "body": "<html>"}]
)
async def test_a_write_without_an_answer_has_an_unknown_outcome_and_is_sent_once(
    emulator: Emulator, salesforce: Salesforce, control: Control, fault: dict[str, object]
) -> None:
    await salesforce.records.write("Account", [], [create("Warm", "W")])
    await control.fault(path="/composite/sobjects/", **fault)
    results = await salesforce.records.write("Account", [], [create("A", "A"), create("B", "B")])
    assert [result.failure.kind if result.failure else None for result in results] == [
        FailureKind.UNKNOWN_OUTCOME
    ] * 2
    assert len(await control.requests("/composite/sobjects/Account/Ext_Id__c")) == 2


async def test_a_write_that_hangs_has_an_unknown_outcome(
    emulator: Emulator, control: Control, meter: MemoryMeter
) -> None:
    async with connect(settings_for(emulator.announcement, total_seconds=0.3), SystemClock(), meter) as org:
        await org.catalogue.describe("Account")
        await control.fault(path="/composite/sobjects", action="hang")
        (result,) = await org.records.write("Account", [], [create("A", "A")])
    assert result.failure is not None
    assert result.failure.kind is FailureKind.UNKNOWN_OUTCOME
    assert meter.counted("isthmus_salesforce_requests_total", api="composite", outcome="transport") == 1


async def test_f6_a_write_whose_call_is_cancelled_alone_is_not_taken_for_done(
    emulator: Emulator, meter: MemoryMeter
) -> None:
    trap = Trap(Failpoint.REPLY_UNREAD, Action.CANCEL)
    armed = ArmedFailpoints(trap, SystemClock(), lambda _: None)
    settings = settings_for(emulator.announcement)
    async with connect(settings, SystemClock(), meter, failpoints=armed) as org:
        (result,) = await org.records.write("Account", [], [create("A", "A")])
    assert result.failure is not None
    assert result.failure.kind is FailureKind.UNKNOWN_OUTCOME


async def test_a_safe_read_is_tried_again(
    emulator: Emulator, salesforce: Salesforce, control: Control
) -> None:
    record = account(emulator, "Acme")
    await salesforce.records.read("Account", ["Name"], [record])
    await control.fault(
        path="/composite/sobjects/Account", status=503, body="<html>", headers={"Retry-After": "0"}
    )
    await control.fault(path="/composite/sobjects/Account", action="drop_reply")
    found = await salesforce.records.read("Account", ["Name"], [record])
    assert found[record].values == {"Name": "Acme"}
    assert len(await control.requests("/composite/sobjects/Account")) >= 3


async def test_a_spent_allowance_is_not_asked_again(
    emulator: Emulator, salesforce: Salesforce, control: Control
) -> None:
    await salesforce.records.count("Account")
    await control.fault(
        path="/query", status=403, code="REQUEST_LIMIT_EXCEEDED", message="TotalRequests Limit exceeded."
    )
    with pytest.raises(CallFailedError) as limited:
        await salesforce.records.count("Account")
    assert (limited.value.failure.kind, limited.value.failure.reason) == (FailureKind.LIMITED, Reason.LIMIT)
    assert await salesforce.records.count("Account") == 0


async def test_every_answer_tells_the_allowance_and_the_time(
    salesforce: Salesforce, meter: MemoryMeter
) -> None:
    records = salesforce.records
    assert [records.limits, records.clock_offset] == [None, None]
    await records.count("Account")
    limits, offset = records.limits, records.clock_offset
    assert limits is not None
    assert 0 < limits.used < limits.limit
    assert meter.gauged("isthmus_salesforce_api_calls_used") == limits.used
    assert offset is not None
    assert abs(offset) < 1.5


async def test_f17_silence_is_told_while_a_write_is_still_waited_for(
    emulator: Emulator, control: Control, meter: MemoryMeter
) -> None:
    told: list[tuple[bool, str]] = []
    settings = settings_for(emulator.announcement, read_seconds=0.3, total_seconds=1.5)
    silent = asyncio.Event()

    def tell(up: bool, reason: str) -> None:
        told.append((up, reason))
        if not up:
            silent.set()

    async with connect(settings, SystemClock(), meter, told=tell) as org:
        await org.catalogue.describe("Account")
        await control.fault(path="/composite/sobjects", action="hang")
        async with asyncio.TaskGroup() as tasks:
            writing = tasks.create_task(org.records.write("Account", [], [create("A", "A")]))
            async with asyncio.timeout(5):
                await silent.wait()
            assert not writing.done()
        await org.records.count("Account")
    assert told == [(True, "answering"), (False, "no answer for 0 s"), (True, "answering")]


async def test_the_login_host_and_the_orgs_have_circuits_of_their_own(
    emulator: Emulator, control: Control, meter: MemoryMeter
) -> None:
    async with connect(settings_for(emulator.announcement, read_attempts=1), SystemClock(), meter) as org:
        await org.records.count("Account")
        await control.fault(
            path="/query", status=503, body="<html>", headers={"Retry-After": "100"}, times=50
        )
        codes = []
        for _ in range(8):
            with pytest.raises(CallFailedError) as failed:
                await org.records.count("Account")
            codes.append(failed.value.failure.code)
        (opened,) = await org.records.write("Account", [], [create("A", "A")])
        assert opened.failure is not None
        assert (opened.failure.code, opened.failure.kind) == ("CIRCUIT_OPEN", FailureKind.TRANSIENT)
        assert org.tokens.current is not None
        org.tokens.discard(org.tokens.current)
        assert (await org.tokens.token()).instance_url, "the login host is well"
    assert codes == ["HTTP_503", *["CIRCUIT_OPEN"] * 7], (
        "a wait that is asked for is kept from the first time on"
    )
    assert len(await control.requests("/query")) == 2


async def test_the_org_tells_its_allowance_when_it_is_asked(salesforce: Salesforce) -> None:
    told = await salesforce.allowance()
    assert told is not None
    assert told.limit == 1_000_000
    assert 0 < told.used < told.limit
