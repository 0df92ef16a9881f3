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
        self._newest: dict[str, datetime] = {}

    def begin(self, at: datetime) -> None:
        """Everything up to here counts as told: the time of the stored position, or of the first subscription."""
        if self._begun is None or at < self._begun:
            self._begun = at

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
        """The second up to which an object is known; None before the stream was ever subscribed."""
        return self._newest.get(name, self._begun)
