"""Tasks that die and tasks that are cancelled: each task of the running daemon, and each await of the flow."""

import asyncio
import sys
import time
from collections.abc import Callable, Coroutine, Generator
from dataclasses import replace
from pathlib import Path
from typing import Any

from tests.prove import dying
from tests.prove.figure import Seen, Stage
from tests.simulation import process
from tests.simulation.history import Play, played
from tests.support.world import World, world
from tests.support.world_program import LateError

EXIT_SECONDS = 5.0
ACTS = 14
_SEED = 3
_SHOWN = 8
_BEFORE = 4
_LAG = 0.01
HANDLERS = ("stream", "worker", "load")


async def tasks(stage: Stage) -> Seen:
    """First the deaths, on a real daemon; then the sweep, on virtual time."""
    slowest, zombies, names = await _deaths(stage)
    sweep = await asyncio.to_thread(_sweep, stage)
    points = sum(sweep.points.values())
    warnings = sum("Warning" in text for text in sweep.complaints)
    figure = (
        f"{names - len(zombies)} of {names} tasks end the process, within {slowest:.1f} s; cancelled at {points} awaits "
        f"({', '.join(f'{name} {count}' for name, count in sweep.points.items())}): {len(sweep.broken)} fail; {warnings} warnings"
    )
    kept = not zombies and slowest <= EXIT_SECONDS and not sweep.broken and not sweep.complaints
    return Seen(figure, kept, (*zombies, *sweep.broken, *sweep.complaints)[:_SHOWN])


async def _deaths(stage: Stage) -> tuple[float, list[str], int]:
    """The slowest end in seconds, the tasks that died and ended nothing, and how many tasks there are."""
    slowest, zombies = 0.0, []
    async with world(stage.databases(), stage.room("world")) as made:
        names = await _names(made)
        for number, name in enumerate(names[: stage.size(None, 1)], 1):
            seconds, status = await _death(made, name)
            slowest = max(slowest, seconds)
            if not status:
                zombies.append(f"{name}: status {status}")
            stage.progress(number, len(names) * 2)
    return slowest, zombies, len(names[: stage.size(None, 1)])


async def _names(made: World) -> list[str]:
    """Every task that is started and should live for ever, as a daemon tells that is started to tell it."""
    program = made.launch(by=_by(dying.NOBODY))
    await program.logged("ready", 30)
    found = [str(entry["task"]) for entry in program.entries() if entry.get("event") == dying.STARTED]
    program.kill()
    assert len(found) > 5, found
    return found


async def _death(made: World, name: str) -> tuple[float, int | None]:
    """Seconds from a task's death to the process's, and the status that it ended with."""
    program = made.launch(by=_by(name))
    await program.logged(dying.DIES, 30)
    started = time.monotonic()
    try:
        status: int | None = await program.ended(EXIT_SECONDS * 3)
    except LateError:
        program.kill()
        status = None
    return time.monotonic() - started, status


def _by(name: str) -> tuple[str, ...]:
    return (sys.executable, str(Path(dying.__file__)), name)


class Sweep:
    """What a sweep found: the awaits of each handler, promises broken, and what the event loop complained of."""

    def __init__(self) -> None:
        self.points: dict[str, int] = {}
        self.broken: list[str] = []
        self.complaints: list[str] = []


class Counted:
    """A coroutine whose awaits that really wait are counted, and whose `at`-th is where its task is cancelled. 0 is never."""

    def __init__(self, work: Coroutine[Any, Any, None], at: int, told: Callable[[int], None]) -> None:
        self._work = work
        self._at = at
        self._told = told

    def __await__(self) -> Generator[Any, Any, None]:
        inner, count = self._work.__await__(), 0
        given: Any = None
        error: BaseException | None = None
        while True:
            try:
                waited_for = inner.send(given) if error is None else inner.throw(error)
            except StopIteration:
                return
            count += 1
            self._told(count)
            task = asyncio.current_task()
            if count == self._at and task is not None:
                task.get_loop().call_soon(task.cancel)
            given, error = None, None
            try:
                given = yield waited_for
            except BaseException as thrown:  # noqa: BLE001 - it is thrown on where it belongs
                error = thrown


class Cancelled(Play):
    """A history in fair weather whose first life is cancelled at one await of one handler, and dies of that."""

    def __init__(self, handler: str, at: int, loop: Any) -> None:
        super().__init__(_SEED, loop, acts=ACTS)
        self.weather.calm()
        self.weather.lag = _LAG
        self.around = replace(self.around, paced=True)
        self.handler = handler
        self.at = at
        self.awaits = 0
        self.complaints: list[str] = []
        loop.set_exception_handler(lambda _, context: self.complaints.append(str(context.get("message"))))

    async def run(self) -> None:
        """Both sides hold something before the first life begins, so that there is something to load."""
        for _ in range(_BEFORE):
            await self._sf_create()
            await self._pg_insert()
        await super().run()

    def _counted(self, count: int) -> None:
        self.awaits = max(self.awaits, count)

    def life(self, number: int) -> process.Process:
        made = super().life(number)
        if number == 1:
            made.instead(self.handler, lambda work: _run(Counted(work, self.at, self._counted)))
        return made


async def _run(counted: Counted) -> None:
    await counted


def _sweep(stage: Stage) -> Sweep:
    """Every await of every handler of one history."""
    found = Sweep()
    for handler in HANDLERS:
        whole = _cancelled(handler, 0)
        points = whole.awaits
        found.broken += [f"{handler}, not cancelled: {violation}" for violation in whole.broken]
        found.points[handler] = 0
        for at in range(1, points + 1, stage.size(1, max(1, points // 5))):
            history = _cancelled(handler, at)
            found.points[handler] += 1
            found.broken += [f"{handler}, cancelled at await {at}: {what}" for what in history.broken[:1]]
            found.complaints += history.complaints
            if at % 20 == 1:
                stage.progress(50 + round(50 * at / points), 100)
    return found


def _cancelled(handler: str, at: int) -> Cancelled:
    return played(lambda loop: Cancelled(handler, at, loop))
