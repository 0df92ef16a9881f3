"""The installed command as processes of the demo: started, read, held, ended, and never left behind.

Each is started through the step that the embedded server uses as well: on Linux the kernel interrupts the child when the
demo dies, however it dies. Each is in a session of its own, so that Ctrl-C in the terminal reaches the demo alone, which
then stops its parts in order.
"""

import asyncio
import os
import signal
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import orjson

from adapters.postgres import embedded
from daemon.domain.failure import UnreachableError

_STOP_SECONDS = 6.0
_COMMAND_SECONDS = 60.0
_START_SECONDS = 30.0


class Command:
    """One `isthmus …` that stays. What it writes goes to `log`; but one that `announces` itself does so on a pipe."""

    def __init__(self, log: Path, *arguments: str, announces: bool = False) -> None:
        self._log = log
        self._arguments = arguments
        self._announces = announces
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Start it; returns at once."""
        with self._log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *_command(self._arguments),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE
                if self._announces
                else log,  # a pipe that nobody reads fills up
                stderr=log,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._running().pid

    @property
    def ended(self) -> bool:
        """Whether it has ended by itself."""
        return self._running().returncode is not None

    async def announcement(self) -> Mapping[str, str]:
        """The line of JSON that it prints once it serves. Raises UnreachableError."""
        stream = self._running().stdout
        assert stream is not None
        line = b""
        with suppress(TimeoutError):
            async with asyncio.timeout(_START_SECONDS):
                line = await stream.readline()
        if not line:
            raise self.failure()
        announced: dict[str, str] = orjson.loads(line)
        return announced

    def failure(self) -> UnreachableError:
        """What to say when it did not come up, or has ended by itself: its own last words."""
        words = self._log.read_text("utf-8", "replace").strip().splitlines()[-6:]
        return UnreachableError(
            f"a part of the demo is not running: isthmus {' '.join(self._arguments)}",
            "\n".join(words) or "it wrote nothing",
            "mend that, or run the demo with --keep DIR and read the logs there",
        )

    def hold(self) -> None:
        """Stop the process's clock, as it were: it does nothing until `resume`. Raises UnreachableError when it has ended."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on. Raises UnreachableError when it has ended."""
        self._signal(signal.SIGCONT)

    async def kill(self) -> None:
        """End it without any warning, as a machine that loses its power would."""
        process = self._running()
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()

    async def stop(self) -> None:
        """Ask it to end, and end it if it does not. One that was never started, or has ended, is left alone."""
        process = self._process
        if process is None or process.returncode is not None:
            return
        with suppress(ProcessLookupError):
            process.terminate()
            process.send_signal(signal.SIGCONT)
        try:
            async with asyncio.timeout(_STOP_SECONDS):
                await process.wait()
        except TimeoutError:
            await self.kill()

    def _signal(self, number: signal.Signals) -> None:
        if self.ended:
            raise self.failure()
        self._running().send_signal(number)

    def _running(self) -> asyncio.subprocess.Process:
        assert self._process is not None, "the process was not started"
        return self._process


async def complete(*arguments: str) -> str:
    """Run an `isthmus …` to its end; what it wrote to standard output. Raises UnreachableError with its own words."""
    process = await asyncio.create_subprocess_exec(
        *_command(arguments),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,
    )
    try:
        async with asyncio.timeout(_COMMAND_SECONDS):
            output, words = await process.communicate()
    except BaseException:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()
        raise
    if process.returncode != 0:
        raise UnreachableError(
            f"isthmus {' '.join(arguments)} ended with status {process.returncode}",
            words.decode("utf-8", "replace").strip() or "it wrote nothing",
            "do what it says, then start the demo again",
        )
    return output.decode("utf-8", "replace")


def _command(arguments: tuple[str, ...]) -> list[str]:
    guard = [sys.executable, "-I", "-S", embedded.__file__, str(os.getpid()), ""]
    return [
        *guard,
        sys.executable,
        "-P",
        "-m",
        "daemon",
        *arguments,
    ]  # -P: never a package of the working folder
