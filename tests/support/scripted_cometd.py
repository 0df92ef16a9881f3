"""A CometD server that misbehaves on demand: each message can be answered by a script instead of by the protocol."""

import asyncio
from collections import defaultdict, deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

import orjson
from aiohttp import web

HANDSHAKE = "/meta/handshake"
CONNECT = "/meta/connect"
SUBSCRIBE = "/meta/subscribe"
DISCONNECT = "/meta/disconnect"


@dataclass(frozen=True, slots=True)
class Scripted:
    """One answer. `message` is merged into the plain reply; `body` replaces the whole answer."""

    message: dict[str, Any] = field(default_factory=dict)
    body: bytes | None = None
    status: int = 200
    events: Sequence[dict[str, Any]] = ()
    bare: bool = False  # without channel and id
    hang: bool = False
    reset: bool = False


def change(replay_id: int, name: str = "Acme", **header: Any) -> dict[str, Any]:
    """One change event of an account, as a message."""
    full = {
        "entityName": "Account",
        "recordIds": ["0017R00004aBcDeQAK"],
        "changeType": "UPDATE",
        "changedFields": ["Name"],
        "changeOrigin": "",
        "transactionKey": f"t{replay_id}",
        "sequenceNumber": 1,
        "commitTimestamp": 1795354455000,
        "commitUser": "0057R000009wXyZQAU",
        **header,
    }
    payload = {"ChangeEventHeader": full, "Name": name}
    return {"channel": "/data/ChangeEvents", "data": {"payload": payload, "event": {"replayId": replay_id}}}


class ScriptedCometd:
    """Serves the token endpoint and `/cometd/` on a free port of this machine."""

    def __init__(self, hold_seconds: float = 0.3) -> None:
        self.hold_seconds = hold_seconds
        self.seen: list[dict[str, Any]] = []
        self.logins = 0
        self.refuse_logins = False
        self._scripts: defaultdict[str, deque[Scripted]] = defaultdict(deque)
        self._waiting: deque[dict[str, Any]] = deque()
        self._changed = asyncio.Condition()
        self._connected: set[str] = set()
        self._sessions = 0
        self._port = 0
        self._runner: web.AppRunner | None = None

    @property
    def url(self) -> str:
        """Where it serves."""
        return f"http://127.0.0.1:{self._port}"

    def script(self, channel: str, *answers: Scripted) -> None:
        """Answer the next messages on a channel like this."""
        self._scripts[channel].extend(answers)

    def asked(self, channel: str) -> list[dict[str, Any]]:
        """The messages seen on a channel."""
        return [message for message in self.seen if message["channel"] == channel]

    async def until_asked(self, channel: str, times: int, deadline: float = 5.0) -> None:
        """Wait until a channel has been asked so many times."""
        async with asyncio.timeout(deadline), self._changed:
            await self._changed.wait_for(lambda: len(self.asked(channel)) >= times)

    async def send(self, *events: dict[str, Any]) -> None:
        """Let the parked connect, or the next one, answer with these events."""
        async with self._changed:
            self._waiting.extend(events)
            self._changed.notify_all()

    async def start(self) -> None:
        """Serve, on the port of the last time if there was one."""
        app = web.Application(client_max_size=1 << 20)
        app.router.add_post("/services/oauth2/token", self._token)
        app.router.add_post("/cometd/{tail:.*}", self._cometd)
        self._runner = web.AppRunner(app, shutdown_timeout=0.05)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self._port, reuse_address=True)
        await site.start()
        self._port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        """Stop serving; parked requests are cut."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None
        self._connected.clear()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def _token(self, _request: web.Request) -> web.Response:
        self.logins += 1
        if self.refuse_logins:
            return web.json_response({"error": "invalid_grant", "error_description": "expired"}, status=400)
        return web.json_response(
            {
                "access_token": f"00D7R000001QrStUAK!{self.logins}",
                "instance_url": self.url,
                "id": f"{self.url}/id/00D7R000001QrStUAK/0057R000009wXyZQAU",
                "token_type": "Bearer",
            }
        )

    async def _cometd(self, request: web.Request) -> web.StreamResponse:
        (message,) = orjson.loads(await request.read())
        channel = message["channel"]
        async with self._changed:
            self.seen.append({**message, "authorization": request.headers.get("Authorization")})
            self._changed.notify_all()
        scripted = self._scripts[channel].popleft() if self._scripts[channel] else None
        if scripted is not None and scripted.hang:
            await asyncio.Event().wait()
        if scripted is not None and scripted.reset:
            assert request.transport is not None
            request.transport.abort()
            return web.Response()
        if scripted is not None and scripted.body is not None:
            return web.Response(body=scripted.body, status=scripted.status, content_type="text/html")
        events = list(scripted.events) if scripted else []
        reply = {"channel": channel, "id": message["id"], "successful": True, **self._reply(message)}
        if channel == CONNECT:
            advised = int(self.hold_seconds * 1000)
            reply["advice"] = {"reconnect": "retry", "interval": 0, "timeout": advised}
        if scripted is not None and scripted.message:
            reply.update(scripted.message)
        elif channel == CONNECT:
            events += await self._park(message)
        if scripted is not None and scripted.bare:
            del reply["channel"], reply["id"]
        return web.json_response([*events, reply], status=scripted.status if scripted else 200)

    def _reply(self, message: dict[str, Any]) -> dict[str, Any]:
        if message["channel"] == HANDSHAKE:
            self._sessions += 1
            return {"clientId": f"client{self._sessions}", "supportedConnectionTypes": ["long-polling"]}
        if message["channel"] == SUBSCRIBE:
            return {"subscription": message["subscription"]}
        return {}

    async def _park(self, message: dict[str, Any]) -> list[dict[str, Any]]:
        """Hold a connect until there is an event; the first one is answered at once."""
        first = message["clientId"] not in self._connected
        self._connected.add(message["clientId"])
        if not first:
            try:
                async with asyncio.timeout(self.hold_seconds), self._changed:
                    await self._changed.wait_for(lambda: bool(self._waiting))
            except TimeoutError:
                pass
        events = list(self._waiting)
        self._waiting.clear()
        return events
