"""One HTTP session with the org: every REST and Bulk request of the adapter goes through here.

It keeps the deadlines, the concurrency, the token, the retries of safe reads, the measurements, and the translation of
everything that can go wrong. A write is sent once: if no answer comes, nobody knows whether it was done, and the
failure says so. The one exception is a session that has ended: Salesforce then did nothing.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import datetime
from random import Random
from typing import Any, Final, TypeVar

import aiohttp
import orjson
import stamina
from multidict import CIMultiDictProxy
from yarl import URL

from adapters.salesforce import faults
from adapters.salesforce.allowance import parse_limit_info
from adapters.salesforce.backoff import FullJitter, RetryableError, is_retryable, retry_after
from adapters.salesforce.circuit import UNWELL, Attempt, Circuit
from adapters.salesforce.decode import MalformedBodyError, loads
from adapters.salesforce.http_body import BodyTooLargeError, read_capped
from adapters.salesforce.login import Token
from adapters.salesforce.sent_body import SentBody
from adapters.salesforce.server_clock import ServerClock, parse_http_date
from adapters.salesforce.settings import SalesforceSettings
from adapters.salesforce.tokens import TokenProvider
from daemon.domain.failure import CallFailedError, Failure
from daemon.ports.allowance import OPEN_GATE, Gate
from daemon.ports.clock import Clock
from daemon.ports.failpoints import NO_FAILPOINTS, Failpoint, Failpoints
from daemon.ports.meter import Meter
from daemon.ports.salesforce import Limits

_NOT_A_STALE_TOKEN: Final = ("not valid for use with the REST API", "Connected app is not attached")
_DRAIN_BYTES: Final = 64 * 1024
_TOO_MANY_AT_ONCE: Final = "ConcurrentRequests"
"""In the message of REQUEST_LIMIT_EXCEEDED: not the allowance of 24 hours is used up, but too many calls are under way."""

T = TypeVar("T")
Health = Callable[[bool, str], None]
Reader = Callable[[aiohttp.ClientResponse, datetime], Awaitable[T]]


@dataclass(frozen=True, slots=True)
class Request:
    """One request. `path` begins with a slash and is already encoded; `safe` says that repeating it changes nothing.

    A body is sent as JSON; one that is a function makes the bytes itself, of the access token, which SOAP has inside.
    """

    method: str
    path: str
    purpose: str
    body: object = None
    safe: bool = False
    api: str = "rest"
    headers: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer that says success. `date` is its second by Salesforce's clock."""

    status: int
    headers: CIMultiDictProxy[str]
    body: bytes
    date: datetime

    def json(self) -> Any:
        """The decoded body. Raises CallFailedError if it is not JSON."""
        try:
            return loads(self.body)
        except MalformedBodyError as error:
            content_type = self.headers.get("Content-Type", "no content type")
            raise CallFailedError(
                faults.senseless(f"expected JSON and got {content_type}: {error}")
            ) from error


