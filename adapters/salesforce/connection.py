"""Putting the adapter together, and taking it apart."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from random import Random, SystemRandom

import aiohttp
import stamina

from adapters.salesforce.catalogue import SalesforceCatalogue
from adapters.salesforce.describe import Descriptions
from adapters.salesforce.records import SalesforceRecords
from adapters.salesforce.server_clock import ServerClock
from adapters.salesforce.session import Session
from adapters.salesforce.settings import SalesforceSettings
from adapters.salesforce.stream import CometdSource
from adapters.salesforce.tokens import TokenProvider
from daemon.domain.failure import ConfigurationError
from daemon.ports.clock import Clock
from daemon.ports.failpoints import NO_FAILPOINTS, Failpoints
from daemon.ports.meter import Meter
from daemon.ports.salesforce import Catalogue, ChangeSource


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
    ) -> None:
        server_clock = ServerClock(clock)
        self._settings = settings
        self._clock = clock
        self._meter = meter
        self._failpoints = failpoints
        try:
            self._tokens = TokenProvider(settings, http, clock, server_clock, meter, failpoints)
        except ValueError as error:
            raise ConfigurationError(
                "The Salesforce login address cannot be used.",
                f"{settings.login_url[:200]!r}: {error}.",
                "Configure the org's My Domain address, such as acme.my.salesforce.com.",
            ) from error
        session = Session(settings, http, self._tokens, clock, server_clock, meter, random, failpoints)
        self._descriptions = Descriptions(session)
        self.records = SalesforceRecords(session, self._descriptions)
        self.catalogue: Catalogue = SalesforceCatalogue(session, self._tokens, self._descriptions)

    @property
    def tokens(self) -> TokenProvider:
        """The login that everything here shares."""
        return self._tokens

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
) -> AsyncIterator[Salesforce]:
    """An org, until the block is left. Nothing is sent before it is needed; streams are closed by whoever opened them.

    Raises ConfigurationError if the login address may not be spoken to.
    """
    stamina.instrumentation.set_on_retry_hooks(())  # its log lines would quote what Salesforce said
    connector = aiohttp.TCPConnector(limit=settings.concurrency + 4, keepalive_timeout=30)
    async with aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar()) as http:
        yield Salesforce(settings, http, clock, meter, random or SystemRandom(), failpoints)
