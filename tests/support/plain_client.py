"""HTTP and Bayeux without any Salesforce library: what the tests say is what goes over the wire."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Any, Protocol

import aiohttp
import orjson

VERSION = "v67.0"
ALL_EVENTS = "/data/ChangeEvents"


class Address(Protocol):
    """Where an org is and who may use it: what an emulator tells at its start."""

    @property
    def url(self) -> str: ...
    @property
    def org_id(self) -> str: ...
    @property
    def client_id(self) -> str: ...
    @property
    def client_secret(self) -> str: ...
    @property
    def username(self) -> str: ...
    @property
    def private_key_file(self) -> str: ...
    @property
    def access_token(self) -> str: ...
    @property
    def control_url(self) -> str: ...
    @property
    def control_token(self) -> str: ...


@dataclass(frozen=True)
class OrgAddress:
    """An address by itself, free of the process that serves it."""

    url: str
    org_id: str
    client_id: str
    client_secret: str
    username: str
    private_key_file: str
    access_token: str
    control_url: str
    control_token: str

    def with_token(self, access_token: str) -> OrgAddress:
        """The same org with another session."""
        return replace(self, access_token=access_token)


@dataclass(frozen=True)
class Answer:
    """An HTTP answer: status, parsed JSON body (None when there is none), headers, raw bytes."""

    status: int
    body: Any
    headers: Any
    raw: bytes


class PlainClient:
    """One user's requests, with a cookie jar that keeps what it gets."""

    def __init__(self, announcement: Address, token: str | None = None) -> None:
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

    async def query(self, soql: str, *, deleted: bool = False) -> list[dict[str, Any]]:
        """The records of a query that must succeed; with `deleted` those of the Recycle Bin too."""
        answer = await self.rest("GET", "queryAll" if deleted else "query", params={"q": soql})
        assert answer.status == 200, answer.body
        return list(answer.body["records"])

    async def create(self, sobject: str, **values: Any) -> str:
        """Make a record that must succeed; its id."""
        answer = await self.rest("POST", f"sobjects/{sobject}", json=values)
        assert answer.status == 201, answer.body
        return str(answer.body["id"])

    async def update(self, sobject: str, record_id: str, **values: Any) -> None:
        """Change a record, which must succeed."""
        answer = await self.rest("PATCH", f"sobjects/{sobject}/{record_id}", json=values)
        assert answer.status == 204, answer.body

    async def delete(self, sobject: str, record_id: str) -> None:
        """Delete a record, which must succeed."""
        answer = await self.rest("DELETE", f"sobjects/{sobject}/{record_id}")
        assert answer.status == 204, answer.body

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
        """One /meta/subscribe; its answer. The replay map names another channel too, as some clients do."""
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

    async def up_to_marker(self, sobject: str = "Task", **values: Any) -> list[dict[str, Any]]:
        """The `data` of every event that came before that of a record made now: so silence is told without waiting."""
        marker = await self._client.create(sobject, **(values or {"Subject": "marker"}))
        found: list[dict[str, Any]] = []
        while not found or header(found[-1])["recordIds"] != [marker]:
            found += await self.events(1)
        return found[:-1]


def header(event: dict[str, Any]) -> dict[str, Any]:
    """The ChangeEventHeader of an event."""
    return dict(event["payload"]["ChangeEventHeader"])


def body(event: dict[str, Any]) -> dict[str, Any]:
    """The payload of an event without its header."""
    return {name: value for name, value in event["payload"].items() if name != "ChangeEventHeader"}


def kinds(events: Sequence[dict[str, Any]]) -> list[tuple[str, str]]:
    """Object and change type of events, in their order."""
    return [(header(event)["entityName"], header(event)["changeType"]) for event in events]


def collection(sobject: str, *rows: dict[str, Any], **options: Any) -> dict[str, Any]:
    """The body of a Collections call about records of one type."""
    return {"records": [{"attributes": {"type": sobject}, **row} for row in rows], **options}


async def token_of(client: PlainClient) -> str:
    """A fresh access token of the integration user."""
    form = {
        "grant_type": "client_credentials",
        "client_id": client.announcement.client_id,
        "client_secret": client.announcement.client_secret,
    }
    answer = await client.send("POST", "/services/oauth2/token", auth="", data=form)
    assert answer.status == 200, answer.body
    return str(answer.body["access_token"])
