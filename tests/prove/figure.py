"""What a figure is: a number measured now, and the bar that it must keep."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import TypeVar

from tests.support.databases import Databases

T = TypeVar("T")


class Weight(Enum):
    """How much of a machine with two cores a measurement takes while it runs."""

    ALONE = 2.0  # a figure of speed or memory: nothing else may run beside it
    CORE = 1.0
    WAITING = 0.5  # mostly waits for a deadline of the daemon


@dataclass(frozen=True, slots=True)
class Seen:
    """What was measured, in numbers and words; whether that keeps the bar; and what to look at if it does not."""

    figure: str
    kept: bool
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Stage:
    """What a measurement is given: its size, a seed, a folder of its own, a database server, and where to tell how far it is.

    `databases` starts the server the first time it is called. `progress` takes how much is done, and of how much.
    """

    full: bool
    seed: int
    folder: Path
    databases: Callable[[], Databases]
    progress: Callable[[float, float], None]

    def size(self, full: T, short: T) -> T:
        """What a full run takes, or the small version that runs among the tests."""
        return full if self.full else short

    def room(self, name: str) -> Path:
        """A folder inside the stage's own, made now."""
        folder = self.folder / name
        folder.mkdir()
        return folder


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the table. `scale` says where a run of an hour is smaller than the bar's own text, or is empty.

    `seconds` is about what a full run takes on two quiet cores: long ones begin first, and ten times as much is too long.
    """

    id: str
    what: str
    bar: str
    weight: Weight
    seconds: int
    measure: Callable[[Stage], Awaitable[Seen]]
    scale: str = ""

    @property
    def deadline(self) -> float:
        """Seconds after which a measurement is given up."""
        return max(300.0, 10.0 * self.seconds if self.seconds < 120 else 3.0 * self.seconds)
