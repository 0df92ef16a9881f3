"""`isthmus run`: the graph of the running daemon, and its life from start to clean stop."""

import os
import platform
import random
import socket
import sys
import uuid
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

import structlog

from adapters.http.server import HttpServer
from adapters.http.tokens import Token
from adapters.postgres.callledger import PostgresCallLedger
from adapters.postgres.comparing import PostgresComparisons
from adapters.postgres.doorbell import PostgresDoorbell
from adapters.postgres.housekeeping import Retention, keep_house
from adapters.postgres.inspection import PostgresInspection
from adapters.postgres.jobs import PostgresJobs
from adapters.postgres.kept import KeptFacts
from adapters.postgres.lease import PostgresLease
from adapters.postgres.store import PostgresStore
from adapters.prometheus.meter import PrometheusMeter
from daemon import __version__
from daemon.compose.leading import lead
from daemon.compose.sides import OpenSides, open_sides
from daemon.compose.start import complete_capture, current_schema, refuse_shared_environment
from daemon.compose.steps import resolved, schema_watch
from daemon.domain.failure import CallFailedError, IsthmusError, TryLaterError
from daemon.flow.auditing.guards import GuardWatch
from daemon.flow.auditing.ordered import OrderedComparisons
from daemon.flow.auditing.repairing import OrderedRepairs
from daemon.flow.auditing.rolling import RollingAudit
from daemon.flow.branching import watch_branches
from daemon.flow.budget import Budget
from daemon.flow.engine import Engine
from daemon.flow.gaps import keep_gaps
from daemon.flow.gauges import keep_gauges
from daemon.flow.jobs import JobRunner, Work
from daemon.flow.load import Loader
from daemon.flow.loading.bulk import BulkLoad
from daemon.flow.loading.ordered import OrderedLoads
from daemon.flow.parts import Parts
from daemon.flow.stream import Stream
from daemon.flow.watermark import Watermark
from daemon.operations.endpoints import endpoints
from daemon.operations.leadership import Leadership
from daemon.operations.office import Office
from daemon.ports.failpoints import NO_FAILPOINTS, Failpoint, Failpoints
from daemon.ports.jobs import JobKind
from daemon.ports.store import LeaseLostError
from daemon.reconcile.budget import Rules
from daemon.runtime.clock import SystemClock
from daemon.runtime.health import Component, Health
from daemon.runtime.logs import configure_logs
from daemon.runtime.loop_lag import measure_loop_lag
from daemon.runtime.notify import Notifier
from daemon.runtime.probes import probe_endpoints
from daemon.runtime.redaction import Redaction
from daemon.runtime.shutdown import DRAIN_SECONDS, Shutdown, StopRequestedError
from daemon.runtime.supervisor import Supervisor
from daemon.settings.models import Settings

log = structlog.get_logger(__name__)

CAPTURE_EVERY = 60.0
HOUSEKEEPING_EVERY = 6 * 3600.0
LEAVING_SECONDS = 1.0
UNLINKED_MOST = 100_000


@dataclass(slots=True)
class Daemon:
    """Everything that lives while this process leads."""

    settings: Settings
    sides: OpenSides
    clock: SystemClock
    meter: PrometheusMeter
    health: Health
    lease: PostgresLease
    parts: Parts
    engine: Engine
    doorbell: PostgresDoorbell
    inspection: PostgresInspection
    jobs: PostgresJobs
    loads: OrderedLoads
    comparisons: PostgresComparisons
    budget: Budget
    since: datetime
    stepped_down: bool = False

    def about(self) -> Mapping[str, Any]:
        """The process, for `isthmus status`."""
        return {
            "name": self.settings.name,
            "version": __version__,
            "leader": self.leader(),
            "components": {
                part.value: {"up": (state := self.health.state(part)).up, "reason": state.reason}
                for part in Component
            },
        }

    def leader(self) -> Mapping[str, Any] | None:
        """Who leads: this process, while it holds the lease."""
        if not self.lease.epoch:
            return None
        return {"holder": holder_name(), "epoch": self.lease.epoch, "since": self.since.isoformat()}


