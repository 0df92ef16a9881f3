"""The port of identifying fields: aggregate queries, and the records that have no value.

SOQL groups by no number with decimals, which is what describe calls a double: such a field cannot be looked through for
values that occur twice.
"""

from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import Any, Final

from adapters.salesforce import faults, soql
from adapters.salesforce.describe import Descriptions
from adapters.salesforce.query import query_pages, query_rows
from adapters.salesforce.session import Session
from daemon.domain.failure import CallFailedError
from daemon.domain.value import Raw
from daemon.ports.identifiers import Filled

_PURPOSE: Final = "metadata"
_CANNOT_GROUP: Final = ("MALFORMED_QUERY", "INVALID_FIELD")


class SalesforceIdentifiers:
    """Implements `daemon.ports.identifiers.RecordIdentifiers`."""

    def __init__(self, session: Session, descriptions: Descriptions) -> None:
        self._session = session
        self._descriptions = descriptions

    async def filled(self, name: str, field: str) -> Filled:
        """How many records of an object have a value in a field."""
        query = f"SELECT COUNT(Id) total, COUNT({soql.name(field)}) filled FROM {soql.name(name)}"  # noqa: S608
        rows = await query_rows(self._session, query, _PURPOSE)
        return Filled(_number(rows, "total"), _number(rows, "filled"))

    async def repeated(self, name: str, field: str, most: int) -> Sequence[tuple[str, int]] | None:
        """Values that several records have."""
        by = soql.name(field)
        query = (
            f"SELECT {by}, COUNT(Id) records FROM {soql.name(name)} WHERE {by} != null "  # noqa: S608
            f"GROUP BY {by} HAVING COUNT(Id) > 1 ORDER BY COUNT(Id) DESC LIMIT {most}"
        )
        try:
            rows = await query_rows(self._session, query, _PURPOSE)
        except CallFailedError as error:
            if faults.is_code(error, *_CANNOT_GROUP):
                return None
            raise
        return [(str(row.get(field)), _number([row], "records")) for row in rows]

    async def without(
        self, name: str, field: str, shown: Sequence[str]
    ) -> AsyncGenerator[Sequence[Mapping[str, Raw]], None]:
        """The records without a value, page by page. A field that this user may not read is left out."""
        described = await self._descriptions.of(name)
        fields = ["Id", *(each for each in dict.fromkeys(shown) if each in described.fields and each != "Id")]
        query = soql.select(fields, described.name, f"{soql.name(field)} = null", "ORDER BY Id")
        async for page in query_pages(self._session, query, _PURPOSE):
            yield [{each: row.get(each) for each in fields} for row in page]


def _number(rows: Sequence[Mapping[str, Any]], column: str) -> int:
    found = rows[0].get(column) if rows else None
    if not isinstance(found, int) or isinstance(found, bool):
        raise CallFailedError(faults.senseless(f"an aggregate query gave no number for {column}"))
    return found
