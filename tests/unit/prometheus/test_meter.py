"""The meter counts what it is told, refuses what is not declared, and answers a scrape in both formats."""

from collections.abc import Callable

import pytest
from prometheus_client.parser import text_string_to_metric_families

from adapters.prometheus.meter import PrometheusMeter
from adapters.prometheus.names import METRICS, MetricKind, MetricSpec
from daemon.ports.meter import Meter

RECORD = {"step": "people", "direction": "pull", "operation": "update", "outcome": "applied"}


def samples(meter: PrometheusMeter) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    text = meter.render("")[0].decode()
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def value(meter: PrometheusMeter, name: str, **labels: str) -> float | None:
    return samples(meter).get((name, tuple(sorted(labels.items()))))


def use(meter: Meter, spec: MetricSpec, labels: dict[str, str]) -> None:
    match spec.kind:
        case MetricKind.COUNTER:
            meter.count(spec.name, **labels)
        case MetricKind.GAUGE:
            meter.gauge(spec.name, 1, **labels)
        case MetricKind.HISTOGRAM:
            meter.observe(spec.name, 1, **labels)


@pytest.mark.parametrize("spec", METRICS, ids=lambda spec: spec.name)
def test_every_declared_metric_is_exported_under_its_own_name(spec: MetricSpec) -> None:
    meter = PrometheusMeter()
    use(meter, spec, dict.fromkeys(spec.labels, "x"))
    exported = {name for name, _ in samples(meter)}
    assert set(spec.series) <= exported


@pytest.mark.parametrize("spec", METRICS, ids=lambda spec: spec.name)
def test_labels_that_are_not_declared_are_refused(spec: MetricSpec) -> None:
    meter = PrometheusMeter()
    with pytest.raises(KeyError):
        use(meter, spec, {**dict.fromkeys(spec.labels, "x"), "record_id": "003"})
    if spec.labels:
        with pytest.raises(KeyError):
            use(meter, spec, {**dict.fromkeys(spec.labels[1:], "x"), "other": "x"})


@pytest.mark.parametrize(
    "call",
    [
        lambda meter: meter.count("isthmus_unheard_of_total"),
        lambda meter: meter.gauge("isthmus_unheard_of", 1),
        lambda meter: meter.observe("isthmus_unheard_of_seconds", 1),
        lambda meter: meter.clear("isthmus_unheard_of"),
        lambda meter: meter.count("isthmus_leader"),
        lambda meter: meter.gauge("isthmus_log_messages_total", 1, level="error"),
        lambda meter: meter.observe("isthmus_leader", 1),
        lambda meter: meter.clear("isthmus_log_messages_total"),
    ],
)
def test_a_metric_that_is_not_declared_or_of_another_kind_is_refused(call: Callable[[Meter], None]) -> None:
    with pytest.raises(KeyError):
        call(PrometheusMeter())


def test_counters_add_up_and_never_fall() -> None:
    meter = PrometheusMeter()
    meter.count("isthmus_records_total", 0, **RECORD)
    assert value(meter, "isthmus_records_total", **RECORD) == 0
    meter.count("isthmus_records_total", **RECORD)
    meter.count("isthmus_records_total", 41, **RECORD)
    meter.count("isthmus_records_total", -5, **RECORD)
    assert value(meter, "isthmus_records_total", **RECORD) == 42


def test_the_order_in_which_labels_are_given_is_nothing() -> None:
    meter = PrometheusMeter()
    meter.count("isthmus_records_total", **RECORD)
    meter.count("isthmus_records_total", **dict(reversed(RECORD.items())))
    assert value(meter, "isthmus_records_total", **RECORD) == 2


def test_a_histogram_writes_its_bounds_as_the_alert_rules_name_them() -> None:
    meter = PrometheusMeter()
    meter.observe("isthmus_sync_latency_seconds", 12, step="people", direction="pull")
    bucket = {"step": "people", "direction": "pull"}
    assert value(meter, "isthmus_sync_latency_seconds_bucket", le="10.0", **bucket) == 0
    assert value(meter, "isthmus_sync_latency_seconds_bucket", le="30.0", **bucket) == 1
    assert value(meter, "isthmus_sync_latency_seconds_sum", **bucket) == 12


def test_clear_forgets_the_series_of_a_labelled_gauge_and_zeroes_the_other() -> None:
    meter = PrometheusMeter()
    meter.gauge("isthmus_conflicts_open", 3, step="people")
    meter.gauge("isthmus_leader", 1)
    meter.clear("isthmus_conflicts_open")
    meter.clear("isthmus_leader")
    assert value(meter, "isthmus_conflicts_open", step="people") is None
    assert value(meter, "isthmus_leader") == 0


def test_two_meters_share_nothing() -> None:
    first, second = PrometheusMeter(), PrometheusMeter()
    first.gauge("isthmus_leader", 1)
    assert (value(first, "isthmus_leader"), value(second, "isthmus_leader")) == (1, 0)


def test_the_process_and_the_interpreter_are_exported() -> None:
    exported = {name for name, _ in samples(PrometheusMeter())}
    assert {"process_resident_memory_bytes", "process_cpu_seconds_total", "python_info"} <= exported


def test_no_counter_brings_a_second_series() -> None:
    meter = PrometheusMeter()
    meter.count("isthmus_records_total", **RECORD)
    assert not [name for name, _ in samples(meter) if name.endswith("_created")]


def test_the_scraper_chooses_the_format() -> None:
    meter = PrometheusMeter()
    text, text_type = meter.render("text/plain;version=0.0.4")
    metrics, metrics_type = meter.render("application/openmetrics-text;version=1.0.0")
    assert text_type.startswith("text/plain; version=0.0.4")
    assert metrics_type.startswith("application/openmetrics-text; version=1.0.0")
    assert metrics.endswith(b"# EOF\n")
    assert b"# EOF" not in text
