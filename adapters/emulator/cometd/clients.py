"""The connected clients: who they are, what they subscribed to, and up to where they have read."""

from __future__ import annotations

import random
import string
from dataclasses import dataclass, field

from adapters.emulator.clock import liveness
from adapters.emulator.events.selection import Channel
from adapters.emulator.switches import Switches

_ALPHABET = string.ascii_lowercase + string.digits


@dataclass(slots=True)
class Subscription:
    """A channel and the position on the event log that comes next."""

    channel: Channel
    position: int


@dataclass(slots=True, eq=False)
class Client:
    """A client between its handshake and its end."""

    client_id: str
    user_id: str
    cookie: str
    subscriptions: dict[str, Subscription] = field(default_factory=dict)
    connected: bool = False
    """Whether the first connect, which is answered at once, has been."""
    parked: int = 0
    answered_at: float = field(default_factory=liveness)
    turn: int = 0
    """Number of the newest connect; an older one that is still parked gives way."""


class Clients:
    """All clients of the streaming endpoint. One that lets its time pass without a connect is forgotten."""

    def __init__(self, rng: random.Random, switches: Switches) -> None:
        self._rng = rng
        self._switches = switches
        self._clients: dict[str, Client] = {}

    def __len__(self) -> int:
        self._forget_absent()
        return len(self._clients)

    @property
    def parked(self) -> int:
        """How many connects are being held."""
        return sum(client.parked for client in self._clients.values())

    def welcome(self, user_id: str, cookie: str | None) -> Client:
        """A new client; a browser cookie that it already has stays."""
        client = Client(self._random(26), user_id, cookie or self._random(22))
        self._clients[client.client_id] = client
        return client

    def find(self, client_id: object) -> Client | None:
        """The live client of that id."""
        client = self._clients.get(client_id) if isinstance(client_id, str) else None
        if client is not None and self._is_absent(client):
            del self._clients[client.client_id]
            return None
        return client

    def dismiss(self, client: Client) -> None:
        """Forget a client, and release what it has parked."""
        self._clients.pop(client.client_id, None)
        client.turn += 1

    def drop_all(self) -> int:
        """Forget every client, as a deployment of the service does; gives how many there were."""
        count = len(self._clients)
        for client in list(self._clients.values()):
            self.dismiss(client)
        return count

    def _is_absent(self, client: Client) -> bool:
        return client.parked == 0 and liveness() - client.answered_at > self._switches.session_seconds

    def _forget_absent(self) -> None:
        for client in [item for item in self._clients.values() if self._is_absent(item)]:
            self.dismiss(client)

    def _random(self, length: int) -> str:
        return "".join(self._rng.choices(_ALPHABET, k=length))