async def run_daemon(
    settings: Settings,
    *,
    migrate: bool,
    once: bool,
    standby: bool = False,
    failpoints: Failpoints = NO_FAILPOINTS,
) -> int:
    """The daemon, until it is asked to stop; with `once` until nothing is left to do. The exit status.

    With `standby` it waits for as long as another daemon leads, and takes over when that one ends.
    """
    clock, meter, notifier = SystemClock(), PrometheusMeter(), Notifier.from_environment(os.environ)
    configure_logs(
        style=settings.log.format,
        level=settings.log.level,
        name=settings.name,
        redaction=_redaction(settings),
        meter=meter,
        environ=os.environ,
    )
    refuse_shared_environment()
    health = Health(clock, meter)
    allowed = settings.salesforce.limits.api_budget
    budget = Budget(Rules(allowed.share, allowed.reserve), clock, meter)
    api = budget.telling(partial(health.note, Component.SALESFORCE_API))
    with Shutdown() as shutdown:
        async with open_sides(
            settings, clock=clock, meter=meter, failpoints=failpoints, gate=budget, told=api
        ) as sides:
            try:
                async with shutdown.interruptible():
                    daemon = await _assemble(settings, sides, clock, meter, health, budget, migrate=migrate)
            except StopRequestedError:
                return 0
            await _serve(daemon, notifier, shutdown, once=once, standby=standby)
    log.info("stopped")
    return 0


async def _serve(
    daemon: Daemon, notifier: Notifier, shutdown: Shutdown, *, once: bool, standby: bool
) -> None:
    """Listen, lead, live, and leave in order: the lease is given up before anything else is closed."""
    server = _server(daemon, shutdown)
    http = daemon.settings.http
    try:
        await server.start(http.api_address, http.metrics_address)
        async with shutdown.interruptible():
            await lead(daemon, notifier, standby=standby)
        await _live(daemon, notifier, shutdown, once=once)
    except StopRequestedError:
        pass
    except LeaseLostError as error:
        raise TryLaterError(
            "the lease was lost, so this daemon stopped",
            f"{error}: it was frozen or cut off for longer than the lease lasts, and another one took over",
            "nothing: a service manager starts it again, and it leads when the lease is free",
        ) from error
    finally:
        with suppress(CallFailedError, IsthmusError):
            await daemon.budget.close()
        with suppress(CallFailedError, IsthmusError):
            await daemon.lease.release()
        await server.close()
    if daemon.stepped_down:
        raise TryLaterError(
            "this daemon stepped down",
            "an operator asked it to, so that another one can lead",
            "nothing: a service manager starts it again, and it leads when the lease is free",
        )


def _redaction(settings: Settings) -> Redaction:
    """Every secret of the configuration, to be blotted out wherever it might appear in a log line."""
    redaction = Redaction()
    auth, database = settings.salesforce.auth, settings.database
    secrets = [database.password, *(token.token for token in settings.http.auth.tokens)]
    secrets += [getattr(auth, name, None) for name in ("client_secret", "private_key", "refresh_token")]
    for secret in secrets:
        if secret is not None:
            redaction.learn(secret.read())
    return redaction


def holder_name() -> str:
    """The name of this process in the lease."""
    return f"{socket.gethostname()}:{os.getpid()}"


