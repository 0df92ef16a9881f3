"""The records port, put together from its parts."""

from collections.abc import AsyncIterator, Sequence
from datetime import datetime

from adapters.salesforce import soql, watermarks
from adapters.salesforce.bulk import BulkReader
from adapters.salesforce.describe import Descriptions
from adapters.salesforce.query import QUERY_PAGE_RECORDS, query_count
from adapters.salesforce.reading import Reader
from adapters.salesforce.selection import Selector
from adapters.salesforce.session import Session
from adapters.salesforce.writing import Writer
from daemon.ports.loads import Selection, Sheet
from daemon.ports.salesforce import Deleted, Limits, Record, RecordWrite, Stamp, WriteResult


class SalesforceRecords:
    """Implements `daemon.ports.salesforce.Records` and `daemon.ports.loads.BulkRecords`."""

    def __init__(self, session: Session, descriptions: Descriptions) -> None:
        self._session = session
        self._reader = Reader(session, descriptions)
        self._writer = Writer(session, descriptions)
        self._bulk = BulkReader(session, descriptions)
        self._selector = Selector(session, descriptions, self._reader)

    @property
    def limits(self) -> Limits | None:
        """The allowance as last reported; None before the first answer."""
        return self._session.limits

    @property
    def clock_offset(self) -> float | None:
        """Seconds by which Salesforce's clock is ahead of ours; None before the first answer."""
        return self._session.server_clock.offset

    async def read(
        self, name: str, fields: Sequence[str], ids: Sequence[str], purpose: str = "fetch"
    ) -> dict[str, Record]:
        """The records that exist among these ids, by id."""
        return await self._reader.read(name, fields, ids, purpose)

    async def read_deleted(self, name: str, ids: Sequence[str]) -> dict[str, Deleted]:
        """What became of ids that `read` did not find. An id whose record is there after all has no entry."""
        return await self._reader.read_deleted(name, ids)

    async def find_deleted(self, name: str, by: str, values: Sequence[str]) -> dict[str, Deleted]:
        """Records in the Recycle Bin whose field `by` has one of these values; the last deleted one of each."""
        return await self._reader.find_deleted(name, by, values)

    async def find(
        self, name: str, fields: Sequence[str], by: str, values: Sequence[str]
    ) -> dict[str, list[Record]]:
        """The records whose field `by` has one of these values; a value that none has gets no entry."""
        return await self._reader.find(name, fields, by, values)

    async def write(
        self, name: str, fields: Sequence[str], writes: Sequence[RecordWrite]
    ) -> list[WriteResult]:
        """Write records of one object, a result each, in order."""
        return await self._writer.write(name, fields, writes)

    async def meeting(self, name: str, condition: str, ids: Sequence[str]) -> frozenset[str]:
        """Those of these records that meet a condition."""
        return await self._reader.meeting(name, condition, ids)

    async def count(self, name: str, condition: str = "") -> int:
        """How many records of an object, or of those that meet a condition, this user can see."""
        return await query_count(self._session, soql.count(name, condition), "reconcile")

    def scan(
        self, name: str, fields: Sequence[str], *, bulk: bool, condition: str = ""
    ) -> AsyncIterator[Sequence[Record]]:
        """Every record of an object that meets a condition, in pages."""
        if bulk:
            return self._bulk.scan(name, fields, condition)
        return self._reader.scan(name, fields, condition)

    def sheets(
        self, name: str, fields: Sequence[str], after: str | None = None, condition: str = ""
    ) -> AsyncIterator[Sheet]:
        """Every record of an object that meets a condition through Bulk API 2.0, from the beginning or from a bookmark on."""
        return self._bulk.sheets(name, fields, after, condition)

    async def forget_sheets(self, bookmark: str) -> None:
        """Clear away what a read left in Salesforce."""
        await self._bulk.forget(bookmark)

    def calls_to_read(self, count: int, *, bulk: bool) -> int:
        """About how many API calls it takes to read so many records."""
        return self._bulk.calls(count) if bulk else -(-count // QUERY_PAGE_RECORDS)

    async def count_selected(self, name: str, selection: Selection) -> int:
        """How many records a selection means."""
        return await self._selector.count(name, selection)

    async def select(
        self, name: str, fields: Sequence[str], selection: Selection, after: str, limit: int
    ) -> list[Record]:
        """The records of a selection after an id, in the order of ids."""
        return await self._selector.select(name, fields, selection, after, limit)

    async def deleted_since(self, name: str, since: datetime, limit: int) -> list[str]:
        """Ids of records that were deleted at `since` or later and lie in the Recycle Bin, oldest first."""
        return await self._reader.deleted_since(name, since, limit)

    async def newest(self, names: Sequence[str]) -> dict[str, datetime]:
        """The newest SystemModstamp of each object that has records."""
        return await watermarks.newest(self._session, names)

    async def changed_since(self, name: str, since: datetime, limit: int) -> list[Stamp]:
        """Ids and SystemModstamps of the records that changed later than `since`, oldest first."""
        return await watermarks.changed_since(self._session, name, since, limit)
