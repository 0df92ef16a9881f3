"""The installed command as a process: started, watched through its log files, signalled, and always reaped."""

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self, TypeVar

COMMAND = Path(sys.executable).with_name("isthmus")
"""The command as the installation of the distribution put it beside this interpreter."""

COMMAND_SECONDS = 60.0
_POLL_SECONDS = 0.02
_LAST_LINES = 60

_THREE_LINES = re.compile(r"isthmus: (\S.*(?:\n {9}.+)*)\nwhy: (\S.*(?:\n {5}.+)*)\ndo:  (\S.*(?:\n {5}.+)*)")

T = TypeVar("T")


class LateError(AssertionError):
    """Something that was waited for did not come about in time."""


async def until(
    condition: Callable[[], Awaitable[T]], what: str, seconds: float = 20.0, every: float = _POLL_SECONDS
) -> T:
    """The first true value that `condition` gives. Raises LateError, naming `what`, when there is none in time."""
    deadline = time.monotonic() + seconds
    found: T
    while not (found := await condition()):
        if time.monotonic() > deadline:
            raise LateError(f"after {seconds:g} s still not: {what}")
        await asyncio.sleep(every)
    return found


@dataclass(frozen=True, slots=True)
class Done:
    """What one command that ended left behind."""

    status: int
    out: str
    err: str

    def json(self) -> Any:
        """Standard output as the one JSON document that it is."""
        return json.loads(self.out)

    def three_lines(self) -> tuple[str, str, str]:
        """What failed, why, and what to do, proven to be all that was said on standard error but for the log.

        A reason that is a list goes on under itself, indented as far.
        """
        told = "\n".join(line for line in self.err.splitlines() if not line.startswith("{"))
        found = _THREE_LINES.fullmatch(told)
        assert found is not None, self.err
        what, why, do = found.groups()
        return what, why, do


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """Our environment without what would steer the command, and with what is asked for."""
    steering = ("ISTHMUS_", "PG", "NOTIFY_", "WATCHDOG_", "CREDENTIALS_", "JOURNAL_", "INVOCATION_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(steering)}
    return {**kept, **(extra or {})}


async def command(*arguments: str, folder: Path, extra: Mapping[str, str] | None = None) -> Done:
    """Run `isthmus` with these arguments to its end."""

    def run() -> Done:
        ended = subprocess.run(
            [str(COMMAND), *arguments],
            cwd=folder,
            env=environment(extra),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=COMMAND_SECONDS,
            check=False,
        )
        return Done(ended.returncode, ended.stdout, ended.stderr)

    return await asyncio.to_thread(run)


class Program:
    """A process of `isthmus` that stays. Use as a context manager: at its end the process is killed and reaped.

    What it writes is kept in `NAME.out` and `NAME.err` in `folder`. `by` is what runs the arguments, if not the command.
    """

    def __init__(
        self,
        name: str,
        arguments: Sequence[str],
        *,
        folder: Path,
        extra: Mapping[str, str] | None = None,
        by: Sequence[str] = (str(COMMAND),),
    ) -> None:
        self.name = name
        self._out, self._err = folder / f"{name}.out", folder / f"{name}.err"
        with self._out.open("wb") as out, self._err.open("wb") as err:
            self._process = subprocess.Popen(
                [*by, *arguments],
                cwd=folder,
                env=environment(extra),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    @property
    def out(self) -> str:
        """Standard output until now."""
        return self._out.read_text("utf-8", "replace")

    @property
    def err(self) -> str:
        """Standard error until now."""
        return self._err.read_text("utf-8", "replace")

    @property
    def pid(self) -> int:
        """The number of the process."""
        return self._process.pid

    @property
    def status(self) -> int | None:
        """The exit status; None while it runs."""
        return self._process.poll()

    def entries(self) -> list[dict[str, Any]]:
        """The log as the JSON objects that its lines are."""
        complete = (self.out + self.err).splitlines()
        return [json.loads(line) for line in complete if line.startswith("{") and line.endswith("}")]

    async def logged(self, event: str, seconds: float = 20.0) -> dict[str, Any]:
        """The first log entry of this name. Raises LateError if it does not come, or if the process ends before it."""

        async def found() -> dict[str, Any] | None:
            entry = next((entry for entry in self.entries() if entry.get("event") == event), None)
            if entry is None and self.status is not None:
                raise LateError(
                    f"{self.name} ended with {self.status} before it logged {event!r}\n{self.tail()}"
                )
            return entry

        entry = await until(found, f"{self.name} logs {event!r}", seconds)
        assert entry is not None
        return entry

    def signal(self, number: signal.Signals) -> None:
        """Send a signal, if the process still runs."""
        self._process.send_signal(number)

    async def ended(self, seconds: float) -> int:
        """The exit status, once it ends. Raises LateError if it does not in time."""

        async def over() -> bool:
            return self.status is not None

        await until(over, f"{self.name} ends", seconds, every=0.005)
        assert self.status is not None
        return self.status

    def kill(self) -> None:
        """End it as a power cut would, and reap it."""
        self._process.kill()
        self._process.wait()

    def tail(self) -> str:
        """The last lines that it wrote, under its name."""
        lines = [*self.out.splitlines(), *self.err.splitlines()][-_LAST_LINES:]
        return "\n".join((f"--- {self.name} (status {self.status})", *(line[:600] for line in lines)))
