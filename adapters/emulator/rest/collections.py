"""sObject Collections: up to 200 records in one call, each with its own result.

Results come in the order of the request and the call answers 200 even when every record failed. Records of one type that stand together are one
chunk and one transaction; there may be ten chunks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import groupby
from typing import TypeAlias

from adapters.emulator import ids
from adapters.emulator.errors import RecordRefused, RequestRefused
from adapters.emulator.faults import Faults
from adapters.emulator.http import Call, Reply, Route
from adapters.emulator.org import Org
from adapters.emulator.soql.projection import Projection
from adapters.emulator.soql.scope import Scope
from adapters.emulator.store.transaction import Transaction, coerce_id

_MOST_RECORDS = 200
_MOST_CHUNKS = 10
KIND = "collections"
_Record: TypeAlias = Mapping[str, object]
_Result: TypeAlias = dict[str, object]
_Write: TypeAlias = Callable[[Transaction, str, _Record], _Result]


class _Abandoned(Exception):  # noqa: N818
    """An all-or-nothing call met a bad record: its transaction is to be taken back."""


class Collections:
    """`/composite/sobjects` and what lies below it."""

    def __init__(self, org: Org, faults: Faults) -> None:
        self._org = org
        self._faults = faults

    def routes(self) -> list[Route]:
        """The resources of this family."""
        return [
            Route("POST", "composite/sobjects", self.create, KIND),
            Route("PATCH", "composite/sobjects", self.update, KIND),
            Route("DELETE", "composite/sobjects", self.delete, KIND),
            Route("POST", "composite/sobjects/{object}", self.retrieve, KIND),
            Route("GET", "composite/sobjects/{object}", self.retrieve, KIND),
            Route("PATCH", "composite/sobjects/{object}/{field}", self.upsert, KIND),
        ]

    def create(self, call: Call) -> Reply:
        """Make records."""

        def write(transaction: Transaction, name: str, record: _Record) -> _Result:
            return _saved(transaction.create(name, _fields(record)))

        return self._write_records(call, write)

    def update(self, call: Call) -> Reply:
        """Change records by their ids; one id may stand only once in a call."""
        seen: set[str] = set()

        def write(transaction: Transaction, name: str, record: _Record) -> _Result:
            given = next((value for key, value in record.items() if key.lower() == "id"), None)
            if given is None:
                raise RecordRefused("MISSING_ARGUMENT", "Id not specified in an update call", ("Id",))
            record_id = coerce_id(given)
            if record_id in seen:
                raise RecordRefused("DUPLICATE_VALUE", f"Duplicate id in list: {record_id}")
            seen.add(record_id)
            _check_type(transaction, name, record_id)
            transaction.update(name, record_id, _fields(record))
            return _saved(record_id)

        return self._write_records(call, write)

    def upsert(self, call: Call) -> Reply:
        """Create or change records of one type by an external id."""
        wanted = self._org.records.sobject(call.arguments["object"]).name
        key = call.arguments["field"]

        def write(transaction: Transaction, name: str, record: _Record) -> _Result:
            if name != wanted:
                raise RecordRefused("INVALID_TYPE", f"The type of the record must be {wanted}, not {name}")
            given = _fields(record)
            value = next((given.pop(field) for field in list(given) if field.lower() == key.lower()), None)
            record_id, created = transaction.upsert(name, key, value, given)
            return _saved(record_id) | {"created": created}

        return self._write_records(call, write)

    def delete(self, call: Call) -> Reply:
        """Delete records of any types, named in the query string."""
        given = [item.strip() for item in call.query.get("ids", "").split(",") if item.strip()]
        _check_count(given)

        def write(transaction: Transaction, name: str, record: _Record) -> _Result:
            record_id = coerce_id(record["id"])
            transaction.delete(name, record_id)
            return _saved(record_id)

        return self._run(
            call, [(self._type_of(item), {"id": item}) for item in given], write, call.flag("allOrNone")
        )

    def retrieve(self, call: Call) -> Reply:
        """Records by their ids, in order, null for those that are missing or hidden."""
        sobject = self._org.records.sobject(call.arguments["object"])
        wanted, fields = _retrieve_request(call)
        scope = Scope(self._org.records, call.user_id, sobject)
        projection = Projection(scope, dict.fromkeys(scope.field(name).name for name in fields))
        live = self._org.records.table(sobject).live
        found: list[object] = []
        for item in wanted:
            record_id = ids.canonical(item)
            if record_id is None:
                raise RequestRefused(400, "MALFORMED_ID", f"malformed id {item}")
            row = live.get(record_id)
            found.append(projection.render(row, call.path_version) if row is not None else None)
        return Reply(200, found)

    def _write_records(self, call: Call, write: _Write) -> Reply:
        body = call.json_object()
        records = body.get("records")
        if not isinstance(records, list) or not all(isinstance(record, dict) for record in records):
            raise RequestRefused(400, "JSON_PARSER_ERROR", "The body must hold a list of records")
        _check_count(records)
        return self._run(
            call, [(_type(record), record) for record in records], write, body.get("allOrNone") is True
        )

    def _run(
        self, call: Call, records: Sequence[tuple[str, _Record]], write: _Write, all_or_none: bool
    ) -> Reply:
        chunks = [list(chunk) for _, chunk in groupby(records, key=lambda item: item[0].lower())]
        if len(chunks) > _MOST_CHUNKS:
            message = (
                f"The request has {len(chunks)} chunks of object types; at most {_MOST_CHUNKS} are allowed"
            )
            raise RequestRefused(400, "INVALID_INPUT", message)
        results: list[_Result] = []
        try:
            with self._all_or_each(call, whole=all_or_none) as shared:
                for chunk in chunks:
                    with self._transaction(call, shared) as transaction:
                        results += [
                            self._one(call, transaction, name, record, write) for name, record in chunk
                        ]
                if all_or_none:
                    _require_success(results)
        except _Abandoned:
            results = [_rolled_back(result) for result in results]
        return Reply(200, results)

    def _one(
        self, call: Call, transaction: Transaction, name: str, record: _Record, write: _Write
    ) -> _Result:
        try:
            self._faults.refuse_record(call.method, KIND)
            return write(transaction, self._org.records.sobject(name).name, record)
        except RecordRefused as refusal:
            return {"success": False, "errors": [refusal.as_result_error()]}

    @contextmanager
    def _all_or_each(self, call: Call, *, whole: bool) -> Iterator[Transaction | None]:
        """One transaction for the whole call, or None when each chunk has its own."""
        if call.shared is not None:
            mark = call.shared.mark()
            try:
                yield call.shared
            except _Abandoned:
                call.shared.roll_back(mark)
                raise
        elif whole:
            with self._transaction(call, None) as transaction:
                yield transaction
        else:
            yield None

    @contextmanager
    def _transaction(self, call: Call, shared: Transaction | None) -> Iterator[Transaction]:
        if shared is not None:
            yield shared
            return
        with self._org.transaction(
            call.caller(marked=self._org.switches.client_in_collections)
        ) as transaction:
            yield transaction

    def _type_of(self, record_id: str) -> str:
        canonical = ids.canonical(record_id)
        sobject = self._org.catalog.of_id(canonical) if canonical else None
        if sobject is None:
            raise RequestRefused(400, "MALFORMED_ID", f"malformed id {record_id}")
        return sobject.name


def _retrieve_request(call: Call) -> tuple[list[str], list[str]]:
    if call.method == "GET":
        wanted, fields = call.query.get("ids", "").split(","), call.query.get("fields", "").split(",")
    else:
        body = call.json_object()
        given_ids, given_fields = body.get("ids"), body.get("fields")
        if not isinstance(given_ids, list) or not isinstance(given_fields, list):
            raise RequestRefused(400, "JSON_PARSER_ERROR", "The body must hold the lists ids and fields")
        wanted, fields = [str(item) for item in given_ids], [str(item) for item in given_fields]
    if len(wanted) > 2000:
        raise RequestRefused(
            400, "EXCEEDED_ID_LIMIT", "record limit reached. cannot submit more than 2000 records"
        )
    return wanted, fields


def _fields(record: _Record) -> dict[str, object]:
    return {name: value for name, value in record.items() if name != "attributes" and name.lower() != "id"}


def _type(record: _Record) -> str:
    attributes = record.get("attributes")
    return str(attributes.get("type") or "") if isinstance(attributes, Mapping) else ""


def _check_type(transaction: Transaction, name: str, record_id: str) -> None:
    sobject = transaction.records.sobject(name)
    if record_id[:3] != sobject.key_prefix:
        raise RecordRefused(
            "MALFORMED_ID", f"{sobject.label} ID: id value of incorrect type: {record_id}", ("Id",)
        )


def _check_count(records: Sequence[object]) -> None:
    if len(records) > _MOST_RECORDS:
        message = f"record limit reached. cannot submit more than {_MOST_RECORDS} records in this call"
        raise RequestRefused(400, "EXCEEDED_MAX_SIZE_REQUEST", message)
    if not records:
        raise RequestRefused(400, "MISSING_ARGUMENT", "The call names no records")


def _require_success(results: Sequence[_Result]) -> None:
    if not all(result["success"] for result in results):
        raise _Abandoned


def _saved(record_id: str) -> _Result:
    return {"id": record_id, "success": True, "errors": []}


def _rolled_back(result: _Result) -> _Result:
    """The result of a record in an all-or-nothing call that failed: the culprit keeps its own error."""
    if not result["success"]:
        return result
    error = RecordRefused(
        "ALL_OR_NONE_OPERATION_ROLLED_BACK",
        "Record rolled back because not all records were valid and the request was using AllOrNone header",
    )
    return {"success": False, "errors": [error.as_result_error()]}
