"""How many records of each object go into one request, as this process has learned it."""

from dataclasses import dataclass, field

from daemon.reconcile.pace import LARGEST, grown, shrunk


@dataclass(slots=True)
class BatchSizes:
    """The learned size of each object. Not stored: a new process begins with the largest."""

    _sizes: dict[str, int] = field(default_factory=dict)
    _hinted: dict[str, float] = field(default_factory=dict)
    _answered: float | None = None

    def of(self, name: str, most: int) -> int:
        """The size for an object, at most what its step allows."""
        return min(self._sizes.get(name, LARGEST), most, LARGEST)

    def learn(self, name: str, most: int, *, trouble: bool, used: int) -> int:
        """Halve the size after trouble, else let it grow if a request used at least half of it; the new size."""
        size = self.of(name, most)
        if trouble:
            self._sizes[name] = shrunk(size)
        elif used * 2 >= size:
            self._sizes[name] = grown(size, min(most, LARGEST))
        return self.of(name, most)

    def note_answer(self, now: float) -> None:
        """Salesforce has answered a write."""
        self._answered = now

    def answered_within(self, seconds: float, now: float) -> bool:
        """Whether Salesforce has answered a write so lately."""
        return self._answered is not None and now - self._answered <= seconds

    def answered_after(self, moment: float) -> bool:
        """Whether Salesforce has answered a write since then."""
        return self._answered is not None and self._answered > moment

    def may_hint(self, name: str, now: float, every: float) -> bool:
        """Whether what is named so has not been told of for so many seconds; it counts as told then."""
        last = self._hinted.get(name)
        if last is not None and now - last < every:
            return False
        self._hinted[name] = now
        return True
