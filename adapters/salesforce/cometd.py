"""The stream of change events over CometD: one session on top of aiosfstream-ng and aiocometd-ng.

The packages do the handshake, the subscription, the framing and the replay extension. Left alone they also reconnect,
log in again and resubscribe by themselves, and lose events in silence while they do. So a session here never mends
itself: whatever goes wrong ends it, with a reason, and the caller opens a new one at the position it has committed.
Some of what is overridden is private to the packages, hence their exact versions, checked when a source is made.

Further differences from the packages' own ways: a received event is never awaited into a queue, and instead the next
connect waits while much is unread; `interval` is milliseconds; every request has a deadline; an answer is looked at
before it is believed; cookies of a bare address are kept; closing takes a second or two at the most.
"""

import asyncio
from importlib.metadata import version
from typing import Any, Final

import aiohttp
import orjson
from aiocometd_ng.constants import ConnectionType, MetaChannel, TransportState
from aiocometd_ng.exceptions import AiocometdException
from aiocometd_ng.transports.long_polling import LongPollingTransport
from aiocometd_ng.utils import defer
from aiosfstream_ng.auth import AuthenticatorBase
from aiosfstream_ng.client import Client, ReplayMarkerStoragePolicy
from aiosfstream_ng.exceptions import AiosfstreamException
from aiosfstream_ng.replay import ReplayMarker, ReplayMarkerStorage

from adapters.salesforce import bayeux
from adapters.salesforce.http_body import BodyTooLargeError, read_capped
from adapters.salesforce.login import Token
from adapters.salesforce.settings import SalesforceSettings
from adapters.salesforce.tokens import TokenProvider
from daemon.domain.failure import ConfigurationError
from daemon.ports.clock import Clock
from daemon.ports.meter import Meter
from daemon.ports.salesforce import PositionLostError, StreamEndedError

PINNED: Final = {"aiosfstream-ng": "0.7.5", "aiocometd-ng": "0.5.6"}
CLOSE_SECONDS: Final = 1.0
_LONGEST_INTERVAL: Final = 30.0

Message = dict[str, Any]


def check_versions() -> None:
    """Raises ConfigurationError if another version of one of the two packages is installed."""
    for package, pinned in PINNED.items():
        found = version(package)
        if found != pinned:
            raise ConfigurationError(
                "The change stream cannot be started.",
                f"{package} is installed in version {found}, and Isthmus works with {pinned} alone.",
                "Install Isthmus into an environment of its own, from its own requirements.",
            )


class SharedToken(AuthenticatorBase):
    """Gives the packages the token that REST uses too. Shows no secret when printed."""

    def __init__(self, tokens: TokenProvider) -> None:
        super().__init__()
        self._tokens = tokens
        self.token: Token | None = None

    def __repr__(self) -> str:
        return "SharedToken()"

    async def _authenticate(self) -> tuple[int, Message]:
        self.token = await self._tokens.token()
        return 200, {
            "access_token": self.token.access_token,
            "token_type": "Bearer",
            "instance_url": self.token.instance_url,
        }


class StartPosition(ReplayMarkerStorage):
    """Answers where the session begins. Nothing is stored here: a position is stored with the effects of its event."""

    def __init__(self, position: str) -> None:
        super().__init__()
        self._position = position

    async def get_replay_id(self, subscription: str) -> Any:
        """The position, as a number where it is one."""
        return int(self._position) if self._position.lstrip("-").isdecimal() else self._position

    async def get_replay_marker(self, subscription: str) -> ReplayMarker | None:
        """Nothing: `get_replay_id` answers."""
        return None

    async def set_replay_marker(self, subscription: str, replay_marker: ReplayMarker) -> None:
        """Nothing is stored."""


