"""What the three OAuth flows send to the token endpoint, and what its answer means.

Salesforce documents them: the JWT bearer flow wants RS256 and an `exp` of a few minutes, its audience being the login
host even when posting to My Domain; none of the answers has an `expires_in`, so an end is learnt from a 401.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, assert_never

import jwt

from adapters.salesforce.faults import another_org, misconfigured, senseless
from adapters.salesforce.hosts import checked_origin
from adapters.salesforce.ids import id18, is_id
from adapters.salesforce.settings import (
    ClientCredentialsLogin,
    JwtLogin,
    RefreshTokenLogin,
    SalesforceSettings,
    Secret,
)
from daemon.domain.failure import CallFailedError

TOKEN_PATH: Final = "/services/oauth2/token"  # noqa: S105 - a path
_JWT_GRANT: Final = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_JWT_SECONDS: Final = 180


@dataclass(frozen=True, slots=True)
class Token:
    """A session with an org: for whom, and where to send it."""

    access_token: str = field(repr=False)
    instance_url: str
    org_id: str
    user_id: str


def grant(
    login: JwtLogin | ClientCredentialsLogin | RefreshTokenLogin, refresh: str | None, now: datetime
) -> dict[str, str]:
    """The form that asks for a token. `refresh` is the current refresh token, where the flow has one."""
    match login:
        case JwtLogin():
            return {"grant_type": _JWT_GRANT, "assertion": _assertion(login, now)}
        case ClientCredentialsLogin():
            return {
                "grant_type": "client_credentials",
                "client_id": login.client_id,
                "client_secret": reveal(login.client_secret, "client secret"),
            }
        case RefreshTokenLogin():
            form = {
                "grant_type": "refresh_token",
                "client_id": login.client_id,
                "refresh_token": refresh or reveal(login.refresh_token, "refresh token"),
            }
            if login.client_secret is not None:
                form["client_secret"] = reveal(login.client_secret, "client secret")
            return form
        case _ as never:
            assert_never(never)


def reveal(secret: Secret, what: str) -> str:
    """A secret as it is now. Raises CallFailedError if it cannot be read."""
    try:
        text = secret().strip()
    except OSError as error:
        failure = misconfigured(
            "SECRET_UNREADABLE",
            f"the {what} cannot be read: {error.strerror}",
            "Check the file and who may read it.",
        )
        raise CallFailedError(failure) from error
    if not text:
        raise CallFailedError(
            misconfigured(
                "SECRET_EMPTY", f"the {what} is empty", "Put the secret where the configuration says."
            )
        )
    return text


def _assertion(login: JwtLogin, now: datetime) -> str:
    claims = {
        "iss": login.client_id,
        "sub": login.username,
        "aud": login.audience,
        "exp": int(now.timestamp()) + _JWT_SECONDS,
    }
    try:
        return jwt.encode(claims, reveal(login.private_key, "private key"), algorithm="RS256")
    except (jwt.PyJWTError, ValueError, TypeError) as error:
        failure = misconfigured(
            "PRIVATE_KEY_INVALID",
            "the private key is not an unencrypted RSA key in PEM form",
            "Give the key whose certificate the app has, as PEM text without a passphrase.",
        )
        raise CallFailedError(failure) from error


def token_of(answer: Any, settings: SalesforceSettings) -> Token:
    """The token in the endpoint's answer. Raises CallFailedError if it makes no sense or names a foreign host."""
    if not isinstance(answer, Mapping):
        raise CallFailedError(senseless("the token endpoint did not answer with an object"))
    access_token, instance_url = answer.get("access_token"), answer.get("instance_url")
    if not isinstance(access_token, str) or not access_token or not isinstance(instance_url, str):
        raise CallFailedError(senseless("the token endpoint answered without a token or an instance address"))
    try:
        origin = checked_origin(instance_url, settings.domain_suffixes, settings.insecure_hosts)
    except ValueError as error:
        failure = misconfigured(
            "FOREIGN_INSTANCE",
            f"the token endpoint names {instance_url[:200]!r} as the org's address, and {error}",
            "Check the configured domain; no token has been sent there.",
        )
        raise CallFailedError(failure) from error
    org_id, user_id = _identity(answer.get("id"), access_token)
    return Token(access_token, origin, org_id, user_id)


def same_org(known: str | None, token: Token) -> str | None:
    """The org that a token is for, which must be the one that was logged in to before.

    A sandbox that is refreshed keeps its address, its users and its app, and becomes another org: a login that simply went on
    there would write by ids that name nothing. Raises CallFailedError.
    """
    if known and token.org_id and token.org_id != known:
        raise CallFailedError(another_org(known, token.org_id))
    return known or token.org_id or None


def _identity(url: object, access_token: str) -> tuple[str, str]:
    """Org and user: the last two parts of the identity address; the org also begins the token itself."""
    parts = url.rstrip("/").split("/") if isinstance(url, str) else []
    if len(parts) >= 2 and is_id(parts[-1]) and is_id(parts[-2]):
        return id18(parts[-2]), id18(parts[-1])
    org = access_token.partition("!")[0]
    return (id18(org) if is_id(org) else ""), ""
