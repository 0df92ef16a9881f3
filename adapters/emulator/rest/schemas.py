"""Versions, describe and limits."""

from __future__ import annotations

import re
from collections.abc import Callable

from adapters.emulator.clock import http_date, parse_http_date
from adapters.emulator.errors import RequestRefused
from adapters.emulator.events.message import schema_id
from adapters.emulator.http import Call, Reply, Route
from adapters.emulator.org import Org
from adapters.emulator.schema.describe import Reader, event_summary, full, summary
from adapters.emulator.schema.sobject import SObject
from adapters.emulator.store.permissions import Ability

_FIRST, _LAST = 37, 68
_VERSION = re.compile(r"[0-9]{2,3}\.0")
_SEASONS = ("Spring", "Summer", "Winter")


def versions() -> list[dict[str, str]]:
    """The versions of `/services/data`, oldest first; 66.0 is Spring '26."""
    found = []
    for number in range(_FIRST, _LAST + 1):
        season = _SEASONS[number % 3]
        year = 26 + (number - 66) // 3 + (season == "Winter")
        found.append(
            {"label": f"{season} '{year}", "url": f"/services/data/v{number}.0", "version": f"{number}.0"}
        )
    return found


def supported(version: str) -> bool:
    """Whether a path may name this version (`67.0`): any from 37.0 on."""
    return _VERSION.fullmatch(version) is not None and float(version) >= _FIRST


class Schemas:
    """The resources that say what the org is, not what it holds."""

    def __init__(self, org: Org, used_calls: Callable[[], int]) -> None:
        self._org = org
        self._used_calls = used_calls

    def routes(self) -> list[Route]:
        """The resources of this family."""
        return [
            Route("GET", "", self.root, "describe"),
            Route("GET", "limits", self.limits, "limits"),
            Route("GET", "sobjects", self.all_objects, "describe"),
            Route("GET", "sobjects/{object}", self.basic, "describe"),
            Route("GET", "sobjects/{object}/describe", self.describe, "describe"),
            Route("GET", "sobjects/{object}/eventSchema", self.event_schema, "describe"),
        ]

    def root(self, call: Call) -> Reply:
        """The resources of a version."""
        base = f"/services/data/{call.path_version}"
        names = ("sobjects", "query", "queryAll", "limits", "composite", "jobs", "tooling")
        identity = f"http://{call.headers.get('Host', 'localhost')}/id/{self._org.org_id}/{call.user_id}"
        return Reply(200, {name: f"{base}/{name}" for name in names} | {"identity": identity})

    def limits(self, _call: Call) -> Reply:
        """The org's allowances and what is left of them."""
        allowed = self._org.switches.daily_api_limit
        fixed = {
            "DailyAsyncApexExecutions": 250_000, "DailyBulkApiBatches": 15_000, "DailyBulkV2QueryJobs": 10_000,
            "DailyBulkV2QueryFileStorageMB": 976_562, "DailyDeliveredPlatformEvents": 25_000,
            "MonthlyPlatformEventsUsageEntitlement": 0, "DailyStreamingApiEvents": 10_000,
            "DailyDurableStreamingApiEvents": 10_000, "StreamingApiConcurrentClients": 20,
            "DurableStreamingApiConcurrentClients": 20, "HourlyPublishedPlatformEvents": 50_000, "DataStorageMB": 1024,
            "FileStorageMB": 1024,
        }  # fmt: skip
        answer = {name: {"Max": most, "Remaining": most} for name, most in fixed.items()}
        answer["DailyApiRequests"] = {"Max": allowed, "Remaining": max(allowed - self._used_calls(), 0)}
        return Reply(200, answer)

    def all_objects(self, call: Call) -> Reply:
        """The global describe."""
        unchanged = self._unchanged(call)
        if unchanged is not None:
            return unchanged
        permissions = self._org.records.permissions
        shown = [
            summary(sobject, self._reader(call, sobject))
            for sobject in self._org.catalog.all()
            if permissions.object_readable(call.user_id, sobject)
        ]
        shown += [
            event_summary(sobject, self._reader(call, sobject))
            for sobject in self._org.catalog.all()
            if sobject.change_events and permissions.object_readable(call.user_id, sobject)
        ]
        return Reply(200, {"encoding": "UTF-8", "maxBatchSize": 200, "sobjects": shown}, self._modified())

    def basic(self, call: Call) -> Reply:
        """An object's summary."""
        sobject = self._sobject(call)
        return Reply(
            200, {"objectDescribe": summary(sobject, self._reader(call, sobject)), "recentItems": []}
        )

    def describe(self, call: Call) -> Reply:
        """An object's fields and relationships, as far as the user may see them."""
        sobject = self._sobject(call)
        unchanged = self._unchanged(call)
        if unchanged is not None:
            return unchanged
        types = self._org.records.table(self._org.records.sobject("RecordType")).live.values()
        own_types = [row for row in types if row["SobjectType"] == sobject.name]
        described = full(self._org.catalog, sobject, self._reader(call, sobject), own_types)
        return Reply(200, described, self._modified())

    def _reader(self, call: Call, sobject: SObject) -> Reader:
        permissions, user_id = self._org.records.permissions, call.user_id
        abilities = permissions.abilities(user_id, sobject)
        names = [field.name for field in sobject.fields]
        return Reader(
            call.path_version,
            createable=Ability.CREATE in abilities,
            editable=Ability.EDIT in abilities,
            deletable=Ability.DELETE in abilities,
            readable_fields=frozenset(n for n in names if permissions.field_readable(user_id, sobject, n)),
            editable_fields=frozenset(n for n in names if permissions.field_editable(user_id, sobject, n)),
        )

    def event_schema(self, call: Call) -> Reply:
        """A change event's schema, in outline: its id and its field names."""
        wanted = call.arguments["object"]
        for sobject in self._org.catalog.all():
            permissions = self._org.records.permissions
            readable = permissions.object_readable(call.user_id, sobject)
            if sobject.change_event_name == wanted and sobject.change_events and readable:
                hidden = permissions.hidden_fields(call.user_id, sobject)
                shown = [f.compound or f.name for f in sobject.event_fields if f.name not in hidden]
                names = ["ChangeEventHeader", *dict.fromkeys(shown)]
                fields = [{"name": name, "type": ["null", "string"]} for name in names]
                return Reply(200, {"name": wanted, "namespace": "com.sforce.eventbus", "type": "record", "fields": fields,
                                   "uuid": schema_id(sobject)})  # fmt: skip
        raise RequestRefused(404, "NOT_FOUND", "The requested resource does not exist")

    def _sobject(self, call: Call) -> SObject:
        sobject = self._org.catalog.get(call.arguments["object"])
        if sobject is None or not self._org.records.permissions.object_readable(call.user_id, sobject):
            raise RequestRefused(404, "NOT_FOUND", "The requested resource does not exist")
        return sobject

    def _modified(self) -> dict[str, str]:
        return {"Last-Modified": http_date(self._org.schema_changed_at)}

    def _unchanged(self, call: Call) -> Reply | None:
        since = call.headers.get("If-Modified-Since")
        if since is None:
            return None
        try:
            unchanged = self._org.schema_changed_at <= parse_http_date(since)
        except ValueError:
            return None
        return Reply(304, headers=self._modified()) if unchanged else None
