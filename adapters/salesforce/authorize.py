"""The login of a person: the web server flow with PKCE. Salesforce asks for the password on its own pages; here only a code arrives.

The code is changed into a refresh token by proving that it was this process that began the login (`code_verifier`). Salesforce compares the
callback address character by character with those of the app, and answers with a refresh token only where the scope asks for one.
"""

import asyncio
import base64
import hashlib
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlencode

import aiohttp
import orjson

from adapters.salesforce import callback as loopback
from adapters.salesforce.decode import MalformedBodyError, loads
from adapters.salesforce.faults import misconfigured, no_answer, of_token, senseless, unreachable
from adapters.salesforce.hosts import checked_origin
from adapters.salesforce.http_body import BodyTooLargeError, read_capped
from adapters.salesforce.login import TOKEN_PATH, reveal
from adapters.salesforce.settings import RefreshTokenLogin, SalesforceSettings
from daemon.domain.failure import CallFailedError, ConfigurationError, TryLaterError

AUTHORIZE_PATH: Final = "/services/oauth2/authorize"
SCOPE: Final = "api refresh_token"
_ANSWER_BYTES: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class BegunLogin:
    """One login that was begun: where, by which app, and the two secrets that tie the answer to it."""

    origin: str
    client_id: str
    callback: str
    state: str = field(repr=False)
    verifier: str = field(repr=False)

    @classmethod
    def begin(cls, settings: SalesforceSettings, client_id: str, port: int) -> "BegunLogin":
        """A new login, with secrets of its own. Raises ConfigurationError if the login address may not be spoken to."""
        try:
            origin = checked_origin(settings.login_url, settings.domain_suffixes, settings.insecure_hosts)
        except ValueError as error:
            what, fix = (
                "the login address cannot be used",
                "correct salesforce.domain or salesforce.login_url",
            )
            raise ConfigurationError(what, f"{settings.login_url[:200]!r}: {error}", fix) from None
        return cls(
            origin, client_id, loopback.address(port), secrets.token_urlsafe(32), secrets.token_urlsafe(64)
        )

    @property
    def address(self) -> str:
        """What the person opens in a browser."""
        digest = hashlib.sha256(self.verifier.encode()).digest()
        asked = {
            "response_type": "code",
            "client_id": self.client_id,
            "redirect_uri": self.callback,
            "scope": SCOPE,
            "state": self.state,
            "code_challenge": base64.urlsafe_b64encode(digest).decode().rstrip("="),
            "code_challenge_method": "S256",
        }
        return f"{self.origin}{AUTHORIZE_PATH}?{urlencode(asked)}"

    def code_of(self, brought: Mapping[str, str]) -> str:
        """The code among what the browser brought. Raises CallFailedError where the login was refused, by its cause."""
        refused = brought.get("error")
        if refused:
            told = {"error": refused, "error_description": brought.get("error_description", "")}
            raise CallFailedError(of_token(400, orjson.dumps(told)))
        return brought["code"]

    def form(self, code: str, client_secret: str | None) -> dict[str, str]:
        """What the token endpoint is asked."""
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self.callback,
            "client_id": self.client_id,
            "code_verifier": self.verifier,
        }
        return form if client_secret is None else {**form, "client_secret": client_secret}


async def log_in(
    settings: SalesforceSettings, *, port: int, seconds: float, show: Callable[[str], None]
) -> str:
    """The refresh token of a person who logs in at the address that `show` is given, within so many seconds.

    Raises CallFailedError where Salesforce refuses, TryLaterError where nobody has logged in in time, RefusedError where the port is taken.
    """
    login = settings.login
    assert isinstance(login, RefreshTokenLogin)
    begun = BegunLogin.begin(settings, login.client_id, port)
    async with loopback.listening(begun.state, port) as callback:
        show(begun.address)
        try:
            async with asyncio.timeout(seconds):
                brought = await callback.answer()
        except TimeoutError:
            raise TryLaterError(
                "nobody has logged in",
                f"no answer of the browser's came to {begun.callback} within {seconds:.0f} s",
                "run it again; if Salesforce's page showed an error: redirect_uri_mismatch means that the app does not list that address, "
                "invalid_client_id that the app is not known in this org",
            ) from None
    secret = None if login.client_secret is None else reveal(login.client_secret, "client secret")
    answer = await _asked(settings, begun, begun.form(begun.code_of(brought), secret))
    token = answer.get("refresh_token") if isinstance(answer, Mapping) else None
    if not isinstance(token, str) or not token:
        raise CallFailedError(
            misconfigured(
                "NO_REFRESH_TOKEN",
                "the login was accepted, and Salesforce gave no refresh token",
                "Add the scope `Perform requests at any time (refresh_token, offline_access)` to the app, then log in again.",
            )
        )
    return token


async def _asked(settings: SalesforceSettings, begun: BegunLogin, form: Mapping[str, str]) -> Any:
    """The token endpoint's answer, asked once: a code is used up by the attempt. Raises CallFailedError."""
    limits = aiohttp.ClientTimeout(total=settings.read_seconds, sock_connect=settings.connect_seconds)
    try:
        async with (
            aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar(), timeout=limits) as http,
            http.post(begun.origin + TOKEN_PATH, data=form, allow_redirects=False) as response,
        ):
            body = await read_capped(response, _ANSWER_BYTES)
            if response.status != 200:
                raise CallFailedError(of_token(response.status, body))
            return loads(body)
    except aiohttp.ClientConnectorError as error:
        raise CallFailedError(unreachable(f"no connection for a token: {error}")) from error
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        raise CallFailedError(no_answer(f"no answer for a token: {type(error).__name__}")) from error
    except (MalformedBodyError, BodyTooLargeError) as error:
        raise CallFailedError(senseless("the token endpoint did not answer with JSON")) from error
