"""`isthmus run`: the life of the running daemon from start to clean stop."""

import os
from collections.abc import Callable
from contextlib import suppress
from functools import partial

import structlog

from adapters.prometheus.meter import PrometheusMeter
from daemon.compose.assembly import Daemon, assemble, prepare
from daemon.compose.leading import lead
from daemon.compose.patience import Waiting
from daemon.compose.serving import server_of, waiting_server
from daemon.compose.sides import open_sides
from daemon.compose.start import refuse_shared_environment
from daemon.compose.watches import start_background
from daemon.domain.failure import CallFailedError, IsthmusError, TryLaterError
from daemon.flow.budget import Budget
from daemon.ports.failpoints import NO_FAILPOINTS, Failpoint, Failpoints
from daemon.ports.store import LeaseLostError
from daemon.reconcile.budget import Rules
from daemon.runtime.clock import SystemClock
from daemon.runtime.health import Component, Health
from daemon.runtime.logs import configure_logs
from daemon.runtime.notify import Notifier
from daemon.runtime.redaction import Redaction
from daemon.runtime.shutdown import DRAIN_SECONDS, Shutdown, StopRequestedError
from daemon.runtime.supervisor import Supervisor
from daemon.settings.actions import WebhookAction
from daemon.settings.models import Settings
from daemon.settings.secrets import SecretMissingError

log = structlog.get_logger(__name__)


async def run_daemon(
    settings: Settings,
    *,
    migrate: bool,
    once: bool,
    standby: bool = False,
    failpoints: Failpoints = NO_FAILPOINTS,
    reread: Callable[[], Settings] | None = None,
) -> int:
    """The daemon, until it is asked to stop; with `once` until nothing is left to do. The exit status.

    With `standby` it waits for as long as another daemon leads, and takes over when that one ends. A start without API calls waits for some,
    except with `once`, which raises CallFailedError. `reread` gives what the configuration's files say later, where they may be taken up.
    """
    clock, meter, notifier = SystemClock(), PrometheusMeter(), Notifier.from_environment(os.environ)
    redaction = _redaction(settings)
    configure_logs(
        style=settings.log.format,
        level=settings.log.level,
        name=settings.name,
        redaction=redaction,
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
            settings,
            clock=clock,
            meter=meter,
            failpoints=failpoints,
            gate=budget,
            told=api,
            learn=redaction.learn_passing,
        ) as sides:
            try:
                async with shutdown.interruptible():
                    await prepare(sides, meter, health, budget, migrate=migrate)
                    start = partial(assemble, settings, sides, clock, meter, health, budget, install=migrate)
                    answering = partial(waiting_server, settings, sides, clock, meter, health)
                    waiting = Waiting(clock, health, notifier, sides.database.facts, answering)
                    daemon = await (start() if once else waiting.begin(start))
            except StopRequestedError:
                return 0
            await _serve(daemon, notifier, shutdown, once=once, standby=standby, reread=reread)
    log.info("stopped")
    return 0


async def _serve(
    daemon: Daemon,
    notifier: Notifier,
    shutdown: Shutdown,
    *,
    once: bool,
    standby: bool,
    reread: Callable[[], Settings] | None,
) -> None:
    """Listen, lead, live, and leave in order: the lease is given up before anything else is closed."""
    server = server_of(daemon, shutdown)
    http = daemon.settings.http
    try:
        await server.start(http.api_address, http.metrics_address)
        async with shutdown.interruptible():
            await lead(daemon, notifier, standby=standby)
        await _live(daemon, notifier, shutdown, once=once, standby=standby, reread=reread)
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
    secrets += [getattr(auth, name, None) for name in ("client_secret", "private_key")]
    secrets += [
        action.do.webhook.secret
        for step in settings.steps
        for action in step.actions
        if isinstance(action.do, WebhookAction)
    ]
    for secret in secrets:
        if secret is not None:
            redaction.learn(secret.read())
    first = getattr(auth, "refresh_token", None)
    if first is not None:
        with suppress(SecretMissingError):  # somebody may log in later
            redaction.learn(first.read())
    return redaction


async def _live(
    daemon: Daemon,
    notifier: Notifier,
    shutdown: Shutdown,
    *,
    once: bool,
    standby: bool,
    reread: Callable[[], Settings] | None,
) -> None:
    """Run every task until asked to stop, then let the batch in hand end."""
    async with Supervisor(daemon.clock) as background:
        await start_background(daemon, background, notifier, reread, stood_by=standby)
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
