"""What really happened to the fields of one side, in the order of its commits: what the oracles judge by."""

from dataclasses import dataclass, field
from enum import StrEnum

from daemon.domain.value import Value


class Author(StrEnum):
    """Who wrote."""

    USER = "user"
    AUTOMATION = "automation"
    SYNC = "sync"


@dataclass(frozen=True, slots=True)
class Written:
    """One value that one field was given at a true time."""

    value: Value
    at: float
    author: Author


@dataclass(slots=True)
class History:
    """All values of all fields of one side. `life` is what was written since the record was last made."""

    life: dict[tuple[str, str], list[Written]] = field(default_factory=dict)
    ever: dict[tuple[str, str], list[Written]] = field(default_factory=dict)
    regressions: list[tuple[str, str, Value, Value]] = field(default_factory=list)

    def add(self, record: str, name: str, value: Value, at: float, author: Author) -> None:
        """Note a write. One of the daemon's that brings back an older value is a regression."""
        life = self.life.setdefault((record, name), [])
        if author is Author.SYNC and isinstance(value, str) and any(w.value == value for w in life[:-1]):
            self.regressions.append((record, name, life[-1].value, value))
        written = Written(value, at, author)
        life.append(written)
        self.ever.setdefault((record, name), []).append(written)

    def revive(self, record: str, name: str, value: Value, at: float) -> None:
        """The record is back from the recycle bin with a value that it held before."""
        self.life.setdefault((record, name), []).append(Written(value, at, Author.USER))

    def rename(self, record: str, to: str) -> None:
        """The record is called differently from now on, and its name is free for another one."""
        for known in (self.life, self.ever):
            for key in [key for key in known if key[0] == record]:
                known[to, key[1]] = known.pop(key)
        self.regressions = [(to if r == record else r, *rest) for r, *rest in self.regressions]  # type: ignore[misc]

    def forget(self, record: str) -> None:
        """The record is deleted: what it is given after an undelete is no return to the past."""
        for key in [key for key in self.life if key[0] == record]:
            del self.life[key]
