"""Reading a whole object through Bulk API 2.0: a query job, its end awaited, its result read page by page.

Salesforce documents the calls: a job is polled until JobComplete, Failed or Aborted; results come in pages, each with
the header row and with a `Sforce-Locator` header that is the text `null` at the end; an empty cell is null. A finished
job's result does not change, so a page that breaks off is asked for again and the rows already given are skipped: in this process or,
by a bookmark, in the next one.
"""

import asyncio
import hashlib
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass
from typing import Final

import aiohttp

from adapters.salesforce import faults, soql
from adapters.salesforce.bulk_columns import Columns
from adapters.salesforce.csv_rows import MalformedCsvError, csv_rows
from adapters.salesforce.describe import COMPOUND_TYPES, Descriptions
from adapters.salesforce.rows import fields_to_read
from adapters.salesforce.session import Request, Session
from daemon.domain.failure import CallFailedError, FailureKind
from daemon.ports.loads import BookmarkLostError, Sheet
from daemon.ports.salesforce import ObjectDescription, Record

_FIRST_POLL_SECONDS: Final = 0.25
_LONGEST_POLL_SECONDS: Final = 15.0
_PAGE_ATTEMPTS: Final = 4
_DISCARD_SECONDS: Final = 5.0
_RUNNING: Final = frozenset({"UploadComplete", "InProgress", "Open"})
_NO_LOCATOR: Final = frozenset({"", "null"})
_PASSING: Final = frozenset({FailureKind.TRANSIENT, FailureKind.LIMITED, FailureKind.AUTHENTICATION})
_CALLS_AROUND: Final = 4
"""Calls of a job beside its pages: its making, two looks at its state, its removal."""


