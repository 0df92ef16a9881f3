"""The servers under measurement, each a process of its own on one core, while the driver runs on another."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import orjson

_STOP_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Server:
    """A process that serves, and the line it said so with. `ready_seconds` is from its start to that line."""

    process: subprocess.Popen[str]
    announcement: str
    ready_seconds: float

    def peak_megabytes(self) -> float | None:
        """The most memory the process has had resident, in 1,000,000 bytes; None where the system does not tell."""
        try:
            status = Path(f"/proc/{self.process.pid}/status").read_text()
        except OSError:
            return None
        found = re.search(r"VmHWM:\s+(\d+) kB", status)
        return int(found.group(1)) * 1024 / 1e6 if found else None


@dataclass(frozen=True, slots=True)
class RunningOrg:
    """An emulator that serves: its process, and what a client needs."""

    server: Server
    port: int
    token: str
    client_id: str
    client_secret: str


@contextmanager
def emulator(seed: Mapping[str, object]) -> Iterator[RunningOrg]:
    """The installed command `isthmus emulator` with a seed file."""
    command = Path(sys.executable).with_name("isthmus")
    with TemporaryDirectory(prefix="isthmus-benchmark-") as folder:
        path = Path(folder) / "seed.json"
        path.write_bytes(orjson.dumps(seed))
        arguments = [str(command), "--json", "emulator", "--port", "0", "--seed", str(path)]
        with _running(arguments) as server:
            facts = orjson.loads(server.announcement)
            port = int(facts["url"].rpartition(":")[2])
            yield RunningOrg(server, port, facts["access_token"], facts["client_id"], facts["client_secret"])


@contextmanager
def bare_server() -> Iterator[int]:
    """The server of `benchmarks.limit`; gives its port."""
    with _running([sys.executable, "-m", "benchmarks.limit"]) as server:
        yield int(server.announcement)


@contextmanager
def _running(arguments: Sequence[str]) -> Iterator[Server]:
    started = time.perf_counter()
    with _on_core(_server_core()):
        process = subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line:
            raise RuntimeError(f"{arguments[0]} ended before it served, with status {process.wait()}")
        yield Server(process, line, time.perf_counter() - started)
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.communicate(timeout=_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()


def leave_the_servers_core() -> None:
    """Keep the driver away from the core of the servers, where the machine has more than one."""
    if hasattr(os, "sched_setaffinity"):
        others = os.sched_getaffinity(0) - {_server_core()}
        if others:
            os.sched_setaffinity(0, others)


_CORES = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []


def _server_core() -> int | None:
    return _CORES[-1] if _CORES else None


@contextmanager
def _on_core(core: int | None) -> Iterator[None]:
    """A process that is started inside the block stays on that core: children take over where their parent may run."""
    if core is None:
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)
