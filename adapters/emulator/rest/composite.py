"""Composite and Composite Graph: several requests in one, which may use each other's answers."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias
from urllib.parse import parse_qsl, unquote

import orjson
from multidict import CIMultiDict

from adapters.emulator.errors import RequestRefused
from adapters.emulator.http import Call, Reply, Route
from adapters.emulator.org import Org
from adapters.emulator.rest.schemas import supported
from adapters.emulator.store.transaction import Transaction

_MOST_PARTS = 25
_MOST_COSTLY_PARTS = 5
_MOST_NODES = 500
_MOST_GRAPHS = 75
_REFERENCE = re.compile(r"@\{([A-Za-z0-9_]+)\.([^}]+)\}")
_HALTED = "The transaction was rolled back since another operation in the same transaction failed."
_Part: TypeAlias = Mapping[str, object]
_Dispatch: TypeAlias = Callable[[Call], Reply]


class _Failed(Exception):  # noqa: N818
    """A part of an all-or-nothing Composite failed; everything is taken back."""


class Composite:
    """`/composite` and `/composite/graph`. `dispatch` answers one part like a request of its own."""

    def __init__(self, org: Org, dispatch: _Dispatch) -> None:
        self._org = org
        self._dispatch = dispatch

    def routes(self) -> list[Route]:
        """The resources of this family."""
        return [
            Route("POST", "composite", self.composite, "composite"),
            Route("POST", "composite/graph", self.graph, "composite"),
        ]

    def composite(self, call: Call) -> Reply:
        """Run up to 25 requests in order; at most five of them queries or Collections."""
        body = call.json_object()
        parts = _parts(body)
        if len(parts) > _MOST_PARTS:
            raise RequestRefused(
                400, "INVALID_INPUT", f"Limit of {_MOST_PARTS} subrequests exceeded: {len(parts)}"
            )
        costly = sum(
            1 for part in parts if re.search(r"/(query|queryAll|composite/sobjects)\b", str(part.get("url")))
        )
        if costly > _MOST_COSTLY_PARTS:
            message = (
                f"At most {_MOST_COSTLY_PARTS} subrequests may be queries or sObject Collections: {costly}"
            )
            raise RequestRefused(400, "INVALID_INPUT", message)
        answers = (
            self._run_all(call, parts) if body.get("allOrNone") is True else self._run_each(call, parts, None)
        )
        return Reply(200, {"compositeResponse": answers})

    def graph(self, call: Call) -> Reply:
        """Run several all-or-nothing groups of requests."""
        graphs = call.json_object().get("graphs")
        if not isinstance(graphs, list) or not all(isinstance(graph, dict) for graph in graphs):
            raise RequestRefused(400, "JSON_PARSER_ERROR", "The body must hold a list of graphs")
        if len(graphs) > _MOST_GRAPHS or sum(len(_parts(graph)) for graph in graphs) > _MOST_NODES:
            raise RequestRefused(
                400, "INVALID_INPUT", f"At most {_MOST_GRAPHS} graphs and {_MOST_NODES} nodes are allowed"
            )
        answers = []
        for graph in graphs:
            responses = self._run_all(call, _parts(graph))
            good = all(_succeeded(response) for response in responses)
            answers.append(
                {
                    "graphId": graph.get("graphId"),
                    "graphResponse": {"compositeResponse": responses},
                    "isSuccessful": good,
                }
            )
        return Reply(200, {"graphs": answers})

    def _run_all(self, call: Call, parts: Sequence[_Part]) -> list[dict[str, object]]:
        answers: list[dict[str, object]] = []
        caller = call.caller(marked=self._org.switches.client_in_collections)
        try:
            with self._org.transaction(caller) as transaction:
                answers = self._run_each(call, parts, transaction)
                _require_success(answers)
        except _Failed:
            culprit = next(index for index, answer in enumerate(answers) if not _succeeded(answer))
            answers = [
                answer if index == culprit else _halted(str(part.get("referenceId")))
                for index, (part, answer) in enumerate(zip(parts, answers, strict=True))
            ]
        return answers

    def _run_each(
        self, call: Call, parts: Sequence[_Part], shared: Transaction | None
    ) -> list[dict[str, object]]:
        answers: list[dict[str, object]] = []
        bodies: dict[str, object] = {}
        failed: set[str] = set()
        for part in parts:
            reference = str(part.get("referenceId") or "")
            if shared is not None and failed:
                answers.append(_halted(reference))
                continue
            try:
                reply = self._dispatch(self._subcall(call, part, bodies, failed, shared))
            except RequestRefused as refusal:
                reply = Reply(refusal.status, refusal.as_body())
            body = orjson.loads(reply.payload()) if reply.payload() else None
            if reply.status >= 300:
                failed.add(reference)
            else:
                bodies[reference] = body
            answers.append(
                {
                    "body": body,
                    "httpHeaders": {
                        k: v for k, v in reply.headers.items() if k in {"Location", "ETag", "Last-Modified"}
                    },
                    "httpStatusCode": reply.status,
                    "referenceId": reference,
                }
            )
        return answers

    def _subcall(
        self,
        call: Call,
        part: _Part,
        bodies: Mapping[str, object],
        failed: set[str],
        shared: Transaction | None,
    ) -> Call:
        def resolved(text: str) -> str:
            return _REFERENCE.sub(lambda match: _text_of(_look_up(match, bodies, failed)), text)

        path, _, query = resolved(str(part.get("url") or "")).partition("?")
        segments = [unquote(item) for item in path.split("/") if item]
        if segments[:2] != ["services", "data"] or len(segments) < 3:
            raise RequestRefused(
                400, "INVALID_INPUT", f"The url of a subrequest must begin with /services/data/: {path}"
            )
        if segments[3:] in (["composite"], ["composite", "graph"]) or segments[3:4] == ["jobs"]:
            raise RequestRefused(400, "INVALID_INPUT", f"The resource cannot be part of a Composite: {path}")
        version = segments[2].removeprefix("v")
        if not supported(version):
            raise RequestRefused(404, "NOT_FOUND", "The requested resource does not exist")
        given = part.get("httpHeaders")
        headers = _without_conditions(call.headers)
        if isinstance(given, Mapping):
            headers.update({str(name): str(value) for name, value in given.items()})
        if not self._org.switches.conditions_in_composite:
            headers = _without_conditions(headers)
        body = part.get("body")
        return Call(
            method=str(part.get("method") or "GET").upper(),
            segments=tuple(segments[3:]),
            version=version,
            query=dict(parse_qsl(query, keep_blank_values=True)),
            headers=headers,
            body=orjson.dumps(_resolve(body, resolved)) if body is not None else b"",
            user_id=call.user_id,
            shared=shared,
            nested=True,
        )


def _without_conditions(headers: Mapping[str, str]) -> CIMultiDict[str]:
    """The headers of a call that its parts share: what makes a request conditional speaks of that request alone."""
    return CIMultiDict((name, value) for name, value in headers.items() if not name.lower().startswith("if-"))


def _parts(body: Mapping[str, object]) -> list[_Part]:
    parts = body.get("compositeRequest")
    if not isinstance(parts, list) or not parts or not all(isinstance(part, dict) for part in parts):
        raise RequestRefused(400, "JSON_PARSER_ERROR", "The body must hold a list compositeRequest")
    names = [part.get("referenceId") for part in parts]
    if not all(isinstance(name, str) and name for name in names) or len(set(names)) != len(names):
        raise RequestRefused(400, "INVALID_INPUT", "Each subrequest needs a referenceId of its own")
    return parts


def _require_success(answers: Sequence[Mapping[str, object]]) -> None:
    if not all(_succeeded(answer) for answer in answers):
        raise _Failed


def _succeeded(answer: Mapping[str, object]) -> bool:
    return int(str(answer["httpStatusCode"])) < 300


def _halted(reference: str) -> dict[str, object]:
    body = [{"errorCode": "PROCESSING_HALTED", "message": _HALTED}]
    return {"body": body, "httpHeaders": {}, "httpStatusCode": 400, "referenceId": reference}


def _resolve(value: object, resolved: Callable[[str], str]) -> object:
    match value:
        case str():
            return resolved(value)
        case dict():
            return {name: _resolve(item, resolved) for name, item in value.items()}
        case list():
            return [_resolve(item, resolved) for item in value]
        case _:
            return value


def _text_of(value: object) -> str:
    """A referenced value inside a text."""
    return str(value).lower() if isinstance(value, bool) else "" if value is None else str(value)


def _look_up(match: re.Match[str], bodies: Mapping[str, object], failed: set[str]) -> object:
    reference, path = match.group(1), match.group(2)
    if reference in failed:
        raise RequestRefused(400, "PROCESSING_HALTED", f"Invalid reference specified: {reference} failed")
    value = bodies.get(reference)
    for step in re.findall(r"[^.\[\]]+", path):
        if isinstance(value, Mapping) and step in value:
            value = value[step]
        elif isinstance(value, list) and step.isdigit() and int(step) < len(value):
            value = value[int(step)]
        else:
            message = f"Invalid reference specified. No value for {reference}.{path} found in {reference}"
            raise RequestRefused(400, "PROCESSING_HALTED", message)
    return value
