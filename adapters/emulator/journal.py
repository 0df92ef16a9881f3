"""What was asked of the org: a bounded list of requests, and counts of all of them."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import asdict, dataclass, replace

_MOST_ENTRIES = 20_000
_MOST_PATH_CHARACTERS = 2_000
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


@dataclass(frozen=True, slots=True)
class Entry:
    """One served request. `records` is how many records a write named; `at` and `seconds` are in seconds."""

    at: float
    method: str
    path: str
    kind: str
    status: int
    seconds: float
    records: int = 0


class Journal:
    """The requests served since the start, or since it was cleared: the newest 20,000, with at most 2,000 characters of their paths."""

    def __init__(self) -> None:
        self._entries: deque[Entry] = deque(maxlen=_MOST_ENTRIES)
        self._counts: Counter[tuple[str, str, int]] = Counter()

    def add(self, entry: Entry) -> None:
        """Keep one request."""
        if len(entry.path) > _MOST_PATH_CHARACTERS:
            entry = replace(entry, path=entry.path[:_MOST_PATH_CHARACTERS])
        self._entries.append(entry)
        method = entry.method if entry.method in _METHODS else "other"  # clients may send whatever they like
        self._counts[entry.kind, method, entry.status] += 1

    def clear(self) -> None:
        """Forget all requests and counts."""
        self._entries.clear()
        self._counts.clear()

    def entries(self) -> list[dict[str, object]]:
        """The kept requests, oldest first."""
        return [asdict(entry) for entry in self._entries]

    def summary(self) -> dict[str, object]:
        """Counts by kind of API, and by kind, method and status."""
        by_kind: Counter[str] = Counter()
        for (kind, _method, _status), count in self._counts.items():
            by_kind[kind] += count
        detail = [
            {"kind": kind, "method": method, "status": status, "count": count}
            for (kind, method, status), count in sorted(self._counts.items())
        ]
        return {"total": self._counts.total(), "by_kind": dict(by_kind), "counts": detail}
