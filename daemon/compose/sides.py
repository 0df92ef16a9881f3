"""Both sides, opened from settings."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from adapters.memory.meter import MemoryMeter
from adapters.postgres.database import PostgresDatabase
from adapters.postgres.identifying import PostgresIdentifiers
from adapters.postgres.kept import KeptFacts
from adapters.postgres.pool import Connector, Pool, PoolSettings
from adapters.salesforce import (
    ClientCredentialsLogin,
    JwtLogin,
    RefreshTokenLogin,
    Salesforce,
    SalesforceSettings,
    connect,
)
from daemon.compose.rotation import RotatingToken
from daemon.operations.marker import INSTANCE_SETTING, Instance
from daemon.ports.allowance import OPEN_GATE, Gate
from daemon.ports.clock import Clock
from daemon.ports.conversions import Conversions
from daemon.ports.failpoints import NO_FAILPOINTS, Failpoints
from daemon.ports.identifiers import RecordIdentifiers, RowIdentifiers
from daemon.ports.loads import BulkRecords
from daemon.ports.meter import Meter
from daemon.ports.rights import Rights
from daemon.ports.salesforce import Catalogue, ChangeSource, Records
from daemon.runtime.clock import SystemClock
from daemon.settings.connections import ClientCredentialsAuth, Environment, JwtAuth, RefreshTokenAuth
from daemon.settings.models import Settings
from daemon.settings.secrets import text_of


@dataclass(frozen=True, slots=True)
class OpenSides:
    """The org and the database, ready to be asked."""

    salesforce: Salesforce
    database: PostgresDatabase
    pool: Pool
    clock: Clock
    meter: Meter

    @property
    def catalogue(self) -> Catalogue:
        """What the org says of itself."""
        return self.salesforce.catalogue

    @property
    def rights(self) -> Rights:
        """Who we are in the org, and what that user may do."""
        return self.salesforce.rights

    @property
    def record_identifiers(self) -> RecordIdentifiers:
        """The identifying fields of records."""
        return self.salesforce.identifiers

    @property
    def conversions(self) -> Conversions:
        """What becomes of converted leads."""
        return self.salesforce.conversions

    @property
    def row_identifiers(self) -> RowIdentifiers:
        """The identifying columns of rows."""
        return PostgresIdentifiers(self.pool)

    @property
    def records(self) -> Records:
        """Reading and writing records."""
        return self.salesforce.records

    @property
    def bulk_records(self) -> BulkRecords:
        """The same, for reading in bulk."""
        return self.salesforce.records

    async def instance(self) -> Instance:
        """The instance that the database's state belongs to; without an id before its first start."""
        return Instance(await KeptFacts(self.pool).get(INSTANCE_SETTING) or "", "")

    def source(self) -> ChangeSource:
        """A new source of change events; the caller closes it."""
        return self.salesforce.stream_factory()


@asynccontextmanager
async def open_sides(
    settings: Settings,
    *,
    clock: Clock | None = None,
    meter: Meter | None = None,
    failpoints: Failpoints = NO_FAILPOINTS,
    gate: Gate = OPEN_GATE,
    told: Callable[[bool, str], None] = lambda up, reason: None,
    learn: Callable[[str], None] = lambda secret: None,
) -> AsyncIterator[OpenSides]:
    """Both sides until the block ends. Nothing is sent to either before it is needed.

    `gate` is asked before each call that counts against the org's allowance; `told` hears whether the org answers. `learn` is told each
    token that a login gives, before it is used.
    """
    clock, meter = clock or SystemClock(), meter or MemoryMeter()
    password = settings.database.password
    connector = Connector(
        settings.database.dsn,
        clock=clock,
        meter=meter,
        password=password.read if password is not None else None,
        settings=PoolSettings(size=settings.database.pool.max),
        failpoints=failpoints,
    )
    async with Pool(connector) as pool:
        database = PostgresDatabase(pool)
        wanted = salesforce_settings(settings, RotatingToken(KeptFacts(pool), settings, learn), learn)
        async with connect(wanted, clock, meter, failpoints=failpoints, gate=gate, told=told) as salesforce:
            yield OpenSides(salesforce, database, pool, clock, meter)


def salesforce_settings(
    settings: Settings, rotating: RotatingToken, learn: Callable[[str], None] = lambda secret: None
) -> SalesforceSettings:
    """How the adapter is to reach the org."""
    wanted = settings.salesforce
    emulated = wanted.environment is Environment.EMULATOR
    return SalesforceSettings(
        login_url=wanted.token_url,
        login=_login(settings, rotating),
        learn=learn,
        api_version=wanted.api_version,
        concurrency=wanted.limits.concurrency,
        insecure_hosts=frozenset({wanted.host.partition(":")[0]}) if emulated else frozenset(),
    )


def _login(
    settings: Settings, rotating: RotatingToken
) -> JwtLogin | ClientCredentialsLogin | RefreshTokenLogin:
    match settings.salesforce.auth:
        case JwtAuth() as auth:
            audience = settings.salesforce.audience
            return JwtLogin(text_of(auth.client_id), auth.username, auth.private_key.read, audience)
        case ClientCredentialsAuth() as auth:
            return ClientCredentialsLogin(text_of(auth.client_id), auth.client_secret.read)
        case RefreshTokenAuth() as auth:
            secret = auth.client_secret.read if auth.client_secret is not None else None
            client_id = text_of(auth.client_id)
            return RefreshTokenLogin(client_id, rotating.read, rotating.store, secret, rotating.look_again)
