"""Where a refresh token lives that Salesforce replaces at every use.

The configuration names the first one; each later one is stored in the database before the access token that came with
it is used, because using an old one again revokes the whole grant. A new first token, after somebody approved the app
again, is told from the old one by its digest, and counts from then on.
"""

import hashlib

from adapters.postgres.kept import KeptFacts
from daemon.domain.failure import CallFailedError, IsthmusError
from daemon.settings.connections import RefreshTokenAuth
from daemon.settings.models import Settings

_SETTING = "refresh_token"


class RotatingToken:
    """The newest refresh token: the stored one if it descends from the configured one, else the configured one."""

    def __init__(self, kept: KeptFacts, settings: Settings) -> None:
        self._kept = kept
        auth = settings.salesforce.auth
        self._first = auth.refresh_token if isinstance(auth, RefreshTokenAuth) else None
        self._newest: str | None = None

    async def load(self) -> None:
        """Look for a stored token. A database that cannot be asked yet leaves the configured one."""
        if self._first is None:
            return
        try:
            stored = await self._kept.get(_SETTING)
        except (CallFailedError, IsthmusError):
            return
        if stored is not None:
            digest, _, token = stored.partition(":")
            self._newest = token if digest == self._digest() else None

    def read(self) -> str:
        """The token to use now."""
        if self._newest is not None:
            return self._newest
        assert self._first is not None
        return self._first.read()

    async def store(self, token: str) -> None:
        """Keep the next token; returns when it is committed."""
        await self._kept.put(_SETTING, f"{self._digest()}:{token}")
        self._newest = token

    def _digest(self) -> str:
        assert self._first is not None
        return hashlib.sha256(self._first.read().encode()).hexdigest()
