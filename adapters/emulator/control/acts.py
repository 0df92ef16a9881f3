"""Acts on the records of the org that its APIs do not offer, and moments to come back to."""

from __future__ import annotations

from adapters.emulator import ids
from adapters.emulator.cometd.endpoint import Streaming
from adapters.emulator.control.commands import Body, Commands, maybe, optional, text
from adapters.emulator.http import Call
from adapters.emulator.org import Org
from adapters.emulator.snapshots import Snapshots

_LONGEST_LOCK = 3600.0


class Acts:
    """Conversion, merge, undelete, purge, locks, snapshots, and a look at everything."""

    def __init__(self, org: Org, streaming: Streaming) -> None:
        self._org = org
        self._streaming = streaming
        self._snapshots = Snapshots(org, streaming.drop_sessions)

    def commands(self) -> Commands:
        """The commands of this family."""
        return {
            ("POST", "convert-lead"): self._convert_lead,
            ("POST", "merge"): self._merge,
            ("POST", "undelete"): lambda call: self._org.undelete(_id(text(call.json_object(), "id"))),
            ("POST", "purge"): self._purge,
            ("POST", "locks"): self._lock,
            ("DELETE", "locks"): lambda _call: {"released": self._org.records.locks.release_by_hand()},
            ("GET", "snapshots"): lambda _call: {"snapshots": self._snapshots.names},
            ("POST", "snapshots"): lambda call: self._snapshots.take(text(call.json_object(), "name")),
            ("POST", "snapshots/restore"): lambda call: self._snapshots.restore(
                text(call.json_object(), "name")
            ),
            ("GET", "state"): self._state,
        }

    def _convert_lead(self, call: Call) -> Body:
        body = call.json_object()
        made = self._org.convert_lead(
            _id(text(body, "lead")),
            account_id=maybe(body, "account"),
            contact_id=maybe(body, "contact"),
            opportunity_name=maybe(body, "opportunity"),
        )
        return {"account": made.account_id, "contact": made.contact_id, "opportunity": made.opportunity_id}

    def _merge(self, call: Call) -> None:
        body = call.json_object()
        losers, overrides = body.get("losers"), body.get("values")
        if not isinstance(losers, list):
            raise TypeError("losers must be a list of record ids")
        values = {str(k): v for k, v in overrides.items()} if isinstance(overrides, dict) else None
        self._org.merge(_id(text(body, "winner")), [_id(str(item)) for item in losers], values)

    def _purge(self, call: Call) -> Body:
        """Empty the Recycle Bin of one record, or of all."""
        record_id = maybe(optional(call), "id")
        if record_id is None:
            return {"purged": self._org.records.empty_bin()}
        return {"purged": int(self._org.purge(_id(record_id)))}

    def _lock(self, call: Call) -> None:
        """Hold a record's lock, so that every save that needs it is refused."""
        body = call.json_object()
        seconds = body.get("seconds", _LONGEST_LOCK)
        if isinstance(seconds, bool) or not isinstance(seconds, int | float) or seconds <= 0:
            raise TypeError("seconds must be a number above 0")
        self._org.records.locks.hold_by_hand(_id(text(body, "id")), min(float(seconds), _LONGEST_LOCK))

    def _state(self, call: Call) -> Body:
        wanted = [name for name in call.query.get("objects", "").split(",") if name]
        names = wanted or [sobject.name for sobject in self._org.catalog.all()]
        return {
            "org_id": self._org.org_id,
            "now": self._org.clock.stamp(),
            "events": self._org.log.retained,
            "clients": len(self._streaming.clients),
            "parked": self._streaming.clients.parked,
            "records": {name: self._org.rows(name) for name in names},
        }


def _id(given: str) -> str:
    record_id = ids.canonical(given)
    if record_id is None:
        raise ValueError(f"{given} is no record id")
    return record_id
