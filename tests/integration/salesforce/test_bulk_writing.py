"""Jobs that write records, against the emulated org over HTTP."""

import pytest

from adapters.emulator import Emulator
from adapters.salesforce import Salesforce, bulk_writing
from daemon.domain.failure import CallFailedError, FailureKind, Reason
from daemon.domain.plan import Operation
from daemon.ports.bulk_writes import NOT_BY_BULK
from daemon.ports.salesforce import RecordWrite
from tests.integration.salesforce.control import Control


@pytest.fixture(autouse=True)
def quick_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bulk_writing, "_FIRST_LOOK_SECONDS", 0.01)


def create(key: str, **values: str | None) -> RecordWrite:
    return RecordWrite(Operation.CREATE, values, external_id=("Ext_Id__c", key))


def soon(salesforce: Salesforce, seconds: float = 30.0) -> float:
    return salesforce.records._session.clock.monotonic() + seconds


@pytest.mark.requirement("S4-03")
async def test_each_write_gets_its_own_result_in_order(emulator: Emulator, salesforce: Salesforce) -> None:
    old = str(
        emulator.org.create("Account", {"Name": "Old", "Ext_Id__c": "k-3", "Site": "s", "Rating": "Hot"})
    )
    writes = [create(f"k-{n}", Name=f"N{n}") for n in range(6)]
    writes[3] = create("k-3", Site=None)
    writes[4] = create("k-4", Site="no name")
    job = await salesforce.bulk_writer.prepare("Account", writes)
    assert len(emulator.org.rows("Account")) == 1
    results = await salesforce.bulk_writer.outcome(job, writes, soon(salesforce))
    assert [result.created for result in results] == [True, True, True, False, False, True]
    assert results[3].id == old
    assert all(result.at is not None for result in results if result.failure is None)
    failure = results[4].failure
    assert failure is not None
    assert (failure.kind, failure.reason, failure.fields) == (
        FailureKind.REJECTED, Reason.REQUIRED_MISSING, ("Name",),
    )  # fmt: skip
    row = emulator.org.get("Account", old)
    assert row is not None
    assert (row["Name"], row.get("Site"), row["Rating"]) == ("Old", None, "Hot")
    names = {r["Ext_Id__c"]: r["Name"] for r in emulator.org.rows("Account")}
    by_key = {
        write.external_id[1]: result.id
        for write, result in zip(writes, results, strict=True)
        if write.external_id
    }
    assert all(emulator.org.get("Account", by_key[key])["Name"] == name for key, name in names.items())  # type: ignore[index,arg-type]


async def test_an_outcome_may_be_asked_for_again(emulator: Emulator, salesforce: Salesforce) -> None:
    writes = [create(f"k-{n}", Name="N") for n in range(3)]
    job = await salesforce.bulk_writer.prepare("Account", writes)
    first = await salesforce.bulk_writer.outcome(job, writes, soon(salesforce))
    again = await salesforce.bulk_writer.outcome(job, writes, soon(salesforce))
    assert [result.id for result in first] == [result.id for result in again]
    assert len(emulator.org.rows("Account")) == 3


@pytest.mark.requirement("S4-03")
async def test_what_an_aborted_job_did_not_come_to_was_not_done(
    emulator: Emulator, salesforce: Salesforce, control: Control, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("adapters.emulator.bulk.ingest._ROWS_A_LOOK", 200)
    writes = [create(f"k-{n}", Name="N") for n in range(500)]
    job = await salesforce.bulk_writer.prepare("Account", writes)
    clock = salesforce.records._session.clock
    now = 0.0

    async def until_the_deadline(_seconds: float) -> None:
        nonlocal now
        now = 100.0

    monkeypatch.setattr(type(clock), "monotonic", lambda _self: now)
    monkeypatch.setattr(type(clock), "sleep", lambda _self, seconds: until_the_deadline(seconds))
    results = await salesforce.bulk_writer.outcome(job, writes, 50.0)
    done = [result for result in results if result.failure is None]
    left = [result.failure for result in results if result.failure is not None]
    assert len(done) == len(emulator.org.rows("Account")) == 200
    assert {(failure.kind, failure.code) for failure in left} == {(FailureKind.BUSY, NOT_BY_BULK)}


async def test_a_job_that_is_gone_says_nothing_of_its_records(
    salesforce: Salesforce, control: Control
) -> None:
    writes = [create("k", Name="N")]
    job = await salesforce.bulk_writer.prepare("Account", writes)
    await control.post("faults", path=f"/jobs/ingest/{job}", status=404, code="NOT_FOUND", message="gone")
    (result,) = await salesforce.bulk_writer.outcome(job, writes, soon(salesforce))
    assert result.failure is not None
    assert result.failure.kind is FailureKind.UNKNOWN_OUTCOME
    assert await salesforce.bulk_writer.end(job)


async def test_a_page_that_somebody_in_between_answers_with_does_not_say_that_a_job_is_gone(
    salesforce: Salesforce, control: Control
) -> None:
    writes = [create("k", Name="N")]
    job = await salesforce.bulk_writer.prepare("Account", writes)
    await control.fault(
        action="answer", method="GET", path=f"/jobs/ingest/{job}", status=404, body="<html>not found"
    )
    with pytest.raises(CallFailedError):
        await salesforce.bulk_writer.outcome(job, writes, soon(salesforce))
    (result,) = await salesforce.bulk_writer.outcome(job, writes, soon(salesforce))
    assert result.created


async def test_limits_of_automation_are_no_fault_of_one_record(
    emulator: Emulator, salesforce: Salesforce, control: Control
) -> None:
    message = "Trigger: System.LimitException: Apex CPU time limit exceeded"
    await control.fault(
        action="refuse_records",
        api="bulk",
        code="CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY",
        message=message,
        rate=1.0,
    )
    writes = [create("k", Name="N")]
    job = await salesforce.bulk_writer.prepare("Account", writes)
    (result,) = await salesforce.bulk_writer.outcome(job, writes, soon(salesforce))
    assert result.failure is not None
    assert (result.failure.code, result.shared) == (NOT_BY_BULK, True)
    assert "LimitException" in result.failure.message


@pytest.mark.requirement("S4-03")
async def test_a_job_that_cannot_be_given_its_rows_is_never_started(
    emulator: Emulator, salesforce: Salesforce, control: Control
) -> None:
    await control.fault(method="PUT", path="/batches", action="drop_reply")
    with pytest.raises(CallFailedError):
        await salesforce.bulk_writer.prepare("Account", [create("k", Name="N")])
    path = f"{salesforce.records._session.settings.data_path}/jobs/ingest"
    (job,) = (await salesforce.records._session.get(path, "fetch"))["records"]
    assert job["state"] == "Aborted"
    assert emulator.org.rows("Account") == []
