"""The daemon's own faces: HTTP, logs, and how long it remembers."""

from datetime import timedelta
from typing import Literal

from pydantic import Field

from daemon.ports.api import Role
from daemon.settings.scalars import Address, Duration, Identifier, Section, split_address
from daemon.settings.secrets import Secret


class TokenSettings(Section):
    """One caller of the API."""

    name: Identifier
    """Who it is, in the log of operators' acts."""
    role: Literal["viewer", "operator", "admin"]
    """viewer reads, operator also retries, resolves and pauses, admin also links and unlinks and sees sensitive values."""
    token: Secret
    """The bearer token."""

    @property
    def grants(self) -> Role:
        """The role as the API knows it."""
        return Role[self.role.upper()]


class AuthSettings(Section):
    """Who may call the API."""

    tokens: tuple[TokenSettings, ...] = ()
    """Callers and their tokens. Without any, only what needs no token is answered."""


class HttpSettings(Section):
    """What the daemon listens on."""

    listen: Address = "127.0.0.1:8470"
    """Address of the API and the health endpoints."""
    metrics_listen: Address | None = "127.0.0.1:9470"
    """Address of /metrics alone, so that it can be opened to Prometheus only. null: it is served by `listen`."""
    auth: AuthSettings = AuthSettings()
    """Who may call the API."""

    @property
    def api_address(self) -> tuple[str, int]:
        """Host and port of the API."""
        return split_address(self.listen)

    @property
    def metrics_address(self) -> tuple[str, int] | None:
        """Host and port of the metrics' own listener, if there is one."""
        return split_address(self.metrics_listen) if self.metrics_listen is not None else None


class LogSettings(Section):
    """What is logged, and how."""

    format: Literal["json", "console", "auto"] = "auto"
    """json, console, or auto: console on a terminal, json elsewhere."""
    level: Literal["debug", "info", "warning", "error"] = "info"
    """The least important lines that are written."""


class RetentionSettings(Section):
    """How long history is kept."""

    journal: Duration = Field(default=timedelta(days=90))
    """Every decision."""
    conflicts: Duration = Field(default=timedelta(days=30))
    """The losing values of conflicts, which can be applied again."""
    tombstones: Duration = Field(default=timedelta(days=30))
    """Deleted pairs, so that an undelete finds its row again."""
