"""The one way from the command line to the assembled program, imported only by commands that need it.

The Protocol says what `daemon.compose` has to offer; everything heavy comes in behind it.
"""

from collections.abc import Callable, Coroutine, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from daemon.operations.marker import Instance
from daemon.ports.conversions import Conversions
from daemon.ports.database import Database
from daemon.ports.identifiers import RecordIdentifiers, RowIdentifiers
from daemon.ports.rights import Rights
from daemon.ports.salesforce import Catalogue, ChangeSource, Records

if TYPE_CHECKING:
    from daemon.operations.connections import Connection
    from daemon.settings.models import Settings


class Sides(Protocol):
    """Both sides, opened from settings. Neither is called before it is used."""

    @property
    def catalogue(self) -> Catalogue:
        """What the org says of itself."""
        ...

    @property
    def rights(self) -> Rights:
        """Who we are in the org, and what that user may do."""
        ...

    @property
    def record_identifiers(self) -> RecordIdentifiers:
        """The identifying fields of records."""
        ...

    @property
    def conversions(self) -> Conversions:
        """What becomes of converted leads."""
        ...

    @property
    def row_identifiers(self) -> RowIdentifiers:
        """The identifying columns of rows."""
        ...

    @property
    def records(self) -> Records:
        """Reading and writing records."""
        ...

    @property
    def database(self) -> Database:
        """Schema, capture and catalogue of the database."""
        ...

    async def instance(self) -> Instance:
        """The instance that the database's state belongs to; without an id before its first start."""
        ...

    def source(self) -> ChangeSource:
        """A new source of change events; the caller closes it."""
        ...


class Composition(Protocol):
    """What `daemon.compose` offers to the command line."""

    def open_sides(self, settings: "Settings") -> AbstractAsyncContextManager[Sides]:
        """Both sides, closed at the end of the block."""
        ...

    def run_daemon(
        self,
        settings: "Settings",
        *,
        migrate: bool,
        once: bool,
        standby: bool,
        reread: "Callable[[], Settings] | None" = None,
    ) -> Coroutine[Any, Any, int]:
        """The daemon, until it is asked to stop, or with `once` until nothing is left to do; the exit status.

        With `standby` it waits for as long as another daemon leads. `reread` gives what the files say later.
        """
        ...

    def connections(self, settings: "Settings") -> Coroutine[Any, Any, "list[Connection]"]:
        """Both sides as they are now, asked from here."""
        ...

    def connect_salesforce(
        self, settings: "Settings", *, port: int, seconds: float, show: Callable[[str], None]
    ) -> Coroutine[Any, Any, "tuple[Connection, str]"]:
        """The login of a person in a browser, at the address that `show` is given, answered at `port` of this machine within so many seconds.

        The connection that it made, and where its refresh token is kept, in words.
        """
        ...

    def run_demo(self, *, check: bool, database: str | None, keep: Path | None) -> Coroutine[Any, Any, int]:
        """The demonstration; the exit status."""
        ...

    def run_emulator(
        self,
        *,
        host: str,
        port: int,
        seed: Path | None,
        switches: Sequence[str],
        keys: Path | None,
        random_seed: int | None,
        poll: float,
        as_json: bool,
        hold: float,
    ) -> Coroutine[Any, Any, int]:
        """The emulator of an org. `hold` is the number of seconds after which it stops, 0 means never; `poll` those for which a connect
        without events is held, 0 means as long as Salesforce does.
        """
        ...


def composition() -> Composition:
    """The assembled program."""
    from daemon import compose

    return compose
