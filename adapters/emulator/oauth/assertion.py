"""Checking the signed assertion of the JWT bearer flow."""

from __future__ import annotations

import time
from collections.abc import Set

import jwt

from adapters.emulator.oauth.application import Application

LOGIN_HOSTS = ("https://login.salesforce.com", "https://test.salesforce.com")
_LEEWAY_SECONDS = 180


class AssertionRefused(Exception):  # noqa: N818
    """The assertion does not prove what it should. `error` and `description` are those of the token endpoint."""

    def __init__(self, error: str, description: str) -> None:
        super().__init__(description)
        self.error = error
        self.description = description


def username_of(assertion: str, application: Application, own_urls: Set[str]) -> str:
    """The user an assertion names. Raises AssertionRefused.

    The signature must be RS256 by the application's key, `iss` its consumer key, `aud` a login host or this org, `exp` in the future. Times are
    checked against the machine's clock: moving the org's clock in a test must not end every login.
    """
    try:
        claims = jwt.decode(
            assertion,
            application.public_key,
            algorithms=["RS256"],
            options={"verify_aud": False, "verify_exp": False, "verify_iat": False, "verify_nbf": False},
        )
    except jwt.InvalidTokenError:
        raise AssertionRefused("invalid_grant", "invalid assertion") from None
    if claims.get("iss") != application.client_id:
        raise AssertionRefused("invalid_client_id", "client identifier invalid")
    audiences = claims.get("aud")
    allowed = {*LOGIN_HOSTS, *(url.rstrip("/") for url in own_urls)}
    given = audiences if isinstance(audiences, list) else [audiences]
    if not any(isinstance(item, str) and item.rstrip("/") in allowed for item in given):
        raise AssertionRefused("invalid_grant", "audience is invalid")
    _check_expiry(claims.get("exp"))
    subject = claims.get("sub") or claims.get("prn")
    if not isinstance(subject, str):
        raise AssertionRefused("invalid_grant", "invalid assertion")
    return subject


def _check_expiry(expires: object) -> None:
    """Some clients send `exp` as text; both are accepted."""
    try:
        instant = float(str(expires))
    except ValueError:
        raise AssertionRefused("invalid_grant", "invalid assertion") from None
    if instant + _LEEWAY_SECONDS < time.time():
        raise AssertionRefused("invalid_grant", "expired authorization code")
