"""Single records: create, read, change and delete, by id or by an external id."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager

from adapters.emulator import ids
from adapters.emulator.clock import http_date, parse_datetime, parse_http_date
from adapters.emulator.errors import RecordRefused, RequestRefused, no_such_column
from adapters.emulator.http import Call, Reply, Route
from adapters.emulator.org import Org
from adapters.emulator.schema.sobject import SObject
from adapters.emulator.soql.projection import Projection
from adapters.emulator.soql.scope import Scope
from adapters.emulator.store.intake import external_field, matches
from adapters.emulator.store.transaction import Transaction, key_value
from adapters.emulator.store.values import Row


class Rows:
    """`/sobjects/{object}` and what lies below it."""

    def __init__(self, org: Org) -> None:
        self._org = org

    def routes(self) -> list[Route]:
        """The resources of this family; the names of describe and replication must come before them."""
        return [
            Route("POST", "sobjects/{object}", self.create, "rows"),
            Route("POST", "sobjects/{object}/Id", self.create, "rows"),
            Route("GET", "sobjects/{object}/{id}", self.read, "rows"),
            Route("PATCH", "sobjects/{object}/{id}", self.update, "rows"),
            Route("DELETE", "sobjects/{object}/{id}", self.delete, "rows"),
            Route("GET", "sobjects/{object}/{field}/{value}", self.read_by_key, "rows"),
            Route("PATCH", "sobjects/{object}/{field}/{value}", self.upsert, "rows"),
            Route("DELETE", "sobjects/{object}/{field}/{value}", self.delete_by_key, "rows"),
        ]

    def create(self, call: Call) -> Reply:
        """Make a record: 201 with its id."""
        sobject = self._sobject(call)
        with self._transaction(call) as transaction:
            record_id = transaction.create(sobject.name, call.json_object())
        location = f"/services/data/{call.path_version}/sobjects/{sobject.name}/{record_id}"
        return Reply(201, {"id": record_id, "success": True, "errors": []}, {"Location": location})

    def read(self, call: Call) -> Reply:
        """A record with all or the chosen fields."""
        sobject = self._sobject(call)
        return self._shown(call, sobject, self._row(call, sobject))

    def update(self, call: Call) -> Reply:
        """Change a record: 204."""
        sobject = self._sobject(call)
        row = self._row(call, sobject)
        _require_precondition(call, sobject, row)
        with self._transaction(call) as transaction:
            transaction.update(sobject.name, str(row["Id"]), call.json_object())
        return Reply(204)

    def delete(self, call: Call) -> Reply:
        """Delete a record: 204. Conditional headers mean nothing here."""
        sobject = self._sobject(call)
        row = self._row(call, sobject)
        with self._transaction(call) as transaction:
            transaction.delete(sobject.name, str(row["Id"]))
        return Reply(204)

    def read_by_key(self, call: Call) -> Reply:
        """A record by an external id; 300 with the URLs when several match."""
        sobject = self._sobject(call)
        found = self._matches(call, sobject)
        if len(found) > 1:
            return _several(call, sobject, found)
        return self._shown(call, sobject, _only(found))

    def upsert(self, call: Call) -> Reply:
        """Create or change by an external id: 201, 200 (204 below version 46.0), or 300 when several match."""
        sobject = self._sobject(call)
        found = self._matches(call, sobject)
        if len(found) > 1:
            return _several(call, sobject, found)
        given = call.json_object()
        field = external_field(self._org.records, call.user_id, sobject, call.arguments["field"])
        for name in given:
            if name.lower() in {field.name.lower(), "id"}:
                message = f"The {name} field should not be specified in the sobject data."
                raise RequestRefused(400, "INVALID_FIELD", message)
        if found:
            _require_precondition(call, sobject, found[0])
        with self._transaction(call) as transaction:
            record_id, created = transaction.upsert(
                sobject.name,
                field.name,
                call.arguments["value"],
                given,
                update_only=call.query.get("updateOnly") == "true",
            )
        if not created and float(call.version) < self._org.switches.upsert_200_from:
            return Reply(204)
        return Reply(
            201 if created else 200, {"id": record_id, "success": True, "errors": [], "created": created}
        )

    def delete_by_key(self, call: Call) -> Reply:
        """Delete by an external id."""
        sobject = self._sobject(call)
        found = self._matches(call, sobject)
        if len(found) > 1:
            return _several(call, sobject, found)
        row = _only(found)
        with self._transaction(call) as transaction:
            transaction.delete(sobject.name, str(row["Id"]))
        return Reply(204)

    @contextmanager
    def _transaction(self, call: Call) -> Iterator[Transaction]:
        if call.shared is not None:
            yield call.shared
            return
        marked = not call.nested or self._org.switches.client_in_collections
        with self._org.transaction(call.caller(marked=marked)) as transaction:
            yield transaction

    def _sobject(self, call: Call) -> SObject:
        sobject = self._org.catalog.get(call.arguments["object"])
        if sobject is None or not self._org.records.permissions.object_readable(call.user_id, sobject):
            raise RequestRefused(404, "NOT_FOUND", "The requested resource does not exist")
        return sobject

    def _row(self, call: Call, sobject: SObject) -> Row:
        record_id = ids.canonical(call.arguments["id"])
        if record_id is None or record_id[:3] != sobject.key_prefix:
            raise RequestRefused(
                404,
                "NOT_FOUND",
                f"Provided external ID field does not exist or is not accessible: {call.arguments['id']}",
            )
        table = self._org.records.table(sobject)
        row = table.live.get(record_id)
        if row is None and record_id in table.bin:
            raise RecordRefused("ENTITY_IS_DELETED", "entity is deleted")
        return _only([row] if row is not None else [])

    def _matches(self, call: Call, sobject: SObject) -> list[Row]:
        field = external_field(self._org.records, call.user_id, sobject, call.arguments["field"])
        return matches(self._org.records, sobject, field, key_value(field, call.arguments["value"]))

    def _shown(self, call: Call, sobject: SObject, row: Row) -> Reply:
        headers = _validators(sobject, row)
        if _unmodified(call, headers, row):
            return Reply(304, headers=headers)
        _require_precondition(call, sobject, row)
        scope = Scope(self._org.records, call.user_id, sobject)
        wanted = call.query.get("fields")
        if wanted:
            names = [name.strip() for name in wanted.split(",") if name.strip()]
            for name in names:
                if "." not in name and sobject.field(name) is None:
                    raise RequestRefused(400, "INVALID_FIELD", no_such_column(name, sobject.name))
        else:
            hidden = self._org.records.permissions.hidden_fields(call.user_id, sobject)
            names = [field.name for field in sobject.fields if field.name not in hidden]
        return Reply(200, Projection(scope, names).render(row, call.path_version), headers)


def _only(found: list[Row]) -> Row:
    if not found:
        raise RequestRefused(404, "NOT_FOUND", "The requested resource does not exist")
    return found[0]


def _several(call: Call, sobject: SObject, found: list[Row]) -> Reply:
    base = f"/services/data/{call.path_version}/sobjects/{sobject.name}"
    return Reply(300, [f"{base}/{row['Id']}" for row in found])


def _modified_at(row: Row) -> int:
    return parse_datetime(str(row["LastModifiedDate"]))


def _validators(sobject: SObject, row: Row) -> dict[str, str]:
    headers = {"Last-Modified": http_date(_modified_at(row))}
    if sobject.name == "Account":
        headers["ETag"] = _etag(row)
    return headers


def _etag(row: Row) -> str:
    digest = hashlib.sha256(f"{row['Id']}{row['SystemModstamp']}".encode()).hexdigest()[:24]
    return f'"{digest}"'


def _tags(value: str) -> set[str]:
    return {tag.strip().removeprefix("W/").removesuffix('--gzip"') for tag in value.split(",")}


def _unmodified(call: Call, validators: dict[str, str], row: Row) -> bool:
    """Whether a read may be answered with 304."""
    if "If-None-Match" in call.headers and "ETag" in validators:
        return validators["ETag"] in _tags(call.headers["If-None-Match"])
    since = call.headers.get("If-Modified-Since")
    if since is None:
        return False
    try:
        return _modified_at(row) <= parse_http_date(since)
    except ValueError:
        return False


def _require_precondition(call: Call, sobject: SObject, row: Row) -> None:
    """Refuses with 412 when the record changed since the client saw it. Only whole seconds count."""
    failed = False
    if "If-Match" in call.headers and sobject.name == "Account":
        failed = _etag(row) not in _tags(call.headers["If-Match"])
    elif "If-None-Match" in call.headers and sobject.name == "Account" and call.method == "PATCH":
        failed = _etag(row) in _tags(call.headers["If-None-Match"])
    limits = (
        {"If-Unmodified-Since": False, "If-Modified-Since": True}
        if call.method != "GET"
        else {"If-Unmodified-Since": False}
    )
    for header, must_be_newer in limits.items():
        given = call.headers.get(header)
        if given is None:
            continue
        try:
            instant = parse_http_date(given)
        except ValueError:
            if call.method == "GET":
                continue
            raise RequestRefused(
                400, "INVALID_HEADER", f"The value of {header} is not a date: {given}"
            ) from None
        newer = _modified_at(row) > instant
        failed = failed or newer is not must_be_newer
    if failed:
        message = "The record has been changed since the given time: the precondition is not met"
        raise RequestRefused(412, "ENTITY_FAILED_IFLASTMODIFIED_ON_UPDATE", message)
