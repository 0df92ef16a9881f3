"""Moments of an org to come back to: its records, schema, rules, settings and stream.

A restored org is what a restored backup is: the events since are gone from the stream, so their replay ids are unknown, and every CometD session
has ended. Ids, replay ids and automatic numbers are never given twice, and the clock and access tokens go on.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from adapters.emulator.events.selection import Selection
from adapters.emulator.org import Org
from adapters.emulator.schema.sobject import SObject
from adapters.emulator.store.records import RecordsSnapshot
from adapters.emulator.switches import Switches

_MOST_KEPT = 20


@dataclass(frozen=True, slots=True)
class _Snapshot:
    schema: tuple[SObject, ...]
    records: RecordsSnapshot
    switches: Switches
    selection: Selection
    lead_mapping: dict[str, dict[str, str]]
    stream_end: int


class Snapshots:
    """The snapshots of one org by name. `drop_sessions` ends its CometD sessions."""

    def __init__(self, org: Org, drop_sessions: Callable[[], object]) -> None:
        self._org = org
        self._drop_sessions = drop_sessions
        self._kept: dict[str, _Snapshot] = {}

    @property
    def names(self) -> list[str]:
        """The names that can be restored, oldest first."""
        return list(self._kept)

    def take(self, name: str) -> None:
        """Keep the present state under a name, in the place of an older one of that name. Raises ValueError when too many are kept."""
        if name not in self._kept and len(self._kept) >= _MOST_KEPT:
            raise ValueError(f"{_MOST_KEPT} snapshots are kept already: {', '.join(self._kept)}")
        org = self._org
        self._kept[name] = _Snapshot(
            org.catalog.snapshot(),
            org.records.snapshot(),
            replace(org.switches),
            org.selection.snapshot(),
            org.lead_mapping,
            org.log.end,
        )

    def restore(self, name: str) -> None:
        """Go back to a kept state, as often as wanted. Raises ValueError for a name that is not kept."""
        snapshot = self._kept.get(name)
        if snapshot is None:
            raise ValueError(f"there is no snapshot {name}; there are: {', '.join(self._kept) or 'none'}")
        org = self._org
        org.catalog.restore(snapshot.schema)
        org.records.restore(snapshot.records)
        org.switches.take_over(snapshot.switches)
        org.selection.take_over(snapshot.selection)
        org.lead_mapping = snapshot.lead_mapping
        org.log.rewind(snapshot.stream_end)
        org.schema_changes()
        self._drop_sessions()