class BulkReader:
    """Scans objects by query jobs."""

    def __init__(self, session: Session, descriptions: Descriptions) -> None:
        self._session = session
        self._descriptions = descriptions

    async def scan(
        self, name: str, fields: Sequence[str], condition: str = ""
    ) -> AsyncGenerator[Sequence[Record], None]:
        """Every record of an object that meets a condition, in pages of some thousand; in no order. Raises CallFailedError."""
        description = await self._descriptions.renewed(name)
        columns = Columns(description, fields)
        job = await self._start(_query(description, fields, condition))
        try:
            await self._finished(job)
            async with aclosing(self._read(job, _Place(), columns)) as pieces:
                async for _, rows in pieces:
                    yield [columns.record(row) for row in rows]
        finally:
            await self._discard(job)

    async def sheets(
        self, name: str, fields: Sequence[str], after: str | None, condition: str = ""
    ) -> AsyncGenerator[Sheet, None]:
        """Every record of an object as sheets. Raises CallFailedError; BookmarkLostError if `after` leads nowhere."""
        description = await self._descriptions.renewed(name)
        columns = Columns(description, fields)
        query = _query(description, fields, condition)
        digest = hashlib.sha256(query.encode()).hexdigest()[:16]
        job, place = (await self._start(query), _Place()) if after is None else _bookmarked(after, digest)
        try:
            await self._finished(job)
        except CallFailedError as error:
            if after is None or error.failure.kind in _PASSING:
                raise
            raise BookmarkLostError from error
        async with aclosing(self._read(job, place, columns)) as pieces:
            async for reached, rows in pieces:
                yield columns.sheet(rows, f"{job}/{digest}/{reached.given}/{reached.locator}")

    async def forget(self, bookmark: str) -> None:
        """Delete the job that a bookmark stands in, if that can be done at once."""
        await self._discard(bookmark.partition("/")[0])

    def calls(self, count: int) -> int:
        """About how many calls it takes to read so many records."""
        return _CALLS_AROUND + -(-count // self._session.settings.bulk_page_records)

    async def _read(
        self, job: str, place: "_Place", columns: Columns
    ) -> AsyncGenerator[tuple["_Place", list[list[str]]], None]:
        """The rows of a result from a place on, some at a time, each with the place after them."""
        locator: str | None = place.locator
        given = place.given
        while locator is not None:
            page = _Page(locator, given)
            async with aclosing(self._page(job, page, columns)) as pieces:
                async for rows in pieces:
                    yield _Place(locator, page.given), rows
            locator, given = page.following, 0

    async def _discard(self, job: str) -> None:
        """Delete a job that nobody needs any more, if that can be done at once. Salesforce does so in seven days."""
        with suppress(CallFailedError, TimeoutError):
            async with asyncio.timeout(_DISCARD_SECONDS):
                await self._session.send(Request("DELETE", self._path(job), "backfill", api="bulk"))

    async def _start(self, query: str) -> str:
        body = {
            "operation": "query",
            "query": query,
            "contentType": "CSV",
            "columnDelimiter": "COMMA",
            "lineEnding": "LF",
        }
        answer = await self._session.send(
            Request("POST", self._path(), "backfill", body, safe=True, api="bulk")
        )
        job = answer.json()
        if not isinstance(job, Mapping) or not isinstance(job.get("id"), str):
            raise CallFailedError(faults.senseless("a bulk query job has no id"))
        return str(job["id"])

    async def _finished(self, job: str) -> None:
        clock = self._session.clock
        deadline = clock.monotonic() + self._session.settings.bulk_job_seconds
        pause = _FIRST_POLL_SECONDS
        while True:
            answer = await self._session.send(
                Request("GET", self._path(job), "backfill", safe=True, api="bulk")
            )
            document = answer.json()
            state = document.get("state") if isinstance(document, Mapping) else None
            if state == "JobComplete":
                return
            if state not in _RUNNING:
                said = document.get("errorMessage") if isinstance(document, Mapping) else None
                raise CallFailedError(
                    faults.no_answer(f"the bulk query job ended as {state}: {said or 'no reason given'}")
                )
            if clock.monotonic() >= deadline:
                raise CallFailedError(faults.no_answer("the bulk query job did not end in time"))
            await clock.sleep(pause)
            pause = min(pause * 1.5, _LONGEST_POLL_SECONDS)

    async def _page(self, job: str, page: "_Page", columns: Columns) -> AsyncGenerator[list[list[str]], None]:
        """The rows of one page that were not given yet. Continues where it broke off, a few times."""
        for attempt in range(1, _PAGE_ATTEMPTS + 1):
            try:
                skip = page.given
                async with aclosing(self._once(job, page, columns)) as pieces:
                    async for rows in pieces:
                        fresh = rows[skip:]
                        skip -= len(rows) - len(fresh)
                        page.given += len(fresh)
                        if fresh:
                            yield fresh
                return  # noqa: TRY300 - the loop is the attempt
            except (aiohttp.ClientError, TimeoutError, OSError) as error:
                if attempt == _PAGE_ATTEMPTS:
                    failure = faults.no_answer(
                        f"a bulk result broke off {attempt} times: {type(error).__name__}"
                    )
                    raise CallFailedError(failure) from error
            except MalformedCsvError as error:
                raise CallFailedError(faults.senseless(f"a bulk result is malformed: {error}")) from error

    async def _once(self, job: str, page: "_Page", columns: Columns) -> AsyncGenerator[list[list[str]], None]:
        settings = self._session.settings
        query = f"maxRecords={settings.bulk_page_records}"
        if page.locator:
            query += f"&locator={soql.encoded(page.locator)}"
        request = Request(
            "GET",
            f"{self._path(job)}/results?{query}",
            "backfill",
            safe=True,
            api="bulk",
            headers={"Accept": "text/csv"},
        )
        async with self._session.stream(request) as response:
            following = response.headers.get("Sforce-Locator", "")
            page.following = None if following in _NO_LOCATOR else following
            begun = False
            async for rows in csv_rows(response.content.iter_any(), settings.max_line_bytes):
                if begun:
                    yield rows
                elif rows:
                    begun = True
                    columns.begin(rows[0])
                    yield rows[1:]

    def _path(self, job: str = "") -> str:
        path = f"{self._session.settings.data_path}/jobs/query"
        return f"{path}/{soql.encoded(job)}" if job else path


@dataclass(frozen=True, slots=True)
class _Place:
    """A place in a result: a page's locator, and how many of its rows lie before."""

    locator: str = ""
    given: int = 0


class _Page:
    """One page of a result: where it begins, how many of its rows were given, and, once it is opened, where the next one begins."""

    __slots__ = ("following", "given", "locator")

    def __init__(self, locator: str, given: int) -> None:
        self.locator = locator
        self.given = given
        self.following: str | None = None


def _bookmarked(bookmark: str, digest: str) -> tuple[str, _Place]:
    job, asked, given, locator = bookmark.split("/", 3)
    if asked != digest:
        raise BookmarkLostError  # the fields that are mapped, or may be read, are others by now
    return job, _Place(locator, int(given))


def _query(description: ObjectDescription, fields: Sequence[str], condition: str) -> str:
    names = [field for field in fields_to_read(description, fields) if not _is_compound(description, field)]
    return soql.select(names, description.name, condition)


def _is_compound(description: ObjectDescription, name: str) -> bool:
    field = description.fields.get(name)
    return field is not None and field.type in COMPOUND_TYPES
