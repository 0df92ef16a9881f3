"""A run's figures as a table for people, as JSON for programs, and as one line while it is under way."""

import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TextIO

from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table
from rich.text import Text

from tests.prove.schedule import Measured, Run

_NARROWEST = 150


def show(lines: Sequence[Measured], seed: int, folder: Path) -> None:
    """Print the table, and below it what missed its bar: its notes, how it is measured again, and where its log is."""
    console = Console()
    if not console.is_terminal or console.width < _NARROWEST:
        console = Console(width=_NARROWEST)
    table = Table(box=SIMPLE, show_lines=False, pad_edge=False)
    for name, ratio in (("", 1), ("what", 8), ("bar", 7), ("seen", 9), ("", 2)):
        table.add_column(name, ratio=ratio, overflow="fold")
    table.add_column("s", justify="right")
    for line in lines:
        figure = line.figure
        bar = figure.bar + (f"\nhere: {figure.scale}" if figure.scale else "")
        table.add_row(
            figure.id,
            Text(figure.what),
            Text(bar),
            Text(line.seen.figure),
            "pass" if line.seen.kept else "FAIL",
            f"{line.seconds:.0f}",
        )
    console.print(table)
    for line in lines:
        if not line.seen.kept:
            again = f"again: ./run prove --only {line.figure.id} --seed {seed}; log: {folder / line.figure.id / 'log'}"
            notes = (f"    {note}" for note in (*line.seen.notes, again))
            console.print(Text("\n".join((f"{line.figure.id}:", *notes))), soft_wrap=True)


def document(lines: Sequence[Measured], seed: int, seconds: float) -> str:
    """The same as JSON."""
    rows = [
        {
            "id": line.figure.id,
            "what": line.figure.what,
            "bar": line.figure.bar,
            "scale": line.figure.scale,
            "figure": line.seen.figure,
            "passed": line.seen.kept,
            "seconds": round(line.seconds, 1),
            "notes": list(line.seen.notes),
        }
        for line in lines
    ]
    passed = all(line.seen.kept for line in lines)
    return json.dumps(
        {"passed": passed, "seed": seed, "seconds": round(seconds, 1), "figures": rows}, indent=2
    )


class ProgressLine:
    """One line that is written over where people look at it, and a line for each figure that ends where they do not."""

    def __init__(self, out: TextIO = sys.stderr) -> None:
        self._out = out
        self._terminal = out.isatty()
        self._ended = 0

    def __call__(self, run: Run) -> None:
        """Tell how far the run is."""
        if self._terminal:
            self._out.write(f"\r\x1b[K{self.line(run)[:140]}")
        elif len(run.done) > self._ended:
            self._out.write(self.line(run) + "\n")
        self._ended = len(run.done)
        self._out.flush()

    def end(self) -> None:
        """What follows begins on a line of its own."""
        if self._terminal:
            self._out.write("\n")

    @staticmethod
    def line(run: Run) -> str:
        """Minutes and seconds since the start, how many are done, how many missed, and what is under way."""
        minutes, seconds = divmod(int(time.monotonic() - run.started), 60)
        missed = [name for name, line in run.done.items() if not line.seen.kept]
        parts = [f"prove {minutes}:{seconds:02} · {len(run.done)} of {len(run.figures)}"]
        if missed:
            parts.append(f"missed {', '.join(missed)}")
        if run.under_way:
            names = [f"{name} {how_far}".strip() for name, how_far in run.under_way.items()]
            parts.append(f"now {', '.join(names)}")
        return " · ".join(parts)