class Session:
    """Sends requests to the org. Safe to use from several tasks."""

    def __init__(
        self,
        settings: SalesforceSettings,
        http: aiohttp.ClientSession,
        tokens: TokenProvider,
        clock: Clock,
        server_clock: ServerClock,
        meter: Meter,
        random: Random,
        failpoints: Failpoints = NO_FAILPOINTS,
        gate: Gate = OPEN_GATE,
        told: Health = lambda up, reason: None,
    ) -> None:
        """`gate` is asked before each call. `told` hears that the org answers, or that it has not for `read_seconds`."""
        self._settings = settings
        self._http = http
        self._tokens = tokens
        self._clock = clock
        self._server_clock = server_clock
        self._meter = meter
        self._random = random
        self._failpoints = failpoints
        self._gate = gate
        self._told = told
        self._circuit = Circuit("instance", clock, meter, random)
        self._answers = 0
        self._up: bool | None = None
        self._slots = asyncio.Semaphore(settings.concurrency)
        self._limits: Limits | None = None

    @property
    def settings(self) -> SalesforceSettings:
        """What the session was made with."""
        return self._settings

    @property
    def limits(self) -> Limits | None:
        """The org's allowance as last reported."""
        return self._limits

    @property
    def clock(self) -> Clock:
        """Our own clock."""
        return self._clock

    @property
    def server_clock(self) -> ServerClock:
        """Salesforce's clock, as far as it is known."""
        return self._server_clock

    async def token(self) -> Token:
        """The current token: who we are, and where."""
        return await self._tokens.token()

    async def get(self, path: str, purpose: str) -> Any:
        """The decoded answer to a GET, tried again where that may help."""
        return (await self.send(Request("GET", path, purpose, safe=True))).json()

    async def send(self, request: Request) -> Answer:
        """The answer to a request, whole. Raises CallFailedError."""
        return await self._perform(request, self._whole)

    @asynccontextmanager
    async def stream(self, request: Request) -> AsyncIterator[aiohttp.ClientResponse]:
        """The answer to a request, its body not yet read. What goes wrong while it is read is the reader's.

        It does not hold one of the session's slots: its reader may need one before it has read to the end.
        """
        response = await self._perform(request, _unread)
        try:
            yield response
        finally:
            response.close()

    async def public(self, url: str) -> Any:
        """The decoded answer to a GET that needs no authentication."""
        limits = aiohttp.ClientTimeout(
            total=self._settings.read_seconds, sock_connect=self._settings.connect_seconds
        )
        try:
            async with self._http.get(
                URL(url, encoded=True), timeout=limits, allow_redirects=False
            ) as response:
                body = await read_capped(response, self._settings.max_answer_bytes)
                if response.status != 200:
                    raise CallFailedError(faults.of_response(response.status, body))
                return loads(body)
        except (MalformedBodyError, BodyTooLargeError) as error:
            raise CallFailedError(faults.senseless(str(error))) from error
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise CallFailedError(faults.unreachable(_text(error))) from error

    async def _perform(self, request: Request, reader: Reader[T]) -> T:
        if not request.safe:
            return await self._authorised(request, reader)
        attempts = stamina.retry_context(
            on=FullJitter(self._random),
            attempts=self._settings.read_attempts,
            timeout=self._settings.total_seconds,
        )
        async for attempt in attempts:
            with attempt:
                return await self._authorised(request, reader)
        raise AssertionError("the last attempt returns or raises")

    async def _authorised(self, request: Request, reader: Reader[T]) -> T:
        """One request with the current token; a second with a new one if Salesforce says that the session has ended."""
        token = await self._tokens.token()
        try:
            return await self._exchange(request, token, reader)
        except CallFailedError as error:
            if not _is_stale_token(error.failure):
                raise
        return await self._exchange(request, await self._tokens.renew(token), reader)

    async def _exchange(self, request: Request, token: Token, reader: Reader[T]) -> T:
        self._circuit.check()
        await self._gate.admit(request.purpose)
        async with self._slots:
            with self._circuit.call() as attempt, self._watched():
                return await self._tried(request, token, reader, attempt)

    async def _tried(self, request: Request, token: Token, reader: Reader[T], attempt: Attempt) -> T:
        started = self._clock.monotonic()
        outcome = "transport"
        try:
            response = await self._open(request, token)
            self._heard(response, attempt)
            date = self._observe(response, self._clock.monotonic() - started)
            if response.status >= 300:
                outcome = _outcome_of(response)
                raise await self._refused(request, response, attempt)
            if not request.safe:
                await self._failpoints.reach(Failpoint.REPLY_UNREAD)
            result = await reader(response, date)
            outcome = "ok"
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            attempt.failed(type(error).__name__)
            self._tell(False, f"no answer: {_text(error)}")
            raise self._unanswered(request, error) from error
        except BodyTooLargeError as error:
            raise CallFailedError(self._too_large(request, error)) from error
        finally:
            elapsed = self._clock.monotonic() - started
            self._meter.count("isthmus_salesforce_requests_total", api=request.api, outcome=outcome)
            self._meter.count("isthmus_salesforce_api_calls_total", purpose=request.purpose)
            self._meter.observe("isthmus_salesforce_request_duration_seconds", elapsed, api=request.api)
        return result

    @contextmanager
    def _watched(self) -> Iterator[None]:
        """Tell when nothing at all has answered for `read_seconds`, though the call itself may be waited for much longer."""
        answers, limit = self._answers, self._settings.read_seconds

        def silent() -> None:
            if self._answers == answers:
                self._tell(False, f"no answer for {limit:.0f} s")

        timer = asyncio.get_running_loop().call_later(limit, silent)
        try:
            yield
        finally:
            timer.cancel()

    def _heard(self, response: aiohttp.ClientResponse, attempt: Attempt) -> None:
        """Somebody answered: what that says of the host."""
        self._answers += 1
        if (response.status >= 500 and not _is_soap_fault(response)) or response.status in UNWELL:
            asked = retry_after(response.headers.get("Retry-After"), self._clock)
            attempt.failed(f"HTTP {response.status}", asked)
            self._tell(False, f"Salesforce answers with HTTP {response.status}")
        else:
            attempt.answered()
            self._tell(True, "answering")

    def _tell(self, up: bool, reason: str) -> None:
        """Tell how the org does, where that has changed."""
        if up is not self._up:
            self._up = up
            self._told(up, reason)

    async def _open(self, request: Request, token: Token) -> aiohttp.ClientResponse:
        return await self._http.request(
            request.method,
            URL(token.instance_url + request.path, encoded=True),
            data=self._body(request, token),
            headers=self._headers(request, token),
            timeout=self._timeout(request),
            allow_redirects=False,
        )

    def _body(self, request: Request, token: Token) -> bytes | SentBody | None:
        if request.body is None:
            return None
        made = request.body
        body: bytes = made(token.access_token) if callable(made) else orjson.dumps(made)
        return body if request.safe else SentBody(body, self._failpoints)

    async def _whole(self, response: aiohttp.ClientResponse, date: datetime) -> Answer:
        try:
            body = await read_capped(response, self._settings.max_answer_bytes)
        finally:
            response.release()
        return Answer(response.status, response.headers, body, date)

    def _headers(self, request: Request, token: Token) -> dict[str, str]:
        headers = {
            "Authorization": f"Bearer {token.access_token}",
            "Accept": "application/json",
            **write_headers(self._settings),
        }
        if request.body is not None:
            headers["Content-Type"] = "application/json"
        headers.update(request.headers or {})
        return headers

    def _timeout(self, request: Request) -> aiohttp.ClientTimeout:
        """A safe read gives up early, because it can be repeated. A write waits, because giving up costs certainty."""
        limits = self._settings
        if request.api == "bulk":
            return aiohttp.ClientTimeout(
                total=None, sock_connect=limits.connect_seconds, sock_read=limits.total_seconds
            )
        return aiohttp.ClientTimeout(
            total=limits.total_seconds,
            sock_connect=limits.connect_seconds,
            sock_read=limits.read_seconds if request.safe else None,
        )

    def _observe(self, response: aiohttp.ClientResponse, elapsed: float) -> datetime:
        date = parse_http_date(response.headers.get("Date"))
        self._server_clock.observe(date, elapsed)
        limits = parse_limit_info(response.headers.get("Sforce-Limit-Info"))
        if limits is not None:
            self._limits = limits
            self._meter.gauge("isthmus_salesforce_api_calls_used", limits.used)
            self._meter.gauge("isthmus_salesforce_api_calls_limit", limits.limit)
            self._gate.told(limits)
        return date or self._server_clock.now().replace(microsecond=0)

    async def _refused(
        self, request: Request, response: aiohttp.ClientResponse, attempt: Attempt
    ) -> CallFailedError:
        try:
            body = await read_capped(response, _DRAIN_BYTES)
        except BodyTooLargeError:
            body = b""
        finally:
            response.release()
        failure = faults.of_response(response.status, body)
        if failure.code == "REQUEST_LIMIT_EXCEEDED":
            self._heard_of_limit(failure, attempt)
        if not request.safe:
            return CallFailedError(faults.of_write(response.status, body))
        if not is_retryable(response.status, failure):
            return CallFailedError(failure)
        return RetryableError(failure, retry_after(response.headers.get("Retry-After"), self._clock))

    def _heard_of_limit(self, failure: Failure, attempt: Attempt) -> None:
        if _TOO_MANY_AT_ONCE in failure.message:
            attempt.failed("too many calls at once")
        else:
            self._gate.refused()

    def _unanswered(self, request: Request, error: Exception) -> CallFailedError:
        if isinstance(error, aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError):
            failure = faults.unreachable(f"no connection: {_text(error)}")  # nothing was sent
            return RetryableError(failure) if request.safe else CallFailedError(failure)
        text = f"{request.method} was sent and not answered: {_text(error)}"
        if request.safe:
            return RetryableError(faults.no_answer(text))
        return CallFailedError(faults.unknown_outcome(text))

    def _too_large(self, request: Request, error: Exception) -> Failure:
        text = f"the answer is too large: {error}"
        return faults.senseless(text) if request.safe else faults.unknown_outcome(text)


async def _unread(response: aiohttp.ClientResponse, _date: datetime) -> aiohttp.ClientResponse:
    return response


def write_headers(settings: SalesforceSettings) -> dict[str, str]:
    """The headers that say how a save is to be done.

    Salesforce runs assignment rules by default, by which a plain update of a lead or case may change its owner.
    """
    headers = {"Sforce-Call-Options": f"client={settings.client_name}", "Sforce-Auto-Assign": "FALSE"}
    if settings.allow_duplicates:
        headers["Sforce-Duplicate-Rule-Header"] = "allowSave=true"
    return headers


def _is_stale_token(failure: Failure) -> bool:
    return failure.code == "INVALID_SESSION_ID" and not any(
        text in failure.message for text in _NOT_A_STALE_TOKEN
    )


def _is_soap_fault(response: aiohttp.ClientResponse) -> bool:
    """SOAP 1.1 gives every refusal the status 500, which says nothing of how the host does."""
    return response.status == 500 and response.content_type == "text/xml"


def _outcome_of(response: aiohttp.ClientResponse) -> str:
    if response.status == 429:
        return "limited"
    return "server_error" if response.status >= 500 and not _is_soap_fault(response) else "client_error"


def _text(error: Exception) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
