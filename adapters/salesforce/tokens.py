"""The one place that holds a session with the org. REST and the stream share it.

Many calls fail together when a session ends, and each of them would log in again; here they wait for the one that
does, and share its failure as well as its success. When to try again after a failure is for the callers to say.
"""

import asyncio
from collections.abc import Coroutine
from random import SystemRandom
from typing import Any, Final

import aiohttp

from adapters.salesforce.backoff import retry_after
from adapters.salesforce.circuit import UNWELL, Attempt, Circuit
from adapters.salesforce.decode import MalformedBodyError, loads
from adapters.salesforce.faults import no_answer, of_token, senseless, unreachable
from adapters.salesforce.hosts import checked_origin
from adapters.salesforce.http_body import BodyTooLargeError, read_capped
from adapters.salesforce.login import TOKEN_PATH, Token, grant, same_org, token_of
from adapters.salesforce.server_clock import ServerClock, parse_http_date
from adapters.salesforce.settings import JwtLogin, RefreshTokenLogin, SalesforceSettings
from daemon.domain.failure import CallFailedError, Failure, FailureKind
from daemon.ports.clock import Clock
from daemon.ports.failpoints import NO_FAILPOINTS, Failpoint, Failpoints
from daemon.ports.meter import Meter

_ANSWER_BYTES: Final = 1 << 20
_SKEW_SECONDS: Final = 5.0


class TokenProvider:
    """Gives the current token and renews it, one login at a time."""

    def __init__(
        self,
        settings: SalesforceSettings,
        http: aiohttp.ClientSession,
        clock: Clock,
        server_clock: ServerClock,
        meter: Meter,
        failpoints: Failpoints = NO_FAILPOINTS,
        circuit: Circuit | None = None,
    ) -> None:
        """Raises ValueError if the login address may not be spoken to."""
        origin = checked_origin(settings.login_url, settings.domain_suffixes, settings.insecure_hosts)
        self._url = origin + TOKEN_PATH
        self._settings = settings
        self._http = http
        self._clock = clock
        self._server_clock = server_clock
        self._meter = meter
        self._failpoints = failpoints
        self._circuit = circuit or Circuit("login", clock, meter, SystemRandom())
        self._lock = asyncio.Lock()
        self._current: Token | None = None
        self._refresh: str | None = None
        self._org_id: str | None = None
        self._logins = 0
        self._failure: Failure | None = None

    @property
    def current(self) -> Token | None:
        """The token as it is, without a login."""
        return self._current

    async def token(self) -> Token:
        """The current token; the first call logs in. Raises CallFailedError."""
        return self._current or await self._log_in(None)

    async def renew(self, stale: Token) -> Token:
        """A token other than `stale`, which was refused. Fifty callers make one login. Raises CallFailedError."""
        current = self._current
        return current if current is not None and current is not stale else await self._log_in(stale)

    def discard(self, stale: Token) -> None:
        """Say that a token was refused: the next call of `token` logs in, unless that has happened already."""
        if self._current is stale:
            self._current = None

    async def _log_in(self, stale: Token | None) -> Token:
        seen = self._logins
        async with self._lock:
            if self._current is not None and self._current is not stale:
                return self._current
            if self._logins != seen and self._failure is not None:
                raise CallFailedError(self._failure)  # somebody tried while we waited
            self._current = None
            try:
                self._current = await _to_its_end(self._exchange())
            except CallFailedError as error:
                self._failure = error.failure
                if error.failure.kind is FailureKind.AUTHENTICATION:
                    self._refresh = None  # somebody may have put a new one into the configuration
                self._meter.count("isthmus_salesforce_token_refreshes_total", outcome="failed")
                raise
            else:
                self._failure = None
                self._meter.count("isthmus_salesforce_token_refreshes_total", outcome="ok")
                return self._current
            finally:
                self._logins += 1

    async def _exchange(self) -> Token:
        assumed = self._server_clock.offset
        try:
            return await self._ask()
        except CallFailedError:
            learnt = self._server_clock.offset
            skewed = learnt is not None and abs(learnt - (assumed or 0.0)) > _SKEW_SECONDS
            if not (skewed and isinstance(self._settings.login, JwtLogin)):
                raise
        return await self._ask()  # the assertion was dated by a wrong clock, and now the right one is known

    async def _ask(self) -> Token:
        login = self._settings.login
        if isinstance(login, RefreshTokenLogin) and self._refresh is None and login.look_again is not None:
            await login.look_again()
        form = grant(login, self._refresh, self._server_clock.now())
        with self._circuit.call() as attempt:
            answer = await self._post(form, attempt)
        token = token_of(answer, self._settings)
        self._settings.learn(token.access_token)
        self._org_id = same_org(self._org_id, token)
        await self._failpoints.reach(Failpoint.LOGGED_IN)
        rotated = answer.get("refresh_token")
        if (
            isinstance(login, RefreshTokenLogin)
            and isinstance(rotated, str)
            and rotated != form["refresh_token"]
        ):
            self._refresh = rotated
            await login.store_refresh_token(rotated)
        return token

    async def _post(self, form: dict[str, str], attempt: Attempt) -> Any:
        started = self._clock.monotonic()
        outcome = "transport"
        limits = aiohttp.ClientTimeout(
            total=self._settings.read_seconds, sock_connect=self._settings.connect_seconds
        )
        try:
            async with self._http.post(
                self._url, data=form, timeout=limits, allow_redirects=False
            ) as response:
                body = await read_capped(response, _ANSWER_BYTES)
                date = parse_http_date(response.headers.get("Date"))
                self._server_clock.observe(date, self._clock.monotonic() - started)
                if response.status >= 500 or response.status in UNWELL:
                    asked = retry_after(response.headers.get("Retry-After"), self._clock)
                    attempt.failed(f"HTTP {response.status}", asked)
                else:
                    attempt.answered()
                outcome = "ok" if response.status == 200 else "client_error"
                if response.status != 200:
                    raise CallFailedError(of_token(response.status, body))
                return loads(body)
        except aiohttp.ClientConnectorError as error:
            attempt.failed(type(error).__name__)
            raise CallFailedError(unreachable(f"no connection for a token: {error}")) from error
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            attempt.failed(type(error).__name__)
            raise CallFailedError(
                no_answer(f"no answer for a token: {type(error).__name__}: {error}")
            ) from error
        except (MalformedBodyError, BodyTooLargeError) as error:
            raise CallFailedError(senseless("the token endpoint did not answer with JSON")) from error
        finally:
            elapsed = self._clock.monotonic() - started
            self._meter.count("isthmus_salesforce_requests_total", api="oauth", outcome=outcome)
            self._meter.observe("isthmus_salesforce_request_duration_seconds", elapsed, api="oauth")


async def _to_its_end(work: Coroutine[Any, Any, Token]) -> Token:
    """Run a login to its end even if its caller is cancelled: a rotated refresh token must not be lost half way.

    The login bounds its own time, and a cancelled caller waits for it.
    """
    login = asyncio.get_running_loop().create_task(work, name="salesforce login")
    try:
        return await asyncio.shield(login)
    except asyncio.CancelledError:
        if not login.done():
            await asyncio.wait({login})
        if not login.cancelled():
            login.exception()
        raise
