"""The conversation: handshake, connect, subscribe, unsubscribe, disconnect.

The first connect of a client is answered at once and carries the advice. Later ones are parked until an event comes, the hold ends, or the session
does. Events come before the answer of the connect, and may ride on any other answer.
"""

from __future__ import annotations

import random
import re
from collections.abc import Mapping
from dataclasses import dataclass

from adapters.emulator.clock import liveness
from adapters.emulator.cometd import replies
from adapters.emulator.cometd.allocation import Deliveries
from adapters.emulator.cometd.clients import Client, Clients, Subscription
from adapters.emulator.cometd.replies import Answer, Message
from adapters.emulator.events.delivery import Delivery
from adapters.emulator.events.log import TIP
from adapters.emulator.events.selection import Channel
from adapters.emulator.oauth.sessions import Session, Sessions
from adapters.emulator.org import Org

COOKIE = "BAYEUX_BROWSER"
_FIRST_VERSION = 37
_VERSION = re.compile(r"[0-9]{1,3}\.[0-9]")


@dataclass(frozen=True, slots=True)
class Credentials:
    """What one HTTP request brings along: its access token's session, whether there was a token, and the cookie."""

    session: Session | None
    presented: bool
    token: str
    cookie: str | None


@dataclass(slots=True)
class Exchange:
    """One HTTP request under way: the answers so far, and the cookie to set."""

    credentials: Credentials
    answers: list[Answer]
    set_cookie: str | None = None


