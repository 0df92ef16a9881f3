"""A meter that remembers, for assertions."""

from collections import defaultdict

_Series = tuple[str, frozenset[tuple[str, str]]]


class MemoryMeter:
    """Implements the Meter port. Accepts every name and every set of labels."""

    def __init__(self) -> None:
        self._counts: defaultdict[_Series, float] = defaultdict(float)
        self._gauges: dict[_Series, float] = {}
        self._observations: defaultdict[_Series, list[float]] = defaultdict(list)

    def count(self, name: str, amount: float = 1, /, **labels: str) -> None:
        """Add to a counter."""
        self._counts[_series(name, labels)] += amount

    def gauge(self, name: str, value: float, /, **labels: str) -> None:
        """Set a gauge."""
        self._gauges[_series(name, labels)] = value

    def observe(self, name: str, value: float, /, **labels: str) -> None:
        """Put one observation into a histogram."""
        self._observations[_series(name, labels)].append(value)

    def clear(self, name: str, /) -> None:
        """Forget every series of a metric."""
        kept = {series: value for series, value in self._gauges.items() if series[0] != name}
        self._gauges = kept

    def counted(self, name: str, /, **labels: str) -> float:
        """The sum of a counter over every series that has these labels, and perhaps more; 0 if there is none."""
        wanted = frozenset(labels.items())
        return sum(value for (own, has), value in self._counts.items() if own == name and wanted <= has)

    def gauged(self, name: str, /, **labels: str) -> float | None:
        """What a gauge with exactly these labels was last set to, or None."""
        return self._gauges.get(_series(name, labels))

    def observed(self, name: str, /, **labels: str) -> tuple[float, ...]:
        """The observations of a histogram with exactly these labels, oldest first."""
        return tuple(self._observations.get(_series(name, labels), ()))


def _series(name: str, labels: dict[str, str]) -> _Series:
    return name, frozenset(labels.items())
