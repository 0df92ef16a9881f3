"""From a committed transaction to its events: numbered, merged where equal, and cut off by an overflow."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import orjson

from adapters.emulator.clock import OrgClock
from adapters.emulator.events.log import EventLog
from adapters.emulator.events.message import ChangeEvent, Draft, draft, event_data
from adapters.emulator.ids import NO_RECORD
from adapters.emulator.schema.sobject import SObject
from adapters.emulator.store.caller import Caller
from adapters.emulator.store.changes import ChangeKind, RecordChange
from adapters.emulator.switches import Switches


@dataclass(frozen=True, slots=True)
class _Commit:
    """What all events of one transaction share."""

    key: str
    at: float
    number: int
    caller: Caller
    origin: dict[str, object]


class Composer:
    """Turns the changes of transactions into events on the log. Objects that are not selected are passed over in silence."""

    def __init__(
        self,
        log: EventLog,
        clock: OrgClock,
        rng: random.Random,
        switches: Switches,
        selected: Callable[[SObject], bool],
    ) -> None:
        self._log = log
        self._clock = clock
        self._rng = rng
        self._switches = switches
        self._selected = selected
        self._commit_number = 1_100_000_000_000 + rng.randrange(10**9)

    def announce(self, changes: Sequence[RecordChange], caller: Caller) -> None:
        """Publish the events of one committed transaction, in the order of its changes."""
        numbered = list(enumerate(changes, start=1))
        kept, overflowed = self._cut(numbered)
        drafts = [
            (number, made)
            for number, change in kept
            if self._selected(change.sobject) and (made := draft(change, self._switches)) is not None
        ]
        if self._switches.merge_events and len(drafts) > 1:
            drafts = _merged(drafts)
        drafts += [
            (len(changes) + extra, Draft(sobject, (NO_RECORD,), "GAP_OVERFLOW", (), {}))
            for extra, sobject in enumerate(overflowed, start=1)
            if self._selected(sobject)
        ]
        if drafts:
            self._publish(drafts, caller)

    def inject(self, made: Draft, caller: Caller) -> None:
        """Publish one event that no transaction made: a gap, an overflow, a wildcard."""
        self._publish([(1, made)], caller)

    def _publish(self, drafts: Sequence[tuple[int, Draft]], caller: Caller) -> None:
        commit = self._begin(caller)
        replay_ids = self._log.next_ids(len(drafts))
        self._log.append(
            self._event(commit, number, made, replay_id)
            for (number, made), replay_id in zip(drafts, replay_ids, strict=True)
        )

    def _begin(self, caller: Caller) -> _Commit:
        self._commit_number += self._rng.randrange(1, 2000)
        digits = f"{self._rng.getrandbits(128):032x}"
        key = "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))
        return _Commit(key, self._clock.now(), self._commit_number, caller, self._origin(caller))

    def _event(self, commit: _Commit, number: int, made: Draft, replay_id: int) -> ChangeEvent:
        later = self._switches.split_transaction_time and number > 1
        header: dict[str, object] = {
            "entityName": made.sobject.name,
            "recordIds": list(made.record_ids),
            "changeType": made.change_type,
            **commit.origin,
            "transactionKey": commit.key,
            "sequenceNumber": number,
            "commitTimestamp": (int(commit.at) + int(later)) * 1000,
            "commitNumber": commit.number,
            "commitUser": commit.caller.user_id,
        }
        if self._switches.changed_fields_in_events:
            header["changedFields"] = list(made.changed_fields)
        data = orjson.dumps(event_data(made.sobject, header, made.body, replay_id))
        # A copy, because orjson leaves its bytes in the room it wrote them in: four kilobytes for an event of one.
        return ChangeEvent(replay_id, commit.at, made.sobject, bytes(memoryview(data)))

    def _origin(self, caller: Caller) -> dict[str, object]:
        """The `changeOrigin` of a header. What it is for changes in the user interface is a switch."""
        form = self._switches.interface_origin if caller.interface else "client"
        if form == "absent":
            return {}
        return {"changeOrigin": caller.origin if form == "client" else ""}

    def _cut(
        self, numbered: list[tuple[int, RecordChange]]
    ) -> tuple[list[tuple[int, RecordChange]], list[SObject]]:
        """Past the limit (a row made or removed counts one, an update counts its fields) only overflow events follow."""
        if len(numbered) * 200 < self._switches.overflow_limit:
            return numbered, []
        count = 0
        for position, (_, change) in enumerate(numbered):
            count += _weight(change)
            if count > self._switches.overflow_limit:
                rest = {c.sobject.name: c.sobject for _, c in numbered[position:]}
                return numbered[:position], list(rest.values())
        return numbered, []


def _weight(change: RecordChange) -> int:
    if change.kind is not ChangeKind.UPDATE or change.before is None or change.after is None:
        return 1
    before, after = change.before, change.after
    return sum(1 for item in change.sobject.event_fields if before.get(item.name) != after.get(item.name))


def _merged(drafts: list[tuple[int, Draft]]) -> list[tuple[int, Draft]]:
    """Equal changes of one object type become one event with all their record ids."""
    merged: dict[bytes, tuple[int, Draft]] = {}
    for number, made in drafts:
        shape = (made.sobject.name, made.change_type, made.changed_fields, made.body)
        key = orjson.dumps(shape, option=orjson.OPT_SORT_KEYS)
        first = merged.get(key)
        if first is None:
            merged[key] = (number, made)
        else:
            merged[key] = (first[0], replace(first[1], record_ids=first[1].record_ids + made.record_ids))
    return list(merged.values())
