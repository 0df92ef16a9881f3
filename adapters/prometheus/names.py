"""Every metric that the daemon exports: the list from which registry, dashboards, alerts and tests are made.

A name is an interface: dashboards and alerts of people we never meet break when one changes.
Names follow the conventions of Prometheus: one prefix, base units, `_total` for counters;
a time is a Unix timestamp, so that its age is still right while the process hangs, and 0 means "none".
Label values come from the configuration or from a fixed list, never from data, so the number of series is bounded.
"""

from dataclasses import dataclass
from enum import StrEnum


class MetricKind(StrEnum):
    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


@dataclass(frozen=True, slots=True)
class MetricSpec:
    """One metric: its full name, its labels in order, its meaning, and for a histogram the upper bounds of its buckets."""

    name: str
    kind: MetricKind
    meaning: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()

    @property
    def series(self) -> tuple[str, ...]:
        """The names under which Prometheus stores it."""
        if self.kind is MetricKind.HISTOGRAM:
            return tuple(f"{self.name}_{part}" for part in ("bucket", "sum", "count"))
        return (self.name,)


FRESHNESS_SECONDS = 30.0
"""The freshness objective: a change arrives on the other side within this time. It is a bucket of the latency."""

_LATENCY = (
    0.25,
    0.5,
    1.0,
    2.0,
    3.0,
    5.0,
    10.0,
    20.0,
    FRESHNESS_SECONDS,
    60.0,
    120.0,
    300.0,
    600.0,
    1800.0,
    3600.0,
)
_LOOP_LAG = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_REQUEST = (0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0)
_QUERY = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0)
_RECORDS = (1.0, 2.0, 5.0, 10.0, 25.0, 50.0, 100.0, 200.0, 500.0, 1000.0, 2000.0, 5000.0)


def _counter(name: str, meaning: str, *labels: str) -> MetricSpec:
    return MetricSpec(f"isthmus_{name}", MetricKind.COUNTER, meaning, labels)


def _gauge(name: str, meaning: str, *labels: str) -> MetricSpec:
    return MetricSpec(f"isthmus_{name}", MetricKind.GAUGE, meaning, labels)


def _histogram(name: str, buckets: tuple[float, ...], meaning: str, *labels: str) -> MetricSpec:
    return MetricSpec(f"isthmus_{name}", MetricKind.HISTOGRAM, meaning, labels, buckets)


