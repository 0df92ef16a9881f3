"""Newest changes: one small query for each object, five of them to a Composite call (Salesforce takes no more queries in one)."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from adapters.salesforce import faults, soql
from adapters.salesforce.query import query_pages
from adapters.salesforce.rows import record_of
from adapters.salesforce.session import Request, Session
from daemon.domain.failure import CallFailedError
from daemon.ports.salesforce import Stamp

_QUERIES_TO_A_CALL = 5
_FIELDS = ("Id", "SystemModstamp")


async def newest(session: Session, names: Sequence[str]) -> dict[str, datetime]:
    """The newest SystemModstamp of each object that has records. Raises CallFailedError if one of the queries fails."""
    found: dict[str, datetime] = {}
    for start in range(0, len(names), _QUERIES_TO_A_CALL):
        found |= await _call(session, names[start : start + _QUERIES_TO_A_CALL])
    return found


async def changed_since(session: Session, name: str, since: datetime, limit: int) -> list[Stamp]:
    """Ids and SystemModstamps later than `since`, oldest first."""
    query = soql.select(
        _FIELDS, name, f"SystemModstamp > {soql.instant(since)}", f"ORDER BY SystemModstamp, Id LIMIT {limit}"
    )
    return [
        Stamp(record.id, record.stamp)
        async for page in query_pages(session, query, "reconcile")
        for row in page
        if (record := record_of(name, row, ())) is not None
    ]


async def _call(session: Session, names: Sequence[str]) -> dict[str, datetime]:
    path = session.settings.data_path
    inner = [
        {
            "method": "GET",
            "url": f"{path}/query?q={soql.encoded(soql.select(_FIELDS, name, '', 'ORDER BY SystemModstamp DESC LIMIT 1'))}",
            "referenceId": f"q{index}",
        }
        for index, name in enumerate(names)
    ]
    body = {"allOrNone": False, "collateSubrequests": False, "compositeRequest": inner}
    answer = await session.send(
        Request("POST", f"{path}/composite", "reconcile", body, safe=True, api="composite")
    )
    found: dict[str, datetime] = {}
    for name, part in zip(names, _parts(answer.json(), len(names)), strict=True):
        for row in _rows(part):
            record = record_of(name, row, ())
            if record is not None:
                found[name] = record.stamp
    return found


def _parts(document: Any, count: int) -> list[Mapping[str, Any]]:
    listed = document.get("compositeResponse") if isinstance(document, Mapping) else None
    if not isinstance(listed, list) or len(listed) != count:
        raise CallFailedError(faults.senseless("a composite call was not answered as one"))
    return listed


def _rows(part: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    status, body = part.get("httpStatusCode"), part.get("body")
    if not isinstance(status, int) or status != 200:
        raise CallFailedError(faults.of_inner_read(status if isinstance(status, int) else 500, body))
    rows = body.get("records") if isinstance(body, Mapping) else None
    if not isinstance(rows, list):
        raise CallFailedError(faults.senseless("a query was not answered with records"))
    return [row for row in rows if isinstance(row, Mapping)]
