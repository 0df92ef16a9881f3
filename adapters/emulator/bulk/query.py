"""Query jobs: a query that runs aside, and its result in pages of CSV."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from adapters.emulator.bulk import sheet
from adapters.emulator.bulk.jobs import API_KIND, ENDED, Job, JobShelf, JobState
from adapters.emulator.errors import RequestRefused
from adapters.emulator.http import CSV_TYPE, Call, Reply, Route
from adapters.emulator.org import Org
from adapters.emulator.schema.field import FieldType
from adapters.emulator.soql import Result, execute, parse
from adapters.emulator.soql.scope import Scope
from adapters.emulator.soql.tree import Aggregate, ChildQuery, CountAll, Query
from adapters.emulator.store.values import Row

_LOCATOR = re.compile(r"MTA[0-9a-f]{1,12}")
_DEFAULT_PAGE = 50_000
_ROWS_AT_A_TIME = 500


@dataclass(slots=True, kw_only=True)
class QueryJob(Job):
    """A query job with its result: the rows are those of the moment it was made, their parents those of the moment a page is read."""

    result: Result


class QueryJobs:
    """`/jobs/query` and what lies below it."""

    def __init__(self, org: Org) -> None:
        self._org = org
        self._shelf = JobShelf(org)

    def routes(self) -> list[Route]:
        """The resources of this family."""
        return [
            Route("POST", "jobs/query", self.create, API_KIND),
            Route("GET", "jobs/query", self.index, API_KIND),
            Route("GET", "jobs/query/{id}", self.read, API_KIND),
            Route("PATCH", "jobs/query/{id}", self.abort, API_KIND),
            Route("DELETE", "jobs/query/{id}", self.delete, API_KIND),
            Route("GET", "jobs/query/{id}/results", self.results, API_KIND),
        ]

    def create(self, call: Call) -> Reply:
        """Start a job for `query` or `queryAll`."""
        given = call.json_object()
        operation = str(given.get("operation") or "")
        if operation not in {"query", "queryAll"}:
            raise RequestRefused(400, "INVALIDJOB", f"Unknown operation: {operation}")
        query = parse(str(given.get("query") or ""))
        _check(query)
        result = execute(self._org.records, call.user_id, query, include_deleted=operation == "queryAll")
        scope = Scope(self._org.records, call.user_id, self._org.records.sobject(query.entity))
        for path in result.paths:
            if path.field.type is FieldType.ADDRESS:
                message = f"Selecting compound data not supported in Bulk Query: {path.field.name}"
                raise RequestRefused(400, "INVALID_FIELD", message)
        job = QueryJob(
            request=self._shelf.request(call, given),
            operation=operation,
            entity=scope.sobject.name,
            state=JobState.UPLOAD_COMPLETE,
            rows=result.total,
            processed=result.total,
            result=result,
        )
        self._shelf.put(job)
        return Reply(200, job.shown())

    def index(self, _call: Call) -> Reply:
        """All query jobs."""
        return Reply(
            200, {"done": True, "records": [job.shown() for job in self._shelf.all()], "nextRecordsUrl": None}
        )

    def read(self, call: Call) -> Reply:
        """The state of a job; looking at it moves it on."""
        job = self._shelf.find(call)
        if job.state not in ENDED and self._shelf.step(job):
            job.state = JobState.COMPLETE
        return Reply(200, job.shown() | {"isPkChunkingSupported": True})

    def abort(self, call: Call) -> Reply:
        """Abort a job that has not ended."""
        job = self._shelf.find(call)
        if call.json_object().get("state") != JobState.ABORTED or job.state in ENDED:
            raise RequestRefused(
                400, "INVALIDJOBSTATE", f"A job in state {job.state} can only be aborted before its end"
            )
        job.state = JobState.ABORTED
        return Reply(200, job.shown())

    def delete(self, call: Call) -> Reply:
        """Forget a job."""
        self._shelf.remove(self._shelf.find(call))
        return Reply(204)

    def results(self, call: Call) -> Reply:
        """A page of the result. The last one has the text `null` for its locator."""
        job = self._shelf.find(call)
        if not isinstance(job, QueryJob) or job.state is not JobState.COMPLETE:
            raise RequestRefused(
                400, "INVALIDJOBSTATE", f"The results are not there yet: the job is {job.state}"
            )
        start = _position(call.query.get("locator"))
        wanted = call.query.get("maxRecords", "")
        count = int(wanted) if wanted.isdigit() and int(wanted) > 0 else _DEFAULT_PAGE
        rows = job.result.rows[start : start + count]
        content = sheet.write(_lines(job.result, rows), job.delimiter, job.line_end)
        end = start + count
        headers = {
            "Sforce-Locator": _locator(end) if end < job.result.total else "null",
            "Sforce-NumberOfRecords": str(len(rows)),
        }
        return Reply(200, headers=headers, content=content, content_type=CSV_TYPE)


def _lines(result: Result, rows: Sequence[Row]) -> Iterator[Sequence[str]]:
    """The header and the rows in cells. A few rows at a time are turned into columns: more would not stay in the processor's cache."""
    yield result.columns
    for start in range(0, len(rows), _ROWS_AT_A_TIME):
        part = rows[start : start + _ROWS_AT_A_TIME]
        columns = [sheet.column(path.field, path.values(part)) for path in result.paths]
        yield from zip(*columns, strict=True)


def _check(query: Query) -> None:
    if (
        query.offset
        or query.group_by
        or any(isinstance(item, Aggregate | ChildQuery | CountAll) for item in query.items)
    ):
        message = "Aggregates, GROUP BY, OFFSET and nested queries are not supported in Bulk Query"
        raise RequestRefused(400, "API_ERROR", message)


def _locator(position: int) -> str:
    return f"MTA{position:x}"


def _position(locator: str | None) -> int:
    if not locator:
        return 0
    if not _LOCATOR.fullmatch(locator):
        raise RequestRefused(400, "INVALID_QUERY_LOCATOR", "invalid query locator")
    return int(locator[3:], 16)
