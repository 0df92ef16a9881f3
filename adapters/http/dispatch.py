"""From a request to its endpoint and back: parameters, body, reply."""

import asyncio
import difflib
from collections.abc import Mapping
from typing import Any

import orjson
from aiohttp import web

from adapters.http.problems import ProblemError
from adapters.http.tokens import Caller
from daemon.ports.api import ApiReply, ApiRequest, Endpoint

BODY_BYTES = 1_048_576
BODY_SECONDS = 10.0
HANDLER_SECONDS = 30.0


async def answer(endpoint: Endpoint, request: web.Request, caller: Caller) -> web.Response:
    """Ask the endpoint. Raises ProblemError for a request that does not fit it or takes too long."""
    wanted = ApiRequest(
        path=dict(request.match_info),
        query=_query(request, endpoint.query),
        body=await _body(request),
        operator=caller.name,
        role=caller.role,
    )
    try:
        async with asyncio.timeout(HANDLER_SECONDS) as limit:
            reply = await endpoint.handle(wanted)
    except TimeoutError:
        if not limit.expired():
            raise
        raise ProblemError(
            504,
            "timeout",
            "this takes too long",
            f"no answer within {HANDLER_SECONDS:g} s",
            "try again later",
        ) from None
    return _response(reply)


def _query(request: web.Request, known: frozenset[str]) -> Mapping[str, str]:
    for name in request.query:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            fix = f"did you mean {near[0]}?" if near else f"it takes: {', '.join(sorted(known)) or 'none'}"
            raise _bad_query(f"there is no query parameter {name}", fix)
        if len(request.query.getall(name)) > 1:
            raise _bad_query(f"the query parameter {name} is given twice", "give it once")
    return dict(request.query)


def _bad_query(detail: str, fix: str) -> ProblemError:
    return ProblemError(400, "query", "the query is not understood", detail, fix)


async def _body(request: web.Request) -> Mapping[str, Any]:
    if not request.body_exists:
        return {}
    try:
        async with asyncio.timeout(BODY_SECONDS):
            raw = await request.read()
    except TimeoutError:
        raise ProblemError(
            408, "timeout", "the body did not arrive", f"not whole within {BODY_SECONDS:g} s", "send it again"
        ) from None
    if not raw:
        return {}
    if request.content_type != "application/json":
        raise ProblemError(
            415,
            "content-type",
            "the body is not JSON",
            f"its content type is {request.content_type}",
            "send application/json",
        )
    try:
        body = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise ProblemError(400, "body", "the body is not JSON", str(error), "send one JSON object") from None
    if not isinstance(body, dict):
        raise ProblemError(
            400, "body", "the body is not an object", "it is JSON, but no object", "send one JSON object"
        )
    return body


def _response(reply: ApiReply) -> web.Response:
    if isinstance(reply.body, bytes):
        return web.Response(
            status=reply.status, body=reply.body, headers={"Content-Type": reply.content_type}
        )
    body = orjson.dumps(reply.body, default=_plain, option=orjson.OPT_UTC_Z | orjson.OPT_NON_STR_KEYS)
    return web.Response(status=reply.status, body=body, content_type=reply.content_type)


def _plain(value: object) -> Any:
    """What JSON has no word for: exact numbers and the like travel as their text, collections as lists."""
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, frozenset | set):
        return sorted(value, key=str)
    return str(value)
