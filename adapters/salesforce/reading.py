"""Reading records over REST: by id, by a field's value, deleted ones, and whole objects page by page."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import aclosing
from datetime import datetime
from decimal import Decimal
from typing import Concatenate, Final, ParamSpec, TypeVar

from adapters.salesforce import faults, soql
from adapters.salesforce.describe import NUMERIC_TYPES, Descriptions
from adapters.salesforce.ids import id18, is_id
from adapters.salesforce.query import Row, query_pages, query_rows
from adapters.salesforce.rows import fields_to_read, record_of, values_of
from adapters.salesforce.session import Request, Session
from daemon.domain.failure import CallFailedError
from daemon.ports.salesforce import Deleted, FieldDescription, ObjectDescription, Record

_ID_TYPES: Final = frozenset({"id", "reference"})
P = ParamSpec("P")
T = TypeVar("T")


class Reader:
    """Reads records of any object. A field that this user may not read is left out of what is asked."""

    def __init__(self, session: Session, descriptions: Descriptions) -> None:
        self._session = session
        self._descriptions = descriptions

    async def read(
        self, name: str, fields: Sequence[str], ids: Sequence[str], purpose: str = "fetch"
    ) -> dict[str, Record]:
        """The records that exist among these ids, by 18-character id."""
        wanted = list(dict.fromkeys(id18(record_id) for record_id in ids if is_id(record_id)))
        found: dict[str, Record] = {}
        for chunk in _chunks(wanted, self._session.settings.read_batch_size):
            rows = await self._described(name, self._retrieve, fields, chunk, purpose)
            for row in rows:
                record = record_of(name, row, fields)
                if record is not None:
                    found[record.id] = record
        return found

    async def find(
        self, name: str, fields: Sequence[str], by: str, values: Sequence[str]
    ) -> dict[str, list[Record]]:
        """The records whose field `by` has one of these values, by each value that was asked for and found."""
        if not values:
            return {}
        description = await self._descriptions.of(name)
        field = description.fields.get(by)
        if field is None:
            failure = faults.misconfigured(
                "INVALID_FIELD",
                f"{name} has no field {by} for this user",
                "Correct the step's identifiers, or grant the integration user the field.",
            )
            raise CallFailedError(failure)
        literals = dict.fromkeys(_literal(field, value) for value in values)
        by_key: dict[object, list[Record]] = {}
        rows = await self._described(name, self._select_in, fields, field, list(literals))
        for row in rows:
            record = record_of(name, row, fields)
            if record is not None:
                by_key.setdefault(_key(field, values_of(row, [by]).get(by)), []).append(record)
        found = {value: by_key.get(_key(field, value)) for value in values}
        return {value: list(records) for value, records in found.items() if records}

    async def read_deleted(self, name: str, ids: Sequence[str]) -> dict[str, Deleted]:
        """What became of ids that `read` did not find. An id whose record is there after all has no entry."""
        wanted = list(dict.fromkeys(id18(record_id) for record_id in ids if is_id(record_id)))
        if not wanted:
            return {}
        description = await self._descriptions.of(name)
        fields = [field for field in ("Id", "IsDeleted", "MasterRecordId") if field in description.fields]
        found = {record_id: Deleted(record_id, hard=True) for record_id in wanted}
        for chunk in soql.chunks_of_in(
            soql.select(fields, name, "Id"), [soql.literal(item) for item in wanted]
        ):
            query = soql.select(fields, name, f"Id IN ({','.join(chunk)})")
            for row in await query_rows(self._session, query, "fetch", resource="queryAll"):
                record_id = id18(str(row.get("Id")))
                if row.get("IsDeleted") is not True:
                    found.pop(record_id, None)
                    continue
                winner = row.get("MasterRecordId")
                found[record_id] = Deleted(
                    record_id, merged_into=id18(winner) if isinstance(winner, str) else None
                )
        return found

    async def find_deleted(self, name: str, by: str, values: Sequence[str]) -> dict[str, Deleted]:
        """Records in the Recycle Bin whose field `by` has one of these values; the last deleted one of each."""
        description = await self._descriptions.of(name)
        field = description.fields.get(by)
        if field is None or "IsDeleted" not in description.fields or not values:
            return {}
        fields = [item for item in ("Id", by, "MasterRecordId") if item in description.fields]
        literals = list(dict.fromkeys(_literal(field, value) for value in values))
        by_key: dict[object, Deleted] = {}
        order = "ORDER BY SystemModstamp" if "SystemModstamp" in description.fields else "ORDER BY Id"
        for chunk in soql.chunks_of_in(
            soql.select(fields, name, f"IsDeleted = true AND {by}", order), literals
        ):
            where = f"{by} IN ({','.join(chunk)}) AND IsDeleted = true"
            query = soql.select(fields, description.name, where, order)
            for row in await query_rows(self._session, query, "fetch", resource="queryAll"):
                winner = row.get("MasterRecordId")
                by_key[_key(field, values_of(row, [by]).get(by))] = Deleted(
                    id18(str(row.get("Id"))), merged_into=id18(winner) if isinstance(winner, str) else None
                )
        found = {value: by_key.get(_key(field, value)) for value in values}
        return {value: deleted for value, deleted in found.items() if deleted is not None}

    async def deleted_since(self, name: str, since: datetime, limit: int) -> list[str]:
        """Ids of records in the Recycle Bin that were deleted at `since` or later: a delete is the last thing that stamps a record."""
        description = await self._descriptions.of(name)
        if not {"IsDeleted", "SystemModstamp"} <= description.fields.keys():
            return []
        where = f"IsDeleted = true AND SystemModstamp >= {soql.instant(since)}"
        query = soql.select(["Id"], description.name, where, f"ORDER BY SystemModstamp LIMIT {limit}")
        rows = await query_rows(self._session, query, "backfill", resource="queryAll")
        return [id18(str(row.get("Id"))) for row in rows]

    async def meeting(self, name: str, condition: str, ids: Sequence[str]) -> frozenset[str]:
        """Those of these records that meet a condition, which goes to the org as it stands, in brackets."""
        wanted = [soql.literal(item) for item in dict.fromkeys(id18(one) for one in ids if is_id(one))]
        found: set[str] = set()
        for chunk in soql.chunks_of_in(soql.select(["Id"], name, f"({condition}) AND Id"), wanted):
            query = soql.select(["Id"], name, f"({condition}) AND Id IN ({','.join(chunk)})")
            found.update(id18(str(row.get("Id"))) for row in await query_rows(self._session, query, "fetch"))
        return frozenset(found)

    async def scan(
        self, name: str, fields: Sequence[str], condition: str = ""
    ) -> AsyncGenerator[Sequence[Record], None]:
        """Every record of an object that meets a condition, in the order of ids.

        The server's cursor expires while its reader is slow; the query is then begun anew after the last id.
        """
        description = await self._descriptions.renewed(name)
        after = ""
        while True:
            pages = self._pages(description, fields, after, condition)
            try:
                async with aclosing(pages):
                    async for page in pages:
                        yield [record for row in page if (record := record_of(name, row, fields)) is not None]
                        after = str(page[-1].get("Id")) if page else after
                return  # noqa: TRY300 - the loop is the attempt
            except CallFailedError as error:
                if not faults.is_code(error, "INVALID_QUERY_LOCATOR"):
                    raise

    async def _pages(
        self, description: ObjectDescription, fields: Sequence[str], after: str, condition: str
    ) -> AsyncGenerator[list[Row], None]:
        parts = [f"({condition})"] if condition else []
        where = " AND ".join([*parts, f"Id > {soql.literal(after)}"] if after else parts)
        query = soql.select(fields_to_read(description, fields), description.name, where, "ORDER BY Id")
        two_steps = len(soql.encoded(query)) > soql.URI_BYTES  # more fields than a request line holds
        if two_steps:
            query = soql.select(["Id"], description.name, where, "ORDER BY Id")
        async with aclosing(query_pages(self._session, query, "backfill")) as pages:
            async for page in pages:
                if not two_steps:
                    yield page
                    continue
                ids = [str(row.get("Id")) for row in page]
                rows = {
                    row.get("Id"): row for row in await self._retrieve(description, fields, ids, "backfill")
                }
                yield [rows[record_id] for record_id in ids if record_id in rows]

    async def _retrieve(
        self,
        description: ObjectDescription,
        fields: Sequence[str],
        ids: Sequence[str],
        purpose: str = "fetch",
    ) -> list[Row]:
        body = {"ids": list(ids), "fields": fields_to_read(description, fields)}
        path = f"{self._session.settings.data_path}/composite/sobjects/{soql.name(description.name)}"
        answer = await self._session.send(Request("POST", path, purpose, body, safe=True, api="composite"))
        rows = answer.json()
        if not isinstance(rows, list):
            raise CallFailedError(faults.senseless("records were not answered with a list"))
        return [row for row in rows if isinstance(row, Mapping)]

    async def _select_in(
        self, description: ObjectDescription, fields: Sequence[str], by: FieldDescription, literals: list[str]
    ) -> list[Row]:
        names = fields_to_read(description, [*fields, by.name])
        head = soql.select(names, description.name, by.name)
        two_steps = len(soql.encoded(head)) > soql.URI_BYTES // 2
        if two_steps:  # so many fields that no room for values is left in a request line
            names = ["Id"]
            head = soql.select(names, description.name, by.name)
        rows: list[Row] = []
        for chunk in soql.chunks_of_in(head, literals):
            query = soql.select(names, description.name, f"{by.name} IN ({','.join(chunk)})")
            async for page in query_pages(self._session, query, "fetch"):
                if two_steps and page:
                    ids = [str(row.get("Id")) for row in page]
                    rows.extend(await self._retrieve(description, [*fields, by.name], ids))
                else:
                    rows.extend(page)
        return rows

    async def _described(
        self,
        name: str,
        call: Callable[Concatenate[ObjectDescription, P], Awaitable[T]],
        *args: P.args,
        **options: P.kwargs,
    ) -> T:
        """A call that needs the object's description, repeated once if the object has changed since it was described."""
        description = await self._descriptions.of(name)
        try:
            return await call(description, *args, **options)
        except CallFailedError as error:
            if not faults.is_code(error, "INVALID_FIELD"):
                raise
            self._descriptions.forget(name)
            fresh = await self._descriptions.of(name)
            if fresh.fields.keys() == description.fields.keys():
                raise
        return await call(fresh, *args, **options)


def _chunks(items: list[str], size: int) -> Iterator[list[str]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]


def _literal(field: FieldDescription, value: str) -> str:
    if field.type in NUMERIC_TYPES:
        try:
            return soql.number(value)
        except ValueError as error:
            failure = faults.misconfigured(
                "INVALID_QUERY_FILTER_OPERATOR",
                f"{field.name} is a number, and {value[:40]!r} is not",
                "Identify records by a text field, or by numbers.",
            )
            raise CallFailedError(failure) from error
    return soql.literal(value)


def _key(field: FieldDescription, value: object) -> object:
    """What makes two values of a field equal in Salesforce's own eyes."""
    if value is None:
        return None
    if field.type in NUMERIC_TYPES:
        return Decimal(str(value))
    text = str(value)
    if field.type in _ID_TYPES:
        return id18(text)
    return text if field.case_sensitive else text.lower()
