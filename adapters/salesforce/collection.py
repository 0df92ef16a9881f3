"""Writes through sObject Collections: up to 200 records of one object to a call, each with a result of its own.

Salesforce documents that results come in the order of the request, and that the call answers 200 even if every record
failed. Records go without `allOrNone`, so one bad record does not take the others with it.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from adapters.salesforce import faults, soql
from adapters.salesforce.ids import id18
from adapters.salesforce.payload import payload
from adapters.salesforce.session import Request, Session
from daemon.domain.failure import CallFailedError
from daemon.domain.plan import Operation
from daemon.ports.salesforce import ObjectDescription, RecordWrite, WriteResult

_GOVERNOR: Final = "System.LimitException"
"""Automation ran out of what Salesforce grants one transaction (CPU time, queries): all records of a call together did that."""


class CollectionWriter:
    """Sends batches whose writes are of one kind."""

    def __init__(self, session: Session) -> None:
        self._session = session

    async def send(
        self, description: ObjectDescription, _fields: Sequence[str], batch: Sequence[RecordWrite]
    ) -> list[WriteResult]:
        """One call; a result for each write, in order. Raises CallFailedError if the whole call failed."""
        answer = await self._session.send(self._request(description, batch))
        try:
            listed = answer.json()
        except CallFailedError as error:
            raise CallFailedError(faults.unknown_if_unclear(error.failure)) from error
        if not isinstance(listed, list) or len(listed) != len(batch):
            raise CallFailedError(
                faults.unknown_outcome("the results do not match the records that were sent")
            )
        return [_result(write, item, answer.date) for write, item in zip(batch, listed, strict=True)]

    def _request(self, description: ObjectDescription, batch: Sequence[RecordWrite]) -> Request:
        path = f"{self._session.settings.data_path}/composite/sobjects"
        first = batch[0]
        if first.operation is Operation.DELETE:
            ids = ",".join(_id(write) for write in batch)
            return Request(
                "DELETE", f"{path}?ids={soql.encoded(ids)}&allOrNone=false", "push", api="composite"
            )
        method = "PATCH"
        if first.operation is Operation.CREATE:
            if first.external_id is None:
                method = "POST"
            else:
                path += f"/{soql.name(description.name)}/{soql.name(first.external_id[0])}"
        records = [_record(description, write) for write in batch]
        return Request(method, path, "push", {"allOrNone": False, "records": records}, api="composite")


def _record(description: ObjectDescription, write: RecordWrite) -> dict[str, Any]:
    record: dict[str, Any] = {"attributes": {"type": description.name}, **payload(description, write.values)}
    if write.operation is Operation.UPDATE:
        record["id"] = _id(write)
    elif write.external_id is not None:
        field, key = write.external_id
        record.update(payload(description, {field: key}))
    return record


def _id(write: RecordWrite) -> str:
    if write.id is None:
        raise ValueError(f"{write.operation} needs an id")
    return write.id


def _result(write: RecordWrite, item: Any, at: datetime) -> WriteResult:
    if not isinstance(item, Mapping):
        return WriteResult(id=write.id, failure=faults.unknown_outcome("a record's result makes no sense"))
    if item.get("success") is not True:
        failure = faults.of_record(item.get("errors"))
        return WriteResult(id=write.id, failure=failure, shared=_GOVERNOR in failure.message)
    found = item.get("id")
    record_id = id18(found) if isinstance(found, str) else write.id
    created = item.get("created") is True or (
        write.operation is Operation.CREATE and write.external_id is None
    )
    return WriteResult(id=record_id, created=created, at=at)
