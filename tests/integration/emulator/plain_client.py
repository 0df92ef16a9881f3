"""HTTP and Bayeux without any Salesforce library: what the tests say is what goes over the wire."""

from __future__ import annotations

from dataclasses import dataclass
from types import TracebackType
from typing import Any

import aiohttp
import orjson

from adapters.emulator import Announcement

VERSION = "v67.0"


@dataclass(frozen=True)
class Answer:
    """An HTTP answer: status, parsed JSON body (None when there is none), headers, raw bytes."""

    status: int
    body: Any
    headers: Any
    raw: bytes


class PlainClient:
    """One user's requests, with a cookie jar that keeps what it gets."""

    def __init__(self, announcement: Announcement, token: str | None = None) -> None:
        self.announcement = announcement
        self.token = token or announcement.access_token
        self._session: aiohttp.ClientSession | None = None
        self._next_id = 0

    async def __aenter__(self) -> PlainClient:
        self._session = aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True))
        return self

    async def __aexit__(self, *_exc: type[BaseException] | BaseException | TracebackType | None) -> None:
        assert self._session is not None
        await self._session.close()

    async def send(self, method: str, path: str, *, auth: str | None = None, **kwargs: Any) -> Answer:
        """Any request; `auth` replaces the Authorization header, an empty one leaves it out."""
        assert self._session is not None
        headers = dict(kwargs.pop("headers", {}))
        authorization = f"Bearer {self.token}" if auth is None else auth
        if authorization:
            headers["Authorization"] = authorization
        url = f"{self.announcement.url}{path}"
        async with self._session.request(
            method, url, headers=headers, allow_redirects=False, **kwargs
        ) as response:
            raw = await response.read()
            is_json = "json" in response.headers.get("Content-Type", "")
            return Answer(
                response.status, orjson.loads(raw) if raw and is_json else None, response.headers, raw
            )

    async def rest(self, method: str, path: str, *, version: str = VERSION, **kwargs: Any) -> Answer:
        """A request to a versioned resource."""
        return await self.send(method, f"/services/data/{version}/{path}", **kwargs)

    async def query(self, soql: str) -> list[dict[str, Any]]:
        """The records of a query that must succeed."""
        answer = await self.rest("GET", "query", params={"q": soql})
        assert answer.status == 200, answer.body
        return list(answer.body["records"])

    async def create(self, sobject: str, **values: Any) -> str:
        """Make a record that must succeed; its id."""
        answer = await self.rest("POST", f"sobjects/{sobject}", json=values)
        assert answer.status == 201, answer.body
        return str(answer.body["id"])

    async def control(self, method: str, command: str, body: Any = None) -> Any:
        """A command of the control API that must succeed."""
        token = f"Bearer {self.announcement.control_token}"
        answer = await self.send(method, f"/__control/{command}", auth=token, json=body)
        assert answer.status == 200, answer.body
        return answer.body

    async def bayeux(
        self, *messages: dict[str, Any], path: str = "/cometd/67.0", **kwargs: Any
    ) -> list[dict[str, Any]]:
        """One POST to the streaming endpoint; ids are added."""
        for message in messages:
            self._next_id += 1
            message.setdefault("id", str(self._next_id))
        answer = await self.send("POST", path, json=list(messages), **kwargs)
        assert answer.status == 200, answer.raw
        return list(answer.body)


class PlainStream:
    """A session on the streaming endpoint."""

    def __init__(self, client: PlainClient) -> None:
        self._client = client
        self.client_id = ""

    async def open(self) -> PlainStream:
        """Handshake and first connect."""
        [shaken] = await self._client.bayeux({"channel": "/meta/handshake", "version": "1.0"})
        assert shaken["successful"], shaken
        self.client_id = shaken["clientId"]
        first = await self.connect()
        assert first[-1]["successful"], first
        return self

    async def connect(self, **extra: Any) -> list[dict[str, Any]]:
        """One /meta/connect; everything that came back."""
        message = {
            "channel": "/meta/connect",
            "clientId": self.client_id,
            "connectionType": "long-polling",
            **extra,
        }
        return await self._client.bayeux(message)

    async def subscribe(self, channel: str, replay: Any = None) -> dict[str, Any]:
        """One /meta/subscribe; its answer."""
        message: dict[str, Any] = {
            "channel": "/meta/subscribe",
            "clientId": self.client_id,
            "subscription": channel,
        }
        if replay is not None:
            message["ext"] = {"replay": {channel: replay, "/data/Other": -2}}
        answers = await self._client.bayeux(message)
        return answers[-1]

    async def events(self, count: int) -> list[dict[str, Any]]:
        """The `data` of that many events; fails when the org falls silent before."""
        found: list[dict[str, Any]] = []
        while len(found) < count:
            answers = await self.connect()
            assert answers[-1]["channel"] == "/meta/connect"
            assert answers[-1]["successful"], answers[-1]
            fresh = [answer["data"] for answer in answers[:-1]]
            assert fresh, f"silence after {len(found)} of {count} events"
            found += fresh
        return found
