"""Which figure is measured when: those that need the machine alone one after the other, then the others side by side."""

import asyncio
import json
import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from tests.prove.figure import Figure, Seen, Weight

CAPACITY = 2.0
"""Cores. A smaller machine takes longer and keeps no fewer bars, but for those of time."""

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True)
class Measured:
    """A line of the table, filled."""

    figure: Figure
    seen: Seen
    seconds: float


@dataclass(slots=True)
class Run:
    """A run of several figures. `told` is called whenever something has moved."""

    figures: Sequence[Figure]
    folder: Path
    seed: int
    told: Callable[["Run"], None]
    done: dict[str, Measured] = field(default_factory=dict)
    under_way: dict[str, str] = field(default_factory=dict)
    started: float = field(default_factory=time.monotonic)

    async def play(self) -> list[Measured]:
        """Measure all of them; in the order of the table."""
        for figure in self.figures:
            if figure.weight is Weight.ALONE:
                await self._measure(figure)
        waiting = sorted(
            (figure for figure in self.figures if figure.weight is not Weight.ALONE),
            key=lambda figure: -figure.seconds,
        )
        running: dict[asyncio.Task[None], float] = {}
        async with asyncio.TaskGroup() as group:
            while waiting or running:
                free = CAPACITY - sum(running.values())
                for figure in [item for item in waiting if item.weight.value <= free]:
                    if figure.weight.value <= free:
                        free -= figure.weight.value
                        waiting.remove(figure)
                        running[group.create_task(self._measure(figure))] = figure.weight.value
                ended, _ = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
                for task in ended:
                    del running[task]
        return [self.done[figure.id] for figure in self.figures]

    async def _measure(self, figure: Figure) -> None:
        """Measure one figure in a process group of its own, and leave nothing of it running."""
        self._moved(figure, "")
        started = time.monotonic()
        folder = self.folder / figure.id
        folder.mkdir()
        with (folder / "log").open("wb") as log:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "tests.prove.one", figure.id, str(folder), str(self.seed)),
                cwd=ROOT,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=log,
                start_new_session=True,
            )
            try:
                async with asyncio.timeout(figure.deadline):
                    seen = await self._heard(figure, process)
            except TimeoutError:
                seen = Seen(f"no figure after {figure.deadline:g} s", False)
            finally:
                _end(process.pid)
                await process.wait()
        self.done[figure.id] = Measured(figure, seen, time.monotonic() - started)
        del self.under_way[figure.id]
        self.told(self)

    async def _heard(self, figure: Figure, process: asyncio.subprocess.Process) -> Seen:
        """The last line that the process tells, passing on the others."""
        assert process.stdout is not None
        async for line in process.stdout:
            told = json.loads(line)
            if "kept" in told:
                return Seen(told["figure"], told["kept"], tuple(told["notes"]))
            self._moved(figure, f"{told['done']:g} of {told['of']:g}")
        return Seen(f"its process ended with {await process.wait()} and no figure", False)

    def _moved(self, figure: Figure, how_far: str) -> None:
        self.under_way[figure.id] = how_far
        self.told(self)


def _end(group: int) -> None:
    """End a process and everything that it started."""
    with suppress(ProcessLookupError):
        os.killpg(group, signal.SIGKILL)
