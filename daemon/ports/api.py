"""The shape of one operator's act as the HTTP face serves it."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any


class Role(IntEnum):
    """What a token may do; each role includes those before it. NONE needs no token."""

    NONE = 0
    VIEWER = 1
    OPERATOR = 2
    ADMIN = 3


@dataclass(frozen=True, slots=True)
class ApiRequest:
    """One call: path and query parameters as text, the JSON body, who asks and with what role."""

    path: Mapping[str, str]
    query: Mapping[str, str]
    body: Mapping[str, Any]
    operator: str
    role: Role = Role.NONE


@dataclass(frozen=True, slots=True)
class ApiReply:
    """What is answered: a JSON document, or bytes with their content type."""

    body: Any
    status: int = 200
    content_type: str = "application/json"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One route. `query` names the query parameters it takes; any other is refused."""

    method: str
    path: str
    role: Role
    handle: Callable[[ApiRequest], Awaitable[ApiReply]]
    query: frozenset[str] = field(default_factory=frozenset)
    metrics: bool = False  # also served by the metrics listener
