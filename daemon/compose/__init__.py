"""The composition root: the only package that names adapters. Settings go in, running programs come out.

Each program is imported when it is asked for, so that no command pays for the parts of another.
"""

from collections.abc import Callable, Coroutine, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from daemon.compose.sides import OpenSides
    from daemon.operations.connections import Connection
    from daemon.settings.models import Settings


def open_sides(settings: "Settings") -> AbstractAsyncContextManager["OpenSides"]:
    """Both sides until the block ends. Nothing is sent to either before it is needed."""
    from daemon.compose import sides

    return sides.open_sides(settings)


def run_daemon(
    settings: "Settings",
    *,
    migrate: bool,
    once: bool,
    standby: bool,
    reread: "Callable[[], Settings] | None" = None,
) -> Coroutine[Any, Any, int]:
    """The daemon, until it is asked to stop; with `once` until nothing is left to do. The exit status."""
    from daemon.compose import daemon

    return daemon.run_daemon(settings, migrate=migrate, once=once, standby=standby, reread=reread)


async def connections(settings: "Settings") -> "list[Connection]":
    """Both sides as they are now, asked from here."""
    from daemon.compose.accounts import accounts_of
    from daemon.operations import connections

    async with open_sides(settings) as sides:
        return await connections.connections(accounts_of(settings, sides))


def connect_salesforce(
    settings: "Settings", *, port: int, seconds: float, show: "Callable[[str], None]"
) -> "Coroutine[Any, Any, tuple[Connection, str]]":
    """The login of a person in a browser. The connection that it made, and where its refresh token is kept."""
    from daemon.compose import connecting

    return connecting.connect_salesforce(settings, port=port, seconds=seconds, show=show)


def run_demo(*, check: bool, database: str | None, keep: Path | None) -> Coroutine[Any, Any, int]:
    """The demonstration. The exit status."""
    from daemon.compose import demo

    return demo.run_demo(check=check, database=database, keep=keep)


def run_emulator(
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
    """An emulated org, until a signal, or for `hold` seconds if that is not 0. The exit status."""
    from daemon.compose import emulator

    return emulator.run_emulator(
        host=host,
        port=port,
        seed=seed,
        switches=switches,
        keys=keys,
        random_seed=random_seed,
        poll=poll,
        as_json=as_json,
        hold=hold,
    )
