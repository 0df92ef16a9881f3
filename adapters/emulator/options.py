"""What the emulator is told at its start, and what it tells back once it serves."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class EmulatorOptions:
    """How to start an org.

    `port` 0 takes a free one. `key_directory` keeps the private key of the JWT bearer flow between runs; None is a private temporary folder that
    goes with the emulator. `hold_seconds` is how long a connect without events is parked, `retention_hours` how long events can be replayed.
    With a `random_seed` two runs give the same ids, tokens and replay ids.
    """

    host: str = "127.0.0.1"
    port: int = 0
    seed_file: Path | None = None
    key_directory: Path | None = None
    hold_seconds: float = 110.0
    retention_hours: float = 72.0
    random_seed: int | None = None


@dataclass(frozen=True, slots=True)
class Announcement:
    """Everything a client needs to use the org, and a tester to steer it."""

    url: str
    org_id: str
    client_id: str
    client_secret: str
    username: str
    private_key_file: str
    access_token: str
    control_url: str
    control_token: str

    def as_json(self) -> dict[str, str]:
        """The announcement as one flat object of texts."""
        return asdict(self)
