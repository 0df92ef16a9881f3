"""What the stream has told so far: for each object the commit second of the newest event, by which its silence is judged."""

from collections.abc import Iterable
from datetime import datetime

from daemon.ports.salesforce import Event


class Heard:
    """The newest second told of each object in this process, and of the channel before it began."""

    def __init__(self) -> None:
        self.following = False
        """Whether the stream was taken up where it was left, so that whatever happens in Salesforce will be told."""
        self._begun: datetime | None = None
        self._resumed: datetime | None = None
        self._newest: dict[str, datetime] = {}

    def begin(self, at: datetime) -> None:
        """Everything up to here counts as told: the time of the stored position, or of the first subscription."""
        if self._begun is None or at < self._begun:
            self._begun = at
        self._resumed = at

    def note(self, events: Iterable[Event]) -> None:
        """Events were taken in."""
        for event in events:
            self.up_to(event.object, event.at)

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
