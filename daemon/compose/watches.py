"""What runs beside the worker for as long as this process leads: the stream, the watches, the jobs and the housekeeping."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial

import structlog

from adapters.postgres.housekeeping import Retention, keep_house
from adapters.postgres.kept import KeptFacts
from adapters.webhook import Poster
from daemon.compose.assembly import Daemon
from daemon.compose.reloading import Reloading, hangups, reload_on_hangup
from daemon.compose.sharing import shared_links
from daemon.compose.signing import signing_secret
from daemon.compose.steps import schema_watch
from daemon.domain.failure import CallFailedError, IsthmusError
from daemon.flow.auditing.guards import GuardWatch
from daemon.flow.auditing.ordered import OrderedComparisons
from daemon.flow.auditing.repairing import OrderedRepairs
from daemon.flow.auditing.rolling import RollingAudit
from daemon.flow.branching import watch_branches
from daemon.flow.capture_faults import CaptureFaults
from daemon.flow.deliveries import Deliveries
from daemon.flow.gaps import keep_gaps
from daemon.flow.gauges import keep_gauges
from daemon.flow.jobs import JobRunner, Work
from daemon.flow.removed_steps import RemovedSteps
from daemon.flow.stream import Stream
from daemon.flow.watermark import Watermark
from daemon.ports.database import StepCounts
from daemon.ports.jobs import JobKind
from daemon.runtime.health import Component
from daemon.runtime.loop_lag import measure_loop_lag
from daemon.runtime.notify import Notifier
from daemon.runtime.supervisor import Supervisor
from daemon.settings.models import Settings

log = structlog.get_logger(__name__)

CAPTURE_EVERY = 60.0
HOUSEKEEPING_EVERY = 6 * 3600.0
AFTER_A_FAILURE = 1.0


async def start_background(
    daemon: Daemon,
    tasks: Supervisor,
    notifier: Notifier,
    reread: Callable[[], Settings] | None = None,
    *,
    stood_by: bool = False,
) -> None:
    """Start what goes on beside the worker. One that `stood_by` first reads its files anew: they may have changed since, and nothing is
    taken up, sent or forgotten by the former ones.
    """
    _start_vital(daemon, tasks, notifier)
    watch = schema_watch(
        daemon.settings,
        daemon.sides,
        daemon.parts,
        KeptFacts(daemon.sides.pool),
        partial(daemon.health.note, Component.SCHEMA),
        shared_links(daemon).settle,
    )
    if reread is not None:
        rung = hangups()
        daemon.configuration = reloading = Reloading(daemon, watch, reread)
        if stood_by:
            with suppress(IsthmusError, CallFailedError):  # told by `reload`, in the log and in the status
                await reloading.reload()
        tasks.start("reload on SIGHUP", reload_on_hangup(reloading, rung))
    _start_flow(daemon, tasks)
    tasks.start("watch over both schemas", watch.run())


def _start_vital(daemon: Daemon, tasks: Supervisor, notifier: Notifier) -> None:
    """What keeps the process alive and in the lead."""
    clock, health = daemon.clock, daemon.health
    tasks.start("beat of the event loop", health.beat())
    tasks.start("lag of the event loop", measure_loop_lag(clock, daemon.meter))
    tasks.start("watchdog of the service manager", notifier.feed_watchdog(clock))
    tasks.start("probe of the database", health.watch_database(lambda: _probe(daemon)))
    tasks.start("doorbell", daemon.doorbell.run())
    tasks.start("lease", daemon.engine.keep_lease())
    tasks.start("API budget", daemon.budget.keep(partial(health.note, Component.SALESFORCE_API)))


def _start_flow(daemon: Daemon, tasks: Supervisor) -> None:
    """What reads, decides and delivers, by the steps in force."""
    parts = daemon.parts
    told = partial(daemon.health.note, Component.SALESFORCE_STREAM)
    stream = Stream(parts, daemon.settings.salesforce.channel, daemon.sides.source, told)
    tasks.start("stream of change events", stream.run())
    tasks.start("watch over the stream", Watermark(parts, stream.resubscribe).run())
    tasks.start("gaps", keep_gaps(parts))
    tasks.start("sweeps", daemon.engine.sweep())
    tasks.start("bulk writes", daemon.engine.write_in_bulk())
    tasks.start("loads of steps let go", daemon.engine.keep_loaded())
    works: dict[str, Work] = {
        JobKind.LOAD: daemon.loads.work,
        JobKind.COMPARE: OrderedComparisons(parts, daemon.comparisons).work,
        JobKind.REPAIR: OrderedRepairs(parts, daemon.comparisons).work,
    }
    tasks.start("jobs", JobRunner(parts, daemon.jobs, works).run())
    secrets = partial(_signing_secret, daemon)
    tasks.start("actions", Deliveries(parts, daemon.outbox, Poster(), secrets).run())
    tasks.start("rolling audit", RollingAudit(parts, daemon.comparisons).run())
    tasks.start("delete guards", GuardWatch(parts, daemon.comparisons).run())
    branches = watch_branches(parts, daemon.sides.database, stream.resubscribe)
    tasks.start("watch over the database's history", branches)
    tasks.start("gauges", keep_gauges(parts, daemon.inspection, daemon.sides.pool.sample))
    tasks.start("watch over capture", _watch_capture(daemon))
    tasks.start("housekeeping", _keep_house(daemon))


def _signing_secret(daemon: Daemon, step: str, action: str) -> str | None:
    """By the configuration that is in force when it is asked for."""
    return signing_secret(daemon.settings, step, action)


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
    complete, faults = True, CaptureFaults(daemon.parts)
    removed = RemovedSteps(daemon.parts, daemon.sides.database)
    while True:
        try:
            await faults.make_good()
            await removed.look(_stored(await daemon.inspection.counts()))
            await daemon.clock.sleep(CAPTURE_EVERY)
            problems = await daemon.sides.database.capture_check(daemon.parts.steps.ordered)
        except (IsthmusError, CallFailedError):
            await daemon.clock.sleep(AFTER_A_FAILURE)
            continue  # the probe of the database tells it
        reason = "; ".join(f"{p.table}: {p.what}; {p.fix}" for p in problems) or "triggers as they should be"
        daemon.health.note(Component.CAPTURE, not problems, reason)
        if bool(problems) is complete:
            complete = not problems
            (log.info if complete else log.error)("capture_checked", complete=complete, problems=reason)


def _stored(counts: Mapping[str, StepCounts]) -> dict[str, int]:
    """How many local changes wait of each step that has any."""
    return {name: found.pending["push"] for name, found in counts.items() if found.pending.get("push")}


async def _keep_house(daemon: Daemon) -> None:
    kept = daemon.settings.retention
    retention = Retention(kept.journal.days, kept.tombstones, kept.conflicts)
    while True:
        try:
            await keep_house(daemon.sides.pool, retention)
        except CallFailedError as error:
            log.warning("housekeeping_failed", code=error.failure.code)
        await daemon.clock.sleep(HOUSEKEEPING_EVERY)
