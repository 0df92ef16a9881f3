"""The resources under `/services/oauth2/` and the identity URL."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl, unquote

from adapters.emulator.errors import RequestRefused
from adapters.emulator.http import Reply
from adapters.emulator.oauth.application import Application
from adapters.emulator.oauth.assertion import AssertionRefused, username_of
from adapters.emulator.oauth.authorization import Authorizations, CodeRefused
from adapters.emulator.oauth.sessions import Session, Sessions
from adapters.emulator.org import Org

_JWT_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_NO_STORE = {"Cache-Control": "no-store"}
_SCOPE = "api refresh_token"


@dataclass(frozen=True, slots=True)
class _Login:
    """A request for a token: its form, and the URL under which the client sees the org."""

    form: Mapping[str, str]
    url: str


class OAuth:
    """The login service of one org.

    `instance_url` and identity URLs name the host that the client asked: an org behind a container's or a forwarded port has another name
    for each client.
    """

    def __init__(
        self,
        org: Org,
        sessions: Sessions,
        application: Application,
        authorizations: Authorizations,
        url: str,
    ) -> None:
        self._org = org
        self._authorizations = authorizations
        self._sessions = sessions
        self._application = application
        self._url = url
        self._flows: dict[str, Callable[[_Login], Reply]] = {
            _JWT_GRANT: self._jwt_bearer,
            "client_credentials": self._client_credentials,
            "authorization_code": self._authorization_code,
            "refresh_token": self._refresh,
            "password": self._password,
        }

    def handle(
        self, method: str, action: str, query: Mapping[str, str], headers: Mapping[str, str], body: bytes
    ) -> Reply:
        """Answer a request to `/services/oauth2/{action}`."""
        form = dict(query) | dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))
        if action == "userinfo":
            return self.userinfo(headers)
        if action == "authorize":
            return self._authorizations.page(form)
        if method != "POST":
            return _refused("invalid_request", "must use HTTP POST")
        match action:
            case "token":
                return self._token(form, headers)
            case "introspect":
                return self._introspect(form, headers)
            case "revoke":
                known = self._sessions.revoke(form.get("token", ""))
                return (
                    Reply(200, headers=_NO_STORE)
                    if known
                    else _refused("unsupported_token_type", "invalid token")
                )
            case _:
                raise RequestRefused(404, "NOT_FOUND", "The requested resource does not exist")

    def session_of(self, headers: Mapping[str, str]) -> Session | None:
        """The session behind an Authorization header with the scheme Bearer or OAuth."""
        scheme, _, token = headers.get("Authorization", "").partition(" ")
        return self._sessions.find(token.strip()) if scheme.lower() in {"bearer", "oauth"} else None

    def userinfo(self, headers: Mapping[str, str]) -> Reply:
        """Who the access token belongs to; the identity URL gives the same."""
        session = self.session_of(headers)
        if session is None:
            return Reply(403, content=b"Bad_OAuth_Token", content_type="text/html;charset=UTF-8")
        user = self._org.records.find(session.user_id) or {}
        url = self._own_url(headers)
        identity = f"{url}/id/{self._org.org_id}/{session.user_id}"
        return Reply(
            200,
            {
                "sub": identity,
                "id": identity,
                "user_id": session.user_id,
                "organization_id": self._org.org_id,
                "preferred_username": user.get("Username"),
                "username": user.get("Username"),
                "nickname": user.get("Alias"),
                "name": user.get("Name"),
                "display_name": user.get("Name"),
                "email": user.get("Email"),
                "email_verified": True,
                "user_type": "STANDARD",
                "active": True,
                "language": "en_US",
                "locale": "en_US",
                "zoneinfo": "GMT",
                "urls": {
                    "rest": f"{url}/services/data/v{{version}}/",
                    "sobjects": f"{url}/services/data/v{{version}}/sobjects/",
                    "query": f"{url}/services/data/v{{version}}/query/",
                },
            },
        )

    def _token(self, form: dict[str, str], headers: Mapping[str, str]) -> Reply:
        form = form | _basic(headers)
        flow = self._flows.get(form.get("grant_type", ""))
        if flow is None:
            return _refused("unsupported_grant_type", "grant type not supported")
        return flow(_Login(form, self._own_url(headers)))

    def _own_url(self, headers: Mapping[str, str]) -> str:
        host = headers.get("Host")
        return f"http://{host}" if host else self._url

    def _jwt_bearer(self, login: _Login) -> Reply:
        try:
            username = username_of(login.form.get("assertion", ""), self._application, {self._url, login.url})
        except AssertionRefused as refusal:
            return _refused(refusal.error, refusal.description)
        user_id = self._org.sole_user(username)
        if user_id is None:
            return _refused("invalid_grant", "user hasn't approved this consumer")
        return self._granted(login, self._open(user_id))

    def _client_credentials(self, login: _Login) -> Reply:
        refusal = self._check_client(login.form)
        return refusal or self._granted(login, self._open(self._application.run_as))

    def _authorization_code(self, login: _Login) -> Reply:
        """The secret may be left out by an app that proves itself with PKCE."""
        proves = "code_verifier" in login.form and "client_secret" not in login.form
        refusal = self._check_client(login.form, secret_needed=not proves)
        if refusal is not None:
            return refusal
        try:
            approval = self._authorizations.redeem(login.form)
        except CodeRefused as refused:
            return _refused(refused.error, refused.description)
        if proves and approval.challenge is None:
            return _refused("invalid_client", "invalid client credentials")
        client_id = self._application.client_id
        if not approval.lasting:
            return self._granted(login, self._open(approval.user_id))
        grant = self._sessions.grant(approval.user_id, client_id)
        session = self._sessions.issue(approval.user_id, client_id, grant)
        return self._granted(login, session, refresh_token=grant.current)

    def _refresh(self, login: _Login) -> Reply:
        refusal = self._check_client(login.form, secret_needed="client_secret" in login.form)
        if refusal is not None:
            return refusal
        grant = self._sessions.refresh(login.form.get("refresh_token", ""))
        if grant is None:
            return _refused("invalid_grant", "expired access/refresh token")
        session = self._sessions.issue(grant.user_id, grant.client_id, grant)
        rotated = grant.current if self._org.switches.refresh_rotation else None
        return self._granted(login, session, refresh_token=rotated)

    def _password(self, login: _Login) -> Reply:
        refusal = self._check_client(login.form)
        if refusal is not None:
            return refusal
        user_id = self._org.sole_user(login.form.get("username", ""))
        if user_id is None or not login.form.get("password"):
            return _refused("invalid_grant", "authentication failure")
        return self._granted(login, self._open(user_id))

    def _check_client(self, form: Mapping[str, str], *, secret_needed: bool = True) -> Reply | None:
        if form.get("client_id") != self._application.client_id:
            return _refused("invalid_client_id", "client identifier invalid")
        secret = form.get("client_secret", "")
        if secret_needed and not hmac.compare_digest(
            secret.encode(), self._application.client_secret.encode()
        ):
            return _refused("invalid_client", "invalid client credentials")
        return None

    def _open(self, user_id: str) -> Session:
        return self._sessions.issue(user_id, self._application.client_id)

    def _granted(self, login: _Login, session: Session, *, refresh_token: str | None = None) -> Reply:
        identity = f"{login.url}/id/{self._org.org_id}/{session.user_id}"
        issued_at = str(int(session.issued_at * 1000))
        key = self._application.client_secret.encode()
        signature = base64.b64encode(
            hmac.new(key, f"{identity}{issued_at}".encode(), hashlib.sha256).digest()
        ).decode()
        answer: dict[str, object] = {"access_token": session.token}
        if refresh_token is not None:
            answer["refresh_token"] = refresh_token
        answer |= {
            "signature": signature,
            "scope": _SCOPE,
            "instance_url": login.url,
            "id": identity,
            "token_type": "Bearer",
            "issued_at": issued_at,
        }
        return Reply(200, answer, headers=_NO_STORE)

    def _introspect(self, form: dict[str, str], headers: Mapping[str, str]) -> Reply:
        refusal = self._check_client(form | _basic(headers))
        if refusal is not None:
            return Reply(401, refusal.body, headers=_NO_STORE)
        session = self._sessions.look_at(form.get("token", ""))
        if session is None:
            return Reply(200, {"active": False}, headers=_NO_STORE)
        user = self._org.records.find(session.user_id) or {}
        issued = int(session.issued_at)
        expires = int(session.last_used) + self._org.switches.token_seconds
        return Reply(
            200,
            {
                "active": True,
                "scope": _SCOPE,
                "client_id": session.client_id,
                "username": user.get("Username"),
                "sub": f"{self._own_url(headers)}/id/{self._org.org_id}/{session.user_id}",
                "token_type": "access_token",
                "iat": issued,
                "nbf": issued,
                "exp": expires,
            },
            headers=_NO_STORE,
        )


def _refused(error: str, description: str) -> Reply:
    return Reply(400, {"error": error, "error_description": description}, headers=_NO_STORE)


def _basic(headers: Mapping[str, str]) -> dict[str, str]:
    scheme, _, encoded = headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return {}
    try:
        name, _, secret = base64.b64decode(encoded).decode().partition(":")
    except ValueError:  # no base64, or not UTF-8 inside
        return {}
    return {"client_id": unquote(name), "client_secret": unquote(secret)}
