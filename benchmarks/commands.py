"""What short commands cost before they answer: `./run exec python -m benchmarks.commands`.

Processor seconds of a whole process, the fastest of several starts with compiled bytecode. The limit is the same interpreter that does
nothing at all, in turn with them.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import orjson

_CONFIGURATION = """\
version: 1
name: benchmark
salesforce:
  domain: example.my.salesforce.com
  environment: production
  auth: { flow: client_credentials, client_id: { env: CLIENT_ID }, client_secret: { env: CLIENT_SECRET } }
database: { dsn: "postgresql://isthmus@localhost/app" }
steps:
  - name: accounts
    salesforce: { object: Account }
    postgres: { table: crm.accounts, key: id }
    direction: pull
    fields: [{ salesforce: Name, postgres: name }]
"""
LIMIT = "the interpreter alone"
COMMANDS: Mapping[str, Sequence[str]] = {
    LIMIT: ("-c", "pass"),
    "-h": ("-m", "daemon.cli", "-h"),
    "explain": ("-m", "daemon.cli", "explain", "UNABLE_TO_LOCK_ROW"),
    "config check --offline": ("-m", "daemon.cli", "config", "check", "--offline", "-c", "isthmus.yaml"),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, and print a line a command or JSON."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.commands", description=__doc__)
    parser.add_argument("--rounds", type=int, default=7, help="starts of each command (7)")
    parser.add_argument("--json", action="store_true", help="print JSON")
    given = parser.parse_args(arguments)
    seconds = _measured(given.rounds)
    limit = seconds[LIMIT]
    if given.json:
        print(orjson.dumps(seconds, option=orjson.OPT_INDENT_2).decode())
        return 0
    for name, took in seconds.items():
        print(f"{name:<24} {took:.3f} s of processor, {took / limit:.1f} times {LIMIT}")
    return 0


def _measured(rounds: int) -> dict[str, float]:
    """The fastest of each, in processor seconds; one start more, which may compile, is not counted."""
    fastest = dict.fromkeys(COMMANDS, float("inf"))
    with TemporaryDirectory(prefix="isthmus-benchmark-") as folder:
        (Path(folder) / "isthmus.yaml").write_text(_CONFIGURATION, encoding="utf-8")
        for counted in (False, *[True] * rounds):
            for name, command in COMMANDS.items():
                took = _start(command, Path(folder))
                fastest[name] = min(fastest[name], took) if counted else fastest[name]
    return fastest


def _start(command: Sequence[str], folder: Path) -> float:
    before = _children()
    subprocess.run(
        [sys.executable, *command],
        cwd=folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        check=True,
        timeout=60,
    )
    return _children() - before


def _children() -> float:
    """Processor seconds of all processes that were started here and have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    sys.exit(main())
