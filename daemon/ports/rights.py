"""What the org says of the user that we are there: who it is, and what it may do in the org as a whole."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol


class Permission(StrEnum):
    """System permissions that decide whether a program may come in, by the words of Setup."""

    API_ENABLED = "API Enabled"
    API_ONLY = "API Only User"
    USE_ANY_API_CLIENT = "Use Any API Client"
    APPROVE_UNINSTALLED = "Approve Uninstalled Connected Apps"


@dataclass(frozen=True, slots=True)
class Caller:
    """The user of the connection. `profile` is empty where the user may not see it.

    `permissions` holds those that the org knows: one that does not exist there, or may not be asked for, is absent.
    """

    username: str
    user_type: str
    profile: str = ""
    permissions: Mapping[Permission, bool] = field(default_factory=dict)


class Rights(Protocol):
    """Asked by `doctor`; never on the hot path."""

    async def caller(self) -> Caller:
        """Who we are. Raises CallFailedError."""
        ...
