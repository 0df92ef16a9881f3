"""The web server flow: a user approves the connected app in a browser, and the app changes the code it gets into tokens.

Nobody has to press a button here: whoever opens the authorization page is signed in and approves at once, as the integration user or as the user
that `login_hint` names. Codes work once and for fifteen minutes. A challenge
without a method counts as S256: jsforce sends it so to real orgs.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import random
import string
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode, urlsplit

from adapters.emulator.http import Reply
from adapters.emulator.oauth.application import Application
from adapters.emulator.org import Org

_CODE_SECONDS = 900
_MOST_CODES = 1000
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_ALPHABET = string.ascii_letters + string.digits + "._"


class CodeRefused(Exception):  # noqa: N818
    """A code cannot be changed into tokens. `error` and `description` are those of the token endpoint."""

    def __init__(self, error: str, description: str) -> None:
        super().__init__(description)
        self.error = error
        self.description = description


@dataclass(frozen=True, slots=True)
class Approval:
    """What a user approved. `challenge` is the S256 code challenge, None without PKCE; an empty `scope` is all that the app has."""

    user_id: str
    redirect_uri: str
    scope: frozenset[str]
    challenge: str | None
    given_at: float

    @property
    def lasting(self) -> bool:
        """Whether a refresh token belongs to it."""
        return not self.scope or bool(self.scope & {"refresh_token", "offline_access", "full"})


class Authorizations:
    """`/services/oauth2/authorize`, and the codes it has given out."""

    def __init__(self, org: Org, application: Application, rng: random.Random) -> None:
        self._org = org
        self._application = application
        self._rng = rng
        self._codes: dict[str, Approval] = {}

    def page(self, query: Mapping[str, str]) -> Reply:
        """Approve, and send the browser back to the app. A wrong client or callback is told to the user, not to the app."""
        redirect_uri = query.get("redirect_uri", "")
        if query.get("client_id") != self._application.client_id:
            return _told("invalid_client_id", "client identifier invalid")
        if not self._is_registered(redirect_uri):
            return _told("redirect_uri_mismatch", "redirect_uri must match configuration")
        state = {"state": query["state"]} if "state" in query else {}
        if query.get("response_type") != "code":
            refusal = {
                "error": "unsupported_response_type",
                "error_description": "response type not supported",
            }
            return _sent(redirect_uri, refusal | state)
        challenge = query.get("code_challenge")
        if challenge is not None and query.get("code_challenge_method", "S256") != "S256":
            refusal = {"error": "invalid_request", "error_description": "code_challenge_method must be S256"}
            return _sent(redirect_uri, refusal | state)
        user_id = self._org.integration_user
        if "login_hint" in query:
            user_id = self._org.sole_user(query["login_hint"]) or ""
        if not user_id:
            return _sent(
                redirect_uri, {"error": "access_denied", "error_description": "no such user"} | state
            )
        scope = frozenset(query.get("scope", "").split())
        approval = Approval(user_id, redirect_uri, scope, challenge, self._org.clock.now())
        return _sent(redirect_uri, {"code": self._keep(approval)} | state)

    def redeem(self, form: Mapping[str, str]) -> Approval:
        """What a code stands for. A code is used up by the attempt. Raises CodeRefused."""
        approval = self._codes.pop(form.get("code", ""), None)
        if approval is None or self._org.clock.now() - approval.given_at > _CODE_SECONDS:
            raise CodeRefused("invalid_grant", "expired authorization code")
        if form.get("redirect_uri") != approval.redirect_uri:
            raise CodeRefused("redirect_uri_mismatch", "redirect_uri must match configuration")
        if approval.challenge is not None and not _proves(form.get("code_verifier", ""), approval.challenge):
            raise CodeRefused("invalid_grant", "invalid code verifier")
        return approval

    def _is_registered(self, redirect_uri: str) -> bool:
        """Registered callbacks are compared character by character; without any, every address of this machine will do."""
        if self._org.redirect_uris:
            return redirect_uri in self._org.redirect_uris
        try:
            parts = urlsplit(redirect_uri)
        except ValueError:
            return False
        plain = redirect_uri.isascii() and redirect_uri.isprintable()
        return plain and parts.scheme in {"http", "https"} and parts.hostname in _LOOPBACK

    def _keep(self, approval: Approval) -> str:
        code = f"aPrx{''.join(self._rng.choices(_ALPHABET, k=60))}"
        self._codes[code] = approval
        if len(self._codes) > _MOST_CODES:
            del self._codes[next(iter(self._codes))]
        return code


def _proves(verifier: str, challenge: str) -> bool:
    digest = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")
    return hmac.compare_digest(digest.encode(), challenge.rstrip("=").encode())


def _sent(redirect_uri: str, answer: Mapping[str, str]) -> Reply:
    joint = "&" if "?" in redirect_uri else "?"
    return Reply(
        302, headers={"Location": f"{redirect_uri}{joint}{urlencode(answer)}", "Cache-Control": "no-store"}
    )


def _told(error: str, description: str) -> Reply:
    page = f"<html><body><p>error={error}&amp;error_description={description}</p></body></html>"
    return Reply(400, content=page.encode(), content_type="text/html;charset=UTF-8")
