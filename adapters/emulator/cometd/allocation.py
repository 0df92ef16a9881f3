"""The allocation of event deliveries: so many in any 24 hours, summed over all subscribers."""

from __future__ import annotations

from collections import deque

_WINDOW_SECONDS = 86_400
_STEP_SECONDS = 60


class Deliveries:
    """Deliveries of the last 24 hours by the org's clock, counted by the minute."""

    def __init__(self) -> None:
        self._steps: deque[tuple[float, int]] = deque()
        self._total = 0

    def add(self, count: int, now: float) -> None:
        """Count deliveries that were made now."""
        if not count:
            return
        self._total += count
        if self._steps and now - self._steps[-1][0] < _STEP_SECONDS:
            begun, so_far = self._steps[-1]
            self._steps[-1] = (begun, so_far + count)
        else:
            self._steps.append((now, count))

    def within_window(self, now: float) -> int:
        """How many were made in the 24 hours before now."""
        while self._steps and now - self._steps[0][0] >= _WINDOW_SECONDS:
            self._total -= self._steps.popleft()[1]
        return self._total
