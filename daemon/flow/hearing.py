"""What the stream has told so far: for each object the commit second of the newest event, by which its silence is judged."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

from daemon.ports.salesforce import Event

EDGE: Final = timedelta(seconds=1)
"""How long before the newest second told there may be changes still that nobody told of: an event bears the second of the commit, its record that of the save."""
TOLD_MOST: Final = 10_000
"""So many records told of around the newest second are remembered of an object."""


class Heard:
    """The newest second told of each object in this process, and of the channel before it began."""

    def __init__(self) -> None:
        self.following = False
        """Whether the stream was taken up where it was left, so that whatever happens in Salesforce will be told."""
        self._begun: datetime | None = None
        self._resumed: datetime | None = None
        self._newest: dict[str, datetime] = {}
        self._told: dict[str, dict[str, datetime]] = {}
        self._crowded: dict[str, datetime] = {}

    def begin(self, at: datetime) -> None:
        """Everything up to here counts as told: the time of the stored position, or of the first subscription."""
        if self._begun is None or at < self._begun:
            self._begun = at
        self._resumed = at

    def note(self, events: Iterable[Event]) -> None:
        """Events were taken in."""
        seen = set()
        for event in events:
            self.up_to(event.object, event.at)
            told = self._told.setdefault(event.object, {})
            told[event.id] = max(event.at, told.get(event.id, event.at))
            seen.add(event.object)
        for name in seen:
            self._forget(name)

    def _forget(self, name: str) -> None:
        """Remember no more than the records told of around the newest second."""
        newest = self._newest[name]
        told = {sf_id: at for sf_id, at in self._told[name].items() if at >= newest - EDGE}
        if len(told) > TOLD_MOST:
            told, self._crowded[name] = {}, newest
        self._told[name] = told

    def told_of(self, name: str, sf_id: str, at: datetime) -> bool | None:
        """Whether an event of this second or a later one told of a record; None where that is not known any more, or was told to a former process."""
        told = self._told.get(name, {}).get(sf_id)
        if told is not None and told >= at:
            return True
        former = [known for known in (self._begun, self._crowded.get(name)) if known is not None]
        newest = self._newest.get(name)
        unknown = newest is None or at < newest - EDGE or any(at <= known for known in former)
        return None if unknown else False

    def up_to(self, name: str, at: datetime) -> None:
        """All of this object up to here is known, by an event or because it was read."""
        known = self._newest.get(name)
        if known is None or at > known:
            self._newest[name] = at

    def newest(self, name: str) -> datetime | None:
        """The second up to which an object is known; None before the stream was ever subscribed.

        What is told again after a start from too early on takes nothing of it back.
        """
        known = [at for at in (self._begun, self._newest.get(name)) if at is not None]
        return max(known, default=None)

    def passed(self, name: str, at: datetime) -> bool:
        """Whether an event of this second is told late or again: the stream was beyond it, or was taken up after it."""
        newest = self.newest(name)
        return (newest is not None and at < newest) or (self._resumed is not None and at <= self._resumed)
