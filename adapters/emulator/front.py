"""The HTTP front of the org: reads requests, lets faults happen, sends them to the right service, and writes the journal.

Paths are taken leniently, as Salesforce takes them: doubled and trailing slashes mean nothing. Every answer carries the org's own time in its Date
header, so that a client can measure the distance between the clocks.
"""

from __future__ import annotations

import asyncio
import gzip
from dataclasses import dataclass
from typing import assert_never
from urllib.parse import unquote

import orjson
from aiohttp import web

from adapters.emulator.clock import http_date, liveness
from adapters.emulator.cometd import replies
from adapters.emulator.cometd.endpoint import COOKIE, Credentials, Streaming, version_error
from adapters.emulator.control.api import Control
from adapters.emulator.errors import RequestRefused
from adapters.emulator.faults import Action, Fault, Faults
from adapters.emulator.http import Call, Reply, is_too_deep
from adapters.emulator.journal import Entry, Journal
from adapters.emulator.oauth.endpoints import OAuth
from adapters.emulator.org import Org
from adapters.emulator.rest.api import RestApi
from adapters.emulator.rest.schemas import versions
from adapters.emulator.soap.metadata import Metadata

_COMPRESS_FROM = 4096
_COMPRESSION = 1  # the quickest: what is sent rarely leaves the machine
_MOST_COMETD_BYTES = 32_768
_LONGEST_HEAD = 16_384
_FAULT_HEADER = "X-Emulator-Fault"
"""Marks an answer that a fault gave in the org's place."""


@dataclass(frozen=True, slots=True)
class _Target:
    """Where a request goes: the decoded path and the kind of API it belongs to."""

    segments: tuple[str, ...]
    path: str
    kind: str


