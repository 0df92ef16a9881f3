"""Putting the adapter together, and taking it apart."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from random import Random, SystemRandom

import aiohttp
import stamina

from adapters.salesforce.allowance import parse_limits
from adapters.salesforce.bulk_writing import IngestWriter
from adapters.salesforce.catalogue import SalesforceCatalogue
from adapters.salesforce.circuit import Circuit
from adapters.salesforce.conversions import SalesforceConversions
from adapters.salesforce.describe import Descriptions
from adapters.salesforce.identifiers import SalesforceIdentifiers
from adapters.salesforce.records import SalesforceRecords
from adapters.salesforce.rights import SalesforceRights
from adapters.salesforce.server_clock import ServerClock
from adapters.salesforce.session import Health, Session
from adapters.salesforce.settings import SalesforceSettings
from adapters.salesforce.stream import CometdSource
from adapters.salesforce.tokens import TokenProvider
from daemon.domain.failure import ConfigurationError
from daemon.ports.allowance import OPEN_GATE, Gate
from daemon.ports.clock import Clock
from daemon.ports.failpoints import NO_FAILPOINTS, Failpoints
from daemon.ports.meter import Meter
from daemon.ports.salesforce import ChangeSource, Limits


class Salesforce:
    """One org: its records, its catalogue and its streams, with one login."""

    def __init__(
        self,
        settings: SalesforceSettings,
        http: aiohttp.ClientSession,
        clock: Clock,
        meter: Meter,
        random: Random,
        failpoints: Failpoints = NO_FAILPOINTS,
        gate: Gate = OPEN_GATE,
        told: Health = lambda up, reason: None,
    ) -> None:
        server_clock = ServerClock(clock)
        self._settings = settings
        self._clock = clock
        self._meter = meter
        self._failpoints = failpoints
        try:
            circuit = Circuit("login", clock, meter, random)
            self._tokens = TokenProvider(settings, http, clock, server_clock, meter, failpoints, circuit)
        except ValueError as error:
            raise ConfigurationError(
                "The Salesforce login address cannot be used.",
                f"{settings.login_url[:200]!r}: {error}.",
                "Configure the org's My Domain address, such as acme.my.salesforce.com.",
            ) from error
        session = self._session = Session(
            settings, http, self._tokens, clock, server_clock, meter, random, failpoints, gate, told
        )
        self._descriptions = Descriptions(session)
        self.records = SalesforceRecords(session, self._descriptions)
        self.bulk_writer = IngestWriter(session)
        self.catalogue = SalesforceCatalogue(session, self._tokens, self._descriptions)
        self.rights = SalesforceRights(session)
        self.identifiers = SalesforceIdentifiers(session, self._descriptions)
        self.conversions = SalesforceConversions(session, self.records)

    @property
    def tokens(self) -> TokenProvider:
        """The login that everything here shares."""
        return self._tokens

    async def allowance(self) -> Limits | None:
        """The org's API allowance, by a call of its own: for where the answers do not tell it. Raises CallFailedError."""
        return parse_limits(await self._session.get(f"{self._settings.data_path}/limits", "metadata"))

    def stream_factory(self) -> ChangeSource:
        """A new source of change events. To be called where an event loop runs."""
        return CometdSource(
            self._settings,
            self._tokens,
            self._clock,
            self._meter,
            self._descriptions.known,
            self._failpoints,
        )


@asynccontextmanager
async def connect(
    settings: SalesforceSettings,
    clock: Clock,
    meter: Meter,
    random: Random | None = None,
    failpoints: Failpoints = NO_FAILPOINTS,
    gate: Gate = OPEN_GATE,
    told: Health = lambda up, reason: None,
) -> AsyncIterator[Salesforce]:
    """An org, until the block is left. Nothing is sent before it is needed; streams are closed by whoever opened them.

    `gate` is asked before each call that counts against the org's allowance. `told` hears whether the org answers.

    Raises ConfigurationError if the login address may not be spoken to.
    """
    stamina.instrumentation.set_on_retry_hooks(())  # its log lines would quote what Salesforce said
    connector = aiohttp.TCPConnector(limit=settings.concurrency + 4, keepalive_timeout=30)
    async with aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar()) as http:
        yield Salesforce(settings, http, clock, meter, random or SystemRandom(), failpoints, gate, told)
