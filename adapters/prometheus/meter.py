"""The meter that Prometheus reads: a registry of our own, filled from the list of metrics."""

import prometheus_client
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import choose_encoder

from adapters.prometheus.names import METRICS, MetricKind, MetricSpec


class PrometheusMeter:
    """Implements the Meter port. Safe to call from any thread."""

    def __init__(self, metrics: tuple[MetricSpec, ...] = METRICS) -> None:
        # A second series for each counter, its creation time, would double the counters for a value nobody reads.
        prometheus_client.disable_created_metrics()  # type: ignore[no-untyped-call]
        self._registry = CollectorRegistry()
        self._specs = {spec.name: spec for spec in metrics}
        self._counters = {
            spec.name: Counter(spec.name, spec.meaning, spec.labels, registry=self._registry)
            for spec in metrics
            if spec.kind is MetricKind.COUNTER
        }
        self._gauges = {
            spec.name: Gauge(spec.name, spec.meaning, spec.labels, registry=self._registry)
            for spec in metrics
            if spec.kind is MetricKind.GAUGE
        }
        self._histograms = {
            spec.name: Histogram(
                spec.name, spec.meaning, spec.labels, buckets=spec.buckets, registry=self._registry
            )
            for spec in metrics
            if spec.kind is MetricKind.HISTOGRAM
        }
        prometheus_client.ProcessCollector(registry=self._registry)
        prometheus_client.PlatformCollector(registry=self._registry)
        prometheus_client.GCCollector(registry=self._registry)

    def count(self, name: str, amount: float = 1, /, **labels: str) -> None:
        """Add to a counter. A negative amount, as a clock that jumped back may give, adds nothing: a counter never falls."""
        values = self._values(name, labels)
        counter = self._counters[name]
        (counter.labels(*values) if values else counter).inc(max(amount, 0))

    def gauge(self, name: str, value: float, /, **labels: str) -> None:
        """Set a gauge."""
        values = self._values(name, labels)
        gauge = self._gauges[name]
        (gauge.labels(*values) if values else gauge).set(value)

    def observe(self, name: str, value: float, /, **labels: str) -> None:
        """Put one observation into a histogram."""
        values = self._values(name, labels)
        histogram = self._histograms[name]
        (histogram.labels(*values) if values else histogram).observe(value)

    def clear(self, name: str, /) -> None:
        """Forget every series of a labelled gauge; a gauge without labels is 0 again."""
        gauge = self._gauges[name]
        if self._specs[name].labels:
            gauge.clear()
        else:
            gauge.set(0)

    def render(self, accept_header: str) -> tuple[bytes, str]:
        """All series and the content type, in the format that the scraper's Accept header asks for."""
        encode, content_type = choose_encoder(accept_header)
        return encode(self._registry), content_type

    def _values(self, name: str, labels: dict[str, str]) -> tuple[str, ...]:
        """The label values in declared order. Raises KeyError for a metric or a set of labels that is not declared."""
        declared = self._specs[name].labels
        if len(labels) != len(declared):
            raise KeyError(f"{name} has the labels {declared}, not {tuple(labels)}")
        return tuple(labels[label] for label in declared)
