"""Both sides' schemas, looked at again and again while the daemon works: as cheaply as each side allows."""

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from daemon.domain.mapping import Step
from daemon.ports.database import TableDescription
from daemon.ports.salesforce import ObjectDescription


class Objects(Protocol):
    """The objects of Salesforce, as this user sees them."""

    async def describe_all(
        self, names: Sequence[str], *, whole: bool = False
    ) -> Mapping[str, ObjectDescription]:
        """Those of these objects that exist for this user, one call for up to 25.

        Salesforce is asked only for what has changed since the last time, unless the answer is wanted `whole`.
        Raises CallFailedError.
        """
        ...

    def when_outdated(self, tell: Callable[[], None]) -> None:
        """Have `tell` called when a call shows that an object is not as it was described any more."""
        ...


class Tables(Protocol):
    """The tables of the database, and the capture functions that follow from them."""

    async def tables(self, names: Sequence[str]) -> Mapping[str, TableDescription]:
        """Those of these tables and views that exist, by the name that was asked for. Raises IsthmusError or CallFailedError."""
        ...

    async def capture_adapt(self, steps: Sequence[Step]) -> Sequence[str]:
        """Make the installed capture functions of these steps as the steps need them now; the statements that were run.

        Nothing is installed that is not there, and no table is touched. Raises IsthmusError, as where another role owns them.
        """
        ...


class Kept(Protocol):
    """Small facts that outlive the process."""

    async def get(self, name: str) -> str | None:
        """The text under a name, or None."""
        ...

    async def put(self, name: str, text: str) -> None:
        """Keep a text under a name."""
        ...
