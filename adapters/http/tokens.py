"""Bearer tokens: who calls, and with what role."""

import hmac
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from daemon.domain.failure import AccessError, IsthmusError
from daemon.ports.api import Role

SHORTEST = 16
"""Characters. A token of fewer can be guessed by asking often enough."""


@dataclass(frozen=True, slots=True)
class Token:
    """One caller. `read` gives the token as it is now, so that a new one is taken up without a restart."""

    name: str
    role: Role
    read: Callable[[], str]


@dataclass(frozen=True, slots=True)
class Caller:
    """Who a request comes from."""

    name: str
    role: Role


NOBODY = Caller("", Role.NONE)


def check_tokens(tokens: Sequence[Token]) -> None:
    """Raises AccessError for a token that cannot be read or is too short, without repeating it."""
    for token in tokens:
        if len(token.read()) < SHORTEST:
            raise AccessError(
                f"the API token {token.name} is refused",
                f"it has fewer than {SHORTEST} characters, so it could be guessed",
                "make one with: openssl rand -hex 32",
            )


def caller_of(authorization: str, tokens: Sequence[Token]) -> Caller:
    """Who the Authorization header stands for; NOBODY for none or a wrong one.

    Every token is compared, and each in constant time, so the time that it takes tells nothing about any of them.
    One that cannot be read at the moment matches nothing.
    """
    scheme, _, presented = authorization.partition(" ")
    if scheme.lower() != "bearer" or not presented.strip():
        return NOBODY
    given = presented.strip().encode("utf-8", "surrogateescape")
    found = NOBODY
    for token in tokens:
        if hmac.compare_digest(given, _current(token)):
            found = Caller(token.name, token.role)
    return found


def _current(token: Token) -> bytes:
    try:
        value = token.read().encode()
    except IsthmusError:
        value = b""
    return value if len(value) >= SHORTEST else b"\0" * SHORTEST
