"""Writing records: which of Salesforce's calls carries which write.

Writes that depend on the record not having changed go out through Composite, a few to a call; the others through
Collections, up to 200 to a call, those of one kind together. Calls run beside one another as far as the session
allows. A call that fails gives its failure to each of its records, so one batch cannot take another down with it.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence

from adapters.salesforce import faults
from adapters.salesforce.collection import CollectionWriter
from adapters.salesforce.composite import ConditionalWriter
from adapters.salesforce.describe import Descriptions
from adapters.salesforce.naming import Naming
from adapters.salesforce.payload import refusal
from adapters.salesforce.session import Session
from daemon.domain.failure import CallFailedError
from daemon.ports.salesforce import CONDITIONAL, ObjectDescription, RecordWrite, WriteResult

_UNHEARD = faults.unknown_outcome("the call was given up before its answer came")

Batch = Sequence[RecordWrite]
Sender = Callable[[ObjectDescription, Sequence[str], Batch], Awaitable[list[WriteResult]]]


class Writer:
    """Writes records of any object."""

    def __init__(self, session: Session, descriptions: Descriptions) -> None:
        self._session = session
        self._descriptions = descriptions
        self._naming = Naming(session, descriptions)
        self._collection = CollectionWriter(session)
        self._conditional = ConditionalWriter(session)

    async def write(self, name: str, fields: Sequence[str], writes: Batch) -> list[WriteResult]:
        """A result for each write, in order. Never raises for a record or a failed call."""
        results = [WriteResult(id=write.id, failure=refusal(write)) for write in writes]
        sendable = [index for index, result in enumerate(results) if result.failure is None]
        if not sendable:
            return results
        try:
            description = await self._descriptions.of(name)
            named = await self._naming.named(description, [writes[index] for index in sendable])
        except CallFailedError as error:
            return [WriteResult(id=w.id, failure=error.failure, shared=True, untried=True) for w in writes]
        ready: dict[int, RecordWrite] = {}
        for index, given in zip(sendable, named, strict=True):
            if isinstance(given, RecordWrite):
                ready[index] = given
            else:
                results[index] = WriteResult(id=writes[index].id, failure=given)
        # Until its call says otherwise: a task that is cancelled alone says nothing at all.
        for index in ready:
            results[index] = WriteResult(id=writes[index].id, failure=_UNHEARD, shared=True)

        async def run(sender: Sender, indexes: Sequence[int]) -> None:
            batch = [ready[index] for index in indexes]
            try:
                answers = await sender(description, fields, batch)
            except CallFailedError as error:
                answers = [WriteResult(id=write.id, failure=error.failure, shared=True) for write in batch]
            for index, answer in zip(indexes, answers, strict=True):
                results[index] = answer

        async with asyncio.TaskGroup() as calls:
            for sender, indexes in self._calls(ready):
                calls.create_task(run(sender, indexes))
        return results

    def _calls(self, writes: Mapping[int, RecordWrite]) -> list[tuple[Sender, list[int]]]:
        groups: dict[tuple[str, str], list[int]] = {}
        for index, write in writes.items():
            groups.setdefault(write.call, []).append(index)
        settings = self._session.settings
        calls: list[tuple[Sender, list[int]]] = []
        for (kind, _), indexes in groups.items():
            conditional = kind == CONDITIONAL
            sender: Sender = self._conditional.send if conditional else self._collection.send
            size = settings.conditional_batch_size if conditional else settings.batch_size
            calls.extend((sender, indexes[start : start + size]) for start in range(0, len(indexes), size))
        return calls
