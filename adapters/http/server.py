"""Two listeners over one list of endpoints: the API, and metrics with the probes.

The second can be opened to Prometheus and the cluster without opening the first. Neither keeps a restart waiting:
open requests get two seconds, then their connections are closed.
"""

import re
import secrets
from collections.abc import Callable, Collection, Sequence

import structlog
from aiohttp import hdrs, web
from aiohttp.typedefs import Handler, Middleware

from adapters.http import problems
from adapters.http.dispatch import BODY_BYTES, answer
from adapters.http.guard import authorise, check_host, check_origin
from adapters.http.listeners import Address, check_exposure, listen, spoken
from adapters.http.tokens import Token, check_tokens
from daemon.ports.api import Endpoint, Role
from daemon.ports.clock import Clock
from daemon.ports.meter import Meter

SHUTDOWN_SECONDS = 1.0  # aiohttp spends it twice: waiting for handlers, then for their connections
METRICS_PATH = "/metrics"

Render = Callable[[str], tuple[bytes, str]]
"""The metrics as bytes and content type, in the format that an Accept header asks for."""

_PARAMETER = re.compile(r"\{(\w+)\}")
_log = structlog.stdlib.get_logger(__name__)


class HttpServer:
    """Serves endpoints until it is closed.

    `tokens` is asked at every request, so new tokens are taken up at once. `hosts` are the names, besides those of
    loopback, under which the API may be called. `render` draws the metrics.
    """

    def __init__(
        self,
        endpoints: Sequence[Endpoint],
        *,
        clock: Clock,
        meter: Meter,
        tokens: Callable[[], Sequence[Token]] = tuple,
        hosts: Collection[str] = (),
        render: Render | None = None,
    ) -> None:
        self._endpoints = tuple(endpoints)
        self._clock = clock
        self._meter = meter
        self._tokens = tokens
        self._hosts = frozenset(host.lower() for host in hosts)
        self._render = render
        self._runners: list[web.AppRunner] = []
        self.api_address: Address | None = None
        self.metrics_address: Address | None = None

    async def start(self, api: Address, metrics: Address | None = None) -> None:
        """Listen on both addresses; without `metrics`, the API's listener serves /metrics too.

        Raises RefusedError, AccessError or ConfigurationError, and then listens on neither.
        """
        tokens = self._tokens()
        check_tokens(tokens)
        check_exposure(api, tokens=bool(tokens))
        own_metrics = metrics is not None
        try:
            app = self._app(self._endpoints, metrics=not own_metrics, guarded=True)
            self.api_address = await self._listen(app, api, "http.listen")
            if metrics is not None:
                shown = [endpoint for endpoint in self._endpoints if endpoint.metrics]
                app = self._app(shown, metrics=True, guarded=False)
                self.metrics_address = await self._listen(app, metrics, "http.metrics_listen")
        except BaseException:
            await self.close()
            raise
        _log.info(
            "http.listening",
            api=spoken(self.api_address),
            metrics=spoken(self.metrics_address or self.api_address),
        )

    async def close(self) -> None:
        """Stop listening, give open requests a moment, then close them. May be called at any time, any number of times."""
        runners, self._runners = self._runners, []
        for runner in runners:
            await runner.cleanup()

    async def _listen(self, app: web.Application, address: Address, setting: str) -> Address:
        runner = web.AppRunner(
            app,
            access_log=None,
            handle_signals=False,
            shutdown_timeout=SHUTDOWN_SECONDS,
            keepalive_timeout=30,
        )
        self._runners.append(runner)
        await runner.setup()
        return await listen(runner, address, setting)

    def _app(self, endpoints: Sequence[Endpoint], *, metrics: bool, guarded: bool) -> web.Application:
        app = web.Application(
            middlewares=[self._measured, self._answered(guarded)], client_max_size=BODY_BYTES
        )
        for endpoint in endpoints:
            self._route(app, endpoint.method, endpoint.path, self._serving(endpoint))
        if metrics and self._render is not None:
            self._route(app, "GET", METRICS_PATH, self._metrics)
        return app

    @staticmethod
    def _route(app: web.Application, method: str, path: str, handler: Handler) -> None:
        path = _PARAMETER.sub(
            r"{\1:[^/]+}", path
        )  # aiohttp's own pattern refuses braces, which a key may hold
        if method == "GET":
            app.router.add_get(path, handler)  # and HEAD
        else:
            app.router.add_route(method, path, handler)

    def _serving(self, endpoint: Endpoint) -> Handler:
        async def serve(request: web.Request) -> web.StreamResponse:
            caller = authorise(request, endpoint.role, self._tokens)
            return await answer(endpoint, request, caller)

        return serve

    async def _metrics(self, request: web.Request) -> web.StreamResponse:
        assert self._render is not None
        body, content_type = self._render(request.headers.get(hdrs.ACCEPT, ""))
        return web.Response(body=body, headers={hdrs.CONTENT_TYPE: content_type})

    @property
    def _measured(self) -> Middleware:
        @web.middleware
        async def measured(request: web.Request, handler: Handler) -> web.StreamResponse:
            started = self._clock.monotonic()
            response = await handler(request)
            route = _pattern(request)
            method = request.method if request.method in hdrs.METH_ALL else "OTHER"
            self._meter.count(
                "isthmus_http_requests_total", route=route, method=method, code=str(response.status)
            )
            duration = self._clock.monotonic() - started
            self._meter.observe("isthmus_http_request_duration_seconds", duration, route=route)
            response.headers["Cache-Control"] = "no-store"
            response.headers["X-Content-Type-Options"] = "nosniff"
            return response

        return measured

    def _answered(self, guarded: bool) -> Middleware:
        """Every request gets an answer: the guards' refusals and the endpoint's failures become problem documents."""

        @web.middleware
        async def answered(request: web.Request, handler: Handler) -> web.StreamResponse:
            try:
                if guarded:
                    check_host(request, self._hosts)
                    check_origin(request)
                return await handler(request)
            except web.HTTPException as error:
                return self._refused(request, error)
            except Exception as error:  # noqa: BLE001 - the outer edge of a request: each is answered, a defect logged
                return problems.of_error(error) or _of_defect(request, error)

        return answered

    def _refused(self, request: web.Request, error: web.HTTPException) -> web.Response:
        """Under /api even an unknown path asks for a token first, so that strangers learn nothing of what is there."""
        if request.path.startswith("/api/"):
            try:
                authorise(request, Role.VIEWER, self._tokens)
            except problems.ProblemError as problem:
                return problem.response()
        return problems.of_http(error)


def _of_defect(request: web.Request, error: Exception) -> web.Response:
    reference = secrets.token_hex(4)
    _log.error("http.defect", reference=reference, route=_pattern(request), exc_info=error)
    return problems.of_defect(reference)


def _pattern(request: web.Request) -> str:
    """The route as it was declared: never the path, which holds data."""
    resource = request.match_info.route.resource
    return resource.canonical if resource is not None else "unmatched"
