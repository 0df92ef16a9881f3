"""The change source port over CometD."""

from adapters.salesforce import bayeux
from adapters.salesforce.cometd import StreamSession, check_versions
from adapters.salesforce.events import Decoded, Describe, decode, nothing_known
from adapters.salesforce.settings import SalesforceSettings
from adapters.salesforce.tokens import TokenProvider
from daemon.domain.failure import CallFailedError
from daemon.ports.clock import Clock
from daemon.ports.failpoints import NO_FAILPOINTS, Failpoint, Failpoints
from daemon.ports.meter import Meter
from daemon.ports.salesforce import Event, EventBatch, StreamEndedError


class CometdSource:
    """Implements `daemon.ports.salesforce.ChangeSource`: one channel, one session at a time."""

    def __init__(
        self,
        settings: SalesforceSettings,
        tokens: TokenProvider,
        clock: Clock,
        meter: Meter,
        describe: Describe = nothing_known,
        failpoints: Failpoints = NO_FAILPOINTS,
    ) -> None:
        """`describe` tells what is known of an object without asking. Raises ConfigurationError (`check_versions`)."""
        check_versions()
        self._settings = settings
        self._tokens = tokens
        self._clock = clock
        self._meter = meter
        self._describe = describe
        self._failpoints = failpoints
        self._session: StreamSession | None = None
        self._channel = ""

    @property
    def transport(self) -> str:
        """The name that is stored with positions."""
        return "cometd"

    async def open(self, channel: str, position: str) -> None:
        """Begin a session after `position`. Raises StreamEndedError or PositionLostError."""
        await self.close()
        session = StreamSession(self._settings, self._tokens, self._clock, self._meter, position)
        try:
            await session.begin(channel)
        except BaseException as error:
            await session.close()
            if isinstance(error, CallFailedError):
                raise bayeux.no_token(error.failure) from error
            if isinstance(error, StreamEndedError):
                self._note(session, error)
            raise
        self._session, self._channel = session, channel

    async def receive(self) -> EventBatch:
        """The next batch: what is here, of at most a bounded number of events. Raises StreamEndedError."""
        session = self._session
        if session is None:
            raise bayeux.closed()
        events: list[Event] = []
        position: str | None = None
        malformed = 0
        try:
            message = await session.next_message()
        except StreamEndedError as error:
            self._note(session, error)
            raise
        await self._failpoints.reach(Failpoint.EVENT_RECEIVED)
        while message is not None:
            decoded: Decoded = decode(message.get("data"), self._clock.now(), self._describe)
            events.extend(decoded.events)
            position = decoded.position or position
            malformed += decoded.malformed
            if len(events) >= self._settings.stream_batch_events:
                break
            waiting = session.next_waiting()
            if waiting is None:
                break
            message = waiting
        return EventBatch(self._channel, tuple(events), position, malformed)

    async def close(self) -> None:
        """End the session within a second or two, whatever its state."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    def _note(self, session: StreamSession, error: StreamEndedError) -> None:
        """Let the next login happen if it was the token that was refused."""
        if error.reason == "authentication" and session.token is not None:
            self._tokens.discard(session.token)
