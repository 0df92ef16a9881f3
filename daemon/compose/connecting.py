"""Connecting the Salesforce account: a person logs in once, and what the daemon logs in with afterwards is kept."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace

from adapters.memory.meter import MemoryMeter
from adapters.postgres.kept import KeptFacts
from adapters.salesforce import RefreshTokenLogin, SalesforceSettings, connect
from daemon.compose.accounts import accounts_of
from daemon.compose.rotation import RotatingToken
from daemon.compose.sides import OpenSides, open_sides, salesforce_settings
from daemon.compose.start import ORG_SETTING, same_org
from daemon.domain.failure import CallFailedError, IsthmusError, RefusedError
from daemon.operations.connections import Connection, org_connection
from daemon.settings.connections import RefreshTokenAuth
from daemon.settings.models import Settings
from daemon.settings.secrets import FileSecret


async def connect_salesforce(
    settings: Settings, *, port: int, seconds: float, show: Callable[[str], None]
) -> tuple[Connection, str]:
    """The login of a person at the address that `show` is given. The connection that it made, and where its refresh token is kept.

    Nothing is kept of a login that leads to another org than before, or to one of another kind than the configuration says.
    Raises RefusedError, CallFailedError, TryLaterError.
    """
    from adapters.salesforce.authorize import log_in

    auth = settings.salesforce.auth
    if not isinstance(auth, RefreshTokenAuth):
        raise RefusedError(
            f"the configuration logs in by {auth.flow}, which needs no login of a person",
            "a person logs in where salesforce.auth says flow: refresh_token",
            "see whether it is connected with isthmus connect; to log in as a person, write flow: refresh_token and a client_id",
        )
    async with open_sides(settings) as sides:
        rotating = RotatingToken(KeptFacts(sides.pool), settings)
        await _must_be_kept(auth, rotating, sides)
        wanted = salesforce_settings(settings, rotating)
        held = _Held(await log_in(wanted, port=port, seconds=seconds, show=show))
        found = await _looked_at(settings, sides, wanted, held)
        return found, await _kept(auth, rotating, held.token)


@dataclass(slots=True)
class _Held:
    """The newest refresh token of a login that is not kept yet: the app may give another one at each use."""

    token: str

    def read(self) -> str:
        return self.token

    async def store(self, token: str) -> None:
        self.token = token


async def _must_be_kept(auth: RefreshTokenAuth, rotating: RotatingToken, sides: OpenSides) -> None:
    """Whether what the login gives can be kept, asked before anybody logs in."""
    if isinstance(auth.refresh_token, FileSecret):
        auth.refresh_token.may_be_kept()
        return
    await rotating.look_again()
    try:
        await KeptFacts(sides.pool).get(ORG_SETTING)
    except (CallFailedError, IsthmusError) as error:
        raise RefusedError(
            "nothing could keep the refresh token that the login gives",
            f"the database holds it, and does not answer as it should: {error}",
            "run isthmus migrate first, or name a file: salesforce.auth.refresh_token: { file: PATH }",
        ) from None


async def _looked_at(
    settings: Settings, sides: OpenSides, wanted: SalesforceSettings, held: _Held
) -> Connection:
    """Who logged in, and where: the org that was linked before, if any was, and one of the kind that is meant."""
    assert isinstance(wanted.login, RefreshTokenLogin)
    login = replace(wanted.login, refresh_token=held.read, store_refresh_token=held.store, look_again=None)
    async with connect(replace(wanted, login=login), sides.clock, MemoryMeter()) as salesforce:
        accounts = replace(accounts_of(settings, sides), catalogue=salesforce.catalogue)
        found = await org_connection(accounts)
        organisation = await salesforce.catalogue.organisation()
    kept = KeptFacts(sides.pool)
    known = None
    with suppress(CallFailedError, IsthmusError):  # before there is a database, no org is known
        known = await kept.get(ORG_SETTING)
    if known is not None:
        await same_org(kept, organisation)
    return found


async def _kept(auth: RefreshTokenAuth, rotating: RotatingToken, token: str) -> str:
    if isinstance(auth.refresh_token, FileSecret):
        auth.refresh_token.keep(token)
        return f"the file {auth.refresh_token.path}"
    await rotating.store(token)
    return "the database (isthmus.setting)"
