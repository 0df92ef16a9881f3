"""Reading the records that meet a condition, in the order of their ids."""

from collections.abc import Sequence

from adapters.salesforce import soql
from adapters.salesforce.describe import Descriptions
from adapters.salesforce.ids import id18
from adapters.salesforce.query import query_count, query_rows
from adapters.salesforce.reading import Reader
from adapters.salesforce.rows import fields_to_read, record_of
from adapters.salesforce.session import Session
from daemon.ports.loads import Selection
from daemon.ports.salesforce import Record


class Selector:
    """Counts and reads selections. A condition goes to the org as it stands, in brackets; the caller has seen to their balance."""

    def __init__(self, session: Session, descriptions: Descriptions, reader: Reader) -> None:
        self._session = session
        self._descriptions = descriptions
        self._reader = reader

    async def count(self, name: str, selection: Selection) -> int:
        """How many records there are. Raises CallFailedError in the org's words."""
        return await query_count(self._session, soql.count(name, _where(selection)), "backfill")

    async def select(
        self, name: str, fields: Sequence[str], selection: Selection, after: str, limit: int
    ) -> list[Record]:
        """The next records after an id."""
        description = await self._descriptions.of(name)
        where, tail = _where(selection, after), f"ORDER BY Id LIMIT {limit}"
        query = soql.select(fields_to_read(description, fields), description.name, where, tail)
        if len(soql.encoded(query)) > soql.URI_BYTES:  # more fields than a request line holds
            query = soql.select(["Id"], description.name, where, tail)
            ids = [id18(str(row.get("Id"))) for row in await query_rows(self._session, query, "backfill")]
            found = await self._reader.read(name, fields, ids)
            return [found[sf_id] for sf_id in ids if sf_id in found]
        rows = await query_rows(self._session, query, "backfill")
        return [record for row in rows if (record := record_of(name, row, fields)) is not None]


def _where(selection: Selection, after: str = "") -> str:
    parts = []
    if selection.condition is not None:
        parts.append(f"({selection.condition})")
    if selection.since is not None:
        parts.append(f"SystemModstamp >= {soql.instant(selection.since)}")
    if after:
        parts.append(f"Id > {soql.literal(after)}")
    return " AND ".join(parts)