class Streaming:
    """The endpoint's state and its rules. `mute` holds all events back while connections stay healthy."""

    def __init__(self, org: Org, sessions: Sessions, rng: random.Random, hold_seconds: float) -> None:
        self._org = org
        self._sessions = sessions
        self._rng = rng
        self.clients = Clients(rng, org.switches)
        self.hold_seconds = hold_seconds
        self.muted = False
        self.closing = False
        self._deliveries = Deliveries()

    async def handle(self, batch: list[Message], credentials: Credentials) -> Exchange:
        """Answer the messages of one HTTP request, in their order."""
        exchange = Exchange(credentials, [])
        for message in batch:
            match message.get("channel"):
                case "/meta/handshake":
                    self._handshake(message, exchange)
                case "/meta/connect":
                    await self._connect(message, exchange, alone=len(batch) == 1)
                case "/meta/subscribe":
                    self._subscribe(message, exchange)
                case "/meta/unsubscribe":
                    self._unsubscribe(message, exchange)
                case "/meta/disconnect":
                    self._disconnect(message, exchange)
                case channel:
                    answer = replies.refused(message, f"403::Cannot create channel {{{channel}}}")
                    exchange.answers.append(answer)
        return exchange

    def drop_sessions(self) -> int:
        """End all sessions: their next connect meets 403::Unknown client."""
        count = self.clients.drop_all()
        self._org.log.wake()
        return count

    def close(self) -> None:
        """Release every parked connect; none is parked afterwards."""
        self.closing = True
        self._org.log.wake()

    def _handshake(self, message: Message, exchange: Exchange) -> None:
        session = exchange.credentials.session
        if session is None:
            presented = exchange.credentials.presented
            reason = replies.AUTHENTICATION_INVALID if presented else replies.AUTHENTICATION_REQUIRED
            exchange.answers.append(replies.handshake_denied(message, reason))
            return
        if len(self.clients) >= self._org.switches.concurrent_clients:
            exchange.answers.append(replies.handshake_denied(message, replies.TOO_MANY_CLIENTS))
            return
        client = self.clients.welcome(session.user_id, exchange.credentials.cookie)
        exchange.set_cookie = client.cookie
        exchange.answers.append(replies.shaken(message, client.client_id))

    async def _connect(self, message: Message, exchange: Exchange, *, alone: bool) -> None:
        client = self._known(message, exchange)
        if client is None:
            return
        kind = message.get("connectionType", "long-polling")
        if kind != "long-polling":
            exchange.answers.append(replies.refused(message, f"400::Invalid connection type {{{kind}}}"))
            return
        if self._rng.random() < self._org.switches.drop_sessions_ratio:
            self.clients.dismiss(client)
            exchange.answers.append(
                replies.refused(message, replies.UNKNOWN_CLIENT, replies.HANDSHAKE_ADVICE)
            )
            return
        client.turn += 1
        if not client.connected and self._is_used_up():
            exchange.answers.append(replies.refused(message, replies.TOO_MANY_EVENTS, replies.STOP_ADVICE))
            return
        if not client.connected or _wants_no_hold(message) or not alone:
            client.connected = True
            exchange.answers += self._pending(client)
            advice = replies.again(self._org.switches.first_interval, int(self.hold_seconds * 1000))
            exchange.answers.append(replies.accepted(message, advice=advice))
            client.answered_at = liveness()
            return
        await self._park(client, message, exchange)

    async def _park(self, client: Client, message: Message, exchange: Exchange) -> None:
        turn, deadline = client.turn, liveness() + self.hold_seconds
        client.parked += 1
        try:
            while True:
                ended = self._ended(client, exchange)
                if ended is not None:
                    exchange.answers.append(replies.refused(message, *ended))
                    return
                found = self._pending(client)
                left = deadline - liveness()
                if found or left <= 0 or client.turn != turn or self.closing:
                    exchange.answers += found
                    exchange.answers.append(replies.accepted(message))
                    return
                await self._org.log.wait(left)
        finally:
            client.parked -= 1
            client.answered_at = liveness()

    def _ended(self, client: Client, exchange: Exchange) -> tuple[str, Answer] | None:
        """Why a parked connect cannot go on, with the advice; None while it can."""
        if self._sessions.find(exchange.credentials.token) is None:
            return replies.AUTHENTICATION_INVALID, replies.STOP_ADVICE
        if self.clients.find(client.client_id) is None:
            return replies.UNKNOWN_CLIENT, replies.HANDSHAKE_ADVICE
        if any(self._org.log.has_lost(item.position) for item in client.subscriptions.values()):
            self.clients.dismiss(client)  # rather than going on behind the gap in silence
            return replies.UNKNOWN_CLIENT, replies.HANDSHAKE_ADVICE
        if self._is_used_up():
            client.subscriptions.clear()
            return replies.TOO_MANY_EVENTS, replies.STOP_ADVICE
        return None

    def _is_used_up(self) -> bool:
        """Whether the org has used its deliveries of the last 24 hours."""
        limit = self._org.switches.daily_event_limit
        return bool(limit) and self._deliveries.within_window(self._org.clock.now()) >= limit

    def _pending(self, client: Client) -> list[Answer]:
        """The events that come next on the client's channels, in the order of the log."""
        if self.muted or not client.subscriptions:
            return []
        found: list[tuple[int, Answer]] = []
        for subscription in client.subscriptions.values():
            found += self._next_of(subscription, client.user_id)
        if len(client.subscriptions) > 1:
            found.sort(key=lambda item: item[0])
        self._deliveries.add(len(found), self._org.clock.now())
        return [message for _, message in found]

    def _next_of(self, subscription: Subscription, user_id: str) -> list[tuple[int, Answer]]:
        """A batch of one channel with the events' places on the log. What the channel does not carry is passed over, however much it is."""
        limit = self._org.switches.event_batch
        delivery = Delivery(self._org.records, user_id, subscription.channel)
        found: list[tuple[int, Answer]] = []
        while not found:
            start = self._org.log.first_position(subscription.position)
            events = self._org.log.since(start, limit)
            if not events:
                break
            subscription.position = start + len(events)
            for place, event in enumerate(events, start):
                found += [(place, message) for message in delivery.messages(event)]
        return found

    def _subscribe(self, message: Message, exchange: Exchange) -> None:
        client = self._known(message, exchange)
        if client is None:
            return
        name = message.get("subscription")
        if not isinstance(name, str) or not name:
            exchange.answers.append(replies.refused(message, replies.CHANNEL_MISSING))
            return
        if not name.startswith("/"):
            exchange.answers.append(replies.refused(message, replies.CHANNEL_SLASH))
            return
        channel = self._org.selection.channel(name)
        if channel is None or self._is_refused_as_unselected(channel):
            exchange.answers.append(replies.channel_unknown(message, name))
            return
        permissions = self._org.records.permissions
        if channel.single is not None and not permissions.events_visible(client.user_id, channel.single):
            exchange.answers.append(replies.refused(message, replies.NO_VIEW_ALL))
            return
        replay_id = _replay_id(message, name)
        position = self._org.log.position(replay_id) if isinstance(replay_id, int) else None
        if position is None:
            exchange.answers.append(replies.replay_invalid(message, replay_id))
            return
        client.subscriptions[name] = Subscription(channel, position)
        client.answered_at = liveness()
        exchange.answers.append(replies.accepted(message, subscription=name))
        self._org.log.wake()

    def _is_refused_as_unselected(self, channel: Channel) -> bool:
        if channel.single is None or not self._org.switches.refuse_unselected_channels:
            return False
        return not self._org.selection.on_default_channel(channel.single)

    def _unsubscribe(self, message: Message, exchange: Exchange) -> None:
        client = self._known(message, exchange)
        if client is not None:
            name = message.get("subscription")
            client.subscriptions.pop(str(name), None)
            exchange.answers.append(replies.accepted(message, subscription=name))

    def _disconnect(self, message: Message, exchange: Exchange) -> None:
        client = self._known(message, exchange)
        if client is not None:
            self.clients.dismiss(client)
            self._org.log.wake()
            exchange.answers.append(replies.accepted(message))

    def _known(self, message: Message, exchange: Exchange) -> Client | None:
        """The client behind a message; when there is none that may speak, the refusal is already among the answers."""
        refusal = self._refusal(message, exchange.credentials)
        if refusal is not None:
            exchange.answers.append(refusal)
            return None
        return self.clients.find(message.get("clientId"))

    def _refusal(self, message: Message, credentials: Credentials) -> Answer | None:
        if credentials.session is None:
            error = (
                replies.AUTHENTICATION_INVALID if credentials.presented else replies.AUTHENTICATION_REQUIRED
            )
            return replies.refused(message, error, replies.STOP_ADVICE)
        client_id = message.get("clientId")
        if not isinstance(client_id, str) or not client_id:
            return replies.refused(message, replies.NO_HANDSHAKE, replies.HANDSHAKE_ADVICE)
        client = self.clients.find(client_id)
        if client is None or credentials.cookie not in {client.cookie, None}:
            return replies.refused(message, replies.UNKNOWN_CLIENT, replies.HANDSHAKE_ADVICE)
        if credentials.cookie is None:
            return replies.cookie_missing(message, client_id)
        if client.user_id != credentials.session.user_id:
            return replies.refused(message, replies.WRONG_USER, replies.HANDSHAKE_ADVICE)
        return None


def version_error(segments: tuple[str, ...]) -> str | None:
    """What is wrong with the path after `/cometd`, or None."""
    if not segments:
        return replies.VERSION_MISSING
    if _VERSION.fullmatch(segments[0]) is None:
        return replies.VERSION_MISSING
    return replies.VERSION_TOO_OLD if float(segments[0]) < _FIRST_VERSION else None


def _wants_no_hold(message: Message) -> bool:
    advice = message.get("advice")
    return isinstance(advice, Mapping) and advice.get("timeout") == 0


def _replay_id(message: Message, channel: str) -> object:
    """The entry for this very channel, a number or a numeric text; -1 when there is none."""
    ext = message.get("ext")
    replay = ext.get("replay") if isinstance(ext, Mapping) else None
    value = replay.get(channel, TIP) if isinstance(replay, Mapping) else TIP
    if isinstance(value, str):
        try:
            return int(value)
        except ValueError:
            return value
    return value
