"""What the demo prints: lines that read the same on a terminal and in a file, with colour and a bar on a terminal only."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, TypeAlias

from rich.console import Console as Terminal
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.text import Text

from daemon.ports.clock import Clock

LoadProgress: TypeAlias = Callable[[], Awaitable[Sequence[Mapping[str, Any]]]]

_BAR_POLL = 0.1
_LINE_SECONDS = 3.0


class Screen:
    """Writes to standard output, a line at a time."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._terminal = Terminal(highlight=False, markup=False, emoji=False, soft_wrap=True)

    def say(self, text: str = "", style: str = "") -> None:
        """One line."""
        self._terminal.print(Text(text, style))
        self._terminal.file.flush()

    def done(self, text: str, seconds: float) -> None:
        """Something is ready."""
        self.say(f"  ready  {text}  ({seconds:.1f} s)", "green")

    def verdict(self, passed: bool, text: str, seconds: float, why: str = "") -> None:
        """The outcome of one step of a check."""
        self.say(
            f"{'ok  ' if passed else 'FAIL'}  {seconds:6.2f} s  {text}", "green" if passed else "bold red"
        )
        for line in why.splitlines():
            self.say(f"                {line}")

    def arrival(self, source: str, target: str, what: str, milliseconds: float) -> None:
        """A change that was made on one side, and how long after it the other side had it."""
        line = Text(f"{source:>10} → {target:<10}  ", "cyan" if source == "salesforce" else "magenta")
        line.append(f"{what:<60}", "default")
        line.append(f"  {milliseconds:5.0f} ms", "bold")
        self._terminal.print(line)
        self._terminal.file.flush()

    async def load(self, progress: LoadProgress, settled: Callable[[], Awaitable[bool]]) -> None:
        """Follow the first load until everything is settled: a bar on a terminal, else a line each few seconds."""
        if self._terminal.is_terminal:
            await self._bars(progress, settled)
        else:
            await self._lines(progress, settled)

    async def _bars(self, progress: LoadProgress, settled: Callable[[], Awaitable[bool]]) -> None:
        columns = (
            TextColumn("  {task.description:<10}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
        )
        with Progress(*columns, console=self._terminal) as bars:
            tasks: dict[str, TaskID] = {}
            while True:
                finished = await settled()
                for row in await progress():
                    step, expected = row["step"], row["expected"]
                    if step not in tasks:
                        tasks[step] = bars.add_task(step, total=expected)
                    bars.update(tasks[step], completed=row["processed"], total=expected)
                if finished:
                    return
                await asyncio.sleep(_BAR_POLL)

    async def _lines(self, progress: LoadProgress, settled: Callable[[], Awaitable[bool]]) -> None:
        told = self._clock.monotonic()
        while not await settled():
            if self._clock.monotonic() - told > _LINE_SECONDS:
                told = self._clock.monotonic()
                counts = [
                    f"{row['step']} {row['processed']} of {row['expected']}" for row in await progress()
                ]
                self.say(f"  loading  {', '.join(counts) or 'not begun'}")
            await asyncio.sleep(_BAR_POLL)
