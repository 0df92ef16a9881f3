"""Acts on the records of the org that its APIs do not offer, and moments to come back to."""

from __future__ import annotations

from adapters.emulator.cometd.endpoint import Streaming
from adapters.emulator.control.commands import Body, Commands, maybe, member, members
from adapters.emulator.http import Call
from adapters.emulator.members import MAPPING, NAME, RECORD_ID, RECORD_IDS, Shape, canonical, number
from adapters.emulator.org import Org
from adapters.emulator.snapshots import Snapshots

_LONGEST_LOCK = 3600.0
_CONVERSION: Shape = {"lead": RECORD_ID, "account": RECORD_ID, "contact": RECORD_ID, "opportunity": NAME}
_MERGE: Shape = {"winner": RECORD_ID, "losers": RECORD_IDS, "values": MAPPING}
_PURGE: Shape = {"id": RECORD_ID, "ids": RECORD_IDS}
_LOCK: Shape = {"id": RECORD_ID, "seconds": number(above=0)}


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
            ("POST", "undelete"): lambda call: self._org.undelete(canonical(member(call, "id", RECORD_ID))),
            ("POST", "purge"): self._purge,
            ("POST", "locks"): self._lock,
            ("DELETE", "locks"): lambda _call: {"released": self._org.records.locks.release_by_hand()},
            ("GET", "snapshots"): lambda _call: {"snapshots": self._snapshots.names},
            ("POST", "snapshots"): lambda call: self._snapshots.take(member(call, "name", NAME)),
            ("POST", "snapshots/restore"): lambda call: self._snapshots.restore(member(call, "name", NAME)),
            ("GET", "state"): self._state,
        }

    def _convert_lead(self, call: Call) -> Body:
        body = members(call, _CONVERSION, "lead")
        made = self._org.convert_lead(
            canonical(body["lead"]),
            account_id=canonical(body["account"]) if "account" in body else None,
            contact_id=canonical(body["contact"]) if "contact" in body else None,
            opportunity_name=maybe(body, "opportunity"),
        )
        return {"account": made.account_id, "contact": made.contact_id, "opportunity": made.opportunity_id}

    def _merge(self, call: Call) -> None:
        body = members(call, _MERGE, "winner", "losers")
        losers, overrides = body["losers"], body.get("values")
        values = {str(k): v for k, v in overrides.items()} if isinstance(overrides, dict) else None
        found = [canonical(item) for item in losers] if isinstance(losers, list) else []
        self._org.merge(canonical(body["winner"]), found, values)

    def _purge(self, call: Call) -> Body:
        """Empty the Recycle Bin of one record, of some, or of all."""
        body = members(call, _PURGE)
        given = body.get("ids", [body["id"]] if "id" in body else None)
        if not isinstance(given, list):
            return {"purged": self._org.records.empty_bin()}
        return {"purged": sum(self._org.purge(canonical(item)) for item in given)}

    def _lock(self, call: Call) -> None:
        """Hold a record's lock, so that every save that needs it is refused."""
        body = members(call, _LOCK, "id")
        seconds = float(str(body.get("seconds", _LONGEST_LOCK)))
        self._org.records.locks.hold_by_hand(canonical(body["id"]), min(seconds, _LONGEST_LOCK))

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
