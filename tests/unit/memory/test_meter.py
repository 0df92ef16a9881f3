"""The remembering meter."""

from adapters.memory.meter import MemoryMeter


def test_counters_add_up_over_the_series_that_match() -> None:
    meter = MemoryMeter()
    meter.count("records", step="a", outcome="applied")
    meter.count("records", 2, step="b", outcome="applied")
    meter.count("other", 9)
    assert meter.counted("records") == 3
    assert meter.counted("records", step="b") == 2
    assert meter.counted("records", step="c") == 0


def test_gauges_keep_the_last_value_until_they_are_cleared() -> None:
    meter = MemoryMeter()
    meter.gauge("up", 1, component="postgres")
    meter.gauge("up", 0, component="postgres")
    meter.gauge("leader", 1)
    assert meter.gauged("up", component="postgres") == 0
    meter.clear("up")
    assert meter.gauged("up", component="postgres") is None
    assert meter.gauged("leader") == 1


def test_observations_are_kept_in_order() -> None:
    meter = MemoryMeter()
    meter.observe("lag", 0.5)
    meter.observe("lag", 0.1)
    assert meter.observed("lag") == (0.5, 0.1)
    assert meter.observed("lag", step="x") == ()
