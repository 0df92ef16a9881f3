"""Counting what happens."""

from typing import Protocol


class Meter(Protocol):
    """Counters, gauges and histograms, by the constant names of `adapters.prometheus.names`.

    Names are full (`isthmus_records_total`). Labels come from the configuration or a fixed list, never from data.
    No call blocks and none raises for a value; a name or label that is not declared is a defect and raises KeyError.
    """

    def count(self, name: str, amount: float = 1, /, **labels: str) -> None:
        """Add to a counter."""
        ...

    def gauge(self, name: str, value: float, /, **labels: str) -> None:
        """Set a gauge."""
        ...

    def observe(self, name: str, value: float, /, **labels: str) -> None:
        """Put one observation into a histogram."""
        ...

    def clear(self, name: str, /) -> None:
        """Forget every series of a metric: for gauges whose label values come and go."""
        ...
