"""What the families of control commands have in common: how a command is called, and how it reads its body."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias

from adapters.emulator.http import Call

Body: TypeAlias = dict[str, object]
Command: TypeAlias = Callable[[Call], object]
"""Gives a JSON object, or None for nothing to say. Raises ValueError, KeyError, TypeError or a refusal for a bad body."""
Commands: TypeAlias = dict[tuple[str, str], Command]
"""Commands by method and path."""


def optional(call: Call) -> Body:
    """The body, which may be missing."""
    return call.json_object() if call.body.strip() else {}


def text(body: Mapping[str, object], name: str) -> str:
    """A member that must be there. Raises ValueError."""
    value = body.get(name)
    if not isinstance(value, str) or not value:
        raise ValueError(f"{name} must be a text")
    return value


def maybe(body: Mapping[str, object], name: str) -> str | None:
    """A member that may be missing."""
    value = body.get(name)
    return value if isinstance(value, str) and value else None