async def _assemble(
    settings: Settings,
    sides: OpenSides,
    clock: SystemClock,
    meter: PrometheusMeter,
    health: Health,
    budget: Budget,
    *,
    migrate: bool,
) -> Daemon:
    """Check what must be true, and build the graph. Nothing is written before the lease is taken."""
    version = await current_schema(sides, migrate=migrate)
    health.schema_current = True
    health.database_answered()
    meter.gauge("isthmus_postgres_schema_version", version)
    await budget.begin(PostgresCallLedger(sides.pool))
    in_force = await resolved(settings, sides, KeptFacts(sides.pool))
    health.configured = True
    if budget.size is None and (limits := await sides.salesforce.allowance()) is not None:
        budget.told(limits)  # something on the way takes Salesforce's header away
    health.note(Component.SALESFORCE_API, True, "answering")
    await complete_capture(sides, in_force.steps, install=migrate)
    health.note(Component.CAPTURE, True, "triggers as they should be")
    lease = PostgresLease(sides.pool.connector, holder_name())
    meter.gauge("isthmus_leader", 0)
    store = PostgresStore(sides.pool, lease)
    parts = Parts(
        in_force,
        store,
        sides.records,
        clock,
        meter,
        jitter=random.SystemRandom().random,
        new_id=lambda: str(uuid.uuid4()),
        failpoints=sides.pool.failpoints,
        budget=budget,
    )
    doorbell = PostgresDoorbell(sides.pool.connector, holder_name())
    bulk = BulkLoad(parts, store, sides.bulk_records)
    bulk_from = settings.salesforce.limits.bulk_from
    loader = Loader(parts, bulk_from=bulk_from, bulk=bulk)
    loads = OrderedLoads(parts, store, sides.bulk_records, bulk, bulk_from=bulk_from)
    engine = Engine(
        parts,
        loader,
        doorbell,
        lease,
        database=partial(health.note, Component.POSTGRES),
        api=budget.telling(partial(health.note, Component.SALESFORCE_API)),
    )
    _describe_build(settings, meter)
    return Daemon(
        settings, sides, clock, meter, health, lease, parts, engine, doorbell,
        PostgresInspection(sides.pool), PostgresJobs(sides.pool, lease), loads, PostgresComparisons(sides.pool, lease), budget, clock.now(),
    )  # fmt: skip


def _describe_build(settings: Settings, meter: PrometheusMeter) -> None:
    meter.gauge("isthmus_build_info", 1, version=__version__, revision="", python=platform.python_version())
    meter.gauge(
        "isthmus_config_info",
        1,
        hash=uuid.uuid5(uuid.NAMESPACE_OID, settings.model_dump_json()).hex[:12],
        profile=settings.profile,
        environment=settings.salesforce.environment.value,
    )


def _server(daemon: Daemon, shutdown: Shutdown) -> HttpServer:
    def step_down() -> None:
        daemon.stepped_down = True
        shutdown.request("stepping down")

    leadership = Leadership(daemon.lease.holder, lambda: daemon.lease.epoch, step_down)
    office = Office(
        daemon.parts,
        daemon.inspection,
        daemon.about,
        leadership,
        daemon.jobs,
        daemon.loads,
        daemon.comparisons,
    )
    version = {"version": __version__, "python": sys.version.split()[0]}
    probes = probe_endpoints(daemon.health, leader=daemon.leader, version=lambda: version)
    tokens = tuple(Token(t.name, t.grants, t.token.read) for t in daemon.settings.http.auth.tokens)
    return HttpServer(
        [*probes, *endpoints(office)],
        clock=daemon.clock,
        meter=daemon.meter,
        tokens=lambda: tokens,
        render=daemon.meter.render,
    )


async def _live(daemon: Daemon, notifier: Notifier, shutdown: Shutdown, *, once: bool) -> None:
    """Run every task until asked to stop, then let the batch in hand end."""
    async with Supervisor(daemon.clock) as background:
        _start_background(daemon, background, notifier)
        async with Supervisor(daemon.clock) as work:
            work.start("first loads", daemon.engine.load(), eternal=False)
            if not once:
                work.start("worker", daemon.engine.work())
            notifier.ready(f"{len(daemon.parts.steps.ordered)} steps, leading")
            log.info("ready", steps=[step.name for step in daemon.parts.steps.ordered])
            if once:
                await daemon.engine.loaded.wait()
                await daemon.engine.drain()
            else:
                await shutdown.requested.wait()
            notifier.stopping()
            daemon.engine.stop()
            await daemon.parts.failpoints.reach(Failpoint.STOPPING)
            await work.drain(DRAIN_SECONDS)
        background.cancel()


