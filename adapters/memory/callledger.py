"""Our calls to Salesforce, kept in memory: what outlives a daemon in a test."""

from collections.abc import Mapping
from datetime import datetime

from daemon.ports.allowance import CountedCalls


class MemoryCallLedger:
    """Implements `daemon.ports.allowance.CallLedger`."""

    def __init__(self) -> None:
        self._spans: dict[datetime, int] = {}
        self._allowance: int | None = None

    async def add(
        self, calls: Mapping[datetime, int], allowance: int | None, since: datetime
    ) -> CountedCalls:
        """Add calls to spans and return all spans from `since` on."""
        self._spans = {span: number for span, number in self._spans.items() if span >= since}
        for span, number in calls.items():
            self._spans[span] = max(0, self._spans.get(span, 0) + number)
        self._allowance = allowance if allowance is not None else self._allowance
        return CountedCalls(sorted(self._spans.items()), self._allowance)
