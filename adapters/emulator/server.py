"""An emulator in this process: an org and the HTTP server in front of it."""

from __future__ import annotations

import errno
import random
import socket
import tempfile
from pathlib import Path

from aiohttp import web

from adapters.emulator.cometd.endpoint import Streaming
from adapters.emulator.control.acts import Acts
from adapters.emulator.control.api import Control
from adapters.emulator.control.setup import Setup
from adapters.emulator.control.traffic import Traffic
from adapters.emulator.faults import Faults
from adapters.emulator.front import Front
from adapters.emulator.journal import Journal
from adapters.emulator.oauth.application import Application, make_application
from adapters.emulator.oauth.authorization import Authorizations
from adapters.emulator.oauth.endpoints import OAuth
from adapters.emulator.oauth.sessions import Sessions
from adapters.emulator.options import Announcement, EmulatorOptions
from adapters.emulator.org import Org
from adapters.emulator.people import INTEGRATION_USERNAME, settle_users
from adapters.emulator.rest.api import RestApi
from adapters.emulator.seeding import plant, read_seed
from adapters.emulator.soap.metadata import Metadata

_MOST_BODY_BYTES = 160 * 1024 * 1024
_STOP_SECONDS = 0.5
_LONGEST_HEAD = 262_144  # bytes; far above what Salesforce takes, so that the refusal is in its words


class KeysRefused(Exception):  # noqa: N818
    """The folder for the private key cannot be used; the message names the place and says why."""


class HostRefused(Exception):  # noqa: N818
    """The host is no name or address of this machine; the message says why."""


class Emulator:
    """An org in this process.

    `org` is there from the start; `announcement` once `start` has returned. A seed file that cannot be used raises `SeedRefused`, a key folder
    `KeysRefused`, a host that is none of this machine `HostRefused`, a port in use `OSError`, all from `start`.
    """

    announcement: Announcement

    def __init__(self, options: EmulatorOptions) -> None:
        self._options = options
        self._rng = random.Random(options.random_seed)  # noqa: S311  # ids and tokens of an org that exists on one machine
        self.org = Org(rng=self._rng, retention_hours=options.retention_hours)
        self._runner: web.AppRunner | None = None
        self._streaming: Streaming | None = None
        self._own_folder: tempfile.TemporaryDirectory[str] | None = None
        settle_users(self.org)

    async def start(self) -> Announcement:
        """Seed the org, bind, and serve."""
        if self._options.seed_file is not None:
            plant(self.org, read_seed(self._options.seed_file))
        application = self._application()
        sessions = Sessions(self.org.org_id, self.org.clock, self._rng, self.org.switches)
        control_token = "".join(self._rng.choices("0123456789abcdef", k=40))
        front: list[Front] = []
        site = await self._bind(front)
        url = f"http://{_host_name(self._options.host)}:{site}"
        journal, faults = Journal(), Faults(self._rng)
        rest = RestApi(self.org, faults)
        self._streaming = Streaming(self.org, sessions, self._rng, self._options.hold_seconds)
        front.append(
            Front(
                self.org,
                rest,
                Metadata(self.org, rest, sessions),
                OAuth(self.org, sessions, application, Authorizations(self.org, application, self._rng), url),
                self._streaming,
                Control(
                    [
                        Acts(self.org, self._streaming).commands(),
                        Setup(self.org).commands(),
                        Traffic(self.org, journal, faults, sessions, self._streaming, application).commands(),
                    ],
                    control_token,
                ),
                journal,
                faults,
            )
        )
        self.announcement = Announcement(
            url=url,
            org_id=self.org.org_id,
            client_id=application.client_id,
            client_secret=application.client_secret,
            username=INTEGRATION_USERNAME,
            private_key_file=str(application.private_key_file),
            access_token=sessions.issue(self.org.integration_user, application.client_id).token,
            control_url=f"{url}/__control",
            control_token=control_token,
        )
        return self.announcement

    async def stop(self) -> None:
        """Release parked connects, close all connections and the port. A second call does nothing."""
        if self._streaming is not None:
            self._streaming.close()
        if self._runner is not None:
            runner, self._runner = self._runner, None
            await runner.cleanup()
        if self._own_folder is not None:
            self._own_folder.cleanup()
            self._own_folder = None

    async def _bind(self, front: list[Front]) -> int:
        """Serve on the port of the options and give the port that was taken."""

        async def handle(request: web.Request) -> web.StreamResponse:
            return await front[0].handle(request)

        application = web.Application(client_max_size=_MOST_BODY_BYTES)
        application.router.add_route("*", "/{path:.*}", handle)
        self._runner = web.AppRunner(
            application,
            access_log=None,
            shutdown_timeout=_STOP_SECONDS,
            handler_cancellation=True,
            keepalive_timeout=600,
            max_line_size=_LONGEST_HEAD,
            max_field_size=_LONGEST_HEAD,
        )
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, self._options.host, self._options.port, backlog=512).start()
        except OSError as error:
            await self.stop()
            if isinstance(error, socket.gaierror) or error.errno in {None, errno.EADDRNOTAVAIL}:
                raise HostRefused(f"{self._options.host}: {error.strerror or error}") from None
            raise
        return int(self._runner.addresses[0][1])

    def _application(self) -> Application:
        """The connected app with its key. Raises KeysRefused."""
        try:
            return make_application(self._key_directory(), self._rng, self.org.integration_user)
        except OSError as error:
            raise KeysRefused(f"{error.filename or self._options.key_directory}: {error.strerror}") from None
        except (ValueError, TypeError) as error:
            raise KeysRefused(
                f"{self._options.key_directory}: the private key there cannot be read: {error}"
            ) from None

    def _key_directory(self) -> Path:
        if self._options.key_directory is not None:
            self._options.key_directory.mkdir(parents=True, exist_ok=True)
            return self._options.key_directory
        self._own_folder = tempfile.TemporaryDirectory(prefix="isthmus-emulator-")
        return Path(self._own_folder.name)


def _host_name(host: str) -> str:
    """The host in URLs: a name for loopback, because clients drop cookies of hosts that are addresses."""
    return "localhost" if host in {"127.0.0.1", "0.0.0.0"} else host  # noqa: S104