class Front:
    """Answers every HTTP request of one emulator."""

    def __init__(
        self,
        org: Org,
        rest: RestApi,
        metadata: Metadata,
        oauth: OAuth,
        streaming: Streaming,
        control: Control,
        journal: Journal,
        faults: Faults,
    ) -> None:
        self._org = org
        self._rest = rest
        self._metadata = metadata
        self._oauth = oauth
        self._streaming = streaming
        self._control = control
        self._journal = journal
        self._faults = faults

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer one request."""
        if not _is_text(request):
            return web.Response(status=400, text="A header is not UTF-8")
        target = self._target(request)
        body = await request.read()
        if target.kind == "control":
            reply = self._control.handle(_call(request, target.segments[1:], "", body, ""))
            self._org.release(self._org.take_lingering())  # a tester's acts hold no locks
            return self._response(request, reply, target)
        started = liveness()
        fault = self._faults.take(request.method, target.path, target.kind)
        if fault is not None:
            answered = await self._happen(request, fault)
            if answered is not None:
                self._note(request, target, answered.status, started, body)
                return self._response(request, answered, target)
        response = await self._answer(request, target, body)
        self._note(request, target, response.status, started, body)
        if fault is not None and fault.action is Action.DROP_REPLY:
            _cut(request)
        return response

    async def _happen(self, request: web.Request, fault: Fault) -> Reply | None:
        """Let a fault happen before the work; gives the answer where the fault answers itself."""
        match fault.action:
            case Action.LATENCY:
                await asyncio.sleep(fault.seconds)
            case Action.HANG:
                await asyncio.sleep(fault.seconds or 3600)
                _cut(request)
                return Reply(503)
            case Action.ANSWER:
                headers = {**fault.headers, _FAULT_HEADER: "true"}
                if fault.body is not None:
                    content = fault.body.encode()
                    return Reply(fault.status, None, headers, content, fault.content_type)
                body = RequestRefused(fault.status, fault.code, fault.message).as_body()
                return Reply(fault.status, body, headers)
            case Action.DROP_REPLY | Action.REFUSE_RECORDS:
                pass
            case _:
                assert_never(fault.action)
        return None

    async def _answer(self, request: web.Request, target: _Target, body: bytes) -> web.StreamResponse:
        if target.kind == "cometd":
            return await self._stream(request, target, body)
        try:
            reply = self._plain(request, target, body)
        except RequestRefused as refusal:
            reply = Reply(refusal.status, refusal.as_body())
        await self._linger()
        return self._response(request, reply, target)

    async def _linger(self) -> None:
        """Hold the locks of what this request has just written for as long as its transactions last."""
        holder = self._org.take_lingering()
        if holder is not None:
            try:
                await asyncio.sleep(self._org.switches.transaction_seconds)
            finally:
                self._org.release(holder)

    def _plain(self, request: web.Request, target: _Target, body: bytes) -> Reply:
        match target.segments:
            case ("services", "oauth2", action):
                return self._oauth.handle(request.method, action, request.query, request.headers, body)
            case ("id", _org, _user):
                return self._oauth.userinfo(request.headers)
            case ("services", "data"):
                return Reply(200, versions())
            case ("services", "Soap", "m", version) if request.method == "POST":
                return self._metadata.handle(version, body)
            case ("services", "data", version, *rest) if version.startswith("v"):
                return self._versioned(request, tuple(rest), version[1:], body)
            case _:
                raise RequestRefused(404, "NOT_FOUND", "The requested resource does not exist")

    def _versioned(self, request: web.Request, segments: tuple[str, ...], version: str, body: bytes) -> Reply:
        if len(request.raw_path) > _LONGEST_HEAD:
            raise RequestRefused(414, "URI_TOO_LONG", "The URI is longer than 16,384 bytes")
        head = len(request.raw_path) + sum(len(name) + len(value) for name, value in request.raw_headers)
        if head > _LONGEST_HEAD:
            raise RequestRefused(
                431, "REQUEST_HEADER_FIELDS_TOO_LARGE", "The URI and the headers are longer than 16,384 bytes"
            )
        session = self._oauth.session_of(request.headers)
        if session is None:
            return Reply(401, [{"message": "Session expired or invalid", "errorCode": "INVALID_SESSION_ID"}])
        return self._rest.handle(_call(request, segments, version, body, session.user_id))

    async def _stream(self, request: web.Request, target: _Target, body: bytes) -> web.StreamResponse:
        error = version_error(target.segments[1:])
        if request.method != "POST" or error is not None:
            refused = [replies.refused({"channel": "/meta/handshake"}, error or "400::Bad Request")]
            return self._response(request, Reply(400, refused), target)
        if len(body) > _MOST_COMETD_BYTES:
            return self._response(
                request,
                Reply(413, content=b"Maximum Request Size Exceeded", content_type="text/plain"),
                target,
            )
        try:
            parsed = orjson.loads(body)
        except orjson.JSONDecodeError:
            return self._response(request, Reply(400, content=b"", content_type="text/html"), target)
        batch = parsed if isinstance(parsed, list) else [parsed]
        if not all(isinstance(item, dict) for item in batch) or is_too_deep(batch):
            return self._response(request, Reply(400, content=b"", content_type="text/html"), target)
        authorization = request.headers.get("Authorization", "")
        credentials = Credentials(
            session=self._oauth.session_of(request.headers),
            presented=bool(authorization),
            token=authorization.partition(" ")[2].strip(),
            cookie=request.cookies.get(COOKIE),
        )
        exchange = await self._streaming.handle(batch, credentials)
        response = self._response(request, Reply(200, exchange.answers), target)
        if exchange.set_cookie is not None:
            response.set_cookie(COOKIE, exchange.set_cookie, path="/", httponly=True)
            response.set_cookie("sfdc-stream", f"!{exchange.set_cookie[:12]}", path="/", httponly=True)
        return response

    def _target(self, request: web.Request) -> _Target:
        raw = request.raw_path.partition("?")[0]
        segments = tuple(unquote(item) for item in raw.split("/") if item)
        path = "/" + "/".join(segments)
        match segments:
            case ("__control", *_):
                kind = "control"
            case ("services", "oauth2", *_) | ("id", *_):
                kind = "oauth"
            case ("cometd", *_):
                kind = "cometd"
            case ("services", "data", _, *rest):
                kind = self._rest.kind(request.method, tuple(rest))
            case ("services", "data"):
                kind = "versions"
            case ("services", "Soap", "m", _):
                kind = "metadata"
            case _:
                kind = "unknown"
        return _Target(segments, path, kind)

    def _response(self, request: web.Request, reply: Reply, target: _Target) -> web.Response:
        payload = reply.payload()
        headers = {
            "Date": http_date(self._org.clock.now()),
            "Content-Type": reply.content_type,
            **reply.headers,
        }
        if target.segments[:2] == ("services", "data") and len(target.segments) > 2:
            headers["Sforce-Limit-Info"] = self._rest.limit_info()
        if not payload:
            del headers["Content-Type"]
        if (
            len(payload) >= _COMPRESS_FROM
            and target.kind != "cometd"
            and "gzip" in request.headers.get("Accept-Encoding", "")
        ):
            payload = gzip.compress(payload, _COMPRESSION, mtime=0)
            headers["Content-Encoding"] = "gzip"
        return web.Response(status=reply.status, body=payload, headers=headers)

    def _note(self, request: web.Request, target: _Target, status: int, started: float, body: bytes) -> None:
        entry = Entry(
            at=self._org.clock.now(),
            method=request.method,
            path=target.path,
            kind=target.kind,
            status=status,
            seconds=round(liveness() - started, 6),
            records=_count_records(target.kind, body),
        )
        self._journal.add(entry)


def _call(request: web.Request, segments: tuple[str, ...], version: str, body: bytes, user_id: str) -> Call:
    return Call(
        method=request.method,
        segments=segments,
        version=version,
        query=request.query,
        headers=request.headers,
        body=body,
        user_id=user_id,
    )


def _is_text(request: web.Request) -> bool:
    """Whether the headers are UTF-8: what is not could be kept, but never be sent again."""
    try:
        for _, value in request.raw_headers:
            value.decode()
    except UnicodeDecodeError:
        return False
    return True


def _count_records(kind: str, body: bytes) -> int:
    """How many records a write names, roughly: for the journal only."""
    if kind == "collections":
        return body.count(b'"attributes"')
    return 1 if kind == "rows" and body else 0


def _cut(request: web.Request) -> None:
    """Close the connection under the client's hands, so that no answer arrives."""
    if request.transport is not None:
        request.transport.abort()
