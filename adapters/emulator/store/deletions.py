"""The log of deletions: what getDeleted answers from, and what tells when the Recycle Bin lets go of a record."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

KEPT_SECONDS = 15 * 86_400
"""How long a record stays in the Recycle Bin, and its deletion in the log."""
MOST_KEPT = 200_000
"""How many deletions are kept at most; beyond it the oldest records leave the bin before their time."""


@dataclass(frozen=True, slots=True)
class Deletion:
    """One deletion. `at` is in whole seconds since 1970."""

    sobject: str
    record_id: str
    at: int


class DeleteLog:
    """Deletions of all objects, oldest first."""

    def __init__(self) -> None:
        self._entries: deque[Deletion] = deque()

    def add(self, deletion: Deletion) -> None:
        """Write down a deletion."""
        self._entries.append(deletion)

    def take_back(self) -> None:
        """Forget the newest deletion, which was rolled back."""
        self._entries.pop()

    def between(self, sobject: str, start: int, end: int) -> list[Deletion]:
        """Deletions of an object from `start` up to, and without, `end`."""
        return [item for item in self._entries if item.sobject == sobject and start <= item.at < end]

    def expire(self, now: int) -> Iterator[Deletion]:
        """Forget, and give, the deletions that are too old or too many."""
        while self._entries and (self._entries[0].at < now - KEPT_SECONDS or len(self._entries) > MOST_KEPT):
            yield self._entries.popleft()

    def snapshot(self) -> DeleteLog:
        """A copy that later deletions leave alone."""
        copy = DeleteLog()
        copy._entries = self._entries.copy()
        return copy
