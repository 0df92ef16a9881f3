"""What the families of control commands have in common: how a command is called, and how it reads its body."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias

from adapters.emulator.http import Call
from adapters.emulator.members import Kind, Shape, checked

Body: TypeAlias = dict[str, object]
Command: TypeAlias = Callable[[Call], object]
"""Gives a JSON object, or None for nothing to say. Raises ValueError, KeyError, TypeError or a refusal for a bad body."""
Commands: TypeAlias = dict[tuple[str, str], Command]
"""Commands by method and path."""


def members(call: Call, shape: Shape, *needed: str) -> Body:
    """The members of the body that are not null; no body is an empty one. Raises ValueError for what does not fit the shape."""
    given = call.json_object() if call.body.strip() else {}
    return checked(given, shape, *needed)


def member(call: Call, name: str, kind: Kind) -> str:
    """The only member of a body that has one. Raises ValueError."""
    return str(members(call, {name: kind}, name)[name])


def maybe(body: Mapping[str, object], name: str) -> str | None:
    """A text that may be missing."""
    value = body.get(name)
    return str(value) if value is not None else None