class SessionTransport(LongPollingTransport):
    """Long polling that ends at the first failure and says how, as the last item of its queue."""

    def __init__(self, settings: SalesforceSettings, clock: Clock, meter: Meter, **options: Any) -> None:
        self._advice: Message = {}
        super().__init__(**options)
        self._settings = settings
        self._clock = clock
        self._meter = meter
        self._drained = asyncio.Event()
        self._held = False
        self.last_activity = clock.monotonic()
        self.ended: StreamEndedError | None = None

    @property
    def connection_type(self) -> ConnectionType:
        """Long polling: the only way that Salesforce offers."""
        return ConnectionType.LONG_POLLING

    @property
    def _reconnect_advice(self) -> Message:
        return self._advice

    @_reconnect_advice.setter
    def _reconnect_advice(self, advice: object) -> None:
        if isinstance(advice, dict):
            self._advice = {**self._advice, **advice}

    @property
    def last_connect_result(self) -> None:
        """Nothing: a failed connect has already said how it failed."""
        return

    @property
    def hold_seconds(self) -> float:
        """How long the server may hold a connect, by its own advice."""
        advised = self._advice.get("timeout")
        return advised / 1000 if isinstance(advised, int | float) else self._settings.stream_hold_seconds

    @property
    def patience(self) -> float:
        """How long an answer may take while the link is healthy."""
        return self.hold_seconds + self._settings.stream_margin_seconds

    def room(self) -> None:
        """Say that events have been taken out of the queue."""
        self._drained.set()

    async def _send_payload_with_auth(self, payload: list[Message]) -> Message:
        return await self._send_payload(payload)  # a refused token ends the session instead

    async def _send_final_payload(self, payload: list[Message], *, headers: dict[str, str]) -> Message:
        asked = payload[0]
        held = asked["channel"] == MetaChannel.CONNECT and self._held
        outcome = "transport"
        self.last_activity = self._clock.monotonic()
        try:
            async with self._http_semaphore:
                status, body = await self._post(payload, headers, self._deadline(held))
            outcome = "ok" if status < 300 else "client_error" if status < 500 else "server_error"
        except aiohttp.ConnectionTimeoutError as error:
            raise bayeux.transport("no connection in time") from error
        except TimeoutError as error:
            raise bayeux.silent(
                f"no answer to {asked['channel'].value} in {self._deadline(held):.0f} s"
            ) from error
        except (aiohttp.ClientError, OSError) as error:
            raise bayeux.transport(f"{type(error).__name__}: {error}") from error
        except BodyTooLargeError as error:
            raise bayeux.senseless(f"an answer is too large: {error}") from error
        finally:
            self._meter.count("isthmus_salesforce_requests_total", api="stream", outcome=outcome)
        self.last_activity = self._clock.monotonic()
        self._held = self._held or asked["channel"] == MetaChannel.CONNECT
        reply = await self._consume_payload(bayeux.messages_in(status, body, asked), find_response_for=asked)
        if reply is None:
            raise bayeux.senseless(f"no reply to {asked['channel'].value}")
        return reply

    def _deadline(self, held: bool) -> float:
        return self.patience if held else self._settings.stream_request_seconds

    async def _post(
        self, payload: list[Message], headers: dict[str, str], deadline: float
    ) -> tuple[int, bytes]:
        limits = aiohttp.ClientTimeout(
            total=deadline + self._settings.total_seconds,  # a large answer takes its time while it is moving
            sock_connect=self._settings.connect_seconds,
            sock_read=deadline,
        )
        async with self._http_session.post(
            self._url, json=payload, headers=headers, timeout=limits, allow_redirects=False
        ) as response:
            return response.status, await read_capped(response, self._settings.max_answer_bytes)

    def _update_subscriptions(self, response_message: Message) -> None:
        """Nothing: a session has one subscription and never renews it."""

    async def _connect(self) -> Message:
        while self.incoming_queue.qsize() >= self._settings.stream_high_water:
            self._drained.clear()
            await self._drained.wait()
        return await super()._connect()

    def _connect_done(self, future: "asyncio.Future[Message]") -> None:
        if future.cancelled():
            return
        error = future.exception()
        if self.state is TransportState.DISCONNECTING:
            return
        if error is not None:
            self._finish(error if isinstance(error, StreamEndedError) else bayeux.senseless(repr(error)))
        elif not future.result().get("successful"):
            self._finish(bayeux.refused(future.result()))
        else:
            self._state = TransportState.CONNECTED
            connect = defer(self._connect, delay=self._interval(), loop=self._loop)
            self._start_connect_task(connect())

    def _interval(self) -> float:
        """Seconds to wait before the next connect; the advice is in milliseconds."""
        advised = self._advice.get("interval")
        return min(advised / 1000, _LONGEST_INTERVAL) if isinstance(advised, int | float) else 0.0

    def _finish(self, error: StreamEndedError) -> None:
        self.ended = error
        self._state = TransportState.SERVER_DISCONNECTED
        self.incoming_queue.put_nowait({"ended": error})


