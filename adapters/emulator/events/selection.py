"""Which objects send change events, and on which channels they appear.

`/data/ChangeEvents` carries every selected object, `/data/AccountChangeEvent` one of them, and a custom channel (`__chn`) its own members,
each with the fields it is enriched by. A channel with several objects leaves out what the user may not see and says nothing; a single-object
channel refuses the subscription.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from adapters.emulator.schema.catalog import Catalog
from adapters.emulator.schema.sobject import SObject

ALL_EVENTS = "/data/ChangeEvents"


@dataclass(frozen=True, slots=True)
class Channel:
    """A channel that can be subscribed to. `carries` tells, at any time, whether events of an object appear here."""

    name: str
    carries: Callable[[SObject], bool]
    single: SObject | None = None
    enriched: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


class Selection:
    """The selected objects and the custom channels of the org."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._default: set[str] | None = None
        self._channels: dict[str, Channel] = {}

    def select(self, names: Iterable[str] | None) -> None:
        """Select exactly these objects on the default channel; None selects all that support change events."""
        self._default = None if names is None else set(names)

    def add_channel(self, name: str, members: Mapping[str, tuple[str, ...]]) -> None:
        """Make a custom channel of objects and the fields each is enriched by."""
        full = f"/data/{name}"
        enriched = {k: v for k, v in members.items() if v}
        self._channels[full] = Channel(full, lambda sobject: sobject.name in members, enriched=enriched)

    def snapshot(self) -> Selection:
        """A copy that later changes leave alone."""
        copy = Selection(self._catalog)
        copy.take_over(self)
        return copy

    def take_over(self, other: Selection) -> None:
        """Select what another selection does."""
        self._default = None if other._default is None else set(other._default)
        self._channels = dict(other._channels)

    def on_default_channel(self, sobject: SObject) -> bool:
        """Whether the object is on `/data/ChangeEvents`."""
        return sobject.change_events and (self._default is None or sobject.name in self._default)

    def sends_events(self, sobject: SObject) -> bool:
        """Whether any channel carries the object."""
        if self.on_default_channel(sobject):
            return True
        return any(channel.carries(sobject) for channel in self._channels.values())

    def selected(self) -> list[SObject]:
        """The objects of the default channel."""
        return [sobject for sobject in self._catalog.all() if self.on_default_channel(sobject)]

    def channel(self, name: str) -> Channel | None:
        """The channel of that exact name (names are case-sensitive), or None."""
        if name == ALL_EVENTS:
            return Channel(name, self.on_default_channel)
        custom = self._channels.get(name)
        if custom is not None:
            return custom
        for sobject in self._catalog.all():
            if sobject.change_events and name == f"/data/{sobject.change_event_name}":
                return self._single(name, sobject)
        return None

    def _single(self, name: str, sobject: SObject) -> Channel:
        return Channel(
            name, lambda other: other.name == sobject.name and self.on_default_channel(other), single=sobject
        )