PROCESS = (
    _gauge("build_info", "What is running; always 1", "version", "revision", "python"),
    _gauge("config_info", "Which configuration is in force; always 1", "hash", "profile", "environment"),
    _gauge(
        "config_last_reload_successful",
        "Whether the configuration in force is what its files last said, 0 (a reload was refused) or 1",
    ),
    _gauge(
        "config_last_reload_success_timestamp_seconds",
        "When a configuration was last put in force: at the start, or by a reload",
    ),
    _gauge("leader", "Whether this replica holds the lease and syncs, 0 or 1"),
    _gauge(
        "component_up",
        "Whether a part works, 0 or 1: postgres, capture, salesforce_api, salesforce_stream, schema",
        "component",
    ),
    _histogram(
        "event_loop_lag_seconds", _LOOP_LAG, "How late a timer of 250 ms fires; blocking code shows here"
    ),
    _counter("log_messages_total", "Log lines written", "level"),
)
FLOW = (
    _counter(
        "records_total",
        "Changes that reached an end: applied, unchanged, filtered, echo, skipped, parked or conflict",
        "step",
        "direction",
        "operation",
        "outcome",
    ),
    _counter(
        "record_failures_total",
        "Failed attempts; a record can fail many times",
        "step",
        "direction",
        "reason",
    ),
    _histogram(
        "sync_latency_seconds",
        _LATENCY,
        "Commit at the source to commit at the destination, first loads left out",
        "step",
        "direction",
    ),
    _histogram("batch_records", _RECORDS, "Records in one write", "step", "direction"),
    _gauge(
        "batch_size",
        "Records that may go into one write now: learned, at most the step's batch_size",
        "object",
    ),
    _gauge("pending_records", "Known changes that are not yet applied", "step", "direction"),
    _gauge("in_flight_records", "Changes that are being written now", "step", "direction"),
    _gauge(
        "oldest_pending_timestamp_seconds",
        "Source commit time of the oldest pending change; 0 when there is none",
        "step",
        "direction",
    ),
    _gauge(
        "last_applied_timestamp_seconds",
        "When a change was last applied; 0 when none was",
        "step",
        "direction",
    ),
)
MATCHING = (
    _gauge("links", "Linked pairs", "step", "object"),
    _counter(
        "link_changes_total",
        "Links created, removed or moved, and whether by auto, operator or conversion",
        "step",
        "action",
        "source",
    ),
    _counter(
        "identify_total",
        "How a record was matched: link, salesforce_id, external_id, field, none or ambiguous",
        "step",
        "direction",
        "method",
    ),
    _gauge("parked_records", "Records that wait for a person or a fix", "step", "direction", "reason"),
    _counter("parked_total", "Records parked", "step", "direction", "reason"),
    _counter(
        "write_loops_total",
        "Fields of a pair that were written to both sides in turn, or put back, too often within a minute, and are held back",
        "step",
        "direction",
    ),
    _counter("parked_retries_total", "Retries of parked records", "step", "outcome"),
    _gauge(
        "parked_oldest_timestamp_seconds",
        "When the oldest parked record was parked; 0 when there is none",
        "step",
    ),
    _counter(
        "conflicts_total",
        "Both sides changed the same field to different values; the winner is salesforce, postgres or open",
        "step",
        "policy",
        "winner",
    ),
    _gauge("conflicts_open", "Conflicts that wait for a decision", "step"),
)
SALESFORCE = (
    _counter(
        "salesforce_requests_total",
        "HTTP requests by api (rest, composite, bulk, stream, oauth) and outcome"
        " (ok, client_error, limited, server_error, transport)",
        "api",
        "outcome",
    ),
    _histogram("salesforce_request_duration_seconds", _REQUEST, "Until the whole answer is read", "api"),
    _counter(
        "salesforce_api_calls_total",
        "Calls that count against the allowance, by purpose: push, fetch, backfill, reconcile, metadata or operator",
        "purpose",
    ),
    _gauge("salesforce_api_calls_used", "The org's use in the running 24 hours, by all clients"),
    _gauge("salesforce_api_calls_limit", "The org's allowance for 24 hours"),
    _gauge("salesforce_api_budget_calls", "Our share of the allowance: our calls in 24 hours at most"),
    _gauge("salesforce_api_budget_used_calls", "Our calls of the last 24 hours"),
    _counter(
        "salesforce_throttle_wait_seconds_total", "Time spent waiting on our own limits: budget", "reason"
    ),
    _gauge(
        "salesforce_circuit_open",
        "Whether no call is made to a host that failed several times in a row, 0 or 1: login or instance",
        "host",
    ),
    _gauge("salesforce_stream_connected", "Whether the channel is subscribed, 0 or 1", "channel"),
    _counter(
        "salesforce_stream_events_total", "Events: accepted, echo, unknown or malformed", "channel", "outcome"
    ),
    _counter("salesforce_stream_reconnects_total", "Reconnections", "channel", "reason"),
    _gauge(
        "salesforce_stream_replay_timestamp_seconds",
        "Commit time of the last event whose replay position is stored; 0 when there is none",
        "channel",
    ),
    _gauge(
        "salesforce_watermark_timestamp_seconds",
        "Newest SystemModstamp of an object, as Salesforce itself says it",
        "object",
    ),
    _counter(
        "gaps_total",
        "Gaps opened: event, overflow, position_lost, transport, silence, schema or timeline",
        "step",
        "cause",
    ),
    _counter("gaps_closed_total", "Gaps that were filled and settled", "step", "cause"),
    _gauge(
        "schema_drift",
        "Mappings that are held because a side's schema has changed; a whole step is one",
        "step",
    ),
    _counter(
        "salesforce_schema_changes_total",
        "Fields that changed since they were described last: added, removed, retyped or permission",
        "object",
        "kind",
    ),
    _gauge("gaps_open", "Gaps that are not closed yet", "step"),
    _counter("salesforce_token_refreshes_total", "Access tokens fetched: ok or failed", "outcome"),
)
POSTGRES = (
    _gauge("postgres_pool_connections", "Connections of the pool: idle or used", "state"),
    _gauge("postgres_pool_limit", "Upper bound of the pool"),
    _histogram(
        "postgres_query_duration_seconds",
        _QUERY,
        "Duration by purpose: capture, apply, identify, log or admin",
        "purpose",
    ),
    _counter("postgres_errors_total", "Errors by the first two characters of SQLSTATE", "sqlstate_class"),
    _gauge("postgres_capture_backlog_rows", "Captured changes that are not settled"),
    _gauge(
        "postgres_capture_oldest_timestamp_seconds",
        "Capture time of the oldest unsettled change; 0 when there is none",
    ),
    _gauge("postgres_schema_version", "Applied migration number"),
)
JOBS = (
    _gauge("backfill_active", "Whether a backfill runs, 0 or 1", "step", "direction"),
    _gauge("backfill_processed_records", "Done so far in the running or last backfill", "step", "direction"),
    _gauge(
        "backfill_expected_records", "Expected in all in the running or last backfill", "step", "direction"
    ),
)
COMPARING = (
    _counter(
        "delete_guard_trips_total", "Batches stopped because they would delete too much", "step", "direction"
    ),
    _gauge("delete_guard_held_records", "Deletes that the guard holds until a person answers", "step"),
    _gauge(
        "reconcile_last_success_timestamp_seconds",
        "When both sides of a step were last compared in full; before the first time, when the daemon began to lead",
        "step",
    ),
    _gauge(
        "reconcile_differences",
        "Differences of the last full comparison that nothing explains and that are not mended:"
        " missing_in_postgres, missing_in_salesforce or field_mismatch",
        "step",
        "kind",
    ),
    _counter("reconcile_compared_records_total", "Pairs that the rolling audit compared", "step"),
    _counter(
        "reconcile_repairs_total",
        "Differences that the rolling audit found and gave to the road, by the same kinds",
        "step",
        "kind",
    ),
)
OPERATORS = (
    _counter(
        "http_requests_total",
        "Requests to our own server; the route is the pattern, never the path",
        "route",
        "method",
        "code",
    ),
    _histogram(
        "http_request_duration_seconds", _REQUEST, "Our own server, until the answer is written", "route"
    ),
    _counter(
        "actions_total",
        "Actions of steps, by outcome: done, queued, failed, parked or removed",
        "step",
        "action",
        "outcome",
    ),
    _counter(
        "operator_actions_total",
        "What people did, by way of: cli, console or api",
        "action",
        "via",
        "outcome",
    ),
)

METRICS: tuple[MetricSpec, ...] = (
    *PROCESS,
    *FLOW,
    *MATCHING,
    *SALESFORCE,
    *POSTGRES,
    *JOBS,
    *COMPARING,
    *OPERATORS,
)