def _start_background(daemon: Daemon, tasks: Supervisor, notifier: Notifier) -> None:
    clock, health, meter = daemon.clock, daemon.health, daemon.meter
    stream = Stream(
        daemon.parts,
        daemon.settings.salesforce.channel,
        daemon.sides.source,
        partial(health.note, Component.SALESFORCE_STREAM),
    )
    tasks.start("beat of the event loop", health.beat())
    tasks.start("lag of the event loop", measure_loop_lag(clock, meter))
    tasks.start("watchdog of the service manager", notifier.feed_watchdog(clock))
    tasks.start("probe of the database", health.watch_database(lambda: _probe(daemon)))
    tasks.start("doorbell", daemon.doorbell.run())
    tasks.start("lease", daemon.engine.keep_lease())
    tasks.start("stream of change events", stream.run())
    tasks.start("watch over the stream", Watermark(daemon.parts, stream.resubscribe).run())
    tasks.start("gaps", keep_gaps(daemon.parts))
    tasks.start("sweeps", daemon.engine.sweep())
    works: dict[str, Work] = {
        JobKind.LOAD: daemon.loads.work,
        JobKind.COMPARE: OrderedComparisons(daemon.parts, daemon.comparisons).work,
        JobKind.REPAIR: OrderedRepairs(daemon.parts, daemon.comparisons).work,
    }
    tasks.start("jobs", JobRunner(daemon.parts, daemon.jobs, works).run())
    tasks.start("rolling audit", RollingAudit(daemon.parts, daemon.comparisons).run())
    tasks.start("delete guards", GuardWatch(daemon.parts, daemon.comparisons).run())
    tasks.start("API budget", daemon.budget.keep(partial(health.note, Component.SALESFORCE_API)))
    tasks.start(
        "watch over the database's history",
        watch_branches(daemon.parts, daemon.sides.database, stream.resubscribe),
    )
    tasks.start("gauges", keep_gauges(daemon.parts, daemon.inspection, daemon.sides.pool.sample))
    tasks.start("watch over capture", _watch_capture(daemon))
    watch = schema_watch(
        daemon.settings,
        daemon.sides,
        daemon.parts,
        KeptFacts(daemon.sides.pool),
        partial(health.note, Component.SCHEMA),
    )
    tasks.start("watch over both schemas", watch.run())
    tasks.start("housekeeping", _keep_house(daemon))


async def _probe(daemon: Daemon) -> None:
    """Ask the database the time, and learn how far the three clocks are apart."""
    facts = await daemon.sides.database.facts()
    skew = daemon.parts.skew
    skew.postgres = (facts.now - daemon.clock.now()).total_seconds() + facts.round_trip / 2
    offset = daemon.sides.records.clock_offset
    if offset is not None:
        skew.salesforce = offset


async def _watch_capture(daemon: Daemon) -> None:
    """Look every minute whether the triggers are there and enabled; say it once when they are not, and when they are."""
    complete = True
    while True:
        try:
            await _make_good(daemon)
            await daemon.clock.sleep(CAPTURE_EVERY)
            problems = await daemon.sides.database.capture_check(daemon.parts.steps.ordered)
        except (IsthmusError, CallFailedError):
            await daemon.clock.sleep(LEAVING_SECONDS)
            continue  # the probe of the database tells it
        reason = "; ".join(f"{p.table}: {p.what}; {p.fix}" for p in problems) or "triggers as they should be"
        daemon.health.note(Component.CAPTURE, not problems, reason)
        if bool(problems) is complete:
            complete = not problems
            (log.info if complete else log.error)("capture_checked", complete=complete, problems=reason)


async def _make_good(daemon: Daemon) -> None:
    """Where capture missed something, compare every linked row of the step with what was agreed, and find new rows."""
    steps = daemon.parts.steps
    running = {step.name for step in steps.ordered if not step.still}
    for name in sorted(await daemon.parts.store.faulty_capture() & running):
        async with daemon.parts.writing:
            rows = await daemon.parts.store.sweep(name, asked=False)
            await daemon.parts.store.enqueue_unlinked(steps.by_name[name], UNLINKED_MOST)
        log.warning("capture_faults_made_good", step=name, rows=rows)


async def _keep_house(daemon: Daemon) -> None:
    kept = daemon.settings.retention
    retention = Retention(kept.journal.days, kept.tombstones, kept.conflicts)
    while True:
        try:
            await keep_house(daemon.sides.pool, retention)
        except CallFailedError as error:
            log.warning("housekeeping_failed", code=error.failure.code)
        await daemon.clock.sleep(HOUSEKEEPING_EVERY)
