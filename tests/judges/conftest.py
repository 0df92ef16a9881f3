"""Clients that nobody here wrote judge the org emulator. The org is a process of the installed command, and so is every client."""

import asyncio
import contextlib
import fcntl
import hashlib
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.judges.trial import JSFORCE
from tests.support.world_org import Org

_OLDEST_NODE = 18
_INSTALL_SECONDS = 280.0


@pytest.fixture(scope="module")
def org(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Org]:
    """The org that the scenarios of a file share."""
    seed = Path(__file__).with_name("org.yaml").read_text("utf-8")
    made = asyncio.run(Org.start(tmp_path_factory.mktemp("org"), seed))
    try:
        yield made
    finally:
        made.close()


@pytest.fixture
def facts(org: Org) -> dict[str, str]:
    """What a scenario is told of the org: its announcement, with a fresh token, for other scenarios end all tokens."""
    issued = asyncio.run(org.control("POST", "tokens/issue", {"username": org.facts["username"]}))
    return {**org.facts, "access_token": issued["access_token"]}


@pytest.fixture(scope="session")
def node(pytestconfig: pytest.Config) -> str:
    """The path of node, once jsforce is installed beside its scenarios exactly as the lock file says.

    Without Node the tests are skipped, for nothing else here needs it. With Node an installation that fails is an error.
    """
    found, npm = shutil.which("node"), shutil.which("npm")
    if found is None or npm is None or _major(found) < _OLDEST_NODE:
        pytest.skip(
            f"jsforce is not run: install Node.js {_OLDEST_NODE} or later, with npm, and put both on PATH"
        )
    lock = JSFORCE / "package-lock.json"
    with lock.open("rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)  # the workers of one run, and other runs, install once
        wanted = hashlib.sha256(held.read()).hexdigest()
        stamp = JSFORCE / "node_modules" / ".isthmus-lock"  # `npm ci` deletes the folder first, so the stamp
        if not stamp.exists() or stamp.read_text("utf-8") != wanted:
            _tell(pytestconfig, "judges: npm ci in tests/judges/jsforce")
            _install(npm)
            stamp.write_text(wanted, "utf-8")
    return found


def _major(node: str) -> int:
    told = subprocess.run([node, "--version"], capture_output=True, text=True, timeout=30, check=True).stdout
    version = re.match(r"v(\d+)\.", told)
    assert version is not None, told
    return int(version.group(1))


def _install(npm: str) -> None:
    done = subprocess.run(
        [npm, "ci", "--no-progress"],
        cwd=JSFORCE,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=_INSTALL_SECONDS,
        check=False,
    )
    if done.returncode != 0:
        pytest.fail(f"npm ci ended with {done.returncode}\n{done.stdout}\n{done.stderr}", pytrace=False)


def _tell(config: pytest.Config, line: str) -> None:
    """A line that is seen while the tests run, also from a worker, whose standard error is the run's own."""
    capture = config.pluginmanager.getplugin("capturemanager")
    with capture.global_and_fixture_disabled() if capture is not None else contextlib.nullcontext():
        print(line, file=sys.stderr, flush=True)
