"""Conditional updates: each record's PATCH and the GET that reads it back, several records to one Composite call.

A PATCH with If-Unmodified-Since fails with 412 if the record changed later than that second. The GET after it tells
what Salesforce holds now, automation included, whether the PATCH went through or not. Headers of the outer request
do not reach the inner ones, so those that matter are repeated inside. A call holds at most 25 inner requests.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from adapters.salesforce import faults, soql
from adapters.salesforce.ids import id18
from adapters.salesforce.payload import payload
from adapters.salesforce.rows import fields_to_read, record_of
from adapters.salesforce.server_clock import http_date
from adapters.salesforce.session import Request, Session, write_headers
from daemon.domain.failure import CallFailedError
from daemon.ports.salesforce import ObjectDescription, Record, RecordWrite, WriteResult


class ConditionalWriter:
    """Sends batches of updates that must not overwrite what was not seen."""

    def __init__(self, session: Session) -> None:
        self._session = session

    async def send(
        self, description: ObjectDescription, fields: Sequence[str], batch: Sequence[RecordWrite]
    ) -> list[WriteResult]:
        """One call; a result for each update, in order. Raises CallFailedError if the whole call failed."""
        inner: list[dict[str, Any]] = []
        for index, write in enumerate(batch):
            inner.extend(self._pair(description, fields, write, index))
        body = {"allOrNone": False, "collateSubrequests": False, "compositeRequest": inner}
        path = f"{self._session.settings.data_path}/composite"
        answer = await self._session.send(Request("POST", path, "push", body, api="composite"))
        try:
            answers = _by_reference(answer.json())
        except CallFailedError as error:
            raise CallFailedError(faults.unknown_if_unclear(error.failure)) from error
        return [
            _result(description.name, fields, write, index, answers, answer.date)
            for index, write in enumerate(batch)
        ]

    def _pair(
        self, description: ObjectDescription, fields: Sequence[str], write: RecordWrite, index: int
    ) -> list[dict[str, Any]]:
        if write.id is None or write.unmodified_since is None:
            raise ValueError("a conditional update needs an id and a time")
        row = f"{self._session.settings.data_path}/sobjects/{soql.name(description.name)}/{soql.encoded(write.id)}"
        names = ",".join(soql.name(field) for field in fields_to_read(description, fields))
        return [
            {
                "method": "PATCH",
                "url": row,
                "referenceId": f"w{index}",
                "httpHeaders": {
                    "If-Unmodified-Since": http_date(write.unmodified_since),
                    **write_headers(self._session.settings),
                },
                "body": payload(description, write.values),
            },
            {"method": "GET", "url": f"{row}?fields={names}", "referenceId": f"r{index}"},
        ]


def _by_reference(document: Any) -> dict[str, Mapping[str, Any]]:
    listed = document.get("compositeResponse") if isinstance(document, Mapping) else None
    if not isinstance(listed, list):
        raise CallFailedError(faults.senseless("a composite call was not answered as one"))
    return {str(item.get("referenceId")): item for item in listed if isinstance(item, Mapping)}


def _result(
    name: str,
    fields: Sequence[str],
    write: RecordWrite,
    index: int,
    answers: Mapping[str, Mapping[str, Any]],
    at: datetime,
) -> WriteResult:
    record = _read_back(name, fields, answers.get(f"r{index}"))
    written = answers.get(f"w{index}")
    if written is None:
        failure = faults.unknown_outcome("the composite answer does not speak of this record")
        return WriteResult(id=write.id, record=record, failure=failure)
    status = written.get("httpStatusCode")
    if isinstance(status, int) and 200 <= status < 300:
        return WriteResult(id=id18(write.id or ""), record=record, at=at)
    code = status if isinstance(status, int) else 500
    return WriteResult(id=write.id, record=record, failure=faults.of_inner_write(code, written.get("body")))


def _read_back(name: str, fields: Sequence[str], answer: Mapping[str, Any] | None) -> Record | None:
    if answer is None or answer.get("httpStatusCode") != 200 or not isinstance(answer.get("body"), Mapping):
        return None
    try:
        return record_of(name, answer["body"], fields)
    except CallFailedError:
        return None  # the write's own outcome is known; only the look at it makes no sense
