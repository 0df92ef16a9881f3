"""Which accounts the daemon works with: both sides, whether they let us in, as whom, and what to do where they do not."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any, Final

from daemon.domain.failure import CallFailedError, FailureKind, IsthmusError
from daemon.domain.own_faults import NOT_CONNECTED
from daemon.operations.permissions import check_environment
from daemon.ports.api import ApiReply, ApiRequest, Endpoint, Role
from daemon.ports.database import Database
from daemon.ports.salesforce import Catalogue

LOOK_SECONDS: Final = 15.0
"""How long one side may take to say who we are there."""


@dataclass(frozen=True, slots=True)
class Connection:
    """One side. `state` is connected, not connected, refused or unreachable; `org` is the org or the database; `do` is empty where nothing is to do."""

    side: str
    address: str
    state: str
    user: str = ""
    org: str = ""
    why: str = ""
    do: str = ""


@dataclass(frozen=True, slots=True)
class Accounts:
    """Both sides as they are configured. `sandbox` is what the org should be; None where that is not said."""

    salesforce: str
    database: str
    sandbox: bool | None
    catalogue: Catalogue
    sql: Database


async def connections(accounts: Accounts) -> list[Connection]:
    """Both sides, asked at the same time. Never raises for a side that does not answer: that is its state."""
    found = await asyncio.gather(
        _state("salesforce", accounts.salesforce, partial(org_connection, accounts)),
        _state("postgres", accounts.database, partial(_database, accounts)),
    )
    return list(found)


async def org_connection(accounts: Accounts) -> Connection:
    """The org, which must be of the kind that is configured. Raises CallFailedError or RefusedError."""
    org = await accounts.catalogue.organisation()
    check_environment(accounts.sandbox, org)
    kind = ", sandbox" if org.get("is_sandbox") == "true" else ""
    name = f"{org.get('name', '')} ({org.get('id', '')}{kind})"
    return Connection("salesforce", accounts.salesforce, "connected", org.get("username", ""), name)


async def _database(accounts: Accounts) -> Connection:
    facts = await accounts.sql.facts()
    org = f"{facts.database} (PostgreSQL {facts.version})"
    return Connection("postgres", accounts.database, "connected", facts.user, org)


async def _state(side: str, address: str, ask: Callable[[], Awaitable[Connection]]) -> Connection:
    refused = partial(Connection, side, address)
    try:
        async with asyncio.timeout(LOOK_SECONDS):
            return await ask()
    except TimeoutError:
        why = f"no answer within {LOOK_SECONDS:g} s"
        return refused("unreachable", why=why, do="see whether it can be reached from here: isthmus doctor")
    except CallFailedError as error:
        failure = error.failure
        return refused(_word(failure.code, failure.kind), why=failure.message, do=failure.advice)
    except IsthmusError as error:
        what = "unreachable" if error.exit_status in _AWAY else "refused"
        return refused(what, why=f"{error.what}: {error.why}", do=error.fix)


_AWAY: Final = (69, 75)
_PASSES: Final = (FailureKind.TRANSIENT, FailureKind.BUSY, FailureKind.LIMITED)


def _word(code: str, kind: FailureKind) -> str:
    if code == NOT_CONNECTED:
        return "not connected"
    return "unreachable" if kind in _PASSES else "refused"


def connection_routes(accounts: Accounts) -> tuple[Endpoint, ...]:
    """The routes. They can be answered before the daemon has begun as well."""
    return (Endpoint("GET", "/api/v1/connections", Role.VIEWER, partial(_shown, accounts)),)


async def _shown(accounts: Accounts, _: ApiRequest) -> ApiReply:
    return ApiReply({"items": documents(await connections(accounts)), "next": None})


def documents(found: list[Connection]) -> list[Mapping[str, Any]]:
    """Connections as the API shows them."""
    return [asdict(each) for each in found]
