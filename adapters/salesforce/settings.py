"""What the adapter must be told to reach one org.

Secrets are callables, so that a rotated file is taken up by the next login without a restart, and none is ever held
by a value that could be printed.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final

Secret = Callable[[], str]
"""Gives the secret as it is now. May raise OSError."""

PRODUCTION_AUDIENCE: Final = "https://login.salesforce.com"
SANDBOX_AUDIENCE: Final = "https://test.salesforce.com"

DOMAIN_SUFFIXES: Final = (".salesforce.com", ".force.com", ".salesforce.mil", ".cloudforce.com")
"""The domains under which Salesforce serves orgs. A token is sent to nobody else."""


@dataclass(frozen=True, slots=True)
class JwtLogin:
    """OAuth JWT bearer: `private_key` gives PEM text. `audience` is the login host, even when posting to My Domain."""

    client_id: str
    username: str
    private_key: Secret = field(repr=False)
    audience: str = PRODUCTION_AUDIENCE


@dataclass(frozen=True, slots=True)
class ClientCredentialsLogin:
    """OAuth client credentials. Salesforce answers this flow on a My Domain host only."""

    client_id: str
    client_secret: Secret = field(repr=False)


@dataclass(frozen=True, slots=True)
class RefreshTokenLogin:
    """OAuth refresh token.

    With rotation each answer carries a new single-use token, and using an old one revokes the whole grant:
    `store_refresh_token` is awaited before the new access token is used. `look_again` is awaited before `refresh_token` is
    asked: somebody may have logged in meanwhile and stored another one.
    """

    client_id: str
    refresh_token: Secret = field(repr=False)
    store_refresh_token: Callable[[str], Awaitable[None]] = field(repr=False)
    client_secret: Secret | None = field(default=None, repr=False)
    look_again: Callable[[], Awaitable[None]] | None = field(default=None, repr=False)


Login = JwtLogin | ClientCredentialsLogin | RefreshTokenLogin


@dataclass(frozen=True, slots=True)
class SalesforceSettings:
    """How to reach the org, and how hard.

    `login_url` is where tokens come from: My Domain, or the login host. Times are in seconds, sizes in bytes.
    `insecure_hosts` may be spoken to over plain http and on any port: for an emulator on this machine only. `learn` is told each access
    token before it is used, so that no log line shows it.
    """

    login_url: str
    login: Login
    api_version: str = "67.0"
    client_name: str = "isthmus"
    batch_size: int = 200
    conditional_batch_size: int = 12
    read_batch_size: int = 2000
    bulk_page_records: int = 50_000
    concurrency: int = 10
    connect_seconds: float = 10.0
    read_seconds: float = 30.0  # a safe read that hears nothing for so long is tried again
    total_seconds: float = 120.0
    read_attempts: int = 4
    bulk_job_seconds: float = 4 * 3600.0
    max_answer_bytes: int = 64 * 1024 * 1024
    max_line_bytes: int = 16 * 1024 * 1024  # one record of a bulk result
    allow_duplicates: bool = False  # sends Sforce-Duplicate-Rule-Header: allowSave=true
    domain_suffixes: tuple[str, ...] = DOMAIN_SUFFIXES
    insecure_hosts: frozenset[str] = frozenset()
    learn: Callable[[str], None] = field(default=lambda secret: None, repr=False)
    stream_hold_seconds: float = 110.0  # until the server's advice says otherwise
    stream_margin_seconds: float = 15.0
    stream_request_seconds: float = 30.0
    stream_high_water: int = 2_000
    stream_batch_events: int = 500

    def __post_init__(self) -> None:
        bounds = (
            ("batch_size", self.batch_size, 1, 200),
            ("conditional_batch_size", self.conditional_batch_size, 1, 12),
            ("read_batch_size", self.read_batch_size, 1, 2000),
            ("bulk_page_records", self.bulk_page_records, 1, 1_000_000),
            ("concurrency", self.concurrency, 1, 100),
            ("read_attempts", self.read_attempts, 1, 20),
        )
        for name, value, low, high in bounds:
            if not low <= value <= high:
                raise ValueError(f"{name} must be from {low} to {high}, not {value}")

    @property
    def data_path(self) -> str:
        """The path under which this version's REST resources live."""
        return f"/services/data/v{self.api_version}"
