"""What the daemon answers over HTTP: probes, metrics, and the operator's API."""

import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager

from adapters.http.server import HttpServer
from adapters.http.tokens import Token
from adapters.prometheus.meter import PrometheusMeter
from daemon import __version__
from daemon.compose.accounts import accounts_of
from daemon.compose.assembly import Daemon
from daemon.compose.sides import OpenSides
from daemon.operations.connections import connection_routes
from daemon.operations.endpoints import endpoints
from daemon.operations.leadership import Leadership
from daemon.operations.office import Office
from daemon.ports.api import ApiReply, ApiRequest, Endpoint, Role
from daemon.ports.clock import Clock
from daemon.runtime.health import Health
from daemon.runtime.probes import probe_endpoints
from daemon.runtime.shutdown import Shutdown
from daemon.settings.models import Settings


def server_of(daemon: Daemon, shutdown: Shutdown) -> HttpServer:
    """The server of a daemon, not listening yet."""

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
        daemon.outbox,
        lambda: daemon.configuration,
    )
    probes = probe_endpoints(daemon.health, leader=daemon.leader, version=_version)
    accounts = connection_routes(accounts_of(daemon.settings, daemon.sides))
    return _server([*probes, *endpoints(office), *accounts], daemon.settings, daemon.clock, daemon.meter)


@asynccontextmanager
async def waiting_server(
    settings: Settings,
    sides: OpenSides,
    clock: Clock,
    meter: PrometheusMeter,
    health: Health,
    status: Callable[[ApiRequest], Awaitable[ApiReply]],
) -> AsyncIterator[None]:
    """Serve what can be answered before the daemon has begun, while the block lasts: probes, metrics, `status` and the connections."""
    probes = probe_endpoints(health, leader=lambda: None, version=_version)
    shown = Endpoint("GET", "/api/v1/status", Role.VIEWER, status)
    accounts = connection_routes(accounts_of(settings, sides))
    server = _server([*probes, shown, *accounts], settings, clock, meter)
    try:
        await server.start(settings.http.api_address, settings.http.metrics_address)
        yield
    finally:
        await server.close()


def _server(
    routes: Sequence[Endpoint], settings: Settings, clock: Clock, meter: PrometheusMeter
) -> HttpServer:
    tokens = tuple(Token(t.name, t.grants, t.token.read) for t in settings.http.auth.tokens)
    return HttpServer(routes, clock=clock, meter=meter, tokens=lambda: tokens, render=meter.render)


def _version() -> Mapping[str, str]:
    return {"version": __version__, "python": sys.version.split()[0]}
