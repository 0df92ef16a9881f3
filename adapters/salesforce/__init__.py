"""Salesforce, as the daemon's ports want it: records and the catalogue over REST and Bulk API 2.0, and the change
stream over CometD, with one login shared by all of them.

`connect` is the way in:

    async with connect(settings, clock, meter) as salesforce:
        found = await salesforce.records.read("Account", ["Name"], ids)
        source = salesforce.stream_factory()

The names below are loaded when they are asked for: who only wants the explanation of a code pays for no HTTP client.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from adapters.salesforce.connection import Salesforce, connect
    from adapters.salesforce.settings import (
        PRODUCTION_AUDIENCE,
        SANDBOX_AUDIENCE,
        ClientCredentialsLogin,
        JwtLogin,
        RefreshTokenLogin,
        SalesforceSettings,
    )

__all__ = [
    "PRODUCTION_AUDIENCE",
    "SANDBOX_AUDIENCE",
    "ClientCredentialsLogin",
    "JwtLogin",
    "RefreshTokenLogin",
    "Salesforce",
    "SalesforceSettings",
    "connect",
]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = "connection" if name in ("Salesforce", "connect") else "settings"
    return getattr(import_module(f"{__name__}.{module}"), name)
