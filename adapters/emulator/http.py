"""Requests and answers as the APIs of the org see them, free of any HTTP library.

A Composite call makes such requests by itself, one for each of its parts, so every resource works the same inside and outside of it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import orjson

from adapters.emulator.errors import RequestRefused
from adapters.emulator.store.caller import Caller
from adapters.emulator.store.transaction import Transaction

JSON_TYPE = "application/json;charset=UTF-8"
CSV_TYPE = "text/csv"
_DEEPEST = 100


@dataclass(slots=True)
class Call:
    """A request to a versioned resource. `segments` are the decoded parts of the path after the version."""

    method: str
    segments: tuple[str, ...]
    version: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    user_id: str
    shared: Transaction | None = None
    """The transaction of an all-or-nothing Composite that this call is a part of."""
    nested: bool = False
    """Whether the call is a part of a Composite."""
    arguments: dict[str, str] = field(default_factory=dict)

    @property
    def path_version(self) -> str:
        """The version in its path form, `v67.0`."""
        return f"v{self.version}"

    def json(self) -> object:
        """The body as JSON. Raises RequestRefused with JSON_PARSER_ERROR."""
        try:
            value = orjson.loads(self.body)
        except orjson.JSONDecodeError as error:
            raise RequestRefused(
                400, "JSON_PARSER_ERROR", f"Unexpected input at [line:1, column:1]: {error}"
            ) from None
        if is_too_deep(value):
            raise RequestRefused(
                400, "JSON_PARSER_ERROR", f"The body is nested deeper than {_DEEPEST} levels"
            )
        return value

    def require_type(self, wanted: str) -> None:
        """Refuses a body of another content type with 415. Raises RequestRefused."""
        given = self.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        if given != wanted:
            message = f"The content type {given or 'of the body is missing: it'} must be {wanted}"
            raise RequestRefused(415, "UNSUPPORTED_MEDIA_TYPE", message)

    def json_object(self) -> dict[str, object]:
        """The body as a JSON object. Raises RequestRefused."""
        value = self.json()
        if not isinstance(value, dict):
            raise RequestRefused(400, "JSON_PARSER_ERROR", "The body must be a JSON object")
        return value

    def flag(self, name: str) -> bool:
        """A boolean query parameter, false when it is absent."""
        return self.query.get(name, "").lower() == "true"

    def caller(self, *, api: str = "rest", marked: bool = True) -> Caller:
        """Who is behind the call. `marked` is false where the org does not read `Sforce-Call-Options`."""
        options = self.headers.get("Sforce-Call-Options", "") if marked else ""
        assign = self.headers.get("Sforce-Auto-Assign", "true").strip().lower() != "false"
        allow_duplicates = "allowsave=true" in self.headers.get(
            "Sforce-Duplicate-Rule-Header", ""
        ).lower().replace(" ", "")
        return Caller(self.user_id, api, self.version, _client(options), assign, allow_duplicates)


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer: a JSON value, or ready bytes of another type, or nothing."""

    status: int = 200
    body: object = None
    headers: Mapping[str, str] = field(default_factory=dict)
    content: bytes | None = None
    content_type: str = JSON_TYPE

    def payload(self) -> bytes:
        """The bytes to send; none for 204 and 304."""
        if self.content is not None:
            return self.content
        if self.status in {204, 304} or self.body is None:
            return b""
        return orjson.dumps(self.body)


def is_too_deep(value: object) -> bool:
    """Whether a JSON value is nested deeper than any request needs: such a value could be read, but not answered with."""
    layer = [value]
    for _ in range(_DEEPEST + 1):
        layer = [
            part
            for whole in layer
            if isinstance(whole, dict | list)
            for part in (whole.values() if isinstance(whole, dict) else whole)
            if isinstance(part, dict | list)
        ]
        if not layer:
            return False
    return True


Handler: TypeAlias = Callable[[Call], Reply]


@dataclass(frozen=True, slots=True)
class Route:
    """A resource: `template` has literal parts and `{names}`; `kind` is how the journal and the faults call it."""

    method: str
    template: str
    handler: Handler
    kind: str


@dataclass(frozen=True, slots=True)
class _Pattern:
    """A template taken apart: its literal parts in lower case, and its names, each with their places."""

    literals: tuple[tuple[int, str], ...]
    names: tuple[tuple[int, str], ...]

    @classmethod
    def read(cls, parts: Sequence[str]) -> _Pattern:
        """The pattern of the parts of a template."""
        literals = ((place, part.lower()) for place, part in enumerate(parts) if not part.startswith("{"))
        names = ((place, part[1:-1]) for place, part in enumerate(parts) if part.startswith("{"))
        return cls(tuple(literals), tuple(names))


class Router:
    """Finds the route of a request; the first that fits wins."""

    def __init__(self, routes: Sequence[Route]) -> None:
        self._routes: dict[tuple[int, str], list[tuple[_Pattern, Route]]] = {}
        for route in routes:
            parts = route.template.split("/") if route.template else []
            self._routes.setdefault(_shelf(parts), []).append((_Pattern.read(parts), route))

    def find(self, method: str, segments: tuple[str, ...]) -> tuple[Route, dict[str, str]]:
        """The route and the values of its named parts. Raises RequestRefused with 404 or 405."""
        known_path = False
        lowered = [segment.lower() for segment in segments]
        for pattern, route in self._routes.get(_shelf(lowered), ()):
            if any(lowered[place] != text for place, text in pattern.literals):
                continue
            if route.method == method or (method == "HEAD" and route.method == "GET"):
                return route, {name: segments[place] for place, name in pattern.names}
            known_path = True
        if known_path:
            message = f"HTTP Method '{method}' not allowed."
            raise RequestRefused(405, "METHOD_NOT_ALLOWED", message)
        raise RequestRefused(404, "NOT_FOUND", "The requested resource does not exist")


def _shelf(parts: Sequence[str]) -> tuple[int, str]:
    """Where the routes of a path are kept: every template begins with a literal part."""
    return len(parts), parts[0].lower() if parts else ""


def _client(options: str) -> str | None:
    """The `client=` of a Sforce-Call-Options header, whose options are separated by `;` or `,`."""
    for option in options.replace(",", ";").split(";"):
        name, _, value = option.strip().partition("=")
        if name.strip().lower() == "client" and value.strip():
            return value.strip()
    return None
