"""The list of metrics keeps Prometheus's conventions, and the daemon uses nothing that is not on it."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from adapters.prometheus.names import FRESHNESS_SECONDS, METRICS, MetricKind, MetricSpec

ROOT = Path(__file__).resolve().parents[3]
METHODS = {"count": MetricKind.COUNTER, "gauge": MetricKind.GAUGE, "observe": MetricKind.HISTOGRAM}
UNITS = ("seconds", "bytes", "records", "rows", "connections", "calls", "links")


@pytest.mark.parametrize("spec", METRICS, ids=lambda spec: spec.name)
def test_a_metric_keeps_the_conventions(spec: MetricSpec) -> None:
    assert re.fullmatch(r"isthmus(_[a-z][a-z0-9]*)+", spec.name)
    assert spec.name.endswith("_total") == (spec.kind is MetricKind.COUNTER)
    assert spec.meaning
    assert not spec.meaning.endswith(".")
    assert bool(spec.buckets) == (spec.kind is MetricKind.HISTOGRAM)
    assert spec.buckets == tuple(sorted(set(spec.buckets)))
    assert len(set(spec.labels)) == len(spec.labels)
    assert not {"le", "quantile", "job", "instance"} & set(spec.labels)
    if spec.kind is MetricKind.HISTOGRAM:
        assert spec.name.endswith(UNITS)


def test_names_are_unique() -> None:
    names = [series for spec in METRICS for series in spec.series]
    assert len(set(names)) == len(names)


def test_the_freshness_objective_is_a_bucket_of_the_latency() -> None:
    [latency] = [spec for spec in METRICS if spec.name == "isthmus_sync_latency_seconds"]
    assert FRESHNESS_SECONDS in latency.buckets


def uses() -> Iterator[tuple[str, ast.Call, str, MetricKind]]:
    """Every call of a meter with a literal name, in the daemon and its adapters."""
    for path in sorted(path for package in ("daemon", "adapters") for path in (ROOT / package).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args):
                continue
            first = node.args[0]
            if (
                isinstance(first, ast.Constant)
                and isinstance(first.value, str)
                and first.value.startswith("isthmus_")
            ):
                kind = METHODS.get(node.func.attr)
                if kind is not None:
                    yield f"{path.relative_to(ROOT)}:{node.lineno}", node, first.value, kind


def test_the_daemon_counts_only_what_is_declared() -> None:
    declared = {spec.name: spec for spec in METRICS}
    found = list(uses())
    assert len(found) > len(METRICS) / 2, "the calls of a meter are not recognised any more"
    for where, call, name, kind in found:
        assert name in declared, f"{where}: {name} is not declared"
        spec = declared[name]
        assert spec.kind is kind, f"{where}: {name} is a {spec.kind}"
        labels = [keyword.arg for keyword in call.keywords]
        if None not in labels:  # **labels are for the running daemon to prove
            assert set(labels) == set(spec.labels), f"{where}: {name} has the labels {spec.labels}"
