"""The graph of the running daemon: everything that lives while this process leads, and how it is built."""

import os
import platform
import random
import socket
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from adapters.postgres.actions import PostgresOutbox
from adapters.postgres.bulk_note import PostgresBulkNote
from adapters.postgres.callledger import PostgresCallLedger
from adapters.postgres.comparing import PostgresComparisons
from adapters.postgres.doorbell import PostgresDoorbell
from adapters.postgres.inspection import PostgresInspection
from adapters.postgres.jobs import PostgresJobs
from adapters.postgres.kept import KeptFacts
from adapters.postgres.lease import PostgresLease
from adapters.postgres.store import PostgresStore
from adapters.prometheus.meter import PrometheusMeter
from daemon import __version__
from daemon.compose.sides import OpenSides
from daemon.compose.start import complete_capture, current_schema, same_pairs
from daemon.compose.steps import resolved
from daemon.flow.budget import Budget
from daemon.flow.bulk_lane import BulkLane
from daemon.flow.engine import Engine
from daemon.flow.load import Loader
from daemon.flow.loading.bulk import BulkLoad
from daemon.flow.loading.ordered import OrderedLoads
from daemon.flow.parts import Parts
from daemon.operations.reloading import Configuration
from daemon.runtime.clock import SystemClock
from daemon.runtime.health import Component, Health
from daemon.settings.models import Settings


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
    outbox: PostgresOutbox
    budget: Budget
    since: datetime
    stepped_down: bool = False
    configuration: Configuration | None = None
    refused: str | None = None  # why the files were not taken up the last time they were to be

    def about(self) -> Mapping[str, Any]:
        """The process, for `isthmus status`."""
        return {
            "name": self.settings.name,
            "profile": self.settings.profile,
            "version": __version__,
            "leader": self.leader(),
            "configuration_refused": self.refused,
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


def holder_name() -> str:
    """The name of this process in the lease."""
    return f"{socket.gethostname()}:{os.getpid()}"


async def prepare(
    sides: OpenSides, meter: PrometheusMeter, health: Health, budget: Budget, *, migrate: bool
) -> None:
    """What needs the database alone: the schema is the newest, and the calls of the last day are known."""
    version = await current_schema(sides, migrate=migrate)
    health.schema_current = True
    health.database_answered()
    meter.gauge("isthmus_postgres_schema_version", version)
    await budget.begin(PostgresCallLedger(sides.pool))


async def assemble(
    settings: Settings,
    sides: OpenSides,
    clock: SystemClock,
    meter: PrometheusMeter,
    health: Health,
    budget: Budget,
    *,
    install: bool,
) -> Daemon:
    """Check what must be true of both sides, and build the graph. Nothing is written before the lease is taken.

    Raises CallFailedError where the budget does not allow the calls that this takes; it may be tried again.
    """
    in_force = await resolved(settings, sides, KeptFacts(sides.pool))
    health.configured = True
    if budget.size is None and (limits := await sides.salesforce.allowance()) is not None:
        budget.told(limits)  # something on the way takes Salesforce's header away
    health.note(Component.SALESFORCE_API, True, "answering")
    await same_pairs(sides.pool, in_force.steps)
    await complete_capture(sides, in_force.steps, install=install)
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
        bulk=_bulk_lane(parts, sides, lease, settings.salesforce.limits.bulk_writes),
    )
    _describe_build(settings, meter)
    tell_reload(meter, clock.now(), done=True)
    return Daemon(
        settings, sides, clock, meter, health, lease, parts, engine, doorbell,
        PostgresInspection(sides.pool), PostgresJobs(sides.pool, lease), loads, PostgresComparisons(sides.pool, lease),
        PostgresOutbox(sides.pool, lease), budget, clock.now(),
    )  # fmt: skip


def _bulk_lane(parts: Parts, sides: OpenSides, lease: PostgresLease, bulk_from: int | None) -> BulkLane:
    """What writes backlogs in bulk. Where that is off, it still ends what a process that did has left."""
    note = PostgresBulkNote(sides.pool, lease)
    return BulkLane(parts, sides.salesforce.bulk_writer, note, bulk_from=bulk_from)


def tell_reload(meter: PrometheusMeter, now: datetime, *, done: bool) -> None:
    """Whether the last configuration that was to be put in force is."""
    meter.gauge("isthmus_config_last_reload_successful", int(done))
    if done:
        meter.gauge("isthmus_config_last_reload_success_timestamp_seconds", now.timestamp())


def _describe_build(settings: Settings, meter: PrometheusMeter) -> None:
    meter.gauge("isthmus_build_info", 1, version=__version__, revision="", python=platform.python_version())
    meter.gauge(
        "isthmus_config_info",
        1,
        hash=uuid.uuid5(uuid.NAMESPACE_OID, settings.model_dump_json()).hex[:12],
        profile=settings.profile,
        environment=settings.salesforce.environment.value,
    )
