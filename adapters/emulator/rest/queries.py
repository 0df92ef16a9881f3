"""Query, queryAll and the pages that follow."""

from __future__ import annotations

from dataclasses import dataclass

from adapters.emulator.errors import RequestRefused
from adapters.emulator.http import Call, Reply, Route
from adapters.emulator.org import Org
from adapters.emulator.rest.access import ACCESS, permission_access
from adapters.emulator.soql import Result, execute, parse

_LARGEST_BATCH = 2000
_SMALLEST_BATCH = 200
_MOST_CURSORS = 500


@dataclass(slots=True)
class _Cursor:
    """A result that still has pages."""

    user_id: str
    result: Result
    batch: int
    used_at: float


class Queries:
    """`/query`, `/queryAll` and their locators.

    At most 500 results with more than one page are kept; those that nobody has asked for longest go first, and so do those past their time.
    """

    def __init__(self, org: Org) -> None:
        self._org = org
        self._cursors: dict[str, _Cursor] = {}
        """The one that was used longest ago comes first."""

    def routes(self) -> list[Route]:
        """The resources of this family. A locator is taken under either name, because clients use both."""
        return [
            Route("GET", "query", self.query, "query"),
            Route("GET", "queryAll", self.query_all, "query"),
            Route("GET", "query/{locator}", self.more, "query"),
            Route("GET", "queryAll/{locator}", self.more, "query"),
            Route("GET", "tooling/query", self.tooling, "query"),
        ]

    def query(self, call: Call) -> Reply:
        """The first page over live records."""
        return self._first(call, include_deleted=False)

    def query_all(self, call: Call) -> Reply:
        """The first page over all records, those of the Recycle Bin included."""
        return self._first(call, include_deleted=True)

    def more(self, call: Call) -> Reply:
        """A later page."""
        name, _, start = call.arguments["locator"].rpartition("-")
        self._forget_idle()
        cursor = self._cursors.get(name)
        if cursor is None or cursor.user_id != call.user_id or not start.isdigit():
            raise RequestRefused(400, "INVALID_QUERY_LOCATOR", "invalid query locator")
        cursor.used_at = self._org.clock.now()
        self._cursors[name] = self._cursors.pop(name)
        return self._page(call, name, cursor, int(start))

    def tooling(self, call: Call) -> Reply:
        """The one question a sync asks the Tooling API: which objects are selected for change events."""
        query = parse(_text(call))
        if query.entity.lower() != "platformeventchannelmember":
            raise RequestRefused(400, "INVALID_TYPE", f"sObject type '{query.entity}' is not supported.")
        records = [
            {
                "attributes": {
                    "type": "PlatformEventChannelMember",
                    "url": f"/services/data/{call.path_version}/tooling",
                },
                "DeveloperName": f"ChangeEvents_{sobject.change_event_name}",
                "EventChannel": "ChangeEvents",
                "SelectedEntity": sobject.change_event_name,
            }
            for sobject in self._org.selection.selected()
        ]
        return Reply(200, {"size": len(records), "totalSize": len(records), "done": True, "queryLocator": None,
                           "entityTypeName": "PlatformEventChannelMember", "records": records})  # fmt: skip

    def _first(self, call: Call, *, include_deleted: bool) -> Reply:
        query = parse(_text(call))
        if query.entity.lower() == ACCESS.lower():
            return Reply(200, permission_access(self._org, call, query))
        result = execute(self._org.records, call.user_id, query, include_deleted=include_deleted)
        cursor = _Cursor(call.user_id, result, _batch(call), self._org.clock.now())
        name = ""
        if result.count > cursor.batch:
            name = self._org.records.ids.new("01g")
            self._cursors[name] = cursor
            self._forget_idle()
        return self._page(call, name, cursor, 0)

    def _forget_idle(self) -> None:
        oldest = self._org.clock.now() - self._org.switches.locator_seconds
        while self._cursors:
            name, cursor = next(iter(self._cursors.items()))
            if cursor.used_at >= oldest and len(self._cursors) <= _MOST_CURSORS:
                break
            del self._cursors[name]

    def _page(self, call: Call, name: str, cursor: _Cursor, start: int) -> Reply:
        end = start + cursor.batch
        count = cursor.result.count
        answer: dict[str, object] = {"totalSize": cursor.result.total, "done": end >= count}
        if end < count:
            answer["nextRecordsUrl"] = f"/services/data/{call.path_version}/query/{name}-{end}"
        answer["records"] = cursor.result.page(start, cursor.batch, call.path_version)
        return Reply(200, answer)


def _text(call: Call) -> str:
    text = call.query.get("q", "").strip()
    if not text:
        raise RequestRefused(400, "MALFORMED_QUERY", "SOQL statements cannot be empty or null")
    return text


def _batch(call: Call) -> int:
    """The page size the client asks for in `Sforce-Query-Options: batchSize=N`, between 200 and 2,000."""
    for option in call.headers.get("Sforce-Query-Options", "").replace(",", ";").split(";"):
        name, _, value = option.strip().partition("=")
        if name.strip().lower() == "batchsize" and value.strip().isdigit():
            return min(max(int(value), _SMALLEST_BATCH), _LARGEST_BATCH)
    return _LARGEST_BATCH
