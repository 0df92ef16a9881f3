"""Where a refresh token lives that Salesforce replaces at every use, or that a person's login has given.

The configuration may name the first one; each later one is stored in the database before the access token that came with
it is used, because using an old one again revokes the whole grant. A new first token, after somebody approved the app
again, is told from the old one by its digest, and counts from then on. Where the configuration names none, or none is there
yet, the database keeps what `isthmus connect salesforce` got.
"""

import hashlib
from collections.abc import Callable
from typing import Final

from adapters.postgres.kept import KeptFacts
from daemon.domain.failure import CallFailedError, Failure, IsthmusError
from daemon.domain.own_faults import NOT_CONNECTED, WAITING
from daemon.settings.connections import RefreshTokenAuth
from daemon.settings.models import Settings
from daemon.settings.secrets import FileSecret, SecretMissingError

_SETTING: Final = "refresh_token"
_BY_LOGIN: Final = "login"
"""Stands for the digest where the configuration has no first token."""


class RotatingToken:
    """The newest refresh token: the stored one if it descends from the configured one, else the configured one.

    `learn` is told each token before it is used: no log line may show it.
    """

    def __init__(
        self, kept: KeptFacts, settings: Settings, learn: Callable[[str], None] = lambda secret: None
    ) -> None:
        self._kept = kept
        self._learn = learn
        auth = settings.salesforce.auth
        self._used = isinstance(auth, RefreshTokenAuth)
        self._first = auth.refresh_token if isinstance(auth, RefreshTokenAuth) else None
        self._newest: tuple[str, str] | None = None  # the digest of the first token, and the token

    async def look_again(self) -> None:
        """Look for a stored token. A database that cannot be asked leaves what is known."""
        if not self._used:
            return
        try:
            stored = await self._kept.get(_SETTING)
        except (CallFailedError, IsthmusError):
            return
        if stored is not None:
            digest, _, token = stored.partition(":")
            self._learn(token)
            self._newest = digest, token

    def read(self) -> str:
        """The token to use now. Raises CallFailedError with NOT_CONNECTED while there is none."""
        first = self._configured()
        found = first
        if self._newest is not None and self._newest[0] == _digest(first):
            found = self._newest[1]
        if found is None:
            raise CallFailedError(not_connected())
        self._learn(found)  # each time: it is in use for longer than a log remembers one that passes
        return found

    async def store(self, token: str) -> None:
        """Keep the next token; returns when it is committed.

        Where the database cannot keep it, the file of the first one does: a token that is lost here costs the whole grant.
        """
        self._learn(token)
        digest = _digest(self._configured())
        try:
            await self._kept.put(_SETTING, f"{digest}:{token}")
        except (CallFailedError, IsthmusError):
            if not isinstance(self._first, FileSecret):
                raise
            self._first.keep(token)
        else:
            self._newest = digest, token

    def _configured(self) -> str | None:
        """The first token as the configuration's place holds it now; None where nothing is there."""
        if self._first is None:
            return None
        try:
            return self._first.read()
        except SecretMissingError:
            return None


def not_connected() -> Failure:
    """No person has logged in yet, so there is nothing to log in with."""
    fault = WAITING[NOT_CONNECTED]
    return Failure(fault.kind, fault.reason, NOT_CONNECTED, fault.meaning, fault.advice)


def _digest(first: str | None) -> str:
    return _BY_LOGIN if first is None else hashlib.sha256(first.encode()).hexdigest()
