"""Everything that the demo runs on: a folder, a database, an org, a configuration file, and the daemon between them."""

import asyncio
import json
import os
import secrets
import socket
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from string import Template
from typing import TypeAlias

import orjson

from adapters.memory.meter import MemoryMeter
from adapters.postgres.console import Console
from daemon.compose.demo.cast import Cast, assemble
from daemon.compose.demo.org import Org, answers, open_org
from daemon.compose.demo.processes import Command
from daemon.compose.demo.server import Database, named_database, own_database
from daemon.compose.demo.statements import CONFIGURATION, STATEMENTS
from daemon.domain.failure import RefusedError
from daemon.runtime.clock import SystemClock

_READY_SECONDS = 30.0
_POLL = 0.05
_OWN_NAMES = frozenset(
    {
        "client.secret", "daemon.log", "database.secret", "emulator.log", "isthmus.yaml", "org.json", "postgres", "token.secret",
    }
)  # fmt: skip


Tell: TypeAlias = Callable[[str, float], None]


@dataclass(slots=True)
class Stage:
    """The running parts. `daemon` is there, but not started yet."""

    folder: Path
    configuration: Path
    database: Database
    facts: Mapping[str, str]
    org: Org
    console: Console
    cast: Cast
    daemon: Command
    api_port: int
    metrics_port: int
    clock: SystemClock = field(default_factory=SystemClock)

    @property
    def isthmus(self) -> str:
        """What to type before a subcommand."""
        beside = Path(sys.executable).with_name("isthmus")
        command = os.path.relpath(beside) if beside.exists() else f"{sys.executable} -m daemon"
        return f"{command} -c {self.configuration}"

    @property
    def metrics_url(self) -> str:
        """Where Prometheus would look."""
        return f"http://127.0.0.1:{self.metrics_port}/metrics"

    async def start_daemon(self) -> None:
        """Start `isthmus run` and wait until it is ready. Raises UnreachableError when it does not come up."""
        await self.daemon.start()
        end = self.clock.monotonic() + _READY_SECONDS
        while not await answers(f"http://127.0.0.1:{self.api_port}/readyz"):
            if self.daemon.ended or self.clock.monotonic() > end:
                raise self.daemon.failure()
            await asyncio.sleep(_POLL)

    async def settled(self) -> bool:
        """Whether every step was loaded and nothing captured waits to be applied."""
        progress = await self.console.rows(STATEMENTS["load_progress"])
        done = len(progress) == 2 and all(row["state"] == "done" for row in progress)
        return done and await self.console.value(STATEMENTS["unsettled"]) == 0


@asynccontextmanager
async def open_stage(database: str | None, keep: Path | None, tell: Tell) -> AsyncIterator[Stage]:
    """All parts but the daemon, which the caller starts; every one of them is stopped at the end.

    `tell` hears of each part that is up, with the seconds since the beginning. Raises IsthmusError with what could not be started.
    """
    meter, clock = MemoryMeter(), SystemClock()
    begin = clock.monotonic()
    cast = assemble(clock.now())
    async with AsyncExitStack() as stack:
        folder = stack.enter_context(_folder(keep))
        for name in ("emulator.log", "daemon.log"):
            (folder / name).unlink(missing_ok=True)
        log = folder / "emulator.log"
        seed = _seed(folder, cast)
        arguments = ("--json", "emulator", "--port", "0", "--seed", str(seed))
        emulator = Command(log, *arguments, announces=True)
        stack.push_async_callback(emulator.stop)
        await emulator.start()  # it reads its seed while the database is made
        if database is None:
            kept = folder / "postgres" if keep is not None else None
            opened = await stack.enter_async_context(own_database(kept, meter))
        else:
            opened = await stack.enter_async_context(named_database(database, meter, keep=keep is not None))
        console = await stack.enter_async_context(Console(opened.dsn, meter))
        await console.execute(STATEMENTS["fill_companies"], json.dumps(cast.companies))
        await console.execute(STATEMENTS["fill_people"], json.dumps(cast.people))
        tell(
            f"PostgreSQL: {len(cast.companies)} companies, {len(cast.people)} people",
            clock.monotonic() - begin,
        )
        facts = await emulator.announcement()
        tell(
            f"the org: {len(cast.accounts)} companies, {len(cast.contacts)} people, some of them the same",
            clock.monotonic() - begin,
        )
        org = await stack.enter_async_context(open_org(facts))
        api_port, metrics_port = _free_ports(2)
        file = _configuration(folder, opened, facts, api_port, metrics_port)
        daemon = Command(folder / "daemon.log", "-c", str(file), "run")
        stack.push_async_callback(daemon.stop)
        yield Stage(folder, file, opened, facts, org, console, cast, daemon, api_port, metrics_port, clock)


@contextmanager
def _folder(keep: Path | None) -> Iterator[Path]:
    """The folder of the configuration, the secrets and the logs: a private one that goes at the end, or the one to keep."""
    if keep is None:
        with tempfile.TemporaryDirectory(prefix="isthmus-demo-") as made:
            yield Path(made)
        return
    folder = keep.absolute()
    folder.mkdir(parents=True, exist_ok=True)
    foreign = sorted({path.name for path in folder.iterdir()} - _OWN_NAMES)
    if foreign:
        raise RefusedError(
            f"the demo will not write into {folder}",
            f"it holds other files: {', '.join(foreign[:5])}",
            "name a folder that is empty, does not exist yet, or was made by an earlier demo",
        )
    yield folder


def _seed(folder: Path, cast: Cast) -> Path:
    path = folder / "org.json"
    path.write_bytes(orjson.dumps(cast.seed(), option=orjson.OPT_INDENT_2))
    return path


def _configuration(
    folder: Path, database: Database, facts: Mapping[str, str], api_port: int, metrics_port: int
) -> Path:
    """Write the configuration and the secrets that it names."""
    path = folder / "isthmus.yaml"
    password = ""
    if database.password is not None:
        file = _secret(folder / "database.secret", database.password)
        password = f"  password: {{ file: {_quoted(file)} }}\n"
    values = {
        "file": str(path),
        "url": facts["url"],
        "client_id": _quoted(facts["client_id"]),
        "client_secret_file": _quoted(_secret(folder / "client.secret", facts["client_secret"])),
        "dsn": _quoted(database.bare_dsn),
        "password": password,
        "api_port": str(api_port),
        "metrics_port": str(metrics_port),
        "token_file": _quoted(_secret(folder / "token.secret", secrets.token_hex(24))),
    }
    path.write_text(Template(CONFIGURATION).substitute(values), "utf-8")
    return path


def _secret(path: Path, text: str) -> str:
    path.unlink(missing_ok=True)
    path.touch(mode=0o600)
    path.write_text(text, "utf-8")
    return str(path)


def _quoted(text: str) -> str:
    """A text as YAML reads it back, whatever is in it: every JSON text is one."""
    return json.dumps(text)


def _free_ports(count: int) -> list[int]:
    """Ports of the loopback address that were free a moment ago."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [int(each.getsockname()[1]) for each in sockets]
