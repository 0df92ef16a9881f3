"""Ingest jobs: CSV in, and three CSV files out: what succeeded, what failed, what was not reached."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from adapters.emulator.bulk import sheet
from adapters.emulator.bulk.jobs import API_KIND, ENDED, Job, JobShelf, JobState
from adapters.emulator.errors import RecordRefused, RequestRefused
from adapters.emulator.faults import Faults
from adapters.emulator.http import CSV_TYPE, Call, Reply, Route
from adapters.emulator.org import Org
from adapters.emulator.store.caller import Caller
from adapters.emulator.store.intake import external_field
from adapters.emulator.store.transaction import Transaction, coerce_id

_OPERATIONS = frozenset({"insert", "update", "upsert", "delete", "hardDelete"})
_ROWS_A_TRANSACTION = 200
_ROWS_A_LOOK = 10_000
"""Most rows that one look at a job saves, so that a large job does not keep all other requests waiting."""


@dataclass(frozen=True, slots=True)
class Results:
    """What a job leaves: the files of the rows that were saved, refused, and not reached."""

    successful: bytes
    failed: bytes
    unprocessed: bytes


@dataclass(slots=True, kw_only=True)
class IngestJob(Job):
    """An ingest job: its upload, then its rows with the columns of the upload, and after its end nothing but the three files."""

    caller: Caller
    key: str | None
    content: bytes | None = None
    header: list[str] = field(default_factory=list)
    waiting: list[list[str]] = field(default_factory=list)
    succeeded: list[list[str]] = field(default_factory=list)
    refused: list[list[str]] = field(default_factory=list)
    results: Results | None = None

    def shown(self) -> dict[str, object]:
        """The job as the API shows it, with what only ingest jobs have."""
        answer = Job.shown(self) | {"jobType": "V2Ingest", "numberRecordsFailed": self.failed}
        answer.setdefault("numberRecordsProcessed", self.processed)
        if self.key is not None:
            answer["externalIdFieldName"] = self.key
        if self.state is JobState.OPEN:
            answer["contentUrl"] = (
                f"services/data/v{self.request.version}/jobs/ingest/{self.request.id}/batches"
            )
        return answer


class IngestJobs:
    """`/jobs/ingest` and what lies below it."""

    def __init__(self, org: Org, faults: Faults) -> None:
        self._org = org
        self._faults = faults
        self._shelf = JobShelf(org)

    def routes(self) -> list[Route]:
        """The resources of this family."""
        return [
            Route("POST", "jobs/ingest", self.create, API_KIND),
            Route("GET", "jobs/ingest", self.index, API_KIND),
            Route("GET", "jobs/ingest/{id}", self.read, API_KIND),
            Route("PATCH", "jobs/ingest/{id}", self.set_state, API_KIND),
            Route("DELETE", "jobs/ingest/{id}", self.delete, API_KIND),
            Route("PUT", "jobs/ingest/{id}/batches", self.upload, API_KIND),
            Route("GET", "jobs/ingest/{id}/successfulResults", self.successful, API_KIND),
            Route("GET", "jobs/ingest/{id}/failedResults", self.failed, API_KIND),
            Route("GET", "jobs/ingest/{id}/unprocessedrecords", self.unprocessed, API_KIND),
        ]

    def create(self, call: Call) -> Reply:
        """Open a job."""
        given = call.json_object()
        operation = str(given.get("operation") or "")
        if operation not in _OPERATIONS:
            raise RequestRefused(400, "INVALIDJOB", f"Unknown operation: {operation}")
        sobject = self._org.records.sobject(str(given.get("object") or ""))
        key = given.get("externalIdFieldName")
        if operation == "upsert":
            key = external_field(self._org.records, call.user_id, sobject, str(key or "")).name
        job = IngestJob(
            request=self._shelf.request(call, given),
            operation=operation,
            entity=sobject.name,
            state=JobState.OPEN,
            caller=call.caller(api="bulkapi"),
            key=str(key) if operation == "upsert" else None,
        )
        self._shelf.put(job)
        return Reply(200, job.shown())

    def index(self, _call: Call) -> Reply:
        """All ingest jobs."""
        return Reply(
            200, {"done": True, "records": [job.shown() for job in self._shelf.all()], "nextRecordsUrl": None}
        )

    def upload(self, call: Call) -> Reply:
        """Take the data: one upload for each job."""
        job = self._find(call)
        if job.state is not JobState.OPEN or job.content is not None:
            raise RequestRefused(
                400, "INVALIDJOBSTATE", "Found multiple contents for job: only one upload is allowed"
            )
        call.require_type("text/csv")
        job.content = call.body
        job.rows = call.body.count(b"\n")
        return Reply(201)

    def set_state(self, call: Call) -> Reply:
        """Close the upload, or abort."""
        job = self._find(call)
        state = call.json_object().get("state")
        if state == JobState.UPLOAD_COMPLETE and job.state is JobState.OPEN and job.content is not None:
            job.state = JobState.UPLOAD_COMPLETE
        elif state == JobState.ABORTED and job.state not in ENDED:
            self._end(job, JobState.ABORTED)
        else:
            raise RequestRefused(400, "INVALIDJOBSTATE", f"A job in state {job.state} cannot become {state}")
        return Reply(200, job.shown())

    def read(self, call: Call) -> Reply:
        """The state of a job; looking at one whose upload is complete moves it on."""
        job = self._find(call)
        running = job.state in {JobState.UPLOAD_COMPLETE, JobState.IN_PROGRESS}
        if running and self._shelf.step(job):
            self._advance(job)
        return Reply(200, job.shown())

    def delete(self, call: Call) -> Reply:
        """Forget a job."""
        self._shelf.remove(self._find(call))
        return Reply(204)

    def successful(self, call: Call) -> Reply:
        """The rows that were saved, in an order of their own."""
        return _file(self._results(call).successful)

    def failed(self, call: Call) -> Reply:
        """The rows that were refused, with the reason."""
        return _file(self._results(call).failed)

    def unprocessed(self, call: Call) -> Reply:
        """The rows that were not reached."""
        return _file(self._results(call).unprocessed)

    def _find(self, call: Call) -> IngestJob:
        job = self._shelf.find(call)
        assert isinstance(job, IngestJob)
        return job

    def _results(self, call: Call) -> Results:
        job = self._find(call)
        return job.results or self._files(job, [], [], [])

    def _files(
        self,
        job: IngestJob,
        succeeded: list[list[str]],
        refused: list[list[str]],
        unprocessed: list[list[str]],
    ) -> Results:
        return Results(
            self._content(job, ["sf__Id", "sf__Created", *job.header], succeeded),
            self._content(job, ["sf__Id", "sf__Error", *job.header], refused),
            self._content(job, job.header, unprocessed),
        )

    def _content(self, job: IngestJob, header: Sequence[str], rows: list[list[str]]) -> bytes:
        if self._org.switches.bulk_shuffle:
            rows = self._org.rng.sample(rows, len(rows))
        if not header:
            return b""
        cells = ([sheet.escaped(cell) for cell in row] for row in (header, *rows))
        return sheet.write(cells, job.delimiter, job.line_end)

    def _advance(self, job: IngestJob) -> None:
        """Read the upload at first, then save some of its rows; end the job after the last."""
        if job.content is not None:
            job.error = self._open(job, job.content)
            job.content = None
            if job.error is not None:
                self._end(job, JobState.FAILED)
                return
        reached = min(job.processed + _ROWS_A_LOOK, len(job.waiting))
        for start in range(job.processed, reached, _ROWS_A_TRANSACTION):
            with self._org.transaction(job.caller) as transaction:
                for row in job.waiting[start : min(start + _ROWS_A_TRANSACTION, reached)]:
                    self._save(job, transaction, row)
        job.processed, job.failed = reached, len(job.refused)
        if reached == len(job.waiting):
            self._end(job, JobState.COMPLETE)
        else:
            job.state = JobState.IN_PROGRESS

    def _open(self, job: IngestJob, content: bytes) -> str | None:
        """Take the rows out of an upload; gives what is wrong with it."""
        try:
            job.header, job.waiting = sheet.read(content, job.delimiter)
        except ValueError as error:
            return f"InvalidBatch : Failed to parse CSV: {error}"
        unknown = self._unknown_column(job)
        return None if unknown is None else f"InvalidBatch : Field name not found : {unknown}"

    def _end(self, job: IngestJob, state: JobState) -> None:
        job.state = state
        job.results = self._files(job, job.succeeded, job.refused, job.waiting[job.processed :])
        job.content, job.waiting, job.succeeded, job.refused = None, [], [], []

    def _unknown_column(self, job: IngestJob) -> str | None:
        sobject = self._org.records.sobject(job.entity)
        for name in job.header:
            relationship, _, _key = name.partition(".")
            known = sobject.field(name) or (
                ("." in name) and sobject.by_relationship.get(relationship.lower())
            )
            if not known:
                return name
        return None

    def _save(self, job: IngestJob, transaction: Transaction, row: list[str]) -> None:
        given = _fields(job.header, row)
        record_id = ""
        try:
            self._faults.refuse_record("PUT", API_KIND)
            record_id, created = self._apply(job, transaction, given)
            job.succeeded.append([record_id, "true" if created else "false", *row])
        except RecordRefused as refusal:
            job.refused.append([record_id, refusal.as_bulk_error(), *row])

    @staticmethod
    def _apply(job: IngestJob, transaction: Transaction, given: dict[str, object]) -> tuple[str, bool]:
        if job.operation == "insert":
            return transaction.create(job.entity, given), True
        if job.operation == "upsert" and job.key is not None and job.key != "Id":
            key = job.key.lower()
            value = next((given.pop(name) for name in list(given) if name.lower() == key), None)
            return transaction.upsert(job.entity, job.key, value, given)
        record_id = coerce_id(next((given.pop(name) for name in list(given) if name.lower() == "id"), None))
        if job.operation in {"delete", "hardDelete"}:
            transaction.delete(job.entity, record_id)
            if job.operation == "hardDelete":
                transaction.purge(record_id)
        else:
            transaction.update(job.entity, record_id, given)
        return record_id, False


def _file(content: bytes) -> Reply:
    return Reply(200, content=content, content_type=CSV_TYPE)


def _fields(header: Sequence[str], row: Sequence[str]) -> dict[str, object]:
    """The values of a row: an empty cell is left out, `#N/A` is null, `Account.Ext_Id__c` names the parent by its external id."""
    given: dict[str, object] = {}
    for name, text in zip(header, row, strict=True):
        if not text:
            continue
        value = None if text == sheet.CLEARED else text
        relationship, dot, key = name.partition(".")
        if dot:
            given[relationship] = {key: value} if value is not None else None
        else:
            given[name] = value
    return given
