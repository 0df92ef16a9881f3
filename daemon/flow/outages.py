"""How often in a row the writes of an object came to nothing, which says more of Salesforce than of the records."""

from dataclasses import dataclass, field


@dataclass(slots=True)
class Outages:
    """Rounds in a row in which no write of an object was answered. Not stored: a new process begins with none."""

    _rows: dict[str, tuple[int, float]] = field(default_factory=dict)

    def note(self, name: str, now: float) -> int:
        """One more for this object; how many in a row that makes."""
        count = self._rows.get(name, (0, now))[0] + 1
        self._rows[name] = (count, now)
        return count

    def over(self, name: str) -> None:
        """Some write of this object was answered."""
        self._rows.pop(name, None)

    def in_a_row(self, name: str) -> int:
        """How many in a row there are by now."""
        return self._rows.get(name, (0, 0.0))[0]

    def last(self, name: str) -> float | None:
        """When the last of those in a row was, by the monotonic clock; None if there is none."""
        found = self._rows.get(name)
        return found[1] if found is not None else None
