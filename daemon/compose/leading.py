"""From an assembled daemon to one that leads: the lease, and whose database and org it holds in step.

A standby waits for the lease for as long as another daemon has it: it lives, it is ready, it answers what can be looked up, and it writes nothing.
"""

import math
from typing import TYPE_CHECKING

import structlog

from adapters.postgres.housekeeping import remember_instance
from adapters.postgres.kept import KeptFacts
from daemon.compose.assembly import holder_name
from daemon.compose.sharing import shared_links
from daemon.compose.start import (
    LEASE_PATIENCE,
    note_profile,
    same_org,
    same_pairs,
    take_lease,
    this_instance,
)
from daemon.domain.identity import Verdict
from daemon.flow.branching import compare_everything, same_database
from daemon.operations.marker import claimed
from daemon.operations.permissions import check_environment
from daemon.ports.failpoints import Failpoint
from daemon.runtime.notify import Notifier
from daemon.runtime.supervisor import Supervisor

if TYPE_CHECKING:
    from daemon.compose.assembly import Daemon

log = structlog.get_logger(__name__)


async def lead(daemon: "Daemon", notifier: Notifier, *, standby: bool) -> None:
    """Take the lease and hold both sides against what is known of them. Raises RefusedError.

    Without `standby` the lease is waited for only as long as a holder that is leaving may take.
    """
    async with Supervisor(daemon.clock) as waiting:
        waiting.start("beat of the event loop", daemon.health.beat())
        waiting.start("watchdog of the service manager", notifier.feed_watchdog(daemon.clock))
        waiting.start("probe of the database", daemon.health.watch_database(daemon.sides.database.facts))
        if standby and not await daemon.lease.acquire():
            notifier.ready("standing by")
            log.info("standing_by", leader=await daemon.lease.holder())
        if not daemon.lease.epoch:
            await take_lease(daemon.lease, daemon.clock, math.inf if standby else LEASE_PATIENCE)
        waiting.cancel()
    await daemon.sides.pool.failpoints.reach(Failpoint.LEASE_TAKEN)
    if standby:  # another one led since this one looked, maybe by other files
        await same_pairs(daemon.sides.pool, daemon.parts.steps)
    daemon.since = daemon.clock.now()
    daemon.meter.gauge("isthmus_leader", 1)
    await _hold_against_what_is_known(daemon)


async def _hold_against_what_is_known(daemon: "Daemon") -> None:
    """The org and the database are those of the links; a database on another branch is compared with the org."""
    sides = daemon.sides
    verdict = await same_database(sides.database)
    organisation = await sides.catalogue.organisation()
    check_environment(daemon.settings.salesforce.environment.sandbox, organisation)
    kept = KeptFacts(sides.pool)
    await same_org(kept, organisation)
    await note_profile(kept, daemon.inspection, daemon.settings.profile)
    name = f"{daemon.settings.name} ({holder_name()})"
    mark = await claimed(sides.catalogue, sides.records, await this_instance(kept, name))
    log.info("org_marked", mark=mark.value)
    await remember_instance(sides.pool, organisation["instance_url"])
    await shared_links(daemon).begin(daemon.parts.steps)
    if verdict is Verdict.BRANCHED:
        await compare_everything(daemon.parts, sides.database)
