"""How many stored changes the worker takes up at once.

A small change waits for the round that is under way, so rounds are kept short where that costs no throughput. Where it does, because
most of a round is waiting for Salesforce's answers and a smaller one sends fewer requests side by side, they stay large.
"""

from typing import Final

SMALL_BATCH: Final = 200
LARGE_BATCH: Final = 2000

ROUND_SECONDS: Final = 1.5
"""Longer than this a round is tried at half the size: two rounds and the write itself keep a small change below five seconds."""

WORTH: Final = 0.8
"""A smaller round is kept if it settles at least this part of what the larger one did in a second."""

HOLD_ROUNDS: Final = 30
"""For so many rounds a size stays that turned out to be too small to halve."""


class ClaimSize:
    """The size of the next claim. Small while there is no backlog."""

    def __init__(self) -> None:
        self.next = SMALL_BATCH
        self._backlog = LARGE_BATCH
        self._larger: float | None = None
        self._held = 0

    def after(self, taken: int, seconds: float, *, saving: bool) -> None:
        """Learn from a round. `saving`: API calls are scarce, so each is to carry as much as it can."""
        if saving:
            self.next = LARGE_BATCH
        elif taken < self.next:
            self.next = SMALL_BATCH
        else:
            if self.next == self._backlog:
                self._weigh(taken / max(seconds, 1e-6), seconds)
            self.next = self._backlog

    def _weigh(self, rate: float, seconds: float) -> None:
        size, larger, self._larger = self._backlog, self._larger, None
        self._held = max(0, self._held - 1)
        if larger is not None and rate < WORTH * larger:
            self._backlog, self._held = min(LARGE_BATCH, 2 * size), HOLD_ROUNDS
        elif seconds > ROUND_SECONDS and size > SMALL_BATCH and not self._held:
            self._backlog, self._larger = max(SMALL_BATCH, size // 2), rate
        elif seconds < ROUND_SECONDS / 3:
            self._backlog = min(LARGE_BATCH, 2 * size)