class StreamSession(Client):
    """One session with one subscription. It is opened once and never mends itself."""

    def __init__(
        self, settings: SalesforceSettings, tokens: TokenProvider, clock: Clock, meter: Meter, position: str
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._meter = meter
        self._shared_token = SharedToken(tokens)
        super().__init__(
            self._shared_token,
            replay=StartPosition(position),
            replay_storage_policy=ReplayMarkerStoragePolicy.MANUAL,
            connection_timeout=0,
            max_pending_count=0,
            json_dumps=lambda document: orjson.dumps(document).decode(),
        )
        self._polling: SessionTransport | None = None
        self._ended: StreamEndedError | None = None

    @property
    def token(self) -> Token | None:
        """The token that the session used."""
        return self._shared_token.token

    async def begin(self, channel: str) -> None:
        """Handshake, first connect, subscription. Raises StreamEndedError, PositionLostError or CallFailedError."""
        try:
            await self.open()
            await self.subscribe(channel)
        except (AiocometdException, AiosfstreamException) as error:
            known = self._polling.ended if self._polling is not None else None
            raise known or bayeux.senseless(repr(error)) from error

    async def open(self) -> None:
        """Handshake and first connect."""
        await self._shared_token.authenticate()
        self.url = f"{self._shared_token.instance_url}/cometd/{self._settings.api_version}"
        self._transport = self._polling = await self._negotiate_transport()
        self._verify_response(await self._transport.connect())
        self._closed = False

    async def next_message(self) -> Message:
        """The next event message. Raises StreamEndedError, also when nothing has been heard for too long."""
        while True:
            if self._ended is not None:
                raise self._ended
            if self._incoming_queue is None or self._polling is None:
                raise bayeux.closed()
            heard = self._polling.last_activity
            patience = self._polling.patience + _LONGEST_INTERVAL
            try:
                async with asyncio.timeout(heard + patience - self._clock.monotonic()):
                    return self._taken(await self._incoming_queue.get())
            except TimeoutError as error:
                if self._polling.last_activity == heard:
                    raise bayeux.silent(f"nothing was heard for {patience:.0f} s") from error

    def next_waiting(self) -> Message | None:
        """The next event message that is here already; None if there is none, or the session has ended behind it."""
        if self._ended is not None or self._incoming_queue is None or self._incoming_queue.empty():
            return None
        try:
            return self._taken(self._incoming_queue.get_nowait())
        except StreamEndedError:
            return None  # raised at the next call of `next_message`

    async def close(self) -> None:
        """End the session within a second or so, whatever its state."""
        try:
            if self._transport is not None:
                async with asyncio.timeout(CLOSE_SECONDS):
                    await self._transport.disconnect()
        except (StreamEndedError, AiocometdException, TimeoutError):
            pass  # the server forgets the session by itself
        finally:
            self._closed = True
            if self._incoming_queue is not None:
                self._incoming_queue.put_nowait({"ended": bayeux.closed()})
            if self._http_session is not None:
                await self._http_session.close()

    def _taken(self, message: Message) -> Message:
        ended = message.get("ended")
        if isinstance(ended, StreamEndedError):
            self._ended = ended
            raise ended
        if self._polling is not None:
            self._polling.room()
        return message

    async def _get_http_session(self) -> aiohttp.ClientSession:
        if self._http_session is None:
            self._http_session = aiohttp.ClientSession(
                cookie_jar=aiohttp.CookieJar(unsafe=True),
                connector=aiohttp.TCPConnector(limit=2),
                json_serialize=self._json_dumps,
            )
        return self._http_session

    async def _negotiate_transport(self) -> SessionTransport:
        self._incoming_queue = asyncio.Queue()
        transport = SessionTransport(
            self._settings,
            self._clock,
            self._meter,
            url=self.url,
            incoming_queue=self._incoming_queue,
            http_session=await self._get_http_session(),
            extensions=self.extensions,
            auth=self.auth,
            json_dumps=self._json_dumps,
            json_loads=self._json_loads,
            loop=self._loop,
        )
        self._verify_response(await transport.handshake([ConnectionType.LONG_POLLING]))
        return transport

    def _raise_server_error(self, response: Message) -> None:
        if response.get("channel") == MetaChannel.SUBSCRIBE and bayeux.is_position_lost(response):
            raise PositionLostError(bayeux.refusal_text(response))
        raise bayeux.refused(response)
