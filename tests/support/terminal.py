"""The command at a terminal: one process that runs one command after the other and gives back what a person would have seen.

Starting Python anew for each command of the how-to pages would take a minute of nothing else. Run as a module it reads a JSON
object a line, `{"arguments": [...], "answers": "y\\n"}`, and writes `{"status": 0, "shown": "...", "out": "...", "err": "..."}`. Tables are drawn as on a terminal;
the bar of a job that is watched is not.
"""

import io
import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from tests.support.world_program import environment

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True)
class Shown:
    """How a command left, and everything that it wrote, in order; `out` and `err` are the two streams of it."""

    status: int
    text: str
    out: str
    err: str


class Terminal:
    """A process at which commands are typed. Use as a context manager."""

    def __init__(self, folder: Path, extra: Mapping[str, str]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.terminal"],
            cwd=folder,
            env=environment({**extra, "PYTHONPATH": str(ROOT), "COLUMNS": "200", "NO_COLOR": "1"}),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()

    def type(self, arguments: Sequence[str], answers: str) -> Shown:
        """Run `isthmus` with these arguments, answering its questions."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"arguments": list(arguments), "answers": answers}) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        assert line, "the terminal has ended"
        told: dict[str, Any] = json.loads(line)
        return Shown(told["status"], told["shown"], told["out"], told["err"])


class _Stream(io.TextIOBase):
    """One of the two streams of a command, kept by itself and shown on the screen. A bar is drawn on none that is no terminal."""

    def __init__(self, screen: io.StringIO, *, terminal: bool) -> None:
        self._screen, self._terminal, self._written = screen, terminal, io.StringIO()

    def write(self, text: str) -> int:
        self._screen.write(text)
        return self._written.write(text)

    def isatty(self) -> bool:
        return self._terminal

    @property
    def text(self) -> str:
        return self._written.getvalue()


class _Keyboard(io.StringIO):
    """What is typed is seen, as a terminal echoes it."""

    def __init__(self, text: str, screen: io.StringIO) -> None:
        super().__init__(text)
        self._screen = screen

    def isatty(self) -> bool:
        return True

    def readline(self, size: int | None = -1, /) -> str:  # type: ignore[override]  # so do typeshed's own texts
        line = super().readline(-1 if size is None else size)
        self._screen.write(line)
        return line


def _serve() -> None:
    from daemon.cli.app import main

    asked, answers = sys.stdin, os.fdopen(os.dup(1), "w", encoding="utf-8")
    for line in asked:
        order = json.loads(line)
        screen = io.StringIO()
        out, err = _Stream(screen, terminal=True), _Stream(screen, terminal=False)
        sys.stdin = _Keyboard(order["answers"], screen)
        with redirect_stdout(out), redirect_stderr(err):
            status = main(order["arguments"])
        told = {"status": status, "shown": screen.getvalue(), "out": out.text, "err": err.text}
        answers.write(json.dumps(told) + "\n")
        answers.flush()


if __name__ == "__main__":
    _serve()
