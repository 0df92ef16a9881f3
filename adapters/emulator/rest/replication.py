"""getUpdated and getDeleted: what changed between two instants, to the minute."""

from __future__ import annotations

from adapters.emulator.clock import parse_datetime, rest_datetime
from adapters.emulator.errors import RequestRefused
from adapters.emulator.http import Call, Reply, Route
from adapters.emulator.org import Org
from adapters.emulator.schema.sobject import SObject
from adapters.emulator.store.deletions import KEPT_SECONDS

_DAY = 86_400
_UPDATED_DAYS = 30
_DELETED_DAYS = KEPT_SECONDS // _DAY
_MOST_IDS = 600_000


class Replication:
    """`/sobjects/{object}/updated` and `/deleted`. The answer covers the time up to a minute before now, not up to the asked end."""

    def __init__(self, org: Org) -> None:
        self._org = org

    def routes(self) -> list[Route]:
        """The resources of this family."""
        return [
            Route("GET", "sobjects/{object}/updated", self.updated, "replication"),
            Route("GET", "sobjects/{object}/deleted", self.deleted, "replication"),
        ]

    def updated(self, call: Call) -> Reply:
        """Ids of records that were made or changed in the window and still live."""
        sobject = self._sobject(call)
        start, end = self._window(call, _UPDATED_DAYS)
        covered = self._covered(end)
        low, high = rest_datetime(start), rest_datetime(covered)
        rows = self._org.records.table(sobject).live.values()
        found = [row["Id"] for row in rows if low <= str(row["SystemModstamp"]) < high]
        if len(found) > _MOST_IDS:
            raise RequestRefused(
                400, "EXCEEDED_ID_LIMIT", "The window holds too many ids: choose a shorter one"
            )
        return Reply(200, {"ids": found, "latestDateCovered": high})

    def deleted(self, call: Call) -> Reply:
        """Ids of records that were deleted in the window, with the time of it."""
        sobject = self._sobject(call)
        start, end = self._window(call, _DELETED_DAYS)
        covered = self._covered(end)
        found = [
            {"id": item.record_id, "deletedDate": rest_datetime(item.at)}
            for item in self._org.records.deletions.between(sobject.name, start, covered)
            if self._org.records.find(item.record_id) is None
        ]
        earliest = rest_datetime(self._org.clock.seconds() - _DELETED_DAYS * _DAY)
        answer = {
            "deletedRecords": found,
            "earliestDateAvailable": earliest,
            "latestDateCovered": rest_datetime(covered),
        }
        return Reply(200, answer)

    def _window(self, call: Call, days: int) -> tuple[int, int]:
        """Start and end with their seconds cut off."""
        try:
            start = parse_datetime(call.query["start"].replace(" ", "+")) // 60 * 60
            end = parse_datetime(call.query["end"].replace(" ", "+")) // 60 * 60
        except (KeyError, ValueError):
            raise RequestRefused(
                400, "INVALID_REPLICATION_DATE", "start and end must be ISO 8601 datetimes"
            ) from None
        if start >= end:
            raise RequestRefused(
                400,
                "INVALID_REPLICATION_DATE",
                "startDate before org replication enabled date or after endDate",
            )
        if start < self._org.clock.seconds() - days * _DAY:
            raise RequestRefused(
                400, "INVALID_REPLICATION_DATE", f"startDate more than {days} days in the past"
            )
        return start, end

    def _covered(self, end: int) -> int:
        return min(end, self._org.clock.seconds() // 60 * 60)

    def _sobject(self, call: Call) -> SObject:
        sobject = self._org.catalog.get(call.arguments["object"])
        if sobject is None or not self._org.records.permissions.object_readable(call.user_id, sobject):
            raise RequestRefused(404, "NOT_FOUND", "The requested resource does not exist")
        return sobject
