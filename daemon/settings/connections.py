"""The two systems that are kept in step: how they are reached and with which credential."""

from enum import StrEnum
from typing import Annotated, ClassVar, Final, Literal
from urllib.parse import urlsplit

from pydantic import BeforeValidator, Field

from daemon.settings.scalars import Section, Text, refuse
from daemon.settings.secrets import Secret, TextOrSecret

LOGIN: Final = "https://login.salesforce.com"
TEST: Final = "https://test.salesforce.com"
FEWEST_IN_BULK: Final = 200
"""Fewer records than these are one call of Collections."""
MOST_IN_BULK: Final = 10_000
"""More records than these are never gathered for one job."""


class Environment(StrEnum):
    """What kind of org it is."""

    PRODUCTION = "production"
    SANDBOX = "sandbox"
    SCRATCH = "scratch"
    EMULATOR = "emulator"

    @property
    def sandbox(self) -> bool | None:
        """Whether such an org calls itself a sandbox; None where that says nothing."""
        return {Environment.PRODUCTION: False, Environment.EMULATOR: None}.get(self, True)


class JwtAuth(Section):
    """JWT bearer: a certificate that the connected app knows. Nothing to renew by hand; the best choice for a server."""

    tag: ClassVar[str] = "jwt"

    flow: Literal["jwt"]
    """JWT bearer."""
    client_id: TextOrSecret
    """Consumer key of the connected app."""
    username: Text = Field(min_length=1)
    """The integration user."""
    private_key: Secret
    """The private key, as PEM, whose certificate the connected app holds."""


class ClientCredentialsAuth(Section):
    """Client credentials: the connected app runs as one user that is set in the app."""

    tag: ClassVar[str] = "client_credentials"

    flow: Literal["client_credentials"]
    """Client credentials."""
    client_id: TextOrSecret
    """Consumer key of the connected app."""
    client_secret: Secret
    """Consumer secret of the connected app."""


class RefreshTokenAuth(Section):
    """Refresh token: a person approved the connected app once."""

    tag: ClassVar[str] = "refresh_token"

    flow: Literal["refresh_token"]
    """Refresh token."""
    client_id: TextOrSecret
    """Consumer key of the connected app."""
    client_secret: Secret | None = None
    """Consumer secret, where the app asks for it."""
    refresh_token: Secret | None = None
    """The first refresh token. Left out, the database keeps the one that `isthmus connect salesforce` gets. Where the app rotates them, the newest is stored in the database."""


Auth = Annotated[JwtAuth | ClientCredentialsAuth | RefreshTokenAuth, Field(discriminator="flow")]


class ApiBudgetSettings(Section):
    """Our share of the org's API calls in any 24 hours."""

    share: float = Field(default=0.40, gt=0, le=1)
    """The part of the org's allowance that is ours. At 80 % of it work is slowed, at 90 % loads and updates wait, at 95 % all writing."""
    reserve: int = Field(default=5000, ge=0)
    """Calls that must stay left for the org's other clients; at most half of the allowance is kept."""


def _bulk_threshold(raw: object) -> object:
    if isinstance(raw, int) and not isinstance(raw, bool) and FEWEST_IN_BULK <= raw <= MOST_IN_BULK:
        return raw
    if raw == "off":
        return raw
    raise refuse(f"must be a whole number from {FEWEST_IN_BULK} to {MOST_IN_BULK}, or off")


BulkThreshold = Annotated[
    Annotated[int, Field(ge=FEWEST_IN_BULK, le=MOST_IN_BULK)] | Literal["off"],
    BeforeValidator(_bulk_threshold),
]


class LimitSettings(Section):
    """How hard Salesforce may be used."""

    api_budget: ApiBudgetSettings = ApiBudgetSettings()
    """Our share of the org's API calls in any 24 hours."""
    concurrency: int = Field(default=8, ge=1, le=50)
    """Requests under way at once. Salesforce allows 25 long ones to an org."""
    bulk_from: int = Field(default=2000, ge=1)
    """From this many records on, an object is read through Bulk API 2.0 instead of REST."""
    bulk_write_from: BulkThreshold = 2000
    """From this many records on that are due at once, they are written through Bulk API 2.0, which costs the fewest calls; `off`: never."""

    @property
    def bulk_writes(self) -> int | None:
        """The same as a number; None where records are never written in bulk."""
        return None if self.bulk_write_from == "off" else self.bulk_write_from


class SalesforceSettings(Section):
    """The Salesforce org."""

    domain: Text
    """The org's My Domain host, such as acme.my.salesforce.com; for the emulator its address."""
    environment: Environment
    """What kind of org it is. It decides the audience of a JWT and guards against the wrong org."""
    api_version: Text = Field(default="62.0", pattern=r"^[2-9][0-9]\.0$")
    """Version of the REST API, such as "62.0"."""
    auth: Auth
    """How the daemon logs in."""
    login_url: Text | None = None
    """Where tokens are asked for, if not at the domain itself."""
    limits: LimitSettings = LimitSettings()
    """How hard Salesforce may be used."""
    channel: Text = Field(default="/data/ChangeEvents", pattern=r"^/data/[A-Za-z][A-Za-z0-9_]*$")
    """Channel of change events: /data/ChangeEvents, or a custom one such as /data/Sync__chn."""

    @property
    def base_url(self) -> str:
        """Scheme and host of the org."""
        return (self.domain if "://" in self.domain else f"https://{self.domain}").rstrip("/")

    @property
    def token_url(self) -> str:
        """Scheme and host that tokens are asked from."""
        return (self.login_url or self.base_url).rstrip("/")

    @property
    def audience(self) -> str:
        """What a JWT names as its audience.

        Salesforce documents that it stays the login server's address even when the request goes to My Domain.
        """
        match self.environment:
            case Environment.PRODUCTION:
                return LOGIN
            case Environment.SANDBOX | Environment.SCRATCH:
                return TEST
            case Environment.EMULATOR:
                return self.token_url

    @property
    def host(self) -> str:
        """The host alone, for people."""
        return urlsplit(self.base_url).netloc


class PoolSettings(Section):
    """Connections to the database."""

    max: int = Field(default=10, ge=4, le=100)
    """Connections at most."""


class DatabaseSettings(Section):
    """The PostgreSQL database: the application's tables, and the schema isthmus beside them."""

    dsn: Text
    """Where the database is: postgresql://USER@HOST:PORT/DATABASE?sslmode=verify-full. Without the password."""
    password: Secret | None = None
    """The password of the user in the dsn."""
    pool: PoolSettings = PoolSettings()
    """Connections to the database."""
