"""Access tokens and refresh tokens.

A token's lifetime is not in the token answer; it ends after a time without use, on revocation, or when a test says so. With rotation, each refresh
token works once, and using an old one again revokes the whole grant.
"""

from __future__ import annotations

import random
import string
from dataclasses import dataclass

from adapters.emulator.clock import OrgClock
from adapters.emulator.switches import Switches

_ALPHABET = string.ascii_letters + string.digits + "._"
_MOST_SESSIONS = 10_000
_MOST_REFRESH_TOKENS = 20_000


@dataclass(slots=True)
class Session:
    """An access token in use. Times are seconds since 1970."""

    token: str
    user_id: str
    client_id: str
    issued_at: float
    last_used: float
    grant: Grant | None = None


@dataclass(slots=True, eq=False)
class Grant:
    """A user's lasting approval of a client: its refresh token is the one that is valid now."""

    user_id: str
    client_id: str
    current: str
    revoked: bool = False


class Sessions:
    """All tokens of the org.

    Of access tokens the 10,000 that were used last are kept, of refresh tokens, the spent ones among them, the 20,000 that were given last.
    """

    def __init__(self, org_id: str, clock: OrgClock, rng: random.Random, switches: Switches) -> None:
        self._org_id = org_id
        self._clock = clock
        self._rng = rng
        self._switches = switches
        self._sessions: dict[str, Session] = {}
        """The one that was used longest ago comes first."""
        self._grants: dict[str, Grant] = {}
        """The grant behind each refresh token that was ever given."""

    def issue(self, user_id: str, client_id: str, grant: Grant | None = None) -> Session:
        """A new access token for a user."""
        now = self._clock.now()
        token = f"{self._org_id}!{self._random(72)}"
        session = Session(token, user_id, client_id, now, now, grant)
        self._sessions[token] = session
        self._forget_idle(now)
        return session

    def grant(self, user_id: str, client_id: str, token: str | None = None) -> Grant:
        """A new grant with its first refresh token, which may be given."""
        made = Grant(user_id, client_id, token or f"5Aep861{self._random(60)}")
        self._keep(made)
        return made

    def refresh(self, token: str) -> Grant | None:
        """The grant behind a refresh token, turned to its next token where rotation is on; None when it is refused."""
        found = self._grants.get(token)
        if found is None or found.revoked:
            return None
        if token != found.current:
            self._revoke(found)
            return None
        if self._switches.refresh_rotation:
            found.current = f"5Aep861{self._random(60)}"
            self._keep(found)
        return found

    def find(self, token: str) -> Session | None:
        """The live session of an access token, which counts as a use of it."""
        session = self.look_at(token)
        if session is not None:
            session.last_used = self._clock.now()
            self._sessions[token] = self._sessions.pop(token)
        return session

    def look_at(self, token: str) -> Session | None:
        """The live session of an access token, without using it."""
        session = self._sessions.get(token)
        if session is not None and self._clock.now() - session.last_used > self._switches.token_seconds:
            del self._sessions[token]
            return None
        return session

    def revoke(self, token: str) -> bool:
        """End an access token, or a grant with all its access tokens; tells whether it was known."""
        if self._sessions.pop(token, None) is not None:
            return True
        found = self._grants.get(token)
        if found is None:
            return False
        self._revoke(found)
        return True

    def expire_all(self) -> int:
        """End every access token; gives how many there were."""
        count = len(self._sessions)
        self._sessions.clear()
        return count

    def revoke_grants(self) -> int:
        """Revoke every refresh token; gives how many grants there were."""
        live = {id(grant): grant for grant in self._grants.values() if not grant.revoked}
        for grant in live.values():
            self._revoke(grant)
        return len(live)

    def _revoke(self, grant: Grant) -> None:
        grant.revoked = True
        self._sessions = {key: value for key, value in self._sessions.items() if value.grant is not grant}

    def _forget_idle(self, now: float) -> None:
        while len(self._sessions) > 1:
            token, session = next(iter(self._sessions.items()))
            if (
                len(self._sessions) <= _MOST_SESSIONS
                and now - session.last_used <= self._switches.token_seconds
            ):
                break
            del self._sessions[token]

    def _keep(self, grant: Grant) -> None:
        self._grants[grant.current] = grant
        if len(self._grants) > _MOST_REFRESH_TOKENS:
            del self._grants[next(iter(self._grants))]

    def _random(self, length: int) -> str:
        return "".join(self._rng.choices(_ALPHABET, k=length))
