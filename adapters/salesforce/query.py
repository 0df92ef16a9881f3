"""Asking by SOQL, over REST: a query, its further pages, and the number of records."""

from collections.abc import AsyncGenerator, Mapping
from typing import Any, Final

from adapters.salesforce import faults
from adapters.salesforce.session import Request, Session
from adapters.salesforce.soql import encoded
from daemon.domain.failure import CallFailedError

Row = Mapping[str, Any]

QUERY_PAGE_RECORDS: Final = 2000
"""The most records that a page of a query holds."""


async def query_pages(
    session: Session, soql: str, purpose: str, *, resource: str = "query"
) -> AsyncGenerator[list[Row], None]:
    """The rows of a query, page by page. `resource` is `query`, `queryAll` or `tooling/query`."""
    path = f"{session.settings.data_path}/{resource}?q={encoded(soql)}"
    while True:
        answer = await session.send(
            Request(
                "GET",
                path,
                purpose,
                safe=True,
                headers={"Sforce-Query-Options": f"batchSize={QUERY_PAGE_RECORDS}"},
            )
        )
        document = _result(answer.json())
        rows = document.get("records")
        yield [row for row in rows if isinstance(row, Mapping)] if isinstance(rows, list) else []
        following = document.get("nextRecordsUrl")
        if document.get("done") is not False or not isinstance(following, str):
            return
        if not following.startswith("/"):
            raise CallFailedError(faults.senseless("a query's next page is not an address of the same host"))
        path = following


async def query_rows(session: Session, soql: str, purpose: str, *, resource: str = "query") -> list[Row]:
    """All rows of a query that is known to be small."""
    rows: list[Row] = []
    async for page in query_pages(session, soql, purpose, resource=resource):
        rows.extend(page)
    return rows


async def query_count(session: Session, soql: str, purpose: str) -> int:
    """What a `SELECT COUNT()` counts."""
    path = f"{session.settings.data_path}/query?q={encoded(soql)}"
    total = _result(await session.get(path, purpose)).get("totalSize")
    if not isinstance(total, int):
        raise CallFailedError(faults.senseless("a count has no total"))
    return total


def _result(document: Any) -> Mapping[str, Any]:
    if not isinstance(document, Mapping):
        raise CallFailedError(faults.senseless("a query was not answered with an object"))
    return document
