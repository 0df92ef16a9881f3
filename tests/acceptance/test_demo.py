"""The demo as a user starts it: the scenario comes out right, and Ctrl-C leaves nothing behind."""

import asyncio
import os
import re
import shlex
import signal
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import asyncpg
import pytest

_CHECK_SECONDS = 60.0
_START_SECONDS = 45.0
_END_SECONDS = 10.0

_ROOT = Path(__file__).parents[2]


@dataclass
class Demo:
    """A running `isthmus demo`, and what it has printed so far."""

    process: asyncio.subprocess.Process
    lines: list[str] = field(default_factory=list)

    async def read_until(self, pattern: str) -> re.Match[str]:
        """Read on to the line that matches."""
        assert self.process.stdout is not None
        async with asyncio.timeout(_START_SECONDS):
            while line := await self.process.stdout.readline():
                self.lines.append(line.decode().rstrip())
                if found := re.search(pattern, self.lines[-1]):
                    return found
        pytest.fail(f"it ended before a line like {pattern}:\n" + "\n".join(self.lines))

    async def interrupted(self) -> int:
        """Press Ctrl-C; the status it ends with."""
        self.process.send_signal(signal.SIGINT)
        async with asyncio.timeout(_END_SECONDS):
            await self.process.communicate()
        assert self.process.returncode is not None
        return self.process.returncode


@asynccontextmanager
async def demo(home: Path, *arguments: str) -> AsyncIterator[Demo]:
    """`isthmus demo` with every temporary file of it under `home`."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "daemon",
        "demo",
        *arguments,
        cwd=_ROOT,
        env={**os.environ, "TMPDIR": str(home)},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        yield Demo(process)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


@pytest.fixture
def home() -> Iterator[Path]:
    """A folder that the server's account can enter as well. One of pytest's own is private, and each new run makes it so."""
    with tempfile.TemporaryDirectory(prefix="isthmus-test-demo-") as made:
        Path(made).chmod(0o755)
        yield Path(made)


def using(folder: Path) -> list[str]:
    """The command lines and working folders of running processes that name `folder`."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            command = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
            place = str((process / "cwd").readlink())
        except OSError:
            continue  # it has ended meanwhile, or belongs to somebody else
        if str(folder) in f"{command} {place}":
            found.append(f"{process.name}: {command}")
    return found


async def output_of(*command: str) -> tuple[int, str]:
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT, cwd=_ROOT
    )
    async with asyncio.timeout(30):
        output, _ = await process.communicate()
    return process.returncode or 0, output.decode()


def left_in(home: Path) -> list[str]:
    """Files and processes that are left."""
    return [*using(home), *(str(path) for path in home.iterdir())]


async def test_the_scenario_comes_out_right_on_both_sides(home: Path) -> None:
    async with demo(home, "--check") as running, asyncio.timeout(_CHECK_SECONDS):
        output, _ = await running.process.communicate()
        text = output.decode()
    assert running.process.returncode == 0, text
    assert "FAIL" not in text
    steps = re.search(r"(\d+) of (\d+) steps are as they must be", text)
    assert steps is not None
    assert steps[1] == steps[2]
    assert text.count("\nok  ") == int(steps[1])
    assert left_in(home) == []


async def test_the_show_its_hints_and_ctrl_c(home: Path) -> None:
    """Every hint works as it is printed; Ctrl-C ends all processes; a kept folder can be used again."""
    folder = home / "kept"
    async with demo(home, "--keep", str(folder)) as running:
        await running.read_until(r"(salesforce|postgres) +→ .* \d+ ms$")
        assert len(using(home)) >= 3, "the daemon, the emulator and the server are processes of their own"
        await running.read_until(r"^Conflict: ")
        await running.read_until(r"^ +rule \w+: (salesforce|postgres) wins")
        await running.read_until("Ctrl-C ends everything")
        hints = dict(re.findall(r"^  (\S[\w ,]*?)  +(\S.*)$", "\n".join(running.lines), re.MULTILINE))
        for label in ("each step", "one record, why", "conflicts", "a change of yours"):
            status, output = await output_of(*shlex.split(hints[label]))
            assert status == 0, f"{hints[label]}\n{output}"
        assert "INVALID_EMAIL_ADDRESS" in (await output_of(*shlex.split(hints["what is parked"])))[1]
        asked = await output_of(*shlex.split(hints["the database"]), "-Atc", "select 40 + 2")
        assert asked == (0, "42\n")
        assert await running.interrupted() == 0
    assert using(home) == []
    async with demo(home, "--keep", str(folder)) as running:
        await running.read_until("ready  PostgreSQL")
        assert await running.interrupted() == 0
    assert left_in(home) == [str(folder)]
    assert secrets_and_their_modes(folder) == {"client.secret": 0o600, "token.secret": 0o600}


def secrets_and_their_modes(folder: Path) -> dict[str, int]:
    return {path.name: path.stat().st_mode & 0o777 for path in folder.glob("*.secret")}


@pytest.mark.parametrize(
    ("arguments", "status", "what"),
    [
        (["--keep", str(_ROOT)], 5, "will not write into"),
        (["--database", "host=somewhere"], 2, "is no address of a database"),
        (["--database", "postgresql://nobody@127.0.0.1:1/none"], 69, "a call failed"),
    ],
)
async def test_what_cannot_be_used_is_told_in_three_lines(
    home: Path, arguments: list[str], status: int, what: str
) -> None:
    async with demo(home, *arguments) as running, asyncio.timeout(_START_SECONDS):
        output, _ = await running.process.communicate()
    text = output.decode()
    assert running.process.returncode == status, text
    assert re.search(rf"^isthmus: .*{what}.*\nwhy: .+\ndo:  .+", text, re.MULTILINE), text
    assert using(home) == []


async def test_a_named_database_is_left_as_empty_as_it_was(home: Path, database: str) -> None:
    async with demo(home, "--database", database) as running:
        await running.read_until("isthmus migrate")
        assert await running.interrupted() == 0
    connection = await asyncpg.connect(database)
    try:
        ours = "SELECT nspname FROM pg_namespace WHERE nspname IN ('crm', 'isthmus')"
        assert await connection.fetch(ours) == []
    finally:
        await connection.close()
    assert left_in(home) == []
