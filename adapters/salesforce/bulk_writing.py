"""Writing records through Bulk API 2.0: an ingest job, its one upload, its end awaited, and its results read.

Salesforce documents the calls. A job does nothing before it is set to UploadComplete; from then on it goes through InProgress to JobComplete (some
rows may have failed all the same), Failed or Aborted. What it has done by then stays done, and three files say what became of each
row. To set a state twice is refused and changes nothing.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from adapters.salesforce import faults, soql
from adapters.salesforce.csv_rows import MalformedCsvError, csv_rows
from adapters.salesforce.ids import id18
from adapters.salesforce.ingest_sheet import carried, key_column, key_of, row_errors, sheet
from adapters.salesforce.session import Answer, Request, Session
from daemon.domain.failure import CallFailedError, FailureKind
from daemon.domain.plan import Operation
from daemon.ports.bulk_writes import not_by_bulk
from daemon.ports.salesforce import RecordWrite, WriteResult

_FIRST_LOOK_SECONDS: Final = 1.0
_LONGEST_LOOK_SECONDS: Final = 30.0
_OPEN: Final = "Open"
_COMPLETE: Final = "JobComplete"
_ENDED: Final = frozenset({_COMPLETE, "Failed", "Aborted"})
_GOVERNOR: Final = "System.LimitException"
"""Automation ran out of what Salesforce grants one transaction: all records of a chunk together did that, not this one."""

_UNHEARD: Final = WriteResult(
    failure=faults.unknown_outcome("the bulk job has ended, and its results do not speak of this record")
)


class IngestWriter:
    """Implements `daemon.ports.bulk_writes.BulkWriter`."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def carries(self, write: RecordWrite) -> bool:
        """Whether a job can carry this write."""
        return carried(write)

    async def prepare(self, name: str, writes: Sequence[RecordWrite]) -> str:
        """Make a job and give it its rows. Raises CallFailedError: then nothing will ever be done."""
        content = sheet(writes)
        job = await self._made(name, writes[0])
        try:
            upload = Request(
                "PUT", self._path(job, "/batches"), "push", lambda _token: content, api="bulk",
                headers={"Content-Type": "text/csv"},
            )  # fmt: skip
            await self._session.send(upload)
        except CallFailedError:
            await self._ask_for(job, "Aborted", "fetch")
            raise
        return job

    async def outcome(self, job: str, writes: Sequence[RecordWrite], deadline: float) -> list[WriteResult]:
        """Start the job, await its end, and give a result for each write, in order."""
        clock = self._session.clock
        pause, state = _FIRST_LOOK_SECONDS, _OPEN
        while True:
            if clock.monotonic() >= deadline:
                await self._ask_for(job, "Aborted", "fetch")
            elif state == _OPEN:
                await self._ask_for(job, "UploadComplete", "push")
            await clock.sleep(pause)
            document, at = await self._look(job)
            state = str(document.get("state"))
            if state in _ENDED:
                return await self._results(job, document, writes, at)
            pause = min(pause * 2, _LONGEST_LOOK_SECONDS)

    async def end(self, job: str) -> bool:
        """Abort the job if it has not ended; whether it has."""
        await self._ask_for(job, "Aborted", "fetch")
        document, _ = await self._look(job)
        return document.get("state") in _ENDED

    async def _made(self, name: str, first: RecordWrite) -> str:
        operation = first.operation.value
        body = {"object": name, "operation": operation, "contentType": "CSV", "lineEnding": "LF"}
        if first.operation is Operation.CREATE:
            body |= {"operation": "upsert", "externalIdFieldName": key_column(first)}
        document = (await self._session.send(Request("POST", self._path(), "push", body, api="bulk"))).json()
        if not isinstance(document, Mapping) or not isinstance(document.get("id"), str):
            raise CallFailedError(faults.senseless("a bulk job has no id"))
        return str(document["id"])

    async def _ask_for(self, job: str, state: str, purpose: str) -> None:
        """Ask for a state. Whether it came about, or the job has gone further already, the next look tells."""
        with suppress(CallFailedError):
            await self._session.send(Request("PATCH", self._path(job), purpose, {"state": state}, api="bulk"))

    async def _look(self, job: str) -> tuple[Mapping[str, Any], datetime]:
        """The job as it is, and Salesforce's time of telling. One that is not there any more does nothing more, either.

        Salesforce says so in its own words. A page with the status 404, from whoever stands in between, says nothing of the job.
        """
        try:
            answer = await self._read(job)
        except CallFailedError as error:
            failure = error.failure
            if failure.kind is FailureKind.MISSING and not failure.code.startswith("HTTP_"):
                return {"state": "Aborted", "gone": True}, self._session.server_clock.now()
            raise
        document = answer.json()
        if not isinstance(document, Mapping):
            raise CallFailedError(faults.senseless("a bulk job is not shown as one"))
        return document, answer.date

    async def _read(self, job: str, part: str = "", accept: str = "application/json") -> Answer:
        path = self._path(job, part)
        return await self._session.send(
            Request("GET", path, "fetch", safe=True, api="bulk", headers={"Accept": accept})
        )

    async def _results(
        self, job: str, document: Mapping[str, Any], writes: Sequence[RecordWrite], at: datetime
    ) -> list[WriteResult]:
        """What the files say of each write. Where a file cannot be had, nothing is told: the records are read instead."""
        told: dict[str, WriteResult] = {}
        if not document.get("gone"):
            for rows in (self._succeeded, self._failed, self._unprocessed):
                if len(told) == len(writes):
                    break
                try:
                    told |= await rows(job, writes[0], at, document)
                except (CallFailedError, MalformedCsvError):
                    continue
        found = ((write, told.get(key_of(write) or "", _UNHEARD)) for write in writes)
        return [result if result.id else replace(result, id=write.id) for write, result in found]

    async def _succeeded(
        self, job: str, first: RecordWrite, at: datetime, _document: Mapping[str, Any]
    ) -> dict[str, WriteResult]:
        return {
            row[key_column(first)]: WriteResult(
                id=id18(row["sf__Id"]), created=row.get("sf__Created", "").lower() == "true", at=at
            )
            for row in await self._file(job, "successfulResults", first)
            if row.get("sf__Id")
        }

    async def _failed(
        self, job: str, first: RecordWrite, _at: datetime, _document: Mapping[str, Any]
    ) -> dict[str, WriteResult]:
        return {
            row[key_column(first)]: _refused(row) for row in await self._file(job, "failedResults", first)
        }

    async def _unprocessed(
        self, job: str, first: RecordWrite, _at: datetime, document: Mapping[str, Any]
    ) -> dict[str, WriteResult]:
        reason = document.get("errorMessage") or "no reason given"
        failure = not_by_bulk(f"the job ended as {document.get('state')}: {reason}")
        return {
            row[key_column(first)]: WriteResult(failure=failure, shared=True)
            for row in await self._file(job, "unprocessedrecords", first)
        }

    async def _file(self, job: str, part: str, first: RecordWrite) -> list[dict[str, str]]:
        """The rows of a result file that have a key."""
        answer = await self._read(job, f"/{part}", "text/csv")
        rows = [row async for some in csv_rows(_pieces(answer.body), len(answer.body) + 1) for row in some]
        header, key = (rows[0] if rows else []), key_column(first)
        names = {name.casefold(): name for name in header}
        if key.casefold() not in names:
            return []
        listed = (dict(zip(header, row, strict=False)) for row in rows[1:])
        return [{**row, key: row.get(names[key.casefold()], "")} for row in listed]

    def _path(self, job: str = "", part: str = "") -> str:
        path = f"{self._session.settings.data_path}/jobs/ingest"
        return f"{path}/{soql.encoded(job)}{part}" if job else path


def _refused(row: Mapping[str, str]) -> WriteResult:
    failure = faults.of_errors(row_errors(row.get("sf__Error", "")))
    if _GOVERNOR in failure.message:
        return WriteResult(failure=not_by_bulk(f"{failure.code}: {failure.message}"), shared=True)
    return WriteResult(id=row.get("sf__Id") or None, failure=failure)


async def _pieces(body: bytes) -> AsyncIterator[bytes]:
    yield body
