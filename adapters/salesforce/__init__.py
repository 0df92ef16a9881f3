"""Salesforce, as the daemon's ports want it: records and the catalogue over REST and Bulk API 2.0, and the change
stream over CometD, with one login shared by all of them.

`connect` is the way in:

    async with connect(settings, clock, meter) as salesforce:
        found = await salesforce.records.read("Account", ["Name"], ids)
        source = salesforce.stream_factory()
"""

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
